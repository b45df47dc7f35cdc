"""The smallest manifests of a TrainingJob and a HostingDeployment, and what is laid over any; `lab_kinds` has the other kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from reconciler.core.resource import GITOPS_GROUP
from reconciler.dev.envfile import REGION

ROLE = "arn:aws:iam::123456789012:role/service-role/lab"
PREFIX = f"{GITOPS_GROUP}/"
IMAGE = "123456789012.dkr.ecr.us-west-2.amazonaws.com/lab:1"


def canary(alarm: str, wait_s: int) -> dict[str, Any]:
    """A `deploymentConfig` that moves one instance first and waits for so long, while an alarm may roll it back."""
    return {
        "blueGreenUpdatePolicy": {
            "trafficRoutingConfiguration": {
                "type": "CANARY",
                "canarySize": {"type": "INSTANCE_COUNT", "value": 1},
                "waitIntervalInSeconds": wait_s,
            },
            "maximumExecutionTimeoutInSeconds": 3600,
        },
        "autoRollbackConfiguration": {"alarms": [{"alarmName": alarm}]},
    }


def job(name: str = "train", namespace: str = "team", **spec: Any) -> dict[str, Any]:
    """The smallest TrainingJob, with `spec` on top."""
    least = {
        "region": REGION,
        "roleArn": ROLE,
        "algorithmSpecification": {"trainingImage": IMAGE, "trainingInputMode": "File"},
        "outputDataConfig": {"s3OutputPath": "s3://lab/output"},
        "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 10},
        "stoppingCondition": {"maxRuntimeInSeconds": 3600},
    }
    return manifest("TrainingJob", name, namespace, least | spec)


def hosting(
    name: str = "serve", namespace: str = "team", image: str = IMAGE, models: int = 1, **spec: Any
) -> dict[str, Any]:
    """The smallest HostingDeployment with so many models; another `image` is other content."""
    names = [f"model-{number}" for number in range(models)]
    least = {
        "region": REGION,
        "models": [
            {"name": name, "executionRoleArn": ROLE, "containers": [{"containerHostname": "c", "image": image}]}
            for name in names
        ],
        "productionVariants": [
            {
                "variantName": f"variant-{name}",
                "modelName": name,
                "instanceType": "ml.m5.large",
                "initialInstanceCount": 1,
                "initialVariantWeight": 1,
            }
            for name in names
        ],
    }
    return manifest("HostingDeployment", name, namespace, least | spec)


def example(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path)
    return found


def manifest(kind: str, name: str, namespace: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "sagemaker.aws.amazon.com/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": dict(spec),
    }


def annotated(manifest: Mapping[str, Any], **annotations: str) -> dict[str, Any]:
    """With annotations by our prefix."""
    metadata = manifest["metadata"]
    known = metadata.get("annotations") or {}
    more = {PREFIX + name.replace("_", "-"): value for name, value in annotations.items()}
    return {**manifest, "metadata": {**metadata, "annotations": known | more}}
