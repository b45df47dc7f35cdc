"""A request that the service refused: whether it is sent again, when, and what a person can do. Pure.

Refused for good it is not sent again until the spec or `retry` changes. Where nobody knows what the refusal means
(`UnknownRefusalError`) it is sent again, ever more slowly:

    15 s, 30 s, 1 min, 2 min, ... 1 h, 1 h, ...
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.core.conditions import clip, moment, stamp
from reconciler.core.errors import ReconcileError, TerminalError, UnknownRefusalError
from reconciler.core.kind import Pass
from reconciler.core.records.request import RefusedRequest
from reconciler.core.resource import Resource

__all__ = ["delay", "due_in", "refused", "way_out"]

_FIRST_DELAY = timedelta(seconds=15)
_LONGEST_DELAY = timedelta(hours=1)
_TEXT_MAX = 700
"""Of the service's own words: what can be done about them has its place in an Event as well."""


def way_out(resource: Resource) -> str:
    """The command that has a refused request sent once more, as it is."""
    return f"kubectl sagemaker retry {resource.kind.lower()}/{resource.name}"


def delay(attempts: int) -> timedelta:
    """How long after so many attempts the next one goes out."""
    doubled: int = 2 ** min(attempts - 1, 10)
    return min(_FIRST_DELAY * doubled, _LONGEST_DELAY)


def refused(this: Pass, error: ReconcileError, call: str = "") -> RefusedRequest | None:
    """What is remembered of a refusal; None where the error is none. `call` is the request's identity; empty: nothing could
    even be decided, for a look was refused.
    """
    generation, text = this.resource.generation, clip(str(error), _TEXT_MAX)
    if isinstance(error, TerminalError):
        if not call:
            return None
        return RefusedRequest(
            call, error.reason, f"{text}; to send it again as it is: {way_out(this.resource)}", generation
        )
    if not isinstance(error, UnknownRefusalError):
        return None
    before = RefusedRequest.parse(this.past.get("refused"))
    again = before.call == call and before.generation == generation and bool(before.retry_at)
    if again and due_in(before, this.now) > timedelta(0):
        return before  # something else woke the object
    attempts = before.attempts + 1 if again else 1
    at = this.now + delay(attempts)
    now = f", or now by: {way_out(this.resource)}" if call else ""
    message = f"{text}; what is meant by it is not known: tried {attempts} times, again at {stamp(at)}{now}"
    return RefusedRequest(call, error.reason, message, generation, attempts, stamp(at))


def due_in(known: RefusedRequest, now: datetime) -> timedelta:
    """How much longer a request that is tried again is delayed; zero when it may go."""
    return max(moment(known.retry_at) - now, timedelta(0)) if known.retry_at else timedelta(0)
