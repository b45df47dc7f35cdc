"""What has been shown of a log that is read again and again: nothing twice, nothing left out. Pure.

CloudWatch shows events late and out of order, since every instance delivers its own stream. Each poll therefore begins a while
before the newest event and drops what was shown. Only remote times are compared, so our clock need not agree. An instance's
clock may be ahead (CloudWatch takes two hours): its events count as of when they were taken in, or the window would leave the
other streams behind.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

OVERLAP_MS = 300_000
MOST = 20_000
"""Ids kept between two polls: two pages of the largest size, so that re-reading a busy log costs two calls a poll."""


@dataclass
class Window:
    start_ms: int = 0
    """Where the next poll begins."""
    overlap_ms: int = OVERLAP_MS
    most: int = MOST
    _newest: int = 0
    _before: dict[str, int] = field(default_factory=dict)
    _fresh: dict[str, int] = field(default_factory=dict)
    _thin_at: int = 0

    def admit(self, event_id: str, timestamp_ms: int, ingested_ms: int) -> bool:
        """Whether this event was not shown yet; from now on it was."""
        if event_id in self._before or event_id in self._fresh:
            return False
        self._fresh[event_id] = timestamp_ms
        self._newest = max(self._newest, min(timestamp_ms, ingested_ms))
        if len(self._fresh) > max(self._thin_at, 2 * self.most):
            # Within one poll the service repeats nothing; ids from earlier polls must stay until it ends.
            self._fresh = self._kept(self._fresh)
            self._thin_at = 2 * len(self._fresh)
        return True

    def settle(self) -> None:
        """A poll ended: forget what the next one will not ask for."""
        together = self._kept({**self._before, **self._fresh})
        self._before, self._fresh, self._thin_at = together, {}, 0
        overlap = self._newest - self.overlap_ms
        oldest_complete = min(together.values()) if len(together) >= self.most else 0
        self.start_ms = max(self.start_ms, overlap, oldest_complete)

    def _kept(self, ids: dict[str, int]) -> dict[str, int]:
        """Those of the overlap, and of these the newest. All of one millisecond stay or go together."""
        floor = self._newest - self.overlap_ms
        if len(ids) > self.most:
            floor = max(floor, heapq.nlargest(self.most, ids.values())[-1])
        return {event_id: at for event_id, at in ids.items() if at >= floor}
