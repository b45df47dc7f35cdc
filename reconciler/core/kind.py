"""What the runtime needs to know of a custom resource, and what one pass over it may look at.

A kind reads (`observe`) and decides (`decide`); it never writes. The worker calls, in this order, `as_written`,
`observe`, `decide`, carries the calls out and, when there were any, observes and decides once more with the replies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from reconciler.core.archived import ArchivedSpec
from reconciler.core.aws.partitions import Partition, Partitions, commercial
from reconciler.core.aws.remote import RemoteKind
from reconciler.core.decision import Call, Decision, Reply
from reconciler.core.drift.git_drift import GitDrift
from reconciler.core.drift.policy import Policy
from reconciler.core.errors import LostReplyError, ReconcileError
from reconciler.core.notes.past import Started
from reconciler.core.records.remote_object import RemoteObject
from reconciler.core.records.taken_over import TakenOver
from reconciler.core.references import Lookup, Snapshot
from reconciler.core.resource import Resource
from reconciler.core.schema.declaration import Schema
from reconciler.core.schema.problems import Problem
from reconciler.core.schema.reference import Provider
from reconciler.core.schema.shapes import Structure
from reconciler.core.values import Answer, JsonObject, Params, Spec, Status

if TYPE_CHECKING:
    from reconciler.core.ownership import Owner  # its functions are about a Pass


class View(Protocol):
    """SageMaker as one account, role and region sees it. Reading cannot write; what keeps a sweep from working is
    raised here, so that it reaches the condition of every object that waits for it.
    """

    def summary(self, remote: str, name: str) -> Answer | None:
        """The newest List summary; None when not listed, which proves nothing. Costs no request."""

    def unlisted(self, remote: str, name: str) -> bool:
        """Whether a complete sweep begun after the name was first watched did not list it."""

    def describe(
        self, remote: str, name: str, *, fresh: bool = False, at_most_old: timedelta | None = None
    ) -> Answer | None:
        """Describe, remembered until the List summary moves, or until it is older than said. None: the service says it is
        not there.
        """

    def tags(self, arn: str) -> Mapping[str, str] | None:
        """The tags of a remote object, read now. None: no right to read them."""

    def known_tags(self, arn: str) -> Mapping[str, str] | None:
        """The tags of a watched remote object as last seen, in bulk or one by one. Costs no request. None: nothing is known, for it
        was not swept since it was made, tagged or watched, or there is no right to.

        The index behind the bulk read lags: before anything is concluded from a difference, `tags` confirms it.
        """

    def tags_missing(self, arn: str) -> bool:
        """Whether a complete sweep of what carries our owner tag, begun well after the object was made, tagged or watched, did
        not show it. Proves nothing: one `tags` confirms, and what it answers is what is known from then on.
        """

    def tags_denied(self) -> bool:
        """Whether tags of something cannot be read in bulk, for want of a right or because the service does not show its type;
        the objects are woken when that begins and when it ends.
        """

    def verified(self, remote: str, name: str) -> datetime | None:
        """When a watched remote object was last seen, or seen to be missing, by a sweep or a Describe, in wall time."""

    def listing(self, remote: str, filters: Params) -> Sequence[Answer]:
        """All summaries that pass the filters, read now to the last page: for the rare question who uses a remote object."""

    def spawned(self, tuning_job: str) -> Sequence[Answer]:
        """The training jobs of a tuning job, remembered until its List summary moves."""


@dataclass(frozen=True)
class Failure:
    """The call of a pass that did not go through; those behind it were not sent."""

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
    """Namespaces whose objects may adopt nothing, whatever they are annotated with; "*" stands for all."""


@dataclass(frozen=True)
class Pass:
    """Everything one decision may depend on."""

    kind: Kind[Any] = field(kw_only=True)
    resource: Resource
    identity: Identity
    spec: Spec
    """The spec as its author wrote it: without what the archived operator wrote back."""
    shape: Structure
    past: Status
    """Status as last written."""
    now: datetime
    on_change: str
    """Run or Reject: what a changed job spec means."""
    drift: Policy
    git: GitDrift = field(default_factory=GitDrift)
    """What differs from Git, and what was reverted: only reported."""
    others: Lookup = field(default_factory=Snapshot)
    """The other objects, for references."""
    past_runs: Mapping[str, Started] | None = field(default_factory=dict)
    """Of a job: what ran already by the notes in Git, by the digest of its run. None: they are not read yet."""
    past_rollouts: tuple[JsonObject, ...] = ()
    """Of a HostingDeployment whose status has no history: the rollouts that notes hold, newest first."""
    partition_of: Partitions = commercial
    role: str | None = None
    """ARN of the role under which this pass works; "" the controller's own, None: not known yet."""
    doubt: bool = False
    """A name turned out to be taken, or a dependency gone: observe looks closely, tags included."""
    replies: tuple[Reply, ...] = ()
    tokens: Mapping[str, str] = field(default_factory=dict)
    """Tokens that people set and that are to act in this pass: run, retry."""
    failure: Failure | None = None
    """The call of this pass that did not go through."""
    taken: TakenOver | None = None
    """Of an object that the archived operator left (`core/takeover`)."""
    as_taken: bool = False
    """Whether its spec still says what was carried out then."""

    @property
    def region(self) -> str:
        """Where what this object stands for is: as recorded, else where the spec wants it."""
        return self.kind.region(self.past) or str(self.spec.get("region") or "")

    @property
    def partition(self) -> Partition:
        """Of the region in which the object's remote objects are."""
        return self.partition_of(self.region)

    def reply(self, operation: str) -> Reply | None:
        """The first reply to an operation in this pass."""
        return next((reply for reply in self.replies if reply.call.operation == operation), None)


Observed = TypeVar("Observed")
"""What a look at SageMaker found, in a kind's own terms."""


@dataclass(frozen=True)
class StatusKeys:
    """Where a kind's status holds what people and scripts look for; the archived operator chose those of its kinds."""

    name: str
    """Of the name in SageMaker, or of several."""
    status: str
    """Of SageMaker's word for how it stands."""
    secondary: str = ""
    spec_name: str = ""
    """Key of the spec that may choose the name."""


@dataclass(frozen=True)
class Logs:
    """Where what a kind runs writes its logs (SM-163): streams are `<job>/<host>` or, in a group of the
    endpoint's own, `<variant>/<instance>`.
    """

    group: str
    """`{name}` stands for the endpoint's name."""
    of_children: bool = False
    """What writes are jobs that SageMaker runs for this one, called `<its name>-<number>-<8 hex digits>`."""


class Shown(NamedTuple):
    """One object in SageMaker as a resource's status shows it, for people."""

    type: str
    name: str
    status: str = ""
    detail: str = ""


def _nothing(_of: JsonObject) -> tuple[()]:
    return ()


@dataclass(frozen=True)
class Kind(Generic[Observed]):
    """A custom resource that is reconciled with SageMaker, as it describes itself: what the rest of the project knows of a
    kind's keys and objects, it knows from here.
    """

    schema: Schema
    observe: Callable[[View, Pass], Observed]
    decide: Callable[[Pass, Observed], Decision]
    failing: Callable[[Status, ReconcileError], Status]
    """Status fields while an error keeps the pass from deciding: (status before, the error) -> status."""
    as_written: Callable[[Resource], Spec]
    """The spec without the archived operator's write-backs."""
    remotes: tuple[RemoteKind, ...]
    """What it makes in AWS; the one that it is about first."""
    keys: StatusKeys
    records: Callable[[Status], tuple[RemoteObject, ...]]
    """From its status: what it stands for now, which was made, taken over or asked for. The first that tells of a region tells
    where all of it is.
    """
    shown: Callable[[Status], Iterable[Shown]]
    """From its status: the objects in SageMaker that people are shown below it."""
    earlier: Callable[[Status], tuple[RemoteObject, ...]] = _nothing
    """From its status: what it stood for before and still remembers."""
    owners: Callable[[Observed], Mapping[str, Owner]] = lambda _seen: {}
    """By name: whose that is which was looked at because no record proves it to be its own."""
    follow: Callable[[View, Pass], Decision | None] = lambda _view, _this: None
    """What records alone let one see, while the spec may be an edit: status and watches, and nothing from the spec. None:
    nothing of it is on its way.
    """
    gives: Mapping[str, Provider] = field(default_factory=dict)
    """What other objects may take from one of this kind, by what `ApiDifference.reference` calls it."""
    findings: Callable[[Spec], Iterable[Problem]] = _nothing
    """Mistakes in a spec that its schema lets through and a review should not; none may show what may be a secret."""
    archived: ArchivedSpec | None = None
    """What the archived operator knew of a spec. None: it had no such kind."""
    exclusive: Callable[[Spec], Iterable[tuple[str, str]]] = _nothing
    """What two objects of this kind may not both have, and where in a spec it is named: (JSON Pointer, what)."""
    logs: Logs | None = None
    checks: bool = False
    """Whether its status has `lastCheckTime`: the archived operator wrote it for some kinds and declared it for others."""
    protected: bool = False
    """Whether an object that Git still holds takes nothing in SageMaker with it when it is deleted (D-9.9)."""

    @property
    def name(self) -> str:
        """The Kubernetes kind."""
        return self.schema.kind

    @property
    def remote(self) -> RemoteKind:
        """What it is about."""
        return self.remotes[0]

    @property
    def is_job(self) -> bool:
        """Whether it runs once per content, and is then over."""
        return "run" in self.schema.status.by_key

    def region(self, status: Status) -> str:
        """The region is part of an identity: what was made in one is looked for there, whatever the spec says by now."""
        return next((record.region for record in self.records(status) if record.region), "")

    def exists(self, status: Status) -> bool:
        """Whether something was made for an object, or a request is out that may have made it."""
        return any(record.exists or record.requested for record in (*self.records(status), *self.earlier(status)))

    def made(self, status: Status) -> bool:
        """Whether anything of an object is in SageMaker, or was: a request that is out has made nothing yet."""
        return any(record.exists for record in (*self.records(status), *self.earlier(status)))

    def untouched(self, status: Status) -> bool:
        """Whether nothing was ever asked of AWS for an object: deleting it then needs no look there."""
        return not (status.get("intent") or status.get(self.keys.name) or self.exists(status))
