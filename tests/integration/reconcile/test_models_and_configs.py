"""Model and EndpointConfig: made by content, never changed, never taken from under whoever uses them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.core.conditions import moment
from reconciler.core.resource import Key
from reconciler.dev.envfile import REGION
from tests.support.lab import IMAGE, ROLE, Lab, annotated
from tests.support.lab_kinds import config, model, transform

OTHER = IMAGE.replace(":1", ":2")


def ready(lab: Lab, manifest: dict[str, Any]) -> Key:
    key = lab.cluster.apply(manifest)
    lab.run(until=lambda: lab.is_ready(key))
    return key


def name_of(lab: Lab, key: Key) -> str:
    told = lab.status(key)
    return str(told.get("sageMakerModelName") or told.get("sageMakerEndpointConfigName"))


def test_a_model_costs_one_create_and_says_what_was_made(lab: Lab) -> None:
    key = lab.cluster.apply(model())
    lab.settle()
    assert dict(lab.simulator.counts()) == {"CreateModel": 1}
    told = lab.status(key)
    assert told["status"] == "Created"
    assert told["sageMakerModelName"].startswith("net-")
    assert told["modelArn"].endswith(told["sageMakerModelName"])
    assert told["lastUpdateTime"]


def test_standing_things_cost_pages_and_no_writes(lab: Lab) -> None:
    key = ready(lab, model())
    lab.run(300, step_s=30)
    mark, written = lab.simulator.mark(), lab.cluster.status_writes[key]
    lab.run(3600, step_s=60)
    assert set(lab.simulator.counts(mark)) == {"ListModels"}
    assert lab.cluster.status_writes[key] == written


def test_changed_content_is_a_new_model_and_the_old_one_goes(lab: Lab) -> None:
    key = ready(lab, model())
    first = name_of(lab, key)
    lab.cluster.apply(model(image=OTHER))
    lab.run(120, step_s=5)
    assert name_of(lab, key) != first
    assert lab.exists() == {"Model": 1}
    assert [made["name"] for made in lab.status(key)["models"]] == [name_of(lab, key)]


def test_the_default_mode_is_no_other_content(lab: Lab) -> None:
    """The archived operator wrote it into every container."""
    key = ready(lab, model())
    lab.cluster.apply(model(mode="SingleModel"))
    lab.run(60)
    assert lab.effects() == {"CreateModel": 1}
    assert lab.is_ready(key)


def test_going_back_to_earlier_content_makes_its_name_again(lab: Lab) -> None:
    key = ready(lab, model())
    first = name_of(lab, key)
    lab.cluster.apply(model(image=OTHER))
    lab.run(60)
    lab.cluster.apply(model())
    lab.run(60)
    assert name_of(lab, key) == first
    assert lab.exists() == {"Model": 1}


def test_a_model_that_a_configuration_names_is_kept_until_that_is_gone(lab: Lab) -> None:
    key = ready(lab, model())
    first = name_of(lab, key)
    variants = [{"VariantName": "v", "ModelName": first, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}]
    sagemaker = lab.simulator.client()
    sagemaker.create_endpoint_config(EndpointConfigName="theirs", ProductionVariants=variants)
    lab.cluster.apply(model(image=OTHER))
    lab.run(300)
    assert lab.exists()["Model"] == 2
    assert f"{first} is kept while theirs uses it" in lab.condition(key, "Ready")["message"]
    lab.cluster.delete(key)
    lab.run(300)
    assert (lab.exists()["Model"], lab.reason(key)) == (1, "InUse")
    sagemaker.delete_endpoint_config(EndpointConfigName="theirs")
    lab.run(until=lambda: key not in lab.cluster.objects)
    assert lab.exists() == {}


@pytest.mark.holds("D-10.5")
def test_a_configuration_waits_for_a_model_that_is_only_named(lab: Lab) -> None:
    key = lab.cluster.apply(config(modelName="absent"))
    lab.run(30)
    assert (lab.reason(key), lab.types(key)) == ("DependencyNotReady", {"Reconciling"})
    assert lab.condition(key, "Ready")["message"] == "SageMaker has no model absent yet"
    mark, written = lab.simulator.mark(), lab.cluster.status_writes[key]
    lab.run(1800, step_s=30)
    assert lab.cluster.status_writes[key] == written
    assert lab.simulator.mutations(mark) == []
    assert lab.simulator.counts(mark)["DescribeModel"] <= 31

    lab.simulator.client().create_model(
        ModelName="absent", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "Mode": "SingleModel"}
    )
    lab.run(90, until=lambda: lab.is_ready(key))
    assert lab.effects(mark) == {"CreateModel": 1, "CreateEndpointConfig": 1}


def test_nothing_was_made_while_a_model_is_waited_for_so_everything_may_change(lab: Lab) -> None:
    made = name_of(lab, ready(lab, model()))
    key = lab.cluster.apply(config(modelName="absent"))
    lab.run(30)
    elsewhere = config(modelName="absent")
    elsewhere["spec"]["region"] = "eu-west-1"
    lab.cluster.apply(elsewhere)
    lab.run(30)
    assert lab.reason(key) == "DependencyNotReady"
    lab.cluster.apply(config(modelName=made))
    lab.run(until=lambda: lab.is_ready(key))
    lab.cluster.apply(config("other", modelName="absent"))
    lab.run(30)
    lab.cluster.delete(Key("EndpointConfig", "team", "other"))
    lab.run(30)
    assert [one.name for one in lab.cluster.objects if one.kind == "EndpointConfig"] == ["split"]


def test_a_configuration_that_serves_is_kept_until_the_endpoint_is_gone(lab: Lab) -> None:
    first = name_of(lab, ready(lab, model()))
    key = ready(lab, config(modelName=first))
    sagemaker = lab.simulator.client()
    sagemaker.create_endpoint(EndpointName="theirs", EndpointConfigName=name_of(lab, key))
    lab.cluster.delete(key)
    lab.run(1200, step_s=60)
    assert lab.reason(key) == "InUse"
    sagemaker.delete_endpoint(EndpointName="theirs")
    lab.run(until=lambda: key not in lab.cluster.objects)
    assert lab.exists() == {"Model": 1}


def test_a_model_is_kept_while_a_transform_job_of_ours_runs_on_it(lab: Lab) -> None:
    key = ready(lab, model())
    score = lab.cluster.apply(transform(modelRef={"kind": "Model", "name": "net"}))
    lab.settle()
    lab.cluster.delete(key)
    lab.settle()
    assert lab.exists()["Model"] == 1
    assert "BatchTransformJob team/score" in lab.condition(key, "Ready")["message"]
    lab.run(until=lambda: lab.is_ready(score))
    lab.run(until=lambda: key not in lab.cluster.objects)


def test_what_was_deleted_from_outside_is_told_or_made_again(lab: Lab) -> None:
    key = ready(lab, model())
    lab.run(120, step_s=30)
    lab.simulator.client().delete_model(ModelName=name_of(lab, key))
    lab.run(300, step_s=30)
    assert (lab.reason(key), lab.types(key)) == ("ExternallyDeleted", {"Stalled", "Drifted"})
    lab.cluster.annotate(key, drift_mode="Correct")
    lab.run(until=lambda: lab.is_ready(key))
    assert lab.exists() == {"Model": 1}
    assert lab.effects()["CreateModel"] == 2


def test_a_lost_reply_makes_nothing_twice(lab: Lab) -> None:
    lab.simulator.rules({"match": {"op": "CreateModel", "count": 1}, "action": {"type": "drop_after"}})
    key = ready(lab, model())
    assert lab.effects() == {"CreateModel": 1}
    assert lab.status(key)["modelArn"]


def test_a_strangers_model_of_our_name_is_taken_only_when_asked(lab: Lab) -> None:
    key = ready(lab, model())
    name = name_of(lab, key)
    lab.cluster.forget(key)
    sagemaker = lab.simulator.client()
    arn = sagemaker.describe_model(ModelName=name)["ModelArn"]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["sagemaker-gitops.dev/owner"])
    key = lab.cluster.apply(model())
    lab.settle()
    assert lab.reason(key) == "AdoptionRequired"
    lab.cluster.annotate(key, adopt="true")
    lab.run(until=lambda: lab.is_ready(key))
    assert lab.exists() == {"Model": 1}
    tags = {tag["Key"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    assert "sagemaker-gitops.dev/owner" in tags


def test_a_refused_create_is_not_sent_again_until_the_spec_changes(lab: Lab) -> None:
    refusal = {"type": "error", "code": "ValidationException", "message": "1 validation error detected: nonsense"}
    lab.simulator.rules({"match": {"op": "CreateModel", "count": 1}, "action": refusal})
    bad = model()
    bad["spec"]["containers"] = [{"image": IMAGE}]
    key = lab.cluster.apply(bad)
    lab.run(1800, step_s=60)
    assert (lab.status(key)["status"], lab.types(key)) == ("Error", {"Stalled"})
    assert lab.simulator.counts()["CreateModel"] == 1
    lab.cluster.apply(model())
    lab.run(until=lambda: lab.is_ready(key))
    assert lab.status(key)["status"] == "Created"


def test_an_object_of_the_archived_operator_keeps_its_model(lab: Lab) -> None:
    container = {"Image": IMAGE, "Mode": "SingleModel"}
    sagemaker = lab.simulator.client()
    key = lab.cluster.apply(model(mode="SingleModel"))
    uid = lab.cluster.objects[key]["metadata"]["uid"].replace("-", "")
    name = f"net-{uid}"
    arn = sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)["ModelArn"]
    lab.cluster.objects[key]["status"] = {"status": "Created", "sageMakerModelName": name, "modelArn": arn}
    mark = lab.simulator.mark()
    lab.run(300, step_s=30)
    assert lab.is_ready(key)
    assert name_of(lab, key) == name
    assert lab.effects(mark) == {"AddTags": 1}
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects)
    assert lab.exists() == {}


def test_another_region_is_refused(lab: Lab) -> None:
    key = ready(lab, model())
    moved = model()
    moved["spec"]["region"] = "eu-west-1" if REGION != "eu-west-1" else "eu-west-2"
    lab.cluster.apply(moved)
    lab.settle()
    assert lab.reason(key) == "IdentityChanged"
    assert lab.exists() == {"Model": 1}


def test_retained_things_stay(lab: Lab) -> None:
    key = ready(lab, annotated(model(), deletion_policy="retain"))
    lab.cluster.delete(key)
    lab.settle()
    assert key not in lab.cluster.objects
    assert lab.exists() == {"Model": 1}


def test_when_a_thing_was_verified_last_is_told_once_a_day(lab: Lab) -> None:
    key = lab.cluster.apply(model())
    lab.run(until=lambda: lab.is_ready(key))
    lab.run(600, step_s=60)
    written = lab.cluster.status_writes[key]
    lab.run(3 * 24 * 3600, step_s=3600)
    assert lab.cluster.status_writes[key] - written == 3
    verified = moment(lab.status(key)["drift"]["lastVerified"])
    assert lab.clock.now() - verified < timedelta(hours=26)


def test_a_model_is_kept_while_a_transform_job_cannot_say_what_it_runs_on(lab: Lab) -> None:
    key = ready(lab, model())
    score = lab.cluster.apply(transform(modelRef={"kind": "Model", "name": "net"}))
    lab.settle()
    lab.cluster.rewrite(score, lambda status: status.update(references="x"))
    lab.cluster.delete(key)
    lab.settle()
    assert lab.exists()["Model"] == 1
    assert "BatchTransformJob team/score" in lab.condition(key, "Ready")["message"]
