"""What the status before says to a pass: tokens that were not acted on yet, a request that stays refused, health as it was.

Pure. Called by `worker`, which writes these records down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.conditions import HEALTHY, find
from reconciler.core.decision import Decision, Phase, Refusal
from reconciler.core.drift.policy import HELD
from reconciler.core.errors import HeldBackError, ReconcileError
from reconciler.core.kind import Pass
from reconciler.core.resource import Annotation, Resource

_ONCE = {"retry": Annotation.RETRY, "rollbackTo": Annotation.ROLLBACK_TO}
"""What `status.handled` calls the tokens that act once."""


def new_tokens(resource: Resource) -> dict[str, str]:
    """Tokens to act on: set, not handled yet, and not the first thing ever seen of the object."""
    if not resource.status:
        return {}
    before = resource.status.get("handled") or {}
    said = {name: resource.annotations.get(key, "") for name, key in _ONCE.items()}
    return {name: token for name, token in said.items() if token and token != before.get(name)}


def handled(this: Pass, *, decided: bool) -> dict[str, str]:
    """The tokens that were acted on. An error before anything was decided leaves those that act once for the next pass."""
    annotations = this.resource.annotations
    before = this.resource.status.get("handled") or {}
    tokens = {
        "requestedAt": annotations.get(Annotation.REQUESTED_AT) or annotations.get(Annotation.FLUX_REQUESTED_AT),
        "run": annotations.get(Annotation.RUN),
    }
    for name, key in _ONCE.items():
        tokens[name] = before.get(name) if name in this.tokens and not decided else annotations.get(key)
    return {name: token for name, token in tokens.items() if token}


def still_refused(this: Pass) -> Mapping[str, Any] | None:
    """The record of a refused request, for as long as neither the spec nor `retry` asks for another look at it."""
    refused = this.past.get("refused")
    if not refused or this.resource.deleting or (this.tokens.get("retry") and this.seen is not None):
        return None
    return refused if refused.get("generation") == this.resource.generation else None


def refused_before(decision: Decision, this: Pass) -> Refusal | None:
    refused = still_refused(this)
    if refused and any(call.identity == refused["call"] for call in decision.calls):
        return Refusal(str(refused["reason"]), str(refused["message"]))
    return None


def as_before(past: Mapping[str, Any]) -> Decision:
    """What was known of health and drift; an error tells nothing new about either."""
    healthy = find(past.get("conditions") or (), HEALTHY)
    return Decision(
        Phase.WAITING,
        "",
        healthy=None if healthy is None else healthy["status"] == "True",
        differences=None,
        held=(past.get("drift") or {}).get("state") == HELD,
    )


_RENDERED = ("conditions", "observedGeneration", "source", "drift", "handled", "intent", "refused")


def kept(status: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in status.items() if key not in _RENDERED}


def is_news(resource: Resource, error: ReconcileError) -> bool:
    if isinstance(error, HeldBackError):
        return False  # our own doing, and over by itself
    conditions = resource.status.get("conditions") or ()
    return not any(c["type"] == "Ready" and c["reason"] == error.reason for c in conditions)
