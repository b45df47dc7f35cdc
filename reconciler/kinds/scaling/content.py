"""What a HostingAutoscalingPolicy wants of each variant: what the spec says, checked and with its defaults.

The archived operator's defaults hold: target tracking, instances, one policy name. What it let through and then crashed on
or asked for in vain (half a resourceId, no configuration) is an error that names the field (LO-9).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.core.archived import reduced
from reconciler.core.decision import Call
from reconciler.core.errors import NotInServiceError, TerminalError
from reconciler.core.kind import Pass
from reconciler.core.naming import COMMIT_TAG, digest
from reconciler.core.ownership import tags_for
from reconciler.core.records.scaling import NAMESPACE, VariantTarget
from reconciler.core.resource import Key
from reconciler.core.schema.shapes import Structure, canonical, to_request
from reconciler.core.values import Json, JsonObject, Spec

__all__ = [
    "CONCURRENCY",
    "CONFIGURATIONS",
    "DEFAULT_POLICY",
    "INSTANCES",
    "NAMESPACE",
    "SUSPENSIONS",
    "TRACKING",
    "DesiredScaling",
    "VariantTarget",
    "desired",
    "requests",
]

INSTANCES = "sagemaker:variant:DesiredInstanceCount"
CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"
DEFAULT_POLICY = "SageMakerEndpointInvocationScalingPolicy"
TRACKING = "TargetTrackingScaling"
CONFIGURATIONS = {
    TRACKING: "targetTrackingScalingPolicyConfiguration",
    "StepScaling": "stepScalingPolicyConfiguration",
    "PredictiveScaling": "predictiveScalingPolicyConfiguration",
}
SUSPENSIONS = ("dynamicScalingInSuspended", "dynamicScalingOutSuspended", "scheduledScalingSuspended")
_CONTENT = ("minCapacity", "maxCapacity", "suspendedState", "policyType", *CONFIGURATIONS.values())
_METRICS = ("predefinedMetricSpecification", "customizedMetricSpecification")


@dataclass(frozen=True)
class DesiredScaling:
    """One variant."""

    variant: VariantTarget
    policy: str
    spec: Spec
    """Capacities, suspension, type and configuration: in canonical form and with defaults that the API documents."""
    request: Mapping[str, JsonObject]
    """The same as parameters, by operation."""
    tags: Mapping[str, str]
    counted: JsonObject = field(default_factory=dict)
    """What of it the hash is about."""
    puts: bool = True
    """Whether the policy is put: not where nothing of it is to be corrected, or it was taken away and is to be left so."""

    @property
    def hash(self) -> str:
        return digest([self.variant.target, self.policy, self.counted])

    @property
    def tag_hash(self) -> str:
        return digest([self.tags])

    def register(self, *, new: bool) -> Call:
        """Tags go with the first registration; afterwards TagResource sets them."""
        tags = {"Tags": dict(self.tags)} if new else {}
        return Call("RegisterScalableTarget", {**self.variant.params, **self.request["RegisterScalableTarget"], **tags})

    def put(self) -> Call:
        return Call(
            "PutScalingPolicy", {"PolicyName": self.policy, **self.variant.params, **self.request["PutScalingPolicy"]}
        )


def desired(this: Pass) -> tuple[DesiredScaling, ...]:
    """One entry per variant, in the spec's order. Raises TerminalError, naming the field, for what cannot be asked for, and
    NotInServiceError while a HostingDeployment that is named has no endpoint yet.
    """
    spec = _with_defaults(this.spec)
    _check(spec)
    shape = this.shape
    content = {key: value for key, value in canonical(shape, spec).items() if key in _CONTENT}
    if spec["policyType"] == TRACKING:
        content[CONFIGURATIONS[TRACKING]] = {"disableScaleIn": False, **content[CONFIGURATIONS[TRACKING]]}
    request = requests(shape, spec)
    # A variant's tags do not follow the commit: a target is not registered again per revision.
    tags = {tag["Key"]: tag["Value"] for tag in tags_for(this) if tag["Key"] != COMMIT_TAG}
    resources = [_named(this, index, resource) for index, resource in enumerate(spec["resourceId"])]
    variants = dict.fromkeys(_variants(resources, str(spec["scalableDimension"])))
    counted = reduced(content) if this.taken else content
    return tuple(
        DesiredScaling(variant, str(spec["policyName"]), content, request, tags, counted) for variant in variants
    )


def _named(this: Pass, index: int, resource: JsonObject) -> JsonObject:
    """An item of `resourceId` with its endpoint's name. A reference needs no Ready target, as others do: an endpoint keeps its
    name while it is updated, and its scaling must not come and go with that.
    """
    named = (resource or {}).get("endpointRef")
    if not named:
        return resource
    kind, name = str(named.get("kind") or ""), str(named.get("name") or "")
    target = this.others.get(Key(kind, this.resource.namespace, name))
    endpoint = str(target.status.get("endpointName") or "") if target else ""
    if not endpoint:
        why = "has no endpoint yet" if target else "is not there"
        raise NotInServiceError(f"/spec/resourceId/{index}/endpointRef: {kind} {name} {why}")
    return {**resource, "endpointName": endpoint}


def requests(shape: Structure, spec: Spec) -> dict[str, dict[str, Json]]:
    """Parameters by operation, without those that name the variant and the policy."""
    return {
        operation: {
            name: value
            for name, value in to_request(shape, spec, operation).items()
            if name not in ("ServiceNamespace", "ScalableDimension", "PolicyName", "Tags")
        }
        for operation in ("RegisterScalableTarget", "PutScalingPolicy")
    }


def _policy_type(spec: Spec) -> str:
    """As written, else what the given configuration is for, else the archived operator's default."""
    given = [kind for kind, key in CONFIGURATIONS.items() if spec.get(key) is not None]
    return str(spec.get("policyType") or (given[0] if len(given) == 1 else TRACKING))


def _with_defaults(spec: Spec) -> dict[str, Json]:
    suspended = spec.get("suspendedState") or {}
    return {
        **spec,
        "policyName": spec.get("policyName") or DEFAULT_POLICY,
        "policyType": _policy_type(spec),
        "scalableDimension": spec.get("scalableDimension") or INSTANCES,
        "serviceNamespace": spec.get("serviceNamespace") or NAMESPACE,
        # All three are always said, or taking a suspension out of the spec would not end it.
        "suspendedState": {key: bool(suspended.get(key)) for key in SUSPENSIONS},
    }


def _check(spec: Spec) -> None:
    if spec["serviceNamespace"] != NAMESPACE:
        raise _wrong("serviceNamespace", f"only {NAMESPACE} can be scaled here, not {spec['serviceNamespace']}")
    if spec["scalableDimension"] not in (INSTANCES, CONCURRENCY):
        raise _wrong(
            "scalableDimension",
            f"{spec['scalableDimension']} is no dimension of a variant: use {INSTANCES} or {CONCURRENCY}",
        )
    if not spec.get("resourceId"):
        raise _wrong("resourceId", "is needed: which variants to scale")
    for key in ("minCapacity", "maxCapacity"):
        if spec.get(key) is None:
            raise _wrong(key, "is needed: a scalable target has both capacities")
    if spec["minCapacity"] > spec["maxCapacity"]:
        raise _wrong("minCapacity", "must not be greater than maxCapacity")
    kind = spec["policyType"]
    if kind not in CONFIGURATIONS:
        raise _wrong("policyType", f"{kind} is none of {', '.join(CONFIGURATIONS)}")
    key = CONFIGURATIONS[kind]
    if spec.get(key) is None:
        raise _wrong(key, f"is needed for policyType {kind}")
    if kind == TRACKING:
        _check_tracking(key, spec[key])


def _check_tracking(key: str, tracking: JsonObject) -> None:
    if tracking.get("targetValue") is None:
        raise _wrong(f"{key}/targetValue", "is needed")
    given = [metric for metric in _METRICS if tracking.get(metric) is not None]
    if len(given) != 1:
        raise _wrong(key, f"exactly one of {' and '.join(_METRICS)} is needed")
    if given == ["predefinedMetricSpecification"] and not tracking[given[0]].get("predefinedMetricType"):
        raise _wrong(f"{key}/{given[0]}/predefinedMetricType", "is needed")


def _variants(resources: Json, dimension: str) -> Iterator[VariantTarget]:
    for index, resource in enumerate(resources):
        for key in ("endpointName", "variantName"):
            if not (resource or {}).get(key):
                raise _wrong(f"resourceId/{index}/{key}", "is needed: a variant is named by its endpoint and itself")
        yield VariantTarget(f"endpoint/{resource['endpointName']}/variant/{resource['variantName']}", dimension)


def _wrong(path: str, why: str) -> TerminalError:
    return TerminalError(f"/spec/{path}: {why}", "InvalidSpec")
