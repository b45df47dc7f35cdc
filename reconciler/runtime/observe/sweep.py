"""What is read page by page, again and again: when it is due, what to ask for next, what an answer means.

State machines without I/O and without a lock of their own: `sweeper` asks for the page with the observer's lock
released, and calls everything else with the lock held. `listing` and `tag_book` are the two kinds there are.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from reconciler.core.errors import ReconcileError, ThrottledError
from reconciler.core.ports import Clock
from reconciler.core.resource import Key

SHARE = 0.25
"""No sweep asks for more pages than this part of its operation's rate: the rest is for what people wait for."""
_BACKOFF_MAX_S = 120.0


class Paces(NamedTuple):
    fast_s: float = 5.0
    """Between looks at what is changing."""
    slow_s: float = 60.0
    """Between looks at what is settled."""
    tags_s: float = 300.0
    """Between looks at the tags of everything."""


class PageRequest(NamedTuple):
    operation: str
    params: Mapping[str, Any]


class Sweep(ABC):
    def __init__(self, clock: Clock, paces: Paces, rate: Callable[[str], float]) -> None:
        self._clock = clock
        self._paces = paces
        self._rate = rate
        self._failures = 0
        self.not_before = 0.0
        """After a failure, and while the limiter holds back, nothing is asked before this second."""
        self.turn = 0
        """When it was served last, in the sweeper's count."""
        self.fault = ""
        """The reason of the failure that was logged last; empty while it works."""
        self.sweeps = 0
        self.pages = 0

    @abstractmethod
    def due_at(self) -> float | None:
        """The monotonic second from which the next page may be asked for; None: nobody needs one."""

    @abstractmethod
    def next_page(self) -> PageRequest:
        """What to ask for; begins a sweep when none is under way."""

    @abstractmethod
    def take(self, answer: Mapping[str, Any], asked_at: float) -> set[Key]:
        """The objects to wake for what a page says."""

    @abstractmethod
    def fail(self, error: ReconcileError) -> set[Key]:
        """Give the sweep up: half a list proves nothing. The objects to wake."""

    def postpone(self, seconds: float) -> None:
        """The page was throttled here and not sent: the sweep goes on with it later."""
        self.not_before = self._clock.monotonic() + seconds

    def _interval(self, operation: str, pages: int, pace_s: float) -> float:
        return max(pace_s, pages / (SHARE * self._rate(operation)))

    def _back_off(self, error: ReconcileError, longest_s: float = _BACKOFF_MAX_S) -> None:
        self._failures += 1
        pause = min(longest_s, self._paces.fast_s * 2 ** min(self._failures, 10))
        if isinstance(error, ThrottledError) and error.retry_after_s is not None:
            pause = error.retry_after_s
        self.not_before = self._clock.monotonic() + pause * jitter(0.2)


def jitter(part: float) -> float:
    """Around 1, so that what began together does not stay together."""
    return random.uniform(1 - part, 1 + part)  # noqa: S311 - no secret
