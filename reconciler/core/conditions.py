"""Conditions as metav1.Condition, such that kstatus (Flux, Argo CD, `kubectl wait`) reads them right.

`Ready` is always there. `Reconciling`, `Stalled` and `Drifted` are abnormal-true: absent when false (K8S-2).
Stalled=True means failed, Reconciling=True means in progress, otherwise Ready decides (K8S-1, K8S-3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.core.values import Json, JsonObject

MESSAGE_LIMIT = 300

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
DRIFTED = "Drifted"
HEALTHY = "Healthy"

_ORDER = (READY, RECONCILING, STALLED, HEALTHY, DRIFTED)


@dataclass(frozen=True)
class Condition:
    """A metav1.Condition before it is settled: without its generation and transition time."""

    type: str
    status: str
    """"True", "False" or "Unknown"."""
    reason: str
    message: str = ""


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, the form of every time in status."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """A time of status, with its zone. Raises ValueError for what is none.

    The API server takes `t` and `z` as well, as RFC 3339 does, and offsets that no zone has; those are refused here.
    """
    found = datetime.fromisoformat(text.upper())
    if found.tzinfo is None:
        raise ValueError(f"a time without a zone: {text!r}")
    return found


def is_time(value: Json) -> bool:
    """Whether `moment` can read it."""
    try:
        return isinstance(value, str) and bool(moment(value))
    except ValueError:
        return False


def clip(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Text for a condition or an Event: control characters gone, cut by code points."""
    clean = "".join(c if c.isprintable() else " " for c in text).strip()
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def settle(
    old: Iterable[JsonObject], new: Sequence[Condition], generation: int, now: datetime
) -> list[dict[str, Json]]:
    """Render conditions; lastTransitionTime moves only when `status` flips, so a no-op pass writes nothing new."""
    before = {str(condition["type"]): condition for condition in well_formed(old)}
    rendered = []
    for condition in sorted(new, key=lambda c: (_ORDER.index(c.type) if c.type in _ORDER else len(_ORDER), c.type)):
        previous = before.get(condition.type)
        since = previous.get("lastTransitionTime") if previous and previous.get("status") == condition.status else None
        rendered.append(
            {
                "type": condition.type,
                "status": condition.status,
                "observedGeneration": generation,
                "lastTransitionTime": since if is_time(since) else stamp(now),
                "reason": condition.reason,
                "message": clip(condition.message),
            }
        )
    return rendered


def find(conditions: Iterable[JsonObject], kind: str) -> JsonObject | None:
    """The condition of a type, as it stands in status."""
    return next((condition for condition in well_formed(conditions) if condition["type"] == kind), None)


def well_formed(conditions: object) -> list[JsonObject]:
    """Of what stands in status in the place of conditions, what has a type."""
    listed = conditions if isinstance(conditions, (list, tuple)) else ()
    return [one for one in listed if isinstance(one, Mapping) and isinstance(one.get("type"), str)]
