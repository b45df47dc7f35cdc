"""How an endpoint changes over time: creation, rollouts with alarms and rollback, rebalancing, patching, deletion.

An update walks the pure plan of `rollout.py`. Until it has succeeded the endpoint keeps the old config name; while
it runs, PendingDeploymentSummary tells the new fleet. A rollback ends InService on the old config, with
FailureReason set or, when the rule says so, empty: both are seen in practice (SM-106, SM-107).
"""

import copy
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from reconciler.dev.simulator import rollout
from reconciler.dev.simulator.faults import Action
from reconciler.dev.simulator.kinds.endpoint_config import variants_of
from reconciler.dev.simulator.store import Answer, SimulatedResource, SimulatedStore
from reconciler.dev.simulator.world import World

EVENT = "SageMaker Endpoint State Change"
DEPLOYMENT_EVENT = "SageMaker Endpoint Deployment State Change"
BUSY = ("Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting")
_NO_STATUS: tuple[str, str] = ("", "")


@dataclass
class Variant:
    name: str
    shadow: bool
    given: Answer
    """As the config has it."""
    image: str
    weight: float
    desired_weight: float
    count: int | None
    desired_count: int | None
    serverless: Answer | None = None
    desired_serverless: Answer | None = None
    doing: tuple[str, str] = _NO_STATUS
    """VariantStatus and its message, only while something changes."""
    doing_since: float = 0.0
    resolved_at: float = 0.0

    def settle(self, weight: float | None = None, count: int | None = None) -> None:
        """Current and desired agree: at the given values, else at the desired ones."""
        self.desired_weight = self.weight = self.desired_weight if weight is None else weight
        self.desired_count = self.count = self.desired_count if count is None else count
        self.serverless = self.desired_serverless
        self.doing = _NO_STATUS

    def does(self, status: str, message: str, at: float) -> None:
        self.doing, self.doing_since = (status, message), at


@dataclass
class Fleet:
    """The instances that serve, or shall serve, one config."""

    config: str
    request: Answer
    variants: list[Variant]
    capture: Answer | None
    started: float = 0.0

    @classmethod
    def of(cls, config: SimulatedResource, store: SimulatedStore) -> Self:
        shadows = config.request.get("ShadowProductionVariants") or []
        variants = []
        for given in variants_of(config.request):
            weight, count = given.get("InitialVariantWeight", 1.0), given.get("InitialInstanceCount")
            serverless = given.get("ServerlessConfig")
            model = store.get(config.scope, "Model", given.get("ModelName", ""))
            variants.append(
                Variant(
                    name=given["VariantName"],
                    shadow=given in shadows,
                    given=given,
                    image=_image(model),
                    weight=weight,
                    desired_weight=weight,
                    count=count,
                    desired_count=count,
                    serverless=serverless,
                    desired_serverless=serverless,
                )
            )
        return cls(config.name, config.request, variants, config.request.get("DataCaptureConfig"))

    @property
    def instances(self) -> int:
        return sum(variant.desired_count or 0 for variant in self.variants) or 1

    @property
    def serverless(self) -> bool:
        return any(variant.serverless for variant in self.variants)

    def retain(self, live: "Hosting", excluded: set[str]) -> None:
        """RetainAllVariantProperties: live values by variant name win over the new config's Initial ones."""
        if live.fleet is None:
            return
        kept = {variant.name: variant for variant in live.fleet.variants}
        for variant in self.variants:
            old = kept.get(variant.name)
            if old and "DesiredInstanceCount" not in excluded and variant.count is not None and old.count is not None:
                variant.count = variant.desired_count = old.desired_count
            if old and "DesiredWeight" not in excluded:
                variant.weight = variant.desired_weight = old.desired_weight
        if "DataCaptureConfig" not in excluded:
            self.capture = live.fleet.capture


@dataclass
class Hosting:
    """The state of one endpoint."""

    config: str
    request: Answer
    """Of the config that is deployed: it may be deleted while it serves."""
    fleet: Fleet | None
    pending: Fleet | None = None
    failure: str = ""
    last_deployment: Answer | None = None
    before: list[tuple[Variant, Variant]] = field(default_factory=list)
    """(live, copy) of the variants while they are rebalanced: what a rollback restores."""


def alarm_names(policy: Answer | None) -> list[str]:
    rollback = (policy or {}).get("AutoRollbackConfiguration") or {}
    return [alarm["AlarmName"] for alarm in rollback.get("Alarms") or []]


# Creation


def begin_creation(world: World, endpoint: SimulatedResource, fleet: Fleet, outcome: Action, at: float) -> None:
    hosting: Hosting = endpoint.state
    fleet.started, hosting.pending = at, fleet
    _spread(fleet, 0)
    _show(fleet, "Creating", f"Launching {fleet.instances} instance(s).", at)
    world.changed(endpoint, at)

    def end(due: float) -> None:
        match outcome.get("outcome", "complete"):
            case "stuck":
                return
            case "complete":
                _serve(world, endpoint, due)
            case _:  # nothing to roll back to: a first creation ends Failed
                default = "The primary container for production variant did not pass the ping health check."
                hosting.pending = None
                _write(world, endpoint, fleet, due, ["container failed to start"])
                _settle(world, endpoint, "Failed", outcome.get("reason", default), due)

    world.later(endpoint, at, outcome.get("after", world.duration("endpoint.Creating")), end)


# Update


def begin_update(world: World, endpoint: SimulatedResource, fleet: Fleet, outcome: Action, at: float) -> None:
    hosting: Hosting = endpoint.state
    endpoint.status, hosting.failure = "Updating", ""
    fleet.started, hosting.pending = at, fleet
    _spread(fleet, 0)
    pace = rollout.SimulatedPace(*(world.duration(f"endpoint.{step}") for step in ("launch", "activate", "terminate")))
    old = hosting.fleet.instances if hosting.fleet else 1
    plan = rollout.plan(hosting.last_deployment, old, fleet.instances, pace)
    world.changed(endpoint, at)
    _walk(world, endpoint, plan.steps, outcome, at)
    if outcome.get("outcome", "complete") not in ("complete", "stuck"):
        # By default once the new fleet has taken its first traffic: when a bad model shows.
        moment = outcome.get("after", pace.launch_s + pace.activate_s)
        world.later(endpoint, at, moment, lambda due: break_off(world, endpoint, outcome, due))
    _watch_alarms(world, endpoint, at)
    if outcome.get("outcome") != "stuck":
        reason = "The deployment did not finish within MaximumExecutionTimeoutInSeconds."
        world.later(endpoint, at, plan.timeout_s, lambda due: roll_back(world, endpoint, reason, due))


def _walk(
    world: World, endpoint: SimulatedResource, steps: tuple[rollout.SimulatedStep, ...], outcome: Action, at: float
) -> None:
    hosting: Hosting = endpoint.state
    step, rest = steps[0], steps[1:]
    if hosting.pending is None:
        return
    _show(hosting.pending, step.status, step.message, at)
    world.changed(endpoint, at, event=False)
    world.emit(endpoint, DEPLOYMENT_EVENT, at)

    def end(due: float) -> None:
        if hosting.pending is None:
            return
        _spread(hosting.pending, step.new)
        if hosting.fleet:
            _spread(hosting.fleet, step.old)
        if rest:
            _walk(world, endpoint, rest, outcome, due)
        elif outcome.get("outcome", "complete") == "complete":
            _serve(world, endpoint, due)

    world.later(endpoint, at, step.seconds, end)


def _watch_alarms(world: World, endpoint: SimulatedResource, at: float) -> None:
    """An alarm that is in ALARM at any time of the update rolls it back; polled on the virtual clock."""
    hosting: Hosting = endpoint.state
    names = alarm_names(hosting.last_deployment)
    if not names:
        return
    every_s = world.duration("endpoint.alarm_poll")

    def poll(due: float) -> None:
        if endpoint.status != "Updating":
            return
        states = world.neighbours.alarms(endpoint.scope, names)
        tripped = [name for name in names if states.get(name) == "ALARM"]
        if tripped:
            reason = f"One or more configured alarms were in ALARM state: [{', '.join(tripped)}]. Rolled back."
            roll_back(world, endpoint, reason, due)
        else:
            world.later(endpoint, due, every_s, poll)

    world.later(endpoint, at, every_s, poll)


def break_off(world: World, endpoint: SimulatedResource, outcome: Action, at: float) -> None:
    """End an update that is under way as the rule says."""
    default = "The primary container for production variant did not pass the ping health check."
    reason = outcome.get("reason", default)
    if outcome["outcome"] == "rollback":
        roll_back(world, endpoint, reason, at)
        return
    endpoint.epoch += 1
    if outcome["outcome"] == "rollback_failed":
        _settle(world, endpoint, "UpdateRollbackFailed", reason, at)  # a mixed fleet serves; update again to mend it
    else:
        _settle(world, endpoint, "Failed", reason, at)


def roll_back(world: World, endpoint: SimulatedResource, reason: str, at: float) -> None:
    """Back to the old config; the new fleet terminates."""
    hosting: Hosting = endpoint.state
    endpoint.epoch += 1
    if world.switch("rolling_back_shown"):
        endpoint.status = "RollingBack"
    if hosting.pending:
        _show(hosting.pending, "Deleting", f"Terminating {hosting.pending.instances} instance(s).", at)
    world.changed(endpoint, at)
    world.emit(endpoint, DEPLOYMENT_EVENT, at)

    def end(due: float) -> None:
        hosting.pending = None
        _settle(world, endpoint, "InService", reason, due)

    world.later(endpoint, at, world.duration("endpoint.rollback"), end)


# Rebalancing, patching, deletion


def begin_rebalance(
    world: World, endpoint: SimulatedResource, wanted: Iterable[Answer], outcome: Action, at: float
) -> None:
    """UpdateEndpointWeightsAndCapacities: the same config, other live values."""
    hosting: Hosting = endpoint.state
    endpoint.status, hosting.failure = "Updating", ""
    live = {variant.name: variant for variant in hosting.fleet.variants} if hosting.fleet else {}
    hosting.before = [(variant, copy.copy(variant)) for variant in live.values()]
    seconds = world.duration("endpoint.weights")
    for change in wanted:
        variant = live[change["VariantName"]]
        if "DesiredWeight" in change:
            variant.desired_weight = change["DesiredWeight"]
        if "DesiredInstanceCount" in change:
            count = change["DesiredInstanceCount"]
            way = "out" if count >= (variant.count or 0) else "in"
            variant.desired_count = count
            variant.does("Updating", f"Scaling {way} desired instance count to {count}.", at)
            seconds = world.duration("endpoint.capacity")
        if "ServerlessUpdateConfig" in change:
            variant.desired_serverless = {**(variant.serverless or {}), **change["ServerlessUpdateConfig"]}
            variant.does("Updating", "Updating serverless configuration.", at)
    world.changed(endpoint, at)

    def end(due: float) -> None:
        match outcome.get("outcome", "complete"):
            case "complete":
                _settle(world, endpoint, "InService", "", due)
            case "stuck":
                return
            case _:
                endpoint.status = "RollingBack"
                world.changed(endpoint, due)
                world.later(endpoint, due, world.duration("endpoint.rollback"), restore)

    def restore(due: float) -> None:
        for variant, old in hosting.before:
            variant.desired_weight, variant.desired_count = old.weight, old.count
            variant.desired_serverless = old.serverless
        _settle(world, endpoint, "InService", outcome.get("reason", "Unable to provision requested capacity."), due)

    world.later(endpoint, at, outcome.get("after", seconds), end)


def begin_system_update(world: World, endpoint: SimulatedResource, seconds: float, at: float) -> None:
    endpoint.status = "SystemUpdating"
    world.changed(endpoint, at)
    world.later(endpoint, at, seconds, lambda due: _settle(world, endpoint, "InService", "", due))


def begin_deletion(world: World, endpoint: SimulatedResource, at: float) -> None:
    endpoint.epoch += 1
    endpoint.status = "Deleting"
    world.changed(endpoint, at)
    world.later(endpoint, at, world.duration("endpoint.Deleting"), lambda due: world.remove(endpoint, due))


# Shared


def _serve(world: World, endpoint: SimulatedResource, at: float) -> None:
    """The pending fleet takes over."""
    hosting: Hosting = endpoint.state
    if hosting.pending is None:
        return
    fleet, hosting.pending = hosting.pending, None
    hosting.fleet, hosting.config, hosting.request = fleet, fleet.config, fleet.request
    for variant in fleet.variants:
        variant.resolved_at = at
    _write(world, endpoint, fleet, at, ["Model server started", "GET /ping HTTP/1.1 200"])
    _settle(world, endpoint, "InService", "", at)


def _settle(world: World, endpoint: SimulatedResource, status: str, failure: str, at: float) -> None:
    hosting: Hosting = endpoint.state
    endpoint.epoch += 1
    endpoint.status, hosting.failure, hosting.before = status, failure[:1024], []
    for variant in hosting.fleet.variants if hosting.fleet else []:
        variant.settle()
    if status in ("Failed", "UpdateRollbackFailed"):
        hosting.pending = None
    world.changed(endpoint, at)


def _show(fleet: Fleet, status: str, message: str, at: float) -> None:
    for variant in fleet.variants:
        variant.does(status, message, at)


def _spread(fleet: Fleet, instances: int) -> None:
    """Give each variant its share of the instances that run."""
    left = instances
    for variant in fleet.variants:
        if variant.count is not None:
            variant.count = min(left, variant.desired_count or 0)
            left -= variant.count


def _image(model: SimulatedResource | None) -> str:
    if model is None:
        return ""
    containers = model.request.get("Containers") or [model.request.get("PrimaryContainer", {})]
    return str(containers[0].get("Image", ""))


def _write(world: World, endpoint: SimulatedResource, fleet: Fleet, at: float, lines: list[str]) -> None:
    for variant in fleet.variants:
        digest = hashlib.sha256(f"{endpoint.arn}/{fleet.started}/{variant.name}".encode()).hexdigest()
        stream = f"{variant.name}/i-{digest[:17]}"
        world.neighbours.log(endpoint.scope, f"/aws/sagemaker/Endpoints/{endpoint.name}", stream, at, lines)
