"""`status.takenOver`: what an object of the archived operator's said when it was taken over."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.records.record import Record

__all__ = ["TakenOver"]


@dataclass(frozen=True)
class TakenOver(Record):
    """Kept by `core/takeover`, for as long as the object lives."""

    content: str = ""
    """Digest of what the archived operator carried out, in the keys that it knew."""
    written: str = ""
    """Digest of the same as its author wrote it, with the keys that were dropped; empty until that is known."""
