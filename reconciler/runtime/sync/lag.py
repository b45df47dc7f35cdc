"""How long a commit took: until it was applied, and from then until all that it changed is healthy. For metrics alone.

The sync reports its passes, the informers of objects. What was going on when the process ended is not measured; neither is
the first commit of a GitSync, which may be years old, nor a commit that is overtaken by the next before it is healthy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from reconciler.core.git.source import Commit
from reconciler.core.meters import LagMeter
from reconciler.core.ports import Clock
from reconciler.core.resource import Key, Resource
from reconciler.core.status import is_ready
from reconciler.core.sync.spec import KIND


@dataclass
class _Journey:
    """Of one commit of one GitSync."""

    sha: str
    applied_at: float | None = None
    waiting: dict[Key, int] = field(default_factory=dict)
    """Generation of what was applied: an older one, though healthy, is not what the commit holds."""


class SyncLag:
    """Thread-safe. `live` answers ahead of the cache, as `LiveView.get` does."""

    def __init__(self, live: Callable[[Key], Resource | None], clock: Clock, meter: LagMeter) -> None:
        self._live = live
        self._clock = clock
        self._meter = meter
        self._lock = threading.Lock()
        self._journeys: dict[Key, _Journey] = {}
        self._awaited: dict[Key, set[Key]] = {}
        """The GitSyncs that wait for an object."""

    def passed(self, sync: Resource, commit: Commit, applied: Iterable[Key], *, complete: bool) -> None:
        """A pass over `sync` (as it was before) applied these; `complete`: the commit is applied now."""
        live = {key: found.generation for key in applied if (found := self._live(key))}
        before = str(sync.status.get("lastAppliedRevision") or "")
        with self._lock:
            journey = self._journeys.get(sync.key)
            if journey is None or journey.sha != commit.sha:
                self._leave(sync.key)
                if before.endswith(f":{commit.sha}"):
                    return  # an edit is reverted, or the object recreated: the commit arrived long ago
                journey = self._journeys[sync.key] = _Journey(commit.sha)
            if journey.applied_at is None:
                journey.waiting |= live
                for key in live:
                    self._awaited.setdefault(key, set()).add(sync.key)
                if complete:
                    journey.applied_at = self._clock.monotonic()
                    if before:
                        self._meter.applied(sync.key, max(0.0, (self._clock.now() - commit.when).total_seconds()))
            waiting = tuple(journey.waiting)
        # What became healthy before we waited for it is in no event.
        for key in waiting:
            self._saw(key, self._live(key))

    def changed(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        """Informer events."""
        del old
        if key.kind == KIND and new is None:
            with self._lock:
                self._leave(key)
            self._meter.gone(key)
        self._saw(key, new)

    def _saw(self, key: Key, resource: Resource | None) -> None:
        with self._lock:
            for sync in tuple(self._awaited.get(key, ())):
                journey = self._journeys[sync]
                if journey.applied_at is None or not _arrived(resource, journey.waiting[key]):
                    continue
                self._arrive(sync, key)
                if not journey.waiting:
                    self._meter.healthy(sync, self._clock.monotonic() - journey.applied_at)

    def _arrive(self, sync: Key, key: Key) -> None:
        del self._journeys[sync].waiting[key]
        self._awaited[key].discard(sync)
        if not self._awaited[key]:
            del self._awaited[key]

    def _leave(self, sync: Key) -> None:
        journey = self._journeys.get(sync)
        for key in tuple(journey.waiting) if journey else ():
            self._arrive(sync, key)
        self._journeys.pop(sync, None)


def _arrived(resource: Resource | None, generation: int) -> bool:
    """Whether it is healthy as the commit wants it. What was deleted since is not waited for."""
    if resource is None:
        return True
    current = resource.generation >= generation and resource.status.get("observedGeneration") == resource.generation
    return current and is_ready(resource.status)
