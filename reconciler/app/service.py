"""The service: every part built and wired, started in one order, stopped in the reverse."""

from __future__ import annotations

import gc
import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Protocol

from reconciler import __version__
from reconciler.adapters.forges import Forges
from reconciler.adapters.metrics import CONTENT_TYPE
from reconciler.app.lifecycle import Lifecycle, ServicePart, StoppedError
from reconciler.app.logs import about
from reconciler.app.loops import Outside, common_ground, git_record, reconcile_loop, source_reader
from reconciler.app.settings import Settings
from reconciler.app.sides import Base, aws_side, cluster_side, git_access, places
from reconciler.core.git import webhooks
from reconciler.core.health import Loop
from reconciler.core.kind import Identity
from reconciler.core.meters import Sample
from reconciler.core.resource import Annotation, Key
from reconciler.core.sync.spec import KIND as SYNC
from reconciler.runtime import samples
from reconciler.runtime.forge.hooks import Hooks
from reconciler.runtime.forge.reports import Reports
from reconciler.runtime.liveness import Pool, Vitals
from reconciler.runtime.notes.outbox import OutboxPorts
from reconciler.runtime.notes.target import GitSyncTargets
from reconciler.runtime.observe.events_listener import EventsListener
from reconciler.runtime.queue import WorkQueue
from reconciler.runtime.reconcile.loop import Reconciler
from reconciler.runtime.reconcile.outcome import Next
from reconciler.runtime.rollouts import Rollouts
from reconciler.runtime.sync.loop import SyncController
from reconciler.runtime.sync.notes import SyncNotes
from reconciler.runtime.sync.ports import SyncPorts, Triggers
from reconciler.runtime.sync.schedule import IntervalSchedule
from reconciler.runtime.web import Answer, Web

log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Service:
    """`run` until a signal or the loss of the Lease ends it; or `start` and `stop`."""

    def __init__(self, settings: Settings) -> None:
        self._ended = threading.Event()
        self._failed = False
        self._running = False
        """Whether this replica has begun to lead."""
        self.vitals = Vitals()
        """What `/healthz` asks."""
        self._lifecycle = Lifecycle(self.vitals.watch)
        self._base = base = Base.of(settings)
        name, clock, metrics = settings.cluster_name, base.clock, base.metrics

        self._cluster = cluster = cluster_side(base, self._lead, self._lost)
        self._aws = aws = aws_side(base)
        self._git = git = git_access(base)

        queue: WorkQueue[Key] = WorkQueue(clock.monotonic, base.jitter)
        ground = common_ground(base.kinds, cluster.cache, queue.add, clock.monotonic)
        source = source_reader(base.kinds, git.repositories, cluster.objects, git.kustomizer)

        targets = GitSyncTargets(cluster.cache.get, source.remote, name)
        outbox = OutboxPorts(cluster.objects, targets, git.notes, cluster.leases(), cluster.events, cluster.cache.get)
        back = git_record(outbox, name, clock.monotonic, base.jitter)
        self._outbox = back.outbox
        self._reports = Reports(cluster.ports, Forges(clock), ground.live.get, cluster_name=name, jitter=base.jitter)

        self._schedule = IntervalSchedule()
        self._sync = SyncController(
            SyncPorts(cluster.ports, cluster.applier, ground.live, ground.claims),
            source,
            SyncNotes(back.outbox, name),
            back.memory.read,
            Triggers(self._schedule, git.watcher),
            jitter=base.jitter,
            meter=metrics,
        )
        self._hooks = Hooks(cluster.ports, self._sync.wake)

        outside = Outside(
            cluster=cluster.ports,
            aws=aws.clients,
            definitions=cluster.definitions(),
            children=cluster.children(),
            journal=back.journal,
            memory=back.memory,
            place_of=places(base, cluster.client, aws.partition_of),
            partition_of=aws.partition_of,
        )
        identity = Identity(name, frozenset(settings.forbid_adoption))
        worker, self._observer = reconcile_loop(
            base.kinds, ground, outside, identity=identity, replica=base.replica, wake=queue.add, paces=settings.paces
        )
        self._listener = (
            EventsListener(aws.events_queue, base.kinds.catalog.remotes, self._observer.hint)
            if aws.events_queue
            else None
        )
        self._reconciler = Reconciler(
            queue,
            self._pass_of(worker.reconcile),
            cluster.cache,
            settings.workers,
            monotonic=clock.monotonic,
            meter=metrics,
            deadline_s=settings.pass_deadline_s,
        )
        cluster.cache.subscribe(Rollouts(frozenset(base.kinds.table), metrics).changed)

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
        try:
            self.start()
            self._ended.wait()
            log.info("stopping: waiting for %s; a second signal ends at once", self._under_way())
        finally:
            self.stop()
        return 1 if self._failed else 0

    def _asked_to_end(self, *_: object) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        self._ended.set()

    def _under_way(self) -> str:
        passes = [(pool.name, *found) for pool in self._pools() if (found := pool.queue.longest_pass())]
        busy = (f"{name} ({key}, for {seconds:.0f} s)" for name, key, seconds in passes)
        return ", ".join(busy) or "threads that are idle"

    # --- what runs, in which order ---------------------------------------------------------------------------------

    def start(self) -> None:
        """ReconcileError where this cluster, or this address, is not for us."""
        self._lifecycle.start(self._always())

    def stop(self) -> None:
        """Wait for passes under way; what no other part waits for is given up after some seconds."""
        self._ended.set()
        self._lifecycle.stop()

    def _always(self) -> Iterable[ServicePart]:
        """What every replica runs, leading or not."""
        cluster, aws = self._cluster, self._aws
        alone = cluster.presence
        return (
            ServicePart(stop=cluster.client.close),
            ServicePart(cluster.admit),
            *((ServicePart(alone.start, alone.stop, alone.loops),) if alone else ()),
            ServicePart(self._web.start, self._web.stop),  # probes answer until the end
            ServicePart(cluster.events.start, cluster.events.stop, cluster.events.loops),  # the last parts still report
            ServicePart(lambda: aws.contact.start(aws.say_who_we_are), aws.contact.stop),
            # The Lease is let go of when all that it allows has ended.
            ServicePart(elector.start, elector.stop, elector.loops)
            if (elector := cluster.elector)
            else ServicePart(self._lead),
        )

    def _leading(self) -> Iterable[ServicePart]:
        """What the leader runs. Whoever is asked stands before whoever asks: a pass that is waited for at the end finds
        its ports working.
        """
        git, observer, outbox, sync = self._git, self._observer, self._outbox, self._sync
        kinds, cache, of = frozenset(self._base.kinds.table), self._cluster.cache, _loops_of
        return (
            ServicePart(cache.start, cache.stop, cache.loops),
            ServicePart(self._wait_for_cache),  # nothing is decided before every kind was listed once
            ServicePart(stop=git.notes.close),
            ServicePart(lambda: outbox.start(found.key for found in cache.items(SYNC)), outbox.stop, of(outbox)),
            ServicePart(lambda: cache.subscribe(outbox.changed)),
            ServicePart(observer.start, observer.stop, observer.loops),
            *((ServicePart(queue.start, queue.stop, queue.loops),) if (queue := self._listener) else ()),
            ServicePart(sync.listen),  # claims are known before a worker asks for the first
            ServicePart(lambda: self._reconciler.start(kinds), self._reconciler.stop, of(self._reconciler)),
            ServicePart(stop=git.repositories.close),
            ServicePart(sync.start, sync.stop, of(sync)),
            ServicePart(self._reports.start, self._reports.stop, of(self._reports)),
            ServicePart(self._hooks.start, self._hooks.stop, of(self._hooks)),
            # What wakes syncs ends first.
            ServicePart(stop=git.watcher.stop),
            ServicePart(self._schedule.start, self._schedule.stop, self._schedule.loops),
        )

    def _lead(self) -> None:
        threading.Thread(target=self._begin, name="begin", daemon=True).start()

    def _begin(self) -> None:
        """A service that could not begin would hold the Lease and do nothing: it ends."""
        self._running = True
        try:
            self._lifecycle.start(self._leading())
            self._cluster.warn_of_neighbours()
            log.info("reconciling as %s for cluster %s", self._base.replica, self._base.settings.cluster_name)
        except StoppedError:
            log.info("stopped before everything ran")
        except Exception:
            log.exception("the service could not begin")
            self._failed = True
            self._ended.set()

    def _wait_for_cache(self) -> None:
        while not self._cluster.cache.synced():
            if self._ended.wait(0.05):
                raise StoppedError

    def _lost(self) -> None:
        if not self._ended.is_set():
            log.warning("the Lease is lost: another replica leads, this one ends")
            self._failed = True
            self._ended.set()

    # --- what is seen from outside ---------------------------------------------------------------------------------

    def _pass_of(self, reconcile: Callable[[Key], Next]) -> Callable[[Key], Next]:
        """Everything that a pass logs names its object and the object's commit."""

        def logged(key: Key) -> Next:
            resource = self._cluster.cache.get(key)
            commit = resource.annotations.get(Annotation.COMMIT, "") if resource else ""
            with about(object=str(key), commit=commit):
                return reconcile(key)

        return logged

    def _look_up(self) -> None:
        """What metrics ask for, each by itself: a fault in one costs that one."""
        base, cluster = self._base, self._cluster
        read = base.metrics.read
        read(lambda: samples.objects(cluster.cache, base.kinds.jobs))
        read(lambda: samples.queues(self._pools()))
        read(lambda: samples.syncs(self._sync.stats))
        read(lambda: samples.notes(self._outbox))
        read(lambda: samples.verified(self._observer.freshness(), base.clock.now()))
        read(
            lambda: [
                Sample("events_dropped", cluster.events.dropped),
                Sample("leader", cluster.leader.is_leader()),
                Sample("stuck_loops", len(self._unhealthy())),
                Sample("build_info", 1, (__version__,)),
            ]
        )

    def _pools(self) -> Iterator[Pool]:
        for owner in (self._reconciler, self._sync, self._outbox, self._reports, self._hooks):
            yield from owner.pools()

    def _unhealthy(self) -> list[str]:
        return [] if self._ended.is_set() else self.vitals.problems()

    def _unready(self) -> list[str]:
        return [*self._behind(), *self._aws.contact.problems()]

    def _behind(self) -> list[str]:
        cache = self._cluster.cache
        if not self._running:
            return [] if self._cluster.elector else ["starting"]
        return [] if cache.synced() else cache.problems() or ["caches are not synced yet"]


class _Pooled(Protocol):
    def pools(self) -> Iterable[Pool]: ...


def _loops_of(owner: _Pooled) -> Callable[[], Iterator[Loop]]:
    return lambda: (loop for pool in owner.pools() for loop in pool.loops())
