"""What became of an attempt to move an endpoint: one pure function over the endpoint as described and the record of the attempt.

SageMaker rolls back silently: the endpoint is InService again on the old configuration, with or without a
FailureReason, RollingBack seen or not. So before an UpdateEndpoint goes out, status holds what is asked for, what
served before and the endpoint's LastModifiedTime; and a rollback is only believed on evidence (D-5.6).

Evidence that SageMaker took a request on is what names its configuration: `PendingDeploymentSummary` while it is under way
(SM-117), the endpoint itself. Its own answer to the request is as good, once the endpoint has moved and reads that are late are
past. A status, a moved LastModifiedTime or a FailureReason by themselves are none: patching, scaling and other callers leave
the same traces (SM-65, SM-110), and content that was never tried is not condemned.

What to do about it, and when no attempt is open, is decided by the rules of `kinds/hosting/rules.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Self

from reconciler.core.aws.evidence import is_passing
from reconciler.core.records.rollout import Attempt
from reconciler.core.values import Answer

CHANGING = frozenset({"Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"})
"""While in one of these the endpoint takes no update and no deletion."""

_BROKEN = frozenset({"Failed", "UpdateRollbackFailed"})

UPDATABLE = frozenset({"InService", "UpdateRollbackFailed"})

EVIDENCE_WAIT = timedelta(seconds=60)
"""How long an update may leave no trace before it counts as never received."""
SENDS_MAX = 3
"""Quick sends of one content without a trace, and quick tries after faults of SageMaker's own; then they go on slowly."""

ACCEPTED = "Accepted"
"""Evidence: SageMaker answered the request. How it went on was not seen."""


@dataclass(frozen=True)
class LiveEndpoint:
    """The endpoint as described."""

    status: str
    config: str
    modified: str
    """LastModifiedTime as text: compared, never subtracted from our clock."""
    failure: str = ""
    pending: str = ""
    """The configuration that an update under way goes to."""

    @classmethod
    def parse(cls, found: Answer) -> Self:
        """Of DescribeEndpoint's answer."""
        modified = found.get("LastModifiedTime")
        return cls(
            str(found["EndpointStatus"]),
            str(found.get("EndpointConfigName") or ""),
            stamp_exact(modified) if modified else "",
            str(found.get("FailureReason") or ""),
            str((found.get("PendingDeploymentSummary") or {}).get("EndpointConfigName") or ""),
        )


class Outcome(Enum):
    """What became of an attempt, by evidence (D-5.6)."""

    UNDER_WAY = "UnderWay"
    UNCONFIRMED = "Unconfirmed"
    """No trace yet, and too early to say that there will be none."""
    NOT_RECEIVED = "NotReceived"
    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"
    FAULTED = "Faulted"
    """Rolled back, or a first create that failed, for a reason that is none of the content's: may be tried again."""
    FAILED = "Failed"
    """A first create that failed for its content, or an update whose rollback failed."""
    OVERTAKEN = "Overtaken"
    """The endpoint runs something that is neither what was asked for nor what served before."""
    VANISHED = "Vanished"


def judge(live: LiveEndpoint | None, attempt: Attempt, now: datetime) -> tuple[Outcome, Attempt]:
    """What became of the attempt, and the attempt with the evidence this look adds."""
    no_trace = Outcome.NOT_RECEIVED if attempt.age(now) >= EVIDENCE_WAIT else Outcome.UNCONFIRMED
    if attempt.previous is None and attempt.faulted_at and (live is None or live.status in ("Failed", "Deleting")):
        return Outcome.FAULTED, attempt  # it is on its way out, to be created again
    if live is None:
        unseen = attempt.previous is None and attempt.evidence in ("", ACCEPTED)
        return (no_trace if unseen else Outcome.VANISHED), attempt
    if attempt.previous is None and live.status == "Failed" and live.modified == attempt.last_modified_time:
        return no_trace, attempt  # an early read of the failed one that was replaced
    attempt = _with_evidence(attempt, live)
    if live.status in _BROKEN:
        # It may have been broken before: an update is the very way out of a failed rollback.
        return (_fault_or(Outcome.FAILED, attempt, live) if _taken_on(attempt, live, now) else no_trace), attempt
    if live.status != "InService":
        # Changing, OutOfService, or a status that AWS added later: when unsure, wait.
        return Outcome.UNDER_WAY, attempt
    if live.config == attempt.requested.config:
        return Outcome.SUCCEEDED, attempt
    if attempt.previous is None or live.config != attempt.previous.config:
        return Outcome.OVERTAKEN, attempt
    if _taken_on(attempt, live, now):
        return _fault_or(Outcome.ROLLED_BACK, attempt, live), attempt
    return no_trace, attempt


def _fault_or(verdict: Outcome, attempt: Attempt, live: LiveEndpoint) -> Outcome:
    """No verdict on the content where the reason speaks of something else. A rollback that failed is broken either way."""
    curable = verdict is Outcome.ROLLED_BACK or attempt.previous is None
    # Once it was a fault it stays one: a patch or a change of counts takes the FailureReason away.
    return Outcome.FAULTED if curable and (attempt.faulted_at or is_passing(live.failure)) else verdict


def _with_evidence(attempt: Attempt, live: LiveEndpoint) -> Attempt:
    wanted = attempt.requested.config
    if live.pending == wanted or (live.config == wanted and live.status != "InService"):
        return replace(attempt, evidence=live.status)
    if live.status == "SystemUpdating":
        return replace(attempt, others_moved=True)
    return attempt


def _taken_on(attempt: Attempt, live: LiveEndpoint, now: datetime) -> bool:
    """Evidence that SageMaker took the request on; without it nothing is concluded from what it did not do."""
    if attempt.evidence != ACCEPTED:
        return bool(attempt.evidence)
    moved = live.modified != attempt.last_modified_time and not attempt.others_moved
    return moved and attempt.age(now) >= EVIDENCE_WAIT


def stamp_exact(value: object) -> str:
    """A remote time as text with all its digits: two of them are compared for equality only."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
