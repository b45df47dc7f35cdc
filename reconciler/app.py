"""The composition root: the one place that builds clients, clock, threads and schedules, and reads settings once."""

from __future__ import annotations

import gc
import logging
import os
import random
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

from reconciler import __version__
from reconciler.adapters.aws import Aws, EventsQueue, Sessions, Tenant
from reconciler.adapters.files import LocalRefWatcher
from reconciler.adapters.forges import Forges
from reconciler.adapters.git import GitNotes, GitRepositories
from reconciler.adapters.kube.api import Api
from reconciler.adapters.kube.cache import KubeCache
from reconciler.adapters.kube.client import KubeClient
from reconciler.adapters.kube.definitions import KubeDefinitions
from reconciler.adapters.kube.events import KubeEvents
from reconciler.adapters.kube.leader import AlwaysLeader, LeaderElector
from reconciler.adapters.kube.namespaces import KubeNamespaces
from reconciler.adapters.kube.neighbours import neighbours
from reconciler.adapters.kube.objects import KubeApplier, KubeObjects
from reconciler.adapters.kustomize import KubectlKustomizer
from reconciler.adapters.metrics import CONTENT_TYPE, Metrics
from reconciler.adapters.partitions import load_partitions
from reconciler.adapters.service_model import load_shape
from reconciler.core.errors import ReconcileError
from reconciler.core.git import webhooks
from reconciler.core.git.rules import UrlPolicy
from reconciler.core.git.source import GitRemote
from reconciler.core.health import Loop
from reconciler.core.kind import Identity, Kind
from reconciler.core.meters import Reading
from reconciler.core.ports import Leader
from reconciler.core.resource import Key, Resource
from reconciler.core.schema.problems import problems
from reconciler.core.sync.spec import KIND as SYNC
from reconciler.core.sync.spec import GitSyncSpec
from reconciler.core.tenancy import Place, Tenancy
from reconciler.kinds import CATALOG
from reconciler.runtime import readings
from reconciler.runtime.aws_contact import AwsContact
from reconciler.runtime.cluster_name import claim_cluster_name, identity_map
from reconciler.runtime.forge.hooks import Hooks
from reconciler.runtime.forge.reports import Reports
from reconciler.runtime.liveness import Pool, Vitals
from reconciler.runtime.notes.journal import Journal
from reconciler.runtime.notes.lease import HeldLeases, NoLeases
from reconciler.runtime.notes.outbox import Outbox
from reconciler.runtime.notes.target import GitSyncTargets
from reconciler.runtime.notes.trained import Trained
from reconciler.runtime.observe.events_listener import EventsListener
from reconciler.runtime.observe.observer import Observer, Paces
from reconciler.runtime.queue import WorkQueue
from reconciler.runtime.reconcile.children import Children
from reconciler.runtime.reconcile.dependents import Dependents
from reconciler.runtime.reconcile.loop import Reconciler
from reconciler.runtime.reconcile.ports import Ports
from reconciler.runtime.reconcile.worker import Worker
from reconciler.runtime.rollouts import Rollouts
from reconciler.runtime.sync.claims import Claims
from reconciler.runtime.sync.liveview import LiveView
from reconciler.runtime.sync.loop import SyncController
from reconciler.runtime.sync.schedule import IntervalSchedule
from reconciler.runtime.web import Answer, Web

log = logging.getLogger(__name__)


_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class SystemClock:
    """The one reader of the wall clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - here and nowhere else

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True)
class Settings:
    cluster_name: str
    kubeconfig: str | None = None
    namespaces: tuple[str, ...] = ()
    """Watched namespaces; none: all."""
    controller_namespace: str = "default"
    leader_election: bool = False
    endpoints: dict[str, str] = field(default_factory=dict)
    default_endpoint: str = ""
    allowed_regions: tuple[str, ...] = ()
    allowed_roles: tuple[str, ...] = ()
    forbid_adoption: tuple[str, ...] = ()
    external_id: str = ""
    allow_file_remotes: bool = False
    cache_dir: Path = Path("/var/cache/sagemaker-gitops")
    workers: int = 4
    paces: Paces = field(default_factory=Paces)
    events_queue: str = ""
    """URL of an SQS queue of EventBridge events; empty: sweeps alone."""
    listen: str = "127.0.0.1"
    port: int = 8080
    kubectl: str = "kubectl"


class Service:
    """Everything, built and wired; `start`, then `wait` until a signal or the loss of the Lease ends it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ended = threading.Event()
        self._failed = False
        self._replica = f"{socket.gethostname()}-{os.getpid()}"
        self._clock = clock = SystemClock()
        self._metrics = metrics = Metrics()
        self._contact = AwsContact(metrics)
        kinds = {schema.kind: Api(schema.group, schema.version, schema.plural) for schema in CATALOG.schemas}
        self._client = KubeClient(settings.kubeconfig, meter=metrics)
        self._objects = KubeObjects(self._client, kinds)
        self._cache = KubeCache(self._client, kinds, namespaces=settings.namespaces)
        self._events = KubeEvents(self._client, clock, self._replica)
        self._leader, self._elector = self._election(clock)
        self._queue: WorkQueue[Key] = WorkQueue(clock.monotonic, random.random)
        loader = Loader()
        self._aws = aws = Aws(Sessions(loader), clock.monotonic, meter=self._contact)
        self._observer = Observer(aws, clock, CATALOG.remotes, self._queue.add, settings.paces)
        queue = EventsQueue(loader, settings.events_queue, self._contact) if settings.events_queue else None
        self._listener = EventsListener(queue, CATALOG.remotes, self._observer.hint) if queue else None
        shapes = {schema.kind: load_shape(schema, loader) for schema in CATALOG.schemas}
        reconciled = CATALOG.by_name
        live = LiveView(self._cache, lambda found: _as_written(reconciled, found))
        claims = Claims(live)
        claims.on_news(self._queue.add)
        urls = UrlPolicy(allow_file=settings.allow_file_remotes)
        self._repositories = GitRepositories(settings.cache_dir, urls, meter=metrics)
        self._watcher = LocalRefWatcher()
        self._schedule = IntervalSchedule(self._wake_sync)
        self._notes = GitNotes(settings.cache_dir, urls, meter=metrics)
        targets = GitSyncTargets(self._cache.get, self._remote, settings.cluster_name)
        self._outbox = self._make_outbox(clock, targets)
        trained = Trained(
            targets=targets,
            notes=self._notes,
            syncs=self._cache.get,
            cluster=settings.cluster_name,
            monotonic=clock.monotonic,
        )
        self._sync = SyncController(
            cache=self._cache,
            live=live,
            claims=claims,
            objects=self._objects,
            appliers=self._appliers(kinds),
            events=self._events,
            leader=self._leader,
            clock=clock,
            repositories=self._repositories,
            kinds={schema.kind: schema.api_version for schema in CATALOG.schemas},
            validate=lambda manifest: problems(shapes[manifest.kind], manifest.value.get("spec") or {}),
            record=self._outbox,
            recall=trained.read,
            cluster=settings.cluster_name,
            jitter=random.random,
            kustomizer=KubectlKustomizer(Path(shutil.which(settings.kubectl) or settings.kubectl)),
            schedule=self._schedule,
            watcher=self._watcher,
            meter=metrics,
        )
        self._reports = Reports(
            cluster=settings.cluster_name,
            cache=self._cache,
            look=live.get,
            objects=self._objects,
            forge=Forges(clock),
            events=self._events,
            leader=self._leader,
            clock=clock,
            jitter=random.random,
        )
        self._hooks = Hooks(
            cache=self._cache,
            objects=self._objects,
            events=self._events,
            leader=self._leader,
            clock=clock,
            wake=self._wake_sync,
        )
        ports = Ports(
            cache=self._cache,
            objects=self._objects,
            aws=aws,
            observer=self._observer,
            claims=claims,
            events=self._events,
            leader=self._leader,
            clock=clock,
            children=Children(self._cache, self._objects, KubeApplier(self._client, kinds)),
            journal=Journal(self._outbox, settings.cluster_name, trained.hear),
            trained=trained,
            definitions=KubeDefinitions(self._client, {schema.kind: schema.crd_name for schema in CATALOG.schemas}),
        )
        self._cache.subscribe(Dependents(CATALOG, {name: shapes[name] for name in reconciled}, self._queue.add).changed)
        table = {name: (kind, shapes[name]) for name, kind in reconciled.items()}
        partition_of = load_partitions(loader)
        self._namespaces = KubeNamespaces(self._client, clock.monotonic, required=bool(settings.allowed_roles))
        self._tenancy = Tenancy(
            settings.endpoints,
            settings.default_endpoint,
            settings.allowed_regions,
            settings.allowed_roles,
            settings.external_id,
            partition_of,
        )
        identity = Identity(settings.cluster_name, frozenset(settings.forbid_adoption))
        worker = Worker(table, ports, self._place_of, identity, self._replica, partition_of=partition_of)
        self._kinds = frozenset(table)
        self._reconciler = Reconciler(
            self._queue, worker.reconcile, self._cache, settings.workers, monotonic=clock.monotonic, meter=metrics
        )
        self._cache.subscribe(Rollouts(self._kinds, metrics).changed)
        self._running = False
        self._vitals = Vitals()
        self._look_up()
        probes = {"/healthz": self._unhealthy, "/readyz": self._unready}
        pages = {"/metrics": lambda: Answer(HTTPStatus.OK, metrics.text(), {"Content-Type": CONTENT_TYPE})}
        self._web = Web(settings.listen, settings.port, probes, {webhooks.PREFIX: self._hooks.receive}, pages)

    def run(self) -> int:
        """Until a signal: 0; 1 when the Lease was lost, so that the next start begins from nothing. A second signal ends the
        process where it stands, which is a crash like any other: what was on its way is found again by the next start.
        """
        for number in _SIGNALS:
            signal.signal(number, self._asked_to_end)
        gc.freeze()  # code, models and schemas stay for good: no collection looks at them again, the last ones included
        self.start()
        self._ended.wait()
        log.info("stopping: waiting for %s; a second signal ends at once", self._under_way())
        self.stop()
        return 1 if self._failed else 0

    def _asked_to_end(self, *_: object) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        self._ended.set()

    def _under_way(self) -> str:
        passes = [(pool.name, *found) for pool in self._pools() if (found := pool.queue.longest_pass())]
        told = (f"{name} ({key}, for {seconds:.0f} s)" for name, key, seconds in passes)
        return ", ".join(told) or "threads that are idle"

    def start(self) -> None:
        self._client.require_version()
        claim_cluster_name(self._objects, self._settings.controller_namespace, self._settings.cluster_name)
        self._web.start()
        self._events.start()
        self._vitals.watch(self._events.loops)
        self._contact.start(lambda: self._aws.read(Tenant(region=""), "GetCallerIdentity", {}))
        if self._elector:
            self._elector.start()
            self._vitals.watch(self._elector.loops)
        else:
            self._lead()

    def stop(self) -> None:
        self._ended.set()
        self._contact.stop()
        if self._running:
            self._schedule.stop()
            self._watcher.stop()
            self._hooks.stop()
            self._reports.stop()
            self._sync.stop()
            self._repositories.close()
            self._reconciler.stop()
            if self._listener:
                self._listener.stop()
            self._observer.stop()
            self._outbox.stop()
            self._notes.close()
            self._cache.stop()
        if self._elector:
            self._elector.stop()
        self._events.stop()
        self._web.stop()
        self._client.close()

    def _lead(self) -> None:
        threading.Thread(target=self._begin_safely, name="begin", daemon=True).start()

    def _begin_safely(self) -> None:
        """A service that could not begin would hold the Lease and do nothing."""
        try:
            self._begin()
        except Exception:
            log.exception("the service could not begin")
            self._failed = True
            self._ended.set()

    def _begin(self) -> None:
        """Informers first; nothing is decided before every kind was listed once."""
        self._cache.start()
        self._vitals.watch(self._cache.loops)
        self._running = True
        while not self._cache.synced():
            if self._ended.wait(0.05):
                return
        self._schedule.start()
        self._sync.start()
        self._reports.start()
        self._hooks.start()
        self._outbox.start(sync.key for sync in self._cache.items(SYNC))
        self._cache.subscribe(self._sync_changed)
        self._observer.start()
        if self._listener:
            self._listener.start()
            self._vitals.watch(self._listener.loops)
        self._warn_of_neighbours()
        self._reconciler.start(self._kinds)
        self._vitals.watch(self._schedule.loops, self._observer.loops, self._pool_loops)
        log.info("reconciling as %s for cluster %s", self._replica, self._settings.cluster_name)

    def _lost(self) -> None:
        if not self._ended.is_set():
            log.warning("the Lease is lost: another replica leads, this one ends")
            self._failed = True
            self._ended.set()

    def _make_outbox(self, clock: SystemClock, targets: GitSyncTargets) -> Outbox:
        settings = self._settings

        def lease(name: str, won: Callable[[], None]) -> LeaderElector:
            namespace = settings.controller_namespace
            return LeaderElector(self._client, namespace, name, self._replica, clock, on_started=won)

        return Outbox(
            maps=self._objects,
            targets=targets,
            notes=self._notes,
            leases=HeldLeases(lease) if settings.leader_election else NoLeases(),
            events=self._events,
            syncs=self._cache.get,
            cluster=settings.cluster_name,
            monotonic=clock.monotonic,
            jitter=random.random,
        )

    def _remote(self, sync: Resource, spec: GitSyncSpec) -> GitRemote:
        """As the sync reads it; asked for when lines are pushed, long after both are there."""
        return self._sync.remote(sync, spec)

    def _sync_changed(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        """A GitSync whose spec changed may say other things about notes; one that is gone keeps none."""
        if key.kind != SYNC:
            return
        if new is None:
            self._outbox.drop(key)
        elif old is None or old.generation != new.generation:
            self._outbox.wake(key)

    def _wake_sync(self, key: Key) -> None:
        self._sync.wake(key)

    def _appliers(self, kinds: Mapping[str, Api]) -> Callable[[str, str], KubeApplier]:
        """Appliers with our own rights, or with those of a ServiceAccount that a GitSync names."""
        own = KubeApplier(self._client, kinds)

        def applier(namespace: str, account: str) -> KubeApplier:
            return KubeApplier(self._client.as_service_account(namespace, account), kinds) if account else own

        return applier

    def _election(self, clock: SystemClock) -> tuple[Leader, LeaderElector | None]:
        if not self._settings.leader_election:
            return AlwaysLeader(), None
        elector = LeaderElector(
            self._client,
            self._settings.controller_namespace,
            "sagemaker-gitops",
            self._replica,
            clock,
            on_started=self._lead,
            on_stopped=self._lost,
        )
        return elector, elector

    def _place_of(self, resource: Resource) -> Place:
        return self._tenancy.place(
            CATALOG.by_name[resource.kind], resource, self._namespaces.annotations(resource.namespace)
        )

    def _warn_of_neighbours(self) -> None:
        """Told on the ConfigMap that keeps our name, and in the log; never a reason not to work."""
        settings = self._settings
        about = self._objects.get(identity_map(settings.controller_namespace))
        used = {found.namespace for kind in self._kinds for found in self._cache.items(kind)}
        definitions = [schema.crd_name for schema in CATALOG.schemas]
        try:
            for warned in neighbours(
                self._client, definitions, {settings.controller_namespace, *settings.namespaces, *used}
            ):
                log.warning(warned.message)
                if about is not None:
                    self._events.emit(about, "Warning", warned.reason, warned.message)
        except ReconcileError as error:
            log.info("nobody knows who else looks after our resources: %s", error)

    def _look_up(self) -> None:
        """What metrics ask for, each by itself: a fault in one costs that one."""
        metrics, jobs = self._metrics, {one.kind: one.kind in CATALOG.jobs for one in CATALOG.schemas}
        metrics.read(lambda: readings.objects(self._cache, jobs))
        metrics.read(lambda: readings.queues(self._pools()))
        metrics.read(lambda: readings.syncs(self._sync.stats))
        metrics.read(lambda: readings.notes(self._outbox))
        metrics.read(lambda: readings.verified(self._observer.freshness(), self._clock.now()))
        metrics.read(
            lambda: [
                Reading("events_dropped", self._events.dropped),
                Reading("leader", self._leader.is_leader()),
                Reading("stuck_loops", len(self._unhealthy())),
                Reading("build_info", 1, (__version__,)),
            ]
        )

    def _pools(self) -> Iterator[Pool]:
        for owner in (self._reconciler, self._sync, self._outbox, self._reports, self._hooks):
            yield from owner.pools()

    def _pool_loops(self) -> Iterator[Loop]:
        return (loop for pool in self._pools() for loop in pool.loops())

    def _unhealthy(self) -> list[str]:
        return [] if self._ended.is_set() else self._vitals.problems()

    def _unready(self) -> list[str]:
        return [*self._behind(), *self._contact.problems()]

    def _behind(self) -> list[str]:
        if not self._running:
            return [] if self._elector else ["starting"]
        return [] if self._cache.synced() else self._cache.problems() or ["caches are not synced yet"]


def _as_written(kinds: Mapping[str, Kind[Any]], resource: Resource) -> Mapping[str, Any]:
    """The spec without the archived operator's write-backs, for kinds that had any."""
    kind = kinds.get(resource.kind)
    return kind.as_written(resource) if kind else resource.spec
