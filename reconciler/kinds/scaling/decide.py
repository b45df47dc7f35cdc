"""What to do about a HostingAutoscalingPolicy: a plan per variant, and one decision out of all of them.

    not ours ──> AdoptionRequired          endpoint or variant not there, not InService, or held ──> DependencyNotReady
    nothing there, or not as wanted ──> register (an upsert), put the policy; never delete and create: no gap in scaling
    as wanted ──> Created                  changed from outside ──> put back, or reported, by drift mode

Variants do not wait for one another: one that cannot be scaled keeps none of the others from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum

from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Call, Decision, Difference, Notice, Pace, Phase, Watch
from reconciler.core.kind import Pass
from reconciler.core.ownership import Owner, adoption_refusal
from reconciler.core.references import NOT_READY
from reconciler.core.tags import set_tags, take_tags
from reconciler.kinds.scaling.content import Wanted, Where, differences, keeping, missing, wanted
from reconciler.kinds.scaling.state import (
    CREATED,
    DELETED,
    FAILED,
    HALF,
    WORKING,
    Look,
    Record,
    Seen,
    hold,
    is_ours,
    is_released,
    records,
    sharer,
    status_of,
    told,
)

_SECOND_LOOK = timedelta(seconds=60)
"""A registration that was asked for less long ago may be missing from a read that came too early (design 4)."""
_HELD_LOOK = timedelta(seconds=5)
_FOREIGN_LOOK = timedelta(minutes=10)
_DELETE = "DeleteScalingPolicy"
_REST_LOOK = timedelta(seconds=1)
"""One variant was refused for good; the others come after it in the next pass."""


class Step(Enum):
    FINE = "Fine"
    APPLY = "Apply"
    """Register and put: the target is there, or was when we looked last."""
    BEGIN = "Begin"
    """The same where there is no target."""
    TAG = "Tag"
    WAIT = "Wait"
    OBSERVE = "Observe"
    """Taken over, and not seen yet."""
    REPORT = "Report"
    FOREIGN = "Foreign"
    REFUSED = "Refused"


@dataclass(frozen=True)
class Plan:
    step: Step
    want: Wanted
    record: Record | None
    why: str = ""
    differences: tuple[Difference, ...] = ()
    corrects: tuple[str, ...] = ()
    watch: Watch | None = None
    """What is waited for."""
    reason: str = ""
    look: Look = field(default_factory=Look)


def decide(this: Pass) -> Decision:
    if this.resource.deleting:
        return _end(this)
    wants = {want.where: want for want in wanted(this)}
    known = told(this, records(this), wants)
    region = next((record.region for record in known.values() if record.region), this.spec.get("region"))
    if region != this.spec.get("region") and any(record.registered for record in known.values()):
        why = f"/spec/region was {region} and cannot change: put it back, or delete this object and make a new one"
        return _stalled(this, known, "IdentityChanged", why)
    plans = [_plan(this, want, known.get(where)) for where, want in wants.items()]
    leaving = {where: record for where, record in known.items() if where not in wants}
    gone = _gone(this, leaving)
    decision = _together(this, {k: v for k, v in known.items() if k not in gone}, plans, _leave(this, leaving))
    return replace(decision, notices=(*decision.notices, *_kept(this, leaving)))


# --- one variant ------------------------------------------------------------------------------------------------------


def _plan(this: Pass, want: Wanted, record: Record | None) -> Plan:
    seen: Seen = this.seen
    look = Look() if _is_folded(this) else seen.looks.get(want.where, Look())
    if look.owner is not None and not is_ours(this, look):
        reason, why = _refusal(this, want.where, look.owner)
        return Plan(Step.FOREIGN, want, record, why, reason=reason)
    if record is not None and record.refused == want.hash and "retry" not in this.tokens:
        return Plan(Step.REFUSED, want, record, record.message, reason="Rejected")
    plan = replace(_compared(this, want, record, look), look=look)
    off = look.target_known and look.target is None
    return _gated(this, plan) if plan.step in (Step.APPLY, Step.BEGIN) or off else plan


def _refusal(this: Pass, where: Where, owner: Owner) -> tuple[str, str]:
    if (other := sharer(this, where)) is not None:
        why = (
            f"{where.resource_id} is scaled by {other.key}, and a variant has one minCapacity and maxCapacity: change the policy "
            "there, or take the variant out there"
        )
        return "OwnedByAnother", why
    return adoption_refusal(this, f"the scalable target {where.resource_id}", owner)


def _compared(this: Pass, want: Wanted, record: Record | None, look: Look) -> Plan:
    if record is None or not record.registered:
        return Plan(Step.BEGIN if look.target is None else Step.APPLY, want, record)
    edited, released = record.hash != want.hash, is_released(this, record)
    if not look.target_known:
        if not record.hash:
            return Plan(Step.OBSERVE, want, record, f"{want.where.resource_id} was not looked at yet")
        return Plan(Step.APPLY, want, record) if edited else _fine(want, record)
    if look.target is None:
        if edited or released:
            return Plan(Step.BEGIN, want, record)
        return _by_mode(this, Plan(Step.BEGIN, want, record), (missing(want),))
    found = differences(this.shape, want, look.target, look.policy)
    if not found:
        arn = str(look.target.get("ScalableTargetARN") or record.arn)
        release = hold(this, want.where).release or record.release
        return _fine(want, replace(record, hash=want.hash, arn=arn, release=release))
    if edited or released:
        return Plan(Step.APPLY, want, record)
    return _by_mode(this, Plan(Step.APPLY, want, record, look=look), found)


def _by_mode(this: Pass, plan: Plan, found: Sequence[Difference]) -> Plan:
    """Registering and putting say everything anew, so what is not to be put right is said as it is live."""
    drift = this.drift.sift(found)
    if not drift.stands:
        return _fine(plan.want, plan.record)
    plan = replace(plan, why=drift.stands[0].reason, differences=drift.stands, corrects=drift.paths)
    if not drift.correct:
        return replace(plan, step=Step.REPORT)
    if plan.look.target is None:
        return plan
    left, live = {difference.path for difference in found} - set(drift.paths), (plan.look.target, plan.look.policy)
    return replace(plan, want=keeping(this.shape, plan.want, live, left, drift.paths))


def _fine(want: Wanted, record: Record | None) -> Plan:
    """As wanted; its tags may not be, where we set any."""
    retag = record is not None and bool(record.tagHash) and record.tagHash != want.tag_hash and bool(record.arn)
    return Plan(Step.TAG if retag else Step.FINE, want, record)


def _gated(this: Pass, plan: Plan) -> Plan:
    """Registering needs the endpoint in service, and no rollout that is about to take the scaling off again."""
    where, look, held = plan.want.where, plan.look, hold(this, plan.want.where)
    watch = Watch("Endpoint", where.endpoint, Pace.FAST)
    if held.held:
        why = f"{held.deployment} is moving endpoint {where.endpoint}"
    elif not look.endpoint_known:
        return plan
    elif not look.endpoint:
        why, watch = f"there is no endpoint {where.endpoint}", replace(watch, pace=Pace.SLOW)
    elif look.endpoint != "InService":
        why = f"endpoint {where.endpoint} is {look.endpoint}"
    elif where.variant not in look.variants:
        why, watch = f"endpoint {where.endpoint} has no variant {where.variant}", replace(watch, pace=Pace.SLOW)
    else:
        return plan
    waiting = replace(plan, step=Step.WAIT, why=why, watch=watch, differences=(), corrects=())
    gone = look.endpoint_known and look.target_known and look.target is None and where.variant not in look.variants
    # What was scaled went, and its scaling with it: that is no drift, and what comes in its place is begun anew.
    return replace(waiting, record=replace(plan.record, registeredAt="", hash="")) if gone and plan.record else waiting


def _calls(plan: Plan) -> tuple[Call, ...]:
    want, record = plan.want, plan.record or Record("", "")
    match plan.step:
        case Step.BEGIN:
            return want.register(new=True), want.put()
        case Step.APPLY:
            arn = str((plan.look.target or {}).get("ScalableTargetARN") or "")
            claim = _tag(arn, want, record) if plan.look.owner not in (None, Owner.US) and arn else ()
            renamed = record.policyName not in ("", want.policy) and record.registered
            # One metric takes one tracking policy, so the old name goes first: the target and its count stay as they are.
            old = {"PolicyName": record.policyName, **want.where.params}
            rename = (Call(_DELETE, old),) if renamed else ()
            return *claim, want.register(new=False), *rename, *((want.put(),) if want.puts else ())
        case Step.TAG:
            return _tag(record.arn, want, record)
    return ()


def _tag(arn: str, want: Wanted, record: Record) -> tuple[Call, ...]:
    gone = [key for key in record.tagKeys.split(",") if key and key not in want.tags]
    return *((take_tags(arn, gone),) if gone else ()), set_tags(arn, want.tags)


# --- all of them ------------------------------------------------------------------------------------------------------


def _together(this: Pass, known: Mapping[Where, Record], plans: Sequence[Plan], leave: tuple[Call, ...]) -> Decision:
    after = {**known, **{plan.want.where: record for plan in plans if (record := _intent(this, plan)) is not None}}
    calls = () if _is_folded(this) else (*(call for plan in plans for call in _calls(plan)), *leave)
    watches = _watches(this, plans)
    found = tuple(difference for plan in plans for difference in plan.differences)
    decision = _verdict(this, after, plans, calls)
    notices = (*decision.notices, *_notices(this, plans))
    corrects = tuple(dict.fromkeys(path for plan in plans for path in plan.corrects))
    return replace(
        decision, calls=calls, watches=watches, notices=notices, differences=found, corrects=corrects if calls else ()
    )


def _is_folded(this: Pass) -> bool:
    """A call did not go through and this decision only says what status holds by now: nothing was looked at since."""
    return this.failure is not None and this.refused is not None


def _intent(this: Pass, plan: Plan) -> Record | None:
    """The record as it goes to status before the calls: from then on nobody knows how many of them were carried out."""
    if plan.step not in (Step.APPLY, Step.BEGIN):
        return plan.record
    where = plan.want.where
    record = plan.record or Record(where.resource_id, where.dimension, str(this.spec.get("region") or ""))
    arn = str((plan.look.target or {}).get("ScalableTargetARN") or record.arn)
    if record.registered:
        # What a correction leaves undone is seen again.
        return replace(record, arn=arn, hash=record.hash if plan.corrects else HALF, refused="", message="")
    return replace(record, arn=arn, requestedAt=stamp(this.now), refused="", message="")


def _verdict(this: Pass, known: Mapping[Where, Record], plans: Sequence[Plan], calls: tuple[Call, ...]) -> Decision:
    def of(*steps: Step) -> list[Plan]:
        return [plan for plan in plans if plan.step in steps]

    policy = plans[0].want.policy
    bad, waiting = of(Step.FOREIGN, Step.REFUSED), of(Step.WAIT, Step.OBSERVE)
    if bad:
        why = "; ".join(dict.fromkeys(plan.why for plan in bad))
        status = status_of(this, known, FAILED, policy, why)
        again = _FOREIGN_LOOK if any(plan.step is Step.FOREIGN for plan in bad) else None
        if _is_folded(this) and of(Step.APPLY, Step.BEGIN, Step.TAG):
            again = _REST_LOOK
        return Decision(Phase.STALLED, bad[0].reason, why, status, look_again=again)
    if calls:
        names = ", ".join(plan.want.where.resource_id for plan in of(Step.APPLY, Step.BEGIN, Step.TAG))
        settled = not of(Step.APPLY, Step.BEGIN)
        status = status_of(this, known, CREATED if settled else WORKING, policy)
        return Decision(Phase.ACTING, "Scaling", f"asking for {names}" if names else "taking scaling off", status)
    if waiting:
        why = "; ".join(plan.why for plan in waiting)
        reason = NOT_READY if of(Step.WAIT) else "Observing"
        state = WORKING if of(Step.WAIT) else str(this.past.get("hostingAutoscalingPolicyStatus") or WORKING)
        held = any(hold(this, plan.want.where).held for plan in waiting)
        status = status_of(this, known, state, policy)
        return Decision(Phase.WAITING, reason, why, status, look_again=_HELD_LOOK if held else None)
    status = status_of(this, known, CREATED, policy)
    if reported := of(Step.REPORT):
        why = f"{reported[0].want.where.resource_id} was changed from outside; mode {this.drift.mode} leaves it so"
        gone = any(plan.why == "ExternallyDeleted" for plan in reported)
        return Decision(Phase.STALLED if gone else Phase.READY, reported[0].why, why, status)
    return Decision(Phase.READY, CREATED, f"{policy} scales {len(plans)} of {len(plans)} variants", status)


def _watches(this: Pass, plans: Sequence[Plan]) -> tuple[Watch, ...]:
    """Targets and policies at the slow pace; an endpoint while it is waited for, and along with a HostingDeployment of
    ours, whose own looks at it cost no request more.
    """
    found: dict[tuple[str, str], Watch] = {}
    for plan in plans:
        where = plan.want.where
        mine = [plan.watch] if plan.watch else []
        if hold(this, where).deployment:
            mine.append(Watch("Endpoint", where.endpoint, Pace.SLOW))
        if plan.record is not None and plan.record.registered:
            mine.append(Watch("ScalableTarget", where.target, Pace.SLOW))
            mine.append(Watch("ScalingPolicy", where.policy(plan.want.policy), Pace.SLOW))
        for watch in mine:
            known = found.get((watch.remote, watch.name))
            if known is None or watch.pace is Pace.FAST:
                found[watch.remote, watch.name] = watch
    return tuple(found.values())


def _notices(this: Pass, plans: Sequence[Plan]) -> tuple[Notice, ...]:
    put = [reply for reply in this.replies if reply.call.operation == "PutScalingPolicy"]
    return tuple(
        Notice("Normal", "Scaled", f"{reply.call.params['ResourceId']} scales by {plans[0].want.policy}")
        for reply in put
    )


def _stalled(this: Pass, known: Mapping[Where, Record], reason: str, why: str) -> Decision:
    return Decision(Phase.STALLED, reason, why, status_of(this, known, FAILED, "", why))


# --- leaving ----------------------------------------------------------------------------------------------------------


def _leave(this: Pass, leaving: Mapping[Where, Record]) -> tuple[Call, ...]:
    """Only what we registered: a target that somebody else made anew in its place is theirs. One that other policies scale
    stays, without ours; whichever of them goes last takes it along.
    """
    seen: Seen = this.seen
    calls: list[Call] = []
    for where, record in leaving.items():
        look = seen.looks.get(where, Look())
        if _is_left(this, record, look):
            continue
        if record.policyName and not _is_policy_off(this, record):
            calls.append(Call(_DELETE, {"PolicyName": record.policyName, **where.params}))
        if not _others(record, look):
            calls.append(Call("DeregisterScalableTarget", where.params))
    return tuple(calls)


def _is_left(this: Pass, record: Record, look: Look) -> bool:
    """Whether nothing of ours is there any more."""
    if look.target is None or not is_ours(this, look):
        return True
    policy_off = record.policyName not in look.policies or _is_policy_off(this, record)
    return policy_off and bool(_others(record, look))


def _is_policy_off(this: Pass, record: Record) -> bool:
    named = {"PolicyName": record.policyName, **record.where.params}
    return any(reply.call == Call(_DELETE, named) for reply in this.replies)


def _others(record: Record, look: Look) -> list[str]:
    return [name for name in look.policies if name != record.policyName]


def _kept(this: Pass, leaving: Mapping[Where, Record]) -> tuple[Notice, ...]:
    """What stays a scalable target although we leave it."""
    looks = [(record, this.seen.looks.get(where, Look())) for where, record in leaving.items()]
    return tuple(
        Notice(
            "Normal", "ScalingKept", f"{record.resourceId} stays a scalable target: {', '.join(others)} scales it too"
        )
        for record, look in looks
        if look.target is not None and is_ours(this, look) and _is_left(this, record, look)
        if (others := _others(record, look))
    )


def _gone(this: Pass, leaving: Mapping[Where, Record]) -> set[Where]:
    """What nobody wants any more and is not ours to take off, or is off already."""
    looks = this.seen.looks
    return {
        where
        for where, record in leaving.items()
        if where in looks and _is_left(this, record, looks[where]) and _young(this, where, record) <= timedelta(0)
    }


def _young(this: Pass, where: Where, record: Record) -> timedelta:
    """How long to wait until a registration that nobody saw arrive counts as never made."""
    look = this.seen.looks.get(where, Look())
    if record.registered or not record.requestedAt or look.target is not None:
        return timedelta(0)
    return _SECOND_LOOK - (this.now - moment(record.requestedAt))


def _end(this: Pass) -> Decision:
    """What is gone is gone, whoever took it: an endpoint's deletion takes its scaling along."""
    known = told(this, records(this), {})
    calls = () if _is_folded(this) else _leave(this, known)
    young = [left for where, record in known.items() if (left := _young(this, where, record)) > timedelta(0)]
    if calls:
        names = ", ".join(dict.fromkeys(str(call.params["ResourceId"]) for call in calls))
        status = status_of(this, known, DELETED)
        return Decision(Phase.ACTING, "Deleting", f"taking scaling off {names}", status, calls=calls)
    if young:
        status = status_of(this, known, DELETED)
        return Decision(
            Phase.WAITING, "Deleting", "making sure that nothing was registered", status, look_again=max(young)
        )
    status = status_of(this, {}, DELETED)
    return Decision(Phase.RELEASED, "Deleted", "", status, notices=_kept(this, known))
