"""Where content came from, as history, holds and quarantine remember it: the commit that last changed the object's file."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.records.record import Record

__all__ = ["SourceRecord"]


@dataclass(frozen=True)
class SourceRecord(Record):
    """Empty where no syncer named a commit."""

    revision: str = ""
    """The head that was synced, as `main@sha1:...`."""
    commit: str = ""
    """Full id."""
    author: str = ""
    subject: str = ""
    path: str = ""

    @property
    def short(self) -> str:
        """Seven digits for people; empty where nothing is known."""
        return (self.commit or self.revision).rpartition(":")[2][:7]
