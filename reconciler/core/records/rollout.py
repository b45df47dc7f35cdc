"""`status.rollout` of a HostingDeployment: the rollout that is on its way or was the last, and what outlives it.

The members of the open attempt stand among the rollout's own, as every version wrote them (`Attempt` is inlined).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from reconciler.core.conditions import moment
from reconciler.core.records.content import Content
from reconciler.core.records.record import INLINED, Record, Time, member
from reconciler.core.records.source import SourceRecord
from reconciler.core.schema.rules import Requires
from reconciler.core.values import Answer

__all__ = ["Attempt", "HoldRecord", "LastHold", "Rebalance", "RefusedRollback", "ReleasedTarget", "RolloutRecord"]


_TOKEN_DIGITS = 18


@dataclass(frozen=True)
class Attempt(Record):
    """An UpdateEndpoint or CreateEndpoint that was sent and is not yet judged."""

    readable_if = (Requires("requested", ("requestedAt",)), Requires("requestedAt", ("requested",)))

    requested: Content = field(default_factory=Content)
    previous: Content | None = None
    """What served before; None for a first create."""
    last_modified_time: Time = ""
    """The endpoint's LastModifiedTime before the request, with all its digits."""
    failure_before: str = ""
    """The endpoint's FailureReason before the request."""
    requested_at: Time = ""
    sends: int = member("attempt", default=1)
    evidence: str = ""
    """Accepted once SageMaker answered the request; the endpoint's status once it was seen at it."""
    others_moved: bool = False
    """SystemUpdating was seen meanwhile: a moved LastModifiedTime proves nothing then."""
    faulted_at: Time = ""
    """When a fault of SageMaker's own was seen first: it is tried again some time after."""
    stage: str = ""
    """What the endpoint says it is doing, for people."""
    without_alarms: bool = False
    """The update is a rollback, sent without the alarms that guard one to new content (docs/adr, 7)."""

    @classmethod
    def present(cls, found: Answer) -> bool:
        requested = found.get("requested")
        return isinstance(requested, Mapping) and Content.present(requested) and bool(found.get("requestedAt"))

    def age(self, now: datetime) -> timedelta:
        """Since the request went out."""
        return now - moment(self.requested_at)


@dataclass(frozen=True)
class HoldRecord(Record):
    """An earlier rollout that people hold against Git, with where it came from: the entry may leave history before."""

    id: int = 0
    hash: str = ""
    config: str = member("endpointConfigName", default="")
    revision: str = ""
    commit: str = ""
    author: str = ""
    subject: str = ""
    path: str = ""
    git_hash: str = ""
    """What Git wanted when it began; empty while a reference kept that from being known."""
    since: Time = ""
    until: Time = ""

    @property
    def content(self) -> Content:
        """What is held."""
        return Content(self.hash, self.config)

    @property
    def source(self) -> SourceRecord:
        """The commit that it came from."""
        return SourceRecord(self.revision, self.commit, self.author, self.subject, self.path)

    @property
    def title(self) -> str:
        """The history id, and the commit where it is known."""
        short = self.source.short
        return f"#{self.id} ({short})" if short else f"#{self.id}"

    def left(self, now: datetime) -> timedelta | None:
        """Until `until`."""
        return moment(self.until) - now if self.until else None


@dataclass(frozen=True)
class LastHold(Record):
    """The hold that ended last, for the notes and for people."""

    id: int = 0
    since: Time = ""
    until: Time = ""
    ended_at: Time = ""
    reason: str = ""


@dataclass(frozen=True)
class RefusedRollback(Record):
    """What `rollback-to` asked for in vain, for as long as it is asked for."""

    rollback_to: str = ""
    message: str = ""


@dataclass(frozen=True)
class ReleasedTarget(Record):
    """A scalable target that was deregistered for an update; its policy answers the token by registering it again."""

    target: str = ""
    token: str = ""
    """A decimal number that grows; anything else was not written by this service and counts as 0."""

    @property
    def number(self) -> int:
        """The token as a number."""
        return int(self.token) if self.token.isdecimal() and len(self.token) <= _TOKEN_DIGITS else 0


@dataclass(frozen=True)
class Rebalance(Record):
    """The UpdateEndpointWeightsAndCapacities that went out last, for as long as something is to be corrected."""

    call: str = ""
    """`Call.identity`."""
    requested_at: Time = ""
    last_modified_time: Time = ""
    attempt: int = 1


@dataclass(frozen=True)
class RolloutRecord(Record):
    """Everything that status remembers of moving the endpoint, beside history and quarantine."""

    phase: str = ""
    desired_hash: str = ""
    current_hash: str = ""
    stable_hash: str = ""
    started_at: Time = ""
    revision: str = ""
    applied: Content | None = None
    """What was last seen to succeed, or was adopted: it should be live until we change it."""
    attempt: Attempt | None = field(default=None, metadata=INLINED)
    foreign: str = ""
    """The endpoint's name turned out to be somebody else's: the attempt under it is given up."""
    replacing: str = ""
    """LastModifiedTime of a failed first create that is being deleted: an early read may still show it."""
    releasing: bool = False
    """Scaling is being taken off before an update."""
    collecting: bool = False
    """Garbage was found: one more look at the live endpoint stands between finding and deleting it."""
    scaling: tuple[ReleasedTarget, ...] = ()
    resize: tuple[str, ...] = ()
    """Variants whose counts the last update kept and that are still to be set."""
    rebalance: Rebalance | None = None
    hold: HoldRecord | None = None
    last_hold: LastHold | None = None
    hold_refused: RefusedRollback | None = None

    def without_attempt(self) -> Self:
        """The attempt came to nothing, or is over."""
        return replace(self, attempt=None, foreign="", releasing=False, resize=())

    def begun(self) -> Self:
        """What outlives a rollout, for the next one to be written over it."""
        return type(self)(
            stable_hash=self.stable_hash,
            applied=self.applied,
            scaling=self.scaling,
            hold=self.hold,
            last_hold=self.last_hold,
            hold_refused=self.hold_refused,
            unknown=self.unknown,
        )
