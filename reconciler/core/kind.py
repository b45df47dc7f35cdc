"""What the runtime needs to know of a custom resource, and what one pass over it may look at.

A kind reads (`observe`) and decides (`decide`); it never writes. The worker calls, in this order, `as_written`,
`observe`, `decide`, carries the calls out and, when there were any, observes and decides once more with the replies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from reconciler.core.aws.partitions import Partition, Partitions, commercial
from reconciler.core.decision import Call, Decision, Refusal, Reply
from reconciler.core.drift.git_drift import GitDrift
from reconciler.core.drift.policy import Policy
from reconciler.core.errors import LostReplyError, ReconcileError
from reconciler.core.notes.past import Started
from reconciler.core.references import Lookup, Snapshot
from reconciler.core.resource import Resource
from reconciler.core.schema.declaration import Schema
from reconciler.core.schema.shapes import Structure


class View(Protocol):
    """SageMaker as one account, role and region sees it. Reading cannot write; what keeps a sweep from working is
    raised here, so that it reaches the condition of every object that waits for it.
    """

    def summary(self, remote: str, name: str) -> Mapping[str, Any] | None:
        """The newest List summary; None when not listed, which proves nothing. Costs no request."""

    def unlisted(self, remote: str, name: str) -> bool:
        """Whether a complete sweep begun after the name was first watched did not list it."""

    def describe(
        self, remote: str, name: str, *, fresh: bool = False, at_most_old: timedelta | None = None
    ) -> Mapping[str, Any] | None:
        """Describe, remembered until the List summary moves, or until it is older than said. None: the service says it is
        not there.
        """

    def tags(self, arn: str) -> Mapping[str, str] | None:
        """The tags of a thing, read now. None: no right to read them."""

    def known_tags(self, arn: str) -> Mapping[str, str] | None:
        """The tags of a watched thing as last seen, in bulk or one by one. Costs no request. None: nothing is known, for it
        was not swept since it was made, tagged or watched, or there is no right to.

        The index behind the bulk read lags: before anything is concluded from a difference, `tags` confirms it.
        """

    def tags_missing(self, arn: str) -> bool:
        """Whether a complete sweep of what carries our owner tag, begun well after the thing was made, tagged or watched, did
        not show it. Proves nothing: one `tags` confirms, and what it answers is what is known from then on.
        """

    def tags_denied(self) -> bool:
        """Whether we may not read tags in bulk; the objects are woken when that begins and when it ends."""

    def verified(self, remote: str, name: str) -> datetime | None:
        """When a watched thing was last seen, or seen to be missing, by a sweep or a Describe, in wall time."""

    def listing(self, remote: str, filters: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """All summaries that pass the filters, read now to the last page: for the rare question who uses a thing."""

    def spawned(self, tuning_job: str) -> Sequence[Mapping[str, Any]]:
        """The training jobs of a tuning job, remembered until its List summary moves."""


@dataclass(frozen=True)
class Failure:
    call: Call
    error: ReconcileError

    @property
    def maybe_received(self) -> bool:
        """Whether the service may have carried the call out: false when it answered with a refusal."""
        return isinstance(self.error, LostReplyError)


@dataclass(frozen=True)
class Identity:
    """Who we are: part of every digest and of every owner tag."""

    cluster: str
    adoption_forbidden: frozenset[str] = frozenset()
    """Namespaces whose objects may take nothing over, whatever they are annotated with; "*" stands for all."""


@dataclass(frozen=True)
class TagsSeen:
    """The tags of what an object recorded, as `core.tags` looked at them for every kind alike."""

    live: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By ARN; nothing is known of one that is not there."""
    denied: str = ""
    """What we have no right to ask for, where that keeps us from knowing."""
    again: bool = False
    """A look that did not get through is worth another."""


@dataclass(frozen=True)
class Pass:
    """Everything one decision may depend on."""

    resource: Resource
    identity: Identity
    spec: Mapping[str, Any]
    """The spec as its author wrote it: without what the archived operator wrote back."""
    shape: Structure
    past: Mapping[str, Any]
    """Status as last written."""
    now: datetime
    on_change: str
    """Run or Reject: what a changed job spec means."""
    drift: Policy
    git: GitDrift = field(default_factory=GitDrift)
    """What differs from Git, and what was put back: only told."""
    others: Lookup = field(default_factory=Snapshot)
    """The other objects, for references."""
    trained: Mapping[str, Started] | None = field(default_factory=dict)
    """Of a job: what ran already by the notes in Git, by the digest of its run. None: they are not read yet."""
    recalled: tuple[Mapping[str, Any], ...] = ()
    """Of a HostingDeployment whose status has no history: the roll-outs that notes tell of, newest first."""
    partition_of: Partitions = commercial
    role: str | None = None
    """ARN of the role under which this pass works; "" the controller's own, None: not known yet."""
    doubt: bool = False
    """A name turned out to be taken, or a dependency gone: observe looks closely, tags included."""
    replies: tuple[Reply, ...] = ()
    seen: Any = None
    tags_seen: TagsSeen = field(default_factory=TagsSeen)
    tokens: Mapping[str, str] = field(default_factory=dict)
    """Tokens that people set and that are to act in this pass: run, retry."""
    failure: Failure | None = None
    """The call of this pass that did not go through."""
    refused: Refusal | None = None
    """The next request was refused before, or an error stands in its way: decide as if it could not be sent."""

    @property
    def region(self) -> str:
        """Where what this object stands for is: as recorded, else where the spec wants it."""
        return recorded_region(self.past) or str(self.spec.get("region") or "")

    @property
    def partition(self) -> Partition:
        return self.partition_of(self.region)

    def reply(self, operation: str) -> Reply | None:
        return next((reply for reply in self.replies if reply.call.operation == operation), None)


def recorded_region(status: Mapping[str, Any]) -> str:
    """The region is part of an identity: what was made in one is looked for there, whatever the spec says by now."""
    made = [one for key in ("models", "configs", "targets") for one in status.get(key) or ()]
    record = status.get("run") or status.get("endpoint") or (made[0] if made else {})
    return str(record.get("region") or "")


Seen = TypeVar("Seen")
"""What a look at SageMaker found, in a kind's own terms."""


@dataclass(frozen=True)
class Kind(Generic[Seen]):
    """A custom resource that is reconciled with SageMaker, as it describes itself."""

    schema: Schema
    observe: Callable[[View, Pass], Seen]
    decide: Callable[[Pass, Seen], Decision]
    failing: Callable[[Mapping[str, Any], str], Mapping[str, Any]]
    """Status fields while an error keeps the pass from deciding: (status before, error text) -> status."""
    as_written: Callable[[Resource], Mapping[str, Any]]
    """The spec without the archived operator's write-backs."""
    follow: Callable[[View, Pass], Decision | None] = lambda _view, _this: None
    """What records alone let one see, while the spec may be an edit: status and watches, and nothing from the spec. None:
    nothing of it is on its way.
    """

    @property
    def name(self) -> str:
        return self.schema.kind


def seen_in_pass(decide: Callable[[Pass], Decision]) -> Callable[[Pass, Any], Decision]:
    return lambda this, seen: decide(replace(this, seen=seen))
