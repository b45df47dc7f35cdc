"""The verdict on a HostingDeployment's endpoint: two pure functions and the records they read and write.

SageMaker rolls back silently: the endpoint is InService again on the old configuration, with or without a
FailureReason, RollingBack seen or not. So before an UpdateEndpoint goes out, status holds what is asked for, what
served before and the endpoint's LastModifiedTime; and a roll-back is only believed on evidence (design 4, "Rollouts").

`judge` says what became of an attempt; `next_step` says what to do when none is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from reconciler.core.conditions import moment, stamp

CHANGING = frozenset({"Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"})
"""While in one of these the endpoint takes no update and no deletion."""

_BROKEN = frozenset({"Failed", "UpdateRollbackFailed"})

EVIDENCE_WAIT = timedelta(seconds=60)
"""How long an update may leave no trace before it counts as never received."""
SENDS_MAX = 3
"""Sends of one content without a trace, and tries after faults of SageMaker's own."""

_INTERNAL_FAULTS = ("Request to service failed", "InternalServerError", "CapacityError", "Unable to provision")
"""FailureReasons that speak of the service, not of the content: worth another try, bounded."""


@dataclass(frozen=True)
class Content:
    hash: str
    config: str
    """Name of the EndpointConfig."""

    def record(self) -> dict[str, str]:
        return {"hash": self.hash, "endpointConfigName": self.config}

    @classmethod
    def parse(cls, record: Mapping[str, Any] | None) -> Content | None:
        return cls(str(record.get("hash", "")), str(record["endpointConfigName"])) if record else None


@dataclass(frozen=True)
class Live:
    """The endpoint as described."""

    status: str
    config: str
    modified: str
    """LastModifiedTime as text: compared, never subtracted from a clock of ours."""
    failure: str = ""

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> Live:
        modified = found.get("LastModifiedTime")
        return cls(
            str(found["EndpointStatus"]),
            str(found.get("EndpointConfigName") or ""),
            stamp_exact(modified) if modified else "",
            str(found.get("FailureReason") or ""),
        )


@dataclass(frozen=True)
class Attempt:
    """An UpdateEndpoint or CreateEndpoint of ours that is not yet judged."""

    requested: Content
    previous: Content | None
    """What served before; None for a first create."""
    modified: str
    failure_before: str
    requested_at: datetime
    sends: int
    evidence: str = ""
    """Updating or RollingBack, once seen."""
    others_moved: bool = False
    """SystemUpdating was seen meanwhile: a moved LastModifiedTime proves nothing then."""

    @classmethod
    def parse(cls, rollout: Mapping[str, Any]) -> Attempt | None:
        requested = Content.parse(rollout.get("requested"))
        if requested is None or not rollout.get("requestedAt"):
            return None
        return cls(
            requested,
            Content.parse(rollout.get("previous")),
            str(rollout.get("lastModifiedTime") or ""),
            str(rollout.get("failureBefore") or ""),
            moment(rollout["requestedAt"]),
            int(rollout.get("attempt") or 1),
            str(rollout.get("evidence") or ""),
            bool(rollout.get("othersMoved")),
        )

    def record(self) -> dict[str, Any]:
        return {
            "requested": self.requested.record(),
            "previous": self.previous.record() if self.previous else None,
            "lastModifiedTime": self.modified,
            "failureBefore": self.failure_before,
            "requestedAt": stamp(self.requested_at),
            "attempt": self.sends,
            "evidence": self.evidence,
            "othersMoved": self.others_moved or None,
        }


class Outcome(Enum):
    UNDER_WAY = "UnderWay"
    UNCONFIRMED = "Unconfirmed"
    """No trace yet, and too early to say that there will be none."""
    NOT_RECEIVED = "NotReceived"
    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"
    FAULTED = "Faulted"
    """Rolled back for a reason of SageMaker's own: may be tried again."""
    FAILED = "Failed"
    """A first create that failed, or an update whose roll-back failed."""
    OVERTAKEN = "Overtaken"
    """The endpoint runs something that is neither what was asked for nor what served before."""
    VANISHED = "Vanished"


def judge(live: Live | None, attempt: Attempt, now: datetime) -> tuple[Outcome, Attempt]:
    """What became of the attempt, and the attempt with the evidence this look adds."""
    no_trace = Outcome.NOT_RECEIVED if now - attempt.requested_at >= EVIDENCE_WAIT else Outcome.UNCONFIRMED
    if live is None:
        return (no_trace if attempt.previous is None and not attempt.evidence else Outcome.VANISHED), attempt
    attempt = _with_evidence(attempt, live)
    if live.status in _BROKEN:
        # It may have been broken before: an update is the very way out of a failed roll-back.
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


def _with_evidence(attempt: Attempt, live: Live) -> Attempt:
    match live.status:
        case "Updating" | "RollingBack" | "Creating":
            return replace(attempt, evidence=live.status)
        case "SystemUpdating":
            return replace(attempt, others_moved=True)
    return attempt


def _moved_by_us(attempt: Attempt, live: Live) -> bool:
    """Evidence that SageMaker took the request on; without it nothing is concluded from what it did not do."""
    moved = live.modified != attempt.modified
    newer_failure = bool(live.failure) and (moved or live.failure != attempt.failure_before)
    return bool(attempt.evidence) or newer_failure or (moved and not attempt.others_moved)


class Step(Enum):
    READY = "Ready"
    WAIT = "Wait"
    CREATE = "Create"
    UPDATE = "Update"
    REPLACE_FAILED = "ReplaceFailed"
    """A first create failed and other content is wanted now: delete, then create. Nothing serves meanwhile anyway."""
    QUARANTINED = "Quarantined"
    REPORT_DRIFT = "ReportDrift"
    CORRECT_DRIFT = "CorrectDrift"
    RECREATE = "Recreate"
    REPORT_MISSING = "ReportMissing"
    STUCK = "Stuck"
    """Only a human, or other content, can help."""


UPDATABLE = frozenset({"InService", "UpdateRollbackFailed"})


@dataclass(frozen=True)
class Situation:
    live: Live | None
    desired: Content
    applied: Content | None
    """What we last saw succeed or adopted: the configuration that should be live until we change it."""
    existed: bool
    quarantined: bool
    served: bool
    """Whether some content of ours ever got into service on this very endpoint."""
    correct: bool
    """Drift mode Correct: what was changed from outside is put back."""


def next_step(now: Situation) -> Step:
    """What to do when no attempt is open. Order matters: nothing is sent to a changing endpoint, and quarantined
    content is never sent, whatever else holds.
    """
    live = now.live
    if live is None:
        if not now.existed:
            return Step.QUARANTINED if now.quarantined else Step.CREATE
        if now.quarantined:
            return Step.QUARANTINED
        return Step.RECREATE if now.correct else Step.REPORT_MISSING
    if live.status == "Failed":
        return Step.STUCK if now.served or now.quarantined else Step.REPLACE_FAILED
    if live.status == "OutOfService":
        return Step.STUCK
    if live.status not in UPDATABLE:
        return Step.WAIT
    if live.config == now.desired.config:
        # An update to the configuration that it has already is refused, so a failed roll-back needs other content.
        return Step.READY if live.status == "InService" else Step.STUCK
    if now.quarantined:
        return Step.QUARANTINED
    moved_by_others = now.applied is not None and live.config != now.applied.config
    if moved_by_others and now.applied == now.desired:
        return Step.CORRECT_DRIFT if now.correct else Step.REPORT_DRIFT
    return Step.UPDATE


def stamp_exact(value: Any) -> str:
    """A remote time as text with all its digits: two of them are compared for equality only."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
