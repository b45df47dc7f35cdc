"""What an audit says."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`rule` is a short stable word; `at` in seconds of the machine's clock, 0 where it is about no moment."""

    rule: str
    what: str
    at: float = 0.0

    def __str__(self) -> str:
        when = time.strftime(" at %H:%M:%S", time.localtime(self.at)) if self.at else ""
        return f"{self.rule}{when}: {self.what}"
