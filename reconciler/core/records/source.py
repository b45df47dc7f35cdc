"""Where an object or a content came from: the commit that last changed the object's file."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.records.record import Record

__all__ = ["SourceRecord", "StatusSource"]


@dataclass(frozen=True)
class SourceRecord(Record):
    """As history, holds and quarantine remember it. Empty where no syncer named a commit."""

    revision: str = ""
    """The head that was synced, as `main@sha1:...`."""
    commit: str = ""
    """Full id."""
    author: str = ""
    """Of that commit."""
    subject: str = ""
    """First line of its message."""
    path: str = ""
    """File in the repository."""

    @property
    def short(self) -> str:
        """Seven digits for people; empty where nothing is known."""
        return (self.commit or self.revision).rpartition(":")[2][:7]


@dataclass(frozen=True)
class StatusSource(Record):
    """`status.source`, from the annotations of whoever synced the object (`core.status.source`). Empty without them."""

    closed = True

    repo: str = ""
    """URL of the repository, without credentials."""
    revision: str = ""
    """The head that was synced, as `main@sha1:...`."""
    short_revision: str = ""
    """Seven digits of the commit, for the Revision column."""
    commit: str = ""
    """Full id."""
    author: str = ""
    """Of that commit."""
    subject: str = ""
    """First line of its message."""
    path: str = ""
    """File in the repository."""
    approximate: bool = False
    """`commit` is the head that was synced: the one that last changed the file was not found within bounds (D-13.1)."""

    @property
    def remembered(self) -> SourceRecord:
        """As history, holds and quarantine remember it."""
        return SourceRecord(self.revision, self.commit, self.author, self.subject, self.path)
