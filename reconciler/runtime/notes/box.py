"""The ConfigMap `<sync>-notes` of one GitSync: where its lines wait. Every write is conditional on what was read.

Threads that add at the same time share a write: whoever gets the lock stores what all have brought.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

from reconciler.core.errors import ConflictError, NotFoundError, StaleError, TerminalError
from reconciler.core.lru import Lru
from reconciler.core.naming import digest
from reconciler.core.notes.note import About
from reconciler.core.notes.pending import PENDING_BYTES, PendingLine, bounded, decode, encode, oldest
from reconciler.core.resource import GITOPS_GROUP, Key, Resource
from reconciler.core.sync.spec import owner_id

log = logging.getLogger(__name__)

NOTES_OF = f"{GITOPS_GROUP}/notes-of"
MANAGER = "reconciler-notes"
_TRIES = 5
_REMEMBERED = 4096
"""Ids that were pushed: an event that is recorded at every pass costs no request."""
_MOST_UNSAVED = 2000
"""Lines in memory alone, while the API server does not take them."""
_NAME_LIMIT = 253


class NotesMaps(Protocol):
    """`adapters.kube.objects.KubeObjects` does this."""

    def get(self, key: Key) -> Resource | None: ...
    def create(self, resource: Resource, manager: str) -> Resource:
        """ConflictError when the name is taken."""
        ...

    def replace(self, resource: Resource, manager: str) -> Resource:
        """StaleError when it moved since it was read."""
        ...


class Box:
    def __init__(
        self,
        maps: NotesMaps,
        sync: Key,
        cluster: str,
        owner: Callable[[Key], Resource | None],
        limit: int = PENDING_BYTES,
    ) -> None:
        self._maps = maps
        self._sync = sync
        self._about = About(cluster, sync.kind, sync.namespace, sync.name)
        self._owner = owner
        self._limit = limit
        self._writing = threading.Lock()
        self._known: Resource | None = None
        """As last read or written; only its writer looks at it."""
        self._mutex = threading.Lock()
        self._stored: dict[str, PendingLine] = {}
        self._unsaved: dict[str, PendingLine] = {}
        self._pushed: Lru[str, bool] = Lru(_REMEMBERED)
        self._held: frozenset[str] = frozenset()

    def add(self, entries: Iterable[PendingLine]) -> None:
        """Return when they are stored. ReconcileError: they are in memory, and the next `save` tries again."""
        with self._mutex:
            fresh = {e.id: e for e in entries if e.id not in self._stored and not self._pushed.get(e.id)}
            for id_, entry in fresh.items():
                self._unsaved.setdefault(id_, entry)
            while len(self._unsaved) > _MOST_UNSAVED:
                lost = self._unsaved.pop(next(iter(self._unsaved)))
                log.warning("notes of %s: no room for %s", self._sync, lost.record.text)
        if fresh:
            self.save()

    def save(self) -> None:
        """Store what is in memory alone, and have what is stored here."""
        with self._writing:
            with self._mutex:
                batch = {id_: entry for id_, entry in self._unsaved.items() if id_ not in self._stored}
            if batch or self._known is None:
                self._change(lambda there: bounded({**batch, **there}, self._about, self._held, self._limit))
            with self._mutex:
                for id_ in batch:
                    self._unsaved.pop(id_, None)

    def take(self, most: int) -> tuple[PendingLine, ...]:
        """The oldest lines that wait. Until `remove` or `release` they do not make room for others."""
        with self._writing, self._mutex:
            taken = oldest(self._stored, most)
            self._held = frozenset(entry.id for entry in taken)
            return taken

    def release(self) -> None:
        """They were not pushed, or nobody knows."""
        with self._writing:
            self._held = frozenset()

    def remove(self, ids: Collection[str]) -> None:
        """They are in Git."""
        with self._mutex:
            for id_ in ids:
                self._pushed.put(id_, True)
        with self._writing:
            self._change(lambda there: {id_: entry for id_, entry in there.items() if id_ not in ids})
            self._held = frozenset()

    @property
    def waiting(self) -> int:
        with self._mutex:
            return len(self._stored.keys() | self._unsaved.keys())

    def _change(self, change: Callable[[Mapping[str, PendingLine]], dict[str, PendingLine]]) -> None:
        for last in (*(False,) * (_TRIES - 1), True):
            if self._known is None:
                self._known = self._read()
            before = decode((self._known.body.get("data") or {}) if self._known else {})
            after = change(before)
            try:
                if after != before:
                    self._known = self._write(after)
                with self._mutex:
                    self._stored = after
            except (StaleError, ConflictError, NotFoundError):
                self._known = None
                if last:
                    raise
            else:
                return

    def _read(self) -> Resource | None:
        found = self._maps.get(self._key())
        if found is not None and found.annotations.get(NOTES_OF) != owner_id(self._sync):
            raise TerminalError(f"ConfigMap {self._key().name} is somebody else's", reason="NotesConfigMapTaken")
        return found

    def _write(self, entries: Mapping[str, PendingLine]) -> Resource:
        data = encode(entries)
        if self._known is not None:
            return self._maps.replace(Resource({**self._known.body, "data": data}), MANAGER)
        key, owner = self._key(), self._owner(self._sync)
        metadata: dict[str, Any] = {
            "name": key.name,
            "namespace": key.namespace,
            "labels": {"app.kubernetes.io/managed-by": "sagemaker-gitops"},
            "annotations": {NOTES_OF: owner_id(self._sync)},
        }
        if owner is not None:
            metadata["ownerReferences"] = [
                {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid}
            ]
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        return self._maps.create(Resource(body), MANAGER)

    def _key(self) -> Key:
        name = f"{self._sync.name}-notes"
        if len(name) > _NAME_LIMIT:
            name = f"{name[: _NAME_LIMIT - 19].rstrip('.-')}-{digest([name])}-notes"
        return Key("ConfigMap", self._sync.namespace, name)
