"""An endpoint that somebody made in the console, taken over by annotation."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.support.lab import IMAGE, ROLE, Lab, annotated, hosting

VARIANT = {
    "VariantName": "variant-model-0",
    "ModelName": "by-hand",
    "InstanceType": "ml.m5.large",
    "InitialInstanceCount": 1,
    "InitialVariantWeight": 1,
}


def by_hand(lab: Lab, image: str = IMAGE) -> None:
    sagemaker = lab.simulator.client()
    container = {"ContainerHostname": "c", "Image": image}
    sagemaker.create_model(ModelName="by-hand", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    sagemaker.create_endpoint_config(EndpointConfigName="by-hand", ProductionVariants=[VARIANT])
    sagemaker.create_endpoint(EndpointName="churn", EndpointConfigName="by-hand")
    lab.simulator.advance(600)


def results(lab: Lab, key: Key) -> list[str]:
    return [entry.get("result", "open") for entry in lab.status(key)["history"]]


@pytest.mark.holds("D-2.7")
@pytest.mark.parametrize("late", [False, True], ids=["annotated from the start", "annotated late"])
@pytest.mark.parametrize("same", [True, False], ids=["equal content", "other content"])
def test_adopting_equal_content_costs_no_rollout_and_supersedes_nothing(lab: Lab, late: bool, same: bool) -> None:
    by_hand(lab, IMAGE if same else "lab:other")
    manifest: dict[str, Any] = hosting(endpointName="churn")
    key = lab.cluster.apply(manifest if late else annotated(copy.deepcopy(manifest), adopt="true"))
    if late:
        lab.run(until=lambda: lab.reason(key) == "AdoptionRequired", step_s=20)
        lab.cluster.annotate(key, adopt="true")
    mark = lab.simulator.mark()
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    lab.run(600, step_s=60)
    assert (lab.effects(mark)["UpdateEndpoint"], lab.effects()["DeleteEndpointConfig"]) == (0 if same else 1, 0)
    assert "Superseded" not in results(lab, key)
    assert (lab.status(key)["endpointConfigName"] == "by-hand") is same
    assert lab.status(key)["drift"]["state"] == "InSync"
