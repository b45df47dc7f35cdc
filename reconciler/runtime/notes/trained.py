"""What ran already, by the lines in the notes of a GitSync: jobs (design 4, "Jobs cost money") and roll-outs that ended.

Read once in the life of a process for each note ref, by the sync right after its first fetch and before it applies
anything: what runs later is in status. Notes are never in the way: a ref that cannot be read tells nothing, and is tried
again at the next fetch; an object that was there before its sync (a restored backup) waits a bounded time for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from reconciler.core.errors import ReconcileError
from reconciler.core.git.source import SourceError
from reconciler.core.notes.past import NEEDLES, Started, rollouts, started
from reconciler.core.notes.target import Notes
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.sync.spec import owner_key
from reconciler.runtime.notes.outbox import Targets

log = logging.getLogger(__name__)

PATIENCE_S = 60.0


class _Past(NamedTuple):
    jobs: Mapping[Key, Mapping[str, Started]]
    rollouts: Mapping[Key, tuple[Mapping[str, Any], ...]]


_NOTHING = _Past({}, {})


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
        found = _NOTHING
        try:
            target = self._targets.target(sync) if self._targets.wanted(sync) else None
            if target is not None:
                if self._read.get(sync) == target.digest:
                    return
                lines = self._notes.find(target, *NEEDLES)
                found = _Past(started(lines, self._cluster), rollouts(lines, self._cluster))
                self._read[sync] = target.digest
        except (SourceError, ReconcileError) as error:
            log.warning("the notes of %s cannot be read, so they tell nothing of what ran: %s", sync, error)
        with self._lock:
            self._past[sync] = found

    def rollouts(self, resource: Resource) -> tuple[Mapping[str, Any], ...]:
        """As `status.history` has them; none while they are not read."""
        owner = resource.annotations.get(Annotation.OWNER)
        with self._lock:
            past = self._past.get(owner_key(owner), _NOTHING) if owner else _NOTHING
        return past.rollouts.get(resource.key, ())

    def of(self, resource: Resource) -> Mapping[str, Started] | None:
        """By the digest of what ran; None: not known yet."""
        owner = resource.annotations.get(Annotation.OWNER)
        sync = owner_key(owner) if owner else None
        if sync is None:
            return {}
        with self._lock:
            past = self._past.get(sync)
            if past is not None:
                return past.jobs.get(resource.key, {})
            asked_at = self._asked_at.setdefault(sync, self._monotonic())
        found = self._syncs(sync)
        suspended = found is None or bool(found.spec.get("suspend"))
        late = self._monotonic() - asked_at >= PATIENCE_S
        return {} if suspended or late or not self._targets.wanted(sync) else None
