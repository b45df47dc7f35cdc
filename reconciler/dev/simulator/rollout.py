"""What an UpdateEndpoint does, step by step, from its DeploymentConfig: a pure plan (SM-120 to SM-130).

    all at once   launch N · activate N · bake (TerminationWait) · terminate the old
    canary        launch N · activate c · bake (WaitInterval) · activate N-c · bake (TerminationWait) · terminate
    linear        launch N · [activate s · bake (WaitInterval)] ... · bake (TerminationWait) · terminate
    rolling       [launch b · activate b · terminate b of the old · bake (WaitInterval)] ...

The endpoint walks the plan on the clock and watches the alarms meanwhile; here nothing happens.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from reconciler.dev.simulator.errors import unverified
from reconciler.dev.simulator.store import Answer

_DEFAULT_TIMEOUT_S = 14400


@dataclass(frozen=True)
class SimulatedPace:
    """How long the steps take that no DeploymentConfig speaks of."""

    launch_s: float
    activate_s: float
    terminate_s: float


@dataclass(frozen=True)
class SimulatedStep:
    status: Literal["Creating", "ActivatingTraffic", "Baking", "Deleting"]
    message: str
    seconds: float
    new: int
    """Instances of the new fleet that run when the step ends."""
    old: int
    """Instances of the old fleet that run when the step ends."""


@dataclass(frozen=True)
class SimulatedPlan:
    steps: tuple[SimulatedStep, ...]
    timeout_s: float


def plan(config: Answer | None, old: int, new: int, pace: SimulatedPace) -> SimulatedPlan:
    """`old` and `new` count the instances of each fleet."""
    policy = config or {}
    if rolling := policy.get("RollingUpdatePolicy"):
        steps = tuple(_rolling(rolling, old, new, pace))
        return SimulatedPlan(steps, rolling.get("MaximumExecutionTimeoutInSeconds", _DEFAULT_TIMEOUT_S))
    blue_green = policy.get("BlueGreenUpdatePolicy") or {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE"}}
    steps = tuple(_blue_green(blue_green, old, new, pace))
    return SimulatedPlan(steps, blue_green.get("MaximumExecutionTimeoutInSeconds", _DEFAULT_TIMEOUT_S))


def _blue_green(policy: Answer, old: int, new: int, pace: SimulatedPace) -> Iterator[SimulatedStep]:
    routing = policy["TrafficRoutingConfiguration"]
    kind, wait_s = routing["Type"], routing.get("WaitIntervalInSeconds", 0)
    yield SimulatedStep("Creating", f"Launching {new} instance(s).", pace.launch_s, new, old)
    match kind:
        case "CANARY":
            canary = capacity(routing["CanarySize"], new)
            yield from _shift(canary, wait_s, "WaitIntervalInSeconds", (new, old), pace, part="canary capacity of ")
            active = new - canary
        case "LINEAR":
            step = capacity(routing["LinearStepSize"], new)
            for active in range(step, new, step):
                yield from _shift(active, wait_s, "WaitIntervalInSeconds", (new, old), pace)
            active = new
        case _:
            active = new
    wait_s = policy.get("TerminationWaitInSeconds", 0)
    yield from _shift(active, wait_s, "TerminationWaitInSeconds", (new, old), pace)
    yield SimulatedStep("Deleting", f"Terminating {old} instance(s).", pace.terminate_s, new, 0)


def _shift(
    active: int, wait_s: float, why: str, fleets: tuple[int, int], pace: SimulatedPace, *, part: str = ""
) -> Iterator[SimulatedStep]:
    new, old = fleets
    yield SimulatedStep(
        "ActivatingTraffic", f"Activating traffic on {part}{active} instance(s).", pace.activate_s, new, old
    )
    if wait_s:
        serving = f"{part}{active}" if part or why == "WaitIntervalInSeconds" else str(new)
        message = f"Baking for {wait_s} seconds ({why}) with traffic enabled on {serving} instance(s)."
        yield SimulatedStep("Baking", message, wait_s, new, old)


def _rolling(policy: Answer, old: int, new: int, pace: SimulatedPace) -> Iterator[SimulatedStep]:
    batch = capacity(policy["MaximumBatchSize"], new)
    wait_s = policy["WaitIntervalInSeconds"]
    running = 0
    while running < new:
        size = min(batch, new - running)
        was, running = max(0, old - running), running + size
        left = 0 if running >= new else max(0, old - running)
        yield SimulatedStep("Creating", f"Launching {size} instance(s).", pace.launch_s, running, was)
        yield SimulatedStep(
            "ActivatingTraffic", f"Activating traffic on {size} instance(s).", pace.activate_s, running, was
        )
        if was > left:
            yield SimulatedStep("Deleting", f"Terminating {was - left} instance(s).", pace.terminate_s, running, left)
        if wait_s:
            yield SimulatedStep(
                "Baking",
                f"Baking for {wait_s} seconds (WaitIntervalInSeconds) with traffic enabled on {running} instance(s).",
                wait_s,
                running,
                left,
            )


def capacity(size: Answer, total: int) -> int:
    """Instances of a CapacitySize: a percentage is rounded up, so at least one."""
    wanted: int = size["Value"] if size["Type"] == "INSTANCE_COUNT" else math.ceil(total * size["Value"] / 100)
    return min(wanted, total)


def check(config: Answer | None, instances: int) -> None:
    """The rules the shapes cannot state; certain in substance, the words are ours."""
    if not config:
        return
    blue_green, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    if blue_green and rolling:
        raise unverified("Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy may be given.")
    if rolling:
        _check_share("MaximumBatchSize", rolling["MaximumBatchSize"], instances, 5, 50)
    if blue_green:
        _check_blue_green(blue_green, instances)


def _check_blue_green(policy: Answer, instances: int) -> None:
    routing = policy["TrafficRoutingConfiguration"]
    wait_s = routing["WaitIntervalInSeconds"]
    intervals = 1
    for kind, field, least in (("CANARY", "CanarySize", 1), ("LINEAR", "LinearStepSize", 10)):
        if (routing["Type"] == kind) != (field in routing):
            raise unverified(f"{field} is required for traffic routing {kind}, and for no other.")
        if routing["Type"] == kind:
            _check_share(field, routing[field], instances, least, 50)
            intervals = 1 if kind == "CANARY" else math.ceil(instances / capacity(routing[field], instances)) - 1
    waits_s = wait_s * intervals + policy.get("TerminationWaitInSeconds", 0)
    if policy.get("MaximumExecutionTimeoutInSeconds", _DEFAULT_TIMEOUT_S) <= waits_s:
        raise unverified("MaximumExecutionTimeoutInSeconds must be greater than the sum of the waits.")


def _check_share(field: str, size: dict[str, Any], instances: int, least: int, most: int) -> None:
    """Bounds are percentages; a count is measured against the fleet, and one instance is always enough."""
    if size["Type"] == "CAPACITY_PERCENT":
        fits = least <= size["Value"] <= most
    else:
        fits = size["Value"] == 1 or size["Value"] * 100 <= most * instances
    if not fits:
        raise unverified(f"{field} must be between {least} and {most} percent of the fleet.")
