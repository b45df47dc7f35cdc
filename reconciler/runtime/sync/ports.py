"""What the sync asks for: `core.ports`, what it shares with the workers, and protocols of a method or two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from reconciler.core.notes.note import NoteLine
from reconciler.core.ports import Applier, ClusterPorts
from reconciler.core.resource import Key
from reconciler.runtime.sync.claims import SyncClaims
from reconciler.runtime.sync.liveview import LiveView


class Appliers(Protocol):
    """An applier with the rights of a ServiceAccount of this namespace, or with our own for an empty name."""

    def __call__(self, namespace: str, service_account: str, /) -> Applier: ...


class CommitNotes(Protocol):
    """The record on commits. Never raises; an equal line is kept once."""

    def put(self, sync: Key, commit: str, /, *lines: NoteLine) -> bool: ...


Recall = Callable[[Key], bool]
"""Asked at every look of a GitSync, before anything is applied. Never raises. False: it failed and is to be tried again soon."""


class Schedule(Protocol):
    """Wakes a sync at its interval."""

    def every(self, key: Key, interval: timedelta, wake: Callable[[Key], None]) -> None: ...
    def remove(self, key: Key) -> None: ...


class RefWatcher(Protocol):
    """Wakes a sync when the refs of its local repository move."""

    def follow(self, name: str, url: str, wake: Callable[[], None]) -> None: ...
    def unfollow(self, name: str) -> None: ...


@dataclass(frozen=True)
class SyncPorts:
    """The cluster as a pass reads and changes it."""

    cluster: ClusterPorts
    appliers: Appliers
    live: LiveView
    claims: SyncClaims


@dataclass(frozen=True)
class Triggers:
    """What wakes a sync beside the informers and webhooks, where there is such a thing."""

    schedule: Schedule | None = None
    watcher: RefWatcher | None = None
