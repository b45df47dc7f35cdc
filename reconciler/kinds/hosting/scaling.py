"""How a rollout and the autoscaling of its variants get out of each other's way (docs/adr, "Scaling steps aside").

SageMaker refuses an update that changes the instance type of a variant that is a scalable target, or removes it (facts 4).
So the HostingDeployment takes the target off, in a round of its own before the update, and says so in `status.rollout.scaling`;
the HostingAutoscalingPolicy that owns the target puts it on again when the endpoint has settled, rolled back or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.decision import Call
from reconciler.core.errors import CredentialsError, DeniedError, ThrottledError, TransientError
from reconciler.core.kind import Pass, View
from reconciler.kinds.hosting.content import VARIANT_LISTS
from reconciler.kinds.scaling.content import INSTANCES, VariantTarget
from reconciler.kinds.scaling.others import same_account

_KEPT_FROM_SPEC = ({"VariantPropertyType": "DesiredWeight"}, {"VariantPropertyType": "DataCaptureConfig"})


@dataclass(frozen=True)
class Scaled:
    """A variant that is a scalable target."""

    where: VariantTarget
    instance_type: str
    """As its endpoint's configuration has it; empty when that is unknown."""


def look(view: View, this: Pass, endpoint: Mapping[str, Any]) -> tuple[Scaled, ...]:
    """Which variants are scalable targets, read now: one request, and one more where there are any.

    An account that may not be asked, or a network without Application Auto Scaling, keeps no rollout back unless a policy of
    ours is about this endpoint.
    """
    name = str(endpoint["EndpointName"])
    resources = [
        f"endpoint/{name}/variant/{variant['VariantName']}" for variant in endpoint.get("ProductionVariants") or ()
    ]
    try:
        targets = view.listing("ScalableTarget", {"ResourceIds": resources}) if resources else ()
    except (DeniedError, TransientError) as error:
        if isinstance(error, (ThrottledError, CredentialsError)) or owned(this, name):
            raise
        return ()
    config = view.describe("EndpointConfig", str(endpoint["EndpointConfigName"])) if targets else None
    types = _types((config or {}).get("ProductionVariants") or ())
    found = [VariantTarget(str(target["ResourceId"]), str(target["ScalableDimension"])) for target in targets]
    return tuple(Scaled(where, types.get(where.variant, "")) for where in found)


def in_the_way(this: Pass, scaled: Sequence[Scaled], config: Mapping[str, Any]) -> tuple[Scaled, ...]:
    """Those that keep the endpoint from moving to a configuration with these parameters."""
    gone = {reply.call.params.get("ResourceId") for reply in this.replies if reply.call.operation == _DEREGISTER}
    types = _types(config.get("ProductionVariants") or ())
    return tuple(
        one
        for one in scaled
        if one.where.resource_id not in gone
        and (one.where.variant not in types or types[one.where.variant] != one.instance_type)
    )


def foreign(this: Pass, endpoint: str, scaled: Sequence[Scaled]) -> tuple[Scaled, ...]:
    """Those that no HostingAutoscalingPolicy here would put on again: they are not ours to take off."""
    ours = owned(this, endpoint)
    return tuple(one for one in scaled if one.where.target not in ours)


def owned(this: Pass, endpoint: str) -> frozenset[str]:
    """Targets on an endpoint that some HostingAutoscalingPolicy recorded as its own."""
    return frozenset(
        where.target
        for policy in this.others.items("HostingAutoscalingPolicy")
        if same_account(this, policy)
        for record in policy.status.get("targets") or ()
        if record.get("registeredAt") and record.get("region") == this.region
        if (where := VariantTarget(str(record.get("resourceId")), str(record.get("dimension")))).endpoint == endpoint
    )


def take_off(scaled: Sequence[Scaled]) -> tuple[Call, ...]:
    return tuple(Call(_DEREGISTER, {**one.where.params}) for one in scaled)


def told(rollout: Mapping[str, Any], scaled: Sequence[Scaled]) -> list[dict[str, str]]:
    """`status.rollout.scaling` with a new token for each target that is taken off now: by it the policy knows that this
    was no drift, and whether it has answered already.
    """
    before = {str(entry["target"]): str(entry["token"]) for entry in rollout.get("scaling") or ()}
    number = max((int(token) for token in before.values()), default=0) + 1
    after = before | {one.where.target: str(number) for one in scaled}
    return [{"target": target, "token": token} for target, token in after.items()]


def retaining(this: Pass, endpoint: str, scaled: Sequence[Scaled], call: Call) -> Call:
    """The update with what scaling reached kept: a rollout must not set the count back to what the spec began with.

    Weights and data capture still come from the new content. What the spec says about retaining is left as it is.
    """
    if not _retains(this, endpoint, scaled):
        return call
    retained = {"RetainAllVariantProperties": True, "ExcludeRetainedVariantProperties": list(_KEPT_FROM_SPEC)}
    return Call(call.operation, {**retained, **call.params})


def to_resize(this: Pass, endpoint: str, scaled: Sequence[Scaled], config: Mapping[str, Any]) -> list[str]:
    """Variants that nothing scales and whose counts such an update keeps as well, for it names no variants: the content's
    are set after it.
    """
    if not _retains(this, endpoint, scaled):
        return []
    targets = owned(this, endpoint) | {one.where.target for one in scaled}
    names = [str(variant["VariantName"]) for api in VARIANT_LISTS.values() for variant in config.get(api) or ()]
    return [name for name in names if instances_of(endpoint, name).target not in targets]


def instances_of(endpoint: str, variant: str) -> VariantTarget:
    return VariantTarget(f"endpoint/{endpoint}/variant/{variant}", INSTANCES)


def _retains(this: Pass, endpoint: str, scaled: Sequence[Scaled]) -> bool:
    return this.spec.get("retainAllVariantProperties") is None and bool(scaled or owned(this, endpoint))


def _types(variants: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(variant["VariantName"]): str(variant.get("InstanceType") or "") for variant in variants}


_DEREGISTER = "DeregisterScalableTarget"
