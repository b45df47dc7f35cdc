"""HostingAutoscalingPolicy: scalable targets and a scaling policy on variants of endpoints."""

from __future__ import annotations

from reconciler.core.rules import AtMostOne, NotGreater, at
from reconciler.core.schema import Column, Difference, Schema, Source
from reconciler.core.shapes import Field, List, Scalar, Structure
from reconciler.core.status_schema import internal, many, record, status, string, time
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
            many(internal(resourceId=string(), arn=string(), policyArn=string(), hash=string(), creationTime=time())),
            doc="The scalable targets and policies this object made.",
        ),
    ),
)
