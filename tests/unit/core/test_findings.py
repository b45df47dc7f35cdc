from typing import Any

import pytest

from reconciler.adapters.partitions import load_partitions
from reconciler.core.findings import findings
from reconciler.kinds import CATALOG

PARTITIONS = load_partitions()

MODEL = {
    "name": "m",
    "executionRoleArn": "arn:aws:iam::111122223333:role/r",
    "containers": [{"containerHostname": "c", "image": "i"}],
}
HOSTING: dict[str, Any] = {
    "region": "eu-west-1",
    "models": [MODEL],
    "productionVariants": [{"variantName": "v", "modelName": "m"}],
}
TRAINING: dict[str, Any] = {"region": "eu-west-1", "resourceConfig": {}}
SCALING: dict[str, Any] = {
    "region": "eu-west-1",
    "resourceId": [{"endpointName": "e", "variantName": "v"}],
    "targetTrackingScalingPolicyConfiguration": {"predefinedMetricSpecification": {"predefinedMetricType": "x"}},
}


@pytest.mark.parametrize(
    ("kind", "spec"),
    [("HostingDeployment", HOSTING), ("TrainingJob", TRAINING), ("HostingAutoscalingPolicy", SCALING)],
)
def test_what_is_right_has_no_findings(kind: str, spec: dict[str, Any]) -> None:
    assert findings(CATALOG.by_name[kind], spec, PARTITIONS) == ()


@pytest.mark.holds("D-11.2", "D-18.4")
@pytest.mark.parametrize(
    ("kind", "spec", "path", "reason"),
    [
        pytest.param(
            "HostingDeployment",
            {**HOSTING, "productionVariants": [{"variantName": "v", "modelName": "other"}]},
            "/spec/productionVariants/0/modelName", "UnknownModel",
            id="a variant names a model that is not there",
        ),
        pytest.param(
            "HostingDeployment",
            {**HOSTING, "productionVariants": [{"variantName": "v", "modelName": "m", "instancePools": [{"modelNameOverride": "x"}]}]},
            "/spec/productionVariants/0/instancePools/0/modelNameOverride", "UnknownModel",
            id="a pool names a model that is not there",
        ),
        pytest.param(
            "HostingDeployment", {**HOSTING, "models": [MODEL, MODEL]}, "/spec/models/1/name", "Duplicate",
            id="two models have one name",
        ),
        pytest.param(
            "HostingDeployment", {**HOSTING, "models": [{**MODEL, "primaryContainer": "x"}]},
            "/spec/models/0/primaryContainer", "UnknownContainer",
            id="the primary container is not there",
        ),
        pytest.param(
            "HostingDeployment", {**HOSTING, "models": [{**MODEL, "containers": [{"containerHostname": "c"}]}]},
            "/spec/models/0/containers/0", "ContainerWithoutImage",
            id="a container has no image",
        ),
        pytest.param(
            "HostingDeployment", {**HOSTING, "models": [{"name": "m"}]}, "/spec/models/0/containers", "NoContainer",
            id="a model has no container",
        ),
        pytest.param(
            "HostingDeployment", {**HOSTING, "shadowProductionVariants": [{"variantName": n, "modelName": "m"} for n in "ab"]},
            "/spec/shadowProductionVariants", "ShadowVariants",
            id="two shadow variants",
        ),
        pytest.param(
            "HostingDeployment", {**HOSTING, "region": "cn-north-1"}, "/spec/models/0/executionRoleArn", "PartitionMismatch",
            id="a role of another partition",
        ),
        pytest.param(
            "TrainingJob", {**TRAINING, "tags": [{"key": str(i)} for i in range(48)]}, "/spec/tags", "TooManyTags",
            id="48 tags leave no room for ours",
        ),
        pytest.param(
            "TrainingJob", {**TRAINING, "tags": [{"key": "sagemaker-gitops.dev/owner"}]}, "/spec/tags/0/key", "ReservedTag",
            id="the owner's tag",
        ),
        pytest.param(
            "TrainingJob", {**TRAINING, "tags": [{"key": "a"}, {"key": "a"}]}, "/spec/tags/1/key", "Duplicate",
            id="a tag key twice",
        ),
        pytest.param("TrainingJob", {"region": "r"}, "/spec/resourceConfig", "MissingResources", id="a job without machines"),
        pytest.param(
            "TrainingJob", {**TRAINING, "enableManagedSpotTraining": True},
            "/spec/stoppingCondition/maxWaitTimeInSeconds", "SpotWithoutWait",
            id="spot training without a wait",
        ),
        pytest.param(
            "TrainingJob",
            {**TRAINING, "enableManagedSpotTraining": True, "stoppingCondition": {"maxRuntimeInSeconds": 2, "maxWaitTimeInSeconds": 1}},
            "/spec/stoppingCondition/maxWaitTimeInSeconds", "WaitTooShort",
            id="a wait shorter than the run",
        ),
        pytest.param(
            "TrainingJob", {**TRAINING, "stoppingCondition": {"maxWaitTimeInSeconds": 1}},
            "/spec/stoppingCondition/maxWaitTimeInSeconds", "WaitWithoutSpot",
            id="a wait without spot training",
        ),
        pytest.param(
            "TrainingJob", {**TRAINING, "inputDataConfig": [{"channelName": "a"}] * 2},
            "/spec/inputDataConfig/1/channelName", "Duplicate",
            id="a channel twice",
        ),
        pytest.param(
            "HyperparameterTuningJob",
            {"hyperParameterTuningJobConfig": {"resourceLimits": {"maxNumberOfTrainingJobs": 1, "maxParallelTrainingJobs": 2}}},
            "/spec/hyperParameterTuningJobConfig/resourceLimits/maxParallelTrainingJobs", "MoreParallelThanAll",
            id="more at once than in all",
        ),
        pytest.param(
            "ProcessingJob", {"processingInputs": [{"inputName": "a"}] * 2}, "/spec/processingInputs/1/inputName", "Duplicate",
            id="an input twice",
        ),
        pytest.param("Model", {}, "/spec", "NoContainer", id="a model of nothing"),
        pytest.param(
            "Model", {"primaryContainer": {}}, "/spec/primaryContainer", "ContainerWithoutImage",
            id="a primary container has no image",
        ),
        pytest.param(
            "EndpointConfig", {"productionVariants": [{"variantName": "a"}] * 2},
            "/spec/productionVariants/1/variantName", "Duplicate",
            id="a variant twice",
        ),
        pytest.param(
            "HostingAutoscalingPolicy", {**SCALING, "tags": [{"key": "team", "value": " "}]}, "/spec/tags/0/value", "EmptyTagValue",
            id="a blank tag, which Application Auto Scaling refuses",
        ),
        pytest.param("HostingAutoscalingPolicy", {**SCALING, "resourceId": []}, "/spec/resourceId", "NothingToScale", id="no variant"),
        pytest.param(
            "HostingAutoscalingPolicy", {**SCALING, "resourceId": [{"endpointName": "e"}]},
            "/spec/resourceId/0/variantName", "IncompleteResourceId",
            id="half a resource id, which ended the archived operator's process",
        ),
        pytest.param(
            "HostingAutoscalingPolicy", {**SCALING, "targetTrackingScalingPolicyConfiguration": None},
            "/spec/targetTrackingScalingPolicyConfiguration", "NoPolicy",
            id="no policy, likewise",
        ),
        pytest.param(
            "HostingAutoscalingPolicy", {**SCALING, "targetTrackingScalingPolicyConfiguration": {"targetValue": 1}},
            "/spec/targetTrackingScalingPolicyConfiguration", "NoMetric",
            id="no metric",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_finding(kind: str, spec: dict[str, Any], path: str, reason: str) -> None:
    found = findings(CATALOG.by_name[kind], spec, PARTITIONS)
    assert [(problem.path, problem.reason) for problem in found] == [(path, reason)]
