"""What people set on any object means the same for every kind (D-17.3): suspend, retain, adopt, retry, run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.core.resource import FINALIZER, Key
from tests.support.lab import IMAGE, ROLE, Lab, annotated, hosting, job
from tests.support.lab_kinds import config, model, processing, transform, tuning

OWNER = "sagemaker-gitops.dev/owner"
Build = Callable[[], dict[str, Any]]

KINDS: dict[str, Build] = {
    "TrainingJob": job,
    "HyperparameterTuningJob": tuning,
    "BatchTransformJob": lambda: transform(modelName="theirs"),
    "ProcessingJob": processing,
    "HostingDeployment": hosting,
    "Model": model,
    "EndpointConfig": lambda: config(modelName="theirs"),
}
JOBS = {name: KINDS[name] for name in ("TrainingJob", "HyperparameterTuningJob", "BatchTransformJob", "ProcessingJob")}
each_kind = pytest.mark.parametrize("build", KINDS.values(), ids=KINDS.keys())
each_job = pytest.mark.parametrize("build", JOBS.values(), ids=JOBS.keys())
DENIED = {"type": "error", "code": "AccessDeniedException", "message": "not authorized", "status": 400}
INVALID = {"type": "error", "code": "ValidationException", "message": "1 validation error detected: no", "status": 400}


@pytest.fixture
def account(lab: Lab) -> Lab:
    """With somebody's model `theirs` in it."""
    container = {"Image": IMAGE}
    lab.simulator.client().create_model(ModelName="theirs", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    return lab


def there(lab: Lab, manifest: dict[str, Any]) -> Key:
    key = lab.cluster.apply(manifest)
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    return key


def created(lab: Lab, since: int = 0) -> Counter[str]:
    found = lab.effects(since)
    return Counter({operation: count for operation, count in found.items() if operation.startswith("Create")})


def owned(lab: Lab, key: Key) -> list[str]:
    told = lab.status(key)
    records = [told.get("run"), told.get("endpoint"), *(told.get("models") or ()), *(told.get("configs") or ())]
    return [record["arn"] for record in records if record]


def test_the_table_holds_every_kind(lab: Lab) -> None:
    assert set(KINDS) | {"HostingAutoscalingPolicy"} >= set(lab.shapes)


@pytest.mark.holds("D-17.3")
@each_kind
def test_suspended_nothing_is_made_and_resumed_it_is(account: Lab, build: Build) -> None:
    lab, mark = account, account.simulator.mark()
    key = lab.cluster.apply(annotated(build(), suspend="true"))
    lab.run(120, step_s=30)
    assert lab.simulator.counts(mark) == {}
    lab.cluster.annotate(key, suspend=None)
    lab.run(until=lambda: lab.is_ready(key), step_s=30)


@pytest.mark.holds("D-9.8", "D-17.3")
@each_kind
def test_retained_everything_stays(account: Lab, build: Build) -> None:
    lab = account
    key = there(lab, annotated(build(), deletion_policy="retain"))
    before, mark = lab.exists(), lab.simulator.mark()
    lab.cluster.delete(key)
    lab.settle()
    assert key not in lab.cluster.objects
    assert (lab.exists(), lab.effects(mark)) == (before, {})


@pytest.mark.holds("D-2.2", "D-18.1")
@each_kind
def test_a_rebuilt_cluster_makes_nothing_twice(account: Lab, build: Build) -> None:
    lab = account
    key = there(lab, build())
    before, mark = lab.exists(), lab.simulator.mark()
    lab.cluster.forget(key)
    lab.begin()
    key = there(lab, build())
    assert (lab.exists(), created(lab, mark)) == (before, {})
    assert FINALIZER in lab.cluster.objects[key]["metadata"]["finalizers"]


@pytest.mark.holds("D-2.4")
@each_kind
def test_a_namesake_without_our_tag_is_taken_only_when_asked_and_then_tagged(account: Lab, build: Build) -> None:
    lab = account
    key = there(lab, build())
    arns, mark = owned(lab, key), lab.simulator.mark()
    sagemaker = lab.simulator.client()
    for arn in arns:
        sagemaker.delete_tags(ResourceArn=arn, TagKeys=[OWNER])
    lab.cluster.forget(key)
    lab.begin()
    key = lab.cluster.apply(build())
    lab.run(60)
    assert lab.reason(key) == "AdoptionRequired"
    lab.cluster.annotate(key, adopt="true")
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    assert created(lab, mark) == {}
    for arn in arns:
        assert OWNER in {tag["Key"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}


@pytest.mark.holds("D-2.5")
@each_kind
def test_another_owners_is_always_refused(account: Lab, build: Build) -> None:
    lab = account
    key = there(lab, build())
    for arn in owned(lab, key):
        lab.simulator.client().add_tags(ResourceArn=arn, Tags=[{"Key": OWNER, "Value": "elsewhere/team/X/y"}])
    lab.cluster.forget(key)
    lab.begin()
    mark = lab.simulator.mark()
    key = lab.cluster.apply(annotated(build(), adopt="true"))
    lab.run(60)
    assert lab.reason(key) == "OwnedByAnother"
    lab.cluster.delete(key)
    lab.run(120)
    assert (key in lab.cluster.objects, lab.effects(mark)) == (False, {})


@pytest.mark.holds("D-10.4", "D-17.3")
@each_kind
def test_a_refused_request_waits_for_retry_or_another_spec(account: Lab, build: Build) -> None:
    lab = account
    rule = lab.simulator.rules({"match": {"op": "Create*"}, "action": INVALID})[0]
    key = lab.cluster.apply(build())
    lab.run(1800, step_s=120)
    sent = sum(count for operation, count in lab.simulator.counts().items() if operation.startswith("Create"))
    assert sent == 2  # one of ours, one of the fixture's
    assert "Stalled" in lab.types(key)
    lab.simulator.clear_rules(rule)
    lab.cluster.annotate(key, retry="again")
    lab.run(until=lambda: lab.is_ready(key), step_s=30)


@pytest.mark.holds("D-10.3")
@each_kind
def test_missing_rights_are_tried_again_slowly(account: Lab, build: Build) -> None:
    lab = account
    rule = lab.simulator.rules({"match": {"op": "Create*"}, "action": DENIED})[0]
    key = lab.cluster.apply(build())
    lab.run(300, step_s=30)
    assert lab.reason(key) == "AccessDenied"
    assert sum(lab.simulator.counts().values()) < 20
    lab.simulator.clear_rules(rule)
    lab.run(until=lambda: lab.is_ready(key), step_s=30)


@pytest.mark.holds("D-4.1", "D-17.2")
@each_job
def test_a_token_runs_a_job_once_more_and_only_once(account: Lab, build: Build) -> None:
    lab = account
    key = there(lab, build())
    first, mark = lab.status(key)["run"]["name"], lab.simulator.mark()
    lab.cluster.annotate(key, run="2")
    lab.settle()
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    lab.run(600, step_s=60)
    assert sum(created(lab, mark).values()) == 1
    assert lab.status(key)["run"]["name"] != first
    assert [run["name"] for run in lab.status(key)["runs"]] == [first]


@pytest.mark.holds("D-4.7")
@each_job
def test_a_changed_job_is_refused_where_nobody_reviewed_it(account: Lab, build: Build) -> None:
    lab = account
    key = there(lab, build())
    mark, manifest = lab.simulator.mark(), build()
    manifest["spec"]["sageMakerEndpoint"] = "https://elsewhere"  # where, not what
    lab.cluster.apply(manifest)
    lab.settle()
    assert lab.is_ready(key)
    manifest["spec"]["environment"] = [{"name": "MODE", "value": "other"}]
    if key.kind == "HyperparameterTuningJob":
        manifest["spec"].pop("environment")
        manifest["spec"]["trainingJobDefinition"]["environment"] = [{"name": "MODE", "value": "other"}]
    lab.cluster.apply(manifest)
    lab.settle()
    assert lab.reason(key) == "ImmutableFieldChanged"
    assert lab.effects(mark) == {}
