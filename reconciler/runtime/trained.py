"""Which jobs ran already, by the `JobStarted` lines in the notes of their GitSync (design 4, "Jobs cost money").

Read once in the life of a process for each note ref, by the sync right after its first fetch and before it applies
anything: what runs later is in status. Notes are never in the way: a ref that cannot be read tells nothing, and is tried
again at the next fetch; an object that was there before its sync (a restored backup) waits a bounded time for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from reconciler.core.errors import ReconcileError
from reconciler.core.gitsync import owner_key
from reconciler.core.note_past import NEEDLE, Started, started
from reconciler.core.note_target import Notes
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.source import SourceError
from reconciler.runtime.outbox import Targets

log = logging.getLogger(__name__)

PATIENCE_S = 60.0
_Past = Mapping[Key, Mapping[str, Started]]


class Trained:
    """One for the whole process, safe for threads: the sync's read, workers ask."""

    def __init__(
        self, *, targets: Targets, notes: Notes, syncs: Callable[[Key], Resource | None], cluster: str,
        monotonic: Callable[[], float],
    ) -> None:  # fmt: skip
        self._targets = targets
        self._notes = notes
        self._syncs = syncs
        self._cluster = cluster
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._read: dict[Key, str] = {}
        """Digest of the note ref that was read for a GitSync."""
        self._past: dict[Key, _Past] = {}
        self._asked_at: dict[Key, float] = {}

    def read(self, sync: Key) -> None:
        """Never raises; no request when this process has read the ref before."""
        found: _Past = {}
        try:
            target = self._targets.target(sync) if self._targets.wanted(sync) else None
            if target is not None:
                if self._read.get(sync) == target.digest:
                    return
                found = started(self._notes.find(target, NEEDLE), self._cluster)
                self._read[sync] = target.digest
        except (SourceError, ReconcileError) as error:
            log.warning("the notes of %s cannot be read, so they tell nothing of jobs that ran: %s", sync, error)
        with self._lock:
            self._past[sync] = found

    def of(self, resource: Resource) -> Mapping[str, Started] | None:
        """By the digest of what ran; None: not known yet."""
        owner = resource.annotations.get(Annotation.OWNER)
        sync = owner_key(owner) if owner else None
        if sync is None:
            return {}
        with self._lock:
            past = self._past.get(sync)
            if past is not None:
                return past.get(resource.key, {})
            asked_at = self._asked_at.setdefault(sync, self._monotonic())
        found = self._syncs(sync)
        suspended = found is None or bool(found.spec.get("suspend"))
        late = self._monotonic() - asked_at >= PATIENCE_S
        return {} if suspended or late or not self._targets.wanted(sync) else None
