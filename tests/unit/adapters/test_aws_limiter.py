"""The rate that is learned, and the line of those who wait for it."""

from __future__ import annotations

import itertools

import pytest

from reconciler.adapters.aws.limiter import Bucket
from reconciler.core.errors import RateLimitedError
from tests.support.clock import LabClock


class Line:
    """A bucket, a clock, and how long each has to wait for it."""

    def __init__(self, rate_per_s: float) -> None:
        self.clock = LabClock()
        self.bucket = Bucket(self.clock.monotonic, rate_per_s)

    def wait_s(self, who: str) -> float:
        """0 when it went."""
        try:
            self.bucket.take(who)
        except RateLimitedError as held:
            return held.retry_after_s
        return 0.0

    def drain(self) -> None:
        for number in itertools.count():
            if self.wait_s(f"drain-{number}"):
                self.bucket._line.clear()
                return

    def pass_time(self, seconds: float) -> None:
        self.clock.elapsed_s += seconds


@pytest.mark.holds("D-15.8")
def test_the_rate_is_learned_down_from_throttles_and_creeps_up() -> None:
    line = Line(25.0)
    bucket = line.bucket
    first = bucket.rate_per_s
    bucket.throttled("a")
    bucket.throttled("b")
    assert bucket.rate_per_s == first / 2, "what was sent at one mistaken rate is one mistake"
    for _ in range(200):
        bucket.succeeded()
    assert bucket.rate_per_s == first
    for _ in range(50):
        line.pass_time(2)
        bucket.throttled("a")
    assert bucket.rate_per_s > 0


def test_who_is_held_back_is_told_a_moment_of_his_own_and_goes_then() -> None:
    """Otherwise a thousand objects come back together, and all but two are held back again."""
    line = Line(2.0)
    line.drain()
    names = [f"object-{number}" for number in range(5)]
    waits = [line.wait_s(name) for name in names]
    assert [round(later - sooner, 3) for sooner, later in itertools.pairwise(waits)] == [0.5] * 4
    began = line.clock.monotonic()
    for name, wait in zip(names, waits, strict=True):
        line.pass_time(began + wait - line.clock.monotonic() + 0.001)
        assert line.wait_s(name) == 0.0


def test_waiting_costs_no_tokens() -> None:
    line = Line(1.0)
    line.drain()
    rate, before = line.bucket.rate_per_s, line.bucket._tokens
    for _ in range(10):
        assert line.wait_s("patient") > 0
    assert (line.bucket.rate_per_s, line.bucket._tokens) == (rate, before)


def test_who_comes_later_stands_behind_who_waits() -> None:
    line = Line(1.0)
    line.drain()
    wait = line.wait_s("early")
    line.pass_time(wait - 0.01)
    for number in range(20):
        assert line.wait_s(f"late-{number}") > 1.0
    line.pass_time(0.02)
    assert line.wait_s("early") == 0.0


def test_who_does_not_come_back_holds_nobody_up() -> None:
    line = Line(1.0)
    line.drain()
    for number in range(10):
        line.wait_s(f"deleted-{number}")
    line.pass_time(13)
    assert line.wait_s("new") == 0.0


def test_the_one_the_service_throttled_goes_first() -> None:
    line = Line(1.0)
    line.drain()
    line.wait_s("second")
    wait = line.bucket.throttled("first")
    line.pass_time(wait + 0.001)
    assert line.wait_s("second") > 0
    assert line.wait_s("first") == 0.0


def test_a_token_is_kept_for_who_was_admitted_and_taken_once() -> None:
    line = Line(1.0)
    line.bucket.admit("a")
    line.bucket.admit("a")
    line.drain()
    assert line.wait_s("a") == 0.0
    assert line.wait_s("a") > 0.0


def test_a_line_is_bounded_by_who_still_comes() -> None:
    line = Line(1.0)
    line.drain()
    for number in range(100):
        line.wait_s(f"gone-{number}")
    line.pass_time(3600)
    line.drain()
    line.wait_s("last")
    assert len(line.bucket._line) == 1


@pytest.mark.parametrize("allowed_per_s", [0.5, 1.0, 5.0], ids=lambda rate: f"{rate} a second")
def test_all_go_at_the_services_rate_and_none_starves(allowed_per_s: float) -> None:
    """Against a bucket like the service's: as many a second, a burst of two seconds' worth; `late` as a busy queue is."""
    line, late = Line(25.0), itertools.cycle([0.0, 0.1, 0.2])
    tokens, filled = 2 * allowed_per_s, line.clock.monotonic()
    due = {f"object-{number}": 0.0 for number in range(200)}
    done: dict[str, float] = {}
    refused = 0
    while due:
        name = min(due, key=lambda each: due[each])
        now = line.clock.elapsed_s = max(line.clock.elapsed_s, due[name])
        if wait := line.wait_s(name):
            due[name] = now + wait + next(late)
            continue
        tokens = min(2 * allowed_per_s, tokens + (line.clock.monotonic() - filled) * allowed_per_s)
        filled = line.clock.monotonic()
        if tokens < 1:
            refused += 1
            due[name] = now + line.bucket.throttled(name)
            continue
        tokens -= 1
        line.bucket.succeeded()
        done[name] = now
        del due[name]
    longest = max(done.values())
    print(f"{allowed_per_s}/s: the last of 200 after {longest:.0f} s, {refused} throttled")
    assert longest < 1.6 * 200 / allowed_per_s
    assert refused < 60
    order = [int(name.rpartition("-")[2]) for name in done]
    assert max(abs(place - number) for place, number in enumerate(order)) < 60, "about in the order in which they came"
