"""Names and digests. The vectors are FROZEN FOR EVER: whoever changes one trains somebody's whole fleet again.

They are computed through the real shapes, so a botocore upgrade or a change of a kind's differences that would move a digest
fails here (D-1).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.adapters.service_model import load_shape
from reconciler.core.drift.policy import Policy
from reconciler.core.kind import Identity, Pass
from reconciler.core.naming import NAME_LIMIT, TUNING_NAME_LIMIT, digest, owner_tag, remote_name, spec_hash
from reconciler.core.resource import Resource
from reconciler.kinds import CATALOG
from reconciler.kinds.hosting.desired import desired_by_git
from reconciler.kinds.jobs.runs import desired_run
from reconciler.kinds.training_job import JOB

SHAPES = {kind.name: load_shape(kind.schema) for kind in CATALOG.kinds}
RUN = "sagemaker-gitops.dev/run"

TRAINING: dict[str, Any] = {
    "region": "eu-west-1",
    "roleArn": "arn:aws:iam::111122223333:role/churn-training",
    "algorithmSpecification": {
        "trainingImage": "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "trainingInputMode": "File",
    },
    "hyperParameters": [{"name": "objective", "value": "binary:logistic"}, {"name": "max_depth", "value": "6"}],
    "outputDataConfig": {"s3OutputPath": "s3://churn-models/training"},
    "resourceConfig": {"instanceType": "ml.m5.2xlarge", "instanceCount": 1, "volumeSizeInGB": 30},
    "stoppingCondition": {"maxRuntimeInSeconds": 7200},
}
HOSTING: dict[str, Any] = {
    "region": "eu-west-1",
    "models": [
        {
            "name": "churn",
            "executionRoleArn": "arn:aws:iam::111122223333:role/churn-serving",
            "containers": [
                {
                    "containerHostname": "xgboost",
                    "image": "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1",
                    "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                }
            ],
        }
    ],
    "productionVariants": [
        {
            "variantName": "main",
            "modelName": "churn",
            "instanceType": "ml.c6i.large",
            "initialInstanceCount": 2,
            "initialVariantWeight": 1,
        }
    ],
}


def this(kind: str, spec: Mapping[str, Any], name: str = "churn", cluster: str = "prod", **annotations: str) -> Pass:
    body = {
        "apiVersion": "sagemaker.aws.amazon.com/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "team", "uid": "u-1", "annotations": annotations},
        "spec": spec,
    }
    now = datetime(2026, 3, 1, tzinfo=UTC)
    return Pass(
        Resource(body), Identity(cluster), spec, SHAPES[kind], {}, now, "Run", Policy(), kind=CATALOG.by_name[kind]
    )


def run_name(spec: Mapping[str, Any], name: str = "churn", cluster: str = "prod", **annotations: str) -> str:
    return desired_run(JOB, this("TrainingJob", spec, name, cluster, **annotations), None, ()).name


def part_names(spec: Mapping[str, Any], name: str = "churn", cluster: str = "prod") -> tuple[str, ...]:
    parts = desired_by_git(this("HostingDeployment", spec, name, cluster))
    return (parts.endpoint, parts.content.config, *(model.name for model in parts.models))


def changed(spec: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(dict(spec))
    at: Any = result
    *parents, last = path.split("/")
    for step in parents:
        at = at[int(step)] if isinstance(at, list) else at[step]
    at[last] = value
    return result


# frozen


@pytest.mark.holds("D-1.3")
@pytest.mark.parametrize(
    ("parts", "frozen"),
    [
        (["prod", "team", "churn"], "ev3atcu3b2xc"),
        (["prod", "team", "TrainingJob", "churn", {"b": 1, "a": "ü"}, ""], "3ttxtpjx7lyh"),
        ([], "j5j43immfova"),
    ],
)
def test_digests_are_frozen(parts: list[Any], frozen: str) -> None:
    assert digest(parts) == frozen


@pytest.mark.holds("D-1.2")
@pytest.mark.parametrize(
    ("name", "frozen"),
    [
        pytest.param(run_name(TRAINING), "churn-k63bpcvedfwl", id="a training run"),
        pytest.param(run_name(TRAINING, cluster="stage"), "churn-ltmsokjulmee", id="the same in another cluster"),
        pytest.param(run_name(TRAINING, **{RUN: "monday"}), "churn-ldhmliyk7ytq", id="the same with a run token"),
        pytest.param(run_name(TRAINING, "Churn.v2"), "churn-v2-mmd4vm3u65qy", id="a name with capitals and dots"),
        pytest.param(
            run_name(TRAINING, "a" * 49 + "-" + "b" * 200),
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-hsixveywfn35",
            id="a long name, cut at a hyphen",
        ),
        pytest.param(run_name(changed(TRAINING, "trainingJobName", "Mine")), "Mine", id="an explicit name, first run"),
        pytest.param(part_names(HOSTING)[0], "churn-ev3atcu3b2xc", id="an endpoint"),
        pytest.param(part_names(HOSTING)[1], "churn-5g22jpht6cmz", id="an endpoint configuration"),
        pytest.param(part_names(HOSTING)[2], "churn-churn-jakq4ki24ph5", id="a model"),
        pytest.param(part_names(changed(HOSTING, "endpointName", "Mine"))[0], "Mine", id="an explicit endpoint name"),
    ],
)
def test_names_are_frozen(name: str, frozen: str) -> None:
    assert name == frozen


@pytest.mark.holds("D-1.3")
def test_the_hash_of_an_applied_spec_is_frozen() -> None:
    assert spec_hash(TRAINING) == "biocnxwsevxa"
    assert spec_hash({**TRAINING, "tags": None, "x": 1.0}) == spec_hash({**TRAINING, "x": 1})


# what does not count


SAME_TRAINING = {
    "nulls": ("vpcConfig", None),
    "empty lists": ("inputDataConfig", []),
    "tags": ("tags", [{"key": "team", "value": "growth"}]),
    "the SageMaker endpoint": ("sageMakerEndpoint", "https://api.sagemaker.eu-west-1.amazonaws.com"),
    "60.0 for 60": ("stoppingCondition", {"maxRuntimeInSeconds": 7200.0}),
    "the order of names and values": ("hyperParameters", TRAINING["hyperParameters"][::-1]),
    "a name given twice, the last wins": (
        "hyperParameters",
        [{"name": "max_depth", "value": "5"}, *TRAINING["hyperParameters"]],
    ),
    "an empty explicit name": ("trainingJobName", ""),
}
OTHER_TRAINING = {
    "a value": ("hyperParameters", [{"name": "objective", "value": "reg"}, TRAINING["hyperParameters"][1]]),
    "the region": ("region", "eu-central-1"),
    "the role": ("roleArn", "arn:aws:iam::111122223333:role/other"),
    "false is not absent": ("enableManagedSpotTraining", False),
    "an unknown key": ("brandNewField", "x"),
}


@pytest.mark.holds("D-1.4")
@pytest.mark.parametrize("change", SAME_TRAINING)
def test_the_same_content_is_the_same_run(change: str) -> None:
    assert run_name(changed(TRAINING, *SAME_TRAINING[change])) == run_name(TRAINING)


@pytest.mark.holds("D-1.4")
@pytest.mark.parametrize("change", OTHER_TRAINING)
def test_other_content_is_another_run(change: str) -> None:
    assert run_name(changed(TRAINING, *OTHER_TRAINING[change])) != run_name(TRAINING)


def test_the_key_of_a_hooks_parameters_and_its_alias_are_one() -> None:
    hook = {"s3OutputPath": "s3://x/y", "ruleParameters": [{"name": "a", "value": "1"}]}
    alias = {"s3OutputPath": "s3://x/y", "hookParameters": [{"name": "a", "value": "1"}]}
    assert run_name({**TRAINING, "debugHookConfig": hook}) == run_name({**TRAINING, "debugHookConfig": alias})


SAME_HOSTING = {
    "tags": ("tags", [{"key": "team", "value": "growth"}]),
    "guardrails": ("deploymentConfig", {"rollingUpdatePolicy": {"waitIntervalInSeconds": 60}}),
    "the history limit": ("revisionHistoryLimit", 3),
    "retained properties": ("retainAllVariantProperties", True),
    "excluded properties": ("excludeRetainedVariantProperties", [{"variantPropertyType": "DesiredWeight"}]),
    "the SageMaker endpoint": ("sageMakerEndpoint", "https://x"),
    "1.0 for 1": ("productionVariants/0/initialVariantWeight", 1.0),
    "the order of the environment": (
        "models/0/containers/0/environment",
        HOSTING["models"][0]["containers"][0]["environment"][::-1],
    ),
    "nulls": ("models/0/vpcConfig", None),
    "the region, which cannot change": ("region", "eu-central-1"),
}


@pytest.mark.parametrize("change", SAME_HOSTING)
def test_the_same_serving_content_has_the_same_names(change: str) -> None:
    assert part_names(changed(HOSTING, *SAME_HOSTING[change])) == part_names(HOSTING)


@pytest.mark.holds("D-1.2")
def test_the_name_of_an_endpoint_hangs_on_nothing_but_its_object() -> None:
    other = changed(HOSTING, "models/0/containers/0/image", "other:1")
    assert part_names(other)[0] == part_names(HOSTING)[0]
    assert set(part_names(other)[1:]).isdisjoint(part_names(HOSTING)[1:])


def test_only_the_changed_model_gets_another_name() -> None:
    other = changed(HOSTING, "productionVariants/0/initialInstanceCount", 3)
    assert part_names(other)[2] == part_names(HOSTING)[2]
    assert part_names(other)[1] != part_names(HOSTING)[1]


def test_a_later_run_of_an_explicit_name_adds_its_digest() -> None:
    spec = changed(TRAINING, "trainingJobName", "Mine")
    asked = this("TrainingJob", spec)
    first = desired_run(JOB, asked, None, ())
    started = first.__class__(**{**first.__dict__, "started_at": "2026-03-01T00:00:00Z"})
    later = desired_run(JOB, asked, started, ())
    assert later.name == f"mine-{later.digest}"


# form


@pytest.mark.holds("D-1.5")
@pytest.mark.parametrize(
    ("prefix", "limit", "name"),
    [
        ("Fraud.Detection", NAME_LIMIT, "fraud-detection-abcdefghijkl"),
        ("x" * 80, NAME_LIMIT, "x" * 50 + "-abcdefghijkl"),
        ("x" * 49 + ".y", NAME_LIMIT, "x" * 49 + "-abcdefghijkl"),
        ("x" * 80, TUNING_NAME_LIMIT, "x" * 19 + "-abcdefghijkl"),
        ("...", NAME_LIMIT, "abcdefghijkl"),
        ("größe", NAME_LIMIT, "gr--e-abcdefghijkl"),
    ],
)
def test_names_fit(prefix: str, limit: int, name: str) -> None:
    assert remote_name(prefix, "abcdefghijkl", limit) == name
    assert len(name) <= limit


def test_a_long_owner_is_told_by_its_digest() -> None:
    assert owner_tag("prod", "team", "TrainingJob", "churn") == "prod/team/TrainingJob/churn"
    long = owner_tag("prod", "team", "TrainingJob", "c" * 253)
    assert long.startswith("prod/sha256:")
    assert len(long) <= 256
    assert long != owner_tag("prod", "team", "TrainingJob", "d" * 253)
