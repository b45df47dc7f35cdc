"""`status.history` of a GitSync: what one pass after another did for a revision, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.records.record import Record, Time
from reconciler.core.values import Status

__all__ = ["SyncEntry", "sync_history"]


@dataclass(frozen=True)
class SyncEntry(Record):
    """One revision; the counts of passes over it are summed."""

    revision: str = ""
    """As `main@sha1:...`."""
    commit: str = ""
    """Its full id."""
    author: str = ""
    """Of that commit."""
    subject: str = ""
    """First line of its message."""
    started_at: Time = ""
    """Of the first pass over it."""
    finished_at: Time = ""
    """Of the last pass."""
    result: str = ""
    """Succeeded, Running, Failed or Suspended."""
    message: str = ""
    """Why it is not Succeeded."""
    applied: int = 0
    """Objects that were applied."""
    pruned: int = 0
    """Objects that were deleted because Git no longer has them."""
    failed: int = 0
    """Objects that the last pass could not apply."""


def sync_history(status: Status) -> tuple[SyncEntry, ...]:
    """`status.history` of a GitSync, in its order."""
    listed = status.get("history")
    found = listed if isinstance(listed, (list, tuple)) else ()
    return tuple(SyncEntry.parse(one) for one in found if isinstance(one, Mapping))
