"""What a HostingAutoscalingPolicy wants of each variant, and where what is live differs from that.

The archived operator's defaults hold: target tracking, instances, one policy name. What it let through and then crashed on
or asked for in vain (half a resourceId, no configuration) is an error that names the field (facts of that operator, 2.10).
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core.decision import Call, Difference
from reconciler.core.errors import TerminalError
from reconciler.core.kind import Pass
from reconciler.core.naming import COMMIT_TAG, digest
from reconciler.core.ownership import tags_for
from reconciler.core.schema.shapes import Structure, canonical, to_request, to_resource

NAMESPACE = "sagemaker"
INSTANCES = "sagemaker:variant:DesiredInstanceCount"
CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"
DEFAULT_POLICY = "SageMakerEndpointInvocationScalingPolicy"
TRACKING = "TargetTrackingScaling"
CONFIGURATIONS = {
    TRACKING: "targetTrackingScalingPolicyConfiguration",
    "StepScaling": "stepScalingPolicyConfiguration",
    "PredictiveScaling": "predictiveScalingPolicyConfiguration",
}
_SUSPENDED = ("dynamicScalingInSuspended", "dynamicScalingOutSuspended", "scheduledScalingSuspended")
_POLICY_PATH = "/spec/policyName"
"""Of a policy that is gone."""
_OF_POLICY = ("policyName", "policyType", *CONFIGURATIONS.values())
_METRICS = ("predefinedMetricSpecification", "customizedMetricSpecification")


@dataclass(frozen=True)
class Where:
    """A variant as Application Auto Scaling names it."""

    resource_id: str
    dimension: str

    @property
    def endpoint(self) -> str:
        return self.resource_id.split("/")[1]

    @property
    def variant(self) -> str:
        return self.resource_id.split("/")[3]

    @property
    def params(self) -> dict[str, str]:
        return {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": self.resource_id,
            "ScalableDimension": self.dimension,
        }

    @property
    def target(self) -> str:
        """The scalable target's name for `View`."""
        return f"{self.resource_id}|{self.dimension}"

    def policy(self, name: str) -> str:
        return f"{self.target}|{name}"


@dataclass(frozen=True)
class Wanted:
    where: Where
    policy: str
    spec: Mapping[str, Any]
    """Capacities, suspension, type and configuration: in canonical form and with defaults that the API documents."""
    request: Mapping[str, Mapping[str, Any]]
    """The same as parameters, by operation."""
    tags: Mapping[str, str]
    puts: bool = True
    """Whether the policy is put: not where nothing of it is to be put right, or it was taken away and is to be left so."""

    @property
    def hash(self) -> str:
        return digest([self.where.target, self.policy, self.spec])

    @property
    def tag_hash(self) -> str:
        return digest([self.tags])

    def register(self, *, new: bool) -> Call:
        """Tags go with the first registration; afterwards TagResource sets them."""
        tags = {"Tags": dict(self.tags)} if new else {}
        return Call("RegisterScalableTarget", {**self.where.params, **self.request["RegisterScalableTarget"], **tags})

    def put(self) -> Call:
        return Call(
            "PutScalingPolicy", {"PolicyName": self.policy, **self.where.params, **self.request["PutScalingPolicy"]}
        )


def wanted(this: Pass) -> tuple[Wanted, ...]:
    """One entry per variant, in the spec's order. Raises TerminalError, naming the field, for what cannot be asked for."""
    spec = _with_defaults(this.spec)
    _check(spec)
    shape = this.shape
    content = {key: value for key, value in canonical(shape, spec).items() if key in _CONTENT}
    if spec["policyType"] == TRACKING:
        content[CONFIGURATIONS[TRACKING]] = {"disableScaleIn": False, **content[CONFIGURATIONS[TRACKING]]}
    request = _requests(shape, spec)
    # A variant's tags do not follow the commit: a target is not made anew per revision.
    tags = {tag["Key"]: tag["Value"] for tag in tags_for(this) if tag["Key"] != COMMIT_TAG}
    places = dict.fromkeys(_places(spec["resourceId"], str(spec["scalableDimension"])))
    return tuple(Wanted(where, str(spec["policyName"]), content, request, tags) for where in places)


def _requests(shape: Structure, spec: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        operation: {
            name: value
            for name, value in to_request(shape, spec, operation).items()
            if name not in ("ServiceNamespace", "ScalableDimension", "PolicyName", "Tags")
        }
        for operation in ("RegisterScalableTarget", "PutScalingPolicy")
    }


_CONTENT = ("minCapacity", "maxCapacity", "suspendedState", "policyType", *CONFIGURATIONS.values())


def policy_type(spec: Mapping[str, Any]) -> str:
    """As written, else what the given configuration is for, else the archived operator's default."""
    given = [kind for kind, key in CONFIGURATIONS.items() if spec.get(key) is not None]
    return str(spec.get("policyType") or (given[0] if len(given) == 1 else TRACKING))


def _with_defaults(spec: Mapping[str, Any]) -> dict[str, Any]:
    suspended = spec.get("suspendedState") or {}
    return {
        **spec,
        "policyName": spec.get("policyName") or DEFAULT_POLICY,
        "policyType": policy_type(spec),
        "scalableDimension": spec.get("scalableDimension") or INSTANCES,
        "serviceNamespace": spec.get("serviceNamespace") or NAMESPACE,
        # All three are always said, or taking a suspension out of the spec would not end it.
        "suspendedState": {key: bool(suspended.get(key)) for key in _SUSPENDED},
    }


def _check(spec: Mapping[str, Any]) -> None:
    if spec["serviceNamespace"] != NAMESPACE:
        raise _wrong("serviceNamespace", f"only {NAMESPACE} can be scaled here, not {spec['serviceNamespace']}")
    if spec["scalableDimension"] not in (INSTANCES, CONCURRENCY):
        raise _wrong(
            "scalableDimension", f"{spec['scalableDimension']} is none of a variant: {INSTANCES} or {CONCURRENCY}"
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


def _check_tracking(key: str, tracking: Mapping[str, Any]) -> None:
    if tracking.get("targetValue") is None:
        raise _wrong(f"{key}/targetValue", "is needed")
    given = [metric for metric in _METRICS if tracking.get(metric) is not None]
    if len(given) != 1:
        raise _wrong(key, f"exactly one of {' and '.join(_METRICS)} is needed")
    if given == ["predefinedMetricSpecification"] and not tracking[given[0]].get("predefinedMetricType"):
        raise _wrong(f"{key}/{given[0]}/predefinedMetricType", "is needed")


def _places(resources: Any, dimension: str) -> Iterator[Where]:
    for index, resource in enumerate(resources):
        for key in ("endpointName", "variantName"):
            if not (resource or {}).get(key):
                raise _wrong(f"resourceId/{index}/{key}", "is needed: a variant is named by its endpoint and itself")
        yield Where(f"endpoint/{resource['endpointName']}/variant/{resource['variantName']}", dimension)


def _wrong(path: str, why: str) -> TerminalError:
    return TerminalError(f"/spec/{path}: {why}", "InvalidSpec")


# --- what differs -----------------------------------------------------------------------------------------------------


def differences(
    shape: Structure, want: Wanted, target: Mapping[str, Any], policy: Mapping[str, Any] | None
) -> tuple[Difference, ...]:
    """Where the live target and policy are not as wanted. Only what is wanted is compared: defaults that the service adds
    (cooldowns, alarms) are no difference (facts 1.3, 4). The resource is told beside the live value: there are several.
    """
    live = canonical(shape, to_resource(shape, target))
    if policy is not None:
        live |= canonical(shape, to_resource(shape, policy))
    live["suspendedState"] = {**dict.fromkeys(_SUSPENDED, False), **(live.get("suspendedState") or {})}
    tracking = CONFIGURATIONS[TRACKING]
    if tracking in live:
        live[tracking] = {"disableScaleIn": False, **live[tracking]}
    found = [
        Difference("sagemaker", path, _shown(desired), f"{_shown(value)} ({want.where.resource_id})")
        for key, item in want.spec.items()
        if policy is not None or key not in _OF_POLICY
        for path, desired, value in _differing(item, live.get(key), f"/spec/{key}")
    ]
    if policy is None:
        there = f"missing ({want.where.resource_id})"
        found.append(Difference("sagemaker", _POLICY_PATH, want.policy, there, gone=True))
    return tuple(found)


def keeping(
    shape: Structure,
    want: Wanted,
    live: Sequence[Mapping[str, Any] | None],
    left: Collection[str],
    right: Collection[str],
) -> Wanted:
    """The same, asked for so that what is live (target and policy) stays at the paths `left`, and those of `right` are put
    right: an upsert says everything anew.
    """
    there = {key: value for one in live for key, value in to_resource(shape, one or {}).items()}
    spec = copy.deepcopy(dict(want.spec))
    for path in {*left} - {_POLICY_PATH}:
        _put(spec, path.split("/")[2:], there)
    puts = any(path.split("/")[2] in _OF_POLICY for path in right) and _POLICY_PATH not in left
    return replace(want, request=_requests(shape, spec), puts=puts)


def _put(into: Any, steps: Sequence[str], live: Any) -> None:
    """Set what a pointer leads to as it is live, or take it away; where a list's places mean something else, all of it."""
    step, *rest = steps
    there = _child(live, step)
    if rest and there is not None:
        _put(_child(into, step), rest, there)
    elif isinstance(into, list):
        into[int(step)] = there
    elif there is None:
        into.pop(step, None)
    else:
        into[step] = there


def _child(value: Any, step: str) -> Any:
    return value[int(step)] if isinstance(value, list) else value.get(step)


def missing(want: Wanted) -> Difference:
    return Difference("sagemaker", "/spec/resourceId", want.where.resource_id, "not a scalable target", gone=True)


def _differing(desired: Any, live: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        for key, item in desired.items():
            yield from _differing(item, live.get(key), f"{path}/{key}")
    elif _is_list(desired) and _is_list(live) and len(desired) == len(live):
        for index, item in enumerate(desired):
            yield from _differing(item, live[index], f"{path}/{index}")
    elif desired != live:
        yield path, desired, live


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
