"""A spec against a description: what the service adds or leaves out is no difference, what somebody changed is one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from reconciler.adapters.service_model import load_shape
from reconciler.core.drift.projection import differences
from reconciler.core.schema.shapes import Structure
from reconciler.kinds import KINDS
from tests.support.lab import LOADER

ROLE = "arn:aws:iam::123456789012:role/r"


@cache
def shape(kind: str) -> Structure:
    return load_shape(next(each.schema for each in KINDS if each.name == kind), LOADER)


def told(kind: str, spec: Mapping[str, Any], described: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    found = differences(shape(kind), spec, described, "never")
    assert all((one.plane, one.stuck) == ("sagemaker", "never") for one in found)
    return [(one.path, one.desired, one.live) for one in found]


def container(**more: Any) -> dict[str, Any]:
    return {"image": "i:1", **more}


SAME = {
    "what the user left out": (
        "Model",
        {"region": "r", "executionRoleArn": ROLE, "primaryContainer": container()},
        {
            "ExecutionRoleArn": ROLE,
            "PrimaryContainer": {"Image": "i:1", "Mode": "SingleModel", "ModelDataUrl": "s3://x"},
            "EnableNetworkIsolation": False,
        },
    ),
    "a default said out loud and left out of the answer": (
        "Model",
        {"enableNetworkIsolation": False, "primaryContainer": container(mode="SingleModel")},
        {"PrimaryContainer": {"Image": "i:1"}},
    ),
    "an object of nulls": (
        "Model",
        {"primaryContainer": container(imageConfig={"repositoryAccessMode": "Vpc"})},
        {
            "PrimaryContainer": {
                "Image": "i:1",
                "ImageConfig": {
                    "RepositoryAccessMode": "Vpc",
                    "RepositoryAuthConfig": {"RepositoryCredentialsProviderArn": None},
                },
            }
        },
    ),
    "an ARN in another case": (
        "Model",
        {"executionRoleArn": ROLE},
        {"ExecutionRoleArn": ROLE.replace("role/r", "Role/R")},
    ),
    "a set in another order": (
        "Model",
        {"vpcConfig": {"subnets": ["a", "b"], "securityGroupIds": ["s"]}},
        {"VpcConfig": {"Subnets": ["b", "a"], "SecurityGroupIds": ["s"]}},
    ),
    "variants in another order": (
        "EndpointConfig",
        {"productionVariants": [{"variantName": "a", "modelName": "m"}, {"variantName": "b", "modelName": "n"}]},
        {"ProductionVariants": [{"VariantName": "b", "ModelName": "n"}, {"VariantName": "a", "ModelName": "m"}]},
    ),
    "a weight of 32 bits": (
        "EndpointConfig",
        {"productionVariants": [{"variantName": "a", "initialVariantWeight": 0.1}]},
        {"ProductionVariants": [{"VariantName": "a", "InitialVariantWeight": 0.10000000149011612}]},
    ),
    "metric definitions that were injected": (
        "TrainingJob",
        {"algorithmSpecification": {"trainingImage": "i"}},
        {"AlgorithmSpecification": {"TrainingImage": "i", "MetricDefinitions": [{"Name": "a", "Regex": "b"}]}},
    ),
    "an older record without a compression": (
        "TrainingJob",
        {"outputDataConfig": {"s3OutputPath": "s3://x", "compressionType": "GZIP", "kmsKeyId": ""}},
        {"OutputDataConfig": {"S3OutputPath": "s3://x"}},
    ),
    "a hyperparameter of the service's own": (
        "HyperparameterTuningJob",
        {"trainingJobDefinition": {"staticHyperParameters": [{"name": "k", "value": "1"}]}},
        {"TrainingJobDefinition": {"StaticHyperParameters": {"k": "1", "_tuning_objective_metric": "auc"}}},
    ),
    "what is sent and not returned": (
        "HyperparameterTuningJob",
        {
            "trainingJobDefinition": {
                "hyperParameterTuningResourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1},
                "outputDataConfig": {"s3OutputPath": "s3://x", "compressionType": "NONE"},
            }
        },
        {"TrainingJobDefinition": {"OutputDataConfig": {"S3OutputPath": "s3://x"}}},
    ),
}

OTHER = {
    "another image": (
        "Model",
        {"primaryContainer": container()},
        {"PrimaryContainer": {"Image": "i:2"}},
        [("/spec/primaryContainer/image", "i:1", "i:2")],
    ),
    "isolation that was asked for": (
        "Model",
        {"enableNetworkIsolation": True},
        {"EnableNetworkIsolation": False},
        [("/spec/enableNetworkIsolation", "true", "false")],
    ),
    "an environment, name by name": (
        "Model",
        {"primaryContainer": container(environment=[{"name": "A/B", "value": "1"}])},
        {"PrimaryContainer": {"Image": "i:1", "Environment": {"A/B": "2", "C": "3"}}},
        [("/spec/primaryContainer/environment/A~1B", "1", "2"), ("/spec/primaryContainer/environment/C", "", "3")],
    ),
    "a variant's model, at its place in the spec": (
        "EndpointConfig",
        {"productionVariants": [{"variantName": "a", "modelName": "m"}, {"variantName": "b", "modelName": "n"}]},
        {"ProductionVariants": [{"VariantName": "b", "ModelName": "x"}, {"VariantName": "a", "ModelName": "m"}]},
        [("/spec/productionVariants/1/modelName", "n", "x")],
    ),
    "containers of a pipeline, whose order counts": (
        "Model",
        {"containers": [container(), container(image="j")]},
        {"Containers": [{"Image": "j"}, {"Image": "i:1"}]},
        [("/spec/containers/0/image", "i:1", "j"), ("/spec/containers/1/image", "j", "i:1")],
    ),
    "something that is not there": (
        "Model",
        {"vpcConfig": {"subnets": ["a"], "securityGroupIds": ["s"]}},
        {},
        [("/spec/vpcConfig/securityGroupIds", '["s"]', "[]"), ("/spec/vpcConfig/subnets", '["a"]', "[]")],
    ),
}


@pytest.mark.holds("D-7.11")
@pytest.mark.parametrize(("kind", "spec", "described"), SAME.values(), ids=SAME)
def test_no_difference(kind: str, spec: Mapping[str, Any], described: Mapping[str, Any]) -> None:
    assert told(kind, spec, described) == []


@pytest.mark.holds("D-7.11")
@pytest.mark.parametrize(("kind", "spec", "described", "expected"), OTHER.values(), ids=OTHER)
def test_a_difference(kind: str, spec: Any, described: Any, expected: list[tuple[str, str, str]]) -> None:
    assert told(kind, spec, described) == expected


def test_a_whole_list_does_not_tell_the_secrets_in_it() -> None:
    secret = {"containers": [container(environment=[{"name": "KEY", "value": "hush"}]), container()]}
    ((path, desired, live),) = told("Model", secret, {"Containers": [{"Image": "i", "Environment": {"KEY": "hush"}}]})
    assert path == "/spec/containers"
    assert "hush" not in desired + live
