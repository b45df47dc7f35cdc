"""What is done about a HostingDeployment: the intent goes into the records, then the calls go out.

Each function gives a decision with calls, and what is shown in its place when they may not go out (`Decision.unsent`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Call, Decision, Notice, Pace, Phase, Watch
from reconciler.core.naming import QUARANTINE_TAG
from reconciler.core.ownership import tags_as_made
from reconciler.core.records.history import History
from reconciler.core.records.remote_object import EndpointRecord, Part
from reconciler.core.records.rollout import Attempt, Rebalance, ReleasedTarget
from reconciler.core.records.source import SourceRecord
from reconciler.core.resource import Annotation
from reconciler.core.rollout import CHANGING, EVIDENCE_WAIT, SENDS_MAX
from reconciler.core.values import Answer
from reconciler.kinds.hosting import rendered
from reconciler.kinds.hosting.desired import VARIANT_LISTS
from reconciler.kinds.hosting.drift import COUNT, VariantDrift
from reconciler.kinds.hosting.legacy import is_legacy
from reconciler.kinds.hosting.observed import scaling
from reconciler.kinds.hosting.observed.endpoint import REBALANCE
from reconciler.kinds.hosting.observed.scaling import DEREGISTER, ScaledVariant
from reconciler.kinds.hosting.records import HostingRecords, garbage, history_limit
from reconciler.kinds.hosting.rendered import WITHOUT_ALARMS, ready, refused, status_of, waiting
from reconciler.kinds.hosting.situation.situation import Situation

_ALARMS = "AutoRollbackConfiguration"
_KEPT_FROM_SPEC = ({"VariantPropertyType": "DesiredWeight"}, {"VariantPropertyType": "DataCaptureConfig"})
ALL_AT_ONCE = "AllAtOnce"
"""Value of the annotation `rollback-strategy`."""
_UNREAD = "without the right application-autoscaling:DescribeScalableTargets nobody can say what is scaled"
USED_LOOK = timedelta(hours=1)
"""Until it is asked again who else uses what is not needed here any more."""
_PAUSE = timedelta(hours=1)
"""After so many tries in vain to correct weights or a count."""


def _acting(s: Situation, decision: Decision, calls: Sequence[Call]) -> Decision:
    """`s` is the situation before their intent was recorded: what is shown if the calls may not go out."""
    return replace(decision, phase=Phase.ACTING, calls=tuple(calls), unsent=refused(s))


# --- parts ------------------------------------------------------------------------------------------------------------


def make_parts(s: Situation) -> Decision | None:
    """The models and the configuration of which no record says that they are there, in a pass of their own: the endpoint moves
    when all of it is recorded.
    """
    want, models, configs = s.want, dict(s.records.models), dict(s.records.configs)
    config = configs.get(want.content.config, Part())
    legacy = is_legacy(config, want)
    missing = [] if legacy else [model for model in want.models if not models.get(model.name, Part()).exists]
    if not missing and config.exists:
        return None
    since = stamp(s.this.now)
    calls = [want.create_model(model, s.this) for model in missing]
    models |= {model.name: Part(model.name, hash=model.hash, requested_at=since) for model in missing}
    if not config.exists:
        calls.append(want.create_config(s.this, s.records.history.id_for(want.content)))
        names, (hash_, name) = tuple(model.name for model in want.models), (want.content.hash, want.content.config)
        parameters = dict(want.config_params)
        configs[name] = Part(name, hash=hash_, models=names, parameters=parameters, requested_at=since)
    intended = s.having(replace(s.records, models=models, configs=configs))
    decision = waiting(intended, "Preparing", f"making {len(calls)} of {len(want.models) + 1} parts")
    return _acting(s, decision, calls)


def make_again(s: Situation) -> Decision | None:
    """Parts that were deleted from outside, under the names that they had."""
    going = s.drift.to_make
    names = {part.record.name for part in going}
    if not names:
        return None
    models = {name: _unmade(part) if name in names else part for name, part in s.records.models.items()}
    configs = {name: _unmade(part) if name in names else part for name, part in s.records.configs.items()}
    decision = make_parts(s.having(replace(s.records, models=models, configs=configs)))
    if decision is None:
        return None
    shown = decision.each(lambda one: replace(one, differences=s.drift.stands))
    return replace(shown, corrects=tuple(part.path for part in going))


def make_serving_again(s: Situation) -> Decision:
    """The configuration that the endpoint still names was deleted, and SageMaker moves no endpoint without it (SM-96): it is made
    again as it was, under its name, whatever is wanted by now. Where nobody knows how it was, a person has to.
    """
    assert s.live is not None  # noqa: S101 - asked before an update
    name = s.live.config
    config = s.records.configs.get(name, Part(name))
    gone = [model for model in config.models if not s.records.models.get(model, Part()).exists]
    if gone or not config.parameters:
        return rendered.serving_config_gone(s, f"of its models {', '.join(gone)} are gone" if gone else "")
    made = replace(_unmade(config), requested_at=stamp(s.this.now))
    intended = s.having(replace(s.records, configs={**s.records.configs, name: made}))
    entry = s.records.history.served_by(name)
    tags = tags_as_made(s.this, entry.source if entry else SourceRecord(), entry.id if entry else None)
    call = Call("CreateEndpointConfig", {"EndpointConfigName": name, **config.parameters, "Tags": tags})
    message = f"{name}, which serves, was deleted: it is made again, for no update is possible without it"
    return _acting(s, waiting(intended, "Preparing", message), (call,))


def _unmade(part: Part) -> Part:
    return replace(part, arn="", creation_time="", replaced=False)


def collect_garbage(s: Situation) -> Decision | None:
    """What nothing serves, wants or may be rolled back to. One look at the live endpoint stands between finding garbage and
    deleting it.
    """
    configs, models = garbage(s.records, s.want.content)
    kept = [part for part in (*configs, *models) if part.used_at and s.this.now - moment(part.used_at) < USED_LOOK]
    if len(kept) == len(configs) + len(models):
        return _while_used(at_rest(s), kept) if kept else None
    if not s.garbage_found:
        return replace(at_rest(s.with_rollout(collecting=True)), look_again=timedelta(seconds=1))
    used = [part for part in (*configs, *models) if s.seen.users.get(part.name)]
    s = s.having(_with_users(s, configs, models))
    calls = _delete_parts([one for one in configs if one not in used], [one for one in models if one not in used])
    named = [replace(part, used_by=s.seen.users[part.name]) for part in used]
    return replace(_while_used(at_rest(s), named), calls=calls)


def _with_users(s: Situation, configs: Sequence[Part], models: Sequence[Part]) -> HostingRecords:
    """What is to go, with who else uses it by the look of this pass."""
    now, users, records = stamp(s.this.now), s.seen.users, s.records
    asked = {
        part.name: replace(part, used_by=user, used_at=now) if (user := users.get(part.name)) else part
        for part in (*configs, *models)
    }
    return replace(
        records,
        configs={name: asked.get(name, part) for name, part in records.configs.items()},
        models={name: asked.get(name, part) for name, part in records.models.items()},
    )


def _while_used(decision: Decision, kept: Sequence[Part]) -> Decision:
    if not kept:
        return decision
    return replace(
        decision,
        message=f"{decision.message}; {_kept(kept)}",
        look_again=min(decision.look_again or USED_LOOK, USED_LOOK),
    )


def _kept(parts: Sequence[Part]) -> str:
    return "; ".join(f"{part.name} is kept while {part.used_by} uses it" for part in parts)


def at_rest(s: Situation) -> Decision:
    """What is wanted serves. The counts that are still to be set are remembered, and the call that went out last for as long as
    something is left of what it was sent for.
    """
    if s.drift.looked:
        s = s.with_rollout(resize=s.drift.unset)
        s = s if s.drift.to_set else s.with_rollout(rebalance=None)
    return ready(s, left_alone_for(s))


def _delete_parts(configs: Sequence[Part], models: Sequence[Part]) -> tuple[Call, ...]:
    return (
        *(Call("DeleteEndpointConfig", {"EndpointConfigName": config.name}) for config in configs),
        *(Call("DeleteModel", {"ModelName": model.name}) for model in models),
    )


# --- the endpoint -----------------------------------------------------------------------------------------------------


def send(s: Situation, *, initiated_by: str = "", sends: int = 1) -> Decision:
    """Move the endpoint. Status holds what is asked for and what served before; then the call goes out."""
    this, live, want, rollout = s.this, s.live, s.want, s.records.rollout
    previous = s.records.serving(live.config) if live else None
    history = _opened(s, initiated_by) if sends == 1 else s.records.history.reopened()
    call, without_alarms = want.create_endpoint(this), False
    if previous:
        call = _retaining(s, want.update_endpoint(this))
        if want.hold or history.is_rollback(want.content, previous):
            guarded, call = call, _without_alarms(call, s.seen.endpoint)
            without_alarms = call != guarded
            at_once = (
                want.hold is not None and this.resource.annotations.get(Annotation.ROLLBACK_STRATEGY) == ALL_AT_ONCE
            )
            call = _all_at_once(call) if at_once else call
    attempt = Attempt(
        want.content,
        previous,
        live.modified if live else rollout.replacing,
        live.failure if live else "",
        stamp(this.now),
        sends,
        without_alarms=without_alarms,
    )
    begun = replace(
        rollout.begun(),
        attempt=attempt,
        phase="Updating" if live else "Creating",
        desired_hash=want.content.hash,
        current_hash=previous.hash if previous else "",
        started_at=stamp(this.now),
        revision="" if s.edited_by else this.resource.annotations.get(Annotation.REVISION, ""),
        resize=_to_resize(s) if previous else (),
    )
    intended = s.having(replace(s.records, rollout=begun, history=history))
    if live is None:
        # Of the endpoint that is made now nothing served yet, whatever the one before it did.
        endpoint = EndpointRecord(s.name, region=str(this.spec.get("region") or ""))
        intended = intended.having(replace(intended.records, endpoint=endpoint)).with_rollout(applied=None)
    decision = waiting(intended, "RolloutInProgress", f"asking for {want.content.config}")
    again = f", attempt {sends}" if sends > 1 else ""
    again += f" of {SENDS_MAX}" if 1 < sends <= SENDS_MAX else ""
    again += f", {WITHOUT_ALARMS}" if without_alarms else ""
    again += f", edited in the cluster by {s.edited_by}" if s.edited_by else ""
    again += f", counts kept: {_UNREAD} ({denied})" if (denied := _denied(s)) else ""
    notice = Notice("Normal", "RolloutStarted", f"{s.name}: {want.content.config}{again}")
    call = replace(call, params={**call.params, "EndpointName": s.name})
    return replace(_acting(s, decision, (call,)), notices=(notice,))


def _opened(s: Situation, initiated_by: str) -> History:
    """History with an entry for the rollout that begins."""
    hold = s.want.hold
    return s.records.history.opened(
        s.want.content,
        s.asked_for_by,
        now=s.this.now,
        initiated_by=initiated_by,
        limit=history_limit(s.this),
        rollback_of=hold.id if hold else None,
    )


def _without_alarms(call: Call, live: Answer | None) -> Call:
    """An alarm that fires for what is left would have SageMaker roll the rollback back at once (docs/adr, 7). What
    RetainDeploymentConfig would keep has its alarms too: it is said instead.
    """
    params = dict(call.params)
    retained = (live or {}).get("LastDeploymentConfig") if params.pop("RetainDeploymentConfig", False) else None
    guards = params.pop("DeploymentConfig", None) or retained or {}
    if _ALARMS not in guards:
        return call
    left = {key: value for key, value in guards.items() if key != _ALARMS}
    return replace(call, params={**params, "DeploymentConfig": left} if left else params)


def _all_at_once(call: Call) -> Call:
    """What SageMaker does where an update says nothing of how: the new fleet takes all traffic in one step, and nothing waits."""
    left = {
        key: value for key, value in call.params.items() if key not in ("DeploymentConfig", "RetainDeploymentConfig")
    }
    return replace(call, params=left)


def replace_failed(s: Situation) -> Decision:
    """The first create failed and nothing ever served from the endpoint: it goes, and the wanted content is created."""
    failed = s.live is not None and s.live.status == "Failed"
    # Its LastModifiedTime stays known: an early read may still show the failed one after the new create.
    intended = s.with_rollout(replacing=s.live.modified) if s.live and failed else s
    decision = waiting(intended, "Replacing", "the first create failed: it is deleted and created again")
    if s.this.reply("DeleteEndpoint") or not failed:
        return decision
    delete = Call("DeleteEndpoint", {"EndpointName": s.name})
    return replace(decision, phase=Phase.ACTING, calls=(delete,), unsent=decision)


# --- scaling ----------------------------------------------------------------------------------------------------------


def take_off_scaling(s: Situation, going: Sequence[ScaledVariant]) -> Decision:
    """Scalable targets that SageMaker would refuse the update for go first, in a round of their own. By a new token for each
    the policy that owns it knows that this was no drift; it registers the target again when the endpoint has settled, rolled
    back or not.
    """
    before = {target.target: target for target in s.records.rollout.scaling}
    number = max((target.number for target in before.values()), default=0) + 1
    after = before | {one.at.target: ReleasedTarget(one.at.target, str(number)) for one in going}
    names = ", ".join(one.at.variant for one in going)
    intended = s.with_rollout(scaling=tuple(after.values()), releasing=True)
    decision = waiting(intended, "ScalingStepsAside", f"taking scaling off {names} for {s.want.content.config}")
    return _acting(s, decision, [Call(DEREGISTER, {**one.at.params}) for one in going])


def _retaining(s: Situation, call: Call) -> Call:
    """The update with what scaling reached kept: a rollout must not set the count back to what the spec began with.

    Weights and data capture still come from the new content. What the spec says about retaining is left as it is.
    """
    if not _retains(s):
        return call
    retained = {"RetainAllVariantProperties": True, "ExcludeRetainedVariantProperties": list(_KEPT_FROM_SPEC)}
    return Call(call.operation, {**retained, **call.params})


def _to_resize(s: Situation) -> tuple[str, ...]:
    """Variants that nothing scales and whose counts such an update keeps as well, for it names no variants: the content's
    are set after it.
    """
    if not _retains(s):
        return ()
    targets = scaling.owned(s.this, s.name) | {one.at.target for one in s.seen.scaled}
    variants = (variant for api in VARIANT_LISTS.values() for variant in s.want.config_params.get(api) or ())
    names = (str(variant["VariantName"]) for variant in variants)
    return tuple(name for name in names if scaling.instances_of(s.name, name).target not in targets)


def _retains(s: Situation) -> bool:
    unsaid = s.this.spec.get("retainAllVariantProperties") is None
    return unsaid and bool(s.seen.scaled or s.seen.scaling_denied or scaling.owned(s.this, s.name))


def _denied(s: Situation) -> str:
    """Why every count is kept though nothing is known to scale one."""
    return s.seen.scaling_denied if s.live and _retains(s) else ""


# --- weights and counts -----------------------------------------------------------------------------------------------


def rebalance(s: Situation) -> Decision | None:
    """Weights and counts are corrected by UpdateEndpointWeightsAndCapacities, all weights in one call, then one variant's count at
    a time, for that is all that SageMaker takes. It is no rollout and no entry of history.

        sent ──LastModifiedTime moved, or no trace for 60 s──> looked at again ──still off──> sent again, three times an hour
    """
    offs, sent, failure = s.drift.to_set, s.records.rollout.rebalance, s.this.failure
    if not offs or s.live is None or left_alone_for(s):
        return None
    if failure and failure.call.operation == REBALANCE and not failure.maybe_received:
        return replace(_rebalancing(s.with_rollout(rebalance=None), "not taken on"), look_again=EVIDENCE_WAIT)
    left = EVIDENCE_WAIT - _ago(s, sent) if sent else timedelta(0)
    if sent and sent.last_modified_time == s.live.modified and left > timedelta(0):
        return replace(_rebalancing(s, "asked for, no trace of it yet"), look_again=left)
    call = _rebalance_call(s, offs)
    again = sent is not None and sent.call == call.identity and _ago(s, sent) < _PAUSE
    attempt = sent.attempt + 1 if sent and again else 1
    record = Rebalance(call.identity, stamp(s.this.now), s.live.modified, attempt)
    decision = _rebalancing(s.with_rollout(rebalance=record), ", ".join(off.difference.path for off in offs))
    corrects = tuple(off.difference.path for off in offs if off not in s.drift.resize)
    unsent = replace(refused(s), differences=s.drift.stands)
    return replace(_acting(s, decision, (call,)), corrects=corrects, unsent=unsent)


def rebalanced(s: Situation, call: Call) -> Decision:
    """The call was answered: the endpoint is on its way."""
    of = {change["VariantName"] for change in call.params["DesiredWeightsAndCapacities"] if COUNT in change}
    return _correcting(s, "waiting for the endpoint", resizes=not of.isdisjoint(s.records.rollout.resize))


def left_alone_for(s: Situation) -> timedelta | None:
    """How much longer what is to be corrected next is left as it is, because it was tried often enough."""
    sent, offs = s.records.rollout.rebalance, s.drift.to_set
    if not offs or sent is None or s.live is None or sent.attempt < SENDS_MAX:
        return None
    if sent.call != _rebalance_call(s, offs).identity:
        return None
    ago = _ago(s, sent)
    answered = sent.last_modified_time != s.live.modified or ago >= EVIDENCE_WAIT
    return _PAUSE - ago if answered and ago < _PAUSE else None


def _rebalance_call(s: Situation, offs: Sequence[VariantDrift]) -> Call:
    changes = [dict(off.change) for off in offs]
    return Call(REBALANCE, {"EndpointName": s.name, "DesiredWeightsAndCapacities": changes})


def _ago(s: Situation, sent: Rebalance) -> timedelta:
    return s.this.now - moment(sent.requested_at)


def _rebalancing(s: Situation, why: str) -> Decision:
    return replace(_correcting(s, why, resizes=bool(s.drift.resize)), differences=s.drift.stands)


def _correcting(s: Situation, why: str, *, resizes: bool) -> Decision:
    if resizes:
        return waiting(s, "RolloutInProgress", f"setting counts that the update kept: {why}")
    return waiting(s, "CorrectingDrift", f"correcting what was changed from outside: {why}")


# --- the end ----------------------------------------------------------------------------------------------------------


def end(s: Situation) -> Decision:
    """Endpoint first, then configurations, then models; what is gone is gone.

    Creating and Updating are waited out, since SageMaker deletes nothing in them. What somebody else made under our names,
    and what the archived operator made for resources of its own, is left alone.
    """
    found = s.seen.endpoint
    if found is not None and (s.owned(s.name) if s.name in s.seen.owners else s.records.endpoint.exists):
        return _delete_endpoint(s, str(found["EndpointStatus"]))
    left = EVIDENCE_WAIT - s.attempt.age(s.this.now) if s.attempt else timedelta(0)
    if found is None and left > timedelta(0):
        # A create went out a moment ago: a second look before letting go, one look may have come too early.
        return _ending(s, (), f"making sure that {s.name} was not created", left)
    configs = [config for config in s.records.configs.values() if _is_to_delete(s, config)]
    models = [model for model in s.records.models.values() if _is_to_delete(s, model)]
    users = s.seen.users
    unused = [[part for part in parts if part.name not in users] for parts in (configs, models)]
    kept = [replace(part, used_by=users[part.name]) for part in (*configs, *models) if part.name in users]
    if calls := _delete_parts(*unused):
        return _ending(s, calls, "deleting configurations and models")
    if kept:
        return replace(_ending(s, (), _kept(kept), timedelta(minutes=1)), reason="InUse")
    return Decision(Phase.RELEASED, "Deleted", "", status=status_of(s, "Deleting"))


def _delete_endpoint(s: Situation, status: str) -> Decision:
    sent = s.this.reply("DeleteEndpoint")
    delete = () if status in CHANGING or sent else (Call("DeleteEndpoint", {"EndpointName": s.name}),)
    until = "to go" if status == "Deleting" or sent or delete else f"to leave {status}"
    return _ending(s, delete, f"waiting for endpoint {s.name} {until}")


def _is_to_delete(s: Situation, part: Part) -> bool:
    return part.deletable and (part.exists or s.owned(part.name))


def _ending(
    s: Situation, calls: tuple[Call, ...], message: str, look_again: timedelta = timedelta(seconds=10)
) -> Decision:
    return Decision(
        Phase.ACTING if calls else Phase.WAITING,
        "Deleting",
        message,
        status_of(s, "Deleting"),
        calls=calls,
        watches=(Watch("Endpoint", s.name, Pace.FAST),),
        look_again=look_again,
    )


# --- the mark of a quarantine -----------------------------------------------------------------------------------------


def mark_quarantined(s: Situation) -> tuple[Call, ...]:
    """A tag on the configuration of each quarantined content, also of one that Git left meanwhile: by it the quarantine is
    known again when status is lost.
    """
    if s.seen.endpoint is None:
        return ()
    return tuple(
        Call(
            "AddTags",
            {"ResourceArn": config.arn, "Tags": [{"Key": QUARANTINE_TAG, "Value": _tag_value(entry.reason)}]},
            best_effort=True,
        )
        for entry in s.records.quarantine.entries
        if not entry.mirrored and (config := s.records.configs.get(entry.config)) and config.exists
    )


def unmark_released(s: Situation) -> tuple[Call, ...]:
    return tuple(
        Call("DeleteTags", {"ResourceArn": config.arn, "TagKeys": [QUARANTINE_TAG]}, best_effort=True)
        for entry in s.released
        if entry.mirrored and (config := s.records.configs.get(entry.config)) and config.exists
    )


def _tag_value(reason: str) -> str:
    """The reason, in the characters that a tag takes."""
    return re.sub(r"[^\w .:/=+@-]", " ", reason).strip()[:256] or "rolled back"
