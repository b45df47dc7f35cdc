"""Which version of an object a pass may act on: never one from before our own newest write.

The informers' cache lags behind what a pass wrote. Acting on the older version would decide on records that are gone.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from reconciler.core.ports import Cache, Clock, Objects
from reconciler.core.resource import Key, Resource
from reconciler.runtime.reconcile.outcome import Next

log = logging.getLogger(__name__)

_CACHE_LAG = timedelta(seconds=1)
_LAG_DOUBTED_S = 10.0
"""A cache that is behind our own write for longer may never catch up: an etcd restored from a backup counts from an earlier
number again. Only the API server can tell that from a watch that is late."""


class Freshness:
    """One key is never in two workers, so no lock is needed."""

    def __init__(self, cache: Cache, objects: Objects, clock: Clock) -> None:
        self._cache = cache
        self._objects = objects
        self._clock = clock
        self._written: dict[Key, str] = {}
        """resourceVersion of our newest write per object."""
        self._behind_since: dict[Key, float] = {}

    def wrote(self, resource: Resource) -> Resource:
        """Remember one of our writes; returns what was written."""
        self._written[resource.key] = resource.resource_version
        return resource

    def forget(self, key: Key) -> None:
        self._written.pop(key, None)

    def read(self, key: Key) -> Resource | Next | None:
        """The object as it may be acted on, None when it is gone, or when to look again: the informer will deliver what we
        wrote and wake the object.
        """
        resource = self._cache.get(key)
        if resource is not None and self._is_behind(resource):
            if not self._is_doubted(key):
                return Next(after=_CACHE_LAG)
            resource = self._objects.get(key)
            if resource is not None and not self._is_behind(resource):
                return Next(after=_CACHE_LAG)
            log.warning(
                "%s is older in the API server than what we wrote, which was restored from a backup it seems: "
                "going on from what it holds", key,
            )  # fmt: skip
            self.forget(key)
        self._behind_since.pop(key, None)
        return resource

    def _is_behind(self, resource: Resource) -> bool:
        written = self._written.get(resource.key, "")
        # Opaque by contract, ordered in fact; where they are not numbers the conditional write still catches an old look.
        if not (written.isdecimal() and resource.resource_version.isdecimal()):
            return False
        return int(resource.resource_version) < int(written)

    def _is_doubted(self, key: Key) -> bool:
        """Whether the cache has been behind for long; asked again only after as long a while."""
        now = self._clock.monotonic()
        if now - self._behind_since.setdefault(key, now) < _LAG_DOUBTED_S:
            return False
        self._behind_since[key] = now
        return True
