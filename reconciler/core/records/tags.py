"""`status.tags`: the tags that were set last on what an object made, as a digest (D-18)."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.records.record import Record

__all__ = ["TagsRecord"]


@dataclass(frozen=True)
class TagsRecord(Record):
    """Kept by `core/tags`. The keys that were set are in `status.managedTags`."""

    hash: str = ""
    """Of the tags that were set last."""
    failed: str = ""
    """Of what was refused: these tags, or these calls. It is not tried again until it changes or `retry` is set."""
