from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.runtime.queue import WorkQueue


class Desk:
    """A queue whose clock stands still until told otherwise."""

    def __init__(self, jitter: float = 0.5) -> None:
        self.now = 100.0
        self.queue: WorkQueue[str] = WorkQueue(lambda: self.now, lambda: jitter)

    def take(self) -> str | None:
        return self.queue.get(timeout_s=0)

    def drain(self) -> list[str]:
        taken = []
        while (key := self.take()) is not None:
            self.queue.done(key)
            taken.append(key)
        return taken


Step = tuple[Any, ...]


@pytest.mark.parametrize(
    ("steps", "taken"),
    [
        pytest.param([("add", "a"), ("add", "b"), ("add", "c")], ["a", "b", "c"], id="first come, first served"),
        pytest.param([("add", "a"), ("add", "b"), ("add", "a")], ["a", "b"], id="a key waits once"),
        pytest.param([("add", "a", 5), ("add", "b")], ["b"], id="a delayed key is not due"),
        pytest.param([("add", "a", 5), ("pass", 5)], ["a"], id="a delayed key becomes due"),
        pytest.param([("add", "a", 5), ("add", "a")], ["a"], id="an earlier deadline wins"),
        pytest.param([("add", "a"), ("add", "a", 5)], ["a"], id="a later deadline does not delay"),
        pytest.param([("add", "a", 2), ("add", "b", 1), ("pass", 3)], ["b", "a"], id="due order is deadline order"),
        pytest.param([("add", "a", 2), ("pass", 3), ("add", "b")], ["a", "b"], id="who was due first goes first"),
        pytest.param([("add", "a", -3), ("add", "b")], ["a", "b"], id="a negative delay is no overtaking"),
        pytest.param([("add", "a"), ("close",)], [], id="closing drops what waits"),
        pytest.param([("close",), ("add", "a")], [], id="a closed queue takes nothing"),
        pytest.param(
            [("add", "a", 9), ("add", "a", 5), ("add", "a", 1), ("pass", 20)], ["a"], id="moved twice, once out"
        ),
    ],
)
def test_what_leaves_the_queue(steps: list[Step], taken: list[str]) -> None:
    desk = Desk()
    for verb, *arguments in steps:
        if verb == "pass":
            desk.now += arguments[0]
        else:
            getattr(desk.queue, verb)(*arguments)
    assert desk.drain() == taken


def test_a_key_with_a_worker_is_not_handed_out_again_until_done() -> None:
    desk = Desk()
    desk.queue.add("a")
    assert desk.take() == "a"
    desk.queue.add("a")
    assert desk.take() is None
    desk.queue.done("a")
    assert desk.take() == "a"
    desk.queue.done("a")
    assert desk.take() is None


@pytest.mark.parametrize(
    ("delays", "due_after"),
    [
        pytest.param([3], 3, id="the delay runs from the add, not from done"),
        pytest.param([9, 3, 6], 3, id="the earliest of several"),
        pytest.param([30, 0], 0, id="a change during a failing pass beats the backoff"),
    ],
)
def test_added_during_its_pass(delays: list[float], due_after: float) -> None:
    desk = Desk()
    desk.queue.add("a")
    desk.take()
    for delay in delays:
        desk.queue.add("a", delay)
    desk.queue.done("a")
    desk.now += due_after - 0.01
    assert desk.take() is None
    desk.now += 0.02
    assert desk.take() == "a"


def test_a_key_that_keeps_coming_back_does_not_starve_the_others() -> None:
    desk = Desk()
    for key in "abc":
        desk.queue.add(key)
    order = []
    for _ in range(6):
        taken = desk.take()
        assert taken is not None
        order.append(taken)
        desk.queue.add(taken)
        desk.queue.done(taken)
        desk.now += 1
    assert "".join(order) == "abcabc"


@pytest.mark.parametrize(
    ("jitter", "delays"),
    [
        pytest.param(0.5, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300], id="doubles up to the cap"),
        pytest.param(0.0, [0.75, 1.5, 3.0], id="a quarter less at most"),
        pytest.param(1.0, [1.25, 2.5, 5.0], id="a quarter more at most"),
    ],
)
def test_retry_delays(jitter: float, delays: list[float]) -> None:
    desk = Desk(jitter)
    assert [desk.queue.retry("a") for _ in delays] == pytest.approx(delays)
    assert desk.queue.failures("a") == len(delays)


def test_thousands_of_failures_overflow_nothing() -> None:
    desk = Desk()
    assert [desk.queue.retry("a") for _ in range(3000)][-1] == 300


def test_forget_starts_the_series_anew_and_leaves_others_alone() -> None:
    desk = Desk()
    for key in ("a", "a", "a", "b"):
        desk.queue.retry(key)
    desk.queue.forget("a")
    assert (desk.queue.retry("a"), desk.queue.retry("b")) == (1, 2)


def test_retry_during_the_pass_is_due_after_its_delay() -> None:
    desk = Desk()
    desk.queue.add("a")
    desk.take()
    assert desk.queue.retry("a") == 1
    desk.queue.done("a")
    assert desk.take() is None
    desk.now += 1
    assert desk.take() == "a"


def test_figures() -> None:
    desk = Desk()
    assert (len(desk.queue), desk.queue.depth(), desk.queue.oldest_age_s()) == (0, 0, 0.0)
    desk.queue.add("a")
    desk.queue.add("b", 60)
    desk.now += 7
    assert (len(desk.queue), desk.queue.depth(), desk.queue.oldest_age_s()) == (2, 1, 7.0)
    desk.take()
    assert (len(desk.queue), desk.queue.depth(), desk.queue.oldest_age_s()) == (1, 0, 0.0)


def test_done_after_close_queues_nothing() -> None:
    desk = Desk()
    desk.queue.add("a")
    desk.take()
    desk.queue.add("a")
    desk.queue.close()
    desk.queue.done("a")
    assert desk.queue.closed
    assert desk.drain() == []


def in_threads(work: Callable[[], None], count: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_close_wakes_every_waiting_worker() -> None:
    desk = Desk()
    answers: list[str | None] = []
    threads = in_threads(lambda: answers.append(desk.queue.get()), 4)
    desk.queue.close()
    for thread in threads:
        thread.join(5)
    assert answers == [None] * 4


def test_one_key_is_never_in_two_workers() -> None:
    desk = Desk()
    keys = [f"key-{number}" for number in range(5)]
    busy: set[str] = set()
    passes: list[str] = []
    twice: list[str] = []
    guard = threading.Lock()

    def work() -> None:
        while (key := desk.queue.get()) is not None:
            with guard:
                if key in busy:
                    twice.append(key)
                busy.add(key)
                passes.append(key)
                again = len(passes) < 2000
            if again:
                desk.queue.add(key)
            with guard:
                busy.discard(key)
            desk.queue.done(key)
            if not again:
                desk.queue.close()

    threads = in_threads(work, 8)
    for key in keys:
        desk.queue.add(key)
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert twice == []
    assert set(passes) == set(keys)
