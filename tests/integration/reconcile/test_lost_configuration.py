"""The configuration that serves is deleted while other content is wanted: SageMaker moves no endpoint without it (SM-96)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.integration.reconcile.test_rollouts import in_service, results, tags_of
from tests.support.lab import PREFIX, Lab, annotated, hosting
from tests.support.lab_scaling import endpoint, ready, scaling

COMMIT = "1" * 40


def pushed(image: str, **annotations: str) -> dict[str, Any]:
    return annotated(hosting(image=image), **annotations)


def deleted(lab: Lab, key: Key) -> str:
    """At the console, while the service is away; its name."""
    name = str(lab.status(key)["endpointConfigName"])
    lab.simulator.client().delete_endpoint_config(EndpointConfigName=name)
    lab.begin()
    return name


def without_parameters(lab: Lab, key: Key) -> None:
    """As a version left it that did not note what configurations are made of."""
    body = lab.cluster.objects[key]
    for config in body["status"]["configs"]:
        config.pop("parameters", None)
    lab.cluster._store(key, body)


def moved(lab: Lab) -> int:
    """Updates that SageMaker took on."""
    return lab.effects()["UpdateEndpoint"]


def refusals(lab: Lab, mark: int) -> list[str]:
    rows = lab.simulator.requests(mark, service="sagemaker")
    return [
        row["op"] for row in rows if row["op"] in ("UpdateEndpoint", "CreateEndpointConfig") and row["code"] != "OK"
    ]


@pytest.mark.parametrize("mode", ["Correct", "Warn"])
def test_it_is_made_again_as_it_was_and_then_the_new_content_goes_out(lab: Lab, mode: str) -> None:
    key = in_service(lab, pushed("lab:1", drift_mode=mode, commit=COMMIT, revision=f"main@sha1:{COMMIT}"))
    before = lab.simulator.client().describe_endpoint_config(EndpointConfigName=lab.status(key)["endpointConfigName"])
    mark, name = lab.simulator.mark(), deleted(lab, key)
    lab.cluster.apply(pushed("lab:2", drift_mode=mode, commit="2" * 40, revision=f"main@sha1:{'2' * 40}"))
    lab.run(until=lambda: moved(lab) == 1 and lab.is_ready(key), step_s=20)
    again = lab.simulator.client().describe_endpoint_config(EndpointConfigName=name)
    assert again["ProductionVariants"] == before["ProductionVariants"]
    assert (tags_of(lab, name)[PREFIX + "commit"], tags_of(lab, name)[PREFIX + "rollout"]) == (COMMIT, "1")
    assert results(lab, key) == ["Succeeded", "Succeeded"]
    assert len(refusals(lab, mark)) <= 1, "what SageMaker refused once is not asked for again before it can be taken"
    lab.cluster.annotate(key, rollback_to="1")
    lab.run(until=lambda: lab.reason(key) == "RollbackHeld", step_s=20)


def test_what_served_before_the_upgrade_is_noted_while_it_serves(lab: Lab) -> None:
    key = in_service(lab, pushed("lab:1"))
    without_parameters(lab, key)
    lab.begin()
    lab.run(120, step_s=60)
    deleted(lab, key)
    in_service(lab, pushed("lab:2"))
    assert moved(lab) == 1


def endpoint_deleted(lab: Lab, key: Key, name: str, before: dict[str, Any]) -> None:
    del name, before
    lab.simulator.client().delete_endpoint(EndpointName=lab.status(key)["endpointName"])


def made_by_hand(lab: Lab, key: Key, name: str, before: dict[str, Any]) -> None:
    del key
    variants = before["ProductionVariants"]
    lab.simulator.client().create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)


@pytest.mark.parametrize("way_out", [endpoint_deleted, made_by_hand], ids=["the endpoint goes", "a person makes it"])
@pytest.mark.parametrize("lost", ["what it was made of", "its models"])
def test_where_nobody_knows_how_it_was_it_stalls_with_a_way_out(
    lab: Lab, lost: str, way_out: Callable[[Lab, Key, str, dict[str, Any]], None]
) -> None:
    key = in_service(lab, pushed("lab:1", drift_mode="Correct"))
    client = lab.simulator.client()
    before = client.describe_endpoint_config(EndpointConfigName=lab.status(key)["endpointConfigName"])
    name = deleted(lab, key)
    model = before["ProductionVariants"][0]["ModelName"]
    if lost == "its models":
        client.delete_model(ModelName=model)
    else:
        without_parameters(lab, key)
    lab.cluster.apply(pushed("lab:2", drift_mode="Correct"))
    lab.run(until=lambda: lab.reason(key) == "EndpointConfigDeleted", step_s=20)
    assert lab.types(key) >= {"Stalled", "Healthy"}
    message = lab.condition(key, "Ready")["message"]
    assert name in message
    assert "delete the endpoint" in message
    mark = lab.simulator.mark()
    lab.run(7200, step_s=300)
    assert refusals(lab, mark) == []
    if lost == "its models":
        role, image = client.describe_model(ModelName=lab.status(key)["models"][-1]["name"]), "lab:1"
        client.create_model(
            ModelName=model, PrimaryContainer={"Image": image}, ExecutionRoleArn=role["ExecutionRoleArn"]
        )
    way_out(lab, key, name, before)
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert lab.status(key)["endpointConfigName"] != name


def test_scaling_is_taken_off_once_and_not_while_no_update_is_possible(lab: Lab) -> None:
    key, policy = Key("HostingDeployment", "team", "a"), Key("HostingAutoscalingPolicy", "team", "scale")
    lab.cluster.apply(endpoint("a"))
    lab.cluster.apply(scaling("a"))
    lab.run(until=lambda: ready(lab, key, policy), step_s=30)
    lab.run(120)
    mark = lab.simulator.mark()
    deleted(lab, key)
    lab.cluster.apply(endpoint("a", instanceType="ml.m5.xlarge"))
    lab.run(until=lambda: moved(lab) == 1 and ready(lab, key, policy), step_s=30)
    rows = [row["op"] for row in lab.simulator.requests(mark) if row["effect"]]
    assert (rows.count("DeregisterScalableTarget"), rows.count("RegisterScalableTarget")) == (1, 1)

    without_parameters(lab, key)
    deleted(lab, key)
    lab.cluster.apply(endpoint("a"))
    lab.run(until=lambda: lab.reason(key) == "EndpointConfigDeleted", step_s=30)
    mark = lab.simulator.mark()
    lab.run(7200, step_s=300)
    assert not [row["op"] for row in lab.simulator.requests(mark) if "ScalableTarget" in row["op"] and row["effect"]]
