"""How fast a host is written to: one request at a time, a pause when it asks for one, and a pace below known limits."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

PER_MINUTE = 60
PER_HOUR = 450
"""GitHub's secondary limits are 80 and 500 writes; others of the same account want some too."""
BUSY_S = 0.2
_MINUTE_S, _HOUR_S = 60.0, 3600.0


@dataclass
class _Host:
    busy: bool = False
    until: float = 0.0
    writes: deque[float] = field(default_factory=deque)


class Hosts:
    """Safe for threads. All times are monotonic."""

    def __init__(self, per_minute: int = PER_MINUTE, per_hour: int = PER_HOUR) -> None:
        self._per_minute = per_minute
        self._per_hour = per_hour
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    def take(self, host: str, now: float) -> float:
        """0: the host is the caller's until `release`. Else the seconds after which to ask again."""
        with self._lock:
            found = self._hosts.setdefault(host, _Host())
            if found.busy:
                return BUSY_S
            wait_s = max(found.until - now, self._paced_s(found.writes, now))
            if wait_s > 0:
                return wait_s
            found.busy = True
            return 0.0

    def release(self, host: str) -> None:
        with self._lock:
            self._hosts[host].busy = False

    def wrote(self, host: str, now: float) -> float:
        """Count a write; the seconds until the next is due."""
        with self._lock:
            found = self._hosts[host]
            found.writes.append(now)
            return self._paced_s(found.writes, now)

    def pause(self, host: str, until: float) -> None:
        with self._lock:
            found = self._hosts.setdefault(host, _Host())
            found.until = max(found.until, until)

    def _paced_s(self, writes: deque[float], now: float) -> float:
        while writes and now - writes[0] >= _HOUR_S:
            writes.popleft()
        wait_s = 0.0
        for count, window_s in ((self._per_minute, _MINUTE_S), (self._per_hour, _HOUR_S)):
            if len(writes) >= count:
                wait_s = max(wait_s, writes[-count] + window_s - now)
        return wait_s
