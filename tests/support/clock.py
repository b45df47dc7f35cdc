"""A clock that is moved by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class LabClock:
    """Implements `Clock`."""

    elapsed_s: float = 0.0
    before_s: float = 1000.0
    """Of the experiments before this one: what measures never goes back."""

    def now(self) -> datetime:
        return _START + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        return self.before_s + self.elapsed_s

    def start_over(self) -> None:
        self.before_s, self.elapsed_s = self.monotonic() + 3600, 0.0
