"""What other objects of the cluster say about a variant: the HostingDeployment of its endpoint, and other policies on it.

A HostingDeployment takes a target off for an update and says so in its status; the policy that owns the target puts it on again
(docs/adr/0005-scaling-steps-aside.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.core.conditions import STALLED, find
from reconciler.core.kind import Pass
from reconciler.core.records.record import unreadable
from reconciler.core.records.remote_object import EndpointRecord
from reconciler.core.records.rollout import RolloutRecord
from reconciler.core.records.scaling import TARGETS, ScalingTarget, VariantTarget, scaling_targets
from reconciler.core.resource import Resource

__all__ = ["EndpointRollout", "endpoint_rollout", "is_released", "registered", "same_account", "sharer"]


@dataclass(frozen=True)
class EndpointRollout:
    """What the HostingDeployment of a variant's endpoint says that concerns its scaling."""

    deployment: str = ""
    """Its key; empty when no HostingDeployment here is about this endpoint."""
    under_way: bool = False
    """It updates the endpoint, or is about to: nothing is registered now."""
    release: str = ""
    """The token under which it last took this variant's scaling off; it is for us to put it on again."""


def endpoint_rollout(this: Pass, variant: VariantTarget) -> EndpointRollout:
    deployment = next(_deployments(this, variant.endpoint), None)
    if deployment is None:
        return EndpointRollout()
    raw = deployment.status.get("rollout") or {}
    rollout = RolloutRecord.parse(raw)
    stalled = find(deployment.status.get("conditions") or (), STALLED)
    open_ = rollout.releasing or rollout.attempt is not None
    released = [one.token for one in rollout.scaling if one.target == variant.target]
    over = stalled is not None and stalled.get("status") == "True"
    return EndpointRollout(
        str(deployment.key),
        # Of what cannot be read nobody knows whether it is over.
        under_way=(open_ and not over) or bool(unreadable(RolloutRecord.shape(), raw)),
        release=released[-1] if released else "",
    )


def is_released(this: Pass, record: ScalingTarget) -> bool:
    """Whether a HostingDeployment took this scaling off since we put it on."""
    return endpoint_rollout(this, record.variant).release not in ("", record.release)


def sharer(this: Pass, variant: VariantTarget) -> Resource | None:
    """Another HostingAutoscalingPolicy here that recorded the target as registered."""
    others = (one for one in this.others.items("HostingAutoscalingPolicy") if one.key != this.resource.key)
    return next((one for one in others if same_account(this, one) and variant in registered(this, one)), None)


def registered(this: Pass, policy: Resource) -> frozenset[VariantTarget]:
    """What a HostingAutoscalingPolicy recorded as registered in the region of this pass. Of records that cannot be read: nothing, for it
    would not put on again what is taken off.
    """
    if unreadable(TARGETS.shape, policy.status.get(TARGETS.key) or []):
        return frozenset()
    records = scaling_targets(policy.status).values()
    return frozenset(record.variant for record in records if record.registered and record.region == this.region)


def same_account(this: Pass, other: Resource) -> bool:
    """Whether two objects speak of one account: one namespace has one role, and a role is in one account."""
    accounts = [str(status.get("roleArn") or "::::").split(":")[4] for status in (this.past, other.status)]
    return this.resource.namespace == other.namespace or accounts[0] == accounts[1]


def _deployments(this: Pass, endpoint: str) -> Iterator[Resource]:
    for resource in this.others.items("HostingDeployment"):
        record = EndpointRecord.parse(resource.status.get("endpoint"))
        region = record.region or resource.spec.get("region")
        named = (record.name or resource.status.get("endpointName")) == endpoint
        if named and region == this.region and same_account(this, resource):
            yield resource
