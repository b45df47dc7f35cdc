"""The plan for one variant: the first of these rules that has one. Pure; variants do not wait for one another.

    RULES       somebody else's target ── refused before ── endpoint not in service ── never looked at
                ── register and put ── correct drift ── report drift ── set tags ── as desired

Registering and putting are upserts: nothing is deleted and made again, so that a variant never stops scaling in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from functools import cached_property

from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Call, Difference, Pace, Watch
from reconciler.core.drift.policy import Sifted
from reconciler.core.errors import TerminalError, UnknownRefusalError
from reconciler.core.kind import Pass
from reconciler.core.ownership import Owner, adoption_refusal
from reconciler.core.records.scaling import PARTLY_SENT, ScalingTarget
from reconciler.core.tags import set_tags, take_tags
from reconciler.kinds.scaling.content import DesiredScaling
from reconciler.kinds.scaling.drift import differences, keeping, missing
from reconciler.kinds.scaling.observed import VariantObserved, is_owned
from reconciler.kinds.scaling.others import EndpointRollout, endpoint_rollout, sharer

__all__ = ["RULES", "VariantCase", "VariantPlan", "VariantStep", "delete_policy", "plan"]


class VariantStep(Enum):
    FOREIGN = "Foreign"
    """The target is somebody else's."""
    REFUSED = "Refused"
    WAIT = "Wait"
    """For the endpoint."""
    OBSERVE = "Observe"
    """Taken over, and not seen yet."""
    REGISTER = "Register"
    """Register the target and put the policy, whether new or over what is there."""
    REPORT = "Report"
    """Drift that is left as it is."""
    TAG = "Tag"
    AS_DESIRED = "AsDesired"


@dataclass(frozen=True)
class VariantCase:
    """One variant, with all that its plan depends on."""

    this: Pass
    desired: DesiredScaling
    record: ScalingTarget | None
    seen: VariantObserved

    @cached_property
    def rollout(self) -> EndpointRollout:
        return endpoint_rollout(self.this, self.desired.variant)

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Between what is live and what is wanted, as far as this pass looked."""
        if self.seen.target is None:
            return (missing(self.desired),) if self.seen.gone else ()
        return differences(self.this.shape, self.desired, self.seen.target, self.seen.policy)

    @cached_property
    def drift(self) -> Sifted:
        """What the differences mean, where no call of this object explains them."""
        return self.this.drift.sift(self.differences)

    @property
    def to_register(self) -> bool:
        """Whether something else is wanted than was registered, or a rollout took it off: no drift."""
        if self.record is None or not self.record.registered:
            return True
        edited = self.record.hash != self.desired.hash
        if not self.seen.target_known:
            return edited and bool(self.record.hash)
        released = self.rollout.release not in ("", self.record.release)
        return bool(self.differences) and (edited or released)


@dataclass(frozen=True)
class VariantPlan:
    step: VariantStep
    case: VariantCase
    record: ScalingTarget | None
    """As status shall have it before the calls go out."""
    calls: tuple[Call, ...] = ()
    reason: str = ""
    why: str = ""
    differences: tuple[Difference, ...] = ()
    corrects: tuple[str, ...] = ()
    watch: Watch | None = None
    """What is waited for."""
    again: timedelta | None = None
    """When what was refused is tried again; None: never by itself."""


Rule = Callable[[VariantCase], VariantPlan | None]


def plan(case: VariantCase) -> VariantPlan:
    return next(found for rule in RULES if (found := rule(case)) is not None)


# --- the rules --------------------------------------------------------------------------------------------------------


def _foreign(case: VariantCase) -> VariantPlan | None:
    owner, variant = case.seen.owner, case.desired.variant
    if owner is None or is_owned(case.this, case.seen):
        return None
    reason, why = adoption_refusal(case.this, f"the scalable target {variant.resource_id}", owner)
    if (other := sharer(case.this, variant)) is not None:
        reason = "OwnedByAnother"
        why = (
            f"{variant.resource_id} is scaled by {other.key}, and a variant has one minCapacity and maxCapacity: change the "
            "policy there, or take the variant out there"
        )
    return VariantPlan(VariantStep.FOREIGN, case, case.record, reason=reason, why=why)


def _refused_before(case: VariantCase) -> VariantPlan | None:
    record = case.record
    if record is None or record.refused != case.desired.hash or "retry" in case.this.tokens:
        return None
    if not record.retry_at:
        return VariantPlan(VariantStep.REFUSED, case, record, reason=TerminalError.reason, why=record.message)
    left = moment(record.retry_at) - case.this.now
    if left <= timedelta(0):
        return None
    reason = UnknownRefusalError.reason
    return VariantPlan(VariantStep.REFUSED, case, record, reason=reason, why=record.message, again=left)


def _endpoint_not_in_service(case: VariantCase) -> VariantPlan | None:
    """Registering needs the endpoint in service, and no rollout that is about to take the scaling off again."""
    if not (case.to_register or case.drift.correct or case.seen.gone):
        return None
    obstacle = _obstacle(case)
    if obstacle is None:
        return None
    why, pace = obstacle
    seen, variant, record = case.seen, case.desired.variant, case.record
    if record is not None and seen.gone and seen.endpoint_known and variant.variant not in seen.variants:
        # What was scaled went, and its scaling with it: that is no drift, and what comes in its place begins again.
        record = replace(record, registered_at="", hash="")
    watch = Watch("Endpoint", variant.endpoint, pace)
    return VariantPlan(VariantStep.WAIT, case, record, why=why, watch=watch)


def _obstacle(case: VariantCase) -> tuple[str, Pace] | None:
    """Why nothing can be registered now, and how soon that may be over."""
    seen, variant, rollout = case.seen, case.desired.variant, case.rollout
    if rollout.under_way:
        return f"{rollout.deployment} is updating endpoint {variant.endpoint}", Pace.FAST
    if not seen.endpoint_known:
        return None
    if not seen.endpoint:
        return f"there is no endpoint {variant.endpoint}", Pace.SLOW
    if seen.endpoint != "InService":
        return f"endpoint {variant.endpoint} is {seen.endpoint}", Pace.FAST
    if variant.variant not in seen.variants:
        return f"endpoint {variant.endpoint} has no variant {variant.variant}", Pace.SLOW
    return None


def _not_observed(case: VariantCase) -> VariantPlan | None:
    """What the archived operator registered, nobody knows as what."""
    record = case.record
    if record is None or not record.registered or record.hash or case.seen.target_known:
        return None
    why = f"{case.desired.variant.resource_id} was not looked at yet"
    return VariantPlan(VariantStep.OBSERVE, case, record, why=why)


def _to_register(case: VariantCase) -> VariantPlan | None:
    return _registering(case, case.desired) if case.to_register else None


def _drift_to_correct(case: VariantCase) -> VariantPlan | None:
    """Registering and putting repeat everything, so what is not to be corrected is said as it is live."""
    drift, seen = case.drift, case.seen
    if not drift.correct:
        return None
    desired = case.desired
    if seen.target is not None:
        left = {difference.path for difference in case.differences} - set(drift.paths)
        desired = keeping(case.this.shape, desired, (seen.target, seen.policy), left, drift.paths)
    return _registering(case, desired, drift)


def _drift_to_report(case: VariantCase) -> VariantPlan | None:
    stands = case.drift.stands
    if not stands:
        return None
    return VariantPlan(VariantStep.REPORT, case, case.record, reason=stands[0].reason, differences=stands)


def _other_tags(case: VariantCase) -> VariantPlan | None:
    """Its tags are not as wanted, where we set any, or are to set ours: on what the archived operator registered."""
    record = _confirmed(case)
    ours = record is not None and (record.tag_hash or case.this.taken)
    if record is None or not record.arn or not ours or record.tag_hash == case.desired.tag_hash:
        return None
    return VariantPlan(VariantStep.TAG, case, record, _tagging(record.arn, case.desired, record))


def _as_desired(case: VariantCase) -> VariantPlan:
    return VariantPlan(VariantStep.AS_DESIRED, case, _confirmed(case))


RULES: tuple[Rule, ...] = (
    _foreign,
    _refused_before,
    _endpoint_not_in_service,
    _not_observed,
    _to_register,
    _drift_to_correct,
    _drift_to_report,
    _other_tags,
    _as_desired,
)
"""Order matters: nothing is sent about a target that is not ours, nor while its endpoint changes, and what we owe is no drift."""


# --- what they plan ---------------------------------------------------------------------------------------------------


def _registering(case: VariantCase, desired: DesiredScaling, drift: Sifted | None = None) -> VariantPlan:
    """`desired` as it is asked for. `drift` is what the calls correct."""
    drift = drift or Sifted()
    return VariantPlan(
        VariantStep.REGISTER,
        case,
        _intent(case, correcting=bool(drift.correct)),
        _register_calls(case, desired),
        differences=drift.stands,
        corrects=drift.paths,
    )


def _register_calls(case: VariantCase, desired: DesiredScaling) -> tuple[Call, ...]:
    seen, record = case.seen, case.record
    registered = record is not None and record.registered
    if seen.gone or (seen.target is None and not registered):
        return desired.register(new=True), desired.put()
    record = record or ScalingTarget()
    claim = _tagging(seen.arn, desired, record) if seen.owner not in (None, Owner.US) and seen.arn else ()
    renamed = registered and record.policy_name not in ("", desired.policy)
    # One metric takes one tracking policy, so the old name goes first: the target and its count stay as they are.
    rename = (delete_policy(record),) if renamed else ()
    return *claim, desired.register(new=False), *rename, *((desired.put(),) if desired.puts else ())


def delete_policy(record: ScalingTarget) -> Call:
    return Call("DeleteScalingPolicy", {"PolicyName": record.policy_name, **record.variant.params})


def _intent(case: VariantCase, *, correcting: bool) -> ScalingTarget:
    """The record as it goes to status before the calls: from then on nobody knows how many of them were carried out."""
    variant = case.desired.variant
    region = str(case.this.spec.get("region") or "")
    record = case.record or ScalingTarget(variant.resource_id, region=region, dimension=variant.dimension)
    record = replace(record, arn=case.seen.arn or record.arn, refused="", message="", retry_at="")
    if not record.registered:
        return replace(record, requested_at=stamp(case.this.now))
    # What a correction leaves undone is seen again.
    return record if correcting else replace(record, hash=PARTLY_SENT)


def _confirmed(case: VariantCase) -> ScalingTarget | None:
    """The record, with what is live where that is as wanted."""
    record, seen = case.record, case.seen
    if record is None or seen.target is None or case.differences:
        return record
    release = case.rollout.release or record.release
    return replace(record, hash=case.desired.hash, arn=seen.arn or record.arn, release=release)


def _tagging(arn: str, desired: DesiredScaling, record: ScalingTarget) -> tuple[Call, ...]:
    gone = [key for key in record.tag_keys.split(",") if key and key not in desired.tags]
    return *((take_tags(arn, gone),) if gone else ()), set_tags(arn, desired.tags)
