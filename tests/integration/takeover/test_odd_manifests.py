"""What the archived operator's users could write, and what crashed it or was tried for ever: a clear refusal, or the right thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.runtime.reconcile.past import TERMINAL_LOOK
from tests.support.bad_manifests import edited
from tests.support.lab import Lab, hosting, job
from tests.support.lab_kinds import config, model, processing, transform, tuning
from tests.support.lab_scaling import endpoint, scaling

FIRST = "/spec/models/0/containers/0"
VARIANT = "/spec/productionVariants/0"

REFUSED = {
    "a variant that names an unknown model": (hosting(), {f"{VARIANT}/modelName": "nobody"}, "UnknownModel"),
    "two models of one name": (hosting(models=2), {"/spec/models/1/name": "model-0"}, "DuplicateName"),
    "a primary container that is none": (hosting(), {"/spec/models/0/primaryContainer": "x"}, "UnknownContainer"),
    "a policy without a configuration": (
        scaling("serve", targetTrackingScalingPolicyConfiguration=None),
        {},
        "InvalidSpec",
    ),
    "a policy without resources": (scaling("serve", resourceId=None), {}, "InvalidSpec"),
    "half a resource": (scaling("serve"), {"/spec/resourceId/0": {"endpointName": "serve"}}, "InvalidSpec"),
    "a policy with a configuration and no metric": (
        scaling("serve", targetTrackingScalingPolicyConfiguration={"targetValue": 1}),
        {},
        "InvalidSpec",
    ),
}


@pytest.mark.parametrize(("manifest", "edits", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused_by_name_and_not_tried_for_ever(
    lab: Lab, manifest: dict[str, Any], edits: Mapping[str, Any], reason: str
) -> None:
    other = lab.cluster.apply(job("bystander"))
    key = lab.cluster.apply(edited(manifest, edits))
    lab.run(7200, step_s=300)
    assert (lab.reason(key), lab.types(key)) == (reason, {"Stalled"})
    assert len(lab.status(key)["additional"]) > 20
    refused = [row for row in lab.simulator.requests() if row["code"] != "OK"]
    # Whose endpoint has that name is looked up at each look, and nobody has one: a read, no try.
    assert {row["op"] for row in refused} <= {"DescribeEndpoint"}
    assert len(refused) <= 7200 / TERMINAL_LOOK.total_seconds() + 2
    assert lab.is_ready(other)
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=60)


UNEXPLAINED = {
    "a container without an image": (hosting(), {FIRST: {"containerHostname": "c"}}),
    "a model without a container": (model(), {"/spec/primaryContainer": {}}),
}


@pytest.mark.parametrize(("manifest", "edits"), UNEXPLAINED.values(), ids=UNEXPLAINED.keys())
def test_what_only_sagemaker_refuses_is_said_and_tried_ever_more_slowly(
    lab: Lab, manifest: dict[str, Any], edits: Mapping[str, Any]
) -> None:
    """Nobody has recorded the words, so nobody knows that they are for good."""
    other = lab.cluster.apply(job("bystander"))
    key = lab.cluster.apply(edited(manifest, edits))
    lab.run(7200, step_s=60)
    assert (lab.reason(key), lab.types(key)) == ("RefusalUnknown", {"Reconciling"})
    assert len(lab.status(key)["additional"]) > 20
    assert len([row for row in lab.simulator.requests() if row["code"] != "OK"]) < 12
    assert lab.is_ready(other)
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=60)


TAKEN = {
    "60.0 where an integer stands": (scaling("serve"), {"/spec/minCapacity": 1.0, "/spec/maxCapacity": 4.0}),
    "a target of 60.0": (scaling("serve"), {"/spec/targetTrackingScalingPolicyConfiguration/targetValue": 60.0}),
    "an integral instance count as a float": (job(), {"/spec/resourceConfig/instanceCount": 1.0}),
    "a name that is given twice: the last one wins": (
        job(hyperParameters=[{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]),
        {},
    ),
    "a pair without a value": (job(hyperParameters=[{"name": "a"}]), {}),
    "a variant without a weight": (config(modelName="net"), {}),
}


def _surround(lab: Lab, manifest: Mapping[str, Any]) -> None:
    """What it names: an endpoint is made for scaling alone, as each look at the account is at it too."""
    if manifest["kind"] == "HostingAutoscalingPolicy":
        serving = lab.cluster.apply(endpoint("serve"))
        lab.run(until=lambda: lab.is_ready(serving), step_s=60)
    lab.simulator.client().create_model(
        ModelName="net", ExecutionRoleArn="arn:aws:iam::123456789012:role/lab", PrimaryContainer={"Image": "lab:1"}
    )


@pytest.mark.parametrize(("manifest", "edits"), TAKEN.values(), ids=TAKEN.keys())
def test_is_taken_for_what_it_means(lab: Lab, manifest: dict[str, Any], edits: Mapping[str, Any]) -> None:
    _surround(lab, manifest)
    key = lab.cluster.apply(edited(manifest, edits))
    lab.run(7200, until=lambda: lab.is_ready(key), step_s=60)
    mark = lab.simulator.mark()
    lab.run(1800, step_s=300)
    assert lab.simulator.mutations(mark) == []


CREATES = {
    "TrainingJob": (job(), "CreateTrainingJob", {"hyperParameters": [{"name": "a", "value": "1"}]}),
    "ProcessingJob": (processing(), "CreateProcessingJob", {"environment": [{"name": "A", "value": "1"}]}),
    "BatchTransformJob": (transform(modelName="net"), "CreateTransformJob", {"maxConcurrentTransforms": 2}),
    "HyperparameterTuningJob": (tuning(), "CreateHyperParameterTuningJob", {"tags": [{"key": "a", "value": "1"}]}),
    "Model": (model(), "CreateModel", {"enableNetworkIsolation": True}),
    "EndpointConfig": (config(modelName="net"), "CreateEndpointConfig", {"kmsKeyId": "key"}),
    "HostingDeployment": (hosting(), "CreateEndpoint", {"tags": [{"key": "a", "value": "1"}]}),
    "HostingAutoscalingPolicy": (scaling("serve"), "PutScalingPolicy", {"maxCapacity": 5}),
}
PERMANENT = ("ValidationException", "1 validation error detected: nonsense")
PASSING = {
    "throttled": ("ThrottlingException", "Rate exceeded"),
    "over a quota": ("ResourceLimitExceeded", "The account-level service limit is 0 Instances"),
    "denied": ("AccessDeniedException", "User: x is not authorized"),
    "a role that cannot be assumed": (
        "ValidationException",
        "Could not assume role arn:aws:iam::123456789012:role/lab",
    ),
}


def _fail(lab: Lab, operation: str, code: str, message: str) -> None:
    action = {"type": "error", "code": code, "message": message}
    lab.simulator.rules({"id": "no", "match": {"op": operation, "service": "*"}, "action": action})


def _sent(lab: Lab, mark: int, operation: str) -> int:
    return sum(row["op"] == operation for row in lab.simulator.requests(mark))


@pytest.mark.parametrize(("manifest", "operation", "change"), CREATES.values(), ids=CREATES.keys())
def test_a_bad_spec_is_asked_for_once_until_it_changes(
    lab: Lab, manifest: dict[str, Any], operation: str, change: dict[str, Any]
) -> None:
    _surround(lab, manifest)
    _fail(lab, operation, *PERMANENT)
    mark = lab.simulator.mark()
    body = {**manifest, "metadata": {**manifest["metadata"], "name": "bad"}}
    key = lab.cluster.apply(body)
    lab.run(86400, step_s=7200)
    lab.begin()
    lab.run(3600, step_s=600)
    assert (lab.reason(key), "Stalled" in lab.types(key)) == ("Rejected", True)
    assert _sent(lab, mark, operation) == 1
    lab.cluster.apply({**body, "spec": {**body["spec"], **change}})
    lab.run(600, step_s=60)
    assert _sent(lab, mark, operation) == 2


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING.keys())
@pytest.mark.parametrize(("manifest", "operation"), [row[:2] for row in CREATES.values()], ids=CREATES.keys())
def test_what_passes_is_tried_until_it_passed(
    lab: Lab, manifest: dict[str, Any], operation: str, error: tuple[str, str]
) -> None:
    _surround(lab, manifest)
    _fail(lab, operation, *error)
    key = lab.cluster.apply({**manifest, "metadata": {**manifest["metadata"], "name": "later"}})
    lab.run(300, step_s=20)
    assert not lab.is_ready(key)
    lab.simulator.clear_rules("no")
    # The limiter that learned from the throttling counts real seconds, so many simulated ones may pass until it lets go.
    lab.run(86400, until=lambda: lab.is_ready(key), step_s=60)
    assert "additional" not in lab.status(key)


@pytest.mark.parametrize(
    ("manifest", "status"),
    [
        (job(), "trainingJobStatus"),
        (processing(), "processingJobStatus"),
        (transform(modelName="net"), "transformJobStatus"),
        (tuning(), "hyperParameterTuningJobStatus"),
    ],
    ids=["TrainingJob", "ProcessingJob", "BatchTransformJob", "HyperparameterTuningJob"],
)
def test_a_failing_image_is_failed_with_its_reason(lab: Lab, manifest: dict[str, Any], status: str) -> None:
    _surround(lab, manifest)
    reason = "AlgorithmError: the image does not start"
    lab.simulator.rules(
        {"match": {"op": "Create*Job"}, "action": {"type": "job_outcome", "outcome": "fail", "reason": reason}}
    )
    key = lab.cluster.apply(manifest)
    lab.run(7200, until=lambda: lab.reason(key) == "JobFailed", step_s=60)
    assert lab.status(key)[status] == "Failed"
    assert reason in lab.status(key)["additional"]
    failed = [row for row in lab.simulator.requests() if row["op"].startswith("Create") and row["op"].endswith("Job")]
    lab.run(7200, step_s=600)
    again = [row for row in lab.simulator.requests() if row["op"].startswith("Create") and row["op"].endswith("Job")]
    assert again == failed
