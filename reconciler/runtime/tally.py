"""Counts behind metrics that several threads add to: `+=` of a plain integer would lose some."""

from __future__ import annotations

import threading
from typing import Generic, NamedTuple, TypeVar

C = TypeVar("C", bound=NamedTuple)


class Tally(Generic[C]):
    """The sum of all that was added, field by field. `C` has integers alone; `zero` has none counted."""

    def __init__(self, zero: C) -> None:
        self._lock = threading.Lock()
        self._sums = zero

    def add(self, more: C) -> None:
        with self._lock:
            self._sums = self._sums._make(map(sum, zip(self._sums, more, strict=True)))

    def read(self) -> C:
        return self._sums
