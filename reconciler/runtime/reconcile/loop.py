"""Loop 2: keys from the informers and the observer, worker threads, and what a pass's end means for the queue."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from reconciler.core.meters import UNMETERED, PassMeter
from reconciler.core.ports import Cache
from reconciler.core.resource import Key, Resource, went_back
from reconciler.runtime.liveness import Pool
from reconciler.runtime.queue import WorkQueue
from reconciler.runtime.reconcile.outcome import Next

log = logging.getLogger(__name__)

DEADLINE_S = 900.0
"""Of one pass: a few dozen calls of AWS and Kubernetes, each with a time-out below half a minute."""


def is_our_status(old: Resource | None, new: Resource | None) -> bool:
    """Whether a change is a status that this service wrote: a pass for each would end the backoff of what keeps failing.

    A status that somebody wiped has no conditions: that one is worth a pass, and so is one out of a backup.
    """
    if old is None or new is None or not new.status.get("conditions") or went_back(old, new):
        return False
    said = ("generation", "annotations", "labels", "finalizers", "deletionTimestamp", "uid")
    return all(old.metadata.get(member) == new.metadata.get(member) for member in said)


class Reconciler:
    def __init__(
        self,
        queue: WorkQueue[Key],
        reconcile: Callable[[Key], Next],
        cache: Cache,
        workers: int = 4,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        meter: PassMeter = UNMETERED,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._monotonic = monotonic
        self._meter = meter
        self._queue = queue
        self._reconcile = reconcile
        self._cache = cache
        self._workers = workers
        self._pool = Pool("objects", queue, [], deadline_s)

    def start(self, kinds: frozenset[str]) -> None:
        """Call once the cache is synced: before that, absence means nothing."""

        def changed(key: Key, old: Resource | None, new: Resource | None) -> None:
            if key.kind not in kinds or is_our_status(old, new):
                return
            if old is None or new is None or old.generation != new.generation:
                # A corrected spec is tried at once, however often the old one failed.
                self._queue.forget(key)
            self._queue.add(key)

        self._cache.subscribe(changed)
        for kind in kinds:
            for resource in self._cache.items(kind):
                self._queue.add(resource.key)
        self._pool.start(self._once, *(f"worker-{number}" for number in range(self._workers)))

    def stop(self) -> None:
        """Passes under way finish; nothing new starts."""
        self._pool.stop()

    def pools(self) -> tuple[Pool, ...]:
        return (self._pool,)

    def wake(self, key: Key) -> None:
        self._queue.add(key)

    def _once(self, key: Key) -> None:
        began, result = self._monotonic(), "bug"
        try:
            result = self._settle(key, self._reconcile(key))
        except Exception:
            # A bug is not a kind of failure we planned for: it gets the traceback, and the others go on.
            log.exception("bug while reconciling %s", key)
            self._queue.retry(key)
        finally:
            self._meter.reconciled(key.kind, result, self._monotonic() - began)

    def _settle(self, key: Key, then: Next) -> str:
        """What came of a pass, in a word for metrics."""
        if then.failed:
            self._queue.retry(key)
            return "retry"
        self._queue.forget(key)
        if then.after is None:
            return "done"
        self._queue.add(key, then.after.total_seconds())
        return "again"
