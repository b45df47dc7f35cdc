"""The parts of both loops and of the record in Git, put together. Nothing here knows which cluster, AWS or Git it works on: the
service, the Lab and the tests of the sync build their workers with these functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.app.kinds import LoadedKinds
from reconciler.core.aws.partitions import Partitions
from reconciler.core.git.source import Repositories
from reconciler.core.kind import Identity
from reconciler.core.manifests.render import Kustomizer
from reconciler.core.ports import Cache, ClusterPorts, Objects
from reconciler.core.resource import Key, Resource
from reconciler.core.tenancy import Place
from reconciler.runtime.notes.journal import OutboxJournal
from reconciler.runtime.notes.outbox import Outbox, OutboxPorts
from reconciler.runtime.notes.run_memory import RunMemory
from reconciler.runtime.observe.observer import Aws, Observer, Paces
from reconciler.runtime.reconcile.children import Children
from reconciler.runtime.reconcile.dependents import Dependents
from reconciler.runtime.reconcile.ports import Definitions, Journal, PastRuns, Ports
from reconciler.runtime.reconcile.worker import Worker
from reconciler.runtime.sync.claims import SyncClaims
from reconciler.runtime.sync.liveview import LiveView
from reconciler.runtime.sync.source import SourceReader

Wake = Callable[[Key], None]
"""Ask for a pass of loop 2; only enqueues."""


class CommonGround(NamedTuple):
    """What both loops know of the objects in the cluster: one for the process."""

    live: LiveView
    claims: SyncClaims


def common_ground(kinds: LoadedKinds, cache: Cache, wake: Wake, monotonic: Callable[[], float]) -> CommonGround:
    live = LiveView(cache, kinds.as_written, monotonic)
    claims = SyncClaims(live)
    claims.wake_with(wake)
    return CommonGround(live, claims)


def source_reader(
    kinds: LoadedKinds, repositories: Repositories, objects: Objects, kustomizer: Kustomizer | None = None
) -> SourceReader:
    return SourceReader(repositories, objects, kinds.versions, kinds.validate, kustomizer)


@dataclass(frozen=True)
class Outside:
    """What a worker asks and reports beside the other parts of the loops."""

    cluster: ClusterPorts
    aws: Aws
    definitions: Definitions
    children: Children
    journal: Journal
    memory: PastRuns
    place_of: Callable[[Resource], Place]
    partition_of: Partitions


class ReconcileLoop(NamedTuple):
    worker: Worker
    observer: Observer


def reconcile_loop(
    kinds: LoadedKinds,
    ground: CommonGround,
    outside: Outside,
    *,
    identity: Identity,
    replica: str,
    wake: Wake,
    paces: Paces,
) -> ReconcileLoop:
    """Loop 2 without the threads that call `worker.reconcile`. `replica` signs what is written before a call goes out."""
    cluster = outside.cluster
    observer = Observer(outside.aws, cluster.clock, kinds.catalog.remotes, wake, paces)
    ports = Ports(
        cache=cluster.cache,
        objects=cluster.objects,
        aws=outside.aws,
        observer=observer,
        claims=ground.claims,
        events=cluster.events,
        leader=cluster.leader,
        clock=cluster.clock,
        definitions=outside.definitions,
        children=outside.children,
        journal=outside.journal,
        memory=outside.memory,
    )
    shapes = {kind: shape for kind, (_, shape) in kinds.table.items()}
    cluster.cache.subscribe(Dependents(kinds.catalog, shapes, wake).changed)
    worker = Worker(kinds.table, ports, outside.place_of, identity, replica, partition_of=outside.partition_of)
    return ReconcileLoop(worker, observer)


class GitRecord(NamedTuple):
    """What happened, recorded at the commit, and what was recorded there before."""

    outbox: Outbox
    journal: OutboxJournal
    memory: RunMemory


def git_record(
    ports: OutboxPorts, cluster_name: str, monotonic: Callable[[], float], jitter: Callable[[], float]
) -> GitRecord:
    outbox = Outbox(ports, cluster_name, monotonic=monotonic, jitter=jitter)
    memory = RunMemory(
        targets=ports.targets, notes=ports.notes, syncs=ports.syncs, cluster=cluster_name, monotonic=monotonic
    )
    return GitRecord(outbox, OutboxJournal(outbox, cluster_name, memory.hear), memory)
