"""What the rest of the project reads of a HostingDeployment's status: its objects in SageMaker, and what serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.aws.remote import RemoteKind
from reconciler.core.kind import Shown
from reconciler.core.records.content import Content
from reconciler.core.records.history import History, HistoryEntry
from reconciler.core.records.remote_object import EndpointRecord, Part, RemoteObject, by_name
from reconciler.core.records.rollout import RolloutRecord
from reconciler.core.schema.reference import Given, Provider
from reconciler.core.values import Status

__all__ = ["ENDPOINT", "ENDPOINT_NAME", "MODELS", "records", "serving_entry", "serving_hash", "shown"]

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
    """Every object in SageMaker that status names: the endpoint first, then models, then configurations."""
    # Not `RolloutRecord.attempt`: a request of which nothing but its time is known may have been received all the same.
    requested = bool((status.get("rollout") or {}).get("requestedAt"))
    endpoint = (_RequestedEndpoint if requested else EndpointRecord).parse(status.get("endpoint"))
    parts = (Part.parse(one) for key in ("models", "configs") for one in status.get(key) or ())
    return (endpoint, *parts)


# --- references -------------------------------------------------------------------------------------------------------


def _models(status: Status) -> Mapping[str, Given]:
    pairs = status.get("modelNames")
    listed = pairs if isinstance(pairs, (list, tuple)) else ()
    return {str(one.get("name")): Given(str(one.get("value"))) for one in listed if isinstance(one, Mapping)}


MODELS = Provider(
    _models, choice="model", choice_doc="Which of a HostingDeployment's models; needed where it has several."
)


def _endpoint(status: Status) -> Mapping[str, Given] | str:
    name = str(status.get("endpointName") or "")
    return {"": Given(name)} if name else "has no endpoint yet"


ENDPOINT_NAME = Provider(_endpoint)
"""Its endpoint's name in SageMaker."""


# --- for people -------------------------------------------------------------------------------------------------------


def shown(status: Status) -> Iterator[Shown]:
    """The endpoint with what SageMaker does to it, and the configuration that serves with its history id."""
    if not status.get("endpointName"):
        return
    yield Shown("Endpoint", str(status["endpointName"]), str(status.get("endpointStatus") or ""), _stage(status))
    if status.get("endpointConfigName"):
        entry = serving_entry(status)
        yield Shown("EndpointConfig", str(status["endpointConfigName"]), "serves", f"#{entry.id}" if entry else "")


def _stage(status: Status) -> str:
    attempt = RolloutRecord.parse(status.get("rollout")).attempt
    return attempt.stage if attempt and attempt.stage != status.get("endpointStatus") else ""


def serving_entry(status: Status) -> HistoryEntry | None:
    """The history entry of what serves: the newest success of the content that is live."""
    history, live = History.parse(status.get("history")), serving_hash(status)
    if live:
        return next((entry for entry in history.succeeded if entry.hash == live), None)
    config = str(status.get("endpointConfigName") or "")
    return history.served_by(config) if config else None


def serving_hash(status: Status) -> str:
    """The live configuration's content; what the last finished rollout says when the configuration is not known by name."""
    config = status.get("endpointConfigName")
    known = [entry.content for entry in History.parse(status.get("history")).entries]
    known += [Content(part.hash, part.name) for part in by_name(status.get("configs")).values()]
    found = next((content.hash for content in known if config == content.config and content.hash), "")
    return found or RolloutRecord.parse(status.get("rollout")).current_hash
