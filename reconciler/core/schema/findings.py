"""What a schema lets through and a review should not: mistakes that become a status error or a failed job.

The archived operator accepted all of this, so the API server does too (design 4, "Schema"); `reconciler validate` says it
before anything is applied. Each finding names the field, and none shows a value that may hold a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.core.schema.problems import Problem

__all__ = ["MAX_USER_TAGS", "findings", "foreign_arns"]

MAX_USER_TAGS = 47
"""SageMaker takes 50; the owner's, the commit's and one more are ours."""


_RESERVED = ("aws:", "sagemaker-gitops.dev/")


def findings(kind: str, spec: Any) -> tuple[Problem, ...]:
    """Findings about a spec in which `problems` found nothing."""
    if not isinstance(spec, Mapping):
        return ()
    return (*_common(spec), *_BY_KIND.get(kind, _nothing)(spec))


def _nothing(_spec: Mapping[str, Any]) -> Iterator[Problem]:
    return iter(())


def _common(spec: Mapping[str, Any]) -> Iterator[Problem]:
    tags = spec.get("tags") or []
    if len(tags) > MAX_USER_TAGS:
        message = f"at most {MAX_USER_TAGS} tags: three of the 50 that SageMaker takes are ours"
        yield Problem("/spec/tags", "TooManyTags", message)
    yield from _twice([tag.get("key") for tag in tags], "/spec/tags", "key", "tag key")
    for index, tag in enumerate(tags):
        if str(tag.get("key", "")).lower().startswith(_RESERVED):
            message = "tag keys that begin like this are AWS's or this controller's own"
            yield Problem(f"/spec/tags/{index}/key", "ReservedTag", message)
    if region := spec.get("region"):
        yield from foreign_arns(_partition(str(region)), spec)


def _partition(region: str) -> str:
    starts = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b"}
    return next((name for start, name in starts.items() if region.startswith(start)), "aws")


def foreign_arns(partition: str, value: Any, at: str = "/spec") -> Iterator[Problem]:
    """ARNs of another partition than the region's: no role is assumed across them."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from foreign_arns(partition, item, f"{at}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from foreign_arns(partition, item, f"{at}/{index}")
    elif isinstance(value, str) and value.startswith("arn:") and at.lower().endswith(("arn", "kmskeyid")):
        theirs = value.split(":")[1]
        if theirs.startswith("aws") and theirs != partition:
            message = f"an ARN of the partition {theirs} cannot be used in a region of {partition}"
            yield Problem(at, "PartitionMismatch", message)


def _twice(names: Sequence[Any], at: str, member: str, what: str) -> Iterator[Problem]:
    seen: set[Any] = set()
    for index, name in enumerate(names):
        if name is not None and name in seen:
            yield Problem(f"{at}/{index}/{member}", "Duplicate", f'the {what} "{name}" is given twice')
        seen.add(name)


def _named(spec: Mapping[str, Any], key: str, member: str) -> list[Any]:
    return [item.get(member) for item in spec.get(key) or []]


def _hosting(spec: Mapping[str, Any]) -> Iterator[Problem]:
    models = _named(spec, "models", "name")
    yield from _twice(models, "/spec/models", "name", "model name")
    for index, model in enumerate(spec.get("models") or []):
        yield from _hosted_model(model, f"/spec/models/{index}")
    for key in ("productionVariants", "shadowProductionVariants"):
        for index, variant in enumerate(spec.get(key) or []):
            if variant.get("modelName") not in models:
                yield _unknown_model(f"/spec/{key}/{index}/modelName", models)
            for pool_index, pool in enumerate(variant.get("instancePools") or []):
                if pool.get("modelNameOverride") not in (None, *models):
                    yield _unknown_model(f"/spec/{key}/{index}/instancePools/{pool_index}/modelNameOverride", models)
    yield from _variants(spec)


def _unknown_model(at: str, models: Sequence[Any]) -> Problem:
    known = ", ".join(str(name) for name in models[:5]) or "none"
    return Problem(at, "UnknownModel", f"names no entry of spec.models (there: {known})")


def _hosted_model(model: Mapping[str, Any], at: str) -> Iterator[Problem]:
    containers = model.get("containers") or []
    hosts = [container.get("containerHostname") for container in containers]
    yield from _twice(hosts, f"{at}/containers", "containerHostname", "container hostname")
    yield from _containers(containers, f"{at}/containers")
    if not containers:
        yield Problem(f"{at}/containers", "NoContainer", "a model needs a container")
    primary = model.get("primaryContainer")
    if primary is not None and primary not in hosts:
        yield Problem(f"{at}/primaryContainer", "UnknownContainer", "names no containerHostname of this model")


def _containers(containers: Sequence[Mapping[str, Any]], at: str) -> Iterator[Problem]:
    for index, container in enumerate(containers):
        if not container.get("image") and not container.get("modelPackageName"):
            message = "a container needs an image, or a modelPackageName"
            yield Problem(f"{at}/{index}", "ContainerWithoutImage", message)


def _variants(spec: Mapping[str, Any]) -> Iterator[Problem]:
    production = _named(spec, "productionVariants", "variantName")
    shadow = _named(spec, "shadowProductionVariants", "variantName")
    yield from _twice(production, "/spec/productionVariants", "variantName", "variant name")
    if shadow and (len(shadow) != 1 or len(production) != 1):
        message = "SageMaker takes one shadow variant beside one production variant"
        yield Problem("/spec/shadowProductionVariants", "ShadowVariants", message)


def _model(spec: Mapping[str, Any]) -> Iterator[Problem]:
    containers = spec.get("containers") or []
    primary = spec.get("primaryContainer")
    yield from _containers(containers, "/spec/containers")
    if primary is not None:
        for problem in _containers([primary], ""):
            yield Problem("/spec/primaryContainer", problem.reason, problem.message)
    if (primary is None) == (not containers):
        yield Problem("/spec", "NoContainer", "a model needs either primaryContainer or containers")


def _training(spec: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _trained(spec, "/spec")
    if "resourceConfig" not in spec and "serverlessJobConfig" not in spec:
        yield Problem("/spec/resourceConfig", "MissingResources", "a training job needs resourceConfig")


def _trained(definition: Mapping[str, Any], at: str) -> Iterator[Problem]:
    """What SageMaker checks of every training, alone or as part of a tuning job."""
    channels = _named(definition, "inputDataConfig", "channelName")
    yield from _twice(channels, f"{at}/inputDataConfig", "channelName", "channel name")
    stop = definition.get("stoppingCondition") or {}
    wait, runtime = stop.get("maxWaitTimeInSeconds"), stop.get("maxRuntimeInSeconds")
    if definition.get("enableManagedSpotTraining"):
        if wait is None:
            message = "spot training needs maxWaitTimeInSeconds"
            yield Problem(f"{at}/stoppingCondition/maxWaitTimeInSeconds", "SpotWithoutWait", message)
        elif runtime is not None and wait < runtime:
            message = "must not be less than maxRuntimeInSeconds, which it includes"
            yield Problem(f"{at}/stoppingCondition/maxWaitTimeInSeconds", "WaitTooShort", message)
    elif wait is not None:
        message = "only spot training waits: set enableManagedSpotTraining or leave this out"
        yield Problem(f"{at}/stoppingCondition/maxWaitTimeInSeconds", "WaitWithoutSpot", message)


def _tuning(spec: Mapping[str, Any]) -> Iterator[Problem]:
    if definition := spec.get("trainingJobDefinition"):
        yield from _trained(definition, "/spec/trainingJobDefinition")
    for index, definition in enumerate(spec.get("trainingJobDefinitions") or []):
        yield from _trained(definition, f"/spec/trainingJobDefinitions/{index}")
    limits = (spec.get("hyperParameterTuningJobConfig") or {}).get("resourceLimits") or {}
    most, parallel = limits.get("maxNumberOfTrainingJobs"), limits.get("maxParallelTrainingJobs")
    if most is not None and parallel is not None and parallel > most:
        at = "/spec/hyperParameterTuningJobConfig/resourceLimits/maxParallelTrainingJobs"
        yield Problem(at, "MoreParallelThanAll", "must not be greater than maxNumberOfTrainingJobs")
    parents = (spec.get("warmStartConfig") or {}).get("parentHyperParameterTuningJobs") or []
    for index, parent in enumerate(parents):
        if not parent.get("hyperParameterTuningJobName") and not parent.get("hyperParameterTuningJobRef"):
            at = f"/spec/warmStartConfig/parentHyperParameterTuningJobs/{index}/hyperParameterTuningJobName"
            yield Problem(at, "FieldValueRequired", "is required by SageMaker")


def _processing(spec: Mapping[str, Any]) -> Iterator[Problem]:
    names = _named(spec, "processingInputs", "inputName")
    yield from _twice(names, "/spec/processingInputs", "inputName", "input name")
    outputs = (spec.get("processingOutputConfig") or {}).get("outputs") or []
    names = [output.get("outputName") for output in outputs]
    yield from _twice(names, "/spec/processingOutputConfig/outputs", "outputName", "output name")


def _scaling(spec: Mapping[str, Any]) -> Iterator[Problem]:
    ids = spec.get("resourceId") or []
    if not ids:
        yield Problem("/spec/resourceId", "NothingToScale", "names no variant to scale")
    for index, target in enumerate(ids):
        for member in ("endpointName", "variantName"):
            if not target.get(member):
                yield Problem(
                    f"/spec/resourceId/{index}/{member}", "IncompleteResourceId", "is needed to find a variant"
                )
    kinds = ("targetTrackingScalingPolicyConfiguration", "stepScalingPolicyConfiguration")
    if not any(spec.get(kind) for kind in (*kinds, "predictiveScalingPolicyConfiguration")):
        yield Problem(f"/spec/{kinds[0]}", "NoPolicy", "a scaling policy is needed")
    tracking = spec.get(kinds[0])
    metrics = ("predefinedMetricSpecification", "customizedMetricSpecification")
    if tracking and not any(tracking.get(metric) for metric in metrics):
        yield Problem(f"/spec/{kinds[0]}", "NoMetric", f"one of {' and '.join(metrics)} is needed")


_BY_KIND: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Problem]]] = {
    "TrainingJob": _training,
    "HyperparameterTuningJob": _tuning,
    "ProcessingJob": _processing,
    "HostingDeployment": _hosting,
    "HostingAutoscalingPolicy": _scaling,
    "Model": _model,
    "EndpointConfig": _variants,
}
