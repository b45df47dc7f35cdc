"""`status.history` of a HostingDeployment: its rollouts, newest first; an id is never given again.

A value with the few operations that change it. Open is the newest entry without a result: one rollout at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from reconciler.core.conditions import clip, stamp
from reconciler.core.records.content import Content
from reconciler.core.records.record import Record, Time, member
from reconciler.core.records.source import SourceRecord
from reconciler.core.schema.rules import AtLeastOne
from reconciler.core.values import Json, JsonObject

__all__ = ["SUCCEEDED", "SUPERSEDED", "History", "HistoryEntry"]

SUCCEEDED, SUPERSEDED = "Succeeded", "Superseded"
_REASON_LIMIT = 256


@dataclass(frozen=True)
class HistoryEntry(Record):
    """One rollout. Its commit is the one that asked for it, not the object's present one."""

    readable_if = (AtLeastOne(("id",)),)

    id: int = 0
    """Its number; never given again."""
    hash: str = ""
    """Digest of its models, variants, data capture and KMS key; empty where it is not known."""
    config: str = member("endpointConfigName", default="")
    """EndpointConfig that was rolled out."""
    revision: str = ""
    """The head that was synced, as `main@sha1:...`."""
    commit: str = ""
    """Full id of the commit that asked for it."""
    author: str = ""
    """Of that commit."""
    subject: str = ""
    """First line of its message."""
    path: str = ""
    """File in the repository."""
    initiated_by: str = ""
    """git, rollback, drift or manual."""
    started_at: Time = ""
    """When it was asked for."""
    finished_at: Time = ""
    """When it was found to have ended."""
    result: str = ""
    """Succeeded, RolledBack, Failed or Superseded; empty while it is under way."""
    reason: str = ""
    """Why it did not succeed."""
    rollback_of: int | None = None
    """Id of the rollout that brought this content into service before."""
    recalled: bool = False
    """Read back from the notes in Git after status was lost."""

    @property
    def content(self) -> Content:
        """What was rolled out."""
        return Content(self.hash, self.config)

    @property
    def source(self) -> SourceRecord:
        """The commit that asked for it."""
        return SourceRecord(self.revision, self.commit, self.author, self.subject, self.path)

    @property
    def open(self) -> bool:
        """Whether it is still under way."""
        return not self.result

    @property
    def succeeded(self) -> bool:
        """Whether it came into service, whatever happened to it later."""
        return self.result == SUCCEEDED


@dataclass(frozen=True)
class History:
    """Newest first."""

    entries: tuple[HistoryEntry, ...] = ()

    @classmethod
    def parse(cls, records: Iterable[JsonObject] | None) -> Self:
        """Of `status.history`; what is no entry is left out."""
        listed = records if isinstance(records, (list, tuple)) else ()
        return cls(tuple(HistoryEntry.parse(one) for one in listed if isinstance(one, Mapping)))

    def record(self) -> list[dict[str, Json]]:
        """As status has it."""
        return [entry.record() for entry in self.entries]

    @property
    def newest(self) -> HistoryEntry | None:
        """The one that is open, or was the last."""
        return self.entries[0] if self.entries else None

    @property
    def succeeded(self) -> tuple[HistoryEntry, ...]:
        """Rollback targets, newest first."""
        return tuple(entry for entry in self.entries if entry.succeeded)

    def entry(self, number: int) -> HistoryEntry | None:
        """By its id, if it is still kept."""
        return next((entry for entry in self.entries if entry.id == number), None)

    def of(self, content_hash: str) -> HistoryEntry | None:
        """The newest entry about a content, whatever became of it."""
        return next((entry for entry in self.entries if entry.hash == content_hash), None)

    def served_by(self, config: str) -> HistoryEntry | None:
        """The newest success of a configuration."""
        return next((entry for entry in self.succeeded if entry.config == config), None)

    @property
    def next_id(self) -> int:
        """Above every id that is known."""
        return max((entry.id for entry in self.entries), default=0) + 1

    def id_for(self, content: Content) -> int:
        """Of the rollout of this content that is about to begin, or was the last."""
        newest = self.newest
        return newest.id if newest and newest.hash == content.hash else self.next_id

    def remembered(self, known: Iterable[JsonObject], limit: int) -> Self:
        """With rollouts that others remember and that began after all that is listed here: status is older than they are."""
        newest = self.newest
        if newest is None:
            return type(self).parse(tuple(known)[:limit])
        listed = (one for one in type(self).parse(tuple(known)).entries if one.id > newest.id)
        later = tuple(one for one in listed if one.started_at > newest.started_at and one.finished_at)
        return replace(self, entries=(*later, *self.entries)).trimmed(limit) if later else self

    def opened(
        self,
        content: Content,
        source: SourceRecord,
        *,
        now: datetime,
        initiated_by: str,
        limit: int,
        rollback_of: int | None = None,
        at_least: int = 0,
    ) -> Self:
        """With an entry for a rollout that starts now. What was still open is superseded, unless it is the same content that
        was asked for before and not taken on. `at_least`: the id that somebody else remembers of it.
        """
        newest = self.newest
        if newest and newest.open and newest.hash == content.hash:
            return self
        closed = self.closed(now, SUPERSEDED, "newer content was asked for")
        number = max(closed.next_id, at_least)
        # Of what served last it would not be a rollback: that is a repair.
        earlier = (entry.id for entry in closed.succeeded[1:] if entry.hash == content.hash)
        entry = HistoryEntry(
            number,
            content.hash,
            content.config,
            source.revision,
            source.commit,
            source.author,
            source.subject,
            source.path,
            initiated_by,
            stamp(now),
            rollback_of=rollback_of or next(earlier, None),
        )
        return replace(closed, entries=(entry, *closed.entries)).trimmed(limit)

    def closed(self, now: datetime, result: str, reason: str = "") -> Self:
        """With the newest entry ended, when it was open."""
        newest = self.newest
        if newest is None or not newest.open:
            return self
        ended = replace(newest, result=result, reason=clip(reason, _REASON_LIMIT), finished_at=stamp(now))
        return replace(self, entries=(ended, *self.entries[1:]))

    def reopened(self) -> Self:
        """With the newest entry under way again, when it did not come into service."""
        newest = self.newest
        if newest is None or newest.succeeded:
            return self
        again = replace(newest, result="", reason="", finished_at="")
        return replace(self, entries=(again, *self.entries[1:]))

    def as_recalled(self) -> Self:
        """With the newest entry marked as one that is in the notes in Git since it happened."""
        return replace(self, entries=(replace(self.entries[0], recalled=True), *self.entries[1:]))

    def trimmed(self, limit: int) -> Self:
        """The newest entries; the one that serves is among them however many failed since."""
        kept = self.entries[:limit]
        serving = next(iter(self.succeeded), None)
        if serving is not None and serving not in kept:
            kept = (*kept[:-1], serving)
        return replace(self, entries=kept)

    def is_rollback(self, content: Content, serving: Content) -> bool:
        """Whether content served before what serves now did: to go there is a rollback. What serves unknown to history was
        brought there by others.
        """
        first, now = self._first_served(content), self._first_served(serving)
        return first is not None and (now is None or first < now)

    def _first_served(self, content: Content) -> int | None:
        return min(
            (entry.rollback_of or entry.id for entry in self.succeeded if entry.hash == content.hash), default=None
        )
