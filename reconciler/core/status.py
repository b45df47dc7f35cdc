"""The whole status of a custom resource, rendered from a decision. We own status alone, so it is written whole.

Legacy rule: empty strings and nulls are absent keys (facts of the archived operator, 2.11). Times are RFC 3339 UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconciler.core.conditions import DRIFTED, HEALTHY, READY, RECONCILING, STALLED, Condition, find, settle, stamp
from reconciler.core.decision import Decision, Phase
from reconciler.core.resource import Annotation, Resource

_DIFFERENCES_SHOWN = 20
SUSPENDED = "Suspended"
HELD = "Held"


def conditions(decision: Decision) -> list[Condition]:
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
    if decision.differences:
        paths = ", ".join(difference.path for difference in decision.differences[:3])
        rendered.append(
            Condition(DRIFTED, "True", decision.drift_reason, f"{len(decision.differences)} differ: {paths}")
        )
    return rendered


def render(
    resource: Resource, decision: Decision, *, drift_mode: str, handled: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    past = resource.status
    kept = pruned(
        {
            **decision.status,
            "source": source(resource),
            "drift": _drift(past.get("drift") or {}, decision, drift_mode, now),
            "handled": dict(handled),
        }
    )
    kept["observedGeneration"] = resource.generation
    # Not pruned: metav1.Condition wants its message even when there is nothing to say.
    kept["conditions"] = settle(past.get("conditions") or (), conditions(decision), resource.generation, now)
    return dict(kept)


def suspended(resource: Resource, now: datetime) -> dict[str, Any]:
    """Status while the object is suspended: all of it stays, and Ready says why nothing moves."""
    past = resource.status
    before = find(past.get("conditions") or (), READY)
    reason, message = SUSPENDED, f'suspended; remove the annotation {Annotation.SUSPEND}: "true" to go on'
    ready = Condition(READY, str((before or {}).get("status") or "Unknown"), reason, message)
    others = [
        Condition(c["type"], c["status"], c["reason"], c["message"])
        for c in past.get("conditions") or ()
        if c["type"] not in (READY, RECONCILING)
    ]
    # The generation that was acted on last: an edit made meanwhile is not.
    generation = int(past.get("observedGeneration") or 0)
    return {**past, "conditions": settle(past.get("conditions") or (), [ready, *others], generation, now)}


def source(resource: Resource) -> dict[str, Any] | None:
    """Which commit this object came from, from the annotations of whoever synced it."""
    annotations = resource.annotations
    revision = annotations.get(Annotation.REVISION)
    if not revision:
        return None
    commit = annotations.get(Annotation.COMMIT) or revision.rpartition(":")[2]
    return {
        "repo": annotations.get(Annotation.REPO),
        "revision": revision,
        "shortRevision": commit[:7],
        "commit": commit,
        "author": annotations.get(Annotation.AUTHOR),
        "subject": annotations.get(Annotation.SUBJECT),
        "path": annotations.get(Annotation.PATH),
        "approximate": annotations.get(Annotation.APPROXIMATE) == "true" or None,
    }


def _drift(past: Mapping[str, Any], decision: Decision, mode: str, now: datetime) -> dict[str, Any]:
    if not decision.differences:
        return {"mode": mode, "state": HELD if decision.held else "InSync"}
    return {
        "mode": mode,
        "state": "Drifted",
        "since": past["since"] if past.get("state") == "Drifted" and past.get("since") else stamp(now),
        "differences": [
            {"plane": d.plane, "path": d.path, "desired": d.desired, "live": d.live}
            for d in decision.differences[:_DIFFERENCES_SHOWN]
        ],
    }


def pruned(value: Any) -> Any:
    """Without nulls, empty strings and empty containers, all the way down; times as text."""
    if isinstance(value, Mapping):
        return {key: kept for key, item in value.items() if (kept := pruned(item)) not in (None, "", {}, [])}
    if isinstance(value, (list, tuple)):
        return [pruned(item) for item in value]
    if isinstance(value, datetime):
        return stamp(value)
    return value


def is_ready(status: Mapping[str, Any]) -> bool:
    ready = find(status.get("conditions") or (), READY)
    return bool(ready and ready.get("status") == "True")
