"""A decision is a value: printed by plan, asserted in tests, written to status, carried out unchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from typing import Literal, NamedTuple

from reconciler.core.naming import digest
from reconciler.core.resource import Resource
from reconciler.core.values import Answer, Json, Params, Status


class Phase(Enum):
    """How far along an object is; conditions are rendered from it and from nothing else."""

    READY = "Ready"
    ACTING = "Acting"
    WAITING = "Waiting"
    STALLED = "Stalled"
    RELEASED = "Released"
    """Nothing is left to do in AWS: the finalizer goes."""


@dataclass(frozen=True)
class Call:
    """One mutating AWS request with literal parameters."""

    operation: str
    params: Params
    best_effort: bool = False
    """A mirror of what status holds anyway: refused for good, it is logged and the pass goes on."""

    @property
    def identity(self) -> str:
        """Equal for a request that would say the same thing again; tags do not count."""
        return digest([self.operation, {key: value for key, value in self.params.items() if key != "Tags"}])


@dataclass(frozen=True)
class Reply:
    """What came of a call in this very pass."""

    call: Call
    answer: Answer
    refused: bool = False
    """A best-effort call that was left out: the service would not have it."""


@dataclass(frozen=True)
class Notice:
    """A Kubernetes Event, emitted after the status that goes with it was written."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


class Pace(Enum):
    """How soon a remote object may move: the observer's interval follows."""

    FAST = "fast"
    SLOW = "slow"


@dataclass(frozen=True)
class Watch:
    """A remote object whose movement shall wake this object."""

    remote: str
    """SageMaker's own word: TrainingJob, Endpoint, ..."""
    name: str
    pace: Pace


@dataclass(frozen=True)
class Difference:
    """One drifted place. Paths are JSON Pointers into the resource. Values are texts, or what stands there as it is; one that
    may hold a secret is masked when it is shown.
    """

    plane: Literal["git", "sagemaker"]
    path: str
    desired: Json
    live: Json
    by: str = ""
    """Of an edit in the cluster: the field manager that wrote it, and when."""
    at: str = ""
    gone: bool = False
    """The whole object was deleted, not only changed."""
    careful: bool = False
    """A capacity or a weight, which others have reasons to move: corrected only where Correct was written out."""
    stuck: str = ""
    """Why this is never corrected, and what a person can do about it."""

    @property
    def reason(self) -> str:
        """Of the Drifted condition, for drift in SageMaker."""
        return "ExternallyDeleted" if self.gone else "ExternallyModified"


class Refusal(NamedTuple):
    """Why calls may not go out: a reason for conditions, and a message for people."""

    reason: str
    message: str


REFUSAL_MESSAGE = "(refusal)"
"""Stands for the refusal's message as a member of the status of what is shown in a decision's place (`Decision.unsent`)."""


@dataclass(frozen=True)
class Decision:
    """What goes out, and what is shown; and, where calls go out, what is shown when they may not (`unsent`)."""

    phase: Phase
    reason: str
    message: str = ""
    status: Status = field(default_factory=dict)
    """The kind's own status fields, whole: legacy fields and records. Conditions and drift are added by `core.status`."""
    calls: tuple[Call, ...] = ()
    notices: tuple[Notice, ...] = ()
    watches: tuple[Watch, ...] = ()
    differences: tuple[Difference, ...] | None = ()
    """What is not as it should be, whether or not it is corrected. None: nothing was looked at. Of a decision that waits or
    acts, none found says as little.
    """
    unseen: tuple[str, ...] = ()
    """JSON Pointers at and below which this decision did not look: what was reported of them before stands."""
    corrects: tuple[str, ...] = ()
    """Paths of differences that the calls correct; they count as corrected when a later look no longer finds them."""
    unknown_drift: str = ""
    """Why nobody can say that nothing drifted."""
    held: bool = False
    """Other content than Git's serves on purpose: said as `Held` where nothing drifted."""
    healthy: bool | None = None
    """Only for what serves: whether it serves now, whatever Ready says."""
    children: tuple[Resource, ...] = ()
    """Objects that shall stand for what SageMaker made on behalf of this one; they go with it."""
    look_again: timedelta | None = None
    """A deadline of the decision's own; movement of what is watched wakes it anyway."""
    unsent: Decision | None = None
    """What is shown when the calls may not go out, without calls of its own. With an empty reason it takes the refusal's, with
    its own message behind, and the refusal's message in place of `REFUSAL_MESSAGE`. None: this very decision without its calls.
    """

    def each(self, change: Callable[[Decision], Decision]) -> Decision:
        """The decision changed, and likewise what is shown in its place when its calls may not go out."""
        unsent = self.unsent and change(self.unsent)
        return replace(change(self), unsent=unsent)

    def without_calls(self, refusal: Refusal) -> Decision:
        """What is shown when the calls may not go out, and why."""
        shown = replace(self.unsent or self, calls=(), corrects=(), unsent=None)
        if shown.reason or not self.unsent:
            return shown
        said = {key: refusal.message if value == REFUSAL_MESSAGE else value for key, value in shown.status.items()}
        return replace(shown, reason=refusal.reason, message=refusal.message + shown.message, status=said)


def sooner(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    """Of two looks the next; None is no look."""
    return min((at for at in (one, other) if at is not None), default=None)
