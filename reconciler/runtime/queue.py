"""The keyed work queue between everything that notices a change and the workers.

This is where the state lives that threads share; all of it is behind one lock, and nothing foreign but the two
injected callables (time and jitter) is called while it is held. Rules, in the order they matter:

* A key is with at most one worker. `add` during its pass marks it, and `done` queues it again.
* A key waits at most once; of several deadlines the earliest wins. An urgent key is never delayed by a later `add`.
* Due keys leave in the order in which they became due, so a busy key cannot starve the others.
* `retry` is an `add` with a delay that doubles per failure; `forget` ends the series. The caller forgets after a
  good pass, and when a new generation deserves a fresh start.

What a key means, why it was added and what a pass does is not known here. Callers: informer handlers, schedules and
webhooks add; `worker` gets, retries and finishes.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 300.0


class _Waiting(NamedTuple):
    due: float
    sequence: int
    """Breaks ties in favour of who came first, and distinguishes a live heap entry from one that was superseded."""


class WorkQueue(Generic[K]):
    """`monotonic` measures, `jitter` answers in [0, 1): both are arguments so that tests need neither luck nor time."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        jitter: Callable[[], float],
        *,
        first_retry_s: float = FIRST_RETRY_S,
        longest_retry_s: float = LONGEST_RETRY_S,
    ) -> None:
        self._monotonic = monotonic
        self._jitter = jitter
        self._first_retry_s = first_retry_s
        self._longest_retry_s = longest_retry_s
        self._changed = threading.Condition()
        self._sequence = itertools.count()
        self._waiting: dict[K, _Waiting] = {}
        self._heap: list[tuple[_Waiting, K]] = []
        self._active: dict[K, float] = {}
        """Keys with a worker, and since when."""
        self._taken_at = monotonic()
        self._again: dict[K, float] = {}
        """Keys added during their own pass, with the earliest deadline asked for."""
        self._failures: dict[K, int] = {}
        self._closed = False

    def add(self, key: K, delay_s: float = 0.0) -> None:
        """Ask for a pass over `key`, `delay_s` from now or earlier if one is already due earlier."""
        with self._changed:
            if self._closed:
                return
            due = self._monotonic() + max(0.0, delay_s)
            if key in self._active:
                self._again[key] = min(due, self._again.get(key, due))
            else:
                self._put(key, due)

    def get(self, timeout_s: float | None = None) -> K | None:
        """Wait for a due key and hand it out; None when `timeout_s` passed or the queue was closed."""
        with self._changed:
            give_up = None if timeout_s is None else self._monotonic() + timeout_s
            while not self._closed:
                now = self._monotonic()
                next_due = self._next_due()
                if next_due is not None and next_due <= now:
                    return self._take()
                if give_up is not None and now >= give_up:
                    return None
                wake_at = min((moment for moment in (next_due, give_up) if moment is not None), default=None)
                self._changed.wait(None if wake_at is None else wake_at - now)
            return None

    def done(self, key: K) -> None:
        """The pass over `key` ended, well or not; what was asked for meanwhile is queued now."""
        with self._changed:
            self._active.pop(key, None)
            due = self._again.pop(key, None)
            if due is not None and not self._closed:
                self._put(key, due)

    def retry(self, key: K) -> float:
        """Ask for another pass after a delay that doubles with each failure in a row; answers the delay in seconds."""
        with self._changed:
            failures = self._failures.get(key, 0) + 1
            if not self._closed:
                self._failures[key] = failures
            # The exponent is bounded because a float overflows at 2**1024, after half a year of five-minute retries.
            nominal = min(self._first_retry_s * 2.0 ** min(failures - 1, 32), self._longest_retry_s)
            delay_s = nominal * (0.75 + 0.5 * self._jitter())
        self.add(key, delay_s)
        return delay_s

    def forget(self, key: K) -> None:
        """End the series of failures: the next `retry` starts at the shortest delay. What waits keeps waiting."""
        with self._changed:
            self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """How often in a row `key` was retried."""
        with self._changed:
            return self._failures.get(key, 0)

    def close(self) -> None:
        """Wake every `get` with None, for good, and ignore what is added from now on; passes under way may finish."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._heap.clear()
            self._again.clear()
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Tells a `get` that ran out of time from one that will never answer again."""
        with self._changed:
            return self._closed

    def __len__(self) -> int:
        """Keys that wait, due or not; those with a worker are not counted."""
        with self._changed:
            return len(self._waiting)

    def depth(self) -> int:
        """Keys that are due and have no worker yet: what a metric of pressure should show."""
        with self._changed:
            now = self._monotonic()
            return sum(waiting.due <= now for waiting in self._waiting.values())

    def oldest_age_s(self) -> float:
        """How long the longest-due key has waited for a worker; 0 when none is due."""
        with self._changed:
            return self._oldest_age_s()

    def longest_pass(self) -> tuple[K, float] | None:
        """The key that is with a worker for longest, and for how many seconds."""
        with self._changed:
            if not self._active:
                return None
            key, since = min(self._active.items(), key=lambda entry: entry[1])
            return key, self._monotonic() - since

    def stalled_s(self) -> float:
        """How long nothing has left the queue though something was due: workers that wait elsewhere, or are no more."""
        with self._changed:
            return min(self._oldest_age_s(), max(0.0, self._monotonic() - self._taken_at))

    def _oldest_age_s(self) -> float:
        next_due = self._next_due()
        return 0.0 if next_due is None else max(0.0, self._monotonic() - next_due)

    def _put(self, key: K, due: float) -> None:
        waiting = self._waiting.get(key)
        if waiting is not None and waiting.due <= due:
            return
        self._waiting[key] = entry = _Waiting(due, next(self._sequence))
        heapq.heappush(self._heap, (entry, key))
        self._changed.notify()

    def _next_due(self) -> float | None:
        while self._heap:
            entry, key = self._heap[0]
            if self._waiting.get(key) == entry:
                return entry.due
            heapq.heappop(self._heap)  # superseded by an earlier deadline
        return None

    def _take(self) -> K:
        _, key = heapq.heappop(self._heap)
        del self._waiting[key]
        self._active[key] = self._taken_at = self._monotonic()
        if self._waiting:
            # One notify may have woken a getter that slept towards a later deadline than the next key's.
            self._changed.notify()
        return key
