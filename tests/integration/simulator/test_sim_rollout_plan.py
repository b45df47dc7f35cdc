"""The pure plan of an update (SM-120 to SM-126), without a server."""

from typing import Any

import pytest

from reconciler.dev.simulator.errors import ApiError
from reconciler.dev.simulator.rollout import SimulatedPace, check, plan

PACE = SimulatedPace(launch_s=240, activate_s=10, terminate_s=30)
HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}
ONE = {"Type": "INSTANCE_COUNT", "Value": 1}


def _blue_green(kind: str, wait: int = 0, **more: Any) -> dict[str, Any]:
    sizes: dict[str, Any] = {name: more.pop(name) for name in ("CanarySize", "LinearStepSize") if name in more}
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **sizes}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **more}}


def _rolling(batch: dict[str, Any], wait: int = 0) -> dict[str, Any]:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": wait}}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(
            None,
            [
                ("Launching 4 instance(s).", 240),
                ("Activating traffic on 4 instance(s).", 10),
                ("Terminating 2 instance(s).", 30),
            ],
            id="nothing given: all at once, no bake",
        ),
        pytest.param(
            _blue_green("ALL_AT_ONCE", TerminationWaitInSeconds=600),
            [
                ("Launching 4 instance(s).", 240),
                ("Activating traffic on 4 instance(s).", 10),
                ("Baking for 600 seconds (TerminationWaitInSeconds) with traffic enabled on 4 instance(s).", 600),
                ("Terminating 2 instance(s).", 30),
            ],
            id="all at once with a bake",
        ),
        pytest.param(
            _blue_green("CANARY", 120, CanarySize=ONE, TerminationWaitInSeconds=60),
            [
                ("Launching 4 instance(s).", 240),
                ("Activating traffic on canary capacity of 1 instance(s).", 10),
                (
                    (
                        "Baking for 120 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1 "
                        "instance(s)."
                    ),
                    120,
                ),
                ("Activating traffic on 3 instance(s).", 10),
                ("Baking for 60 seconds (TerminationWaitInSeconds) with traffic enabled on 4 instance(s).", 60),
                ("Terminating 2 instance(s).", 30),
            ],
            id="canary",
        ),
        pytest.param(
            _blue_green("LINEAR", 60, LinearStepSize=HALF),
            [
                ("Launching 4 instance(s).", 240),
                ("Activating traffic on 2 instance(s).", 10),
                ("Baking for 60 seconds (WaitIntervalInSeconds) with traffic enabled on 2 instance(s).", 60),
                ("Activating traffic on 4 instance(s).", 10),
                ("Terminating 2 instance(s).", 30),
            ],
            id="linear",
        ),
        pytest.param(
            _rolling(HALF, 30),
            [
                ("Launching 2 instance(s).", 240),
                ("Activating traffic on 2 instance(s).", 10),
                ("Terminating 2 instance(s).", 30),
                ("Baking for 30 seconds (WaitIntervalInSeconds) with traffic enabled on 2 instance(s).", 30),
                ("Launching 2 instance(s).", 240),
                ("Activating traffic on 2 instance(s).", 10),
                ("Baking for 30 seconds (WaitIntervalInSeconds) with traffic enabled on 4 instance(s).", 30),
            ],
            id="rolling from two instances to four",
        ),
    ],
)
def test_the_steps(config: dict[str, Any] | None, expected: list[tuple[str, float]]) -> None:
    steps = plan(config, old=2, new=4, pace=PACE).steps
    assert [(step.message, step.seconds) for step in steps] == expected


@pytest.mark.parametrize("old", [1, 3, 10])
@pytest.mark.parametrize("new", [1, 2, 7])
@pytest.mark.parametrize(
    "config",
    [None, _blue_green("CANARY", 5, CanarySize=ONE), _blue_green("LINEAR", 5, LinearStepSize=HALF), _rolling(HALF, 5)],
    ids=["all at once", "canary", "linear", "rolling"],
)
def test_every_plan_ends_with_the_new_fleet_alone(config: dict[str, Any] | None, old: int, new: int) -> None:
    steps = plan(config, old, new, PACE).steps
    assert (steps[-1].new, steps[-1].old) == (new, 0)
    assert all(step.new + step.old >= min(old, new) for step in steps), "capacity never falls below either fleet"


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({**_blue_green("ALL_AT_ONCE"), **_rolling(HALF)}, id="both policies"),
        pytest.param(_blue_green("CANARY"), id="a canary without its size"),
        pytest.param(_blue_green("ALL_AT_ONCE", CanarySize=ONE), id="a canary size without a canary"),
        pytest.param(
            _blue_green("CANARY", CanarySize={"Type": "CAPACITY_PERCENT", "Value": 51}), id="a canary over 50 %"
        ),
        pytest.param(
            _blue_green("CANARY", CanarySize={"Type": "INSTANCE_COUNT", "Value": 3}), id="a canary of 3 out of 4"
        ),
        pytest.param(
            _blue_green("LINEAR", LinearStepSize={"Type": "CAPACITY_PERCENT", "Value": 9}), id="a step under 10 %"
        ),
        pytest.param(_rolling({"Type": "CAPACITY_PERCENT", "Value": 4}), id="a batch under 5 %"),
        pytest.param(
            _blue_green("ALL_AT_ONCE", TerminationWaitInSeconds=600, MaximumExecutionTimeoutInSeconds=600),
            id="waits as long as the time-out",
        ),
    ],
)
def test_a_config_that_cannot_be_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refusal:
        check(config, 4)
    assert refusal.value.code == "ValidationException"


def test_a_canary_of_one_is_allowed_on_a_single_instance() -> None:
    check(_blue_green("CANARY", CanarySize=ONE), 1)
