"""What the status before says to a pass: tokens that were not acted on yet, a request that stays refused, health as it was.

Pure. Called by the worker, which writes these records down.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from reconciler.core.conditions import HEALTHY, READY, find
from reconciler.core.decision import Decision, Phase, Refusal
from reconciler.core.drift.policy import HELD
from reconciler.core.errors import RateLimitedError, ReconcileError
from reconciler.core.kind import Pass
from reconciler.core.records.drift import DriftRecord
from reconciler.core.records.request import Handled, RefusedRequest
from reconciler.core.refusals import due_in
from reconciler.core.resource import Annotation, Resource
from reconciler.core.values import Status

TERMINAL_LOOK = timedelta(minutes=10)
"""At what was refused for good: reads go on, nothing is sent."""
_ONCE = {"retry": Annotation.RETRY, "rollbackTo": Annotation.ROLLBACK_TO}
"""What `Pass.tokens` calls the tokens that act once."""


def new_tokens(resource: Resource) -> dict[str, str]:
    """Tokens to act on: set, not handled yet, and not the first thing ever seen of the object."""
    if not resource.status:
        return {}
    before = _acted_on(resource)
    said = {name: resource.annotations.get(key, "") for name, key in _ONCE.items()}
    return {name: token for name, token in said.items() if token and token != before[name]}


def handled(this: Pass, *, decided: bool) -> Handled:
    """The tokens that were acted on. An error before anything was decided leaves those that act once for the next pass."""
    annotations, before = this.resource.annotations, _acted_on(this.resource)
    once = {
        name: before[name] if name in this.tokens and not decided else annotations.get(key, "")
        for name, key in _ONCE.items()
    }
    requested_at = annotations.get(Annotation.REQUESTED_AT) or annotations.get(Annotation.FLUX_REQUESTED_AT) or ""
    return Handled(requested_at, once["retry"], annotations.get(Annotation.RUN, ""), once["rollbackTo"])


def _acted_on(resource: Resource) -> dict[str, str]:
    """The last value of each token that acts once which was acted on, by its name in `Pass.tokens`."""
    before = Handled.parse(resource.status.get("handled"))
    return {"retry": before.retry, "rollbackTo": before.rollback_to}


def still_refused(this: Pass, *, decided: bool) -> RefusedRequest | None:
    """The record of a refused request, for as long as neither the spec nor `retry` asks for another look at it. One that is
    tried again is over once it went through, or once a look is answered where a look was refused.
    """
    refused = this.past.get("refused")
    if not refused or this.resource.deleting or (this.tokens.get("retry") and decided):
        return None
    found = RefusedRequest.parse(refused)
    if found.generation != this.resource.generation:
        return None
    answered = not found.call or any(reply.call.identity == found.call for reply in this.replies)
    return None if found.retry_at and answered and decided else found


class RefusedBefore(NamedTuple):
    """Why a decision's calls may not go out: one of them was refused already."""

    refusal: Refusal
    look: timedelta
    passing: bool = False
    """Sent again by itself."""

    def shown(self, decision: Decision) -> Decision:
        shown = decision.without_calls(self.refusal)
        return replace(shown, phase=Phase.WAITING) if self.passing else shown


def refused_before(decision: Decision, this: Pass) -> RefusedBefore | None:
    """What keeps the decision's calls back."""
    known = still_refused(this, decided=True)
    if known is None or not any(call.identity == known.call for call in decision.calls):
        return None
    refusal = Refusal(known.reason, known.message)
    if not known.retry_at:
        return RefusedBefore(refusal, TERMINAL_LOOK)
    left = due_in(known, this.now)
    return RefusedBefore(refusal, left, passing=True) if left > timedelta(0) else None


def as_before(past: Status) -> Decision:
    """What was known of health and drift; an error says nothing new about either."""
    healthy = find(past.get("conditions") or (), HEALTHY)
    return Decision(
        Phase.WAITING,
        "",
        healthy=None if healthy is None else healthy.get("status") == "True",
        differences=None,
        held=DriftRecord.parse(past.get("drift")).state == HELD,
    )


def is_new(resource: Resource, error: ReconcileError) -> bool:
    """Whether an error is worth an Event: the Ready condition does not name it yet."""
    if isinstance(error, RateLimitedError):
        return False  # our own doing, and over by itself
    ready = find(resource.status.get("conditions") or (), READY)
    return ready is None or ready.get("reason") != error.reason
