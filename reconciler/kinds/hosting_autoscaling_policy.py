"""HostingAutoscalingPolicy: scalable targets and a scaling policy on variants of endpoints."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.archived import ArchivedSpec
from reconciler.core.aws.remote import ScalingKind
from reconciler.core.kind import Kind, Shown, StatusKeys
from reconciler.core.records.common import status
from reconciler.core.records.scaling import TARGETS, ScalingTarget, scaling_targets
from reconciler.core.resource import Resource
from reconciler.core.schema.declaration import ApiDifference, Column, Schema, Source
from reconciler.core.schema.problems import Problem
from reconciler.core.schema.rules import AtMostOne, NotGreater, at
from reconciler.core.schema.shapes import Field, List, Scalar, Structure
from reconciler.core.schema.status import many, record, string
from reconciler.core.values import JsonObject, Spec, Status
from reconciler.kinds import archived_operator
from reconciler.kinds.scaling.content import CONFIGURATIONS, DEFAULT_POLICY, INSTANCES, NAMESPACE, TRACKING
from reconciler.kinds.scaling.decide import decide
from reconciler.kinds.scaling.observed import observe
from reconciler.kinds.scaling.rendered import failing
from reconciler.kinds.shared import ADDED_COLUMNS, ADDITIONAL, CREATION_TIME, NO_CHECK_TIME, ROOT

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
        ApiDifference("Tags", tags=True, digest=False, max_items=50),
        # Endpoint and variant are said apart, and for several at once.
        ApiDifference("ResourceId", leave_out=True),
        # Only the region was ever asked for; the rest has defaults or is a status error.
        ApiDifference("ServiceNamespace", supplied=True),
        ApiDifference("ScalableDimension", supplied=True),
        ApiDifference("PolicyName", supplied=True),
        ApiDifference(f"{_TRACKING}.TargetValue", required=False),
        ApiDifference(f"{_TRACKING}.PredefinedMetricSpecification.PredefinedMetricType", required=False),
        ApiDifference(f"{_CUSTOM}.MetricName", min_length=1),
        ApiDifference(f"{_CUSTOM}.Namespace", min_length=1),
        ApiDifference(f"{_CUSTOM}.Dimensions", name_value=True),
        ApiDifference(f"{_CUSTOM}.Metrics.MetricStat.Metric.Dimensions", name_value=True),
        # For SageMaker, Application Auto Scaling always uses its service-linked role.
        ApiDifference("RoleARN", leave_out=True),
    ),
    added=(
        *ROOT,
        # Beside endpointName an item may have endpointRef, below.
        Field("resourceId", List(_RESOURCE_ID, min_items=1), doc="The variants to scale."),
    ),
    references=(("resourceId", "endpointName", "endpoint"),),
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
            policyName=(string(), "Name of the scaling policy."),
            hostingAutoscalingPolicyStatus=(string(), "Created, or what the controller is doing or could not do."),
            resourceIDList=(
                many(string()),
                "The variants that are scaled, each as `endpoint/<endpoint>/variant/<variant>`.",
            ),
            additional=ADDITIONAL,
            lastCheckTime=NO_CHECK_TIME,
        ),
        TARGETS,
    ),
)

SCALABLE_TARGET = ScalingKind(
    "ScalableTarget", "ScalableTargets", moved_by=("MinCapacity", "MaxCapacity", "SuspendedState")
)
SCALING_POLICY = ScalingKind(
    "ScalingPolicy",
    "ScalingPolicies",
    moved_by=(
        "PolicyType",
        "TargetTrackingScalingPolicyConfiguration",
        "StepScalingPolicyConfiguration",
        "PredictiveScalingPolicyConfiguration",
    ),
    named_by=("ResourceId", "ScalableDimension", "PolicyName"),
    page_size=10,  # SM-150
)

_WRITTEN_BACK = {
    "policyName": DEFAULT_POLICY,
    "policyType": TRACKING,
    "scalableDimension": INSTANCES,
    "serviceNamespace": NAMESPACE,
}


def as_written(resource: Resource) -> JsonObject:
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


def _findings(spec: Spec) -> Iterator[Problem]:
    for index, tag in enumerate(spec.get("tags") or ()):
        if not str(tag.get("value") or "").strip():
            message = (
                "must not be empty or blank here: Application Auto Scaling refuses such tags (SageMaker takes them)"
            )
            yield Problem(f"/spec/tags/{index}/value", "EmptyTagValue", message)
    ids = spec.get("resourceId") or []
    if not ids:
        yield Problem("/spec/resourceId", "NothingToScale", "names no variant to scale")
    for index, target in enumerate(ids):
        for key in ("endpointName", "variantName"):
            if not target.get(key) and not (key == "endpointName" and target.get("endpointRef")):
                yield Problem(f"/spec/resourceId/{index}/{key}", "IncompleteResourceId", "is needed to find a variant")
    kinds = ("targetTrackingScalingPolicyConfiguration", "stepScalingPolicyConfiguration")
    if not any(spec.get(kind) for kind in (*kinds, "predictiveScalingPolicyConfiguration")):
        yield Problem(f"/spec/{kinds[0]}", "NoPolicy", "a scaling policy is needed")
    tracking = spec.get(kinds[0])
    metrics = ("predefinedMetricSpecification", "customizedMetricSpecification")
    if tracking and not any(tracking.get(metric) for metric in metrics):
        yield Problem(f"/spec/{kinds[0]}", "NoMetric", f"one of {' and '.join(metrics)} is needed")


def _exclusive(spec: Spec) -> Iterator[tuple[str, str]]:
    """A variant has one scalable target per dimension, and that has one minCapacity and maxCapacity."""
    dimension = str(spec.get("scalableDimension") or INSTANCES)
    for index, target in enumerate(spec.get("resourceId") or ()):
        named = target.get("endpointRef") or {}
        endpoint = f"{named.get('kind')} {named.get('name')}" if named else f"endpoint {target.get('endpointName')}"
        where = f"{endpoint}, variant {target.get('variantName')}"
        yield f"/spec/resourceId/{index}", where if dimension == INSTANCES else f"{where}, {dimension}"


def _records(status: Status) -> tuple[ScalingTarget, ...]:
    return tuple(scaling_targets(status).values())


def _shown(status: Status) -> Iterator[Shown]:
    said = str(status.get(_KEYS.status) or "")
    targets = status.get("targets") or [{"resourceId": one} for one in status.get(_KEYS.name) or ()]
    for target in targets:
        policy = target.get("policyName") or status.get("policyName")
        yield Shown("ScalableTarget", str(target.get("resourceId") or ""), said, f"policy {policy}" if policy else "")


_KEYS = StatusKeys("resourceIDList", "hostingAutoscalingPolicyStatus")

KIND = Kind(
    schema=SCHEMA,
    observe=observe,
    decide=decide,
    failing=failing,
    as_written=as_written,
    remotes=(SCALABLE_TARGET, SCALING_POLICY),
    keys=_KEYS,
    records=_records,
    shown=_shown,
    findings=_findings,
    archived=ArchivedSpec(archived_operator.SCALING_POLICY, "targets"),
    exclusive=_exclusive,
    protected=True,
)
