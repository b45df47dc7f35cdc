"""What metrics look up when somebody asks for them: reads memory alone, costs no request, holds no lock for long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from reconciler.core.census import census
from reconciler.core.meters import Reading
from reconciler.core.ports import Cache
from reconciler.runtime.liveness import Pool
from reconciler.runtime.notes.outbox import Outbox
from reconciler.runtime.observe.observer import Freshness
from reconciler.runtime.sync.memory import Stats


def objects(cache: Cache, kinds: Mapping[str, bool]) -> Iterator[Reading]:
    """`kinds` with whether each is a job."""
    for kind, job in kinds.items():
        yield from census(kind, cache.items(kind), job=job)


def queues(pools: Iterable[Pool]) -> Iterator[Reading]:
    for pool in pools:
        yield Reading("queue_depth", pool.queue.depth(), (pool.name,))
        yield Reading("queue_oldest_seconds", pool.queue.oldest_age_s(), (pool.name,))


def syncs(stats: Stats) -> Iterator[Reading]:
    for action, number in (("applied", stats.applied), ("put_back", stats.put_back), ("pruned", stats.pruned)):
        yield Reading("sync_objects", number, (action,))


def notes(outbox: Outbox) -> Iterator[Reading]:
    yield Reading("notes_waiting_lines", outbox.waiting_lines())
    yield Reading("notes_lines", outbox.stats.lines)
    yield Reading("notes_pushes", outbox.stats.pushes)
    yield Reading("notes_failures", outbox.stats.failures)


def verified(freshness: Mapping[str, Freshness], now: datetime) -> Iterator[Reading]:
    for kind, told in freshness.items():
        if told.oldest is not None:
            yield Reading("verification_age_seconds", max(0.0, (now - told.oldest).total_seconds()), (kind,))
        yield Reading("unverified_things", told.unverified, (kind,))
        yield Reading("sweep_pages", told.pages, (kind,))
