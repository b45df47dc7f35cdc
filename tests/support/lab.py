"""Loop 2 on a bench: the real worker, observer and AWS adapter against the simulator, with a cluster in memory and a clock
that is moved by hand. One thread, so every run repeats; a process can "die" at any boundary and begin again.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Literal

import yaml

from reconciler.adapters.aws import Aws, load_partitions
from reconciler.adapters.service_model import load_shape
from reconciler.core.conditions import find
from reconciler.core.decision import Call
from reconciler.core.errors import ConflictError, NotFoundError, RateLimitedError, StaleError
from reconciler.core.kind import Identity
from reconciler.core.notes.note import render
from reconciler.core.notes.past import Started
from reconciler.core.notes.status import told
from reconciler.core.resource import FINALIZER, Key, Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.tenancy import ANY, Place, Tenancy
from reconciler.dev.envfile import REGION
from reconciler.kinds import KINDS
from reconciler.runtime.observe.observer import Observer, Paces
from reconciler.runtime.reconcile.children import Children
from reconciler.runtime.reconcile.dependents import Dependents
from reconciler.runtime.reconcile.loop import is_our_status
from reconciler.runtime.reconcile.outcome import Next
from reconciler.runtime.reconcile.ports import Ports
from reconciler.runtime.reconcile.worker import Worker
from reconciler.runtime.sync.claims import Claims
from reconciler.runtime.sync.liveview import LiveView
from tests.support.clock import LabClock
from tests.support.lab_sessions import LOADER, BenchSessions
from tests.support.simulator_control import SimControl

PARTITIONS = load_partitions(LOADER)
ROLE = "arn:aws:iam::123456789012:role/service-role/lab"
IMAGE = "123456789012.dkr.ecr.us-west-2.amazonaws.com/lab:1"
PREFIX = "sagemaker-gitops.dev/"


class CrashError(BaseException):
    """The process is gone: nothing of ours may catch this."""


def _copied(value: Any) -> Any:
    """Plain JSON, copied: several times quicker than `copy.deepcopy`, which was a third of what a pass on the bench cost."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value


class MemoryCluster:
    """Implements `Cache` and `Objects` as the API server would: versions, generations, conditional writes, finalizers."""

    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.status_writes: Counter[Key] = Counter()
        self.written: list[tuple[Key, dict[str, Any]]] = []
        """Every status, in the order of writing."""
        self._versions = itertools.count(1)
        self._handlers: list[Callable[[Key, Resource | None, Resource | None], None]] = []

    def apply(self, manifest: Mapping[str, Any]) -> Key:
        body = _copied(dict(manifest))
        key = Key(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])
        before = self.objects.get(key)
        metadata = body["metadata"]
        if before is None:
            metadata |= {"uid": f"00000000-0000-4000-8000-{next(self._versions):012d}", "generation": 1}
            metadata["creationTimestamp"] = "2026-03-01T00:00:00Z"
        else:
            kept = {name: before["metadata"][name] for name in ("uid", "finalizers") if name in before["metadata"]}
            moved = int(before["spec"] != body["spec"])
            metadata |= kept | {"generation": before["metadata"]["generation"] + moved}
            body.setdefault("status", before.get("status"))
        return self._store(key, body)

    def annotate(self, key: Key, **annotations: str | None) -> None:
        """By our prefix; None takes one off."""
        body = _copied(self.objects[key])
        known = body["metadata"].setdefault("annotations", {})
        for name, value in annotations.items():
            known[PREFIX + name.replace("_", "-")] = value
        body["metadata"]["annotations"] = {name: value for name, value in known.items() if value is not None}
        self._store(key, body)

    def delete(self, key: Key) -> None:
        body = _copied(self.objects[key])
        if not body["metadata"].get("finalizers"):
            self._drop(key)
            return
        body["metadata"]["deletionTimestamp"] = "2026-03-01T00:00:00Z"
        self._store(key, body)

    def forget(self, key: Key) -> dict[str, Any]:
        """As if the cluster burnt down: the object and its status are gone, finalizer or not."""
        found = self.objects[key]
        self._drop(key)
        return found

    # Cache

    def get(self, key: Key) -> Resource | None:
        found = self.objects.get(key)
        return None if found is None else Resource(_copied(found))

    def items(self, kind: str) -> Iterable[Resource]:
        return [Resource(_copied(body)) for key, body in self.objects.items() if key.kind == kind]

    def synced(self) -> bool:
        return True

    def subscribe(self, handler: Callable[[Key, Resource | None, Resource | None], None]) -> None:
        self._handlers = [handler]
        for key, body in self.objects.items():
            handler(key, None, Resource(_copied(body)))

    # Objects

    def replace_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        body = self._checked(resource)
        body["status"] = _copied(dict(status))
        self.status_writes[resource.key] += 1
        self.written.append((resource.key, body["status"]))
        self._store(resource.key, body)
        return Resource(_copied(body))

    def set_finalizers(self, resource: Resource, finalizers: Iterable[str]) -> Resource:
        body = self._checked(resource)
        body["metadata"]["finalizers"] = list(finalizers)
        if body["metadata"].get("deletionTimestamp") and not body["metadata"]["finalizers"]:
            self._drop(resource.key)
        else:
            self._store(resource.key, body)
        return Resource(_copied(body))

    def replace(self, resource: Resource, manager: str) -> Resource:
        del manager
        self._checked(resource)
        self._store(resource.key, _copied(dict(resource.body)))
        if resource.deleting and not resource.finalizers:
            self._drop(resource.key)
        return resource

    # What makes and deletes children

    def create(self, resource: Resource, manager: str = "") -> Resource:
        del manager
        if resource.key in self.objects:
            raise ConflictError(f"{resource.key} exists")
        return Resource(self.objects[self.apply(resource.body)])

    def _checked(self, resource: Resource) -> dict[str, Any]:
        live = self.objects.get(resource.key)
        if live is None:
            raise NotFoundError(str(resource.key))
        if live["metadata"]["resourceVersion"] != resource.resource_version:
            raise StaleError(str(resource.key))
        body: dict[str, Any] = _copied(live)
        return body

    def _store(self, key: Key, body: dict[str, Any]) -> Key:
        body["metadata"]["resourceVersion"] = str(next(self._versions))
        before = self.objects.get(key)
        self.objects[key] = {name: value for name, value in body.items() if value is not None}
        self._tell(key, before, self.objects[key])
        return key

    def _drop(self, key: Key) -> None:
        self._tell(key, self.objects.pop(key), None)

    def _tell(self, key: Key, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
        old, new = (None if body is None else Resource(_copied(body)) for body in (before, after))
        for handler in self._handlers:
            handler(key, old, new)


@dataclass
class _Deleter:
    """Implements `ChildDeleter`."""

    cluster: MemoryCluster

    def delete(self, resource: Resource) -> None:
        if resource.key in self.cluster.objects:
            self.cluster.delete(resource.key)


@dataclass
class _Boundaries:
    """Counts the moments at which a process may die, and dies at the chosen one."""

    die_at: int | None = None
    passed: list[str] = field(default_factory=list)

    def cross(self, what: str) -> None:
        self.passed.append(what)
        if len(self.passed) - 1 == self.die_at:
            raise CrashError(what)


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
class _Aws:
    """The adapter with a boundary before and after every mutating call."""

    real: Aws
    boundaries: _Boundaries
    sent: Callable[[Call], None]

    def read(self, tenant: Any, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.real.read(tenant, operation, params)

    def write(self, tenant: Any, call: Call) -> Mapping[str, Any]:
        self.boundaries.cross(f"before {call.operation}")
        left = True
        try:
            answer = self.real.write(tenant, call)
        except RateLimitedError:
            left = False
            raise
        finally:
            if left:
                self.sent(call)
        self.boundaries.cross(f"after {call.operation}")
        return answer

    def admit(self, tenant: Any, call: Call) -> None:
        self.real.admit(tenant, call)

    def rate(self, tenant: Any, operation: str) -> float:
        return self.real.rate(tenant, operation)


@dataclass
class _Objects:
    """The cluster with a boundary before and after every write."""

    real: MemoryCluster
    boundaries: _Boundaries

    def get(self, key: Key) -> Resource | None:
        return self.real.get(key)

    def replace_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        self.boundaries.cross("before a status write")
        written = self.real.replace_status(resource, status)
        self.boundaries.cross("after a status write")
        return written

    def set_finalizers(self, resource: Resource, finalizers: Iterable[str]) -> Resource:
        self.boundaries.cross("before a finalizer write")
        written = self.real.set_finalizers(resource, finalizers)
        self.boundaries.cross("after a finalizer write")
        return written

    def replace(self, resource: Resource, manager: str) -> Resource:
        return self.real.replace(resource, manager)


@dataclass
class Surroundings:
    """Events, leadership and definitions: what tests set and read."""

    emitted: list[tuple[str, str, str]] = field(default_factory=list)
    noted: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Lines for the commit, by id, in the order in which they were told first."""
    trained: Mapping[str, Started] | None = field(default_factory=dict)
    """What notes tell of jobs that ran, by digest; the same for every object."""
    recalled: tuple[Mapping[str, Any], ...] = ()
    """What notes tell of rollouts that ended; the same for every object."""
    leading: bool = True
    terminating_kinds: set[str] = field(default_factory=set)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    """Annotations of Namespaces."""

    def status_changes(self, resource: Resource, status: Mapping[str, Any], shape: Structure, now: datetime) -> None:
        lines = told(resource, resource.status, status, cluster="lab", now=now, spec=shape)
        self.noted |= {line.id: json.loads(render(line)) for _, line in lines}

    def of(self, resource: Resource) -> Mapping[str, Started] | None:
        del resource
        return self.trained

    def rollouts(self, resource: Resource) -> tuple[Mapping[str, Any], ...]:
        del resource
        return self.recalled

    def emit(self, about: Resource, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        assert kind in ("Normal", "Warning")
        self.emitted.append((about.name, reason, message))

    def is_leader(self) -> bool:
        return self.leading

    def terminating(self, kind: str) -> bool:
        return kind in self.terminating_kinds


@cache
def _shapes() -> Mapping[str, Structure]:
    return {kind.name: load_shape(kind.schema, LOADER) for kind in KINDS}


class Lab:
    """`settle` runs passes while anything moves; `run` also lets time go by."""

    def __init__(
        self, simulator: SimControl, *, cluster_name: str = "lab", cluster: MemoryCluster | None = None
    ) -> None:
        self.simulator = simulator
        self.cluster = cluster or MemoryCluster()
        self.clock = LabClock()
        self.around = Surroundings()
        self.boundaries = _Boundaries()
        self.identity = Identity(cluster_name)
        self.tenancy = Tenancy(endpoints={ANY: simulator.url}, partition_of=PARTITIONS)
        self.aws = self._connect()
        self.shapes = dict(_shapes())
        self.paces = Paces()
        """Of the next process."""
        self.sent: list[Sent] = []
        """In order, over all processes: line for line what the simulator's record has of them."""
        self.begin()

    def start_over(self) -> None:
        """Another experiment: an empty cluster, an empty account."""
        self.simulator.reset()
        self.simulator.clear_rules()
        self.cluster = MemoryCluster()
        self.clock.start_over()
        self.begin()

    def _connect(self) -> Aws:
        return Aws(BenchSessions(self.simulator), self.clock.monotonic)

    def begin(self) -> None:
        """A process starts: nothing in memory, everything in status."""
        self.boundaries = _Boundaries()
        self._due: dict[Key, float] = {}
        self._woken: set[Key] = set()
        self._seen: dict[Key, dict[str, Any] | None] = {}
        aws = _Aws(self.aws, self.boundaries, self._sending)
        self.observer = Observer(aws, self.clock, self._woken.add, self.paces)
        around = self.around
        as_written = {kind.name: kind.as_written for kind in KINDS}
        live = LiveView(self.cluster, lambda found: as_written[found.kind](found), self.clock.monotonic)
        self.claims = Claims(live)
        self.claims.on_news(self._woken.add)
        ports = Ports(
            cache=self.cluster,
            objects=_Objects(self.cluster, self.boundaries),
            aws=aws,
            observer=self.observer,
            claims=self.claims,
            events=around,
            leader=around,
            clock=self.clock,
            definitions=around,
            journal=around,
            trained=around,
            children=Children(self.cluster, self.cluster, _Deleter(self.cluster)),
        )
        self.cluster.subscribe(Dependents(self.shapes, self._woken.add).changed)
        table = {kind.name: (kind, self.shapes[kind.name]) for kind in KINDS}
        self.worker = Worker(table, ports, self._place_of, self.identity, "lab-replica", partition_of=PARTITIONS)

    def _place_of(self, resource: Resource) -> Place:
        return self.tenancy.place(resource, self.around.namespaces.get(resource.namespace, {}))

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
                assert until is None, f"not within {seconds} s: {self.told()}"
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

    def told(self) -> dict[str, str]:
        return {
            str(key): f"{self.reason(key)}: {self.condition(key, 'Ready').get('message')}"
            for key in self.cluster.objects
        }


def job(name: str = "train", namespace: str = "team", **spec: Any) -> dict[str, Any]:
    """The smallest TrainingJob, with `spec` on top."""
    least = {
        "region": REGION,
        "roleArn": ROLE,
        "algorithmSpecification": {"trainingImage": IMAGE, "trainingInputMode": "File"},
        "outputDataConfig": {"s3OutputPath": "s3://lab/output"},
        "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 10},
        "stoppingCondition": {"maxRuntimeInSeconds": 3600},
    }
    return manifest("TrainingJob", name, namespace, least | spec)


def hosting(
    name: str = "serve", namespace: str = "team", image: str = IMAGE, models: int = 1, **spec: Any
) -> dict[str, Any]:
    """The smallest HostingDeployment with so many models; another `image` is other content."""
    names = [f"model-{number}" for number in range(models)]
    least = {
        "region": REGION,
        "models": [
            {"name": name, "executionRoleArn": ROLE, "containers": [{"containerHostname": "c", "image": image}]}
            for name in names
        ],
        "productionVariants": [
            {
                "variantName": f"variant-{name}",
                "modelName": name,
                "instanceType": "ml.m5.large",
                "initialInstanceCount": 1,
                "initialVariantWeight": 1,
            }
            for name in names
        ],
    }
    return manifest("HostingDeployment", name, namespace, least | spec)


def example(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path)
    return found


def manifest(kind: str, name: str, namespace: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "sagemaker.aws.amazon.com/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": dict(spec),
    }


def annotated(manifest: Mapping[str, Any], **annotations: str) -> dict[str, Any]:
    """With annotations by our prefix."""
    metadata = manifest["metadata"]
    known = metadata.get("annotations") or {}
    more = {PREFIX + name.replace("_", "-"): value for name, value in annotations.items()}
    return {**manifest, "metadata": {**metadata, "annotations": known | more}}


__all__ = [
    "FINALIZER",
    "LOADER",
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
