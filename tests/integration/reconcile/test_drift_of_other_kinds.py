"""Changes made in the console to jobs, models, configurations and scaling, in each mode (plain boto3 is the console)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.support.lab import IMAGE, Lab, annotated, job
from tests.support.lab_git import LabGit
from tests.support.lab_kinds import config, model, processing, transform, tuning
from tests.support.lab_scaling import NAME, Console, endpoint, resource, scaling

OTHER = IMAGE.replace(":1", ":2")
SHARED = {"kind": "Model", "name": "other"}
MODES = ["Correct", "Warn", "Ignore"]
A_LOOK_S = 150


def there(lab: Lab, manifest: dict[str, Any], mode: str) -> Key:
    key = lab.cluster.apply(annotated(manifest, drift_mode=mode))
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    lab.run(A_LOOK_S, step_s=50)
    return key


def drift(lab: Lab, key: Key) -> tuple[str, list[str]]:
    told = lab.status(key)["drift"]
    return told["state"], [one["path"] for one in told.get("differences") or ()]


def drifted(lab: Lab, key: Key) -> str:
    return str(lab.condition(key, "Drifted").get("reason", ""))


# --- models and configurations ----------------------------------------------------------------------------------------


def name_of(lab: Lab, key: Key) -> str:
    told = lab.status(key)
    return str(told.get("sageMakerModelName") or told.get("sageMakerEndpointConfigName"))


def make_anew(lab: Lab, name: str, *, image: str = IMAGE, tagged: bool = True) -> None:
    """Deleted and made again under the same name, moments later."""
    sagemaker = lab.simulator.client()
    made = sagemaker.describe_model(ModelName=name)
    tags = sagemaker.list_tags(ResourceArn=made["ModelArn"])["Tags"] if tagged else []
    sagemaker.delete_model(ModelName=name)
    lab.simulator.advance(5)
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=made["ExecutionRoleArn"],
        PrimaryContainer={**made["PrimaryContainer"], "Image": image},
        Tags=tags,
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("what", ["a model", "a configuration"])
def test_deleted(lab: Lab, what: str, mode: str) -> None:
    lab.cluster.apply(model("other"))
    lab.settle()
    key = there(lab, model() if what == "a model" else config(modelRef=SHARED), mode)
    sagemaker, name, mark = lab.simulator.client(), name_of(lab, key), lab.simulator.mark()
    if what == "a model":
        sagemaker.delete_model(ModelName=name)
    else:
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    lab.run(A_LOOK_S, step_s=50)
    path = "/status/sageMakerModelName" if what == "a model" else "/status/sageMakerEndpointConfigName"
    created = sum(count for op, count in lab.effects(mark).items() if op.startswith("Create"))
    match mode:
        case "Correct":
            assert (drift(lab, key), created, lab.is_ready(key)) == (("Corrected", []), 1, True)
        case "Warn":
            assert (drift(lab, key), created, drifted(lab, key)) == (("Drifted", [path]), 0, "ExternallyDeleted")
            written = lab.cluster.status_writes[key]
            lab.begin()
            lab.run(A_LOOK_S, step_s=50)
            assert lab.cluster.status_writes[key] == written  # a new process comes to the same
        case "Ignore":
            assert (drift(lab, key), created, drifted(lab, key)) == (("InSync", []), 0, "")


@pytest.mark.parametrize("mode", MODES)
def test_a_model_made_anew_with_other_content_is_told_and_never_touched(lab: Lab, mode: str) -> None:
    key = there(lab, model(environment=[{"name": "KEY", "value": "hush"}]), mode)
    mark = lab.simulator.mark()
    make_anew(lab, name_of(lab, key), image=OTHER)
    lab.run(A_LOOK_S, step_s=50)
    paths = [] if mode == "Ignore" else ["/spec/primaryContainer/image"]
    assert drift(lab, key) == ("InSync" if mode == "Ignore" else "Drifted", paths)
    assert lab.is_ready(key) is (mode != "Correct")
    if mode != "Ignore":
        assert drifted(lab, key) == lab.reason(key) == "ExternallyModified"
        assert "delete it there" in lab.condition(key, "Drifted")["message"]
    counts = lab.simulator.counts(mark)
    assert (counts["CreateModel"], counts["DeleteModel"]) == (1, 1)  # the console's own
    written = lab.cluster.status_writes[key]
    lab.begin()
    lab.run(A_LOOK_S, step_s=50)
    assert lab.cluster.status_writes[key] == written


def test_in_correct_a_deleted_stranger_makes_room_for_ours(lab: Lab) -> None:
    """The way out that the condition names."""
    key = there(lab, model(), "Correct")
    make_anew(lab, name_of(lab, key), image=OTHER)
    lab.run(A_LOOK_S, step_s=50)
    lab.simulator.client().delete_model(ModelName=name_of(lab, key))
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    assert lab.simulator.client().describe_model(ModelName=name_of(lab, key))["PrimaryContainer"]["Image"] == IMAGE


@pytest.mark.parametrize("image", [IMAGE, OTHER], ids=["equal content", "other content"])
def test_an_untagged_model_made_anew_needs_adoption(lab: Lab, image: str) -> None:
    key = there(lab, model(), "Correct")
    make_anew(lab, name_of(lab, key), image=image, tagged=False)
    lab.run(A_LOOK_S, step_s=50)
    path = "/spec/tags/sagemaker-gitops.dev~1owner" if image == IMAGE else "/spec/primaryContainer/image"
    assert (lab.reason(key), drift(lab, key)) == ("AdoptionRequired", ("Drifted", [path]))
    lab.cluster.annotate(key, adopt="true")
    lab.run(A_LOOK_S, step_s=50)
    assert drift(lab, key)[1] == ([] if image == IMAGE else [path])
    tags = lab.simulator.client().list_tags(ResourceArn=lab.status(key)["modelArn"])["Tags"]
    assert "lab/team/Model/net" in {tag["Value"] for tag in tags}


def test_equal_content_with_our_tags_is_ours(lab: Lab) -> None:
    key = there(lab, model(), "Correct")
    mark = lab.simulator.mark()
    make_anew(lab, name_of(lab, key))
    lab.run(A_LOOK_S, step_s=50)
    assert (lab.is_ready(key), drift(lab, key)) == (True, ("InSync", []))
    assert lab.simulator.counts(mark)["DescribeModel"] == 2  # the console's and one of ours


# --- jobs -------------------------------------------------------------------------------------------------------------

STOPS: dict[str, tuple[Callable[[], dict[str, Any]], str, str]] = {
    "TrainingJob": (job, "/status/trainingJobStatus", "sageMakerTrainingJobName"),
    "HyperParameterTuningJob": (
        tuning,
        "/status/hyperParameterTuningJobStatus",
        "sageMakerHyperParameterTuningJobName",
    ),
    "TransformJob": (
        lambda: transform(modelRef=SHARED),
        "/status/transformJobStatus",
        "sageMakerTransformJobName",
    ),
    "ProcessingJob": (processing, "/status/processingJobStatus", "sageMakerProcessingJobName"),
}


def running(lab: Lab, kind: str, mode: str) -> Key:
    lab.cluster.apply(model("other"))
    lab.settle()
    key = lab.cluster.apply(annotated(STOPS[kind][0](), drift_mode=mode))
    lab.run(70, step_s=10)
    return key


@pytest.mark.holds("D-7.7")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", STOPS)
def test_a_job_stopped_by_somebody_else(lab: Lab, kind: str, mode: str) -> None:
    key = running(lab, kind, mode)
    mark = lab.simulator.mark()
    lab.simulator.rules(
        {
            "match": {"name": lab.status(key)["run"]["name"]},
            "action": {"type": "job_outcome", "outcome": "stopped", "now": True},
        }
    )
    lab.run(until=lambda: lab.reason(key) == "JobStopped", step_s=30)
    ignored = mode == "Ignore"
    assert drift(lab, key) == (("InSync", []) if ignored else ("Drifted", [STOPS[kind][1]]))
    assert drifted(lab, key) == ("" if ignored else "ExternallyModified")
    written = lab.cluster.status_writes[key]
    lab.begin()
    lab.run(900, step_s=300)
    assert lab.cluster.status_writes[key] == written
    assert lab.effects(mark)[f"Create{kind}"] == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", STOPS)
def test_a_running_job_deleted_by_somebody(lab: Lab, kind: str, mode: str) -> None:
    key = running(lab, kind, mode)
    mark, name = lab.simulator.mark(), lab.status(key)["run"]["name"]
    lab.simulator.rules({"match": {"name": name}, "action": {"type": "delete", "kind": "*Job", "now": True}})
    lab.run(until=lambda: lab.reason(key) == "ExternallyDeleted", step_s=30)
    ignored = mode == "Ignore"
    assert drift(lab, key) == (("InSync", []) if ignored else ("Drifted", [f"/status/{STOPS[kind][2]}"]))
    assert drifted(lab, key) == ("" if ignored else "ExternallyDeleted")
    lab.run(900, step_s=300)
    assert lab.effects(mark)[f"Create{kind}"] == 0
    assert [reason for _, reason, _ in lab.around.emitted].count("ExternallyDeleted") == 1


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: job(stoppingCondition={"maxRuntimeInSeconds": 60}), id="training"),
        pytest.param(lambda: processing(stoppingCondition={"maxRuntimeInSeconds": 60}), id="processing"),
    ],
)
def test_a_job_that_ran_out_of_time_is_no_drift(lab: Lab, build: Callable[[], dict[str, Any]]) -> None:
    key = lab.cluster.apply(annotated(build(), drift_mode="Correct"))
    lab.run(until=lambda: lab.reason(key) == "JobStopped", step_s=30)
    assert (drift(lab, key), lab.types(key)) == (("InSync", []), {"Stalled"})


def test_an_adopted_job_of_other_content_is_told(lab: Lab) -> None:
    first = lab.cluster.apply(job(trainingJobName="chosen"))
    lab.run(until=lambda: lab.is_ready(first), step_s=60)
    arn = lab.status(first)["run"]["arn"]
    owner = "sagemaker-gitops.dev/owner"
    lab.simulator.client().delete_tags(ResourceArn=arn, TagKeys=[owner])
    lab.cluster.forget(first)
    other = job(trainingJobName="chosen", stoppingCondition={"maxRuntimeInSeconds": 7200})
    key = lab.cluster.apply(annotated(other, adopt="true"))
    lab.run(600, step_s=60)
    assert lab.status(key)["run"]["name"] == "chosen"
    assert drift(lab, key) == ("Drifted", ["/spec/stoppingCondition/maxRuntimeInSeconds"])
    written = lab.cluster.status_writes[key]
    lab.begin()
    lab.run(600, step_s=60)
    assert lab.cluster.status_writes[key] == written
    assert lab.effects()["CreateTrainingJob"] == 1


# --- scaling ----------------------------------------------------------------------------------------------------------

SCALING: dict[str, tuple[Callable[[Console], None], str, str]] = {
    "a capacity of the second resource": (
        lambda console: console.register(resource("b"), 1, 9),
        "/spec/maxCapacity",
        "ExternallyModified",
    ),
    "the policy's target": (
        lambda console: console.put(resource("b"), 5.0),
        "/spec/targetTrackingScalingPolicyConfiguration/targetValue",
        "ExternallyModified",
    ),
    "the policy deleted": (
        lambda console: console.client.delete_scaling_policy(**console.named(resource("b")), PolicyName=NAME),
        "/spec/policyName",
        "ExternallyDeleted",
    ),
    "the target deregistered": (
        lambda console: console.deregister(resource("b")),
        "/spec/resourceId",
        "ExternallyDeleted",
    ),
}


def scaled(lab: Lab, mode: str) -> tuple[Key, Console]:
    for name in ("a", "b"):
        lab.cluster.apply(endpoint(name))
    lab.run(600, step_s=100)
    return there(lab, scaling("a", "b"), mode), Console(lab.simulator)


def shown(console: Console) -> Any:
    targets = [(name, one["MinCapacity"], one["MaxCapacity"]) for name, one in sorted(console.targets().items())]
    return targets, [
        (name, one["TargetTrackingScalingPolicyConfiguration"]["TargetValue"])
        for name, one in sorted(console.policies().items())
    ]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("change", "path", "reason"), SCALING.values(), ids=SCALING)
def test_scaling(lab: Lab, change: Callable[[Console], None], path: str, reason: str, mode: str) -> None:
    key, console = scaled(lab, mode)
    before = shown(console)
    change(console)
    changed, mark = shown(console), lab.simulator.mark()
    lab.run(A_LOOK_S, step_s=50)
    assert shown(console) == (before if mode == "Correct" else changed) != (changed if mode == "Correct" else before)
    states = {"Correct": ("Corrected", []), "Warn": ("Drifted", [path]), "Ignore": ("InSync", [])}
    assert drift(lab, key) == states[mode]
    assert drifted(lab, key) == (reason if mode == "Warn" else "")
    assert bool(console.changes(mark)) is (mode == "Correct")


def test_an_ignored_capacity_stays_when_another_path_is_put_right(lab: Lab) -> None:
    key, console = scaled(lab, "Correct")
    LabGit(lab, scaling("a", "b"), drift={"ignore": [{"paths": ["/spec/maxCapacity", "/spec/policyName"]}]})
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    console.register(resource("a"), 2, 9)
    console.put(resource("a"), 5.0)
    lab.run(A_LOOK_S, step_s=50)
    targets, policies = shown(console)
    assert targets == [(resource("a"), 1, 9), (resource("b"), 1, 4)]
    assert {value for _, value in policies} == {60.0}
    assert drift(lab, key) == ("Corrected", [])
    console.register(resource("b"), 3, 4)
    console.client.delete_scaling_policy(**console.named(resource("b")), PolicyName=NAME)
    lab.run(A_LOOK_S, step_s=50)
    targets, policies = shown(console)
    assert (targets, len(policies)) == ([(resource("a"), 1, 9), (resource("b"), 1, 4)], 1)
    mark = lab.simulator.mark()
    lab.run(A_LOOK_S, step_s=50)
    assert console.changes(mark) == []
