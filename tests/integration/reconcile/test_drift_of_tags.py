"""Tags changed in the console, for things of every kind: what is ours is put right or told, what is others' is left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reconciler.core.resource import Key
from reconciler.core.tags import tagged as tagged_records
from reconciler.kinds import CATALOG
from tests.support.lab import Lab, annotated, hosting, job
from tests.support.lab_git import LabGit
from tests.support.lab_kinds import config, model, processing, transform, tuning
from tests.support.lab_scaling import Console, endpoint, resource, scaling

OWNER = "sagemaker-gitops.dev/owner"
OWNER_PATH = "/spec/tags/sagemaker-gitops.dev~1owner"
TAGS = {"team": "churn", "cost/centre": "7"}
A_SWEEP_S = 400
DENIED = {"type": "error", "code": "AccessDeniedException", "message": "not authorized", "status": 400}


def tagged(manifest: dict[str, Any], **more: str) -> dict[str, Any]:
    pairs = [{"key": key, "value": value} for key, value in (TAGS | more).items()]
    return {**manifest, "spec": {**manifest["spec"], "tags": pairs}}


def there(lab: Lab, manifest: dict[str, Any], mode: str = "Correct") -> Key:
    key = lab.cluster.apply(annotated(tagged(manifest), drift_mode=mode))
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    lab.run(A_SWEEP_S, step_s=50)
    assert lab.status(key)["drift"]["state"] == "InSync"
    return key


def arns(lab: Lab, key: Key) -> tuple[str, ...]:
    return tuple(record.arn for record in tagged_records(CATALOG.by_name[key.kind], lab.status(key)))


def live(lab: Lab, arn: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in lab.simulator.client().list_tags(ResourceArn=arn)["Tags"]}


def put(lab: Lab, arn: str, **tags: str) -> None:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    lab.simulator.client().add_tags(ResourceArn=arn, Tags=pairs)


def take(lab: Lab, arn: str, *keys: str) -> None:
    lab.simulator.client().delete_tags(ResourceArn=arn, TagKeys=list(keys))


def paths(lab: Lab, key: Key) -> list[str]:
    return [one["path"] for one in lab.status(key)["drift"].get("differences") or ()]


def of_a_model(lab: Lab) -> dict[str, Any]:
    del lab
    return model()


def of_a_configuration(lab: Lab) -> dict[str, Any]:
    lab.cluster.apply(model("other"))
    return config(modelRef={"kind": "Model", "name": "other"})


def of_a_transform_job(lab: Lab) -> dict[str, Any]:
    lab.cluster.apply(model("other"))
    return transform(modelRef={"kind": "Model", "name": "other"})


EVERY_KIND = [
    pytest.param(lambda _: job(), id="a finished training job"),
    pytest.param(lambda _: tuning(most=1, parallel=1), id="a finished tuning job"),
    pytest.param(of_a_transform_job, id="a finished transform job"),
    pytest.param(lambda _: processing(), id="a finished processing job"),
    pytest.param(of_a_model, id="a model"),
    pytest.param(of_a_configuration, id="an endpoint configuration"),
    pytest.param(lambda _: hosting(), id="an endpoint"),
]


@pytest.mark.holds("D-18.1")
@pytest.mark.parametrize("build", EVERY_KIND)
def test_a_changed_tag_and_a_missing_owner_tag_are_put_back(lab: Lab, build: Callable[[Lab], dict[str, Any]]) -> None:
    key = there(lab, build(lab))
    arn = arns(lab, key)[0]
    before = live(lab, arn)
    put(lab, arn, team="elsewhere", automatic="x")
    take(lab, arn, OWNER)
    mark = lab.simulator.mark()
    lab.run(until=lambda: lab.status(key)["drift"]["state"] == "Corrected", seconds=A_SWEEP_S, step_s=50)
    assert live(lab, arn) == before | {"automatic": "x"}
    assert lab.effects(mark) == {"AddTags": 1}
    assert set(lab.status(key)["drift"]["corrected"]["paths"]) == {"/spec/tags/team", OWNER_PATH}
    lab.run(A_SWEEP_S * 2, step_s=100)
    assert lab.effects(mark) == {"AddTags": 1}


CHANGES: dict[str, tuple[Callable[[Lab, str], None], list[str], Mapping[str, str]]] = {
    "another value": (lambda lab, arn: put(lab, arn, team="elsewhere"), ["/spec/tags/team"], {"team": "elsewhere"}),
    "a key removed": (lambda lab, arn: take(lab, arn, "cost/centre"), ["/spec/tags/cost~1centre"], {}),
    "the owner tag removed": (lambda lab, arn: take(lab, arn, OWNER), [OWNER_PATH], {}),
}


@pytest.mark.parametrize("mode", ["Correct", "Warn", "Ignore"])
@pytest.mark.parametrize(("change", "told", "left"), CHANGES.values(), ids=CHANGES)
def test_by_mode(lab: Lab, change: Any, told: list[str], left: Mapping[str, str], mode: str) -> None:
    key = there(lab, model(), mode)
    (arn,) = arns(lab, key)
    before = live(lab, arn)
    change(lab, arn)
    changed, mark = live(lab, arn), lab.simulator.mark()
    lab.run(A_SWEEP_S, step_s=50)
    drift = lab.status(key)["drift"]
    assert live(lab, arn) == (before if mode == "Correct" else changed)
    assert drift["state"] == {"Correct": "Corrected", "Warn": "Drifted", "Ignore": "InSync"}[mode]
    assert paths(lab, key) == (told if mode == "Warn" else [])
    assert lab.is_ready(key)
    reasons = [reason for _, reason, _ in lab.around.emitted]
    assert reasons.count("ExternallyModified") == (0 if mode == "Ignore" else 1)
    if mode == "Warn":
        assert lab.condition(key, "Drifted")["reason"] == "ExternallyModified"
        written = lab.cluster.status_writes[key]
        lab.begin()
        lab.run(A_SWEEP_S * 2, step_s=100)  # a new process knows nothing at first: what was told stands
        assert lab.cluster.status_writes[key] == written
    assert lab.effects(mark) == ({"AddTags": 1} if mode == "Correct" else {})
    assert left.items() <= changed.items()


@pytest.mark.holds("D-18.2")
def test_tags_of_others_are_no_drift(lab: Lab) -> None:
    key = there(lab, model())
    (arn,) = arns(lab, key)
    put(lab, arn, **{"cost-tool": "x", "sagemaker-gitops.dev/commit": "f" * 40})
    written, mark = lab.cluster.status_writes[key], lab.simulator.mark()
    lab.run(A_SWEEP_S * 2, step_s=100)
    assert lab.cluster.status_writes[key] == written
    assert lab.effects(mark) == {}


def test_another_owners_tag_is_told_and_never_overwritten(lab: Lab) -> None:
    key = there(lab, model())
    (arn,) = arns(lab, key)
    put(lab, arn, **{OWNER: "elsewhere/team/Model/theirs", "team": "theirs"})
    mark = lab.simulator.mark()
    lab.run(A_SWEEP_S, step_s=50)
    assert live(lab, arn)[OWNER] == "elsewhere/team/Model/theirs"
    assert paths(lab, key) == [OWNER_PATH]
    assert "another owner's tag" in lab.condition(key, "Drifted")["message"]
    lab.cluster.apply(annotated(tagged(model(), team="growth"), drift_mode="Correct"))
    lab.run(A_SWEEP_S, step_s=50)
    assert live(lab, arn) | {"team": "growth"} == live(lab, arn)
    assert live(lab, arn)[OWNER] == "elsewhere/team/Model/theirs"
    assert lab.effects(mark) == {"AddTags": 2}


def test_a_things_own_tag_that_somebody_fights_over_is_left_after_a_while(lab: Lab) -> None:
    key = there(lab, model())
    (arn,) = arns(lab, key)
    for value in "abcd":
        put(lab, arn, team=value)
        lab.run(A_SWEEP_S, step_s=50)
    assert live(lab, arn)["team"] == "d"
    assert lab.condition(key, "Drifted")["reason"] == "DriftFlapping"


def test_an_ignored_tag_is_left_alone_when_another_is_put_back(lab: Lab) -> None:
    key = LabGit(lab, tagged(model()), drift={"ignore": [{"paths": ["/spec/tags/team"]}]}).key
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    lab.run(A_SWEEP_S, step_s=50)
    (arn,) = arns(lab, key)
    put(lab, arn, team="theirs", **{"cost/centre": "8"})
    lab.run(A_SWEEP_S, step_s=50)
    assert live(lab, arn)["team"] == "theirs"
    assert live(lab, arn)["cost/centre"] == "7"


@pytest.mark.holds("D-18.3")
def test_no_right_to_read_tags_is_unknown_and_stops_nothing(lab: Lab) -> None:
    lab.simulator.rules({"match": {"service": "*", "op": "GetResources"}, "action": DENIED})
    key = lab.cluster.apply(annotated(tagged(model()), drift_mode="Correct"))
    lab.run(A_SWEEP_S, step_s=50)
    assert lab.is_ready(key)
    assert lab.status(key)["drift"]["state"] == "Unknown"
    written, mark = lab.cluster.status_writes[key], lab.simulator.mark()
    lab.run(A_SWEEP_S * 2, step_s=100)
    assert lab.cluster.status_writes[key] == written
    assert lab.effects(mark) == {}
    lab.simulator.clear_rules()
    lab.run(2 * 3600, step_s=600)
    assert lab.status(key)["drift"]["state"] == "InSync"


@pytest.mark.holds("D-18.3")
def test_a_refused_correction_is_told_and_not_tried_again(lab: Lab) -> None:
    key = there(lab, model())
    (arn,) = arns(lab, key)
    put(lab, arn, team="elsewhere")
    lab.simulator.rules({"match": {"op": "AddTags"}, "action": DENIED})
    mark = lab.simulator.mark()
    lab.run(A_SWEEP_S * 4, step_s=100)
    assert lab.simulator.counts(mark)["AddTags"] == 1
    assert paths(lab, key) == ["/spec/tags/team"]
    lab.simulator.clear_rules()
    lab.cluster.annotate(key, retry="now")
    lab.run(A_SWEEP_S, step_s=100)
    assert live(lab, arn)["team"] == "churn"


def test_a_model_made_anew_by_somebody_is_not_tagged_as_ours(lab: Lab) -> None:
    key = there(lab, model())
    (arn,) = arns(lab, key)
    sagemaker, name = lab.simulator.client(), arn.rpartition("/")[2]
    made = sagemaker.describe_model(ModelName=name)
    lab.simulator.advance(5)
    sagemaker.delete_model(ModelName=name)
    request = {part: made[part] for part in ("PrimaryContainer", "ExecutionRoleArn")}
    sagemaker.create_model(ModelName=name, **request)
    lab.run(A_SWEEP_S, step_s=20)
    assert OWNER not in live(lab, arn)
    assert (lab.reason(key), paths(lab, key)) == ("AdoptionRequired", [OWNER_PATH])


def test_tags_of_a_scalable_target_are_compared_when_somebody_asks(lab: Lab) -> None:
    console = Console(lab.simulator)
    served = lab.cluster.apply(endpoint("a"))
    lab.run(until=lambda: lab.is_ready(served), step_s=60)
    key = there(lab, scaling("a"))
    arn = console.targets()[resource("a")]["ScalableTargetARN"]
    before = console.tags(resource("a"))
    console.client.untag_resource(ResourceARN=arn, TagKeys=[OWNER])
    console.client.tag_resource(ResourceARN=arn, Tags={"team": "elsewhere", "automatic": "x"})
    lab.run(A_SWEEP_S, step_s=100)
    assert console.tags(resource("a"))["team"] == "elsewhere"
    lab.cluster.annotate(key, requestedAt="now")
    lab.settle()
    assert console.tags(resource("a")) == before | {"automatic": "x"}
    assert lab.status(key)["drift"]["state"] == "Corrected"
