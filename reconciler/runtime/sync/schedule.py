"""Timers: one APScheduler job per GitSync. A job only enqueues, so one thread serves any number of syncs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from reconciler.core.health import Loop
from reconciler.core.resource import Key

SHORTEST = timedelta(seconds=10)
_BEAT_S = 30.0
DEADLINE_S = 600.0
JITTER = 0.1
"""Of the interval: syncs made together shall not ask one git host together for ever."""


class IntervalSchedule:
    """Implements `ports.Schedule`. `wake` must only enqueue."""

    def __init__(self, shortest: timedelta = SHORTEST) -> None:
        self._shortest = shortest
        self._lock = threading.Lock()
        self._intervals: dict[Key, timedelta] = {}
        self._beaten_at = 0.0
        # A job missed while the machine slept runs once, however late: it only enqueues.
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults=defaults, executors={"default": ThreadPoolExecutor(1)}
        )

    def start(self) -> None:
        self._beat()
        self._scheduler.start()
        # Due like any other job: that it ran shows that the others do.
        self._scheduler.add_job(self._beat, "interval", seconds=_BEAT_S)

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def loops(self) -> tuple[Loop, ...]:
        return (Loop("schedule", self._scheduler.running, time.monotonic() - self._beaten_at, DEADLINE_S),)

    def every(self, key: Key, interval: timedelta, wake: Callable[[Key], None]) -> None:
        """Called at every pass; an interval that stays the same must not push the next look away."""
        interval = max(interval, self._shortest)
        with self._lock:
            if self._intervals.get(key) == interval:
                return
            self._intervals[key] = interval
        self._scheduler.add_job(
            wake,
            "interval",
            args=[key],
            id=str(key),
            seconds=interval.total_seconds(),
            jitter=interval.total_seconds() * JITTER,
            replace_existing=True,
        )

    def remove(self, key: Key) -> None:
        with self._lock:
            if self._intervals.pop(key, None) is None:
                return
        try:
            self._scheduler.remove_job(str(key))
        except JobLookupError:
            return

    def _beat(self) -> None:
        self._beaten_at = time.monotonic()
