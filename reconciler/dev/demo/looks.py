"""What a scene waits to see in an object: predicates over it as `kubectl get -o json` prints it ({}: it is not there)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Found = Mapping[str, Any]
Look = Callable[[Found], bool]


def condition(found: Found, kind: str) -> str:
    """True, False, Unknown, or empty where there is no such condition."""
    conditions = found.get("status", {}).get("conditions", [])
    return next((str(one["status"]) for one in conditions if one["type"] == kind), "")


def ready(found: Found) -> bool:
    current = found.get("metadata", {}).get("generation") == found.get("status", {}).get("observedGeneration")
    return bool(current) and condition(found, "Ready") == "True"


def ready_at(commit: str) -> Look:
    """Ready with the content of that commit."""
    return lambda found: ready(found) and found["status"].get("source", {}).get("shortRevision") == commit


def quarantined(found: Found) -> bool:
    """The old content serves, the new one is refused, and nothing is under way."""
    states = {kind: condition(found, kind) for kind in ("Healthy", "Ready", "Stalled", "Reconciling")}
    return states == {"Healthy": "True", "Ready": "False", "Stalled": "True", "Reconciling": ""}


def baking_canary(found: Found) -> bool:
    stage = str(found.get("status", {}).get("rollout", {}).get("stage", ""))
    return "canary" in stage and "baking" in stage


def drift(found: Found) -> str:
    """The Drift column."""
    return str(found.get("status", {}).get("drift", {}).get("state", ""))


def corrected(before: Found) -> Look:
    """Ready, and something was corrected since the object looked as before."""
    known = _corrections(before)
    return lambda found: ready(found) and drift(found) == "Corrected" and _corrections(found) > known


def _corrections(found: Found) -> int:
    return int(found["status"].get("drift", {}).get("corrected", {}).get("count", 0))


def gone(found: Found) -> bool:
    return not found
