"""What became of an attempt to move an endpoint: one pure function over the endpoint as described and the record of the attempt.

SageMaker rolls back silently: the endpoint is InService again on the old configuration, with or without a
FailureReason, RollingBack seen or not. So before an UpdateEndpoint goes out, status holds what is asked for, what
served before and the endpoint's LastModifiedTime; and a rollback is only believed on evidence (D-5.6).

What to do about it, and when no attempt is open, is decided by the rules of `kinds/hosting/rules.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Self

from reconciler.core.records.rollout import Attempt
from reconciler.core.values import Answer

CHANGING = frozenset({"Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"})
"""While in one of these the endpoint takes no update and no deletion."""

_BROKEN = frozenset({"Failed", "UpdateRollbackFailed"})

UPDATABLE = frozenset({"InService", "UpdateRollbackFailed"})

EVIDENCE_WAIT = timedelta(seconds=60)
"""How long an update may leave no trace before it counts as never received."""
SENDS_MAX = 3
"""Sends of one content without a trace, and tries after faults of SageMaker's own."""

_INTERNAL_FAULTS = ("Request to service failed", "InternalServerError", "CapacityError", "Unable to provision")
"""FailureReasons that speak of the service, not of the content: worth another try, bounded."""


@dataclass(frozen=True)
class LiveEndpoint:
    """The endpoint as described."""

    status: str
    config: str
    modified: str
    """LastModifiedTime as text: compared, never subtracted from our clock."""
    failure: str = ""

    @classmethod
    def parse(cls, found: Answer) -> Self:
        """Of DescribeEndpoint's answer."""
        modified = found.get("LastModifiedTime")
        return cls(
            str(found["EndpointStatus"]),
            str(found.get("EndpointConfigName") or ""),
            stamp_exact(modified) if modified else "",
            str(found.get("FailureReason") or ""),
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
    """Rolled back for a reason of SageMaker's own: may be tried again."""
    FAILED = "Failed"
    """A first create that failed, or an update whose rollback failed."""
    OVERTAKEN = "Overtaken"
    """The endpoint runs something that is neither what was asked for nor what served before."""
    VANISHED = "Vanished"


def judge(live: LiveEndpoint | None, attempt: Attempt, now: datetime) -> tuple[Outcome, Attempt]:
    """What became of the attempt, and the attempt with the evidence this look adds."""
    no_trace = Outcome.NOT_RECEIVED if attempt.age(now) >= EVIDENCE_WAIT else Outcome.UNCONFIRMED
    if live is None:
        return (no_trace if attempt.previous is None and not attempt.evidence else Outcome.VANISHED), attempt
    attempt = _with_evidence(attempt, live)
    if live.status in _BROKEN:
        # It may have been broken before: an update is the very way out of a failed rollback.
        return (Outcome.FAILED if _moved_by_us(attempt, live) else no_trace), attempt
    if live.status != "InService":
        # Changing, OutOfService, or a status that AWS added later: when unsure, wait.
        return Outcome.UNDER_WAY, attempt
    if live.config == attempt.requested.config:
        return Outcome.SUCCEEDED, attempt
    if attempt.previous is None or live.config != attempt.previous.config:
        return Outcome.OVERTAKEN, attempt
    if _moved_by_us(attempt, live):
        return (Outcome.FAULTED if live.failure.startswith(_INTERNAL_FAULTS) else Outcome.ROLLED_BACK), attempt
    return no_trace, attempt


def _with_evidence(attempt: Attempt, live: LiveEndpoint) -> Attempt:
    match live.status:
        case "Updating" | "RollingBack" | "Creating":
            return replace(attempt, evidence=live.status)
        case "SystemUpdating":
            return replace(attempt, others_moved=True)
    return attempt


def _moved_by_us(attempt: Attempt, live: LiveEndpoint) -> bool:
    """Evidence that SageMaker took the request on; without it nothing is concluded from what it did not do."""
    moved = live.modified != attempt.last_modified_time
    newer_failure = bool(live.failure) and (moved or live.failure != attempt.failure_before)
    return bool(attempt.evidence) or newer_failure or (moved and not attempt.others_moved)


def stamp_exact(value: object) -> str:
    """A remote time as text with all its digits: two of them are compared for equality only."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
