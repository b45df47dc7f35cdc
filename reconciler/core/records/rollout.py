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
    """Content that the endpoint was asked to serve."""
    previous: Content | None = None
    """What served before; unset: it is a first create."""
    last_modified_time: Time = ""
    """The endpoint's LastModifiedTime before the request, with all its digits."""
    failure_before: str = ""
    """The endpoint's FailureReason before the request."""
    requested_at: Time = ""
    """When the request went out last."""
    sends: int = member("attempt", default=1)
    """How often it was sent."""
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
    """Its number in history."""
    hash: str = ""
    """Digest of its models, variants, data capture and KMS key; empty where it is not known."""
    config: str = member("endpointConfigName", default="")
    """EndpointConfig that is held."""
    revision: str = ""
    """The head that was synced, as `main@sha1:...`."""
    commit: str = ""
    """Full id of the commit that it came from."""
    author: str = ""
    """Of that commit."""
    subject: str = ""
    """First line of its message."""
    path: str = ""
    """File in the repository."""
    git_hash: str = ""
    """Digest of what Git wanted when the hold began; empty while a reference kept that from being known."""
    since: Time = ""
    """When it began."""
    until: Time = ""
    """When it ends by itself; unset: when people or Git end it."""

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
    """Number in history of what was held."""
    since: Time = ""
    """When it began."""
    until: Time = ""
    """When it was to end by itself."""
    ended_at: Time = ""
    """When it ended."""
    reason: str = ""
    """What ended it."""


@dataclass(frozen=True)
class RefusedRollback(Record):
    """What `rollback-to` asked for in vain, for as long as it is asked for."""

    rollback_to: str = ""
    """What the annotation says."""
    message: str = ""
    """Why it cannot be done."""


@dataclass(frozen=True)
class ReleasedTarget(Record):
    """A scalable target that was deregistered for an update; its policy answers the token by registering it again."""

    target: str = ""
    """Name of the scalable target: its resource id and dimension, with `|` between."""
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
    """Digest of the request, without tags."""
    requested_at: Time = ""
    """When it went out."""
    last_modified_time: Time = ""
    """The endpoint's LastModifiedTime before it."""
    attempt: int = 1
    """How often it was sent."""


@dataclass(frozen=True)
class RolloutRecord(Record):
    """Everything that status remembers of moving the endpoint, beside history and quarantine."""

    phase: str = ""
    """Pending, Creating, Updating, Complete, Held, or how it ended: RolledBack, Failed or Superseded."""
    desired_hash: str = ""
    """Digest of the content that is wanted now."""
    current_hash: str = ""
    """Digest of the content that serves, as far as is known."""
    stable_hash: str = ""
    """Digest of the content that last came into service."""
    started_at: Time = ""
    """When it began."""
    revision: str = ""
    """The head that was synced when it began, as `main@sha1:...`."""
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
    """Scalable targets that were taken off for an update and are not registered again yet."""
    resize: tuple[str, ...] = ()
    """Variants whose counts the last update kept and that are still to be set."""
    outdated: int | None = None
    """Generation of the spec when status turned out to be older than SageMaker: nobody knows yet whether it is still wanted."""
    rebalance: Rebalance | None = None
    hold: HoldRecord | None = None
    """The earlier rollout that people hold against Git."""
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
