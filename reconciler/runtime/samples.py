"""What metrics look up when somebody asks for them: reads memory alone, costs no request, holds no lock for long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from reconciler.core.census import census
from reconciler.core.meters import Sample
from reconciler.core.ports import Cache
from reconciler.runtime.liveness import Pool
from reconciler.runtime.notes.outbox import Outbox
from reconciler.runtime.observe.observer import SweepFreshness
from reconciler.runtime.sync.memory import SyncCounts


def objects(cache: Cache, kinds: Mapping[str, bool]) -> Iterator[Sample]:
    """`kinds` with whether each is a job."""
    for kind, job in kinds.items():
        yield from census(kind, cache.items(kind), job=job)


def queues(pools: Iterable[Pool]) -> Iterator[Sample]:
    for pool in pools:
        yield Sample("queue_depth", pool.queue.depth(), (pool.name,))
        yield Sample("queue_oldest_seconds", pool.queue.oldest_age_s(), (pool.name,))


def syncs(stats: SyncCounts) -> Iterator[Sample]:
    wrote = (
        ("applied", stats.applied),
        ("put_back", stats.reverted),  # its name in earlier releases
        ("pruned", stats.pruned),
    )
    for action, number in wrote:
        yield Sample("sync_objects", number, (action,))


def notes(outbox: Outbox) -> Iterator[Sample]:
    yield Sample("notes_waiting_lines", outbox.waiting_lines())
    yield Sample("notes_lines", outbox.stats.lines)
    yield Sample("notes_pushes", outbox.stats.pushes)
    yield Sample("notes_failures", outbox.stats.failures)


def verified(freshness: Mapping[str, SweepFreshness], now: datetime) -> Iterator[Sample]:
    for kind, seen in freshness.items():
        if seen.oldest is not None:
            yield Sample("verification_age_seconds", max(0.0, (now - seen.oldest).total_seconds()), (kind,))
        yield Sample("unverified_things", seen.unverified, (kind,))
        yield Sample("sweep_pages", seen.pages, (kind,))
