"""The objects that the informers know, and who is called for changes. Shared by all informers of a cache, behind one lock.

Handlers run under that lock, on the informer's thread. So they are called in order, each sees in the store exactly what
it was called for, and one that subscribes late gets what is there as if it had just been added. They must only enqueue.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from reconciler.core.resource import Key, Resource

log = logging.getLogger(__name__)

Handler = Callable[[Key, Resource | None, Resource | None], None]


class KubeStore:
    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._kinds: dict[str, dict[Key, Resource]] = {}
        self._handlers: list[Handler] = []

    def get(self, key: Key) -> Resource | None:
        with self._lock:
            return self._kinds.get(key.kind, {}).get(key)

    def items(self, kind: str) -> tuple[Resource, ...]:
        with self._lock:
            return tuple(self._kinds.get(kind, {}).values())

    def subscribe(self, handler: Handler) -> None:
        with self._lock:
            self._handlers.append(handler)
            for objects in self._kinds.values():
                for key, resource in objects.items():
                    _call(handler, key, None, resource)

    def put(self, resource: Resource) -> None:
        with self._lock:
            key = resource.key
            objects = self._kinds.setdefault(key.kind, {})
            old = objects.get(key)
            if old is not None and old.uid != resource.uid:
                # Deleted and recreated while nobody watched: two changes, and the first must not be missed.
                self.remove(key)
                old = None
            if old is not None and old.resource_version == resource.resource_version:
                return
            objects[key] = resource
            self._tell(key, old, resource)

    def remove(self, key: Key) -> None:
        with self._lock:
            old = self._kinds.get(key.kind, {}).pop(key, None)
            if old is not None:
                self._tell(key, old, None)

    def replace(self, kind: str, namespace: str | None, found: Iterable[Resource]) -> None:
        """Take a complete list (of one namespace, or of all) for the truth: what is not in it is gone."""
        resources = {resource.key: resource for resource in found}
        with self._lock:
            for key in list(self._kinds.get(kind, {})):
                if namespace in {None, key.namespace} and key not in resources:
                    self.remove(key)
            for resource in resources.values():
                self.put(resource)

    def _tell(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        for handler in self._handlers:
            _call(handler, key, old, new)


def _call(handler: Handler, key: Key, old: Resource | None, new: Resource | None) -> None:
    try:
        handler(key, old, new)
    except Exception:
        # One handler's bug must not end the watch that all others live on.
        log.exception("a handler failed on %s", key)
