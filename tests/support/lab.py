"""Loop 2 on a bench: the real worker, observer and AWS adapter against the simulator, with a cluster in memory and a clock
that is moved by hand. One thread, so every run repeats; a process can "die" at any boundary and begin again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Literal

from reconciler.adapters.aws import AwsClients
from reconciler.adapters.partitions import load_partitions
from reconciler.app.kinds import LoadedKinds
from reconciler.app.loops import Outside, common_ground, reconcile_loop
from reconciler.core.catalog import Catalog
from reconciler.core.conditions import find
from reconciler.core.decision import Call
from reconciler.core.kind import Identity
from reconciler.core.notes.note import render
from reconciler.core.notes.past import Started
from reconciler.core.notes.status import lines as lines_of
from reconciler.core.ports import ClusterPorts
from reconciler.core.resource import FINALIZER, Key, Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.tenancy import ANY, Place, Tenancy
from reconciler.kinds import CATALOG
from reconciler.runtime.observe.observer import Paces
from reconciler.runtime.reconcile.children import Children
from reconciler.runtime.reconcile.loop import is_our_status
from reconciler.runtime.reconcile.outcome import Next
from tests.support.boundaries import Boundaries, BoundedAws, BoundedObjects, CrashError
from tests.support.clock import LabClock
from tests.support.lab_sessions import LOADER, BenchSessions
from tests.support.manifests import IMAGE, PREFIX, ROLE, annotated, example, hosting, job, manifest
from tests.support.memory_cluster import ChildrenOf, MemoryCluster
from tests.support.simulator_control import SimControl

PARTITIONS = load_partitions(LOADER)


@dataclass(frozen=True)
class Sent:
    """A mutating call that left the process: for which object, when, and the status that was written before it."""

    key: Key
    call: Call
    at: datetime
    status: Mapping[str, Any]
    statuses: int
    """How many had been written by then, of all objects."""


@dataclass
class Surroundings:
    """Events, leadership and definitions: what tests set and read."""

    emitted: list[tuple[str, str, str]] = field(default_factory=list)
    noted: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Lines for the commit, by id, in the order in which they were told first."""
    past_runs: Mapping[str, Started] | None = field(default_factory=dict)
    """What notes tell of jobs that ran, by digest; the same for every object."""
    past_rollouts: tuple[Mapping[str, Any], ...] = ()
    """What notes tell of rollouts that ended; the same for every object."""
    leading: bool = True
    terminating_kinds: set[str] = field(default_factory=set)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    """Annotations of Namespaces."""

    def status_changes(self, resource: Resource, status: Mapping[str, Any], shape: Structure, now: datetime) -> None:
        lines = lines_of(resource, resource.status, status, cluster="lab", now=now, spec=shape)
        self.noted |= {line.id: json.loads(render(line)) for _, line in lines}

    def runs(self, resource: Resource) -> Mapping[str, Started] | None:
        del resource
        return self.past_runs

    def rollouts(self, resource: Resource) -> tuple[Mapping[str, Any], ...]:
        del resource
        return self.past_rollouts

    def emit(self, about: Resource, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        assert kind in ("Normal", "Warning")
        self.emitted.append((about.name, reason, message))

    def is_leader(self) -> bool:
        return self.leading

    def terminating(self, kind: str) -> bool:
        return kind in self.terminating_kinds


@cache
def loaded_kinds(catalog: Catalog = CATALOG) -> LoadedKinds:
    return LoadedKinds.load(LOADER, catalog)


class Lab:
    """`settle` runs passes while anything moves; `run` also lets time go by."""

    def __init__(
        self,
        simulator: SimControl,
        *,
        cluster_name: str = "lab",
        cluster: MemoryCluster | None = None,
        catalog: Catalog = CATALOG,
    ) -> None:
        self.simulator = simulator
        self.catalog = catalog
        self.cluster = cluster or MemoryCluster()
        self.clock = LabClock()
        self.around = Surroundings()
        self.boundaries = Boundaries()
        self.identity = Identity(cluster_name)
        self.tenancy = Tenancy(endpoints={ANY: simulator.url}, partition_of=PARTITIONS)
        self.aws = self._connect()
        self.kinds = loaded_kinds(catalog)
        self.paces = Paces()
        """Of the next process."""
        self.sent: list[Sent] = []
        """In order, over all processes: line for line what the simulator's record has of them."""
        self.begin()

    @property
    def shapes(self) -> dict[str, Structure]:
        """Of the specs that are reconciled."""
        return {kind: shape for kind, (_, shape) in self.kinds.table.items()}

    def start_over(self) -> None:
        """Another experiment: an empty cluster, an empty account."""
        self.simulator.reset()
        self.simulator.clear_rules()
        self.cluster = MemoryCluster()
        self.clock.start_over()
        self.begin()

    def _connect(self) -> AwsClients:
        return AwsClients(BenchSessions(self.simulator), self.clock.monotonic)

    def begin(self) -> None:
        """A process starts: nothing in memory, everything in status."""
        self.boundaries = Boundaries()
        self._due: dict[Key, float] = {}
        self._woken: set[Key] = set()
        self._seen: dict[Key, dict[str, Any] | None] = {}
        around, objects = self.around, BoundedObjects(self.cluster, self.boundaries)
        ground = common_ground(self.kinds, self.cluster, self._woken.add, self.clock.monotonic)
        self.claims = ground.claims
        outside = Outside(
            cluster=ClusterPorts(self.cluster, objects, around, around, self.clock),
            aws=BoundedAws(self.aws, self.boundaries, self._sending),
            definitions=around,
            children=Children(self.cluster, self.cluster, ChildrenOf(self.cluster)),
            journal=around,
            memory=around,
            place_of=self._place_of,
            partition_of=PARTITIONS,
        )
        self.worker, self.observer = reconcile_loop(
            self.kinds,
            ground,
            outside,
            identity=self.identity,
            replica="lab-replica",
            wake=self._woken.add,
            paces=self.paces,
        )

    def _place_of(self, resource: Resource) -> Place:
        return self.tenancy.place(
            self.catalog.by_name[resource.kind], resource, self.around.namespaces.get(resource.namespace, {})
        )

    def settle(self, passes: int = 40) -> None:
        """Passes over whatever moved, until nothing does; time stands still."""
        for _ in range(passes):
            keys = [key for key in self.cluster.objects if self._moved(key)] + [k for k in self._seen if self._gone(k)]
            if not keys:
                return
            for key in keys:
                self.reconcile(key)
        raise AssertionError(f"still moving after {passes} rounds: {keys}")

    def reconcile(self, key: Key) -> Next:
        """One pass, as a worker thread would make it."""
        self._woken.discard(key)
        self._due.pop(key, None)
        found = self.cluster.objects.get(key)
        self._seen[key] = found
        self._current = key
        then = self.worker.reconcile(key)
        if then.failed:
            self._due[key] = self.clock.elapsed_s + 2
        elif then.after is not None:
            self._due[key] = self.clock.elapsed_s + then.after.total_seconds()
        if found is None:
            self._seen.pop(key, None)
        return then

    def run(self, seconds: float = 3600, until: Callable[[], object] | None = None, step_s: float = 5) -> None:
        """Let time go by, here and in the simulator, until the predicate holds (then it must)."""
        end = self.clock.elapsed_s + seconds
        self.settle()
        while not (until and until()):
            if self.clock.elapsed_s >= end:
                assert until is None, f"not within {seconds} s: {self.summary()}"
                return
            self.clock.elapsed_s += step_s
            self.simulator.advance(step_s)
            self.sweep()
            self.settle()

    def sweep(self) -> None:
        """What the observer's thread would do now."""
        self.observer.sweep_due()

    def run_and_die(self, die_at: int, until: Callable[[], object]) -> str | None:
        """Run with a process that dies at that boundary and one that takes over; what the first was about to do."""
        self.begin()
        self.boundaries.die_at = die_at
        try:
            self.run(until=until, step_s=30)
        except CrashError as crash:
            self.begin()
            self.run(until=until, step_s=30)
            return str(crash)
        return None

    def _sending(self, call: Call) -> None:
        status, statuses = self.status(self._current), len(self.cluster.written)
        self.sent.append(Sent(self._current, call, self.clock.now(), status, statuses))

    def _moved(self, key: Key) -> bool:
        now, before = self.cluster.objects[key], self._seen.get(key)
        changed = before is None or (now is not before and not is_our_status(Resource(before), Resource(now)))
        due = self._due.get(key, float("inf")) <= self.clock.elapsed_s
        return changed or key in self._woken or due

    def _gone(self, key: Key) -> bool:
        return key not in self.cluster.objects

    # what tests ask

    def effects(self, since: int = 0) -> Counter[str]:
        """How often each mutating operation really changed something, replies lost or not."""
        return Counter(row["op"] for row in self.simulator.requests(since, service="sagemaker") if row["effect"])

    def exists(self) -> Counter[str]:
        """What is in SageMaker, by kind."""
        return Counter(row["kind"] for row in self.simulator.state()["resources"])

    def status(self, key: Key) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.objects[key].get("status") or {}
        return found

    def condition(self, key: Key, kind: str) -> Mapping[str, Any]:
        return find(self.status(key).get("conditions") or (), kind) or {}

    def reason(self, key: Key) -> str:
        return str(self.condition(key, "Ready").get("reason", ""))

    def is_ready(self, key: Key) -> bool:
        return self.condition(key, "Ready").get("status") == "True" and "Reconciling" not in self.types(key)

    def types(self, key: Key) -> set[str]:
        """Conditions that are True."""
        return {c["type"] for c in self.status(key).get("conditions") or () if c["status"] == "True"}

    def summary(self) -> dict[str, str]:
        return {
            str(key): f"{self.reason(key)}: {self.condition(key, 'Ready').get('message')}"
            for key in self.cluster.objects
        }


__all__ = [
    "FINALIZER",
    "IMAGE",
    "LOADER",
    "PREFIX",
    "ROLE",
    "CrashError",
    "Lab",
    "LabClock",
    "MemoryCluster",
    "annotated",
    "example",
    "hosting",
    "job",
    "manifest",
]
