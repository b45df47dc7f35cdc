"""What the sync asks for beside `core.ports`: small enough to be a function or a handful of methods each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from reconciler.core.notes.note import NoteLine
from reconciler.core.ports import Applier
from reconciler.core.resource import Key


class Appliers(Protocol):
    """An applier with the rights of a ServiceAccount of this namespace, or with our own for an empty name."""

    def __call__(self, namespace: str, service_account: str, /) -> Applier: ...


class Record(Protocol):
    """The record on commits. Never raises; an equal line is kept once."""

    def put(self, sync: Key, commit: str, /, *lines: NoteLine) -> bool: ...


Recall = Callable[[Key], None]
"""Asked after a fetch of a GitSync, before anything is applied. Never raises."""


class Schedule(Protocol):
    """Wakes a sync at its interval."""

    def every(self, key: Key, interval: timedelta) -> None: ...
    def remove(self, key: Key) -> None: ...


class RefWatcher(Protocol):
    """Wakes a sync when the refs of its local repository move."""

    def follow(self, name: str, url: str, wake: Callable[[], None]) -> None: ...
    def unfollow(self, name: str) -> None: ...
