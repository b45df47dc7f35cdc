"""What can go wrong, classed by what to do next.

ReconcileError
├── StaleError          the object moved since it was read: read again, decide again
├── NotFoundError       an answer as much as an error
├── ConflictError       the name is taken; whether by us is known by its tags
├── BusyError           the remote object is changing; ask again when it settled
├── TransientError      passing fault, network, 5xx
│   ├── OldLookError    the service showed an older state than is known already
│   ├── ThrottledError  slow down, for the whole account and operation
│   │   └── RateLimitedError  our own limiter kept the request back: nothing was sent, and a place in the line is kept
│   ├── CredentialsError  expired or unknown credentials: pause the whole account
│   └── LostReplyError  nobody knows whether the request was carried out
├── PreconditionError   the user must act outside the spec: role, bucket, a dependency just made
│   └── DependencyError an object the call builds on is not there (yet)
│       └── NotInServiceError  an endpoint that is changing takes no scalable target
├── DeniedError         the controller's own rights do not suffice
├── QuotaError          an account limit is reached
├── UnknownRefusalError refused in words of which nothing is known: tried again ever more slowly
└── TerminalError       the spec is wrong: no mutating call until it changes

Only adapters raise these from foreign exceptions, each translating its own world once. `reason` is the stable
CamelCase token shown in conditions and Events.
"""

from __future__ import annotations

import copy
from typing import Self


class ReconcileError(Exception):
    """Base of everything that is expected to go wrong. The text is safe to show: no request ids, no secrets."""

    reason = "ReconcileFailed"

    def saying(self, text: str) -> Self:
        """The same error in other words."""
        said = copy.copy(self)
        said.args = (text,)
        return said


class StaleError(ReconcileError):
    """A conditional write met another version."""

    reason = "Stale"


class NotFoundError(ReconcileError):
    """The service says that it is not there."""

    reason = "NotFound"


class ConflictError(ReconcileError):
    """The name is taken; by whom, its tags say."""

    reason = "AlreadyExists"


class BusyError(ReconcileError):
    """Not now: it is changing."""

    reason = "RemoteBusy"


class TransientError(ReconcileError):
    """It may work in a moment."""

    reason = "TransientError"


class ThrottledError(TransientError):
    """Too many requests; nothing was carried out."""

    reason = "Throttled"
    retry_after_s: float | None = None
    """When the one who throttles (or our own limiter) says how long to wait."""


class RateLimitedError(ThrottledError):
    """`retry_after_s` is when to ask again."""

    retry_after_s: float

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CredentialsError(TransientError):
    """Of the whole account: one probe goes on for all of its objects."""

    reason = "CredentialsInvalid"


class LostReplyError(TransientError):
    """It may have been carried out: never just repeated."""

    reason = "ReplyLost"


class OldLookError(TransientError):
    """Believed, it would undo what is known: asked again in a moment."""

    reason = "OldLook"


class PreconditionError(ReconcileError):
    """Tried again about once a minute."""

    reason = "PreconditionFailed"


class DependencyError(PreconditionError):
    """Tried again soon."""

    reason = "DependencyNotFound"


class NotInServiceError(DependencyError):
    """The endpoint is not InService: it cannot be scaled now."""

    reason = "DependencyNotReady"


class DeniedError(ReconcileError):
    """A right is missing; the message names the operation."""

    reason = "AccessDenied"


class QuotaError(ReconcileError):
    """An account's limit; only its owner can raise it."""

    reason = "QuotaExceeded"


class UnknownRefusalError(ReconcileError):
    """Nobody knows what is meant: not carried out, and neither for good nor known to pass."""

    reason = "RefusalUnknown"


class TerminalError(ReconcileError):
    """Refused for good; `reason` may be more precise than the class's."""

    reason = "Rejected"

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        if reason:
            self.reason = reason
