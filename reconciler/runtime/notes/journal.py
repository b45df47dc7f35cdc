"""What status writes mean for the record on the commit: asked by the worker right before each write, kept by the outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.core.notes import status as notes_of
from reconciler.core.notes.note import NoteLine
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.sync.spec import owner_key
from reconciler.runtime.notes.outbox import Outbox


@dataclass(frozen=True)
class OutboxJournal:
    outbox: Outbox
    cluster: str
    heard: Callable[[Key, Iterable[NoteLine]], None]
    """Who remembers what was recorded."""

    def status_changes(self, resource: Resource, status: Mapping[str, Any], shape: Structure, now: datetime) -> None:
        """Store the lines of what `status` newly says. Never raises; an equal line has an equal id and is kept once."""
        owner = resource.annotations.get(Annotation.OWNER)
        if not owner:
            return
        lines = notes_of.lines(resource, resource.status, status, cluster=self.cluster, now=now, spec=shape)
        if lines:
            self.outbox.put_all(owner_key(owner), lines)
            self.heard(owner_key(owner), [line for _, line in lines])
