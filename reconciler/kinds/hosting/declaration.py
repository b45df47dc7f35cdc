"""What the rest of the project reads of a HostingDeployment's status: its objects in SageMaker, and what serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.aws.remote import RemoteKind
from reconciler.core.kind import Shown
from reconciler.core.records.remote_object import EndpointRecord, Part, RemoteObject
from reconciler.core.schema.reference import Given, Provider
from reconciler.core.values import JsonObject, Status

__all__ = ["ENDPOINT", "MODELS", "records", "serving_entry", "serving_hash", "shown"]

ENDPOINT = RemoteKind(
    "Endpoint", "Endpoints", "EndpointStatus", arn_type="endpoint", moved_by=("EndpointStatus", "LastModifiedTime")
)


@dataclass(frozen=True)
class _RequestedEndpoint(EndpointRecord):
    """A create or update of it went out, which may have been received."""

    @property
    def requested(self) -> bool:
        return True


def records(status: Status) -> tuple[RemoteObject, ...]:
    requested = bool((status.get("rollout") or {}).get("requestedAt"))
    endpoint = (_RequestedEndpoint if requested else EndpointRecord).parse(status.get("endpoint"))
    parts = (Part.parse(one) for key in ("models", "configs") for one in status.get(key) or ())
    return (endpoint, *parts)


# --- references -------------------------------------------------------------------------------------------------------


def _models(status: Status) -> Mapping[str, Given]:
    return {str(pair.get("name")): Given(str(pair.get("value"))) for pair in status.get("modelNames") or ()}


MODELS = Provider(
    _models, choice="model", choice_doc="Which of a HostingDeployment's models; needed where it has several."
)


# --- for people -------------------------------------------------------------------------------------------------------


def shown(status: Status) -> Iterator[Shown]:
    if not status.get("endpointName"):
        return
    yield Shown("Endpoint", str(status["endpointName"]), str(status.get("endpointStatus") or ""), _stage(status))
    if status.get("endpointConfigName"):
        entry = serving_entry(status)
        yield Shown("EndpointConfig", str(status["endpointConfigName"]), "serves", f"#{entry['id']}" if entry else "")


def _stage(status: Status) -> str:
    rollout = status.get("rollout") or {}
    stage = str(rollout.get("stage") or "")
    return stage if rollout.get("requestedAt") and stage != status.get("endpointStatus") else ""


def serving_entry(status: Status) -> JsonObject | None:
    """The history entry of what serves: the newest success of the content that is live."""
    found = serving_hash(status)
    entries = [entry for entry in status.get("history") or () if entry.get("result") == "Succeeded"]
    if found:
        return next((entry for entry in entries if entry.get("hash") == found), None)
    config = status.get("endpointConfigName")
    return next((entry for entry in entries if config and entry.get("endpointConfigName") == config), None)


def serving_hash(status: Status) -> str:
    """The live configuration's content; what the last finished rollout says when the configuration is not known by name."""
    config = status.get("endpointConfigName")
    known = (*(status.get("history") or ()), *(status.get("configs") or ()))
    keys = ("endpointConfigName", "name")
    for record in known:
        if config and record.get("hash") and config in (record.get(key) for key in keys):
            return str(record["hash"])
    return str((status.get("rollout") or {}).get("currentHash") or "")
