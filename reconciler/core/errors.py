"""What can go wrong, classed by what to do next.

ReconcileError
├── StaleError          the object moved since it was read: read again, decide again
├── NotFoundError       an answer as much as an error
├── ConflictError       the name is taken; whether by us is known by its tags
├── BusyError           the remote thing is changing; ask again when it settled
├── TransientError      passing fault, network, 5xx
│   ├── ThrottledError  slow down, for the whole account and operation
│   │   └── RateLimitedError  our own limiter kept the request back: nothing was sent, and a place in the line is kept
│   ├── CredentialsError  expired or unknown credentials: pause the whole account
│   └── LostReplyError  nobody knows whether the request was carried out
├── PreconditionError   the user must act outside the spec: role, bucket, a dependency just made
│   └── DependencyError a thing the call builds on is not there (yet)
│       └── NotInServiceError  an endpoint that is changing takes no scalable target
├── DeniedError         the controller's own rights do not suffice
├── QuotaError          an account limit is reached
└── TerminalError       the spec is wrong: no mutating call until it changes

Only adapters raise these from foreign exceptions, each translating its own world once. `reason` is the stable
CamelCase token shown in conditions and Events.
"""

from __future__ import annotations


class ReconcileError(Exception):
    """Base of everything that is expected to go wrong. The text is safe to show: no request ids, no secrets."""

    reason = "ReconcileFailed"


class StaleError(ReconcileError):
    reason = "Stale"


class NotFoundError(ReconcileError):
    reason = "NotFound"


class ConflictError(ReconcileError):
    reason = "AlreadyExists"


class BusyError(ReconcileError):
    reason = "RemoteBusy"


class TransientError(ReconcileError):
    reason = "TransientError"


class ThrottledError(TransientError):
    reason = "Throttled"
    retry_after_s: float | None = None
    """When the one who throttles (or our own limiter) says how long to hold back."""


class RateLimitedError(ThrottledError):
    """`retry_after_s` is when to ask again."""

    retry_after_s: float

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CredentialsError(TransientError):
    reason = "CredentialsInvalid"


class LostReplyError(TransientError):
    reason = "ReplyLost"


class PreconditionError(ReconcileError):
    reason = "PreconditionFailed"


class DependencyError(PreconditionError):
    reason = "DependencyNotFound"


class NotInServiceError(DependencyError):
    reason = "DependencyNotReady"


class DeniedError(ReconcileError):
    reason = "AccessDenied"


class QuotaError(ReconcileError):
    reason = "QuotaExceeded"


class TerminalError(ReconcileError):
    reason = "Rejected"

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        if reason:
            self.reason = reason
