"""What ran already, by the lines in the notes of a GitSync: jobs (D-4.3) and rollouts that ended.

Read once in the life of a process for each note ref, by the sync right after its first fetch and before it applies
anything: what is recorded later is heard when it is recorded, for an object whose status is lost under a living process. Notes are
never in the way: what waits to know, of a ref that cannot be read or for a sync that has not looked (a restored backup), waits a
bounded time. The ref is tried again soon meanwhile, and at every later look of the sync.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from reconciler.core.errors import ReconcileError
from reconciler.core.git.source import SourceError
from reconciler.core.notes.note import NoteLine, render
from reconciler.core.notes.past import NEEDLES, ROLLOUTS_KEPT, Started, of_cluster, rollouts, started
from reconciler.core.notes.target import Notes
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.sync.spec import owner_key
from reconciler.runtime.notes.outbox import Targets

log = logging.getLogger(__name__)

PATIENCE_S = 60.0


class _Past(NamedTuple):
    jobs: dict[Key, Mapping[str, Started]]
    rollouts: dict[Key, tuple[Mapping[str, Any], ...]]

    def add(self, texts: Iterable[str], cluster: str) -> None:
        lines = of_cluster(texts, cluster)
        for key, ran in started(lines).items():
            self.jobs[key] = {**ran, **self.jobs.get(key, {})}
        for key, ended in rollouts(lines).items():
            by_id = {entry["id"]: entry for entry in (*self.rollouts.get(key, ()), *ended)}
            self.rollouts[key] = tuple(by_id[number] for number in sorted(by_id, reverse=True)[:ROLLOUTS_KEPT])


class RunMemory:
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

    def read(self, sync: Key) -> bool:
        """Never raises; no request when this process has read the ref before. False: it failed and is to be tried again soon,
        for nobody knows what ran until that succeeds or patience is over.
        """
        found = _Past({}, {})
        try:
            target = self._targets.target(sync) if self._targets.wanted(sync) else None
            if target is not None:
                if self._read.get(sync) == target.digest:
                    return True
                found.add(self._notes.find(target, *NEEDLES), self._cluster)
                self._read[sync] = target.digest
        except (SourceError, ReconcileError) as error:
            return self._failed(sync, error)
        with self._lock:
            self._past[sync] = found
        return True

    def _failed(self, sync: Key, error: Exception) -> bool:
        with self._lock:
            if sync not in self._past and not self._is_late(sync):
                log.warning("the notes of %s cannot be read yet: %s", sync, error)
                return False
            self._past.setdefault(sync, _Past({}, {}))
        log.warning("the notes of %s cannot be read, so they say nothing more of what ran: %s", sync, error)
        return True

    def _is_late(self, sync: Key) -> bool:
        """Whether patience is over, which begins with the first question or the first failure. Called with the lock held."""
        now = self._monotonic()
        return now - self._asked_at.setdefault(sync, now) >= PATIENCE_S

    def hear(self, sync: Key, lines: Iterable[NoteLine]) -> None:
        """What is recorded from now on; before the notes are read nothing is, or it would pass for all that there is."""
        with self._lock:
            if past := self._past.get(sync):
                past.add(map(render, lines), self._cluster)

    def rollouts(self, resource: Resource) -> tuple[Mapping[str, Any], ...]:
        """As `status.history` has them; none while they are not read."""
        owner = resource.annotations.get(Annotation.OWNER)
        with self._lock:
            past = self._past.get(owner_key(owner)) if owner else None
            return past.rollouts.get(resource.key, ()) if past else ()

    def runs(self, resource: Resource) -> Mapping[str, Started] | None:
        """By the digest of what ran; None: not known yet."""
        owner = resource.annotations.get(Annotation.OWNER)
        sync = owner_key(owner) if owner else None
        if sync is None:
            return {}
        with self._lock:
            past = self._past.get(sync)
            if past is not None:
                return past.jobs.get(resource.key, {})
            late = self._is_late(sync)
        found = self._syncs(sync)
        suspended = found is None or bool(found.spec.get("suspend"))
        return {} if suspended or late or not self._targets.wanted(sync) else None
