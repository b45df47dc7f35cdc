"""What to do about a HostingAutoscalingPolicy: a plan per variant (`rules`), and one decision out of all of them.

    deleted ── region changed ── VERDICTS: refused ── acting ── waiting ── drift reported ── ready

Variants do not wait for one another: calls for some go out whatever the decision says about the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.core.decision import Call, Decision, Phase, sooner
from reconciler.core.kind import Pass
from reconciler.core.records.scaling import ScalingTarget, VariantTarget
from reconciler.core.references import NOT_READY
from reconciler.kinds.scaling.content import desired
from reconciler.kinds.scaling.observed import ScalingObserved, recorded
from reconciler.kinds.scaling.removal import VariantRemoval
from reconciler.kinds.scaling.rendered import (
    CREATED,
    DELETED,
    FAILED,
    WORKING,
    notices,
    status_of,
    watches,
    with_replies,
)
from reconciler.kinds.scaling.rules import VariantCase, VariantPlan, VariantStep, plan
from reconciler.kinds.shared import FOREIGN_LOOK, unchangeable

__all__ = ["VERDICTS", "decide"]

_ROLLOUT_LOOK = timedelta(seconds=5)
"""A HostingDeployment's status wakes nobody here."""
_REST_LOOK = timedelta(seconds=1)
"""One variant was refused for good; the others come after it in the next pass."""


def decide(this: Pass, seen: ScalingObserved) -> Decision:
    """After a call that did not go through, `unsent` is what the records say by then: nothing was observed since."""
    decision = _decided(this, seen, sends=True)
    return decision if this.failure is None else replace(decision, unsent=_decided(this, seen, sends=False))


def _decided(this: Pass, seen: ScalingObserved, *, sends: bool) -> Decision:
    if this.resource.deleting:
        return _deletion(this, seen, sends=sends)
    wanted = {one.variant: one for one in desired(this)}
    known = with_replies(this, recorded(this), wanted)
    if (moved := _region_changed(this, known)) is not None:
        return moved
    if not sends:
        seen = seen.without(wanted)
    plans = [plan(VariantCase(this, one, known.get(variant), seen.of(variant))) for variant, one in wanted.items()]
    leaving = _removals(this, seen, {variant: record for variant, record in known.items() if variant not in wanted})
    over = {removal.record.variant for removal in leaving if removal.is_over}
    records = {variant: record for variant, record in known.items() if variant not in over}
    records |= {one.case.desired.variant: one.record for one in plans if one.record is not None}
    planned = (*(call for one in plans for call in one.calls), *(call for removal in leaving for call in removal.calls))
    return _verdict(ScalingCase(this, plans, leaving, records, planned if sends else ()))


def _removals(
    this: Pass, seen: ScalingObserved, leaving: Mapping[VariantTarget, ScalingTarget]
) -> tuple[VariantRemoval, ...]:
    return tuple(VariantRemoval(this, record, seen.of(variant)) for variant, record in leaving.items())


def _deletion(this: Pass, seen: ScalingObserved, *, sends: bool) -> Decision:
    known = with_replies(this, recorded(this), {})
    leaving = _removals(this, seen, known)
    calls = tuple(call for removal in leaving for call in removal.calls) if sends else ()
    if calls:
        names = ", ".join(dict.fromkeys(str(call.params["ResourceId"]) for call in calls))
        status = status_of(this, known, DELETED)
        return Decision(Phase.ACTING, "Deleting", f"removing scaling from {names}", status, calls=calls)
    wait = max((removal.settles_in for removal in leaving), default=timedelta(0))
    if wait > timedelta(0):
        status, why = status_of(this, known, DELETED), "making sure that nothing was registered"
        return Decision(Phase.WAITING, "Deleting", why, status, look_again=wait)
    kept = tuple(notice for removal in leaving for notice in removal.notices)
    return Decision(Phase.RELEASED, "Deleted", "", status_of(this, {}, DELETED), notices=kept)


def _region_changed(this: Pass, known: Mapping[VariantTarget, ScalingTarget]) -> Decision | None:
    wanted = this.spec.get("region")
    region = next((record.region for record in known.values() if record.region), wanted)
    if region == wanted or not any(record.registered for record in known.values()):
        return None
    why = unchangeable(f"/spec/region was {region}")
    return Decision(Phase.STALLED, "IdentityChanged", why, status_of(this, known, FAILED, "", why))


# --- all variants together --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScalingCase:
    """All variants, with all that the verdict depends on."""

    this: Pass
    plans: Sequence[VariantPlan]
    leaving: Sequence[VariantRemoval]
    records: Mapping[VariantTarget, ScalingTarget]
    """As status shall have them."""
    calls: tuple[Call, ...]
    """None after a call that did not go through: what is planned then waits for the next pass."""

    @property
    def policy(self) -> str:
        return self.plans[0].case.desired.policy

    def at(self, *steps: VariantStep) -> list[VariantPlan]:
        return [one for one in self.plans if one.step in steps]

    def decision(
        self,
        phase: Phase,
        reason: str,
        message: str,
        state: str,
        *,
        additional: str = "",
        look: timedelta | None = None,
    ) -> Decision:
        """`state` is the archived operator's word."""
        status = status_of(self.this, self.records, state, self.policy, additional)
        return Decision(phase, reason, message, status, look_again=look)


def _verdict(case: ScalingCase) -> Decision:
    decision = next(found for rule in VERDICTS if (found := rule(case)) is not None)
    kept = (notice for removal in case.leaving for notice in removal.notices)
    corrects = dict.fromkeys(path for one in case.plans for path in one.corrects) if case.calls else ()
    return replace(
        decision,
        calls=case.calls,
        watches=watches(case.plans),
        notices=(*notices(case.this, case.policy), *kept),
        differences=tuple(difference for one in case.plans for difference in one.differences),
        corrects=tuple(corrects),
    )


def _refused(case: ScalingCase) -> Decision | None:
    refused = case.at(VariantStep.FOREIGN, VariantStep.REFUSED)
    if not refused:
        return None
    look = FOREIGN_LOOK if case.at(VariantStep.FOREIGN) else None
    if case.at(VariantStep.REGISTER, VariantStep.TAG) and not case.calls:
        look = _REST_LOOK
    why = "; ".join(dict.fromkeys(one.why for one in refused))
    for one in refused:
        look = sooner(look, one.again)
    if all(one.again for one in refused):
        return case.decision(Phase.WAITING, refused[0].reason, why, FAILED, additional=why, look=look)
    return case.decision(Phase.STALLED, refused[0].reason, why, FAILED, additional=why, look=look)


def _acting(case: ScalingCase) -> Decision | None:
    if not case.calls:
        return None
    asking = case.at(VariantStep.REGISTER, VariantStep.TAG)
    names = ", ".join(one.case.desired.variant.resource_id for one in asking)
    state = WORKING if case.at(VariantStep.REGISTER) else CREATED
    return case.decision(
        Phase.ACTING, "Scaling", f"applying scaling to {names}" if names else "removing scaling", state
    )


def _waiting(case: ScalingCase) -> Decision | None:
    waiting = case.at(VariantStep.WAIT, VariantStep.OBSERVE)
    if not waiting:
        return None
    look = _ROLLOUT_LOOK if any(one.case.rollout.under_way for one in waiting) else None
    why = "; ".join(one.why for one in waiting)
    if case.at(VariantStep.WAIT):
        return case.decision(Phase.WAITING, NOT_READY, why, WORKING, look=look)
    state = str(case.this.past.get("hostingAutoscalingPolicyStatus") or WORKING)
    return case.decision(Phase.WAITING, "Observing", why, state, look=look)


def _drift_reported(case: ScalingCase) -> Decision | None:
    reported = case.at(VariantStep.REPORT)
    if not reported:
        return None
    first = reported[0]
    gone = any(one.reason == "ExternallyDeleted" for one in reported)
    why = f"{first.case.desired.variant.resource_id} was changed from outside; mode {case.this.drift.mode} leaves it so"
    return case.decision(Phase.STALLED if gone else Phase.READY, first.reason, why, CREATED)


def _ready(case: ScalingCase) -> Decision:
    count = len(case.plans)
    return case.decision(Phase.READY, CREATED, f"{case.policy} scales {count} of {count} variants", CREATED)


VERDICTS: tuple[Callable[[ScalingCase], Decision | None], ...] = (_refused, _acting, _waiting, _drift_reported, _ready)
"""Order matters: what somebody has to see to is said first, though the calls for other variants go out."""
