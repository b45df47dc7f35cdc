"""HostingAutoscalingPolicy: scalable targets and a scaling policy on variants of endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.kind import Kind
from reconciler.core.records.scaling import ScalingTarget
from reconciler.core.resource import Resource
from reconciler.core.schema.declaration import Column, Difference, Schema, Source
from reconciler.core.schema.rules import AtMostOne, NotGreater, at
from reconciler.core.schema.shapes import Field, List, Scalar, Structure
from reconciler.core.schema.status import many, record, status, string, time
from reconciler.kinds.scaling.content import CONFIGURATIONS, DEFAULT_POLICY, INSTANCES, NAMESPACE, TRACKING
from reconciler.kinds.scaling.decide import decide
from reconciler.kinds.scaling.observed import observe
from reconciler.kinds.scaling.rendered import failing
from reconciler.kinds.shared import ADDED_COLUMNS, CREATION_TIME, ROOT

_RESOURCE_ID = Structure(
    (
        Field("endpointName", Scalar("string", min_length=1), doc="A SageMaker endpoint's name."),
        Field("variantName", Scalar("string", min_length=1), doc="A production variant of that endpoint."),
    )
)
_TRACKING = "TargetTrackingScalingPolicyConfiguration"
_CUSTOM = f"{_TRACKING}.CustomizedMetricSpecification"

SCHEMA = Schema(
    kind="HostingAutoscalingPolicy",
    plural="hostingautoscalingpolicies",
    doc="Autoscaling of endpoint variants.",
    short_names=("hap",),
    columns=(
        Column("Status", ".status.hostingAutoscalingPolicyStatus"),
        CREATION_TIME,
        *ADDED_COLUMNS,
    ),
    sources=(
        Source("RegisterScalableTarget", "application-autoscaling"),
        Source("PutScalingPolicy", "application-autoscaling"),
    ),
    differences=(
        Difference("Tags", tags=True, digest=False, max_items=50),
        # Endpoint and variant are said apart, and for several at once.
        Difference("ResourceId", leave_out=True),
        # Only the region was ever asked for; the rest has defaults or is a status error.
        Difference("ServiceNamespace", supplied=True),
        Difference("ScalableDimension", supplied=True),
        Difference("PolicyName", supplied=True),
        Difference(f"{_TRACKING}.TargetValue", required=False),
        Difference(f"{_TRACKING}.PredefinedMetricSpecification.PredefinedMetricType", required=False),
        Difference(f"{_CUSTOM}.MetricName", min_length=1),
        Difference(f"{_CUSTOM}.Namespace", min_length=1),
        Difference(f"{_CUSTOM}.Dimensions", name_value=True),
        Difference(f"{_CUSTOM}.Metrics.MetricStat.Metric.Dimensions", name_value=True),
        # For SageMaker, Application Auto Scaling always uses its service-linked role.
        Difference("RoleARN", leave_out=True),
    ),
    added=(
        *ROOT,
        Field("resourceId", List(_RESOURCE_ID, min_items=1), doc="The variants to scale."),
    ),
    rules=(
        at("", NotGreater("minCapacity", "maxCapacity")),
        at(
            "",
            AtMostOne(
                (
                    "targetTrackingScalingPolicyConfiguration",
                    "stepScalingPolicyConfiguration",
                    "predictiveScalingPolicyConfiguration",
                )
            ),
        ),
        at(
            "targetTrackingScalingPolicyConfiguration",
            AtMostOne(("predefinedMetricSpecification", "customizedMetricSpecification")),
        ),
    ),
    status=status(
        record(
            policyName=string(),
            hostingAutoscalingPolicyStatus=string(),
            resourceIDList=many(string()),
            additional=string(),
            lastCheckTime=time(),
        ),
        Field(
            "targets",
            many(ScalingTarget.shape()),
            doc="The scalable targets and policies this object made.",
        ),
    ),
)

_WRITTEN_BACK = {
    "policyName": DEFAULT_POLICY,
    "policyType": TRACKING,
    "scalableDimension": INSTANCES,
    "serviceNamespace": NAMESPACE,
}


def as_written(resource: Resource) -> Mapping[str, Any]:
    """The spec in its shortest form: without the defaults that the archived operator wrote into it (LO-8).

    Whoever spells a default out means the same, so both ways of writing are one content. Git's manifests go through here as
    well before they are compared.
    """
    spec = {key: value for key, value in resource.spec.items() if value != _WRITTEN_BACK.get(key)}
    if "policyType" in resource.spec and any(
        spec.get(CONFIGURATIONS[kind]) for kind in CONFIGURATIONS if kind != TRACKING
    ):
        spec["policyType"] = resource.spec["policyType"]  # not a default beside another type's configuration
    suspended = {key: value for key, value in (spec.pop("suspendedState", None) or {}).items() if value is not False}
    return {**spec, "suspendedState": suspended} if suspended else spec


KIND = Kind(schema=SCHEMA, observe=observe, decide=decide, failing=failing, as_written=as_written)
