"""Tags of what exists: the user's are kept right, other people's are left alone, and no refusal stops anything."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.support.lab import Lab, hosting, job
from tests.support.lab_kinds import model, processing

OWNER = "sagemaker-gitops.dev/owner"


def tagged(**tags: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def with_tags(manifest: dict[str, Any], **tags: str) -> dict[str, Any]:
    return {**manifest, "spec": {**manifest["spec"], "tags": tagged(**tags)}}


def live(lab: Lab, arn: str) -> dict[str, str]:
    found = lab.simulator.client().list_tags(ResourceArn=arn)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found if not tag["Key"].startswith("sagemaker-gitops.dev/")}


def arns(lab: Lab, key: Key) -> list[str]:
    told = lab.status(key)
    records = [told.get("run"), told.get("endpoint"), *(told.get("models") or ()), *(told.get("configs") or ())]
    return [record["arn"] for record in records if record]


def there(lab: Lab, manifest: dict[str, Any]) -> Key:
    key = lab.cluster.apply(manifest)
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    return key


@pytest.mark.parametrize("build", [job, hosting, model, processing], ids=lambda build: build.__name__)
def test_changed_tags_are_set_and_only_keys_that_were_ours_are_taken_away(lab: Lab, build: Any) -> None:
    key = there(lab, with_tags(build(), team="churn", cost="7"))
    mark = lab.simulator.mark()
    for arn in arns(lab, key):
        lab.simulator.client().add_tags(ResourceArn=arn, Tags=[{"Key": "theirs", "Value": "kept"}])
    lab.cluster.apply(with_tags(build(), team="growth"))
    lab.settle()
    assert arns(lab, key)
    for arn in arns(lab, key):
        assert live(lab, arn) == {"team": "growth", "theirs": "kept"}
    assert lab.status(key)["managedTags"] == ["team"]
    effects = lab.effects(mark)
    assert set(effects) == {"AddTags", "DeleteTags"}
    mark = lab.simulator.mark()
    lab.settle()
    lab.begin()
    lab.settle()
    assert lab.effects(mark) == {}


def test_new_things_carry_their_tags_from_the_create(lab: Lab) -> None:
    there(lab, with_tags(hosting(), team="churn"))
    assert "AddTags" not in lab.simulator.counts()


def test_a_refusal_is_told_once_and_stops_nothing(lab: Lab) -> None:
    key = there(lab, with_tags(model(), team="churn"))
    denied = {"type": "error", "code": "AccessDeniedException", "message": "not authorized", "status": 400}
    lab.simulator.rules({"match": {"op": "AddTags"}, "action": denied})
    lab.cluster.apply(with_tags(model(), team="growth"))
    lab.settle()
    lab.run(600, step_s=60)
    assert lab.is_ready(key)
    assert [event[1] for event in lab.around.emitted if event[1] == "TagsRefused"] == ["TagsRefused"]
    assert lab.simulator.counts()["AddTags"] == 1
    mark = lab.simulator.mark()
    for _ in range(5):
        lab.reconcile(key)
    assert lab.simulator.counts(mark)["ListTags"] == 0
    lab.simulator.clear_rules()
    lab.cluster.annotate(key, retry="now")
    lab.settle()
    assert live(lab, arns(lab, key)[0]) == {"team": "growth"}


def test_the_owner_tag_is_put_on_what_was_taken_over(lab: Lab) -> None:
    key = there(lab, job())
    arn = arns(lab, key)[0]
    lab.simulator.client().delete_tags(ResourceArn=arn, TagKeys=[OWNER])
    status = lab.cluster.forget(key)["status"]
    assert status
    again = job()
    again["metadata"]["annotations"] = {"sagemaker-gitops.dev/adopt": "true"}
    key = lab.cluster.apply(again)
    lab.settle()
    found = lab.simulator.client().list_tags(ResourceArn=arn)["Tags"]
    assert OWNER in {tag["Key"] for tag in found}
    assert lab.effects()["CreateTrainingJob"] == 1
