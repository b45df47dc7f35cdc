from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from reconciler.core.resource import Key
from reconciler.runtime.liveness import Busy, Pool, Vitals
from reconciler.runtime.queue import WorkQueue
from tests.support.waiting import eventually

A, B = Key("GitSync", "team", "a"), Key("GitSync", "team", "b")


class Site:
    """A queue, and a worker whose thread does nothing but live; the test takes and gives back in its stead."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.end.wait, name="worker-0", daemon=True)
        self.thread.start()
        self.queue: WorkQueue[Key] = WorkQueue(lambda: self.now, lambda: 0.0)
        self.busy = Busy(lambda: self.now)
        self.vitals = Vitals()
        self.vitals.watch(
            Pool("objects", self.queue, [self.thread], 900.0).loops,
            lambda: self.busy.loops("observer", [self.thread], 1800.0),
        )


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.end.set()


def test_idle_for_days_is_healthy(site: Site) -> None:
    site.now += 1_000_000
    assert site.vitals.problems() == []


@pytest.mark.holds("D-22.2")
def test_a_pass_that_does_not_end_is_named_and_forgiven_when_it_ends(site: Site) -> None:
    site.queue.add(A)
    site.queue.get(0)
    site.now += 900
    assert site.vitals.problems() == []
    site.now += 1
    assert site.vitals.problems() == ["objects: no progress for 901 s (GitSync team/a), 900 s are allowed"]
    site.queue.done(A)
    assert site.vitals.problems() == []


def test_a_long_queue_is_no_illness_while_something_leaves_it(site: Site) -> None:
    site.queue.add(A)
    site.queue.add(B)
    site.now += 800
    site.queue.get(0)
    site.now += 800  # B has been due for 1600 s
    assert site.queue.oldest_age_s() == 1600
    assert site.vitals.problems() == []


def test_a_queue_that_nobody_takes_from_is_named(site: Site) -> None:
    site.queue.add(A)
    site.now += 901
    assert site.vitals.problems() == [
        "objects: no progress for 901 s (nothing is taken from its queue), 900 s are allowed"
    ]


def test_what_is_not_due_yet_makes_nobody_late(site: Site) -> None:
    site.queue.add(A, delay_s=5000)
    site.now += 5100
    assert site.vitals.problems() == []


def test_a_thread_that_ended_is_named_by_whoever_needs_it(site: Site) -> None:
    site.end.set()
    site.thread.join(5)
    assert site.vitals.problems() == ["worker-0: its thread has ended"] * 2


def test_what_began_and_did_not_end_is_named(site: Site) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def sweep(name: str) -> str:
        begun.set()
        go_on.wait(5)
        return name

    thread = threading.Thread(target=site.busy.run, args=("ListModels", sweep, "models"), daemon=True)
    thread.start()
    assert begun.wait(5)
    site.now += 1801
    assert site.vitals.problems() == ["observer: no progress for 1801 s (ListModels), 1800 s are allowed"]
    go_on.set()
    eventually(lambda: site.vitals.problems() == [])


def test_work_that_fails_is_over_too(site: Site) -> None:
    with pytest.raises(ZeroDivisionError):
        site.busy.run("division", lambda: 1 // 0)
    site.now += 10_000
    assert site.vitals.problems() == []
