"""How a pass ends: when to look again, and what each class of error means for the object. One table; pure.

class                phase     who acts next                      next look
TerminalError        Stalled   whoever writes the spec            10 minutes, or a new spec
DeniedError          Stalled   the installer grants a right       1 minute
CredentialsError     Waiting   the installer, for the account     30 seconds
QuotaError           Waiting   the account's owner                1 minute
DependencyError      Waiting   nobody: it was made moments ago    the queue's backoff
PreconditionError    Waiting   whoever owns the role or bucket    1 minute
UnknownRefusalError  Waiting   nobody knows                       ever later, up to an hour (core/refusals)
ThrottledError       Waiting   nobody                             as long as it says, else the backoff
any other            Waiting   nobody                             the queue's backoff
"""

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
    """None: the queue's backoff."""


_MEANINGS: tuple[tuple[type[ReconcileError], Meaning], ...] = (
    # A subclass stands before its base.
    (TerminalError, Meaning(Phase.STALLED, TERMINAL_LOOK)),
    (DeniedError, Meaning(Phase.STALLED, SLOW_LOOK)),
    (CredentialsError, Meaning(Phase.WAITING, _CREDENTIALS_LOOK)),
    (QuotaError, Meaning(Phase.WAITING, SLOW_LOOK)),
    (DependencyError, Meaning(Phase.WAITING)),
    (PreconditionError, Meaning(Phase.WAITING, SLOW_LOOK)),
    (ReconcileError, Meaning(Phase.WAITING)),
)


def meaning(error: ReconcileError) -> Meaning:
    """Who acts next, as a phase, and how soon it is worth another look."""
    found = next(means for kind, means in _MEANINGS if isinstance(error, kind))
    if isinstance(error, ThrottledError) and error.retry_after_s is not None:
        return Meaning(found.phase, timedelta(seconds=error.retry_after_s))
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
