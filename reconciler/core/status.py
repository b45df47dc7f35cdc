"""The whole status of a custom resource, rendered in one place. We own status alone, so it is written whole.

    decision (phase, reason, the kind's own fields)  ┐
    drift on both sides (core/drift/record.py)       ├──> render ──> status
    what the worker remembers (`Bookkeeping`)        ┘

Legacy rule: empty strings and nulls are absent keys. Times are RFC 3339 UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.core.conditions import (
    DRIFTED,
    HEALTHY,
    READY,
    RECONCILING,
    STALLED,
    Condition,
    find,
    settle,
    stamp,
    well_formed,
)
from reconciler.core.decision import Decision, Phase
from reconciler.core.drift import record
from reconciler.core.drift.git_drift import GitDrift
from reconciler.core.drift.policy import Policy
from reconciler.core.records.drift import DriftRecord
from reconciler.core.records.record import unreadable
from reconciler.core.records.request import Handled, Intent, RefusedRequest
from reconciler.core.records.source import StatusSource
from reconciler.core.resource import Annotation, Resource
from reconciler.core.schema.shapes import Shape
from reconciler.core.values import Json, Status

SUSPENDED = "Suspended"
RENDERED = ("conditions", "observedGeneration", "source", "drift", "handled", "intent", "refused")
"""Members that are rendered here for every kind; all others are the kind's own, and `roleArn`."""
_AS_GIT_SAYS = GitDrift()


@dataclass(frozen=True)
class Bookkeeping:
    """What the worker remembers in status beside the decision."""

    handled: Handled = field(default_factory=Handled)
    intent: Intent | None = None
    """Of calls that are about to go out. None: what status says stays."""
    refused: RefusedRequest | None = None
    role: str | None = None
    """ARN of the role under which the pass works; "" the controller's own, None: not known, what status says stays."""
    made: bool = True
    """Whether anything of the object is in SageMaker, or was."""
    verified: datetime | None = None
    """When all that the decision is about was seen in SageMaker last."""


_NOTHING = Bookkeeping()


def conditions(decision: Decision) -> list[Condition]:
    """Ready, Reconciling, Stalled and Healthy of a decision; Drifted comes from the drift record."""
    reason, message = decision.reason, decision.message
    match decision.phase:
        case Phase.READY:
            rendered = [Condition(READY, "True", reason, message)]
        case Phase.STALLED:
            rendered = [Condition(READY, "False", reason, message), Condition(STALLED, "True", reason, message)]
        case _:
            rendered = [Condition(READY, "False", reason, message), Condition(RECONCILING, "True", reason, message)]
    if decision.healthy is not None:
        serving = Condition(HEALTHY, "True", "InService", "")
        rendered.append(serving if decision.healthy else Condition(HEALTHY, "False", reason, message))
    return rendered


def render(
    resource: Resource,
    decision: Decision,
    books: Bookkeeping = _NOTHING,
    *,
    policy: Policy,
    shape: Shape,
    now: datetime,
    git: GitDrift = _AS_GIT_SAYS,
) -> dict[str, Json]:
    """Status after a decision; `resource` has the status before it, `shape` says which values of the spec are secret."""
    past = resource.status
    before = past.get("conditions") or ()
    drifted = record.record(
        DriftRecord.parse(past.get("drift")), decision, policy, shape=shape, now=now, git=git, made=books.made
    )
    rendered = conditions(decision)
    if condition := record.condition(drifted, decision, policy, before, git):
        rendered.append(condition)
    status = pruned(
        {
            **decision.status,
            "source": source(resource).record(),
            "drift": drifted.record(),
            "handled": books.handled.record(),
            "intent": books.intent.record() if books.intent else past.get("intent"),
            "roleArn": past.get("roleArn") if books.role is None else books.role,
        }
    )
    if books.refused:
        status["refused"] = books.refused.record()
    if past.get("lastCheckTime"):
        status.setdefault("lastCheckTime", past["lastCheckTime"])  # see `last_checked`
    status["observedGeneration"] = resource.generation
    # Not pruned: metav1.Condition wants its message even when there is nothing to say.
    status["conditions"] = settle(before, rendered, resource.generation, now)
    return record.verified(status, past, books.verified)


def last_checked(status: Status, past: Status, now: datetime) -> dict[str, Json]:
    """`status` with the archived operator's `lastCheckTime`, which moves with anything else and never alone: an idle look
    writes nothing.
    """
    before = past.get("lastCheckTime")
    without = {key: value for key, value in status.items() if key != "lastCheckTime"}
    same = without == {key: value for key, value in past.items() if key != "lastCheckTime"}
    at = before if same else stamp(now)
    return {**without, "lastCheckTime": at} if at else without


def kept(status: Status) -> dict[str, Json]:
    """A kind's own members, without those that are rendered for all."""
    return {key: value for key, value in status.items() if key not in RENDERED}


def undecided(resource: Resource, decision: Decision, now: datetime) -> dict[str, Json]:
    """Status that cannot be read, with the decision's conditions: all of it stays to the letter, for whoever corrects it."""
    past = resource.status
    rendered = settle(past.get("conditions") or (), conditions(decision), resource.generation, now)
    return {**past, "conditions": rendered}


def suspended(resource: Resource, *, policy: Policy, shape: Shape, git: GitDrift, now: datetime) -> dict[str, Json]:
    """Status while the object is suspended: all of it stays, Ready says why nothing moves, and Drifted what differs from
    Git meanwhile.
    """
    past = resource.status
    was = find(past.get("conditions") or (), READY) or {}
    reason, message = SUSPENDED, f'suspended; remove the annotation {Annotation.SUSPEND}: "true" to go on'
    ready = Condition(READY, str(was.get("status") or "Unknown"), reason, message)
    before = past.get("conditions") or ()
    others = [
        Condition(c["type"], str(c.get("status")), str(c.get("reason")), str(c.get("message") or ""))
        for c in well_formed(before)
        if c["type"] not in (READY, RECONCILING, DRIFTED)
    ]
    looked_away = Decision(Phase.WAITING, "", differences=None)
    drifted = record.record(DriftRecord.parse(past.get("drift")), looked_away, policy, shape=shape, now=now, git=git)
    if condition := record.condition(drifted, looked_away, policy, before, git):
        others.append(condition)
    # The generation that was acted on last: an edit made meanwhile is not.
    observed = past.get("observedGeneration")
    generation = max(observed, 0) if isinstance(observed, int) else 0
    legible = not unreadable(DriftRecord.shape(), past.get("drift") or {})
    kept = {**past, "drift": drifted.record()} if legible and (past.get("drift") or git.edits) else past
    return {**kept, "conditions": settle(before, [ready, *others], generation, now)}


def deletion_refused(past: Status, reason: str, message: str, *, generation: int, now: datetime) -> dict[str, Json]:
    """Status of an object that is deleted and takes nothing with it: all of it stays, Ready says why."""
    before = past.get("conditions") or ()
    others = [
        Condition(c["type"], c["status"], c["reason"], c["message"])
        for c in before
        if c["type"] not in (READY, RECONCILING)
    ]
    return {
        **past,
        "conditions": settle(before, [Condition(READY, "False", reason, message), *others], generation, now),
    }


def handed_on(past: Status) -> dict[str, Json]:
    """What an object that comes back after it was deleted goes on from: all but what was said of the deleted one."""
    return {key: value for key, value in past.items() if key not in ("conditions", "observedGeneration", "intent")}


def source(resource: Resource) -> StatusSource:
    """Which commit this object came from, from the annotations of whoever synced it."""
    annotations = resource.annotations
    revision = annotations.get(Annotation.REVISION)
    if not revision:
        return StatusSource()
    commit = annotations.get(Annotation.COMMIT) or revision.rpartition(":")[2]
    return StatusSource(
        annotations.get(Annotation.REPO, ""),
        revision,
        commit[:7],
        commit,
        annotations.get(Annotation.AUTHOR, ""),
        annotations.get(Annotation.SUBJECT, ""),
        annotations.get(Annotation.PATH, ""),
        approximate=annotations.get(Annotation.APPROXIMATE) == "true",
    )


def pruned(value: Json) -> Json:
    """Without nulls, empty strings and empty containers, all the way down; times as text."""
    if isinstance(value, Mapping):
        return {key: kept for key, item in value.items() if (kept := pruned(item)) not in (None, "", {}, [])}
    if isinstance(value, (list, tuple)):
        return [pruned(item) for item in value]
    if isinstance(value, datetime):
        return stamp(value)
    return value


def is_ready(status: Status) -> bool:
    """Whether the Ready condition is True; says nothing about which generation."""
    ready = find(status.get("conditions") or (), READY)
    return bool(ready and ready.get("status") == "True")
