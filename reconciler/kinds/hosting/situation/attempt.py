"""What became of an open attempt to move the endpoint, folded into the records.

`core.rollout.judge` says what this look shows; here the attempt is closed where it is over, and its content quarantined where
SageMaker would not have it. What to do about one that is still open is for `rules`.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.decision import Notice
from reconciler.core.errors import TerminalError
from reconciler.core.kind import Failure
from reconciler.core.records.history import SUCCEEDED, SUPERSEDED
from reconciler.core.records.rollout import Attempt
from reconciler.core.rollout import ACCEPTED, SENDS_MAX, Outcome, judge
from reconciler.kinds.hosting.observed.endpoint import SENDS
from reconciler.kinds.hosting.records import commit_of
from reconciler.kinds.hosting.situation.situation import Situation


def settled(s: Situation) -> Situation:
    """An attempt that is over is closed in history, and its content quarantined where SageMaker would not have it. One that is
    still open has an `outcome`, and the evidence that this look adds.
    """
    attempt, failure = s.attempt, s.this.failure
    if attempt is None or not s.undisputed:
        return s
    if failure and failure.call.operation in SENDS and not failure.maybe_received:
        return _refused(s, failure)
    accepted = next((reply for reply in s.this.replies if reply.call.operation in SENDS), None)
    if accepted is not None:
        arn, region = str(accepted.answer["EndpointArn"]), str(s.this.spec.get("region") or "")
        endpoint = replace(s.records.endpoint, name=s.name, arn=arn, region=region)
        status = "Creating" if accepted.call.operation == "CreateEndpoint" else "Updating"
        s = s.having(replace(s.records, endpoint=endpoint)).with_rollout(attempt=replace(attempt, evidence=ACCEPTED))
        return replace(s, outcome=Outcome.UNDER_WAY, status=status)
    if not s.seen.endpoint_known:
        # Another call of the pass that sent it did not go through: nobody looked at the endpoint since.
        return replace(s, outcome=Outcome.UNDER_WAY, status="Updating" if attempt.previous else "Creating")
    if attempt.previous is None and s.adopting:
        return _unsent(s)  # the create never was: what is there was made by others, and is taken over now
    outcome, attempt = judge(s.live, attempt, s.this.now)
    s = s.with_rollout(attempt=attempt, foreign="")
    return _over(replace(s, outcome=outcome, status=s.live.status if s.live else "Creating"), attempt)


def _refused(s: Situation, failure: Failure) -> Situation:
    """Answered with a refusal: it was not carried out, whatever the records expected.

    Only a refusal of the content ends the history entry; after a throttle the same entry is asked for again.
    """
    if not isinstance(failure.error, TerminalError):
        return _unsent(s).with_rollout(phase="Pending")
    return _ended(s, "Failed", str(failure.error))


def _over(s: Situation, attempt: Attempt) -> Situation:
    """The situation without the attempt where it is over, and as it was where it is still open."""
    why = s.live.failure if s.live else ""
    same = attempt.requested.hash == s.want.content.hash
    more = attempt.sends < SENDS_MAX
    match s.outcome:
        case Outcome.SUCCEEDED:
            return _succeeded(s, attempt)
        case Outcome.UNCONFIRMED if s.create_unanswered and not same:
            return _unsent(s)
        case Outcome.NOT_RECEIVED if not same:
            return _given_up(s, attempt, SUPERSEDED, "newer content was asked for")
        case Outcome.NOT_RECEIVED if not more and s.this.tokens.get("retry"):
            return _unsent(s)
        case Outcome.FAULTED if not same and _entry_closed(s):
            return _unsent(s)
        case Outcome.FAULTED if not same:
            # A fault of the service is no verdict on the content.
            return _given_up(s, attempt, "RolledBack" if attempt.previous else "Failed", why)
        case Outcome.OVERTAKEN | Outcome.VANISHED:
            return _given_up(s, attempt, SUPERSEDED, "the endpoint was changed from outside meanwhile")
        case Outcome.FAULTED if not more and s.this.tokens.get("retry"):
            return _unsent(s)
        case Outcome.ROLLED_BACK:
            return _condemned(s, attempt, "RolledBack", why)
        case Outcome.FAILED:
            return _condemned(s, attempt, "Failed", why)
    return s


def _entry_closed(s: Situation) -> bool:
    """Whether history has its end already: it was only to be tried again."""
    newest = s.records.history.newest
    return newest is not None and not newest.open


def _succeeded(s: Situation, attempt: Attempt) -> Situation:
    served, resize = attempt.requested, s.records.rollout.resize
    s = _ended(s, SUCCEEDED).with_rollout(
        phase="Complete", current_hash=served.hash, stable_hash=served.hash, applied=served, resize=resize
    )
    return s.noticed(Notice("Normal", "RolloutSucceeded", f"{served.config} is in service"))


def _given_up(s: Situation, attempt: Attempt, result: str, reason: str) -> Situation:
    """Over without a verdict on the content."""
    notice = Notice("Warning", f"Rollout{result}", f"{attempt.requested.config}: {reason}")
    return _ended(s, result, reason).noticed(notice)


def _condemned(s: Situation, attempt: Attempt, result: str, reason: str) -> Situation:
    """Rolled back or failed: the content is quarantined."""
    content, reason = attempt.requested, reason or "SageMaker went back to what served before and gave no reason"
    s = _given_up(s, attempt, result, reason)
    # What it was asked for by; the object may be at a newer commit by now.
    asked = s.records.history.of(content.hash)
    by = asked.source if asked else commit_of(s.this)
    quarantine = s.records.quarantine.added(content, reason, s.this.now, revision=by.revision, commit=by.commit)
    return s.having(replace(s.records, quarantine=quarantine))


def _ended(s: Situation, result: str, reason: str = "") -> Situation:
    """The open attempt and its history entry, ended."""
    history = s.records.history.closed(s.this.now, result, reason)
    return _unsent(s.having(replace(s.records, history=history))).with_rollout(phase=result)


def _unsent(s: Situation) -> Situation:
    """The attempt came to nothing; its history entry stays open for the next one."""
    return replace(s.having(replace(s.records, rollout=s.records.rollout.without_attempt())), outcome=None, status="")
