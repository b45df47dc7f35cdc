"""What the worker remembers of its own doing, for every kind: calls about to go out, a call that was refused, tokens acted on."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.records.record import Record, Time

__all__ = ["Handled", "Intent", "RefusedRequest"]


@dataclass(frozen=True)
class Intent(Record):
    """`status.intent`: written before each call, so that a crash between any two of them starts nothing twice."""

    at: Time = ""
    """When they were about to be sent."""
    by: str = ""
    """The replica that sends them."""
    calls: tuple[str, ...] = ()
    """Operation and name of each, for people."""


@dataclass(frozen=True)
class RefusedRequest(Record):
    """`status.refused`: a call that was refused. An equal one is not sent again until the spec or `retry` changes, or until
    `retry_at` where nobody knows what the refusal means.
    """

    call: str = ""
    """Digest of the request, without tags."""
    reason: str = ""
    """SageMaker's error code, or this service's reason."""
    message: str = ""
    """What the refusal says."""
    generation: int = 0
    """Of the spec that was refused."""
    attempts: int = 0
    """Of one that is tried again: how often it was refused so far."""
    retry_at: Time = ""
    """Of one that is tried again: when; unset where it was refused for good."""


@dataclass(frozen=True)
class Handled(Record):
    """`status.handled`: the last token of each annotation that was acted on."""

    closed = True

    requested_at: str = ""
    """Of `requestedAt`: look again now."""
    retry: str = ""
    """Of `retry`: try again what was refused or quarantined."""
    run: str = ""
    """Of `run`: run a job once more."""
    rollback_to: str = ""
    """Of `rollback-to`: go to an earlier rollout and hold it."""
