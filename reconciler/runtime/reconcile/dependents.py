"""Who refers to whom, and waking the one when the other changes.

Fed by every informer event, before anything else acts on it. Wakes for what a reference gives (readiness, the model's name,
the artefact's path) and for nothing else, so a running job's progress wakes nobody. The other way round, what is referred to is
woken when somebody lets go of it: it may be waiting to be deleted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from reconciler.core.catalog import Catalog
from reconciler.core.references import fingerprint, targets
from reconciler.core.resource import Key, Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.status import is_ready


class Dependents:
    """Safe for threads. `wake` must only enqueue."""

    def __init__(self, catalog: Catalog, shapes: Mapping[str, Structure], wake: Callable[[Key], None]) -> None:
        self._gives = catalog.gives
        self._shapes = shapes
        self._wake = wake
        self._lock = threading.Lock()
        self._targets: dict[Key, frozenset[Key]] = {}
        self._users: dict[Key, set[Key]] = {}

    def changed(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        if _lets_go(old, new):
            for target in self._named(key):
                self._wake(target)
        if old is None or new is None or old.generation != new.generation:
            self._index(key, new)
        gives = self._gives(key.kind)
        if fingerprint(old, gives) == fingerprint(new, gives):
            return
        for user in self.of(key):
            self._wake(user)

    def of(self, key: Key) -> frozenset[Key]:
        """Those that refer to an object."""
        with self._lock:
            return frozenset(self._users.get(key, ()))

    def _named(self, key: Key) -> frozenset[Key]:
        with self._lock:
            return self._targets.get(key, frozenset())

    def _index(self, key: Key, resource: Resource | None) -> None:
        shape = self._shapes.get(key.kind)
        found = targets(shape, resource.spec, key.namespace) if shape and resource else ()
        after = frozenset(target.key for target in found)
        with self._lock:
            before = self._targets.pop(key, frozenset())
            if after:
                self._targets[key] = after
            for target in before - after:
                self._users[target].discard(key)
                if not self._users[target]:
                    del self._users[target]
            for target in after - before:
                self._users.setdefault(target, set()).add(key)


def _lets_go(old: Resource | None, new: Resource | None) -> bool:
    if old is None:
        return False
    if new is None or is_ready(old.status) != is_ready(new.status):
        return True
    return bool(old.status.get("references") != new.status.get("references"))
