"""What to do about a HostingDeployment: one decision per pass, from `core.rollout`'s verdict and the records of status.

parts missing ──> make models and configuration ──> move the endpoint ──> judge the attempt ──> Ready, or quarantine
                  (a pass of its own, recorded)     (intent recorded)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Call, Decision, Difference, Notice, Pace, Phase, Watch
from reconciler.core.errors import TerminalError
from reconciler.core.kind import Failure, Pass
from reconciler.core.naming import QUARANTINE_TAG
from reconciler.core.ownership import adoption_refusal
from reconciler.core.references import NOT_READY
from reconciler.core.resource import Annotation
from reconciler.core.rollout import (
    EVIDENCE_WAIT,
    SENDS_MAX,
    Attempt,
    Content,
    Live,
    Outcome,
    Situation,
    Step,
    judge,
    next_step,
)
from reconciler.core.status import source
from reconciler.kinds import hosting_hold, hosting_scaling
from reconciler.kinds.hosting_content import Wanted, wanted
from reconciler.kinds.hosting_end import end
from reconciler.kinds.hosting_hold import HOLD, REFUSED, Ask, Hold
from reconciler.kinds.hosting_legacy import is_left, is_new_to_us, known_configs
from reconciler.kinds.hosting_records import (
    Made,
    closed,
    garbage,
    limit_of,
    opened,
    quarantine,
    quarantined,
    trimmed,
)
from reconciler.kinds.hosting_state import (
    SENDS,
    State,
    collecting,
    identity,
    is_ours,
    open_attempt,
    serves,
    stage_of,
    status_of,
)

_FOREIGN_LOOK = timedelta(minutes=10)
_SCALED_LOOK = timedelta(minutes=1)
_NOTHING = Made("", "")
_KEPT_OVER_ROLLOUTS = ("stableHash", "applied", "scaling", *hosting_hold.KEYS)
_ATTEMPT_KEYS = (
    "requested",
    "previous",
    "lastModifiedTime",
    "failureBefore",
    "requestedAt",
    "attempt",
    "evidence",
    "othersMoved",
    "faultedAt",
    "foreign",
    "stage",
    "releasing",
)


def decide(this: Pass) -> Decision:
    state = State.load(this)
    if this.resource.deleting:
        return end(this, state)
    state, want = _recognised(this, state, wanted(this))
    state, want, notices = _under_hold(this, state, want)
    decision = _mirrored(this, _decide(this, state, want))
    held = Hold.parse((decision.status.get("rollout") or {}).get(HOLD))
    return replace(
        decision,
        message=decision.message + _in_vain(state),
        notices=(*notices, *decision.notices),
        held=held is not None,
        look_again=_sooner(decision.look_again, _hold_look(this, decision, held)) if held else decision.look_again,
    )


def _decide(this: Pass, state: State, want: Wanted) -> Decision:
    if refusal := _identity_change(this, state, want):
        return _stalled(this, state, want, "IdentityChanged", refusal)
    if state.endpoint["region"] != this.spec.get("region"):
        # Nothing was made yet: begin again where the spec wants it.
        moved = replace(state, models={}, configs={}, rollout={}, endpoint={"region": this.spec.get("region")})
        decision = _waiting(this, moved, want, "Preparing", f"nothing was made in {state.endpoint['region']}")
        return replace(decision, look_again=timedelta(0))
    released = [entry for entry in state.quarantine if entry["hash"] == this.tokens.get("retry")]
    state = replace(state, quarantine=[entry for entry in state.quarantine if entry not in released])
    foreign = next((name for name in this.seen.owners if not is_ours(this, name)), None)
    if foreign:
        return _not_ours(this, state, want, foreign)
    attempt = open_attempt(this)
    decision = _judge(this, state, want, attempt) if attempt else _step(this, state, want)
    unmirror = tuple(untag for entry in released if (untag := _unmirror(state, entry)))
    return replace(decision, calls=(*unmirror, *decision.calls)) if unmirror and not this.refused else decision


def _recognised(this: Pass, state: State, want: Wanted) -> tuple[State, Wanted]:
    """What is wanted, by the name under which its content is known already. An object of the archived operator is taken for
    what serves.
    """
    config = str(this.past.get("endpointConfigName") or "")
    if is_new_to_us(this) and state.endpoint.get("arn") and config:
        configs = known_configs(this, state.configs, str(state.endpoint["arn"]), want)
        applied = Content(configs[config].hash if config in configs else "", config).record()
        state = replace(state, configs=configs, rollout={**state.rollout, "applied": applied})
    by_hash = next((item.name for item in state.configs.values() if item.hash == want.content.hash), None)
    return state, replace(want, content=Content(want.content.hash, by_hash)) if by_hash else want


def _under_hold(this: Pass, state: State, want: Wanted) -> tuple[State, Wanted, tuple[Notice, ...]]:
    """What is wanted while people hold an earlier rollout against Git, and what is to be told about that."""
    before, ask = Hold.parse(state.rollout.get(HOLD)), Ask.of(this)
    verdict = hosting_hold.verdict(this, state.records(), "" if want.waits else want.content.hash)
    state = replace(state, rollout=hosting_hold.told(state.rollout, ask, verdict, this.now))
    notices = []
    if before and verdict.ended:
        notices.append(Notice("Normal", "RollbackEnded", f"{before.name} is held no more: {verdict.ended}"))
    if verdict.refused:
        notices.append(Notice("Warning", "RollbackRefused", f"{Annotation.ROLLBACK_TO}: {verdict.refused}"))
    held = verdict.hold
    if held is None:
        return state, want, tuple(notices)
    if verdict.begun:
        notices.append(Notice("Normal", "RollbackHeld", held.says))
    params = {key: value for key, value in (this.seen.target or {}).items() if key.endswith("ProductionVariants")}
    references = tuple(this.past.get("references") or ()) if want.waits else want.references
    want = replace(want, content=held.content, config_params=params, waits="", references=references, held=held)
    return state, want, tuple(notices)


def _in_vain(state: State) -> str:
    """What was asked for and is not held, for as long as it is asked for."""
    refused = state.rollout.get(REFUSED) or {}
    return f"; not rolled back: {refused['message']}" if refused else ""


def _hold_look(this: Pass, decision: Decision, held: Hold) -> timedelta | None:
    """When the hold may be over, if nothing wakes the object earlier."""
    if any(entry["hash"] == held.content.hash for entry in decision.status.get("quarantine") or ()):
        return timedelta(0)
    left = held.left(this.now)
    return None if left is None else max(left, timedelta(0))


def _sooner(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _identity_change(this: Pass, state: State, want: Wanted) -> str:
    before, after = str(state.endpoint["region"]), str(this.spec.get("region") or "")
    exists = state.endpoint.get("arn") or any(item.arn for item in (*state.models.values(), *state.configs.values()))
    way_out = "and cannot change: put it back, or delete this object and make a new one"
    if before != after and (exists or open_attempt(this)):
        return f"/spec/region was {before} {way_out}"
    if state.endpoint.get("arn") and this.spec.get("endpointName") and want.endpoint != state.endpoint["name"]:
        return f"/spec/endpointName was {state.endpoint['name']} {way_out}"
    return ""


def _not_ours(this: Pass, state: State, want: Wanted, name: str) -> Decision:
    reason, message = adoption_refusal(this, name, this.seen.owners[name])
    if name == identity(this):
        state = replace(state, rollout={**state.rollout, "foreign": name})
    return replace(_stalled(this, state, want, reason, message), look_again=_FOREIGN_LOOK)


def _judge(this: Pass, state: State, want: Wanted, attempt: Attempt) -> Decision:
    """An attempt is open: say what became of it, and go on from there."""
    failure = this.failure
    if failure and failure.call.operation in SENDS and not failure.maybe_received:
        return _answered_no(this, state, want, failure)
    accepted = next((reply for reply in this.replies if reply.call.operation in SENDS), None)
    if accepted is not None:
        arn = str(accepted.answer["EndpointArn"])
        endpoint = {**state.endpoint, "name": identity(this), "arn": arn, "region": this.spec.get("region")}
        status = "Creating" if accepted.call.operation == "CreateEndpoint" else "Updating"
        return _under_way(this, replace(state, endpoint=endpoint), want, attempt, status)
    if not this.seen.endpoint_known:
        # Another call of the pass that sent it did not go through: nobody looked at the endpoint since.
        return _under_way(this, state, want, attempt, "Updating" if attempt.previous else "Creating")
    live = Live.parse(this.seen.endpoint) if this.seen.endpoint else None
    outcome, attempt = judge(live, attempt, this.now)
    state = replace(state, rollout={**state.rollout, **attempt.record(), "foreign": None})
    why = live.failure if live else ""
    same = attempt.requested.hash == want.content.hash
    match outcome:
        case Outcome.UNCONFIRMED if live is None and not failure and not state.endpoint.get("arn"):
            # A create that nobody answered: its name keeps it from happening twice, so there is nothing to wait for.
            return _send(this, state, want, sends=attempt.sends) if same else _step(this, _unsent(state), want)
        case Outcome.UNDER_WAY | Outcome.UNCONFIRMED:
            return _under_way(this, state, want, attempt, live.status if live else "Creating")
        case Outcome.SUCCEEDED:
            return _succeeded(this, state, want, attempt)
        case Outcome.NOT_RECEIVED if not same:
            return _step(this, _closed(state, "Superseded", "newer content was asked for"), want)
        case Outcome.NOT_RECEIVED if attempt.sends < SENDS_MAX:
            return _send(this, state, want, sends=attempt.sends + 1)
        case Outcome.NOT_RECEIVED if this.tokens.get("retry"):
            return _step(this, _unsent(state), want)
        case Outcome.NOT_RECEIVED:
            message = (
                f"SageMaker shows no trace of {attempt.sends} requests; annotate {Annotation.RETRY}: <a new token>"
            )
            return _stalled(this, state, want, "UpdateNotReceived", message)
        case Outcome.FAULTED if not same:
            # A fault of the service is no verdict on the content.
            return _step(this, _closed(state, "RolledBack", why), want)
        case Outcome.FAULTED if attempt.sends < SENDS_MAX:
            return _retry_later(this, state, want, attempt, why)
        case Outcome.OVERTAKEN | Outcome.VANISHED:
            return _step(this, _closed(state, "Superseded", "the endpoint was changed from outside meanwhile"), want)
    result = "Failed" if outcome is Outcome.FAILED else "RolledBack"
    reason = why or "SageMaker went back to what served before and gave no reason"
    return _condemned(this, state, want, attempt, result=result, reason=reason)


def _answered_no(this: Pass, state: State, want: Wanted, failure: Failure) -> Decision:
    """Answered with a refusal: it was not carried out, whatever the records expected.

    Only a refusal of the content ends the history entry; after a throttle the same entry is asked for again.
    """
    refused = isinstance(failure.error, TerminalError)
    return _step(this, _closed(state, "Failed", str(failure.error)) if refused else _unsent(state), want)


def _succeeded(this: Pass, state: State, want: Wanted, attempt: Attempt) -> Decision:
    done = _closed(state, "Succeeded")
    served = attempt.requested
    rollout = {**done.rollout, "currentHash": served.hash, "stableHash": served.hash, "phase": "Complete"}
    done = replace(done, rollout={**rollout, "applied": served.record()})
    return _noticed(_step(this, done, want), "Normal", "RolloutSucceeded", f"{served.config} is in service")


def _condemned(this: Pass, state: State, want: Wanted, attempt: Attempt, *, result: str, reason: str) -> Decision:
    """Rolled back or failed: the content is quarantined, and what the spec wants by now is looked at anew."""
    bad = _closed(state, result, reason)
    bad = replace(
        bad,
        quarantine=quarantine({"quarantine": bad.quarantine}, attempt.requested, reason, this),
        rollout={**bad.rollout, "phase": result},
    )
    return _noticed(_step(this, bad, want), "Warning", f"Rollout{result}", f"{attempt.requested.config}: {reason}")


def _step(this: Pass, state: State, want: Wanted) -> Decision:
    """No attempt is open."""
    live = Live.parse(this.seen.endpoint) if this.seen.endpoint else None
    if live is None and state.endpoint.get("arn") and not this.seen.endpoint_known:
        return _waiting(this, state, want, "Observing", "the endpoint was not looked at yet")
    state = replace(state, rollout={key: value for key, value in state.rollout.items() if key != "releasing"})
    if want.waits:
        return _held(this, state, want)
    bad = quarantined({"quarantine": state.quarantine}, want.content)
    applied = Content.parse(state.rollout.get("applied"))
    if applied is None and live is not None and live.status == "InService":
        applied = Content(state.configs[live.config].hash if live.config in state.configs else "", live.config)
        state = replace(state, rollout={**state.rollout, "applied": applied.record()})
        if this.seen.serving and live.config == this.seen.serving.name:
            # A first create was about to be asked for, when it turned out that status had been lost.
            history = closed({"history": state.history}, this.now, "Superseded", "the endpoint exists already")
            state = replace(state, history=history)
            state = replace(state, history=_told_of(this, state, applied))
    step = next_step(
        Situation(
            live,
            want.content,
            applied,
            existed=bool(state.endpoint.get("arn")) and not state.rollout.get("replacing"),
            quarantined=bad is not None,
            served=applied is not None,
            correct=this.drift_mode == "Correct",
        )
    )
    match step:
        case Step.READY:
            return _ready(this, state, want, live)
        case Step.WAIT:
            why = f"{identity(this)} is {live.status if live else 'absent'}"
            return _waiting(this, state, want, "EndpointBusy", why)
        case Step.CREATE | Step.UPDATE | Step.RECREATE | Step.CORRECT_DRIFT:
            return _prepare(this, state, want, step)
        case Step.REPLACE_FAILED:
            return _replace_failed(this, state, want, live)
        case Step.REPORT_DRIFT | Step.REPORT_MISSING:
            return _drifted(this, state, want, live)
    if bad is not None:
        return _quarantined(this, state, want, bad, live)
    why = (live.failure if live else "") or f"the endpoint is {live.status if live else 'absent'}"
    way_out = "no update is possible in this state: delete the endpoint or this object"
    return _stalled(this, state, want, f"Endpoint{live.status if live else 'Missing'}", f"{way_out} ({why})")


def _held(this: Pass, state: State, want: Wanted) -> Decision:
    """Nothing new is rolled out while a reference is waited for; what serves goes on serving."""
    return Decision(
        Phase.WAITING,
        NOT_READY,
        want.waits,
        status_of(this, state, None, ""),
        watches=(Watch("Endpoint", identity(this), Pace.SLOW),) if state.endpoint.get("arn") else (),
        healthy=serves(this),
    )


def _quarantined(this: Pass, state: State, want: Wanted, bad: Mapping[str, Any], live: Live | None) -> Decision:
    what = want.content.hash
    release = f"annotate {Annotation.RETRY}: {what} to try it again"
    message = f"{what} is quarantined, {_serving(state, live)}; {release} ({bad.get('reason') or ''})"
    return _stalled(this, state, want, "RevisionQuarantined", message)


def _mirrored(this: Pass, decision: Decision) -> Decision:
    """With a mirror of each quarantine, also of content that Git left meanwhile: a tag on its configuration, from which it
    is known again when status is lost. First comes what the content needs.
    """
    if decision.calls or this.refused or this.seen.endpoint is None or decision.status.get("quarantine") is None:
        return decision
    arns = {one["name"]: one["arn"] for one in decision.status["configs"]}
    calls = [
        Call(
            "AddTags",
            {"ResourceArn": arn, "Tags": [{"Key": QUARANTINE_TAG, "Value": _tag_text(bad)}]},
            best_effort=True,
        )
        for bad in decision.status["quarantine"]
        if not bad.get("mirrored") and (arn := arns.get(bad.get("endpointConfigName")))
    ]
    return replace(decision, calls=tuple(calls))


def _tag_text(bad: Mapping[str, Any]) -> str:
    """The reason, in the characters that a tag takes."""
    return re.sub(r"[^\w .:/=+@-]", " ", str(bad.get("reason") or "")).strip()[:256] or "rolled back"


def _unmirror(state: State, entry: Mapping[str, Any]) -> Call | None:
    config = state.configs.get(str(entry.get("endpointConfigName")), _NOTHING)
    if not config.arn or not entry.get("mirrored"):
        return None
    return Call("DeleteTags", {"ResourceArn": config.arn, "TagKeys": [QUARANTINE_TAG]}, best_effort=True)


def _serving(state: State, live: Live | None) -> str:
    """What serves, in words that lead to it: history id and commit where they are known."""
    if live is None or live.status == "Failed":
        return "nothing serves"
    entry = next(
        (e for e in state.history if e["endpointConfigName"] == live.config and e.get("result") == "Succeeded"), {}
    )
    commit = str(entry.get("commit") or entry.get("revision") or "").rpartition(":")[2][:7]
    known = " ".join(filter(None, (f"#{entry['id']}" if entry else "", f"({commit})" if commit else "", live.config)))
    return f"{known} serves"


def _replace_failed(this: Pass, state: State, want: Wanted, live: Live | None) -> Decision:
    """The first create failed and nothing of ours ever served: it goes, and the wanted content is created."""
    # Its LastModifiedTime stays known: an early read may still show the failed one after the new create.
    state = replace(state, rollout={**state.rollout, "replacing": live.modified if live else ""})
    decision = _waiting(this, state, want, "Replacing", "the first create failed: it is deleted and made anew")
    if this.reply("DeleteEndpoint") or this.refused:
        return decision
    return replace(decision, phase=Phase.ACTING, calls=(Call("DeleteEndpoint", {"EndpointName": identity(this)}),))


def _prepare(this: Pass, state: State, want: Wanted, step: Step) -> Decision:
    """Make what is missing first, in a pass of its own; the endpoint moves when all of it is recorded."""
    config = state.configs.get(want.content.config, _NOTHING)
    if want.held:
        return _send(this, state, want, initiated_by="rollback")
    missing = [] if is_left(config, want) else [m for m in want.models if not state.models.get(m.name, _NOTHING).arn]
    if not missing and config.arn:
        return _send(this, state, want, initiated_by="drift" if step in (Step.CORRECT_DRIFT, Step.RECREATE) else "git")
    if this.refused:
        return _stalled(this, state, want, this.refused.reason, this.refused.message)
    calls = [want.create_model(model, this) for model in missing]
    if not config.arn:
        calls.append(want.create_config(this))
    models = {**state.models, **{m.name: Made(m.name, m.hash) for m in missing}}
    configs = dict(state.configs)
    if not config.arn:
        named = tuple(m.name for m in want.models)
        configs[want.content.config] = Made(want.content.config, want.content.hash, models=named)
    state = replace(state, models=models, configs=configs)
    decision = _waiting(this, state, want, "Preparing", f"making {len(calls)} of {len(want.models) + 1} parts")
    return replace(decision, phase=Phase.ACTING, calls=tuple(calls))


def _send(this: Pass, state: State, want: Wanted, *, sends: int = 1, initiated_by: str = "") -> Decision:
    """Move the endpoint. Status tells what is asked for and what served before; then the call goes out."""
    if this.refused:
        return _stalled(this, state, want, this.refused.reason, this.refused.message)
    live = Live.parse(this.seen.endpoint) if this.seen.endpoint else None
    if stepping_aside := _scaling_first(this, state, want) if live else None:
        return stepping_aside
    previous = None
    if live is not None:
        known = state.configs.get(live.config)
        previous = Content(known.hash if known else "", live.config)
    modified = live.modified if live else str(state.rollout.get("replacing") or "")
    attempt = Attempt(want.content, previous, modified, live.failure if live else "", this.now, sends)
    history = state.history
    if sends == 1:
        held = want.held
        history = opened(
            {"history": state.history},
            want.content,
            this,
            initiated_by,
            limit_of(this.spec),
            commit=held.told if held else None,
            rollback_of=held.id if held else None,
        )
    rollout = {
        **{key: value for key, value in state.rollout.items() if key in _KEPT_OVER_ROLLOUTS},
        **attempt.record(),
        "phase": "Updating" if live else "Creating",
        "desiredHash": want.content.hash,
        "currentHash": previous.hash if previous else "",
        "startedAt": stamp(this.now),
        "revision": this.resource.annotations.get(Annotation.REVISION, ""),
    }
    state = replace(state, rollout=rollout, history=history)
    if live is None:
        # Of the endpoint that is made now nothing served yet, whatever the one before it did.
        state = replace(state, endpoint={"name": identity(this), "region": this.spec.get("region")})
        state = replace(state, rollout={**rollout, "applied": None})
    call = want.create_endpoint(this)
    if live:
        call = hosting_scaling.retaining(this, identity(this), this.seen.scaled, want.update_endpoint(this))
    decision = _waiting(this, state, want, "RolloutInProgress", f"asking for {want.content.config}")
    return replace(
        _noticed(decision, "Normal", "RolloutStarted", f"{identity(this)}: {want.content.config}"),
        phase=Phase.ACTING,
        calls=(replace(call, params={**call.params, "EndpointName": identity(this)}),),
    )


def _scaling_first(this: Pass, state: State, want: Wanted) -> Decision | None:
    """Scalable targets that SageMaker would refuse the update for go first, in a round of their own: status tells the
    policies that own them. Those of anybody else are not ours to take off.
    """
    going = hosting_scaling.in_the_way(this, this.seen.scaled, want.config_params)
    if not going:
        return None
    names = ", ".join(one.where.variant for one in going)
    if hosting_scaling.foreign(this, identity(this), going):
        why = (
            f"variant {names} is a scalable target that no HostingAutoscalingPolicy here owns: deregister it, or let one "
            "adopt it, before its instance type changes or it goes"
        )
        return replace(_stalled(this, state, want, "ScaledByAnother", why), look_again=_SCALED_LOOK)
    scaling = hosting_scaling.told(state.rollout, going)
    state = replace(state, rollout={**state.rollout, "scaling": scaling, "releasing": True})
    decision = _waiting(this, state, want, "ScalingStepsAside", f"taking scaling off {names} for {want.content.config}")
    return replace(decision, phase=Phase.ACTING, calls=hosting_scaling.take_off(going))


def _retry_later(this: Pass, state: State, want: Wanted, attempt: Attempt, reason: str) -> Decision:
    """A fault of SageMaker's own: the same content again, later, a bounded number of times."""
    since = state.rollout.get("faultedAt") or stamp(this.now)
    state = replace(state, rollout={**state.rollout, "faultedAt": since})
    left = timedelta(minutes=2 ** (attempt.sends - 1)) - (this.now - moment(str(since)))
    if left <= timedelta(0):
        return _send(this, state, want, sends=attempt.sends + 1)
    decision = _waiting(this, state, want, "ProgressingWithRetry", f"attempt {attempt.sends} of {SENDS_MAX}: {reason}")
    return replace(decision, look_again=left)


def _under_way(this: Pass, state: State, want: Wanted, attempt: Attempt, status: str) -> Decision:
    queued = "" if attempt.requested == want.content else f"; {want.content.config} is next"
    if queued and want.held:
        queued += f", held as {want.held.name}: SageMaker cannot cancel an update"
    message = f"{identity(this)} is {status} to {attempt.requested.config}{queued}"
    stage = stage_of(this.seen.endpoint)
    state = replace(state, rollout={**state.rollout, "desiredHash": want.content.hash, "stage": stage or status})
    decision = _waiting(
        this, state, want, "RolloutInProgress", f"{message} ({stage})" if stage else message, status=status
    )
    wait = EVIDENCE_WAIT - (this.now - attempt.requested_at)
    return replace(decision, look_again=None if attempt.evidence or wait <= timedelta(0) else wait)


def _ready(this: Pass, state: State, want: Wanted, live: Live | None) -> Decision:
    current = {"currentHash": want.content.hash, "stableHash": want.content.hash, "desiredHash": want.content.hash}
    phase = "Held" if want.held else "Complete"
    rollout = {**state.rollout, **current, "phase": phase, "applied": want.content.record(), "collecting": None}
    state = replace(state, rollout=rollout, history=_told_of(this, state, want.content))
    configs, models = garbage(
        state.configs,
        state.models,
        {"history": state.history, "quarantine": state.quarantine},
        live.config if live else "",
        want.content,
    )
    calls = [Call("DeleteEndpointConfig", {"EndpointConfigName": item.name}) for item in configs]
    calls += [Call("DeleteModel", {"ModelName": item.name}) for item in models]
    if calls and not collecting(this):
        # One look at the live endpoint stands between finding garbage and deleting it.
        state = replace(state, rollout={**rollout, "collecting": True})
        return replace(_settled(this, state, want), look_again=timedelta(seconds=1))
    return replace(_settled(this, state, want), calls=() if this.refused else tuple(calls))


def _told_of(this: Pass, state: State, serving: Content) -> list[dict[str, Any]]:
    """History, with an entry for what serves even when no rollout of ours brought it there: it is a way back. When status
    was lost, the tag of its configuration tells the commit.
    """
    limit = limit_of(this.spec)
    history = state.history
    if history and not history[0].get("result") and history[0]["hash"] != serving.hash:
        history = closed({"history": history}, this.now, "Superseded", "content that serves is wanted again")
    if not any(e["hash"] == serving.hash and e.get("result") == "Succeeded" for e in history):
        commit = _tagged(this, serving)
        history = opened({"history": history}, serving, this, "manual", limit, commit=commit)
    return trimmed(closed({"history": history}, this.now, "Succeeded"), limit)


def _tagged(this: Pass, serving: Content) -> Mapping[str, Any] | None:
    """The commit that content found again was made for, by the tag of its configuration; None: the object's own."""
    commit, own = this.seen.commits.get(serving.config, ""), (source(this.resource) or {}).get("commit")
    unrecorded = this.seen.serving is not None and serving.config == this.seen.serving.name
    return {"commit": commit} if commit != own and (commit or unrecorded) else None


def _settled(this: Pass, state: State, want: Wanted) -> Decision:
    return Decision(
        Phase.READY,
        "RollbackHeld" if want.held else "InService",
        want.held.says if want.held else f"{want.content.config} serves",
        status_of(this, state, want, "InService"),
        watches=(Watch("Endpoint", identity(this), Pace.SLOW),),
        healthy=True,
    )


def _drifted(this: Pass, state: State, want: Wanted, live: Live | None) -> Decision:
    found = live.config if live else "(deleted)"
    reason = "ExternallyModified" if live else "ExternallyDeleted"
    difference = Difference("sagemaker", "/status/endpointConfigName", want.content.config, found)
    return Decision(
        Phase.READY if live else Phase.STALLED,
        reason,
        f"the endpoint was {'moved to ' + found if live else 'deleted'} from outside and mode {this.drift_mode} leaves it "
        f"so; annotate {Annotation.DRIFT_MODE}: Correct to have it put back",
        status_of(this, state, want, live.status if live else ""),
        watches=(Watch("Endpoint", identity(this), Pace.SLOW),),
        differences=(difference,),
        drift_reason=reason,
        healthy=live is not None,
    )


def _waiting(this: Pass, state: State, want: Wanted, reason: str, message: str, *, status: str = "") -> Decision:
    return Decision(
        Phase.WAITING,
        reason,
        message,
        status_of(this, state, want, status),
        watches=(Watch("Endpoint", identity(this), Pace.FAST),),
        healthy=serves(this),
    )


def _stalled(this: Pass, state: State, want: Wanted | None, reason: str, message: str) -> Decision:
    return Decision(
        Phase.STALLED,
        reason,
        message,
        status_of(this, state, want, "", additional=message),
        watches=(Watch("Endpoint", identity(this), Pace.SLOW),) if state.endpoint.get("arn") else (),
        healthy=serves(this) if state.endpoint.get("arn") else None,
    )


def _closed(state: State, result: str, reason: str = "") -> State:
    """The open attempt and its history entry, ended."""
    history = closed({"history": state.history}, state.this.now, result, reason)
    return replace(_unsent(state), history=history)


def _unsent(state: State) -> State:
    """The attempt came to nothing; its history entry stays open for the next one."""
    return replace(state, rollout={key: value for key, value in state.rollout.items() if key not in _ATTEMPT_KEYS})


def _noticed(decision: Decision, kind: Literal["Normal", "Warning"], reason: str, message: str) -> Decision:
    return replace(decision, notices=(Notice(kind, reason, message), *decision.notices))
