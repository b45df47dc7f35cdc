"""What somebody does to an endpoint, its models or its configuration in the console, kind by kind and mode by mode.

Plain boto3 against the simulator is the console. Each test makes one kind of change to five deployments at once, each in another
mode, and reads what became of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.support.lab import ROLE, CrashError, Lab, annotated, hosting
from tests.support.lab_git import LabGit
from tests.support.lab_scaling import Console, resource

WEIGHT = "/spec/productionVariants/0/initialVariantWeight"
COUNT = "/spec/productionVariants/0/initialInstanceCount"
CONFIG = "/status/endpointConfigName"
MODEL = "/spec/models/0"
CAPTURE = "/spec/dataCaptureConfig/enableCapture"
REBALANCE = "UpdateEndpointWeightsAndCapacities"
VARIANT = "variant-model-0"
PAGES = 11
"""Of a List in ten minutes."""


def console(lab: Lab) -> Any:
    return lab.simulator.client()


def endpoint(lab: Lab, key: Key) -> dict[str, Any]:
    found: dict[str, Any] = console(lab).describe_endpoint(EndpointName=lab.status(key)["endpointName"])
    return found


def weigh(lab: Lab, key: Key, **wanted: Any) -> None:
    console(lab).update_endpoint_weights_and_capacities(
        EndpointName=lab.status(key)["endpointName"],
        DesiredWeightsAndCapacities=[{"VariantName": VARIANT, **wanted}],
    )


def config_of(lab: Lab, key: Key) -> str:
    return str(lab.status(key)["endpointConfigName"])


def model_of(lab: Lab, key: Key) -> str:
    return str(lab.status(key)["modelNames"][0]["value"])


def capturing(lab: Lab, key: Key) -> str:
    """A configuration as in the console's wizard: the same variants, and capture."""
    sagemaker = console(lab)
    given = sagemaker.describe_endpoint_config(EndpointConfigName=config_of(lab, key))
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"by-hand-{key.name}",
        ProductionVariants=given["ProductionVariants"],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 10,
            "DestinationS3Uri": "s3://lab/captured",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
    )
    return f"by-hand-{key.name}"


def move(lab: Lab, key: Key) -> None:
    console(lab).update_endpoint(EndpointName=lab.status(key)["endpointName"], EndpointConfigName=capturing(lab, key))


def make_anew(lab: Lab, key: Key) -> None:
    name = model_of(lab, key)
    console(lab).delete_model(ModelName=name)
    lab.simulator.advance(5)
    console(lab).create_model(
        ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "123456789012.dkr.ecr/theirs:1"}
    )


@dataclass(frozen=True)
class Change:
    make: Callable[[Lab, Key], Any]
    path: str
    reason: str
    corrects: tuple[str, ...]
    """What is sent to put it right; empty: it can only be told."""
    careful: bool = False
    rollouts: int = 0
    """Entries of history that putting it right makes."""


MOVED, DELETED = "ExternallyModified", "ExternallyDeleted"
CHANGES = {
    "a weight": Change(lambda lab, key: weigh(lab, key, DesiredWeight=3), WEIGHT, MOVED, (REBALANCE,), careful=True),
    "a scale-out": Change(
        lambda lab, key: weigh(lab, key, DesiredInstanceCount=4), COUNT, MOVED, (REBALANCE,), careful=True
    ),
    "another configuration": Change(move, CONFIG, MOVED, ("UpdateEndpoint",), rollouts=1),
    "the endpoint deleted": Change(
        lambda lab, key: console(lab).delete_endpoint(EndpointName=lab.status(key)["endpointName"]),
        CONFIG,
        DELETED,
        ("CreateEndpoint",),
        rollouts=1,
    ),
    "a model deleted": Change(
        lambda lab, key: console(lab).delete_model(ModelName=model_of(lab, key)), MODEL, DELETED, ("CreateModel",)
    ),
    "the configuration deleted": Change(
        lambda lab, key: console(lab).delete_endpoint_config(EndpointConfigName=config_of(lab, key)),
        CONFIG,
        DELETED,
        ("CreateEndpointConfig",),
    ),
    "a model made anew": Change(make_anew, MODEL, MOVED, ()),
}


def deployments(lab: Lab, path: str) -> dict[str, Key]:
    """One per mode, all in service."""
    keys = {
        "written": lab.cluster.apply(annotated(hosting("written"), drift_mode="Correct")),
        "warn": lab.cluster.apply(annotated(hosting("warn"), drift_mode="Warn")),
        "ignore": lab.cluster.apply(annotated(hosting("ignore"), drift_mode="Ignore")),
        "synced": LabGit(lab, hosting("synced"), name="synced").key,
        "path": LabGit(lab, hosting("path"), name="path", drift={"mode": "Correct", "ignore": [{"paths": [path]}]}).key,
    }
    lab.run(until=lambda: all(lab.is_ready(key) for key in keys.values()), step_s=30)
    lab.run(120, step_s=30)
    return keys


def told(lab: Lab, key: Key) -> tuple[str, list[str], str]:
    """State, paths and reason of drift."""
    drift = lab.status(key)["drift"]
    paths = [one["path"] for one in drift.get("differences") or ()]
    return drift["state"], paths, str(lab.condition(key, "Drifted").get("reason", ""))


def sent_for(lab: Lab, key: Key, since: int) -> list[str]:
    """What the service sent about a deployment, or about a part of it."""
    names = {lab.status(key)["endpointName"], config_of(lab, key), model_of(lab, key)}
    return [op for op, name in lab.simulator.mutations(since) if name in names]


def reads(lab: Lab, since: int) -> dict[str, int]:
    """SageMaker's requests but List pages."""
    return {op: n for op, n in lab.simulator.counts(since).items() if not op.startswith("List")}


@pytest.mark.holds("D-7.1")
@pytest.mark.parametrize("name", CHANGES)
def test_in_every_mode(lab: Lab, name: str) -> None:
    change = CHANGES[name]
    keys = deployments(lab, change.path)
    for key in keys.values():
        change.make(lab, key)
    mark = lab.simulator.mark()
    lab.run(900, step_s=30)
    reported = ("Drifted", [change.path], change.reason)
    right = ("Corrected", list[str](), "") if change.corrects else reported
    assert {mode: told(lab, key) for mode, key in keys.items()} == {
        "written": right,
        "warn": reported,
        "ignore": ("InSync", [], ""),
        "synced": reported if change.careful else right,
        "path": ("InSync", [], ""),
    }
    changes = list(change.corrects)
    assert {mode: sent_for(lab, key, mark) for mode, key in keys.items()} == {
        "written": changes,
        "warn": [],
        "ignore": [],
        "synced": [] if change.careful else changes,
        "path": [],
    }
    newest = [lab.status(keys["written"])["history"][n]["initiatedBy"] for n in range(change.rollouts)]
    assert newest == ["drift"] * change.rollouts
    assert len(lab.status(keys["written"])["history"]) == 1 + change.rollouts
    # Nothing more comes of it, and nothing more is asked.
    mark, written = lab.simulator.mark(), sum(lab.cluster.status_writes.values())
    lab.run(900, step_s=60)
    assert not lab.simulator.mutations(mark)
    assert not reads(lab, mark)
    assert sum(lab.cluster.status_writes.values()) == written


# --- what is no drift, and what it costs ------------------------------------------------------------------------------


def test_who_asks_for_a_look_need_not_wait_for_the_interval(lab: Lab) -> None:
    key = in_service(lab, hosting(), "Warn")
    lab.run(180, until=lambda: bool(lab.simulator.counts().get("ListModels")), step_s=30)
    console(lab).delete_model(ModelName=model_of(lab, key))
    lab.run(5, step_s=1)
    assert lab.status(key)["drift"]["state"] == "InSync", "the next sweep is due later"
    lab.cluster.annotate(key, requestedAt="now")
    lab.run(5, step_s=1)
    assert lab.status(key)["drift"]["state"] == "Drifted"


def in_service(lab: Lab, manifest: Mapping[str, Any], mode: str = "Correct") -> Key:
    key = lab.cluster.apply(annotated(manifest, drift_mode=mode))
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    lab.run(120, step_s=30)
    return key


def test_what_anybody_scales_is_not_compared_for_the_price_of_pages(lab: Lab) -> None:
    key, scaling = in_service(lab, hosting()), Console(lab.simulator)
    target = resource(lab.status(key)["endpointName"], VARIANT)
    scaling.register(target, 1, 8)
    for count in (4, 6):
        weigh(lab, key, DesiredInstanceCount=count)
        lab.run(300, step_s=30)
        assert told(lab, key) == ("InSync", [], "")
    mark, written = lab.simulator.mark(), lab.cluster.status_writes[key]
    lab.begin()
    lab.run(600, step_s=60)
    assert reads(lab, mark) == {"DescribeEndpoint": 1}
    assert len(scaling.calls(mark)) <= PAGES
    assert lab.cluster.status_writes[key] == written
    # Nobody scales it any more: then it is what the spec says.
    mark = lab.simulator.mark()
    scaling.deregister(target)
    lab.run(until=lambda: told(lab, key)[0] == "Corrected", step_s=30)
    assert sent_for(lab, key, mark) == [REBALANCE]
    assert endpoint(lab, key)["ProductionVariants"][0]["DesiredInstanceCount"] == 1


def test_drift_that_is_left_alone_costs_pages_also_after_a_restart(lab: Lab) -> None:
    key = in_service(lab, hosting(models=2), "Warn")
    weigh(lab, key, DesiredInstanceCount=3)
    console(lab).delete_model(ModelName=model_of(lab, key))
    lab.run(until=lambda: len(told(lab, key)[1]) == 2, step_s=30)
    lab.run(120, step_s=30)
    mark, written = lab.simulator.mark(), lab.cluster.status_writes[key]
    lab.begin()
    lab.run(600, step_s=60)
    assert reads(lab, mark) == {"DescribeEndpoint": 1}
    assert len(Console(lab.simulator).calls(mark)) <= PAGES
    assert lab.cluster.status_writes[key] == written


def test_no_right_to_list_is_unknown_and_no_block(lab: Lab) -> None:
    denied = {"type": "error", "code": "AccessDeniedException", "message": "not authorized to perform: that"}
    for op in ("ListModels", "ListEndpointConfigs", "DescribeScalableTargets"):
        lab.simulator.rules({"match": {"op": op}, "action": denied})
    key = in_service(lab, hosting())
    weigh(lab, key, DesiredInstanceCount=3)
    lab.run(600, step_s=30)
    assert (told(lab, key), lab.reason(key)) == (("Unknown", [], ""), "InService")
    lab.simulator.clear_rules()
    lab.run(until=lambda: told(lab, key)[0] == "Corrected", step_s=30)


def test_what_an_update_in_the_console_retained_of_capture_is_told(lab: Lab) -> None:
    key = in_service(lab, hosting(), "Warn")
    sagemaker, name, config = console(lab), lab.status(key)["endpointName"], config_of(lab, key)
    move(lab, key)
    lab.run(400, step_s=30)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, RetainAllVariantProperties=True)
    lab.run(400, step_s=30)
    assert told(lab, key) == ("Drifted", [CAPTURE], MOVED)


def test_a_model_made_anew_with_our_owner_tag_is_ours(lab: Lab) -> None:
    key = in_service(lab, hosting())
    sagemaker, name = console(lab), model_of(lab, key)
    found = sagemaker.describe_model(ModelName=name)
    tags = sagemaker.list_tags(ResourceArn=found["ModelArn"])["Tags"]
    sagemaker.delete_model(ModelName=name)
    lab.simulator.advance(5)
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=found["PrimaryContainer"], Tags=tags)
    before = lab.status(key)["models"][0]["creationTime"]
    lab.run(180, step_s=30)
    assert told(lab, key) == ("InSync", [], "")
    assert lab.status(key)["models"][0]["creationTime"] > before


def test_what_somebody_made_under_our_name_is_never_deleted(lab: Lab) -> None:
    key = in_service(lab, hosting())
    name = model_of(lab, key)
    make_anew(lab, key)
    lab.run(600, step_s=30)
    assert not console(lab).list_tags(ResourceArn=lab.status(key)["models"][0]["arn"])["Tags"]
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=30)
    assert [row["name"] for row in lab.simulator.state()["resources"]] == [name]


def test_what_is_held_is_the_reference(lab: Lab) -> None:
    heavy, light = hosting(), hosting()
    heavy["spec"]["productionVariants"][0]["initialVariantWeight"] = 2
    key = in_service(lab, heavy)
    in_service(lab, light)
    lab.cluster.annotate(key, rollback_to="1")
    lab.run(until=lambda: lab.reason(key) == "RollbackHeld", step_s=30)
    lab.run(300, step_s=30)
    assert told(lab, key) == ("Held", [], "")
    mark = lab.simulator.mark()
    weigh(lab, key, DesiredWeight=5)
    lab.run(300, step_s=30)
    assert endpoint(lab, key)["ProductionVariants"][0]["DesiredWeight"] == 2
    assert len(sent_for(lab, key, mark)) == 2  # theirs and ours
    assert lab.reason(key) == "RollbackHeld"


def test_a_way_back_that_was_deleted_is_no_drift_and_not_counted_on(lab: Lab) -> None:
    key = in_service(lab, hosting())
    first = config_of(lab, key)
    in_service(lab, hosting(image="lab:2"))
    console(lab).delete_endpoint_config(EndpointConfigName=first)
    lab.run(300, step_s=30)
    assert told(lab, key) == ("InSync", [], "")
    mark = lab.simulator.mark()
    lab.cluster.annotate(key, rollback_to="1")
    lab.run(300, step_s=30)
    assert "is not kept any more" in lab.status(key)["rollout"]["lastHold"]["reason"]
    assert lab.reason(key) == "InService"
    assert "UpdateEndpoint" not in lab.effects(mark)


# --- a correction that goes wrong -------------------------------------------------------------------------------------


@pytest.mark.holds("D-7.9")
@pytest.mark.parametrize(
    ("action", "effects"),
    [
        pytest.param({"type": "drop_after"}, 1, id="a lost reply is not asked for again"),
        pytest.param({"type": "drop_before"}, 1, id="a lost request is, when a minute shows no trace of it"),
    ],
)
def test_an_unanswered_correction(lab: Lab, action: dict[str, Any], effects: int) -> None:
    key = in_service(lab, hosting())
    weigh(lab, key, DesiredWeight=3)
    lab.simulator.rules({"match": {"op": REBALANCE, "count": 1}, "action": action})
    mark = lab.simulator.mark()
    lab.run(until=lambda: told(lab, key)[0] == "Corrected", step_s=5)
    assert lab.effects(mark) == {REBALANCE: effects}


def test_an_old_read_after_a_correction_does_not_repeat_it(lab: Lab) -> None:
    key = in_service(lab, hosting())
    weigh(lab, key, DesiredWeight=3)
    lab.run(until=lambda: REBALANCE in lab.status(key).get("intent", {}).get("calls", [""])[0], step_s=5)
    stale = {"type": "stale_read", "seconds": 25}
    lab.simulator.rules({"id": "stale", "match": {"op": "[DL]*Endpoint*"}, "action": stale})
    mark = lab.simulator.mark()
    lab.run(until=lambda: told(lab, key)[0] == "Corrected", step_s=5)
    lab.simulator.clear_rules("stale")
    lab.run(120, step_s=30)
    assert not lab.effects(mark)


def test_a_correction_that_is_rolled_back_is_tried_three_times_an_hour(lab: Lab) -> None:
    key = in_service(lab, hosting())
    weigh(lab, key, DesiredWeight=3)
    outcome = {"type": "endpoint_outcome", "outcome": "rollback", "reason": "no capacity"}
    mark = lab.simulator.mark()
    lab.simulator.rules({"match": {"op": REBALANCE}, "action": outcome})
    lab.run(1800, step_s=30)
    assert sent_for(lab, key, mark) == [REBALANCE] * 3
    assert "3 times in vain" in lab.condition(key, "Ready")["message"]
    assert told(lab, key) == ("Drifted", [WEIGHT], MOVED)
    lab.simulator.clear_rules()
    lab.run(until=lambda: told(lab, key)[0] == "Corrected", seconds=7200, step_s=60)


def corrections(lab: Lab, key: Key, number: int) -> bool:
    return bool((lab.status(key)["drift"].get("corrected") or {}).get("count") == number)


def test_a_weight_that_is_changed_again_and_again_is_left(lab: Lab) -> None:
    key = in_service(lab, hosting())
    for number, weight in enumerate((3, 4, 5), 1):
        weigh(lab, key, DesiredWeight=weight)
        lab.run(until=partial(corrections, lab, key, number), step_s=30)
    mark = lab.simulator.mark()
    weigh(lab, key, DesiredWeight=6)
    lab.run(600, step_s=30)
    assert told(lab, key) == ("Drifted", [WEIGHT], "DriftFlapping")
    assert sent_for(lab, key, mark) == [REBALANCE]  # theirs
    lab.run(until=lambda: told(lab, key)[0] == "Corrected", seconds=7200, step_s=60)


@pytest.mark.parametrize("boundary", ["before", "after"])
@pytest.mark.parametrize("call", [REBALANCE, "CreateModel"])
def test_a_process_that_dies_around_a_correction(lab: Lab, boundary: str, call: str) -> None:
    key = in_service(lab, hosting())
    lab.begin()
    lab.run(120, step_s=30)
    crossed = len(lab.boundaries.passed)
    name = model_of(lab, key)
    if call == REBALANCE:
        weigh(lab, key, DesiredWeight=3)
    else:
        console(lab).delete_model(ModelName=name)
    mark = lab.simulator.mark()
    # The status write before the call has a boundary on either side.
    lab.boundaries.die_at = crossed + {"before": 2, "after": 3}[boundary]
    with pytest.raises(CrashError, match=f"{boundary} {call}"):
        lab.run(600, step_s=10)
    lab.begin()
    lab.run(until=lambda: told(lab, key)[0] == "Corrected", step_s=10)
    assert lab.effects(mark) == {call: 1}
