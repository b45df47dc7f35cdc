"""Manifests that must be refused, and some that must not.

The first are each an example with one thing wrong, and the field and reason of the refusal.

Tables for two judges: tests/contract asks `problems`, tests/integration asks a real API server.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"

REMOVED = object()


@dataclass(frozen=True)
class Bad:
    sentence: str
    example: str
    path: str
    """JSON Pointer of the field that is refused."""
    reason: str
    edits: Mapping[str, Any] = field(default_factory=dict)
    """JSON Pointer -> value, REMOVED to take it away."""

    def manifest(self) -> dict[str, Any]:
        return edited(_example(self.example), self.edits)


@dataclass(frozen=True)
class Lenient:
    """What the archived operator accepted, as fields that replace those of the kind's example."""

    sentence: str
    kind: str
    spec: Mapping[str, Any]

    def manifest(self) -> dict[str, Any]:
        manifest = _example(self.kind.lower())
        return {**manifest, "spec": {**manifest["spec"], **self.spec}}


def _example(name: str) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))
    return manifest


def edited(manifest: dict[str, Any], edits: Mapping[str, Any]) -> dict[str, Any]:
    changed = deepcopy(manifest)
    for pointer, value in edits.items():
        *parents, last = pointer.split("/")[1:]
        holder: Any = changed
        for token in parents:
            holder = holder[int(token)] if isinstance(holder, list) else holder[token]
        if value is REMOVED:
            del holder[last]
        elif isinstance(holder, list):
            holder[int(last)] = value
        else:
            holder[last] = value
    return changed


def _required(sentence: str, example: str, path: str) -> Bad:
    return Bad(sentence, example, path, "FieldValueRequired", {path: REMOVED})


def _set(sentence: str, example: str, path: str, reason: str, value: Any, *, at: str | None = None) -> Bad:
    return Bad(sentence, example, at or path, reason, {path: value})


_INVALID = "FieldValueInvalid"
_TYPE = "FieldValueTypeInvalid"
_ENUM = "FieldValueNotSupported"
_LONG = "FieldValueTooLong"
_MANY = "FieldValueTooMany"
_UNKNOWN = "UnknownField"

_CHANNEL = "/spec/inputDataConfig/0"
_VARIANT = "/spec/productionVariants/0"
_ROUTING = "/spec/deploymentConfig/blueGreenUpdatePolicy/trafficRoutingConfiguration"
_TRACKING = "/spec/targetTrackingScalingPolicyConfiguration"
_TUNING = "/spec/hyperParameterTuningJobConfig"

_DEFINITION = {
    "algorithmSpecification": {"trainingImage": "image", "trainingInputMode": "File"},
    "outputDataConfig": {"s3OutputPath": "s3://bucket/path"},
    "roleArn": "arn:aws:iam::111122223333:role/training",
    "stoppingCondition": {},
}

BAD: tuple[Bad, ...] = (
    # What is missing.
    _required("a training job needs a region", "trainingjob", "/spec/region"),
    _required("a training job needs a role", "trainingjob", "/spec/roleArn"),
    _required("a training job needs an output", "trainingjob", "/spec/outputDataConfig"),
    _required("a channel needs a name", "trainingjob", f"{_CHANNEL}/channelName"),
    _required("an S3 source needs a URI", "trainingjob", f"{_CHANNEL}/dataSource/s3DataSource/s3Uri"),
    _required("a tag needs a value", "trainingjob", "/spec/tags/0/value"),
    _required("a manifest needs a spec", "trainingjob", "/spec"),
    _required("an endpoint needs variants", "hostingdeployment", "/spec/productionVariants"),
    _required("an endpoint needs models", "hostingdeployment", "/spec/models"),
    _required("a hosted variant names its model", "hostingdeployment", f"{_VARIANT}/modelName"),
    _required("a hosted model needs a role", "hostingdeployment", "/spec/models/0/executionRoleArn"),
    _required("a tuning job needs limits", "hyperparametertuningjob", f"{_TUNING}/resourceLimits"),
    _set("a transform job needs a model", "batchtransformjob", "/spec/modelName", _INVALID, REMOVED, at="/spec"),
    _set(
        "a reference stands instead of a name, not beside it",
        "batchtransformjob",
        "/spec/modelRef",
        _INVALID,
        {"kind": "Model", "name": "churn"},
        at="/spec",
    ),
    Bad(
        "a reference is to a kind that can give it",
        "batchtransformjob",
        "/spec/modelRef/kind",
        _ENUM,
        {"/spec/modelName": REMOVED, "/spec/modelRef": {"kind": "TrainingJob", "name": "churn"}},
    ),
    _required("a processing job needs resources", "processingjob", "/spec/processingResources"),
    _required("a sync needs a repository", "gitsync", "/spec/repo/url"),
    _required("a scaling policy needs a region", "hostingautoscalingpolicy", "/spec/region"),
    # What is of the wrong type.
    _set("a number is no string", "trainingjob", "/spec/hyperParameters/2/value", _TYPE, 6),
    _set("a string is no number", "trainingjob", "/spec/resourceConfig/instanceCount", _TYPE, "1"),
    _set("half an instance is no integer", "trainingjob", "/spec/resourceConfig/instanceCount", _TYPE, 1.5),
    _set("a map is no list of names and values", "trainingjob", "/spec/hyperParameters", _TYPE, {"max_depth": "6"}),
    _set("a list is no object", "trainingjob", "/spec/outputDataConfig", _TYPE, []),
    _set("a string is no boolean", "trainingjob-spot", "/spec/enableManagedSpotTraining", _TYPE, "yes"),
    _set("a spec is no string", "model", "/spec", _TYPE, "no"),
    _set("a string is no weight", "endpointconfig", f"{_VARIANT}/initialVariantWeight", _TYPE, "0.5"),
    # What nobody declared.
    _set("an unknown key of a spec is refused", "trainingjob", "/spec/instanceType", _UNKNOWN, "ml.m5.large"),
    _set("capitals matter", "trainingjob", "/spec/outputDataConfig/S3OutputPath", _UNKNOWN, "s3://b/p"),
    _set("an unknown key inside a list is refused", "hostingdeployment", f"{_VARIANT}/weight", _UNKNOWN, 1),
    _set(
        "only declared spellings are aliases", "batchtransformjob", "/spec/dataProcessing/joinsource", _UNKNOWN, "Input"
    ),
    _set("a processing job has no name of its own", "processingjob", "/spec/processingJobName", _UNKNOWN, "mine"),
    _set("a sync has no unknown keys", "gitsync", "/spec/repo/branch", _UNKNOWN, "main"),
    _set("null is no object", "trainingjob", "/spec/checkpointConfig", _TYPE, None),
    _set("null is no string", "gitsync", "/spec/serviceAccountName", _TYPE, None),
    # What is outside its limits.
    _set("a job name has at most 63 characters", "trainingjob", "/spec/trainingJobName", _LONG, "x" * 64),
    _set(
        "a tuning job's name has at most 32",
        "hyperparametertuningjob",
        "/spec/hyperParameterTuningJobName",
        _LONG,
        "x" * 33,
    ),
    _set("a job name has no dots", "trainingjob", "/spec/trainingJobName", _INVALID, "a.b"),
    _set("an endpoint name does not end in a hyphen", "hostingdeployment", "/spec/endpointName", _INVALID, "churn-"),
    _set(
        "a role is an ARN of a role",
        "trainingjob",
        "/spec/roleArn",
        _INVALID,
        "arn:aws:iam::111122223333:user/somebody",
    ),
    _set(
        "a role's account has twelve digits",
        "model",
        "/spec/executionRoleArn",
        _INVALID,
        "arn:aws:iam::1111:role/serving",
    ),
    _set("a URI is https or s3", "trainingjob", "/spec/outputDataConfig/s3OutputPath", _INVALID, "gs://bucket/path"),
    _set("a pattern matches in full", "trainingjob", "/spec/trainingJobName", _INVALID, "good\n"),
    _set(
        "digits are ASCII digits", "trainingjob", "/spec/roleArn", _INVALID, "arn:aws:iam::١١١١٢٢٢٢٣٣٣٣:role/training"
    ),
    _set("a region is not empty", "trainingjob", "/spec/region", _INVALID, ""),
    _set(
        "a hyperparameter fits into 2500 characters", "trainingjob", "/spec/hyperParameters/0/value", _LONG, "v" * 2501
    ),
    _set("an input mode is one of three", "trainingjob", f"{_CHANNEL}/inputMode", _ENUM, "Stream"),
    _set("enums mind capitals", "trainingjob", f"{_CHANNEL}/dataSource/s3DataSource/s3DataType", _ENUM, "s3prefix"),
    _set(
        "a goal is to minimise or maximise",
        "hyperparametertuningjob",
        f"{_TUNING}/hyperParameterTuningJobObjective/type",
        _ENUM,
        "Max",
    ),
    _set("input channels are not an empty list", "trainingjob", "/spec/inputDataConfig", _INVALID, []),
    _set("at most fifty tags", "trainingjob", "/spec/tags", _MANY, [{"key": f"k{i}", "value": ""} for i in range(51)]),
    _set("a weight is not negative", "endpointconfig", f"{_VARIANT}/initialVariantWeight", _INVALID, -0.5),
    _set("an endpoint starts with an instance", "hostingdeployment", f"{_VARIANT}/initialInstanceCount", _INVALID, 0),
    _set(
        "serverless memory has a top",
        "hostingdeployment-serverless",
        f"{_VARIANT}/serverlessConfig/memorySizeInMB",
        _INVALID,
        65536,
    ),
    _set("history is two or more", "hostingdeployment", "/spec/revisionHistoryLimit", _INVALID, 1),
    _set("a share to delete is a percentage", "gitsync", "/spec/prune/maxDeletePercent", _INVALID, 101),
    _set("an interval is a duration", "gitsync", "/spec/interval", _INVALID, "2 minutes"),
    Bad("nobody looks more often than every ten seconds", "gitsync", "/spec", _INVALID, {"/spec/interval": "9s"}),
    _set("a drift mode is one of three", "gitsync", "/spec/drift/mode", _ENUM, "correct"),
    _set("a commit is a whole commit", "gitsync", "/spec/repo/ref/commit", _INVALID, "abc123"),
    _set(
        "an alarm's name is more than blanks",
        "hostingdeployment-canary",
        "/spec/deploymentConfig/autoRollbackConfiguration/alarms/0/alarmName",
        _INVALID,
        "  ",
    ),
    # What does not go together.
    _set(
        "an image or an algorithm, not both",
        "trainingjob",
        "/spec/algorithmSpecification/algorithmName",
        _INVALID,
        "my-algorithm",
        at="/spec/algorithmSpecification",
    ),
    Bad(
        "an image or an algorithm, not neither",
        "trainingjob",
        "/spec/algorithmSpecification",
        _INVALID,
        {"/spec/algorithmSpecification/trainingImage": REMOVED},
    ),
    Bad(
        "a job trains with some algorithm", "trainingjob", "/spec", _INVALID, {"/spec/algorithmSpecification": REMOVED}
    ),
    _set(
        "one definition or several",
        "hyperparametertuningjob",
        "/spec/trainingJobDefinitions",
        _INVALID,
        [_DEFINITION],
        at="/spec",
    ),
    _set(
        "instances or serverless",
        "hostingdeployment",
        f"{_VARIANT}/serverlessConfig",
        _INVALID,
        {"memorySizeInMB": 2048, "maxConcurrency": 1},
        at=_VARIANT,
    ),
    Bad("a variant runs on something", "hostingdeployment", _VARIANT, _INVALID, {f"{_VARIANT}/instanceType": REMOVED}),
    _set(
        "blue-green or rolling",
        "hostingdeployment-canary",
        "/spec/deploymentConfig/rollingUpdatePolicy",
        _INVALID,
        {"maximumBatchSize": {"type": "INSTANCE_COUNT", "value": 1}, "waitIntervalInSeconds": 60},
        at="/spec/deploymentConfig",
    ),
    Bad("a canary has a size", "hostingdeployment-canary", _ROUTING, _INVALID, {f"{_ROUTING}/canarySize": REMOVED}),
    Bad("the least is not above the most", "hostingautoscalingpolicy", "/spec", _INVALID, {"/spec/minCapacity": 13}),
    _set(
        "one kind of metric",
        "hostingautoscalingpolicy",
        f"{_TRACKING}/customizedMetricSpecification",
        _INVALID,
        {"metricName": "m", "namespace": "n", "statistic": "Average"},
        at=_TRACKING,
    ),
)

LENIENT: tuple[Lenient, ...] = (
    Lenient("a variant may name an unknown model", "HostingDeployment", {"productionVariants": [{"variantName": "v", "modelName": "no.such", "instanceType": "ml.new.big", "initialInstanceCount": 1}]}),
    Lenient("two models may have one name", "HostingDeployment", {"models": [{"name": "m", "executionRoleArn": "arn:aws:iam::111122223333:role/r"}] * 2}),
    Lenient("a container may lack an image", "Model", {"primaryContainer": {"containerHostname": "a"}}),
    Lenient("a role may be of another partition", "Model", {"executionRoleArn": "arn:aws-cn:iam::111122223333:role/r"}),
    Lenient("an empty job name counts as none", "TrainingJob", {"trainingJobName": ""}),
    Lenient("an instance type may be new", "TrainingJob", {"resourceConfig": {"instanceType": "ml.q9.huge", "instanceCount": 1}}),
    Lenient("an input mode may be FastFile", "TrainingJob", {"algorithmSpecification": {"trainingImage": "i", "trainingInputMode": "FastFile"}}),
    Lenient("a pair may lack its value", "TrainingJob", {"hyperParameters": [{"name": "a"}, {}]}),
    Lenient("names may repeat", "TrainingJob", {"hyperParameters": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]}),
    Lenient("hook parameters may be under the old key", "TrainingJob", {"debugHookConfig": {"s3OutputPath": "s3://b/p", "ruleParameters": [{"name": "a", "value": "1"}]}}),
    Lenient("hook parameters may be under their own key", "TrainingJob", {"debugHookConfig": {"s3OutputPath": "s3://b/p", "hookParameters": [{"name": "a", "value": "1"}]}}),
    Lenient("data processing has capitals", "BatchTransformJob", {"dataProcessing": {"inputFilter": "$", "JoinSource": "Input", "OutputFilter": "$"}}),
    Lenient("data processing may lack them", "BatchTransformJob", {"dataProcessing": {"joinSource": "Input", "outputFilter": "$"}}),
    Lenient("a stopping condition may be empty", "ProcessingJob", {"stoppingCondition": {}}),
    Lenient("half a resource id is a status error", "HostingAutoscalingPolicy", {"resourceId": [{"endpointName": "e"}]}),
    Lenient("what the archived operator wrote back is accepted", "HostingAutoscalingPolicy", {"policyName": "SageMakerEndpointInvocationScalingPolicy", "serviceNamespace": "sagemaker", "scalableDimension": "sagemaker:variant:DesiredInstanceCount", "policyType": "TargetTrackingScaling", "suspendedState": {"dynamicScalingInSuspended": False, "dynamicScalingOutSuspended": False, "scheduledScalingSuspended": False}}),
    Lenient("a target may be a float or an integer", "HostingAutoscalingPolicy", {"targetTrackingScalingPolicyConfiguration": {"targetValue": 60.0}}),
    Lenient("dimensions are names and values", "HostingAutoscalingPolicy", {"targetTrackingScalingPolicyConfiguration": {"targetValue": 60, "customizedMetricSpecification": {"metricName": "m", "namespace": "n", "statistic": "Average", "dimensions": [{"name": "a", "value": "b"}]}}}),
    Lenient("a weight may be a fraction", "EndpointConfig", {"productionVariants": [{"variantName": "v", "instanceType": "t", "initialVariantWeight": 0.5}]}),
    Lenient("a scaling policy needs a region alone", "HostingAutoscalingPolicy", {"resourceId": [{}], "minCapacity": 1}),
)  # fmt: skip
