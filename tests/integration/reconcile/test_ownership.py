"""Whose is it? Clusters that share an account, things made by hand, and the archived operator's objects (D-2, D-3)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.resource import FINALIZER, Key
from tests.support.lab import IMAGE, PREFIX, ROLE, Lab, MemoryCluster, annotated, hosting, job
from tests.support.simulator_control import SimControl

UID = "cf1e16fb-10a5-11ea-aa45-0a350733ba06"
SUFFIX = UID.replace("-", "")
THINGS = [
    pytest.param(job(trainingJobName="chosen"), "CreateTrainingJob", id="TrainingJob"),
    pytest.param(hosting(endpointName="chosen"), "CreateEndpoint", id="HostingDeployment"),
]


def by_hand(lab: Lab, operation: str, tags: Mapping[str, str] | None = None) -> None:
    """Somebody's own thing of that name."""
    client = lab.simulator.client()
    listed = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
    if operation == "CreateTrainingJob":
        client.create_training_job(
            TrainingJobName="chosen",
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            OutputDataConfig={"S3OutputPath": "s3://theirs/output"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            StoppingCondition={"MaxRuntimeInSeconds": 3600},
            Tags=listed,
        )
        return
    client.create_model(ModelName="theirs", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    variant = {
        "VariantName": "variant-model-0",
        "ModelName": "theirs",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    client.create_endpoint_config(EndpointConfigName="theirs", ProductionVariants=[variant])
    client.create_endpoint(EndpointName="chosen", EndpointConfigName="theirs", Tags=listed)


def theirs(lab: Lab) -> list[tuple[str, str, str]]:
    rows = lab.simulator.state()["resources"]
    return [(row["kind"], row["name"], row["status"]) for row in rows if row["name"] in ("chosen", "theirs")]


@pytest.mark.holds("D-2.4")
@pytest.mark.parametrize(("manifest", "operation"), THINGS)
def test_an_untagged_thing_of_our_name_is_left_alone_until_it_is_adopted(
    lab: Lab, manifest: dict[str, Any], operation: str
) -> None:
    by_hand(lab, operation)
    lab.simulator.advance(60)
    mark = lab.simulator.mark()
    key = lab.cluster.apply(manifest)
    lab.run(600, step_s=60)
    assert (lab.reason(key), lab.types(key)) == ("AdoptionRequired", {"Stalled"})
    assert PREFIX + "adopt" in lab.condition(key, "Ready")["message"]
    assert lab.effects(mark) == {}, "nothing is made for what may not be"
    lab.cluster.annotate(key, adopt="true")
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert lab.effects(mark)[operation] == 0


@pytest.mark.holds("D-2.6")
@pytest.mark.parametrize("forbidden", ["team", "*"], ids=["this namespace", "every namespace"])
@pytest.mark.parametrize(("manifest", "operation"), THINGS)
def test_where_the_installer_forbids_adoption_the_annotation_takes_nothing(
    lab: Lab, manifest: dict[str, Any], operation: str, forbidden: str
) -> None:
    lab.identity = replace(lab.identity, adoption_forbidden=frozenset({forbidden}))
    lab.begin()
    by_hand(lab, operation)
    lab.simulator.advance(600)
    before = theirs(lab)
    key = lab.cluster.apply(annotated(manifest, adopt="true"))
    lab.run(600, step_s=60)
    assert (lab.reason(key), lab.types(key)) == ("AdoptionForbidden", {"Stalled"})
    lab.cluster.delete(key)
    lab.run(until=lambda: lab.cluster.get(key) is None, step_s=60)
    assert theirs(lab) == before


@pytest.mark.holds("D-2.5")
@pytest.mark.parametrize("tag", ["lab/team/Other/name", "elsewhere/team/TrainingJob/train"])
@pytest.mark.parametrize(("manifest", "operation"), THINGS)
def test_another_owners_tag_is_always_refused(lab: Lab, manifest: dict[str, Any], operation: str, tag: str) -> None:
    by_hand(lab, operation, {PREFIX + "owner": tag})
    lab.run(300, step_s=300)
    before = theirs(lab)
    key = lab.cluster.apply(annotated(manifest, adopt="true"))
    lab.run(3600, step_s=300)
    assert (lab.reason(key), lab.types(key)) == ("OwnedByAnother", {"Stalled"})
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=60)
    assert [row[:2] for row in theirs(lab)] == [row[:2] for row in before]
    assert lab.effects()["StopTrainingJob"] == 0


def test_waiting_for_another_owner_costs_little(lab: Lab) -> None:
    by_hand(lab, "CreateEndpoint", {PREFIX + "owner": "elsewhere/x/y/z"})
    key = lab.cluster.apply(hosting(endpointName="chosen"))
    lab.settle()
    mark, written = lab.simulator.mark(), lab.cluster.status_writes[key]
    lab.run(3600, step_s=60)
    assert sum(lab.simulator.counts(mark).values()) <= 20
    assert lab.simulator.mutations(mark) == []
    assert lab.cluster.status_writes[key] == written


def test_a_name_that_is_anothers_can_be_changed(lab: Lab) -> None:
    by_hand(lab, "CreateEndpoint", {PREFIX + "owner": "elsewhere/x/y/z"})
    key = lab.cluster.apply(hosting(endpointName="chosen"))
    lab.settle()
    lab.cluster.apply(hosting(endpointName="free"))
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert lab.status(key)["endpointName"] == "free"


@pytest.mark.holds("D-2.1")
def test_an_endpoint_made_anew_behind_our_back_is_not_ours(lab: Lab) -> None:
    key = lab.cluster.apply(hosting(endpointName="chosen"))
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    lab.simulator.rules({"match": {"name": "chosen"}, "action": {"type": "delete", "kind": "Endpoint", "now": True}})
    lab.simulator.advance(5)
    by_hand(lab, "CreateEndpoint")
    lab.run(600, step_s=60)
    assert lab.reason(key) == "AdoptionRequired"
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=60)
    assert ("Endpoint", "chosen", "InService") in theirs(lab)


def test_no_right_to_read_tags_does_not_block_what_only_we_can_have_made(lab: Lab) -> None:
    lab.simulator.rules(
        {"match": {"op": "ListTags"}, "action": {"type": "error", "code": "AccessDeniedException", "message": "no"}},
        {"match": {"op": "Create*Job", "count": 1}, "action": {"type": "drop_after"}},
        {"match": {"op": "CreateEndpoint", "count": 1}, "action": {"type": "drop_after"}},
    )
    keys = [lab.cluster.apply(job()), lab.cluster.apply(hosting())]
    lab.run(until=lambda: all(lab.is_ready(key) for key in keys), step_s=20)
    assert (lab.effects()["CreateTrainingJob"], lab.effects()["CreateEndpoint"]) == (1, 1)


@pytest.mark.holds("D-1.11")
def test_two_clusters_with_equal_manifests_never_touch_each_other(simulator: SimControl, credentials: None) -> None:
    simulator.clock("manual")
    labs = [Lab(simulator, cluster_name=name) for name in ("east", "west")]
    for lab in labs:
        keys = [lab.cluster.apply(job()), lab.cluster.apply(hosting())]
    for lab, _ in itertools.product(labs, range(12)):
        lab.run(60, step_s=60)
    assert all(lab.is_ready(key) for lab in labs for key in keys)
    assert labs[0].exists() == {"TrainingJob": 2, "Model": 2, "EndpointConfig": 2, "Endpoint": 2}
    for key in keys:
        labs[0].cluster.delete(key)
    labs[0].run(until=lambda: not labs[0].cluster.objects, step_s=30)
    left = {row["tags"][PREFIX + "owner"].partition("/")[0] for row in simulator.state()["resources"]}
    running = [row for row in simulator.state()["resources"] if row["kind"] != "TrainingJob"]
    assert {row["tags"][PREFIX + "owner"].partition("/")[0] for row in running} == {"west"}
    assert left == {"east", "west"}  # a finished job stays in SageMaker for ever
    assert all(labs[1].is_ready(key) for key in keys)


@pytest.mark.holds("D-2.2")
def test_a_rebuilt_cluster_makes_no_endpoint(lab: Lab) -> None:
    manifests = [job(), hosting(models=2), hosting("named", endpointName="chosen")]
    keys = [lab.cluster.apply(manifest) for manifest in manifests]
    lab.run(until=lambda: all(lab.is_ready(key) for key in keys), step_s=60)
    before, mark = lab.exists(), lab.simulator.mark()
    lab.cluster = MemoryCluster()
    lab.begin()
    for manifest in manifests:
        lab.cluster.apply(manifest)
    lab.run(until=lambda: all(lab.is_ready(key) for key in keys), step_s=60)
    assert lab.effects(mark) == {}
    assert lab.exists() == before
    assert not [event for event in lab.around.emitted if event[1] == "AlreadyExists"]
    # And what was taken over is still a way back.
    lab.cluster.apply(hosting(image="lab:2", models=2))
    lab.run(until=lambda: lab.is_ready(keys[1]) and len(lab.status(keys[1])["history"]) == 2, step_s=60)
    mark = lab.simulator.mark()
    lab.cluster.apply(hosting(models=2))
    lab.run(until=lambda: lab.effects(mark) and lab.is_ready(keys[1]), step_s=60)
    assert lab.effects(mark) == {"UpdateEndpoint": 1}


# the archived operator's objects


def legacy(lab: Lab, manifest: dict[str, Any], status: dict[str, Any]) -> Key:
    key = lab.cluster.apply(manifest)
    body = lab.cluster.objects[key]
    body["metadata"] |= {"uid": UID, "finalizers": [FINALIZER]}
    body["status"] = status
    return key


def legacy_job(lab: Lab, status: str) -> Key:
    name = f"xgboost-mnist-{SUFFIX}"
    by_operator = {"trainingJobStatus": status, "sageMakerTrainingJobName": name, "secondaryStatus": status}
    return legacy(lab, job("xgboost-mnist", trainingJobName=name), by_operator)


def legacy_endpoint(lab: Lab) -> tuple[Key, str]:
    name, config, model = f"host-{SUFFIX}", "host-1-cf1e16fb10a511eaaa450a-0123", "m-1-cf1e16fb10a511eaaa450a3-4567"
    client = lab.simulator.client()
    client.create_model(ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    variant = {
        "VariantName": "variant-model-0",
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    client.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant])
    arn = client.create_endpoint(EndpointName=name, EndpointConfigName=config)["EndpointArn"]
    lab.simulator.advance(600)
    status = {
        "endpointName": name,
        "endpointConfigName": config,
        "endpointStatus": "InService",
        "endpointArn": arn,
        "endpointUrl": "https://runtime.sagemaker.us-east-1.amazonaws.com/x",
        "lastCheckTime": "2024-01-01T00:00:00Z",
        "modelNames": [{"name": "model-0", "value": model}],
    }
    return legacy(lab, hosting("host"), status), config


@pytest.mark.holds("D-1.1", "D-2.3")
@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped", "InProgress"])
def test_a_legacy_job_is_taken_over_and_not_run(lab: Lab, status: str) -> None:
    if status == "InProgress":
        client = lab.simulator.client()
        client.create_training_job(
            TrainingJobName=f"xgboost-mnist-{SUFFIX}",
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            OutputDataConfig={"S3OutputPath": "s3://lab/output"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            StoppingCondition={"MaxRuntimeInSeconds": 3600},
        )
    mark = lab.simulator.mark()
    key = legacy_job(lab, status)
    lab.run(1200, step_s=60)
    assert lab.effects(mark).keys() <= {"AddTags"}  # the owner tag
    assert lab.status(key)["trainingJobStatus"] == ("Completed" if status == "InProgress" else status)
    assert lab.status(key)["sageMakerTrainingJobName"] == f"xgboost-mnist-{SUFFIX}"
    if status != "InProgress":
        assert lab.simulator.counts(mark) == {"DescribeTrainingJob": 1}  # its ARN and its artefact


def test_a_legacy_job_whose_create_never_succeeded_is_created_under_its_name(lab: Lab) -> None:
    key = legacy_job(lab, "ReconcilingTrainingJob")
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert lab.effects()["CreateTrainingJob"] == 1
    assert lab.status(key)["sageMakerTrainingJobName"] == f"xgboost-mnist-{SUFFIX}"


def test_a_changed_legacy_job_is_refused_or_run_again_under_another_name(lab: Lab) -> None:
    key = legacy_job(lab, "Completed")
    lab.settle()
    changed = job(
        "xgboost-mnist", trainingJobName=f"xgboost-mnist-{SUFFIX}", hyperParameters=[{"name": "a", "value": "1"}]
    )
    lab.cluster.apply(changed)
    lab.settle()
    assert lab.reason(key) == "ImmutableFieldChanged"
    lab.cluster.annotate(key, on_change="Run")
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert lab.status(key)["sageMakerTrainingJobName"].startswith("xgboost-mnist-")
    assert [run["name"] for run in lab.status(key)["runs"]] == [f"xgboost-mnist-{SUFFIX}"]


@pytest.mark.holds("D-1.1", "D-2.3")
def test_a_legacy_endpoint_is_taken_over_without_a_call(lab: Lab) -> None:
    key, config = legacy_endpoint(lab)
    mark = lab.simulator.mark()
    lab.run(1200, step_s=60)
    assert lab.effects(mark).keys() <= {"AddTags"}  # the owner tag
    assert lab.is_ready(key)
    assert lab.status(key)["endpointConfigName"] == config
    assert lab.status(key)["endpointName"] == f"host-{SUFFIX}"


def test_a_legacy_endpoint_is_updated_and_reverted_to_the_operators_own_configuration(lab: Lab) -> None:
    key, config = legacy_endpoint(lab)
    lab.settle()
    lab.cluster.apply(hosting("host", image="lab:2"))
    lab.run(until=lambda: lab.is_ready(key) and lab.effects()["UpdateEndpoint"], step_s=60)
    mark = lab.simulator.mark()
    lab.cluster.apply(hosting("host"))
    lab.run(until=lambda: lab.effects(mark) and lab.is_ready(key), step_s=60)
    assert lab.effects(mark) == {"UpdateEndpoint": 1}
    assert lab.status(key)["endpointConfigName"] == config


def test_deleting_a_taken_over_endpoint_leaves_the_parts_of_the_operators_children(lab: Lab) -> None:
    """Its Model and EndpointConfig belong to child resources of their own."""
    key, _ = legacy_endpoint(lab)
    lab.settle()
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=30)
    assert lab.exists() == {"Model": 1, "EndpointConfig": 1}


def test_a_legacy_spec_that_was_edited_while_nobody_looked_is_rolled_out(lab: Lab) -> None:
    key, _ = legacy_endpoint(lab)
    body = lab.cluster.objects[key]
    body["metadata"]["generation"] = 2  # its configuration's name tells of generation 1
    body["spec"] = hosting("host", image="lab:2")["spec"]
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert lab.effects()["UpdateEndpoint"] == 1
