"""How an object is, in one word, as kstatus reads conditions; and whether its controller has seen all that was asked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.conditions import READY, STALLED, find
from reconciler.core.records.request import Handled
from reconciler.core.records.rollout import RolloutRecord
from reconciler.core.resource import Annotation, Resource
from reconciler.core.sync.spec import KIND as SYNC
from reconciler.core.sync.spec import requested
from reconciler.core.values import JsonObject
from reconciler.core.waits import waits_for_a_person

ROLLBACK_TO, ROLLBACK_UNTIL = Annotation.ROLLBACK_TO, Annotation.ROLLBACK_UNTIL
_SUSPENDED = "Suspended"


class Health(StrEnum):
    GOOD = "good"
    BUSY = "busy"
    BAD = "bad"
    PAUSED = "paused"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ObjectHealth:
    health: Health
    reason: str = ""
    message: str = ""
    ready: bool = False
    """Ready is True, and of the generation that is there now."""


def look(resource: Resource) -> ObjectHealth:
    conditions = resource.status.get("conditions") or ()
    ready = find(conditions, READY)
    if resource.deleting:
        return ObjectHealth(Health.BUSY, "Terminating", str((ready or {}).get("message") or ""))
    if ready is None:
        text = "no controller has looked at it yet; is `reconciler run` up?"
        return ObjectHealth(Health.UNKNOWN, "NotSeen", text)
    reason, message = str(ready.get("reason") or ""), str(ready.get("message") or "")
    is_ready = ready.get("status") == "True" and seen(resource)
    if suspended(resource):
        return ObjectHealth(Health.PAUSED, _SUSPENDED, message if reason == _SUSPENDED else "suspended", ready=is_ready)
    if _cannot_begin(resource, ready):
        return ObjectHealth(Health.BAD, reason, message)
    if not seen(resource):
        text = f"generation {resource.generation} was not looked at yet (before: {reason})"
        return ObjectHealth(Health.BUSY, "NotObserved", text)
    if _is_true(resource, STALLED) or waits_for_a_person(resource.status):
        return ObjectHealth(Health.BAD, reason, message)
    if is_ready:
        return ObjectHealth(Health.GOOD, reason, message, ready=True)
    return ObjectHealth(Health.BUSY, reason, message)


def _cannot_begin(resource: Resource, ready: JsonObject) -> bool:
    """A GitSync that cannot read its repository has observed nothing yet, and its condition is about this spec all the same."""
    current = int(ready.get("observedGeneration") or 0) >= resource.generation
    return resource.kind == SYNC and ready.get("status") == "False" and current


def seen(resource: Resource) -> bool:
    """Whether status is about the spec as it is now."""
    observed = resource.status.get("observedGeneration")
    return isinstance(observed, int) and observed >= resource.generation


def stalled(resource: Resource) -> bool:
    return _is_true(resource, STALLED)


def suspended(resource: Resource) -> bool:
    if resource.kind == SYNC:
        return bool(resource.spec.get("suspend"))
    return resource.suspended


def held(resource: Resource) -> str:
    """The id of the rollout that is held against Git, or that was asked for and is not taken up yet. The annotation stays
    when a hold is over.
    """
    asked = resource.annotations.get(ROLLBACK_TO, "")
    hold = RolloutRecord.parse(resource.status.get("rollout")).hold
    if hold:
        return str(hold.id)
    return "" if asked == Handled.parse(resource.status.get("handled")).rollback_to else asked.removeprefix("#")


def unheard(resource: Resource) -> list[str]:
    """Annotations by which something was asked for that no pass has taken up yet."""
    asked, annotations = requested(resource), resource.annotations
    handled = Handled.parse(resource.status.get("handled"))
    if resource.kind == SYNC:
        # One token is shown as handled, where two annotations may each hold one.
        return [Annotation.REQUESTED_AT] if asked and resource.status.get("lastHandledReconcileAt") not in asked else []
    acted_on = {
        Annotation.RETRY: handled.retry,
        Annotation.RUN: handled.run,
        ROLLBACK_TO: handled.rollback_to,
    }
    waiting = [key for key, token in acted_on.items() if annotations.get(key) and annotations[key] != token]
    return waiting + ([Annotation.REQUESTED_AT] if asked and handled.requested_at not in asked else [])


def _is_true(resource: Resource, kind: str) -> bool:
    condition = find(resource.status.get("conditions") or (), kind)
    return bool(condition and condition.get("status") == "True")


def condition_is_true(resource: Resource, kind: str) -> bool:
    """Any condition, of the generation that is there now."""
    return seen(resource) and _is_true(resource, kind)
