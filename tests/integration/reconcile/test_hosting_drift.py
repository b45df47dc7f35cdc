"""What somebody does to an endpoint, its models or its configuration in the console, kind by kind and mode by mode.

Plain boto3 against the simulator is the console. Each test makes one kind of change to five deployments at once, each in another
mode, and reads what became of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.core.drift import DriftMode
from reconciler.core.naming import spec_hash
from reconciler.core.resource import Key
from tests.support.lab import ROLE, Lab, LabClaim, annotated, hosting

WEIGHT = "/spec/productionVariants/0/initialVariantWeight"
COUNT = "/spec/productionVariants/0/initialInstanceCount"
CONFIG = "/status/endpointConfigName"
MODEL = "/spec/models/0"
CAPTURE = "/spec/dataCaptureConfig/enableCapture"
REBALANCE = "UpdateEndpointWeightsAndCapacities"
VARIANT = "variant-model-0"


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
        "synced": synced(lab, hosting("synced")),
        "path": synced(lab, hosting("path"), mode_written=True, ignore=(path,)),
    }
    lab.run(until=lambda: all(lab.is_ready(key) for key in keys.values()), step_s=30)
    lab.run(120, step_s=30)
    return keys


def synced(lab: Lab, manifest: Mapping[str, Any], **claim: Any) -> Key:
    key = lab.cluster.apply(manifest)
    lab.around.claims[key] = LabClaim(spec_hash(manifest["spec"]), DriftMode.CORRECT, **claim)
    return key


def told(lab: Lab, key: Key) -> tuple[str, list[str], str]:
    """State, paths and reason of drift."""
    drift = lab.status(key)["drift"]
    paths = [one["path"] for one in drift.get("differences") or ()]
    return drift["state"], paths, str(lab.condition(key, "Drifted").get("reason", ""))


def sent_for(lab: Lab, key: Key, since: int) -> list[str]:
    """What the service sent about a deployment, or about a part of it."""
    names = {lab.status(key)["endpointName"], config_of(lab, key), model_of(lab, key)}
    return [op for op, name in lab.simulator.mutations(since) if name in names]


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
    assert not {op for op in lab.simulator.counts(mark) if op.startswith("Describe")} - {"DescribeScalableTargets"}
    assert sum(lab.cluster.status_writes.values()) == written
