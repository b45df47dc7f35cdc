"""`status.quarantine` of a HostingDeployment: content that was rolled back or failed and is never sent again by itself.

Keyed by content, bounded on its own, independent of history. Only a `retry` that names the hash releases an entry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from reconciler.core.conditions import clip, stamp
from reconciler.core.records.content import Content
from reconciler.core.records.record import Record, Time, member
from reconciler.core.schema.rules import AtLeastOne
from reconciler.core.values import Json, JsonObject

__all__ = ["Quarantine", "QuarantineEntry"]

_KEPT = 50
_REASON_LIMIT = 256


@dataclass(frozen=True)
class QuarantineEntry(Record):
    """With the commit that asked for the content, and why it is here."""

    readable_if = (AtLeastOne(("hash",)),)

    hash: str = ""
    """Digest of the content; a `retry` with it releases the entry."""
    config: str = member("endpointConfigName", default="")
    """EndpointConfig under which SageMaker knows the content."""
    revision: str = ""
    """The head that was synced when it was asked for, as `main@sha1:...`."""
    commit: str = ""
    """Full id of the commit that asked for it."""
    since: Time = ""
    """When it was quarantined."""
    reason: str = ""
    """Why: what SageMaker said of the update."""
    mirrored: bool = False
    """Its EndpointConfig carries the quarantine tag, from which the entry is known again when status is lost."""


@dataclass(frozen=True)
class Quarantine:
    """Newest first, 50 at most."""

    entries: tuple[QuarantineEntry, ...] = ()

    @classmethod
    def parse(cls, records: Iterable[JsonObject] | None) -> Self:
        """Of `status.quarantine`; what is no entry is left out."""
        listed = records if isinstance(records, (list, tuple)) else ()
        return cls(tuple(QuarantineEntry.parse(one) for one in listed if isinstance(one, Mapping)))

    def record(self) -> list[dict[str, Json]]:
        """As status has it."""
        return [entry.record() for entry in self.entries]

    @property
    def hashes(self) -> frozenset[str]:
        """Of every content in it."""
        return frozenset(entry.hash for entry in self.entries)

    def of(self, content: Content) -> QuarantineEntry | None:
        """The entry of a content; None: it may be sent."""
        return next((entry for entry in self.entries if entry.hash == content.hash), None)

    def added(self, content: Content, reason: str, now: datetime, *, revision: str = "", commit: str = "") -> Self:
        """With a content on top, as of now; the oldest entries go beyond the bound."""
        entry = QuarantineEntry(content.hash, content.config, revision, commit, stamp(now), clip(reason, _REASON_LIMIT))
        others = (one for one in self.entries if one.hash != content.hash)
        return replace(self, entries=(entry, *others)[:_KEPT])

    def remembered(self, found: Iterable[QuarantineEntry]) -> Self:
        """With entries read back from tags, behind those of status."""
        return replace(self, entries=(*self.entries, *(one for one in found if one.hash not in self.hashes)))

    def released(self, content_hash: str) -> tuple[Self, tuple[QuarantineEntry, ...]]:
        """Without the content, and the entries that were let go."""
        gone = tuple(entry for entry in self.entries if content_hash and entry.hash == content_hash)
        return replace(self, entries=tuple(entry for entry in self.entries if entry not in gone)), gone

    def mirrored(self, configs: Collection[str]) -> Self:
        """With the entries of these configurations marked as mirrored in a tag."""
        return replace(
            self,
            entries=tuple(replace(one, mirrored=True) if one.config in configs else one for one in self.entries),
        )
