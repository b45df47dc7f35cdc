"""Which variants of an endpoint are scalable targets, and which of them keep it from moving (docs/adr, "Scaling steps aside").

SageMaker refuses an update that changes the instance type of a variant that is a scalable target, or removes it (SM-152).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.kind import Pass, View
from reconciler.core.values import Answer
from reconciler.kinds.scaling.content import INSTANCES, VariantTarget
from reconciler.kinds.scaling.others import registered, same_account

DEREGISTER = "DeregisterScalableTarget"


@dataclass(frozen=True)
class ScaledVariant:
    """A variant that is a scalable target."""

    at: VariantTarget
    instance_type: str
    """As its endpoint's configuration has it; empty when that is unknown."""


def look(view: View, endpoint: Answer) -> tuple[ScaledVariant, ...]:
    """Which variants are scalable targets, read now: one request, and one more where there are any. Unknown is not none: every
    error is the caller's.
    """
    name = str(endpoint["EndpointName"])
    resources = [
        f"endpoint/{name}/variant/{variant['VariantName']}" for variant in endpoint.get("ProductionVariants") or ()
    ]
    targets = view.listing("ScalableTarget", {"ResourceIds": resources}) if resources else ()
    config = view.describe("EndpointConfig", str(endpoint["EndpointConfigName"])) if targets else None
    types = _types((config or {}).get("ProductionVariants") or ())
    found = [VariantTarget(str(target["ResourceId"]), str(target["ScalableDimension"])) for target in targets]
    return tuple(ScaledVariant(at, types.get(at.variant, "")) for at in found)


def in_the_way(this: Pass, scaled: Sequence[ScaledVariant], config: Answer) -> tuple[ScaledVariant, ...]:
    """Those that keep the endpoint from moving to a configuration with these parameters."""
    gone = {reply.call.params.get("ResourceId") for reply in this.replies if reply.call.operation == DEREGISTER}
    types = _types(config.get("ProductionVariants") or ())
    return tuple(
        one
        for one in scaled
        if one.at.resource_id not in gone
        and (one.at.variant not in types or types[one.at.variant] != one.instance_type)
    )


def foreign(this: Pass, endpoint: str, scaled: Sequence[ScaledVariant]) -> tuple[ScaledVariant, ...]:
    """Those that no HostingAutoscalingPolicy here would register again: they are not ours to deregister."""
    own = owned(this, endpoint)
    return tuple(one for one in scaled if one.at.target not in own)


def owned(this: Pass, endpoint: str) -> frozenset[str]:
    """Targets on an endpoint that some HostingAutoscalingPolicy recorded as its own."""
    return frozenset(
        at.target
        for policy in this.others.items("HostingAutoscalingPolicy")
        if same_account(this, policy)
        for at in registered(this, policy)
        if at.endpoint == endpoint
    )


def instances_of(endpoint: str, variant: str) -> VariantTarget:
    return VariantTarget(f"endpoint/{endpoint}/variant/{variant}", INSTANCES)


def _types(variants: Sequence[Answer]) -> dict[str, str]:
    return {str(variant["VariantName"]): str(variant.get("InstanceType") or "") for variant in variants}
