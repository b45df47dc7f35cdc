"""The decisions that every step about a HostingDeployment may come to: to wait, or to say that it cannot go on."""

from __future__ import annotations

from reconciler.core.decision import Decision, Pace, Phase, Watch
from reconciler.core.kind import Pass
from reconciler.kinds.hosting.content import Wanted
from reconciler.kinds.hosting.state import State, identity, serves, status_of


def waiting(this: Pass, state: State, want: Wanted, reason: str, message: str, *, status: str = "") -> Decision:
    return Decision(
        Phase.WAITING,
        reason,
        message,
        status_of(this, state, want, status),
        watches=(Watch("Endpoint", identity(this), Pace.FAST),),
        healthy=serves(this),
    )


def stalled(this: Pass, state: State, want: Wanted | None, reason: str, message: str) -> Decision:
    return Decision(
        Phase.STALLED,
        reason,
        message,
        status_of(this, state, want, "", additional=message),
        watches=(Watch("Endpoint", identity(this), Pace.SLOW),) if state.endpoint.get("arn") else (),
        healthy=serves(this) if state.endpoint.get("arn") else None,
    )
