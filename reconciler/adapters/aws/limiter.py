"""One token bucket per account, region and operation: starts high, learns down from throttling, creeps up again.

SageMaker's quotas are per API and unpublished (SM-98), so the rate is learned: halved on a throttle,
a little more on each answer (additive increase, multiplicative decrease).

Nobody sleeps here. A request that cannot go now gets a place in the line and learns when to ask again; who asks later
stands behind it, so none starves, however many there are. A request that the service itself throttled goes to the front.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from reconciler.core.errors import RateLimitedError

_START_PER_S = 25.0
_FLOOR_PER_S = 0.2
_STEP_PER_S = 0.1
_STEP_SHARE = 0.05
"""A step is no more than this part of a small rate, or every other request there would be throttled."""
_BURST_S = 2.0
_SMALLEST_BURST = 1.0
"""Of two that were saved up at less than one a second and go together the second is throttled, and the rate halved."""
_ONE_EVENT_S = 1.0
"""What is throttled within this time was sent at the same mistaken rate: it is halved once."""
_FAR_S = 20.0
"""Of a longer wait half is answered, so that who waits moves up when the rate turns out to be better."""
_LATE_S = 2.0
"""Who does not come at his moment is not waited for any longer, though he keeps his place ..."""
_FORGOTTEN_S = 30.0
"""... until now: his object was deleted, or wants something else."""
_KEPT_S = 60.0
"""How long a token is kept for a request that was admitted."""


@dataclass
class Bucket:
    monotonic: Callable[[], float]
    rate_per_s: float = _START_PER_S
    _tokens: float = field(init=False)
    _filled_at: float = field(init=False)
    _slowed_at: float = field(init=False, default=float("-inf"))
    _line: dict[Hashable, float] = field(init=False, default_factory=dict)
    """Who waits, in order, and the moment when each may come back."""
    _kept: dict[Hashable, float] = field(init=False, default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self._tokens = self.rate_per_s * _BURST_S
        self._filled_at = self.monotonic()

    def admit(self, who: Hashable) -> None:
        """Keep a token for a request that will be sent soon. Raises RateLimitedError as `take` does."""
        with self._lock:
            now = self.monotonic()
            if who not in self._kept:
                self._take(who, now)
            self._kept = {each: at for each, at in self._kept.items() if at + _KEPT_S > now} | {who: now}

    def take(self, who: Hashable) -> None:
        """Let a request go. Raises RateLimitedError when others are before it, or the rate does not allow it yet."""
        with self._lock:
            if self._kept.pop(who, None) is None:
                self._take(who, self.monotonic())

    def succeeded(self) -> None:
        """The service let a request pass, whatever it answered."""
        with self._lock:
            self.rate_per_s = min(_START_PER_S, self.rate_per_s + min(_STEP_PER_S, _STEP_SHARE * self.rate_per_s))

    def throttled(self, who: Hashable) -> float:
        """The service refused it: slow down. In how many seconds it is to be sent again."""
        with self._lock:
            now = self.monotonic()
            self._fill(now)
            self._tokens = min(self._tokens, 0.0)
            if now - self._slowed_at >= _ONE_EVENT_S:
                self.rate_per_s = max(_FLOOR_PER_S, self.rate_per_s / 2)
                self._slowed_at = now
            wait = 1 / self.rate_per_s
            self._line = {who: now + wait} | {each: due for each, due in self._line.items() if each != who}
            return wait

    def _take(self, who: Hashable, now: float) -> None:
        self._fill(now)
        ahead = 0
        for each, due in list(self._line.items()):
            if each == who:
                break
            if due + _FORGOTTEN_S < now:
                del self._line[each]
            elif due + _LATE_S >= now:
                ahead += 1
        if self._tokens >= 1 + ahead:
            self._line.pop(who, None)
            self._tokens -= 1
            return
        wait = (1 + ahead - self._tokens) / self.rate_per_s
        if wait > _FAR_S:
            wait = max(_FAR_S, wait / 2)
        self._line[who] = now + wait
        raise RateLimitedError("delayed to stay under SageMaker's rate limit for this operation", wait)

    def _fill(self, now: float) -> None:
        full = max(_SMALLEST_BURST, self.rate_per_s * _BURST_S)
        self._tokens = min(full, self._tokens + (now - self._filled_at) * self.rate_per_s)
        self._filled_at = now
