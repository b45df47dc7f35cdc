"""Application Auto Scaling for variants of endpoints, with the checks that moto leaves out.

An own core and not moto wrapped: of moto's, nothing but the shapes would be left (PY-7: no endpoint, no order, no
capacity, no alarm is checked there, ARNs and error codes differ), and only in here do clock, faults, scopes and endpoints
agree. Alarms do live in moto's CloudWatch, where a client looks for them.

The service's order: unknown operation, rate, shape, then what is known of it (SM-137 to SM-152). Texts that nobody recorded are `unverified`.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.dev.simulator import errors, validation
from reconciler.dev.simulator.autoscaling_store import (
    NOT_SUSPENDED,
    ScalableTargetKey,
    SimulatedPolicy,
    SimulatedTarget,
)
from reconciler.dev.simulator.faults import FaultSubject
from reconciler.dev.simulator.kinds import deployment
from reconciler.dev.simulator.kinds.deployment import Hosting, Variant
from reconciler.dev.simulator.scope import Scope
from reconciler.dev.simulator.service import Arrival, apply_after, apply_before
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.throttle import Throttle
from reconciler.dev.simulator.world import World

TARGET_PREFIX = "AnyScaleFrontendService"
_TARGETS_A_PAGE = 50
_POLICIES_A_PAGE = 10
_INSTANCES = "sagemaker:variant:DesiredInstanceCount"
_CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"
_TRACKING, _STEPS = "TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration"
_CONFIGURATION_OF = {"TargetTrackingScaling": _TRACKING, "StepScaling": _STEPS}
_DEFAULTS: Mapping[str, Answer] = {
    # What Describe fills in, partly assumed (SM-151): no client may need it or be disturbed by it.
    _TRACKING: {"ScaleOutCooldown": 300, "ScaleInCooldown": 300, "DisableScaleIn": False},
    _STEPS: {"Cooldown": 300, "MetricAggregationType": "Average"},
}


@dataclass(frozen=True)
class _ScalingCall:
    world: World
    scope: Scope
    input: Mapping[str, Any]
    now: float

    @property
    def where(self) -> ScalableTargetKey:
        return ScalableTargetKey(self.scope, self.input["ResourceId"], self.input["ScalableDimension"])


class ApplicationAutoScaling:
    """`X-Amz-Target: AnyScaleFrontendService.*`, as `service.SageMaker` is for its own."""

    def __init__(self, world: World, throttle: Throttle) -> None:
        self._world = world
        self._throttle = throttle
        self._model = validation.service_model("application-autoscaling")

    def answer(self, arrival: Arrival, body: bytes) -> tuple[bytes, bool]:
        """The body of the answer, and whether the call changed anything. Raises ApiError, CallDroppedError."""
        handler = _OPERATIONS.get(arrival.op)
        if handler is None:
            raise errors.unknown_operation(arrival.op)
        request = json.loads(body or b"{}")
        scope, world = arrival.scope, self._world
        subject = FaultSubject(
            arrival.service, arrival.op, arrival.key, scope.account, arrival.access_key, scope.region
        )
        rules = world.faults.on_call(subject, world.clock.now())
        apply_before(world.faults, rules)
        if not self._throttle.admits(scope.account, arrival.op):
            raise errors.throttled()
        validation.check(self._model.operation_model(arrival.op).input_shape, request)
        if request.get("ServiceNamespace", "sagemaker") != "sagemaker":
            raise errors.unverified("Only ServiceNamespace sagemaker is simulated.")
        with world.lock:
            world.clock.run_due()
            answer = handler(_ScalingCall(world, scope, request, world.clock.now()))
            encoded = json.dumps(answer).encode()
        apply_after(world.faults, rules)
        return encoded, not arrival.op.startswith(("Describe", "List"))


# Scalable targets


def _register(call: _ScalingCall) -> Answer:
    """An upsert: both capacities the first time, afterwards only what changes."""
    request, where = call.input, call.where
    target = call.world.scaling.get(where)
    _check_tags(request.get("Tags") or {})
    least = request.get("MinCapacity", target.least if target else None)
    most = request.get("MaxCapacity", target.most if target else None)
    if least is None or most is None:
        raise errors.unverified("MinCapacity and MaxCapacity are required to register a new scalable target.")
    if least < 0 or least > most:
        raise errors.unverified("Maximum capacity cannot be less than minimum capacity, and neither may be negative.")
    endpoint, variant = _scalable(call, where)
    if target is None:
        target = call.world.scaling.add(where, least, most, request.get("Tags") or {}, call.now)
    elif request.get("Tags"):
        raise errors.invalid(
            "The scalable target that you tried to tag already exists. To update tags on an existing scalable target, "
            "use the TagResource API."
        )
    target.least, target.most = least, most
    target.suspended = {**target.suspended, **(request.get("SuspendedState") or {})}
    _into_range(call, target, endpoint, variant)
    return {"ScalableTargetARN": target.arn}


def _scalable(call: _ScalingCall, where: ScalableTargetKey) -> tuple[SimulatedResource, Variant]:
    """Endpoint and variant exist, the endpoint is in service, and the variant is of a kind that scales so."""
    endpoint = call.world.store.get(call.scope, "Endpoint", where.endpoint)
    if endpoint is None:
        raise errors.missing("endpoint", call.scope.arn("endpoint", where.endpoint))
    if endpoint.status != "InService":
        raise errors.invalid(  # the second sentence is recorded (SM-140), the first is ours
            f"The status of endpoint {endpoint.arn} is '{endpoint.status}'. "
            "The status should be in 'InService' to register it as a scalable target"
        )
    hosting: Hosting = endpoint.state
    variants = hosting.fleet.variants if hosting.fleet else []
    variant = next((found for found in variants if found.name == where.variant and not found.shadow), None)
    if variant is None:
        raise errors.unverified(f"Could not find variant {where.variant} of endpoint {endpoint.arn}.")
    serverless = variant.serverless is not None
    if where.dimension not in (_INSTANCES, _CONCURRENCY) or serverless != (where.dimension == _CONCURRENCY):
        raise errors.unverified(f"Variant {where.variant} does not scale by {where.dimension}.")
    if str(variant.given.get("InstanceType", "")).startswith("ml.t"):
        raise errors.unverified(f"Burstable instances such as {variant.given['InstanceType']} cannot be scaled.")
    return endpoint, variant


def _into_range(call: _ScalingCall, target: SimulatedTarget, endpoint: SimulatedResource, variant: Variant) -> None:
    count = variant.desired_count
    if count is None or target.where.dimension != _INSTANCES:
        return
    wanted = min(max(count, target.least), target.most)
    if wanted != count:
        change = {"VariantName": variant.name, "DesiredInstanceCount": wanted}
        deployment.begin_rebalance(call.world, endpoint, [change], {}, call.now)


def _deregister(call: _ScalingCall) -> Answer:
    if call.world.scaling.get(call.where) is None:
        raise _no_target(call.where)
    call.world.scaling.remove(call.where, call.world.neighbours)
    return {}


def _describe_targets(call: _ScalingCall) -> Answer:
    wanted = call.input.get("ResourceIds") or ()
    found = [
        target
        for target in call.world.scaling.all(call.scope)
        if (not wanted or target.where.resource_id in wanted) and _is_of(call, target)
    ]
    return _page(call, "ScalableTargets", _TARGETS_A_PAGE, found, _shown_target)


def _shown_target(target: SimulatedTarget) -> Answer:
    return {
        **target.where.shown,
        "MinCapacity": target.least,
        "MaxCapacity": target.most,
        "RoleARN": target.role,
        "CreationTime": target.created,
        "SuspendedState": {**NOT_SUSPENDED, **target.suspended},
        "ScalableTargetARN": target.arn,
    }


# Policies


def _put(call: _ScalingCall) -> Answer:
    request, where = call.input, call.where
    target = call.world.scaling.get(where)
    if target is None:
        raise _no_target(where)
    name = request["PolicyName"]
    before = target.policies.get(name)
    kind = request.get("PolicyType") or (before.type if before else None)
    if kind not in _CONFIGURATION_OF:
        raise errors.unverified(
            f"PolicyType must be one of {', '.join(_CONFIGURATION_OF)} for SageMaker; it is {kind}."
        )
    member = _CONFIGURATION_OF[kind]
    given = request.get(member) or (before.configuration.get(member) if before else None)
    if not given or any(request.get(other) for other in _CONFIGURATION_OF.values() if other != member):
        raise errors.unverified(f"A policy of type {kind} takes {member}, and no other configuration.")
    _check_metric(target, name, given) if member == _TRACKING else _check_steps(given)
    policy = before or SimulatedPolicy(name, _policy_arn(call, name), kind, {}, call.now)
    policy.type, policy.configuration = kind, {member: {**_DEFAULTS[member], **given}}
    target.policies[name] = policy
    _set_alarms(call, target, policy)
    return {"PolicyARN": policy.arn, "Alarms": _alarms(where.scope, policy)}


def _check_metric(target: SimulatedTarget, name: str, given: Answer) -> None:
    metric = _metric(given)
    if metric is None:
        raise errors.unverified(
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification is needed."
        )
    for other in target.policies.values():
        if (
            other.name != name
            and _TRACKING in other.configuration
            and _metric(other.configuration[_TRACKING]) == metric
        ):
            raise errors.unverified(
                "Only one TargetTrackingScaling policy for a given metric specification is allowed."
            )


def _metric(given: Answer) -> Answer | None:
    found: list[Answer] = [
        given[member]
        for member in ("PredefinedMetricSpecification", "CustomizedMetricSpecification")
        if given.get(member)
    ]
    return found[0] if len(found) == 1 else None


def _check_steps(given: Answer) -> None:
    if not given.get("AdjustmentType") or not given.get("StepAdjustments"):
        raise errors.unverified("StepScaling needs AdjustmentType and StepAdjustments.")


def _set_alarms(call: _ScalingCall, target: SimulatedTarget, policy: SimulatedPolicy) -> None:
    """Two for target tracking; for steps the user makes them."""
    if policy.type != "TargetTrackingScaling":
        call.world.neighbours.drop_alarms(call.scope, policy.alarms)
        policy.alarms = []
    elif not policy.alarms:
        resource = target.where.resource_id
        policy.alarms = [
            f"TargetTracking-{resource}-Alarm{side}-{call.world.scaling.unique(policy.arn, side)}"
            for side in ("High", "Low")
        ]
    call.world.neighbours.put_alarms(call.scope, policy.alarms, policy.arn)


def _alarms(scope: Scope, policy: SimulatedPolicy) -> list[Answer]:
    root = f"arn:{scope.partition}:cloudwatch:{scope.region}:{scope.account}:alarm"
    return [{"AlarmName": name, "AlarmARN": f"{root}:{name}"} for name in policy.alarms]


def _policy_arn(call: _ScalingCall, name: str) -> str:
    where, scope = call.where, call.scope
    serial = call.world.scaling.unique(where.resource_id, name)
    return (
        f"arn:{scope.partition}:autoscaling:{scope.region}:{scope.account}:scalingPolicy:{serial}:"
        f"resource/sagemaker/{where.resource_id}:policyName/{name}"
    )


def _delete_policy(call: _ScalingCall) -> Answer:
    target, name = call.world.scaling.get(call.where), call.input["PolicyName"]
    if target is None or name not in target.policies:
        raise errors.ApiError(
            "ObjectNotFoundException", f"No scaling policy found for {_named(call.where)}, policy name: {name}"
        )
    call.world.neighbours.drop_alarms(call.scope, target.policies.pop(name).alarms)
    return {}


def _describe_policies(call: _ScalingCall) -> Answer:
    if call.input.get("ScalableDimension") and not call.input.get("ResourceId"):
        raise errors.unverified("A scalable dimension is only taken together with a resource ID.")
    names, resource = call.input.get("PolicyNames") or (), call.input.get("ResourceId")
    found = [
        (target, policy)
        for target in call.world.scaling.all(call.scope)
        if resource in (None, target.where.resource_id) and _is_of(call, target)
        for policy in target.policies.values()
        if not names or policy.name in names
    ]
    return _page(call, "ScalingPolicies", _POLICIES_A_PAGE, found, lambda pair: _shown_policy(*pair))


def _shown_policy(target: SimulatedTarget, policy: SimulatedPolicy) -> Answer:
    return {
        "PolicyARN": policy.arn,
        "PolicyName": policy.name,
        **target.where.shown,
        "PolicyType": policy.type,
        **policy.configuration,
        "Alarms": _alarms(target.where.scope, policy),
        "CreationTime": policy.created,
    }


# Tags: of scalable targets alone


def _tagged(call: _ScalingCall) -> SimulatedTarget:
    found = call.world.scaling.by_arn(call.input["ResourceARN"])
    if found is None or found.where.scope != call.scope:
        raise errors.ApiError(
            "ResourceNotFoundException", f"No scalable target has the ARN {call.input['ResourceARN']}."
        )
    return found


def _check_tags(tags: Mapping[str, str]) -> None:
    if any(not value.strip() for value in tags.values()):  # while SageMaker takes empty ones (SM-144)
        raise errors.invalid("Tag values cannot be empty or blank")


def _tag(call: _ScalingCall) -> Answer:
    _check_tags(call.input["Tags"])
    _tagged(call).tags.update(call.input["Tags"])
    return {}


def _untag(call: _ScalingCall) -> Answer:
    target = _tagged(call)
    for key in call.input["TagKeys"]:
        target.tags.pop(key, None)
    return {}


def _list_tags(call: _ScalingCall) -> Answer:
    return {"Tags": dict(_tagged(call).tags)}


# Shared


def _is_of(call: _ScalingCall, target: SimulatedTarget) -> bool:
    return call.input.get("ScalableDimension") in (None, target.where.dimension)


def _named(where: ScalableTargetKey) -> str:
    return f"service namespace: sagemaker, resource ID: {where.resource_id}, scalable dimension: {where.dimension}"


def _no_target(where: ScalableTargetKey) -> errors.ApiError:
    return errors.ApiError("ObjectNotFoundException", f"No scalable target found for {_named(where)}")


def _page(call: _ScalingCall, member: str, most: int, found: Iterable[Any], shown: Callable[[Any], Answer]) -> Answer:
    """Pages of `most` (SM-149, SM-150). The token is a position: nothing here promises order under change."""
    rows, limit = list(found), call.input.get("MaxResults", most)
    if not 1 <= limit <= most:
        raise errors.unverified(f"MaxResults must be between 1 and {most}.")
    start = _position(call.input.get("NextToken"))
    answer: Answer = {member: [shown(row) for row in rows[start : start + limit]]}
    if start + limit < len(rows):
        answer["NextToken"] = base64.urlsafe_b64encode(f"at:{start + limit}".encode()).decode()
    return answer


def _position(token: str | None) -> int:
    if not token:
        return 0
    try:
        mark, _, position = base64.urlsafe_b64decode(token).decode().partition(":")
        if mark == "at":
            return int(position)
    except (binascii.Error, ValueError):
        pass
    raise errors.ApiError("InvalidNextTokenException", "The next token supplied was invalid.")


_OPERATIONS: Mapping[str, Callable[[_ScalingCall], Answer]] = {
    "RegisterScalableTarget": _register,
    "DeregisterScalableTarget": _deregister,
    "DescribeScalableTargets": _describe_targets,
    "PutScalingPolicy": _put,
    "DeleteScalingPolicy": _delete_policy,
    "DescribeScalingPolicies": _describe_policies,
    "TagResource": _tag,
    "UntagResource": _untag,
    "ListTagsForResource": _list_tags,
    "DescribeScheduledActions": lambda _: {"ScheduledActions": []},
}
