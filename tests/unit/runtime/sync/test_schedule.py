from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from reconciler.core.resource import Key
from reconciler.runtime.sync.schedule import IntervalSchedule
from tests.support.waiting import eventually, never

A, B = Key("GitSync", "team", "a"), Key("GitSync", "team", "b")
SHORT = timedelta(seconds=0.05)


@pytest.fixture
def woken() -> list[Key]:
    return []


@pytest.fixture
def schedule(woken: list[Key]) -> Iterator[IntervalSchedule]:
    schedule = IntervalSchedule(woken.append, shortest=SHORT)
    schedule.start()
    yield schedule
    schedule.stop()


@pytest.mark.holds("D-19.3")
def test_each_sync_is_woken_at_its_interval(schedule: IntervalSchedule, woken: list[Key]) -> None:
    schedule.every(A, SHORT)
    schedule.every(B, timedelta(hours=1))

    eventually(lambda: woken.count(A) >= 3)
    assert B not in woken


def test_saying_the_same_again_does_not_push_the_next_look_away(schedule: IntervalSchedule, woken: list[Key]) -> None:
    interval = timedelta(seconds=0.2)
    schedule.every(A, interval)

    def told_again() -> bool:
        schedule.every(A, interval)
        return bool(woken)

    eventually(told_again)


def test_a_new_interval_counts_at_once(schedule: IntervalSchedule, woken: list[Key]) -> None:
    schedule.every(A, timedelta(hours=1))
    schedule.every(A, SHORT)

    eventually(lambda: woken)


def test_a_removed_sync_is_left_alone(schedule: IntervalSchedule, woken: list[Key]) -> None:
    schedule.every(A, timedelta(seconds=0.2))
    schedule.remove(A)
    schedule.remove(A)

    never(lambda: woken, during=0.4)
