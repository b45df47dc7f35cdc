"""What the archived operator itself left, put under a GitSync as its author wrote it: no finished job runs again."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reconciler.core.naming import OWNER_TAG, RUN_TAG
from reconciler.core.notes.past import Started, of_cluster, started
from reconciler.core.resource import Key, Resource
from reconciler.core.schema.shapes import to_request
from reconciler.core.takeover import LAST_APPLIED
from tests.support import operator_objects
from tests.support.lab import IMAGE, ROLE, Lab
from tests.support.lab_git import LabGit
from tests.support.legacy import Legacy
from tests.support.operator_objects import NAME, WHOLE, author, is_over, over

SETS = [
    pytest.param(operator_objects.few, id="a few of each kind"),
    pytest.param(
        operator_objects.whole,
        id="all of them",
        marks=pytest.mark.skipif(not WHOLE.is_file(), reason="the whole set is not beside this checkout"),
    ),
]


def put(lab: Lab, found: Mapping[str, Any]) -> Key:
    """As it stands in the API server."""
    body = copy.deepcopy(dict(found))
    return lab.cluster._store(Resource(body).key, body)


def from_git(lab: Lab, key: Key, manifest: Mapping[str, Any], number: int) -> None:
    """A GitSync applies the author's file, server-side: kubectl's annotation and what the operator wrote back stay."""
    live = copy.deepcopy(lab.cluster.objects[key])
    spec, metadata = copy.deepcopy(manifest["spec"]), {"name": key.name, "namespace": key.namespace}
    git = LabGit(lab, {**manifest, "metadata": metadata, "spec": spec}, name=f"sync-{number}")
    annotations = {**(live["metadata"].get("annotations") or {}), **git.manifest["metadata"]["annotations"]}
    merged = over(manifest["spec"], live["spec"])
    generation = live["metadata"]["generation"] + (merged != live["spec"])
    lab.cluster.objects[key] = live
    live["metadata"] |= {"annotations": annotations, "generation": generation}
    lab.cluster._store(key, {**live, "spec": merged})


def without(found: Mapping[str, Any], annotation: str) -> dict[str, Any]:
    body = copy.deepcopy(dict(found))
    body["metadata"].get("annotations", {}).pop(annotation, None)
    return body


def ran_in_sagemaker(lab: Lab, found: Mapping[str, Any]) -> None:
    """Its job, in an account that has it."""
    shape, kind = lab.shapes[found["kind"]], lab.catalog.by_name[found["kind"]]
    operation, name = f"Create{kind.remote.name}", found["status"][NAME[found["kind"]]]
    params = {**to_request(shape, found["spec"], operation), kind.remote.name_key: name}
    client = lab.simulator.client(region=found["spec"]["region"])
    if "ModelName" in params:
        client.create_model(ModelName=params["ModelName"], ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    client._make_api_call(operation, params)


@pytest.mark.holds("D-3.6")
@pytest.mark.parametrize("objects", SETS)
@pytest.mark.parametrize("git_first", [False, True], ids=["taken over, then Git", "Git, then taken over"])
@pytest.mark.parametrize("kubectl", [True, False], ids=["with kubectl's annotation", "without"])
def test_no_ended_job_runs_again_under_git(lab: Lab, objects: Any, git_first: bool, kubectl: bool) -> None:
    found = [one for one in objects() if is_over(one) and author(one)]
    assert len(found) >= 7
    keys = [put(lab, one if kubectl else without(one, LAST_APPLIED)) for one in found]
    lab.begin()
    if not git_first:
        lab.run(60, step_s=20)
    for number, (key, one) in enumerate(zip(keys, found, strict=True)):
        from_git(lab, key, author(one) or {}, number)
    lab.run(1800, step_s=300)
    assert {op for op, _ in lab.simulator.mutations(0)} <= {"AddTags"}
    for key, one in zip(keys, found, strict=True):
        status = lab.status(key)
        assert status[NAME[key.kind]] == one["status"][NAME[key.kind]]
        assert (status.get("runs"), "ImmutableFieldChanged" in str(status)) == (None, False), key


@pytest.mark.parametrize("objects", SETS)
def test_kubectl_apply_of_the_same_file_is_no_edit(lab: Lab, objects: Any) -> None:
    """Without a GitSync an edit of a job is refused."""
    found = [one for one in objects() if is_over(one) and author(one)]
    keys = [put(lab, one) for one in found]
    lab.begin()
    lab.run(60, step_s=20)
    for key, one in zip(keys, found, strict=True):
        live = copy.deepcopy(lab.cluster.objects[key])
        lab.cluster.apply({**live, "spec": over((author(one) or {})["spec"], live["spec"])})
    lab.run(300, step_s=60)
    assert {op for op, _ in lab.simulator.mutations(0)} <= {"AddTags"}
    assert [key for key in keys if lab.reason(key) == "ImmutableFieldChanged"] == []


def changed(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {**spec, "stoppingCondition": {"maxRuntimeInSeconds": 4321}}


@pytest.mark.parametrize("kubectl", [True, False], ids=["with kubectl's annotation", "without"])
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(changed, id="another value"),
        pytest.param(lambda spec: {**spec, "experimentConfig": {"experimentName": "new"}}, id="a key of today"),
    ],
)
def test_a_change_in_git_is_a_change(lab: Lab, edit: Any, kubectl: bool) -> None:
    (one, *_) = [one for one in operator_objects.few() if is_over(one) and one["kind"] == "ProcessingJob"]
    manifest = author(one)
    assert manifest is not None
    key = put(lab, one if kubectl else without(one, LAST_APPLIED))
    lab.begin()
    lab.settle()
    from_git(lab, key, manifest, 1)
    lab.settle()
    mark = lab.simulator.mark()
    from_git(lab, key, {**manifest, "spec": edit(manifest["spec"])}, 1)
    lab.settle()
    assert lab.simulator.counts(mark)["CreateProcessingJob"] == 1


@pytest.mark.parametrize("kind", sorted(NAME))
def test_what_the_author_wrote_and_the_operator_did_not_know_is_no_change(lab: Lab, kind: str) -> None:
    """Its first write took it out of the stored object, so nobody knew of it until the author's file came."""
    one = next(one for one in operator_objects.few() if is_over(one) and author(one) and one["kind"] == kind)
    manifest = copy.deepcopy(author(one))
    assert manifest is not None
    manifest["spec"] |= {"experimentConfig": {"experimentName": "lost"}}
    key = put(lab, without(one, LAST_APPLIED))
    lab.begin()
    lab.settle()
    from_git(lab, key, manifest, 1)
    lab.run(300, step_s=60)
    assert {op for op, _ in lab.simulator.mutations(0)} <= {"AddTags"}


# --- the object made anew ---------------------------------------------------------------------------------------------


def _taken(lab: Lab, kind: str, *, named: bool) -> tuple[Key, dict[str, Any], str]:
    """One that ended, taken over and in Git; its manifest as applied, and its job's name."""
    few = operator_objects.few()
    one = copy.deepcopy(next(one for one in few if is_over(one) and author(one) and one["kind"] == kind))
    manifest = copy.deepcopy(author(one))
    assert manifest is not None
    own = lab.catalog.by_name[kind].keys.spec_name
    if named:
        manifest["spec"][own] = one["spec"][own] = one["status"][NAME[kind]] = "chosen"
        one["metadata"]["annotations"][LAST_APPLIED] = json.dumps(manifest)
    ran_in_sagemaker(lab, one)
    lab.simulator.advance(24 * 3600)
    key = put(lab, one)
    lab.begin()
    lab.run(60, step_s=20)
    from_git(lab, key, manifest, 1)
    lab.settle()
    return key, manifest, str(one["status"][NAME[kind]])


@pytest.mark.holds("D-3.6")
@pytest.mark.parametrize("kind", ["TrainingJob", "HyperparameterTuningJob", "BatchTransformJob"])
def test_an_object_that_is_made_anew_finds_the_named_job_by_its_tags(lab: Lab, kind: str) -> None:
    key, manifest, name = _taken(lab, kind, named=True)
    region = manifest["spec"]["region"]
    arn = lab.status(key)["run"]["arn"]
    tags = {tag["Key"]: tag["Value"] for tag in lab.simulator.client(region=region).list_tags(ResourceArn=arn)["Tags"]}
    assert {OWNER_TAG, RUN_TAG} <= tags.keys()
    mark, digest = lab.simulator.mark(), lab.status(key)["run"]["digest"]
    lab.cluster.forget(key)
    lab.begin()
    lab.cluster.apply(manifest)
    lab.run(600, step_s=60)
    assert set(lab.effects(mark)) <= {"AddTags"}
    assert (lab.status(key)["run"]["digest"], lab.status(key)[NAME[kind]]) == (digest, name)


@pytest.mark.holds("D-3.6")
@pytest.mark.parametrize("kind", sorted(NAME))
def test_an_object_that_is_made_anew_finds_the_job_that_notes_tell_of(lab: Lab, kind: str) -> None:
    key, manifest, name = _taken(lab, kind, named=False)
    (line,) = [line for line in lab.around.noted.values() if line["event"] == "JobStarted"]
    assert line["job"] == name
    mark = lab.simulator.mark()
    lab.cluster.forget(key)
    lab.begin()
    lab.around.past_runs = {line["content"]: Started(line["job"], line["at"], line.get("arn", ""))}
    lab.cluster.apply(manifest)
    lab.run(600, step_s=60)
    assert lab.effects(mark).keys() <= {"AddTags"}
    assert lab.status(key)["run"]["name"] == name


def _left(lab: Lab, kind: str) -> Key:
    left = Legacy(lab)
    makes: Mapping[str, Callable[[], Key]] = {
        "TrainingJob": lambda: left.training("job"),
        "ProcessingJob": lambda: left.processing("job"),
        "HyperparameterTuningJob": lambda: left.tuning("job"),
        "BatchTransformJob": lambda: left.transform("job", left.name_of(left.model("net"), "sageMakerModelName")),
    }
    key = makes[kind]()
    lab.simulator.advance(7200)
    left.finish()
    return key


def _remember(lab: Lab, key: Key) -> None:
    """What a new process reads in the notes of the GitSync."""
    lines = [json.dumps(line) for line in lab.around.noted.values()]
    lab.around.past_runs = started(of_cluster(lines, "lab"))[key]


def _made_anew(lab: Lab, key: Key, spec: Mapping[str, Any], *, noted: bool) -> None:
    """The object is deleted, the process starts again, with or without the notes, and somebody applies this spec."""
    version = lab.cluster.objects[key]["apiVersion"]
    lab.cluster.delete(key)
    lab.run(60, step_s=10)
    lab.begin()
    if noted:
        _remember(lab, key)
    metadata = {"name": key.name, "namespace": key.namespace}
    lab.cluster.apply({"apiVersion": version, "kind": key.kind, "metadata": metadata, "spec": spec})


@pytest.mark.holds("D-3.6")
@pytest.mark.parametrize(
    ("kind", "noted"),
    [
        pytest.param(kind, noted, id=f"{kind}, {'by its note' if noted else 'by its tags'}")
        for kind in sorted(NAME)
        for noted in (True, False)
        if noted or kind != "ProcessingJob"  # whose name is in no spec
    ],
)
@pytest.mark.parametrize("suffix_is_own", [False, True], ids=["with another UID", "with the UID of before"])
def test_an_exported_object_that_is_applied_again_starts_nothing(
    lab: Lab, kind: str, noted: bool, suffix_is_own: bool
) -> None:
    """The live spec has the name that the archived operator wrote back, and no field of status."""
    key = _left(lab, kind)
    lab.begin()
    lab.run(300, step_s=30)
    exported, name = copy.deepcopy(lab.cluster.objects[key]), lab.status(key)["run"]["name"]
    mark = lab.simulator.mark()
    _made_anew(lab, key, exported["spec"], noted=noted)
    if suffix_is_own:
        lab.cluster.objects[key]["metadata"]["uid"] = exported["metadata"]["uid"]
    lab.run(600, step_s=30)
    assert set(lab.effects(mark)) <= {"AddTags"}
    assert lab.status(key)["run"]["name"] == name
    own = lab.catalog.by_name[kind].keys.spec_name
    as_author = {member: value for member, value in exported["spec"].items() if member != own}
    for spec in (as_author, exported["spec"]):  # without the name it is the same content, and with it again
        live = lab.cluster.objects[key]
        metadata = {**live["metadata"], "generation": live["metadata"]["generation"] + 1}
        lab.cluster._store(key, {**live, "metadata": metadata, "spec": copy.deepcopy(spec)})
        lab.run(300, step_s=30)
        assert (lab.reason(key), set(lab.effects(mark)) <= {"AddTags"}) == ("Completed", True)


@pytest.mark.parametrize("noted", [True, False], ids=["with notes", "without notes"])
def test_the_same_content_under_another_name_is_another_job(lab: Lab, noted: bool) -> None:
    key = _left(lab, "TrainingJob")
    lab.begin()
    lab.run(300, step_s=30)
    spec = {**lab.cluster.objects[key]["spec"], "trainingJobName": "one-more"}
    mark = lab.simulator.mark()
    _made_anew(lab, key, spec, noted=noted)
    lab.run(7200, step_s=300)
    assert (lab.effects(mark)["CreateTrainingJob"], lab.status(key)["run"]["name"]) == (1, "one-more")


def test_artefacts_are_where_describe_says(lab: Lab) -> None:
    """The operator joined bucket and job without a slash."""
    key, manifest, name = _taken(lab, "TrainingJob", named=False)
    client = lab.simulator.client(region=manifest["spec"]["region"])
    told = client.describe_training_job(TrainingJobName=name)["ModelArtifacts"]["S3ModelArtifacts"]
    assert (lab.status(key)["modelPath"], lab.status(key)["run"]["artefact"]) == (told, told)


# --- what serves ------------------------------------------------------------------------------------------------------


def _served(spec: dict[str, Any]) -> dict[str, Any]:
    """As an author may have written it: what says nothing, and a key that the operator did not know."""
    model = {**spec["models"][0], "enableNetworkIsolation": False, "vpcConfig": {}}
    capture = {"initialSamplingPercentage": 50, "destinationS3Uri": "s3://lab", "captureOptions": []}
    return {**spec, "models": [model], "kmsKeyId": "", "dataCaptureConfig": capture}


def _modelled(spec: dict[str, Any]) -> dict[str, Any]:
    container = {**spec["primaryContainer"], "environment": [], "containerHostname": ""}
    return {**spec, "primaryContainer": container, "enableNetworkIsolation": False, "inferenceExecutionConfig": {}}


def _split(spec: dict[str, Any]) -> dict[str, Any]:
    variants = [{**one, "acceleratorType": "", "volumeSizeInGB": 20} for one in spec["productionVariants"]]
    return {**spec, "productionVariants": variants, "kmsKeyId": "", "tags": []}


def _scaled(spec: dict[str, Any]) -> dict[str, Any]:
    key = "targetTrackingScalingPolicyConfiguration"
    return {**spec, key: {**spec[key], "disableScaleIn": False}, "suspendedState": {}, "policyName": ""}


@pytest.mark.holds("D-3.6")
@pytest.mark.parametrize("git_first", [False, True], ids=["taken over, then Git", "Git, then taken over"])
@pytest.mark.parametrize("as_author", [_served, _modelled, _split, _scaled])
def test_what_serves_is_not_moved_by_its_authors_file(lab: Lab, as_author: Any, git_first: bool) -> None:
    left = Legacy(lab)
    host, model = left.endpoint("host"), left.model("net")
    config = left.config("split", left.name_of(model, "sageMakerModelName"))
    lab.simulator.advance(900)
    policy = left.scaling("scale", host)
    key = {_served: host, _modelled: model, _split: config, _scaled: policy}[as_author]
    left.finish()
    manifest = {**lab.cluster.objects[key], "spec": as_author(lab.cluster.objects[key]["spec"])}
    lab.begin()
    mark = lab.simulator.mark()
    if not git_first:
        lab.run(120, step_s=20)
    from_git(lab, key, manifest, 1)
    lab.run(1800, step_s=100)
    assert {op for op, _ in lab.simulator.mutations(mark)} <= {"AddTags", "TagResource"}
    assert (lab.is_ready(key), lab.status(key).get("drift", {}).get("differences")) == (True, None), lab.status(key)[
        "conditions"
    ]
