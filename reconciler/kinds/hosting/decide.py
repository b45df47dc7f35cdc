"""What to do about a HostingDeployment: one decision per pass, from `core.rollout`'s verdict and the records of status.

parts missing ──> make models and configuration ──> move the endpoint ──> judge the attempt ──> Ready, or quarantine
                  (a pass of its own, recorded)     (intent recorded)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from reconciler.core.decision import Call, Decision, Difference, Notice, Pace, Phase, Watch, sooner
from reconciler.core.drift.policy import CORRECTIONS_MAX, DriftVerdict
from reconciler.core.kind import Pass, View
from reconciler.core.ownership import adoption_refusal
from reconciler.core.references import NOT_READY
from reconciler.core.resource import Annotation
from reconciler.core.rollout import (
    SENDS_MAX,
    Content,
    Live,
    Situation,
    Step,
    next_step,
)
from reconciler.core.status import source
from reconciler.kinds.hosting import hold, repair
from reconciler.kinds.hosting.attempt import Over, settle
from reconciler.kinds.hosting.content import Wanted, wanted, with_reference
from reconciler.kinds.hosting.drift import elsewhere
from reconciler.kinds.hosting.end import end
from reconciler.kinds.hosting.hold import HOLD, REFUSED, Ask, Hold
from reconciler.kinds.hosting.legacy import is_new_to_us, known_configs
from reconciler.kinds.hosting.mirror import mirrored, unmirror
from reconciler.kinds.hosting.observe import look_back
from reconciler.kinds.hosting.phases import stalled, waiting
from reconciler.kinds.hosting.records import (
    Made,
    closed,
    garbage,
    limit_of,
    opened,
    quarantined,
    trimmed,
)
from reconciler.kinds.hosting.repair import Found
from reconciler.kinds.hosting.send import prepare
from reconciler.kinds.hosting.state import (
    REBALANCE,
    State,
    collecting,
    identity,
    is_ours,
    open_attempt,
    serves,
    status_of,
)
from reconciler.kinds.hosting.sweep import watches, young_for

_FOREIGN_LOOK = timedelta(minutes=10)


def decide(this: Pass) -> Decision:
    state = State.load(this)
    if this.resource.deleting:
        return end(this, state)
    state, want = _recognised(this, state, wanted(this))
    state, want, notices = _under_hold(this, state, want)
    decision = mirrored(this, _decide(this, state, want))
    held = Hold.parse((decision.status.get("rollout") or {}).get(HOLD))
    return replace(
        decision,
        message=decision.message + _in_vain(state),
        notices=(*notices, *decision.notices),
        held=held is not None,
        look_again=sooner(decision.look_again, _hold_look(this, decision, held)) if held else decision.look_again,
    )


def follow(view: View, this: Pass) -> Decision | None:
    """The endpoint and what became of an open attempt, by what is recorded: nothing else is wanted."""
    seen = look_back(view, this)
    if seen is None:
        return None
    this = replace(this, seen=seen)
    state, attempt = State.load(this), open_attempt(this)
    content = attempt.requested if attempt else Content("", "")
    want = Wanted(identity(this), content, (), {}, waits="what Git holds is not known")
    settled = settle(this, state, want, attempt) if attempt else Over(state)
    if not isinstance(settled, Over):
        return settled
    return replace(_held(this, settled.state, want), notices=settled.notices)


def _decide(this: Pass, state: State, want: Wanted) -> Decision:
    if refusal := _identity_change(this, state, want):
        return stalled(this, state, want, "IdentityChanged", refusal)
    if state.endpoint["region"] != this.spec.get("region"):
        # Nothing was made yet: begin again where the spec wants it.
        moved = replace(state, models={}, configs={}, rollout={}, endpoint={"region": this.spec.get("region")})
        decision = waiting(this, moved, want, "Preparing", f"nothing was made in {state.endpoint['region']}")
        return replace(decision, look_again=timedelta(0))
    released = [entry for entry in state.quarantine if entry["hash"] == this.tokens.get("retry")]
    state = replace(state, quarantine=[entry for entry in state.quarantine if entry not in released])
    foreign = next((name for name in this.seen.owners if not is_ours(this, name)), None)
    if foreign:
        return _not_ours(this, state, want, foreign)
    if answered := this.reply(REBALANCE):
        return repair.asked(this, state, want, answered.call)
    attempt = open_attempt(this)
    settled = settle(this, state, want, attempt) if attempt else Over(state)
    if isinstance(settled, Over):
        decision = _step(this, settled.state, want)
        decision = replace(decision, notices=(*settled.notices, *decision.notices))
    else:
        decision = settled
    told = tuple(
        Notice(
            "Normal",
            "RevisionReleased",
            f"{entry['hash']} was released by {Annotation.RETRY} and is sent again when it is wanted",
        )
        for entry in released
    )
    decision = replace(decision, notices=(*told, *decision.notices))
    untag = tuple(call for entry in released if (call := unmirror(state.configs, entry)))
    return replace(decision, calls=(*untag, *decision.calls)) if untag and not this.refused else decision


def _recognised(this: Pass, state: State, want: Wanted) -> tuple[State, Wanted]:
    """What is wanted, by the name under which its content is known already. An object of the archived operator is taken for
    what serves.
    """
    config = str(this.past.get("endpointConfigName") or "")
    if is_new_to_us(this) and state.endpoint.get("arn") and config:
        configs = known_configs(this, state.configs, str(state.endpoint["arn"]), want)
        applied = Content(configs[config].hash if config in configs else "", config).record()
        history = _way_back_left(this, state, configs, config)
        state = replace(state, configs=configs, rollout={**state.rollout, "applied": applied}, history=history)
    by_hash = next((item.name for item in state.configs.values() if item.hash == want.content.hash), None)
    return state, replace(want, content=Content(want.content.hash, by_hash)) if by_hash else want


def _way_back_left(this: Pass, state: State, configs: Mapping[str, Made], asked: str) -> list[dict[str, Any]]:
    """History, with what serves while the archived operator was moving the endpoint to what it asked for."""
    serving = configs.get(str((this.seen.endpoint or {}).get("EndpointConfigName") or ""))
    if serving is None or serving.name == asked:
        return state.history
    content = Content(serving.hash, serving.name)
    # No commit of the object's is known to have asked for it.
    history = opened({"history": state.history}, content, this, "manual", limit_of(this.spec), commit={})
    return closed({"history": history}, this.now, "Succeeded")


def _under_hold(this: Pass, state: State, want: Wanted) -> tuple[State, Wanted, tuple[Notice, ...]]:
    """What is wanted while people hold an earlier rollout against Git, and what is to be told about that."""
    before, ask = Hold.parse(state.rollout.get(HOLD)), Ask.of(this)
    verdict = hold.verdict(this, state.records(), "" if want.waits else want.content.hash)
    state = replace(state, rollout=hold.told(state.rollout, ask, verdict, this.now))
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
    references = tuple(this.past.get("references") or ()) if want.waits else want.references
    want = replace(want, content=held.content, waits="", references=references, held=held)
    return state, with_reference(want, this.seen.target), tuple(notices)


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
    return replace(stalled(this, state, want, reason, message), look_again=_FOREIGN_LOOK)


def _step(this: Pass, state: State, want: Wanted) -> Decision:
    """No attempt is open."""
    live = Live.parse(this.seen.endpoint) if this.seen.endpoint else None
    if live is None and state.endpoint.get("arn") and not this.seen.endpoint_known:
        return waiting(this, state, want, "Observing", "the endpoint was not looked at yet")
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
            correct=this.drift.verdict(elsewhere(want, live)) is DriftVerdict.CORRECT,
        )
    )
    match step:
        case Step.READY if live is not None:
            return _ready(this, state, want, live)
        case Step.WAIT:
            why = f"{identity(this)} is {live.status if live else 'absent'}"
            return waiting(this, state, want, "EndpointBusy", why)
        case Step.CREATE | Step.UPDATE:
            return prepare(this, state, want, step)
        case Step.RECREATE | Step.CORRECT_DRIFT:
            difference = elsewhere(want, live)
            return replace(prepare(this, state, want, step), differences=(difference,), corrects=(difference.path,))
        case Step.REPLACE_FAILED:
            return _replace_failed(this, state, want, live)
        case Step.REPORT_DRIFT | Step.REPORT_MISSING:
            return _drifted(this, state, want, live)
    if bad is not None:
        return _quarantined(this, state, want, bad, live)
    why = (live.failure if live else "") or f"the endpoint is {live.status if live else 'absent'}"
    way_out = "no update is possible in this state: delete the endpoint or this object"
    return stalled(this, state, want, f"Endpoint{live.status if live else 'Missing'}", f"{way_out} ({why})")


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
    return stalled(this, state, want, "RevisionQuarantined", message)


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
    decision = waiting(this, state, want, "Replacing", "the first create failed: it is deleted and made anew")
    if this.reply("DeleteEndpoint") or this.refused:
        return decision
    return replace(decision, phase=Phase.ACTING, calls=(Call("DeleteEndpoint", {"EndpointName": identity(this)}),))


def _ready(this: Pass, state: State, want: Wanted, live: Live) -> Decision:
    current = {"currentHash": want.content.hash, "stableHash": want.content.hash, "desiredHash": want.content.hash}
    phase = "Held" if want.held else "Complete"
    rollout = {**state.rollout, **current, "phase": phase, "applied": want.content.record(), "collecting": None}
    state = replace(state, rollout=rollout, history=_told_of(this, state, want.content))
    found = repair.compare(this, state, want)
    if repaired := repair.put_right(this, state, want, found):
        return repaired
    state = repair.recorded(state, found)
    configs, models = garbage(
        state.configs,
        state.models,
        {"history": state.history, "quarantine": state.quarantine},
        live.config,
        want.content,
    )
    calls = [Call("DeleteEndpointConfig", {"EndpointConfigName": item.name}) for item in configs]
    calls += [Call("DeleteModel", {"ModelName": item.name}) for item in models]
    if calls and not collecting(this):
        # One look at the live endpoint stands between finding garbage and deleting it.
        state = replace(state, rollout={**state.rollout, "collecting": True})
        return replace(_settled(this, state, want, found), look_again=timedelta(seconds=1))
    return replace(_settled(this, state, want, found), calls=() if this.refused else tuple(calls))


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


def _settled(this: Pass, state: State, want: Wanted, found: Found) -> Decision:
    message = want.held.says if want.held else f"{want.content.config} serves"
    vain = repair.vain_for(this, state, found)
    if vain:
        message += f"; what differs was asked for {SENDS_MAX} times in vain and is left as it is for an hour"
    # Whether or not it was seen already: what goes within its first minute moves no more, so nothing else wakes us then.
    young = [young_for(this, part.made) for part in found.parts]
    return Decision(
        Phase.READY,
        "RollbackHeld" if want.held else "InService",
        message,
        status_of(this, state, want, "InService"),
        watches=(
            Watch("Endpoint", identity(this), Pace.SLOW),
            *watches(this, found.parts, identity(this), found.variants),
        ),
        differences=found.stands,
        unknown_drift=found.unknown,
        healthy=True,
        look_again=min((left for left in (vain, *young) if left), default=None),
    )


def _drifted(this: Pass, state: State, want: Wanted, live: Live | None) -> Decision:
    difference = elsewhere(want, live)
    what = f"moved to {difference.live}" if live else "deleted"
    return Decision(
        Phase.READY if live else Phase.STALLED,
        difference.reason,
        f"the endpoint was {what} from outside {_left_so(this, difference)}",
        status_of(this, state, want, live.status if live else ""),
        watches=(Watch("Endpoint", identity(this), Pace.SLOW),),
        differences=this.drift.sift([difference]).stands,
        healthy=live is not None,
    )


def _left_so(this: Pass, difference: Difference) -> str:
    if difference.path in this.drift.flapping:
        return f"again, after it was put back {CORRECTIONS_MAX} times within the hour: it is left so for now"
    return f"and mode {this.drift.mode} leaves it so; annotate {Annotation.DRIFT_MODE}: Correct to have it put back"
