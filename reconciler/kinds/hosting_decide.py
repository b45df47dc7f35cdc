"""What to do about a HostingDeployment: one decision per pass, from `core.rollout`'s verdict and the records of status.

parts missing ──> make models and configuration ──> move the endpoint ──> judge the attempt ──> Ready, or quarantine
                  (a pass of its own, recorded)     (intent recorded)
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Call, Decision, Difference, Notice, Pace, Phase, Watch
from reconciler.core.errors import ConflictError
from reconciler.core.kind import Pass
from reconciler.core.ownership import Owner
from reconciler.core.resource import Annotation
from reconciler.core.rollout import (
    CHANGING,
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
from reconciler.kinds.hosting_content import Wanted, wanted
from reconciler.kinds.hosting_records import Made, closed, garbage, limit_of, opened, quarantine, quarantined
from reconciler.kinds.hosting_state import SENDS, State, collecting, identity, is_ours, serves, stage_of, status_of

_NOTHING = Made("", "")
_KEPT_OVER_ROLLOUTS = ("stableHash", "applied")
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
    "stage",
)


def decide(this: Pass) -> Decision:
    state = State.load(this)
    if this.resource.deleting:
        return _end(this, state)
    want = wanted(this)
    if refusal := _identity_change(this, state, want):
        return _stalled(this, state, want, "IdentityChanged", refusal)
    if (token := this.tokens.get("retry")) is not None:
        state = replace(state, quarantine=[entry for entry in state.quarantine if entry["hash"] != token])
    foreign = next((name for name in this.seen.owners if not is_ours(this, name)), None)
    if foreign:
        return _not_ours(this, state, want, foreign)
    attempt = Attempt.parse(state.rollout)
    if attempt is not None:
        return _judge(this, state, want, attempt)
    return _step(this, state, want)


def _identity_change(this: Pass, state: State, want: Wanted) -> str:
    region = str(this.spec.get("region") or "")
    before = str(state.endpoint.get("region") or region)
    if before != region:
        return f"region was {before}: delete and make anew"
    if state.endpoint.get("arn") and this.spec.get("endpointName") and want.endpoint != state.endpoint["name"]:
        return f"endpointName was {state.endpoint['name']}: delete and make anew"
    return ""


def _not_ours(this: Pass, state: State, want: Wanted, name: str) -> Decision:
    if this.seen.owners[name] is Owner.OTHER:
        why = f"{name} carries another owner's tag; it is left alone until that owner releases it"
        return _stalled(this, state, want, "OwnedByAnother", why)
    return _stalled(
        this, state, want, "AdoptionRequired", f'{name} exists without our tag; annotate adopt: "true" to take it'
    )


def _judge(this: Pass, state: State, want: Wanted, attempt: Attempt) -> Decision:
    """An attempt is open: say what became of it, and go on from there."""
    failure = this.failure
    if failure and failure.call.operation in SENDS and isinstance(failure.error, ConflictError):
        # It exists already and is ours: nothing was rolled out, it is taken on as it is.
        adopted = _closed(state, "Superseded")
        return _step(this, replace(adopted, history=adopted.history[1:]), want)
    if failure and failure.call.operation in SENDS and not failure.maybe_received:
        # Answered with a refusal: it was not carried out, whatever the records expected.
        return _step(this, _closed(state, "Failed", str(failure.error)), want)
    accepted = next((reply for reply in this.replies if reply.call.operation in SENDS), None)
    if accepted is not None:
        endpoint = {
            **state.endpoint,
            "name": identity(this),
            "arn": str(accepted.answer["EndpointArn"]),
            "region": this.spec.get("region"),
        }
        status = "Creating" if accepted.call.operation == "CreateEndpoint" else "Updating"
        return _under_way(this, replace(state, endpoint=endpoint), want, attempt, status)
    live = Live.parse(this.seen.endpoint) if this.seen.endpoint else None
    outcome, attempt = judge(live, attempt, this.now)
    state = replace(state, rollout={**state.rollout, **attempt.record()})
    failure_text = live.failure if live else ""
    match outcome:
        case Outcome.UNDER_WAY | Outcome.UNCONFIRMED:
            return _under_way(this, state, want, attempt, live.status if live else "Creating")
        case Outcome.SUCCEEDED:
            done = _closed(state, "Succeeded")
            hashes = {"currentHash": attempt.requested.hash, "stableHash": attempt.requested.hash}
            done = replace(
                done, rollout={**done.rollout, **hashes, "phase": "Complete", "applied": attempt.requested.record()}
            )
            return _noticed(
                _step(this, done, want), "Normal", "RolloutSucceeded", f"{attempt.requested.config} is in service"
            )
        case Outcome.NOT_RECEIVED if attempt.sends < SENDS_MAX:
            return _send(this, state, want, sends=attempt.sends + 1)
        case Outcome.FAULTED if attempt.sends < SENDS_MAX and attempt.requested == want.content:
            return _retry_later(this, state, want, attempt, failure_text)
        case Outcome.FAULTED if attempt.requested != want.content:
            # A fault of the service is no verdict on the content.
            return _step(this, _closed(state, "RolledBack", failure_text), want)
        case Outcome.NOT_RECEIVED:
            return _stalled(
                this,
                state,
                want,
                "UpdateNotReceived",
                f"SageMaker shows no trace of the update after {attempt.sends} sends",
            )
        case Outcome.OVERTAKEN | Outcome.VANISHED:
            return _step(this, _closed(state, "Superseded", "the endpoint was changed from outside meanwhile"), want)
        case _:
            reason = failure_text or "SageMaker went back to what served before and gave no reason"
            bad = _closed(state, "Failed" if outcome is Outcome.FAILED else "RolledBack", reason)
            phase = "Failed" if outcome is Outcome.FAILED else "RolledBack"
            bad = replace(
                bad,
                quarantine=quarantine({"quarantine": bad.quarantine}, attempt.requested, reason, this),
                rollout={**bad.rollout, "phase": phase},
            )
            return _noticed(
                _step(this, bad, want), "Warning", f"Rollout{phase}", f"{attempt.requested.config}: {reason}"
            )


def _step(this: Pass, state: State, want: Wanted) -> Decision:
    """No attempt is open."""
    live = Live.parse(this.seen.endpoint) if this.seen.endpoint else None
    if live is None and state.endpoint.get("arn") and not this.seen.endpoint_known:
        return _waiting(this, state, want, "Observing", "the endpoint was not looked at yet")
    bad = quarantined({"quarantine": state.quarantine}, want.content)
    applied = Content.parse(state.rollout.get("applied"))
    if applied is None and live is not None and live.status == "InService":
        applied = Content(state.configs[live.config].hash if live.config in state.configs else "", live.config)
        state = replace(state, rollout={**state.rollout, "applied": applied.record()})
    step = next_step(
        Situation(
            live,
            want.content,
            applied,
            existed=bool(state.endpoint.get("arn")) and not state.rollout.get("replacing"),
            quarantined=bad is not None,
            served=any(entry.get("result") == "Succeeded" for entry in state.history),
            correct=this.drift_mode == "Correct",
        )
    )
    match step:
        case Step.READY:
            return _ready(this, state, want, live)
        case Step.WAIT:
            return _waiting(
                this, state, want, "EndpointBusy", f"{identity(this)} is {live.status if live else 'absent'}"
            )
        case Step.CREATE | Step.UPDATE | Step.RECREATE | Step.CORRECT_DRIFT:
            return _prepare(this, state, want, step)
        case Step.REPLACE_FAILED:
            return _replace_failed(this, state, want)
        case Step.QUARANTINED:
            reason = str((bad or {}).get("reason") or "")
            serving = f"{live.config} serves" if live else "nothing serves"
            message = (
                f"{want.content.hash} is quarantined: {reason} ({serving}; retry: {want.content.hash} releases it)"
            )
            return _stalled(this, state, want, "RevisionQuarantined", message)
        case Step.REPORT_DRIFT | Step.REPORT_MISSING:
            return _drifted(this, state, want, live)
    why = (live.failure if live else "") or f"the endpoint is {live.status if live else 'absent'}"
    return _stalled(this, state, want, f"Endpoint{live.status if live else 'Missing'}", why)


def _replace_failed(this: Pass, state: State, want: Wanted) -> Decision:
    """The first create failed and nothing of ours ever served: it goes, and the wanted content is created."""
    state = replace(state, rollout={**state.rollout, "replacing": True})
    decision = _waiting(this, state, want, "Replacing", "the first create failed: it is deleted and made anew")
    if this.reply("DeleteEndpoint") or this.refused:
        return decision
    return replace(decision, phase=Phase.ACTING, calls=(Call("DeleteEndpoint", {"EndpointName": identity(this)}),))


def _prepare(this: Pass, state: State, want: Wanted, step: Step) -> Decision:
    """Make what is missing first, in a pass of its own; the endpoint moves when all of it is recorded."""
    missing_models = [model for model in want.models if not state.models.get(model.name, _NOTHING).arn]
    config = state.configs.get(want.content.config, _NOTHING)
    if not missing_models and config.arn:
        return _send(this, state, want, initiated_by="drift" if step in (Step.CORRECT_DRIFT, Step.RECREATE) else "git")
    if this.refused:
        return _stalled(this, state, want, this.refused.reason, this.refused.message)
    calls = [want.create_model(model, this) for model in missing_models]
    if not config.arn:
        calls.append(want.create_config(this))
    models = {**state.models, **{m.name: Made(m.name, m.hash) for m in missing_models}}
    configs = dict(state.configs)
    if not config.arn:
        configs[want.content.config] = Made(
            want.content.config, want.content.hash, models=tuple(m.name for m in want.models)
        )
    state = replace(state, models=models, configs=configs)
    decision = _waiting(this, state, want, "Preparing", f"making {len(calls)} of {len(want.models) + 1} parts")
    return replace(decision, phase=Phase.ACTING, calls=tuple(calls))


def _send(this: Pass, state: State, want: Wanted, *, sends: int = 1, initiated_by: str = "") -> Decision:
    """Move the endpoint. Status tells what is asked for and what served before; then the call goes out."""
    if this.refused:
        return _stalled(this, state, want, this.refused.reason, this.refused.message)
    live = Live.parse(this.seen.endpoint) if this.seen.endpoint else None
    previous = None
    if live is not None:
        known = state.configs.get(live.config)
        previous = Content(known.hash if known else "", live.config)
    attempt = Attempt(
        want.content, previous, live.modified if live else "", live.failure if live else "", this.now, sends
    )
    history = state.history
    if sends == 1:
        history = opened({"history": state.history}, want.content, this, initiated_by, limit_of(this.spec))
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
        state = replace(state, endpoint={"name": identity(this), "region": this.spec.get("region")})
    call = want.update_endpoint(this) if live else want.create_endpoint(this)
    decision = _waiting(this, state, want, "RolloutInProgress", f"asking for {want.content.config}")
    return replace(
        _noticed(decision, "Normal", "RolloutStarted", f"{identity(this)}: {want.content.config}"),
        phase=Phase.ACTING,
        calls=(replace(call, params={**call.params, "EndpointName": identity(this)}),),
    )


def _retry_later(this: Pass, state: State, want: Wanted, attempt: Attempt, reason: str) -> Decision:
    """A fault of SageMaker's own: the same content again, later, a bounded number of times."""
    since = state.rollout.get("faultedAt")
    if not since:
        state = replace(state, rollout={**state.rollout, "faultedAt": stamp(this.now)})
        since = stamp(this.now)
    left = timedelta(minutes=2 ** (attempt.sends - 1)) - (this.now - moment(str(since)))
    if left <= timedelta(0):
        return _send(this, state, want, sends=attempt.sends + 1)
    decision = _waiting(this, state, want, "ProgressingWithRetry", f"attempt {attempt.sends} of {SENDS_MAX}: {reason}")
    return replace(decision, look_again=left)


def _under_way(this: Pass, state: State, want: Wanted, attempt: Attempt, status: str) -> Decision:
    queued = "" if attempt.requested == want.content else f"; {want.content.config} is next"
    message = f"{identity(this)} is {status} to {attempt.requested.config}{queued}"
    stage = stage_of(this.seen.endpoint)
    state = replace(state, rollout={**state.rollout, "desiredHash": want.content.hash, "stage": stage or status})
    decision = _waiting(this, state, want, "RolloutInProgress", f"{message} ({stage})" if stage else message, status)
    wait = EVIDENCE_WAIT - (this.now - attempt.requested_at)
    return replace(decision, look_again=None if attempt.evidence or wait <= timedelta(0) else wait)


def _ready(this: Pass, state: State, want: Wanted, live: Live | None) -> Decision:
    current = {"currentHash": want.content.hash, "stableHash": want.content.hash, "desiredHash": want.content.hash}
    rollout = {**state.rollout, **current, "phase": "Complete", "applied": want.content.record(), "collecting": None}
    state = replace(state, rollout=rollout)
    configs, models = garbage(
        state.configs,
        state.models,
        {"history": state.history, "quarantine": state.quarantine},
        live.config if live else "",
        want.content,
    )
    status = "InService"
    calls = [Call("DeleteEndpointConfig", {"EndpointConfigName": item.name}) for item in configs]
    calls += [Call("DeleteModel", {"ModelName": item.name}) for item in models]
    if calls and not collecting(this):
        # One look at the live endpoint stands between finding garbage and deleting it.
        state = replace(state, rollout={**rollout, "collecting": True})
        return replace(_settled(this, state, want, status), look_again=timedelta(seconds=1))
    return replace(_settled(this, state, want, status), calls=tuple(calls))


def _settled(this: Pass, state: State, want: Wanted, status: str) -> Decision:
    return Decision(
        Phase.READY,
        "InService",
        f"{want.content.config} serves",
        status_of(this, state, want, status),
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
        f"the endpoint was {'moved to ' + found if live else 'deleted'} from outside; mode {this.drift_mode} leaves it",
        status_of(this, state, want, live.status if live else ""),
        watches=(Watch("Endpoint", identity(this), Pace.SLOW),),
        differences=(difference,),
        drift_reason=reason,
        healthy=live is not None,
    )


def _waiting(this: Pass, state: State, want: Wanted, reason: str, message: str, status: str = "") -> Decision:
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
    rollout = {key: value for key, value in state.rollout.items() if key not in _ATTEMPT_KEYS}
    return replace(state, rollout=rollout, history=closed({"history": state.history}, state.this.now, result, reason))


def _noticed(decision: Decision, kind: Literal["Normal", "Warning"], reason: str, message: str) -> Decision:
    return replace(decision, notices=(Notice(kind, reason, message), *decision.notices))


def _end(this: Pass, state: State) -> Decision:
    """Endpoint first, then configurations, then models; what is gone is gone. Creating and Updating are waited out."""
    if this.retain:
        return Decision(Phase.RELEASED, "Retained", "left in SageMaker as it is", status=this.past)
    found, name = this.seen.endpoint, identity(this)
    attempt = Attempt.parse(state.rollout)
    mine = bool(state.endpoint.get("arn")) or is_ours(this, name)
    if found is not None and mine:
        status = str(found["EndpointStatus"])
        sent = this.reply("DeleteEndpoint")
        delete = () if status in CHANGING or sent else (Call("DeleteEndpoint", {"EndpointName": name}),)
        waiting = "to go" if status == "Deleting" or sent or delete else f"to leave {status}"
        return _ending(this, state, delete, f"waiting for endpoint {name} {waiting}")
    if (
        found is None
        and attempt is not None
        and not state.endpoint.get("arn")
        and this.now - attempt.requested_at < EVIDENCE_WAIT
    ):
        # The create went out a moment ago and nobody saw it arrive: a second look before letting go.
        left = EVIDENCE_WAIT - (this.now - attempt.requested_at)
        return replace(_ending(this, state, (), f"making sure that {name} was not created"), look_again=left)
    calls = (
        *(
            Call("DeleteEndpointConfig", {"EndpointConfigName": c.name})
            for c in state.configs.values()
            if _mine(this, c)
        ),
        *(Call("DeleteModel", {"ModelName": m.name}) for m in state.models.values() if _mine(this, m)),
    )
    if calls:
        return _ending(this, state, calls, "deleting configurations and models")
    return Decision(Phase.RELEASED, "Deleted", "", status={**status_of(this, state, None, "Deleting")})


def _mine(this: Pass, item: Made) -> bool:
    return bool(item.arn) or is_ours(this, item.name)


def _ending(this: Pass, state: State, calls: tuple[Call, ...], message: str) -> Decision:
    return Decision(
        Phase.ACTING if calls else Phase.WAITING,
        "Deleting",
        message,
        status_of(this, state, None, "Deleting"),
        calls=calls,
        watches=(Watch("Endpoint", identity(this), Pace.FAST),),
        look_again=timedelta(seconds=10),
    )
