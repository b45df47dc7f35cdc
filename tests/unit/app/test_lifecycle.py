from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable

import pytest

from reconciler.app.lifecycle import Lifecycle, ServicePart, StoppedError
from reconciler.core.health import Loop


class Story:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.watched: list[Callable[[], Iterable[Loop]]] = []
        self.lifecycle = Lifecycle(self.watched.append)

    def part(self, name: str) -> ServicePart:
        return ServicePart(
            lambda: self.told.append(f"+{name}"), lambda: self.told.append(f"-{name}"), lambda: [Loop(name, alive=True)]
        )

    def loops(self) -> list[str]:
        return [loop.name for describe in self.watched for loop in describe()]


def broken() -> None:
    raise ZeroDivisionError


def test_parts_stop_in_the_reverse_order_once() -> None:
    story = Story()
    story.lifecycle.start([story.part("a"), story.part("b")])
    story.lifecycle.start([story.part("c")])
    assert story.loops() == ["a", "b", "c"]

    story.lifecycle.stop()
    story.lifecycle.stop()
    assert story.told == ["+a", "+b", "+c", "-c", "-b", "-a"]


def test_a_failed_start_stops_what_was_started_and_nothing_else() -> None:
    story = Story()
    failing = story.part("b")._replace(start=broken)
    with pytest.raises(ZeroDivisionError):
        story.lifecycle.start([story.part("a"), failing, story.part("c")])
    assert story.loops() == ["a"]

    story.lifecycle.stop()
    assert story.told == ["+a", "-a"]


def test_a_part_that_cannot_stop_keeps_no_other_from_stopping() -> None:
    story = Story()
    story.lifecycle.start([story.part("a"), ServicePart(stop=broken), story.part("c")])

    with pytest.raises(ZeroDivisionError):
        story.lifecycle.stop()
    assert story.told == ["+a", "+c", "-c", "-a"]


def test_a_stop_waits_for_the_part_that_is_being_started_and_is_the_end_of_starting() -> None:
    story, starting, go_on = Story(), threading.Event(), threading.Event()

    def slow() -> None:
        starting.set()
        go_on.wait(10)
        story.told.append("+slow")

    def begin() -> None:
        with contextlib.suppress(StoppedError):
            story.lifecycle.start([ServicePart(slow, lambda: story.told.append("-slow")), story.part("next")])

    beginner = threading.Thread(target=begin)
    beginner.start()
    assert starting.wait(10)
    stopper = threading.Thread(target=story.lifecycle.stop)
    stopper.start()
    go_on.set()
    stopper.join(10)
    beginner.join(10)
    # Whoever takes the lock first: either nothing more was started, or it was stopped as well.
    assert story.told in (["+slow", "-slow"], ["+slow", "+next", "-next", "-slow"])
    with pytest.raises(StoppedError):
        story.lifecycle.start([story.part("late")])
