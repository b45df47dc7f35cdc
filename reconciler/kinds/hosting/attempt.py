"""What became of a HostingDeployment's open attempt, and what that leads to.

`core.rollout` gives the verdict; here it is folded into the records: waited for, sent again, or over. When it is over the
caller goes on from the records as they are then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Decision, Notice
from reconciler.core.errors import TerminalError
from reconciler.core.kind import Failure, Pass
from reconciler.core.resource import Annotation
from reconciler.core.rollout import EVIDENCE_WAIT, SENDS_MAX, Attempt, Live, Outcome, judge
from reconciler.kinds.hosting.content import Wanted
from reconciler.kinds.hosting.drift import RESIZE
from reconciler.kinds.hosting.phases import stalled, waiting
from reconciler.kinds.hosting.records import closed, quarantine
from reconciler.kinds.hosting.send import UNGUARDED, WITHOUT_ALARMS, send
from reconciler.kinds.hosting.stage import stage_of
from reconciler.kinds.hosting.state import SENDS, STAGE_LOOK, State, identity

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
    RESIZE,
    WITHOUT_ALARMS,
)


@dataclass(frozen=True)
class Over:
    """No attempt is open any more."""

    state: State
    notices: tuple[Notice, ...] = ()


def settle(this: Pass, state: State, want: Wanted, attempt: Attempt) -> Decision | Over:
    """An attempt is open: say what became of it."""
    failure = this.failure
    if failure and failure.call.operation in SENDS and not failure.maybe_received:
        return _answered_no(state, failure)
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
            return send(this, state, want, sends=attempt.sends) if same else Over(_unsent(state))
        case Outcome.UNDER_WAY | Outcome.UNCONFIRMED:
            return _under_way(this, state, want, attempt, live.status if live else "Creating")
        case Outcome.SUCCEEDED:
            return _succeeded(state, attempt)
        case Outcome.NOT_RECEIVED if not same:
            return _given_up(state, attempt, result="Superseded", reason="newer content was asked for")
        case Outcome.NOT_RECEIVED if attempt.sends < SENDS_MAX:
            return send(this, state, want, sends=attempt.sends + 1)
        case Outcome.NOT_RECEIVED if this.tokens.get("retry"):
            return Over(_unsent(state))
        case Outcome.NOT_RECEIVED:
            message = (
                f"SageMaker shows no trace of {attempt.sends} requests; annotate {Annotation.RETRY}: <a new token>"
            )
            return stalled(this, _in_phase(state, "Failed"), want, "UpdateNotReceived", message)
        case Outcome.FAULTED if not same:
            # A fault of the service is no verdict on the content.
            return _given_up(state, attempt, result="RolledBack", reason=why)
        case Outcome.FAULTED if attempt.sends < SENDS_MAX:
            return _retry_later(this, state, want, attempt, why)
        case Outcome.OVERTAKEN | Outcome.VANISHED:
            why = "the endpoint was changed from outside meanwhile"
            return _given_up(state, attempt, result="Superseded", reason=why)
    result = "Failed" if outcome is Outcome.FAILED else "RolledBack"
    reason = why or "SageMaker went back to what served before and gave no reason"
    return _condemned(this, state, attempt, result=result, reason=reason)


def _answered_no(state: State, failure: Failure) -> Over:
    """Answered with a refusal: it was not carried out, whatever the records expected.

    Only a refusal of the content ends the history entry; after a throttle the same entry is asked for again.
    """
    if isinstance(failure.error, TerminalError):
        return Over(_in_phase(_closed(state, "Failed", str(failure.error)), "Failed"))
    return Over(_in_phase(_unsent(state), "Pending"))


def _succeeded(state: State, attempt: Attempt) -> Over:
    done = _closed(state, "Succeeded")
    served = attempt.requested
    rollout = {**done.rollout, "currentHash": served.hash, "stableHash": served.hash, "phase": "Complete"}
    rollout[RESIZE] = state.rollout.get(RESIZE)
    done = replace(done, rollout={**rollout, "applied": served.record()})
    return Over(done, (Notice("Normal", "RolloutSucceeded", f"{served.config} is in service"),))


def _given_up(state: State, attempt: Attempt, *, result: str, reason: str) -> Over:
    """Over without a verdict on the content."""
    notice = Notice("Warning", f"Rollout{result}", f"{attempt.requested.config}: {reason}")
    return Over(_in_phase(_closed(state, result, reason), result), (notice,))


def _condemned(this: Pass, state: State, attempt: Attempt, *, result: str, reason: str) -> Over:
    """Rolled back or failed: the content is quarantined, and what the spec wants by now is looked at anew."""
    bad = _in_phase(_closed(state, result, reason), result)
    records = {"quarantine": bad.quarantine, "history": bad.history}
    bad = replace(bad, quarantine=quarantine(records, attempt.requested, reason, this))
    return Over(bad, (Notice("Warning", f"Rollout{result}", f"{attempt.requested.config}: {reason}"),))


def _retry_later(this: Pass, state: State, want: Wanted, attempt: Attempt, reason: str) -> Decision:
    """A fault of SageMaker's own: the same content again, later, a bounded number of times."""
    since = state.rollout.get("faultedAt") or stamp(this.now)
    state = replace(state, rollout={**state.rollout, "faultedAt": since})
    left = timedelta(minutes=2 ** (attempt.sends - 1)) - (this.now - moment(str(since)))
    if left <= timedelta(0):
        return send(this, state, want, sends=attempt.sends + 1)
    decision = waiting(this, state, want, "ProgressingWithRetry", f"attempt {attempt.sends} of {SENDS_MAX}: {reason}")
    return replace(decision, look_again=left)


def _under_way(this: Pass, state: State, want: Wanted, attempt: Attempt, status: str) -> Decision:
    queued = "" if attempt.requested == want.content else f"; {want.content.config} is next"
    if queued and want.held:
        queued += f", held as {want.held.name}: SageMaker cannot cancel an update"
    unguarded = f" {UNGUARDED}" if state.rollout.get(WITHOUT_ALARMS) else ""
    message = f"{identity(this)} is {status} to {attempt.requested.config}{unguarded}{queued}"
    stage, before = stage_of(this.seen.endpoint), state.rollout.get("stage")
    state = replace(state, rollout={**state.rollout, "desiredHash": want.content.hash, "stage": stage or status})
    decision = waiting(
        this, state, want, "RolloutInProgress", f"{message} ({stage})" if stage else message, status=status
    )
    if stage and stage != before:
        kind: Literal["Normal", "Warning"] = "Warning" if status == "RollingBack" else "Normal"
        decision = replace(decision, notices=(Notice(kind, "RolloutProgressing", f"{identity(this)}: {stage}"),))
    wait = EVIDENCE_WAIT - (this.now - attempt.requested_at)
    if attempt.evidence or wait <= timedelta(0):
        return replace(decision, look_again=STAGE_LOOK if attempt.previous else None)
    return replace(decision, look_again=wait)


def _closed(state: State, result: str, reason: str = "") -> State:
    """The open attempt and its history entry, ended."""
    history = closed({"history": state.history}, state.this.now, result, reason)
    return replace(_unsent(state), history=history)


def _in_phase(state: State, phase: str) -> State:
    return replace(state, rollout={**state.rollout, "phase": phase})


def _unsent(state: State) -> State:
    """The attempt came to nothing; its history entry stays open for the next one."""
    return replace(state, rollout={key: value for key, value in state.rollout.items() if key not in _ATTEMPT_KEYS})
