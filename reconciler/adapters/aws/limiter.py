"""One token bucket per account, region and operation: starts high, learns down from throttling, creeps up again.

SageMaker's quotas are per API and unpublished (facts, section 2), so the rate is learned: halved on a throttle,
a little more on each success (additive increase, multiplicative decrease).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.core.errors import ThrottledError

_START_PER_S = 25.0
_FLOOR_PER_S = 0.5
_STEP_PER_S = 0.1
_BURST_S = 2.0


@dataclass
class Bucket:
    monotonic: Callable[[], float]
    rate_per_s: float = _START_PER_S
    _promised_until: float = field(init=False, default=0.0)
    """Whoever was held back was told a moment of his own up to here: they come back one by one, not all at once."""
    _tokens: float = field(init=False)
    _filled_at: float = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self._tokens = self.rate_per_s * _BURST_S
        self._filled_at = self.monotonic()

    def take(self, patience_s: float) -> float:
        """Reserve one call; the seconds to wait before sending it.

        Raises ThrottledError, with nothing reserved, when the slot is further away than `patience_s`.
        """
        with self._lock:
            now = self.monotonic()
            self._tokens = min(self.rate_per_s * _BURST_S, self._tokens + (now - self._filled_at) * self.rate_per_s)
            self._filled_at = now
            wait = max(0.0, (1 - self._tokens) / self.rate_per_s)
            if wait > patience_s:
                self._promised_until = max(self._promised_until, now + wait - patience_s) + 1 / self.rate_per_s
                error = ThrottledError("held back to stay under SageMaker's rate limit for this operation")
                error.retry_after_s = self._promised_until - now
                raise error
            self._tokens -= 1
            return wait

    def succeeded(self) -> None:
        with self._lock:
            self.rate_per_s = min(_START_PER_S, self.rate_per_s + _STEP_PER_S)

    def throttled(self) -> None:
        with self._lock:
            self.rate_per_s = max(_FLOOR_PER_S, self.rate_per_s / 2)
            self._tokens = min(self._tokens, 0.0)
