"""A `Pass` over a manifest, for decide tables: everything that a decision may depend on, and nothing that does I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from reconciler.adapters.service_model import load_shape
from reconciler.core.decision import Decision
from reconciler.core.drift.policy import Policy
from reconciler.core.kind import Identity, Kind, Pass
from reconciler.core.references import Snapshot
from reconciler.core.resource import Resource

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UID = "11111111-2222-4333-8444-555555555555"


def resource(manifest: Mapping[str, Any], status: Mapping[str, Any] | None = None, **metadata: Any) -> Resource:
    known = {"uid": UID, "generation": 1, **manifest["metadata"], **metadata}
    return Resource({**manifest, "metadata": known, "status": dict(status or {})})


def ready(manifest: Mapping[str, Any], **status: Any) -> Resource:
    """An object that is Ready for the spec it has."""
    conditions = [{"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": "2026-03-01T00:00:00Z"}]
    return resource(manifest, {**status, "conditions": conditions, "observedGeneration": 1})


def a_pass(
    kind: Kind[Any],
    manifest: Mapping[str, Any],
    past: Mapping[str, Any] | None = None,
    *,
    others: Any = None,
    **more: Any,
) -> Pass:
    """`deleting=True` and members of a Pass go by keyword."""
    deleting = {"deletionTimestamp": "2026-03-01T00:00:00Z"} if more.pop("deleting", False) else {}
    found = resource(manifest, past, **deleting)
    least: dict[str, Any] = {"on_change": "Reject", "drift": Policy(), "now": NOW}
    return Pass(
        kind=kind,
        resource=found,
        identity=Identity("lab"),
        spec=found.spec,
        shape=load_shape(kind.schema),
        past=found.status,
        others=others or Snapshot(),
        **least | more,
    )


def verbs(decision: Decision) -> list[str]:
    return [call.operation for call in decision.calls]
