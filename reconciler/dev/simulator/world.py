"""The simulated service: its resources, its time, and what every kind may do with them.

A kind is one file in `kinds/` that exports a `Kind`: data, a describe projector and one handler per operation.
Handlers run under `World.lock`, take their time from `Call.now` and change a resource only through `World`, so that
modification times, snapshots for stale reads and events cannot be forgotten.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.autoscaling_store import SimulatedScaling
from reconciler.dev.simulator.clock import SimulatedClock
from reconciler.dev.simulator.faults import Action, Faults, FaultSubject
from reconciler.dev.simulator.paging import ListOperation
from reconciler.dev.simulator.scope import Scope
from reconciler.dev.simulator.settings import SimulatorSettings
from reconciler.dev.simulator.store import Answer, SimulatedPast, SimulatedResource, SimulatedStore

_REORDER_PATIENCE_S = 30.0


class Neighbours(Protocol):
    """The other services, which moto simulates."""

    def emit(self, scope: Scope, detail_type: str, arn: str, detail: Answer, at: float) -> None: ...

    def wants_events(self, scope: Scope) -> bool:
        """False saves building a detail that no rule would look at."""

    def holds(self, scope: Scope, uri: str) -> bool | None:
        """Whether S3 has an object of this key or prefix; None where it does not have the bucket."""

    def put_object(self, scope: Scope, uri: str, body: bytes) -> None:
        """Nothing where S3 does not have the bucket."""

    def log(self, scope: Scope, group: str, stream: str, at: float, lines: Iterable[str]) -> None: ...

    def put_metrics(
        self, scope: Scope, namespace: str, dimensions: Mapping[str, str], values: Mapping[str, float], at: float
    ) -> None:
        """To CloudWatch, a value for each metric's name."""

    def alarms(self, scope: Scope, names: Iterable[str]) -> Mapping[str, str]:
        """State by name; an alarm that does not exist is left out."""

    def put_alarms(self, scope: Scope, names: Sequence[str], action: str) -> None:
        """Alarms that carry out a scaling policy, `action` being its ARN."""

    def drop_alarms(self, scope: Scope, names: Sequence[str]) -> None: ...

    def reset(self) -> None: ...


@dataclass(frozen=True)
class SimulatedCall:
    """One accepted request of one operation."""

    world: "World"
    scope: Scope
    op: str
    input: Mapping[str, Any]
    now: float
    stale_s: float = 0.0
    """How old the view of other resources is: what a stale_read rule asks for."""

    def find(self, kind: str, name: str) -> SimulatedResource | None:
        """As this call sees it: under a stale read, not yet what is too new."""
        found = self.world.store.get(self.scope, kind, name)
        return None if found is None or found.created > self.now - self.stale_s else found

    def outcome(self, kind: str, name: str, tags: Mapping[str, str]) -> Action:
        return self.world.outcome(kind, self.op, self.scope, name=name, tags=tags, now=self.now)


Handler = Callable[[SimulatedCall], Answer]


@dataclass(frozen=True, kw_only=True)
class SimulatedKind:
    name: str
    arn_type: str
    name_field: str
    operations: Mapping[str, Handler]
    """Everything but Describe and List, which follow from the rest."""
    listing: ListOperation
    describe: Callable[["World", SimulatedResource], Answer]
    summarize: Callable[[SimulatedResource], Answer]
    absent: Callable[[str, str], errors.ApiError]
    """The refusal for (arn, name) when nothing of that name is there to be described."""
    event: str
    """The detail-type of a state change."""
    detail: Callable[["World", SimulatedResource], Answer]
    force: Callable[["World", SimulatedResource, Action, float], None] | None = None
    """Apply an action from behind the service's back: job_outcome, edit_weight, system_updating."""

    def existing(self, call: SimulatedCall) -> SimulatedResource:
        name = call.input[self.name_field]
        found = call.world.store.get(call.scope, self.name, name)
        if found is None:
            raise self.absent(call.scope.arn(self.arn_type, name), name)
        return found


class World:
    def __init__(
        self,
        kinds: Iterable[SimulatedKind],
        neighbours: Neighbours,
        factor: float = 1.0,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        """`given` are settings that a reset comes back to."""
        self.lock = threading.RLock()
        self.clock = SimulatedClock(self.lock, factor)
        self.store = SimulatedStore()
        self.scaling = SimulatedScaling()
        self.faults = Faults()
        self._given = given or {}
        self.settings = SimulatorSettings()
        self.settings.merge(self._given)
        self.kinds = {kind.name: kind for kind in kinds}
        self.neighbours = neighbours
        self._parked: list[Callable[[float], None]] = []

    def reset(self) -> None:
        with self.lock:
            self.clock.clear()
            self.store.clear()
            self.scaling.clear()
            self.faults.clear()
            self.settings = SimulatorSettings()
            self.settings.merge(self._given)
            self._parked.clear()
            self.neighbours.reset()

    # Changing resources

    def create(self, call: SimulatedCall, kind: SimulatedKind, status: str, state: Any = None) -> SimulatedResource:
        """Add the resource the call asks for; its kind has checked that it may."""
        name = call.input[kind.name_field]
        request = {key: value for key, value in call.input.items() if key != "Tags" and value is not None}
        tags = {tag["Key"]: tag["Value"] for tag in call.input.get("Tags") or []}
        arn = call.scope.arn(kind.arn_type, name)
        now = call.now
        resource = SimulatedResource(kind.name, call.scope, name, arn, request, now, now, status, tags, state)
        self.store.add(resource)
        return resource

    def changed(self, resource: SimulatedResource, at: float, *, event: bool = True) -> None:
        """Call after every change of what describe says."""
        resource.modified = at
        kind = self.kinds[resource.kind]
        if self.faults.watch_the_past:
            self._remember(resource, at)
        if event:
            self.emit(resource, kind.event, at)
        for watch in resource.watchers:
            watch(at)

    def remove(self, resource: SimulatedResource, at: float) -> None:
        resource.ended = at
        self.store.remove(resource)
        if self.faults.watch_the_past:
            self.store.table(resource.scope, resource.kind).graves[resource.name] = resource
        for watch in resource.watchers:
            watch(at)

    def later(self, resource: SimulatedResource, at: float, seconds: float, step: Callable[[float], None]) -> None:
        """Run `step` unless the resource has gone, or has begun a new epoch, by then."""
        epoch = resource.epoch

        def run(due: float) -> None:
            if resource.alive and resource.epoch == epoch:
                step(due)

        self.clock.after(at, seconds, run)

    def duration(self, step: str) -> float:
        return self.settings.durations[step]

    def switch(self, name: str) -> bool:
        return self.settings.switches[name]

    def outcome(self, kind: str, op: str, scope: Scope, *, name: str, tags: Mapping[str, str], now: float) -> Action:
        """What a rule has in store for this life cycle or event; empty when all goes well."""
        subject = FaultSubject("sagemaker", op, name, scope.account, "", scope.region, lambda: tags)
        return self.faults.outcome(kind, subject, now)

    def check_quota(self, quota: str, delta: int, used: Callable[[], int]) -> None:
        limit = self.settings.quotas.get(quota)
        if limit is not None and (now_used := used()) + delta > limit:
            raise errors.over_quota(quota, limit, now_used, delta)

    # Reading, also the past

    def remember_all(self, at: float) -> None:
        """A stale read sees the world as of the moment its rule came."""
        for resource in self.store.all():
            self._remember(resource, at)

    def _remember(self, resource: SimulatedResource, at: float) -> None:
        kind = self.kinds[resource.kind]
        resource.past.append(SimulatedPast(at, kind.describe(self, resource), kind.summarize(resource)))
        del resource.past[:-50]

    def seen(
        self, resource: SimulatedResource, at: float, stale_s: float, look: Literal["described", "summary"]
    ) -> Answer | None:
        """What a read at `at - stale_s` said of it: None before its creation and after its end."""
        moment = at - stale_s
        if resource.created > moment or (not resource.alive and resource.ended <= moment):
            return None
        if stale_s and resource.past:
            older = [snapshot for snapshot in resource.past if snapshot.at <= moment]
            snapshot = older[-1] if older else resource.past[0]
            return snapshot.described if look == "described" else snapshot.summary
        kind = self.kinds[resource.kind]
        return kind.describe(self, resource) if look == "described" else kind.summarize(resource)

    # Events

    def emit(self, resource: SimulatedResource, detail_type: str, at: float) -> None:
        """To EventBridge; an events rule may drop, delay, repeat or reorder it (all of that is normal, SM-158)."""
        scope = resource.scope
        if not self.neighbours.wants_events(scope):
            return
        detail = {**self.kinds[resource.kind].detail(self, resource), "Tags": dict(resource.tags)}
        rule = self.outcome("events", detail_type, scope, name=resource.name, tags=resource.tags, now=at)

        def send(due: float) -> None:
            for _ in range(1 + rule.get("duplicate", 0)):
                self.neighbours.emit(scope, detail_type, resource.arn, detail, due)

        if rule.get("drop"):
            return
        if rule.get("delay"):
            self.clock.after(at, rule["delay"], send)
        elif rule.get("reorder") and not self._parked:
            self._parked.append(send)
            self.clock.after(at, _REORDER_PATIENCE_S, self._send_parked)
        else:
            send(at)
            self._send_parked(at)

    def _send_parked(self, at: float) -> None:
        parked, self._parked = self._parked, []
        for send in parked:
            send(at)
