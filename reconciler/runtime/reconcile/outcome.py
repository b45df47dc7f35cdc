"""How a pass ends: when to look again, and what each class of error means for the object. One table (`_MEANINGS`); pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.core.decision import Decision, Notice, Phase
from reconciler.core.errors import (
    CredentialsError,
    DeniedError,
    DependencyError,
    PreconditionError,
    QuotaError,
    ReconcileError,
    TerminalError,
    ThrottledError,
    UnknownRefusalError,
)
from reconciler.core.kind import Kind, Observed, Pass
from reconciler.core.status import kept
from reconciler.core.values import Status
from reconciler.runtime.reconcile.past import TERMINAL_LOOK, is_new

SLOW_LOOK = timedelta(minutes=1)
"""At what waits for a person who acts outside the spec."""
_CREDENTIALS_LOOK = timedelta(seconds=30)
"""The account is paused and probed for all of its objects at once; asking more often only costs time."""


@dataclass(frozen=True)
class Next:
    """When to look again, if nothing wakes the object earlier."""

    after: timedelta | None = None
    failed: bool = False
    """The queue's own backoff applies."""


@dataclass(frozen=True)
class Meaning:
    """Of an error, for the object that met it."""

    phase: Phase
    after: timedelta | None = None
    """None: the queue's backoff, or for a throttled call as long as AWS or the limiter says."""
    acts: str = "nobody"
    """Who has to do something before it can go on."""


_MEANINGS: tuple[tuple[type[ReconcileError], Meaning], ...] = (
    # A subclass stands before its base.
    (TerminalError, Meaning(Phase.STALLED, TERMINAL_LOOK, "whoever writes the spec")),
    (DeniedError, Meaning(Phase.STALLED, SLOW_LOOK, "the installer, who grants rights")),
    (CredentialsError, Meaning(Phase.WAITING, _CREDENTIALS_LOOK, "the installer, for the whole account")),
    (QuotaError, Meaning(Phase.WAITING, SLOW_LOOK, "the owner of the AWS account")),
    (DependencyError, Meaning(Phase.WAITING)),  # made moments ago, it appears by itself
    (PreconditionError, Meaning(Phase.WAITING, SLOW_LOOK, "whoever owns the role or bucket")),
    (UnknownRefusalError, Meaning(Phase.WAITING, acts="nobody knows")),  # ever later, up to an hour: core/refusals
    (ReconcileError, Meaning(Phase.WAITING)),
)


def meaning(error: ReconcileError) -> Meaning:
    """How it is shown, how soon it is worth another look, and who acts next."""
    found = next(means for kind, means in _MEANINGS if isinstance(error, kind))
    if isinstance(error, ThrottledError) and error.retry_after_s is not None:
        return replace(found, after=timedelta(seconds=error.retry_after_s))
    return found


def after_error(error: ReconcileError, sooner: timedelta | None = None) -> Next:
    """`sooner`: what the decision asks for where the rest of the object need not wait for a refusal that is for good."""
    after = (sooner if isinstance(error, TerminalError) else None) or meaning(error).after
    return Next(failed=True) if after is None else Next(after=after)


def shown(kind: Kind[Observed], this: Pass, error: ReconcileError, before: Decision, status: Status) -> Decision:
    """What is shown of an error, in conditions and in the archived operator's words."""
    text = str(error)
    return replace(
        before,
        phase=meaning(error).phase,
        reason=error.reason,
        message=text,
        status=kind.failing(kept(status), error),
        notices=(Notice("Warning", error.reason, text),) if is_new(this.resource, error) else (),
    )
