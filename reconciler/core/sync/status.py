"""The whole status of a GitSync, rendered from what a pass found. Written only when it differs from what is there.

| Verdict    | Ready   | beside it         | kstatus reads |
| ---------- | ------- | ----------------- | ------------- |
| SUCCEEDED  | True    |                   | Current       |
| WORKING    | Unknown | Reconciling=True  | InProgress    |
| RETRYING   | False   | Reconciling=True  | InProgress    |
| STALLED    | False   | Stalled=True      | Failed        |
| SUSPENDED  | as was  | as it was         | as it was     |

`observedGeneration` moves when a verdict is final: SUCCEEDED, STALLED and SUSPENDED.

| Reason of Ready          | Verdict   | Meaning |
| ------------------------ | --------- | ------- |
| ReconciliationSucceeded  | SUCCEEDED | the revision is applied whole |
| Progressing              | WORKING   | reading the repository, or applying a revision |
| Suspended                | SUSPENDED | spec.suspend |
| InvalidSpec              | STALLED   | the message names the field |
| PartiallyApplied         | STALLED   | something was rejected, see status.rejected; the rest is applied, nothing is pruned |
| AccessDenied             | STALLED   | the same, and at least one refusal was for want of rights |
| PathNotFound             | STALLED   | spec.repo.path does not exist at this revision |
| EmptyRender              | STALLED   | Git holds no object, so nothing is pruned |
| PruneNeedsApproval       | STALLED   | the message names the annotation that allows it |
| TooManyObjects           | STALLED   | more than a GitSync holds, in Git or of what left it; nothing is applied |
| NonFastForward           | STALLED   | the branch was rewritten; the message names the annotation that allows it |
| SecretNotFound           | STALLED   | spec.repo.secretRef |
| SecretNotAllowed         | STALLED   | the Secret does not name this host, or may not be read |
| reasons of a SourceError | STALLED or RETRYING | see `core.git.source`; RETRYING for what passes by itself |
| TransientError, Throttled, ReplyLost, Stale, ApiUnavailable | RETRYING | the Kubernetes API |

Reasons of Drifted: DriftDetected (True), DriftFlapping (True: reverted too often to be reverted now), DriftCorrected (False,
readable for an hour).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from reconciler.core.conditions import (
    DRIFTED,
    READY,
    RECONCILING,
    STALLED,
    Condition,
    clip,
    find,
    moment,
    settle,
    stamp,
)
from reconciler.core.drift.policy import FLAPPING
from reconciler.core.git.source import Commit, Revision
from reconciler.core.git.webhooks import path_of
from reconciler.core.manifests.parse import Rejection, bounded
from reconciler.core.records.sync_entry import SyncEntry
from reconciler.core.resource import Key, Resource
from reconciler.core.values import Json, JsonObject

REJECTED_SHOWN = 50
UNPRUNED_SHOWN = 100
HISTORY = 10
CORRECTED_FOR = timedelta(hours=1)
"""How long a correction stays readable in the Drifted condition."""
_OURS = frozenset({READY, RECONCILING, STALLED, DRIFTED})


class SyncVerdict(Enum):
    """How a pass of a GitSync ended."""

    SUCCEEDED = "Succeeded"
    WORKING = "Working"
    RETRYING = "Retrying"
    STALLED = "Stalled"
    SUSPENDED = "Suspended"


@dataclass(frozen=True)
class SyncOutcome:
    """How a pass ended, for people and for kstatus. The table of reasons is above."""

    verdict: SyncVerdict
    reason: str
    message: str = ""


@dataclass(frozen=True)
class Drift:
    """What this pass found, as texts that hold paths and names alone."""

    edited: tuple[str, ...] = ()
    """Edits in the cluster that stay, and below those that were reverted too often."""
    fought: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """Objects that differ in SageMaker."""
    corrected: tuple[str, ...] = ()


@dataclass(frozen=True)
class Work:
    """What a pass did for a revision, for the history."""

    commit: Commit
    started: datetime
    applied: int = 0
    pruned: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Counts:
    """`status.objects`."""

    total: int = 0
    ready: int = 0
    failed: int = 0
    drifted: int = 0
    rejected: int = 0
    waiting: int = 0
    """Of those that are not ready: how many a person must help (`core.waits`)."""

    def record(self) -> dict[str, Json]:
        """As status has it; who waits is said where somebody does."""
        said = vars(self)
        return {key: value for key, value in said.items() if value or key != "waiting"}


@dataclass(frozen=True)
class Failing:
    """An applied object that failed, or that a person must help, and where it stands in Git."""

    key: Key
    path: str
    line: int
    reason: str

    def record(self) -> dict[str, Json]:
        """As an entry of `status.failing`."""
        return {
            "kind": self.key.kind,
            "name": self.key.name,
            "path": self.path,
            "line": self.line,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class SyncReport:
    """Everything a status is made of. What is None is carried over from the status before."""

    outcome: SyncOutcome
    generation: int
    """Of the spec that was acted on; the object may have moved on meanwhile."""
    attempted: Revision | None = None
    applied: Revision | None = None
    inventory: Sequence[str] | None = None
    counts: Counts | None = None
    rejected: Sequence[Rejection] | None = None
    handled: str | None = None
    failing: Sequence[Failing] | None = None
    unpruned: Sequence[Key] = ()
    """What left Git and waits for an approval of the revision that was attempted."""
    approved: str | None = None
    drift: Drift | None = None
    work: Work | None = None
    extra: JsonObject = field(default_factory=dict)


def render(sync: Resource, report: SyncReport, now: datetime) -> dict[str, Json]:
    """The whole status of a GitSync after a pass."""
    past = sync.status
    verdict = report.outcome.verdict
    status = {
        **past,
        "conditions": _conditions(sync, report, now),
        "lastAttemptedRevision": _text(report.attempted) or past.get("lastAttemptedRevision"),
        "lastAppliedRevision": _text(report.applied) or past.get("lastAppliedRevision"),
        "shortRevision": _short(report.applied) or past.get("shortRevision"),
        "pruneApproval": _approval(report),
        "lastHandledReconcileAt": report.handled or past.get("lastHandledReconcileAt"),
        "inventory": past.get("inventory") if report.inventory is None else list(report.inventory),
        "objects": past.get("objects") if report.counts is None else report.counts.record(),
        "failing": past.get("failing") if report.failing is None else _failing(report.failing),
        "rejected": past.get("rejected") if report.rejected is None else shown(report.rejected),
        "history": remember(past.get("history") or (), report, now),
        "webhookPath": path_of(sync) if sync.spec.get("webhook") else None,
        **report.extra,
    }
    if report.approved:
        status["handled"] = {**(past.get("handled") or {}), "approvePrune": report.approved}
    if verdict in (SyncVerdict.SUCCEEDED, SyncVerdict.STALLED, SyncVerdict.SUSPENDED):
        status["observedGeneration"] = report.generation
    return {key: value for key, value in status.items() if value not in (None, "", [], {})}


def shown(rejected: Sequence[Rejection]) -> list[dict[str, Json]]:
    """As `status.rejected` lists them, empty members left out."""
    return [
        {
            key: value
            for key, value in (
                ("path", fault.path),
                ("line", fault.line),
                ("kind", fault.kind),
                ("name", fault.name),
                ("reason", fault.reason),
                ("message", clip(fault.message)),
            )
            if value
        }
        for fault in bounded(rejected, REJECTED_SHOWN)
    ]


def remember(history: Sequence[JsonObject], report: SyncReport, now: datetime) -> list[dict[str, Json]]:
    """Newest first, one entry per revision in a row: a later pass over the same revision completes its entry."""
    work, past = report.work, [dict(entry) for entry in history]
    if work is None or report.attempted is None:
        return past
    entry = SyncEntry(
        str(report.attempted),
        work.commit.sha,
        work.commit.author,
        work.commit.subject,
        stamp(work.started),
        stamp(now),
        _RESULTS[report.outcome.verdict],
        clip(report.outcome.message),
        work.applied,
        work.pruned,
        work.failed,
    )
    before = SyncEntry.parse(past[0]) if past else None
    if before is not None and before.revision == entry.revision:
        if before.result == entry.result and not (work.applied or work.pruned):
            return past
        past = past[1:]
        entry = replace(
            entry,
            started_at=before.started_at or entry.started_at,
            applied=before.applied + entry.applied,
            pruned=before.pruned + entry.pruned,
        )
    return [entry.record(), *past][:HISTORY]


_RESULTS = {
    SyncVerdict.SUCCEEDED: "Succeeded",
    SyncVerdict.WORKING: "Running",
    SyncVerdict.RETRYING: "Failed",
    SyncVerdict.STALLED: "Failed",
    SyncVerdict.SUSPENDED: "Suspended",
}


def _conditions(sync: Resource, report: SyncReport, now: datetime) -> list[dict[str, Json]]:
    past = sync.status.get("conditions") or ()
    new = _judged(past, report.outcome)
    if drifted := _drifted(past, report, now):
        new.append(drifted)
    foreign = [dict(condition) for condition in past if condition.get("type") not in _OURS]
    return [*settle(past, new, report.generation, now), *foreign]


def _judged(past: Sequence[JsonObject], outcome: SyncOutcome) -> list[Condition]:
    reason, message = outcome.reason, outcome.message
    match outcome.verdict:
        case SyncVerdict.SUCCEEDED:
            return [Condition(READY, "True", reason, message)]
        case SyncVerdict.WORKING:
            return [Condition(READY, "Unknown", reason, message), Condition(RECONCILING, "True", reason, message)]
        case SyncVerdict.RETRYING:
            return [
                Condition(READY, "False", reason, message),
                Condition(RECONCILING, "True", "ProgressingWithRetry", message),
            ]
        case SyncVerdict.STALLED:
            return [Condition(READY, "False", reason, message), Condition(STALLED, "True", reason, message)]
        case SyncVerdict.SUSPENDED:
            ready = find(past, READY) or {}
            # Not Reconciling: nobody is at work, and a watcher must not wait for what will not come.
            return [Condition(READY, str(ready.get("status") or "Unknown"), reason, message)]


def _drifted(past: Sequence[JsonObject], report: SyncReport, now: datetime) -> Condition | None:
    """True while edits stand; after a correction False for an hour, so that people can read what happened."""
    before = find(past, DRIFTED)
    if report.drift is None:
        return None if before is None else Condition(DRIFTED, before["status"], before["reason"], before["message"])
    stands = {
        "reverted too often, left alone for now: ": report.drift.fought,
        "edited in the cluster: ": report.drift.edited,
        "in SageMaker: ": report.drift.elsewhere,
    }
    if any(stands.values()):
        reason = FLAPPING if report.drift.fought else "DriftDetected"
        message = "; ".join(what + "; ".join(texts) for what, texts in stands.items() if texts)
        return Condition(DRIFTED, "True", reason, message)
    if report.drift.corrected:
        return Condition(
            DRIFTED, "False", "DriftCorrected", f"{stamp(now)} reverted: " + "; ".join(report.drift.corrected)
        )
    if before is None or before.get("reason") != "DriftCorrected":
        return None
    corrected_at = str(before.get("message", "")).partition(" ")[0]
    if _age(corrected_at, now) > CORRECTED_FOR:
        return None
    return Condition(DRIFTED, "False", "DriftCorrected", before["message"])


def _age(text: str, now: datetime) -> timedelta:
    try:
        return now - moment(text)
    except (ValueError, TypeError):
        return timedelta.max


def _failing(found: Sequence[Failing]) -> list[dict[str, Json]]:
    return [one.record() for one in found[:REJECTED_SHOWN]]


def _approval(report: SyncReport) -> dict[str, Json] | None:
    """What an approval would delete: the first objects by name, and how many there are."""
    if not report.unpruned or report.attempted is None:
        return None
    listed = [f"{key.kind}/{key.name}" for key in report.unpruned[:UNPRUNED_SHOWN]]
    return {"revision": str(report.attempted), "total": len(report.unpruned), "objects": listed}


def _short(revision: Revision | None) -> str:
    """For a column: `main@1a2b3c4`."""
    if revision is None:
        return ""
    return f"{revision.ref}@{revision.short}" if revision.ref else revision.short


def _text(revision: Revision | None) -> str:
    return str(revision) if revision else ""
