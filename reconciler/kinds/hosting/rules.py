"""Everything that can happen to a HostingDeployment, in order.

Each rule is a pure function of one situation: a decision, or None when it is no matter of this rule's. The first decision
counts. The order is `RULES`, at the end:

    whose is it?            a deleted object ends; the spec of another endpoint, and an object of somebody else's, stop all the rest
    what is under way?      an open attempt is waited for or sent again; nothing else is asked of an endpoint meanwhile
    what is unknown?        nothing new is rolled out before the endpoint was looked at and every reference is resolved
    what serves is wanted   it is repaired, cleaned up after, and left alone
    something else serves   quarantined content is never sent, whatever else holds, but what served last may come back; then
                            what is wanted is brought into service

What brings content into service (`_roll_out`, `_move`) is a short chain of its own: missing parts, then scaling, then the endpoint.
An endpoint that is changing takes no request, so `endpoint_changing` comes before every rule that sends one (those of an open
attempt have evidence that it is not). That what serves comes before the quarantine is no mistake: content that came into
service is not touched because it failed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Decision
from reconciler.core.drift.policy import DriftVerdict
from reconciler.core.ownership import adoption_refusal
from reconciler.core.records.remote_object import EndpointRecord
from reconciler.core.records.rollout import RolloutRecord
from reconciler.core.refusals import delay
from reconciler.core.resource import Annotation
from reconciler.core.rollout import SENDS_MAX, UPDATABLE, Outcome
from reconciler.kinds.hosting import actions, rendered
from reconciler.kinds.hosting.drift import elsewhere
from reconciler.kinds.hosting.observed import scaling
from reconciler.kinds.hosting.observed.endpoint import REBALANCE
from reconciler.kinds.hosting.situation.situation import Situation
from reconciler.kinds.shared import FOREIGN_LOOK, unchangeable

__all__ = ["OPEN_ATTEMPT", "RULES", "HostingRule", "first"]

HostingRule = Callable[[Situation], Decision | None]

_SCALED_LOOK = timedelta(minutes=1)


def first(rules: Iterable[HostingRule], s: Situation) -> Decision:
    return next(decision for rule in rules if (decision := rule(s)) is not None)


# --- whose is it? -----------------------------------------------------------------------------------------------------


def deleting(s: Situation) -> Decision | None:
    """Endpoint, configurations and models go, in this order."""
    return actions.end(s) if s.this.resource.deleting else None


def identity_changed(s: Situation) -> Decision | None:
    """The spec asks for another region or name than the endpoint has. No endpoint moves to another."""
    if not s.identity_change:
        return None
    return rendered.stalled(s, "IdentityChanged", unchangeable(s.identity_change))


def region_changed(s: Situation) -> Decision | None:
    """Nothing was made yet: it begins again where the spec wants it."""
    if not s.region_changed:
        return None
    region = str(s.this.spec.get("region") or "")
    endpoint = EndpointRecord(region=region)
    records = replace(s.records, models={}, configs={}, rollout=RolloutRecord(), endpoint=endpoint)
    message = f"nothing exists in {s.records.endpoint.region}; it is made in {region}"
    return replace(rendered.waiting(s.having(records), "Preparing", message), look_again=timedelta(0))


def owned_by_another(s: Situation) -> Decision | None:
    """What goes by the object's own name is somebody else's, and is left alone until it may be adopted."""
    name = s.not_owned
    if not name:
        return None
    reason, message = adoption_refusal(s.this, name, s.seen.owners[name])
    s = s.with_rollout(foreign=name) if name == s.name else s
    return replace(rendered.stalled(s, reason, message), look_again=FOREIGN_LOOK)


# --- what is under way? -----------------------------------------------------------------------------------------------


def weights_accepted(s: Situation) -> Decision | None:
    """SageMaker took the change of weights or of a count on in this pass."""
    answered = s.this.reply(REBALANCE)
    return actions.rebalanced(s, answered.call) if answered else None


def create_unanswered(s: Situation) -> Decision | None:
    """A create went out, nobody answered it and nothing was made: it is sent again at once, under the name that it had."""
    return _move(s, sends=s.attempt.sends) if s.attempt and s.create_unanswered else None


def rollout_under_way(s: Situation) -> Decision | None:
    """SageMaker is at it, or has not shown yet that it took the request on."""
    waits = s.attempt and s.outcome in (Outcome.UNDER_WAY, Outcome.UNCONFIRMED)
    return rendered.rollout_under_way(s) if waits else None


def request_not_received(s: Situation) -> Decision | None:
    """No trace of the request for so long that it was never received: sent again, after some quick tries ever more slowly."""
    if s.attempt is None or s.outcome is not Outcome.NOT_RECEIVED:
        return None
    left = delay(s.attempt.sends + 1) - s.attempt.age(s.this.now)
    if s.attempt.sends < SENDS_MAX or left <= timedelta(0):
        return _move(s, sends=s.attempt.sends + 1)
    again = f"annotate {Annotation.RETRY}: <a new token> (kubectl sagemaker retry) to send it at once"
    at = stamp(s.this.now + left)
    message = f"SageMaker shows no trace of {s.attempt.sends} requests; sent again at {at}; {again}"
    decision = rendered.stalled(s.with_rollout(phase="Failed"), "UpdateNotReceived", message)
    return replace(decision, look_again=left)


def service_faulted(s: Situation) -> Decision | None:
    """Rolled back, or a first create that failed, for no fault of the content's: the same again, later. A failed endpoint is
    deleted first, a bounded number of times; an update goes on ever more slowly, for what served before serves.
    """
    attempt = s.attempt
    if attempt is None or s.outcome is not Outcome.FAULTED:
        return None
    attempt = replace(attempt, faulted_at=attempt.faulted_at or stamp(s.this.now))
    s, why = s.with_rollout(attempt=attempt), s.live.failure if s.live else ""
    slow = attempt.sends >= SENDS_MAX
    if slow and attempt.previous is None:
        return rendered.creates_in_vain(s, why)
    pause = delay(attempt.sends + 1) if slow else timedelta(minutes=2 ** (attempt.sends - 1))
    left = pause - (s.this.now - moment(attempt.faulted_at))
    if left <= timedelta(0):
        if attempt.previous is None and s.live is not None:
            return actions.replace_failed(s)
        return _move(s, sends=attempt.sends + 1)
    if slow:
        return replace(rendered.rolled_back_in_vain(s, why, stamp(s.this.now + left)), look_again=left)
    message = f"attempt {attempt.sends} of {SENDS_MAX}: {why or 'the endpoint that failed is gone'}"
    return replace(rendered.waiting(s, "ProgressingWithRetry", message), look_again=left)


# --- what is unknown? -------------------------------------------------------------------------------------------------


def not_looked_at(s: Situation) -> Decision | None:
    """Nobody looked at the recorded endpoint in this pass."""
    return None if s.looked else rendered.waiting(s, "Observing", "the endpoint was not looked at yet")


def reference_missing(s: Situation) -> Decision | None:
    """Nothing new is rolled out while a reference is waited for; what serves goes on serving."""
    return rendered.reference_missing(s) if s.want.waits else None


def endpoint_changing(s: Situation) -> Decision | None:
    """Also a status that AWS added later: when unsure, wait."""
    if s.live is None or s.live.status in (*UPDATABLE, "Failed", "OutOfService"):
        return None
    return rendered.waiting(s, "EndpointBusy", f"{s.name} is {s.live.status}")


# --- what serves is wanted --------------------------------------------------------------------------------------------


def parts_deleted(s: Situation) -> Decision | None:
    """Models or the configuration that it serves from were deleted from outside: made again under their names."""
    return actions.make_again(s) if s.serves_desired else None


def weights_or_counts_off(s: Situation) -> Decision | None:
    """Counts that the last update kept are set, as the rest of that rollout; then what was changed from outside is corrected."""
    return actions.rebalance(s) if s.serves_desired else None


def garbage_left(s: Situation) -> Decision | None:
    """Configurations and models that nothing serves from, and to which no rollback may lead, are deleted."""
    return actions.collect_garbage(s) if s.serves_desired else None


def serves(s: Situation) -> Decision | None:
    """All is as it should be, or differs only where that is reported."""
    return actions.at_rest(s) if s.serves_desired else None


# --- something else serves, or nothing --------------------------------------------------------------------------------


def last_good_comes_back(s: Situation) -> Decision | None:
    """The endpoint is gone while what is wanted is in quarantine: in mode Correct the content that served last is made again
    (docs/adr, 10). It is a correction, so mode and flapping are asked as for any other.
    """
    good = s.last_good if s.quarantined and s.live is None and not s.want.hold else None
    if good is None:
        return None
    s = replace(s, want=replace(s.want, content=good.content, source=good.source))
    difference = elsewhere(s.want, None)
    if s.asked_for or s.this.drift.verdict(difference) is DriftVerdict.CORRECT:
        return _corrected(s)
    return None


def in_quarantine(s: Situation) -> Decision | None:
    """What is wanted was rolled back or failed: it is never sent again by itself."""
    entry = s.quarantined
    return rendered.quarantined(s, entry) if entry else None


def outdated(s: Situation) -> Decision | None:
    """Status and spec are from before what serves: what they ask for may be long over. Git, another generation of the spec or a
    person says whether it is not.
    """
    if s.records.rollout.outdated is None or s.this.git.awaited:
        return None
    message = (
        f"status was older than SageMaker, and the spec may be: {s.want.content.config} is not sent before Git was read or the spec "
        f"changes; annotate {Annotation.RETRY}: <a new token> (kubectl sagemaker retry) to send it all the same"
    )
    return rendered.stalled(s, "StatusOutdated", message)


def never_made(s: Situation) -> Decision | None:
    """There is no endpoint, and there was none: parts, then the endpoint."""
    existed = s.records.endpoint.exists and not s.records.rollout.replacing
    return _roll_out(s, s.initiated_by) if s.live is None and not existed else None


def deleted_outside(s: Situation) -> Decision | None:
    """The endpoint is gone: made again, or reported. Content that was not wanted before is no correction: it always goes out."""
    if s.live is not None:
        return None
    return _roll_out(s, s.initiated_by) if s.is_new_content else _corrected(s)


def first_create_failed(s: Situation) -> Decision | None:
    """Of a failed endpoint nothing ever served: it is deleted, and created again. Nothing serves meanwhile anyway."""
    failed = s.live is not None and s.live.status == "Failed"
    return actions.replace_failed(s) if failed and s.records.rollout.applied is None else None


def beyond_repair(s: Situation) -> Decision | None:
    """Only a human, or other content, can help: SageMaker updates no endpoint in this state, and none to the configuration that
    it has already.
    """
    live = s.live
    if live is None or (live.status in UPDATABLE and live.config != s.want.content.config):
        return None
    why = live.failure or f"the endpoint is {live.status}"
    message = f"no update is possible in this state: delete the endpoint or this object ({why})"
    return rendered.stalled(s, f"Endpoint{live.status}", message)


def moved_outside(s: Situation) -> Decision | None:
    """What was applied last is still wanted, and somebody else moved the endpoint: moved back, or reported."""
    applied = s.records.rollout.applied
    return _corrected(s) if applied == s.want.content else None


def new_content(s: Situation) -> Decision | None:
    """Parts, then the update. A hold needs no parts: everything of it exists."""
    return _roll_out(s, s.initiated_by)


# --- the chain --------------------------------------------------------------------------------------------------------

OPEN_ATTEMPT: tuple[HostingRule, ...] = (create_unanswered, rollout_under_way, request_not_received, service_faulted)

RULES: tuple[HostingRule, ...] = (
    deleting,
    identity_changed,
    region_changed,
    owned_by_another,
    weights_accepted,
    *OPEN_ATTEMPT,
    not_looked_at,
    reference_missing,
    endpoint_changing,
    parts_deleted,
    weights_or_counts_off,
    garbage_left,
    serves,
    outdated,
    last_good_comes_back,
    in_quarantine,
    never_made,
    deleted_outside,
    first_create_failed,
    beyond_repair,
    moved_outside,
    new_content,
)


# --- how the endpoint moves -------------------------------------------------------------------------------------------


def _corrected(s: Situation) -> Decision:
    """The endpoint serves from another configuration, or is gone, and others did that. What a person asks for is no correction:
    neither mode nor flapping holds it back.
    """
    if s.asked_for:
        return _roll_out(s.forgetting_what_is_gone, "manual")
    difference = elsewhere(s.want, s.live)
    if s.this.drift.verdict(difference) is not DriftVerdict.CORRECT:
        return rendered.changed_outside(s)
    # New content that Git asks for meanwhile is Git's doing, wherever the endpoint went.
    by = "drift" if s.records.rollout.applied == s.want.content else "git"
    decision = _roll_out(s, by).each(lambda shown: replace(shown, differences=(difference,)))
    return replace(decision, corrects=(difference.path,))


def _roll_out(s: Situation, initiated_by: str) -> Decision:
    """Missing parts first, in a pass of their own; the endpoint moves when all of it is recorded."""
    if s.want.hold:
        return _move(s, "rollback")
    if s.want.source:
        return _move(s, initiated_by)
    return actions.make_parts(s) or _move(s, initiated_by)


def _move(s: Situation, initiated_by: str = "", sends: int = 1) -> Decision:
    """The configuration that serves has to be there. Scaling steps aside first, in a round of its own, where SageMaker would refuse the update for it. Targets of anybody else
    are not ours to take off.
    """
    if s.seen.serving_gone:
        return actions.make_serving_again(s)
    going = scaling.in_the_way(s.this, s.seen.scaled, s.want.config_params) if s.live else ()
    if going and scaling.foreign(s.this, s.name, going):
        names = ", ".join(one.at.variant for one in going)
        why = (
            f"variant {names} is a scalable target that no HostingAutoscalingPolicy here owns: deregister it, or have "
            "one adopt it, before the variant's instance type is changed or the variant is removed"
        )
        decision = rendered.stalled(s, "ScaledByAnother", why)
        return replace(decision, look_again=_SCALED_LOOK, unsent=rendered.refused(s))
    if going:
        return actions.take_off_scaling(s, going)
    return actions.send(s, initiated_by=initiated_by, sends=sends)
