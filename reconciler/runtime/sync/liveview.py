"""What is live, for planning: the informer cache, ahead of it what we just wrote ourselves, and a memory of hashes.

The cache lags behind our own writes by the time a watch event takes. A pass that starts at once after another would
apply everything again; so the answer to a write counts until the cache has caught up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.core.git.inventory import written_hash
from reconciler.core.ports import Cache
from reconciler.core.resource import Key, Resource, went_back
from reconciler.core.sync.plan import LiveObject

AsWritten = Callable[[Resource], Mapping[str, Any]]
"""A live spec without what the archived operator wrote back into it."""

_Seen = tuple[str, int, tuple[str, ...]]

AHEAD_S = 30.0
"""How long our own write counts against a cache that does not know it. A watch that broke meanwhile may never show an
object that was made and deleted in between, and what we remember of it must not be believed for ever."""


class LiveView:
    """Safe for threads; shared by all syncs and by `SyncClaims`."""

    def __init__(self, cache: Cache, as_written: AsWritten, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._cache = cache
        self._as_written = as_written
        self._lock = threading.Lock()
        self._monotonic = monotonic
        self._ahead: dict[Key, tuple[Resource, float]] = {}
        self._hashes: dict[Key, tuple[_Seen, str]] = {}

    def get(self, key: Key) -> Resource | None:
        cached = self._cache.get(key)
        with self._lock:
            ahead, until = self._ahead.get(key, (None, 0.0))
            if ahead is not None and self._monotonic() > until:
                del self._ahead[key]
                ahead = None
        return cached if ahead is None or newer(cached, ahead) else ahead

    def live(self, key: Key, ignored: tuple[str, ...] = ()) -> LiveObject | None:
        resource = self.get(key)
        return None if resource is None else LiveObject(resource, self.hash(resource, ignored))

    def hash(self, resource: Resource, ignored: tuple[str, ...] = ()) -> str:
        """Computed once per generation: planning over a thousand unchanged objects must cost next to nothing."""
        seen = (resource.uid, resource.generation, ignored)
        key = resource.key
        known = self._hashes.get(key)
        if known and known[0] == seen:
            return known[1]
        found = written_hash(self._as_written(resource), ignored)
        self._hashes[key] = (seen, found)
        return found

    def written(self, resource: Resource) -> Mapping[str, Any]:
        return self._as_written(resource)

    def wrote(self, resource: Resource) -> None:
        """Take the API server's answer to one of our writes; the caller looks at the cache only afterwards."""
        if not newer(self._cache.get(resource.key), resource):
            with self._lock:
                self._ahead[resource.key] = resource, self._monotonic() + AHEAD_S

    def saw(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        """Take an informer event, before anything else reacts to it."""
        with self._lock:
            ahead, _ = self._ahead.get(key, (None, 0.0))
            if ahead is not None:
                caught_up = newer(new, ahead) if new is not None else (old is None or old.uid == ahead.uid)
                if caught_up or went_back(old, new):
                    del self._ahead[key]
        if new is None:
            self._hashes.pop(key, None)


def newer(cached: Resource | None, ours: Resource) -> bool:
    """Whether the cache holds this version or a later one. Kubernetes defines resourceVersions as ordered numbers."""
    if cached is None:
        return False
    return _version(cached) >= _version(ours)


def _version(resource: Resource) -> int:
    return int(resource.resource_version) if resource.resource_version.isdigit() else 0
