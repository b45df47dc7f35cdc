"""What one pass sees of the variants that a HostingAutoscalingPolicy scales, and of those that it scaled and leaves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from reconciler.core.conditions import stamp
from reconciler.core.kind import Pass, View
from reconciler.core.ownership import Owner, judge, may_adopt
from reconciler.core.records.drift import DriftRecord
from reconciler.core.records.scaling import ScalingTarget, VariantTarget, is_variant, scaling_targets
from reconciler.core.values import Answer
from reconciler.kinds.scaling.content import INSTANCES, DesiredScaling, desired
from reconciler.kinds.scaling.drift import differences
from reconciler.kinds.scaling.others import is_released, sharer

__all__ = ["ScalingObserved", "VariantObserved", "is_owned", "observe", "recorded"]


@dataclass(frozen=True)
class VariantObserved:
    """One variant, as far as this pass looked. A None is an answer only when the flag beside it says so."""

    target_known: bool = False
    target: Answer | None = None
    """As DescribeScalableTargets has it."""
    policy: Answer | None = None
    """As DescribeScalingPolicies has it; looked for where there is a target."""
    owner: Owner | None = None
    """Of a target that no record proves to be ours."""
    endpoint_known: bool = False
    endpoint: str = ""
    """EndpointStatus; empty when there is no such endpoint."""
    variants: tuple[str, ...] = ()
    """The endpoint's."""
    policies: tuple[str, ...] = ()
    """Names of all that scale the target; looked at where it is to be left."""

    @property
    def arn(self) -> str:
        return str((self.target or {}).get("ScalableTargetARN") or "")

    @property
    def gone(self) -> bool:
        """Seen not to be a scalable target."""
        return self.target_known and self.target is None


@dataclass(frozen=True)
class ScalingObserved:
    variants: Mapping[VariantTarget, VariantObserved] = field(default_factory=dict)

    def of(self, variant: VariantTarget) -> VariantObserved:
        return self.variants.get(variant, VariantObserved())

    def without(self, variants: Collection[VariantTarget]) -> Self:
        """As if these had not been looked at."""
        return replace(self, variants={one: seen for one, seen in self.variants.items() if one not in variants})


def recorded(this: Pass) -> dict[VariantTarget, ScalingTarget]:
    """The records of status. Those of the archived operator are its resourceIDList: registered, nobody knows as what."""
    past = this.past
    if "targets" in past:
        return scaling_targets(past)
    dimension = str(this.spec.get("scalableDimension") or INSTANCES)
    region = str(this.spec.get("region") or "")
    name = str(past.get("policyName") or "")
    taken = [
        ScalingTarget(
            str(resource), region=region, dimension=dimension, policy_name=name, registered_at=stamp(this.now)
        )
        for resource in past.get("resourceIDList") or ()
        if is_variant(str(resource))
    ]
    return {record.variant: record for record in taken}


def is_owned(this: Pass, seen: VariantObserved) -> bool:
    """Whether the target is ours, or may be taken over."""
    return seen.owner in (None, Owner.US) or (may_adopt(this) and seen.owner is not Owner.OTHER)


# --- looking ----------------------------------------------------------------------------------------------------------


def observe(view: View, this: Pass) -> ScalingObserved:
    known = recorded(this)
    wanted = {} if this.resource.deleting else {one.variant: one for one in desired(this)}
    # The replies are the best look there is: an older page would show what was there before.
    sent = set() if this.doubt else {VariantTarget.named_in(reply.call.params) for reply in this.replies}
    scaled = {
        variant: _observed(view, this, one, known.get(variant))
        for variant, one in wanted.items()
        if variant not in sent
    }
    deregistered = {
        VariantTarget.named_in(reply.call.params)
        for reply in this.replies
        if reply.call.operation == "DeregisterScalableTarget"
    }
    left = {
        variant: _observed_at_last(view, this, record)
        for variant, record in known.items()
        if variant not in wanted and variant not in deregistered
    }
    return ScalingObserved(scaled | left)


def _observed(view: View, this: Pass, desired: DesiredScaling, record: ScalingTarget | None) -> VariantObserved:
    variant = desired.variant
    if record is None or not record.registered or is_released(this, record):
        seen = _described(view, desired, fresh=True)
        return _with_endpoint(view, _with_owner(view, this, seen, record), variant, fresh=this.doubt)
    if record.hash not in ("", desired.hash) and not this.doubt:
        return _with_endpoint(view, VariantObserved(), variant, fresh=False)
    # A correction that was cut short is looked after: until a page shows it, nobody knows how far it came.
    correcting = bool(DriftRecord.parse(this.past.get("drift")).correcting)
    seen = _with_owner(view, this, _swept(view, this, desired, fresh=this.doubt or correcting), record)
    if this.doubt or seen.gone or (seen.target_known and not record.hash):
        seen = _with_endpoint(view, seen, variant, fresh=True)
    return seen


def _swept(view: View, this: Pass, desired: DesiredScaling, *, fresh: bool) -> VariantObserved:
    """The sweep's pages, and one Describe each to confirm what they seem to say: a List may be old, and proves no absence.

    Nothing known yet (nothing swept since the service started, or since our last call) is no change.
    """
    target_name, policy_name = desired.variant.target, desired.variant.policy(desired.policy)
    target, policy = view.summary("ScalableTarget", target_name), view.summary("ScalingPolicy", policy_name)
    gone = view.unlisted("ScalableTarget", target_name) or view.unlisted("ScalingPolicy", policy_name)
    if not fresh and not gone:
        if target is None or policy is None:
            return VariantObserved()
        if not differences(this.shape, desired, target, policy):
            return VariantObserved(True, target, policy)
    return _described(view, desired, fresh=fresh or gone)


def _described(view: View, desired: DesiredScaling, *, fresh: bool) -> VariantObserved:
    variant = desired.variant
    target = view.describe("ScalableTarget", variant.target, fresh=fresh)
    policy = view.describe("ScalingPolicy", variant.policy(desired.policy), fresh=fresh) if target is not None else None
    return VariantObserved(True, target, policy)


def _with_endpoint(view: View, seen: VariantObserved, variant: VariantTarget, *, fresh: bool) -> VariantObserved:
    endpoint = view.describe("Endpoint", variant.endpoint, fresh=fresh)
    if endpoint is None:
        return replace(seen, endpoint_known=True)
    variants = tuple(str(one["VariantName"]) for one in endpoint.get("ProductionVariants") or ())
    return replace(seen, endpoint_known=True, endpoint=str(endpoint["EndpointStatus"]), variants=variants)


def _observed_at_last(view: View, this: Pass, record: ScalingTarget) -> VariantObserved:
    """Of a variant that is left: which policies scale its target, and whose that is."""
    variant = record.variant
    target = view.describe("ScalableTarget", variant.target, fresh=True)
    if target is None:
        return VariantObserved(True)
    on_it = {"ResourceId": variant.resource_id, "ScalableDimension": variant.dimension}
    policies = tuple(str(policy["PolicyName"]) for policy in view.listing("ScalingPolicy", on_it))
    return _with_owner(view, this, VariantObserved(True, target, policies=policies), record)


def _with_owner(view: View, this: Pass, seen: VariantObserved, record: ScalingTarget | None) -> VariantObserved:
    """Whose the target is, where no record proves it: one that was recreated has another ARN."""
    if seen.target is None:
        return seen
    if record is not None and record.registered:
        same = not seen.arn or record.arn in ("", seen.arn)
        if same or _is_shared(this, record):
            return seen
    owner = judge(this, str(seen.target["ResourceId"]), view.tags(seen.arn)) if seen.arn else Owner.UNKNOWN
    return replace(seen, owner=owner)


def _is_shared(this: Pass, record: ScalingTarget) -> bool:
    """Two policies that the archived operator left on one target: whichever registers it again does so for both."""
    return is_released(this, record) and sharer(this, record.variant) is not None
