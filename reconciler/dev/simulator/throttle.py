"""Token buckets per account and operation, on wall time: a client's rate is real whatever the speed of the clock. Only a
test whose client runs on the simulator's own time asks for that time here too.

Only ListTrainingJobs' 2 a second is known; the other rates are assumptions of the same order (SM-98).
"""

import fnmatch
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

DEFAULT_LIMITS: dict[str, float] = {"List*": 2.0, "Describe*": 10.0, "*": 2.0}
"""Calls a second by operation glob, first match counts; the burst is two seconds' worth."""

_BURST_S = 2.0


@dataclass
class _RequestBucket:
    tokens: float
    filled_at: float


class Throttle:
    def __init__(
        self,
        *,
        enabled: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        simulated: Callable[[], float] | None = None,
    ) -> None:
        self.enabled = enabled
        self.limits = dict(DEFAULT_LIMITS)
        self._clocks = {"wall": monotonic, "simulated": simulated or monotonic}
        self._monotonic = monotonic
        self._buckets: dict[tuple[str, str], _RequestBucket] = {}
        self._lock = threading.Lock()

    def configure(self, *, enabled: bool, limits: Mapping[str, float] | None = None, clock: str = "wall") -> None:
        """Start anew with full buckets; what `limits` leaves out is as by default, whatever was asked for before.

        Raises KeyError for a clock there is none of.
        """
        asked = limits or {}
        with self._lock:
            self._monotonic = self._clocks[clock]
            self.enabled = enabled
            self.limits = {**asked, **{glob: rate for glob, rate in DEFAULT_LIMITS.items() if glob not in asked}}
            self._buckets.clear()

    def admits(self, account: str, op: str) -> bool:
        if not self.enabled:
            return True
        with self._lock:
            rate = next(rate for glob, rate in self.limits.items() if fnmatch.fnmatchcase(op, glob))
            now = self._monotonic()
            bucket = self._buckets.setdefault((account, op), _RequestBucket(rate * _BURST_S, now))
            bucket.tokens = min(rate * _BURST_S, bucket.tokens + (now - bucket.filled_at) * rate)
            bucket.filled_at = now
            if bucket.tokens < 1:
                return False
            bucket.tokens -= 1
            return True
