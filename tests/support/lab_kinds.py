"""The smallest manifests of the kinds beside TrainingJob and HostingDeployment, for the bench."""

from __future__ import annotations

from typing import Any

from reconciler.dev.envfile import REGION
from tests.support.manifests import IMAGE, ROLE, manifest


def model(name: str = "net", image: str = IMAGE, **container: Any) -> dict[str, Any]:
    spec = {"region": REGION, "executionRoleArn": ROLE, "primaryContainer": {"image": image, **container}}
    return manifest("Model", name, "team", spec)


def config(name: str = "split", *, count: int = 1, **variant: Any) -> dict[str, Any]:
    """One variant; say `modelName` or `modelRef`."""
    least = {"variantName": "all", "instanceType": "ml.m5.large", "initialInstanceCount": count}
    return manifest("EndpointConfig", name, "team", {"region": REGION, "productionVariants": [least | variant]})


def transform(name: str = "score", **spec: Any) -> dict[str, Any]:
    least = {
        "region": REGION,
        "transformInput": {"dataSource": {"s3DataSource": {"s3DataType": "S3Prefix", "s3Uri": "s3://lab/in"}}},
        "transformOutput": {"s3OutputPath": "s3://lab/scores"},
        "transformResources": {"instanceType": "ml.m5.large", "instanceCount": 1},
    }
    return manifest("BatchTransformJob", name, "team", least | spec)


def processing(name: str = "prepare", **spec: Any) -> dict[str, Any]:
    cluster = {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 10}
    least = {
        "region": REGION,
        "roleArn": ROLE,
        "appSpecification": {"imageUri": IMAGE},
        "processingResources": {"clusterConfig": cluster},
    }
    return manifest("ProcessingJob", name, "team", least | spec)


def definition(**more: Any) -> dict[str, Any]:
    least = {
        "roleArn": ROLE,
        "algorithmSpecification": {
            "trainingImage": IMAGE,
            "trainingInputMode": "File",
            "metricDefinitions": [{"name": "auc", "regex": "auc=(.*)"}],
        },
        "staticHyperParameters": [{"name": "rounds", "value": "10"}],
        "outputDataConfig": {"s3OutputPath": "s3://lab/tuned"},
        "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 10},
        "stoppingCondition": {"maxRuntimeInSeconds": 3600},
    }
    return least | more


def tuning(name: str = "search", most: int = 4, parallel: int = 2, **spec: Any) -> dict[str, Any]:
    least: dict[str, Any] = {
        "region": REGION,
        "hyperParameterTuningJobConfig": {
            "strategy": "Random",
            "resourceLimits": {"maxNumberOfTrainingJobs": most, "maxParallelTrainingJobs": parallel},
            "hyperParameterTuningJobObjective": {"type": "Maximize", "metricName": "auc"},
            "parameterRanges": {
                "continuousParameterRanges": [
                    {"name": "eta", "minValue": "0.1", "maxValue": "0.9", "scalingType": "Linear"}
                ]
            },
        },
    }
    if "trainingJobDefinitions" not in spec:
        least["trainingJobDefinition"] = definition()
    return manifest("HyperparameterTuningJob", name, "team", least | spec)
