"""One pass over one object: the page a newcomer reads first.

    read -> guard (gone? suspended? edited in the cluster?) -> finalizer -> observe -> decide -> write status -> call AWS
                                                                  ^                                          |
                                                                  └───────────── with the replies ───────────┘

Status is written, conditional on the version that was decided on, before any call goes out: it is the record of the
intent and the fence against a second replica or an old look. A pass ends when a decision has no more calls.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from reconciler.core import deciding, tags
from reconciler.core.aws.partitions import Partitions, commercial
from reconciler.core.conditions import DRIFTED, find, stamp
from reconciler.core.deciding import Look
from reconciler.core.decision import Decision, Notice, Phase, Refusal, sooner
from reconciler.core.drift import record
from reconciler.core.errors import (
    ConflictError,
    CredentialsError,
    DeniedError,
    DependencyError,
    HeldBackError,
    NotFoundError,
    PreconditionError,
    QuotaError,
    ReconcileError,
    StaleError,
    TerminalError,
    ThrottledError,
)
from reconciler.core.findings import foreign_arns
from reconciler.core.git.applied import put_back
from reconciler.core.kind import Failure, Identity, Kind, Pass
from reconciler.core.notes.past import Started
from reconciler.core.ports import Cache, Clock, Events, Leader, Objects
from reconciler.core.resource import FINALIZER, Annotation, Key, Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.status import render, suspended
from reconciler.core.tenancy import Place
from reconciler.runtime.observe.observer import Aws, Observer
from reconciler.runtime.reconcile.children import Children
from reconciler.runtime.reconcile.execute import NotLeadingError, execute, label
from reconciler.runtime.reconcile.git_side import Claims, GitSide, Stand
from reconciler.runtime.reconcile.past import (
    as_before,
    handled,
    is_news,
    kept,
    new_tokens,
    refused_before,
    still_refused,
)

log = logging.getLogger(__name__)

_ROUNDS = 6
"""Decide, act, decide again: making parts, moving the endpoint and looking closely once need four."""
_CACHE_LAG = timedelta(seconds=1)
_LAG_DOUBTED_S = 10.0
"""A cache that is behind our own write for longer may never catch up: an etcd restored from a backup counts from an earlier
number again. Only the API server can tell that from a watch that is late."""
_SLOW_RETRY = timedelta(minutes=1)
_CREDENTIALS_RETRY = timedelta(seconds=30)
"""The account is paused and probed for all of its objects at once; asking more often only costs time."""
_TERMINAL_LOOK = timedelta(minutes=10)
_PARENT_LOOK = timedelta(seconds=10)
_WORTH_TELLING_S = 5.0
"""Being held back for a shorter time than this by our own limiter is no news."""


class Journal(Protocol):
    def status_changes(self, resource: Resource, status: Mapping[str, Any], shape: Structure, now: datetime) -> None:
        """Keep the lines for the commit that go with a status, before it is written. Never raises."""


class Trained(Protocol):
    def of(self, resource: Resource) -> Mapping[str, Started] | None:
        """`Pass.trained` of an object; answers from memory."""

    def rollouts(self, resource: Resource) -> tuple[Mapping[str, Any], ...]:
        """`Pass.recalled` of an object; answers from memory."""


class Definitions(Protocol):
    def terminating(self, kind: str) -> bool:
        """Whether the kind's CustomResourceDefinition is being deleted."""


@dataclass(frozen=True)
class Next:
    """When to look again, if nothing wakes the object earlier."""

    after: timedelta | None = None
    failed: bool = False
    """The queue's own backoff applies."""


@dataclass(frozen=True)
class Ports:
    cache: Cache
    objects: Objects
    aws: Aws
    observer: Observer
    claims: Claims
    events: Events
    leader: Leader
    clock: Clock
    definitions: Definitions
    children: Children
    journal: Journal
    trained: Trained


class Worker:
    def __init__(
        self,
        kinds: Mapping[str, tuple[Kind[Any], Structure]],
        ports: Ports,
        place_of: Callable[[Resource], Place],
        identity: Identity,
        replica: str,
        *,
        partition_of: Partitions = commercial,
    ) -> None:
        self._kinds = kinds
        self._ports = ports
        self._place_of = place_of
        self._partition_of = partition_of
        self._identity = identity
        self._replica = replica
        self._written: dict[Key, str] = {}
        """resourceVersion of our newest write per object. One key is never in two workers, so no lock is needed."""
        self._behind_since: dict[Key, float] = {}
        self._git = GitSide(ports.claims, ports.cache, ports.clock)

    def reconcile(self, key: Key) -> Next:
        resource = self._ports.cache.get(key)
        if resource is not None and self._is_behind(resource):
            # The informer will deliver what we wrote and wake this object; an older look is not worth acting on.
            if not self._is_doubted(key):
                return Next(after=_CACHE_LAG)
            resource = self._ports.objects.get(key)
            if resource is not None and not self._is_behind(resource):
                return Next(after=_CACHE_LAG)
            log.warning(
                "%s is older in the API server than what we wrote, which was restored from a backup it seems: "
                "going on from what it holds", key,
            )  # fmt: skip
            self._written.pop(key, None)
        self._behind_since.pop(key, None)
        for _ in range(_ROUNDS):
            if resource is None:
                self._written.pop(key, None)
                self._git.forget(key)
                self._ports.observer.watch(key, None, ())
                return Next()
            try:
                return self._reconcile(resource)
            except (StaleError, NotFoundError):
                # It moved, or went, since the cache saw it.
                resource = self._ports.objects.get(key)
        return Next(failed=True)

    def _is_behind(self, resource: Resource) -> bool:
        written = self._written.get(resource.key, "")
        # Opaque by contract, ordered in fact; where they are not numbers the conditional write still catches an old look.
        if not (written.isdecimal() and resource.resource_version.isdecimal()):
            return False
        return int(resource.resource_version) < int(written)

    def _is_doubted(self, key: Key) -> bool:
        """Whether the cache has been behind for long; asked again only after as long a while."""
        now = self._ports.clock.monotonic()
        if now - self._behind_since.setdefault(key, now) < _LAG_DOUBTED_S:
            return False
        self._behind_since[key] = now
        return True

    def _reconcile(self, resource: Resource) -> Next:
        kind, shape = self._kinds[resource.kind]
        if resource.spawned and self._ports.children.free(resource):
            return Next()
        if resource.hosting_parent and self._ports.children.hand_over(resource):
            return Next(after=_PARENT_LOOK)
        if resource.deleting and FINALIZER not in resource.finalizers:
            return Next()
        now = self._ports.clock.now()
        stand = self._git.stand(resource, now)
        if resource.suspended and not resource.deleting:
            return self._suspended(resource, stand, shape)
        if self._retained(resource):
            return self._release(resource, ())
        if stand.wait:
            return Next(after=stand.wait)
        if FINALIZER not in resource.finalizers and not resource.spawned:
            resource = self._ports.objects.set_finalizers(resource, (*resource.finalizers, FINALIZER))
            self._written[resource.key] = resource.resource_version
        if stand.hold and stand.wanted:
            # As if it were put back already, so that what runs or serves is still followed.
            resource = put_back(stand.wanted, resource, kind.as_written(resource), {})
        this = Pass(
            kind=kind,
            resource=resource,
            identity=self._identity,
            spec=kind.as_written(resource),
            shape=shape,
            past=resource.status,
            now=now,
            on_change=stand.on_change,
            drift=stand.policy,
            git=stand.git,
            tokens=new_tokens(resource),
            others=self._ports.cache,
            trained=self._ports.trained.of(resource),
            recalled=self._ports.trained.rollouts(resource),
            partition_of=self._partition_of,
        )
        if stand.hold and stand.wanted is None:
            return self._followed(kind, this, stand.hold)
        try:
            place = self._place_of(resource)
        except (TerminalError, DeniedError) as error:
            if resource.deleting and kind.untouched(resource.status):
                return self._release(resource, ())
            return self._failed(kind, this, None, None, error)
        except ReconcileError as error:
            return self._failed(kind, this, None, None, error)
        this = replace(this, role=place.tenant.role)
        try:
            if place.conflict and not resource.deleting:
                return self._held(kind, this, place.tenant, place.conflict)
            if mismatch := _mismatch(this):
                if kind.untouched(resource.status):
                    return self._failed(kind, this, None, None, mismatch)
                return self._held(kind, this, place.tenant, Refusal(mismatch.reason, str(mismatch)))
            if stand.hold:
                return self._held(kind, this, place.tenant, stand.hold, Phase.WAITING)
            return self._rounds(kind, this, place.tenant)
        except (StaleError, NotFoundError):
            raise
        except ReconcileError as error:
            return self._failed(kind, this, None, None, error)

    def _followed(self, kind: Kind[Any], this: Pass, hold: Refusal) -> Next:
        """Held while nobody knows what Git holds: what is recorded to be on its way is followed, and all else stays as it was
        known. Nothing is read from the spec.
        """
        shown = replace(as_before(this.past), reason=hold.reason, message=hold.message, status=kept(this.past))
        try:
            tenant = self._place_of(this.resource).tenant
            found = kind.follow(self._ports.observer.view(tenant), replace(this, refused=hold, tokens={}))
        except ReconcileError as error:
            log.info("%s cannot be followed: %s", this.resource.key, error)
            found = None
        if found is not None:
            found = found.without_calls(hold)
            healthy = shown.healthy if found.healthy is None else found.healthy
            shown = replace(shown, status={**shown.status, **found.status}, notices=found.notices, healthy=healthy)
            self._ports.observer.watch(this.resource.key, tenant, found.watches)
        this = self._record(this, shown)
        return Next(sooner(_SLOW_RETRY, self._drift_look(this)))

    def _rounds(self, kind: Kind[Any], this: Pass, tenant: Any) -> Next:
        doubted: set[str] = set()
        found: Look[Any] | None = None
        if tags.asked(this):
            self._ports.observer.look_soon(this.resource.key)
        for _ in range(_ROUNDS):
            found = deciding.look(kind, self._ports.observer.view(tenant), this, found)
            this = replace(this, seen=found.seen)
            decision = deciding.decide(kind, this, found)
            refusal = refused_before(decision, this)
            if refusal:
                this = replace(this, refused=refusal)
                decision = deciding.decide(kind, this, found).without_calls(refusal)
            self._ports.observer.watch(this.resource.key, tenant, decision.watches)
            if decision.phase is Phase.RELEASED:
                return self._release(this.resource, decision.notices)
            if decision.calls and not this.replies and this.failure is None:
                # Before it is written down that the call goes out: what was not sent need not be looked for later.
                self._ports.aws.admit(tenant, decision.calls[0])
            this = self._record(this, decision, verified=self._verified(tenant, decision))
            if not decision.calls:
                return Next(sooner(_TERMINAL_LOOK if refusal else decision.look_again, self._drift_look(this)))
            replies, failure = execute(
                decision, tenant, self._ports.aws, self._ports.observer, self._ports.leader.is_leader
            )
            this = replace(
                this, past=this.resource.status, replies=replies, failure=failure, now=self._ports.clock.now()
            )
            if failure is None:
                this = replace(this, doubt=False)
            elif isinstance(failure.error, (ConflictError, DependencyError)) and failure.call.identity not in doubted:
                # Once per call: what is in the way is looked at before anybody is told.
                doubted.add(failure.call.identity)
                this = replace(this, doubt=True)
            else:
                return self._failed(kind, this, tenant, failure, failure.error, found=found)
        return Next(after=timedelta(seconds=1))

    def _held(self, kind: Kind[Any], this: Pass, tenant: Any, conflict: Refusal, phase: Phase = Phase.STALLED) -> Next:
        """Follow what there is and change nothing, whatever is wanted."""
        this = replace(this, refused=conflict)
        found = deciding.look(kind, self._ports.observer.view(tenant), this)
        this = replace(this, seen=found.seen)
        followed = deciding.decide(kind, this, found).without_calls(conflict)
        shown = replace(followed, phase=phase, reason=conflict.reason, message=conflict.message)
        self._ports.observer.watch(this.resource.key, tenant, shown.watches)
        this = self._record(this, shown)
        return Next(sooner(_SLOW_RETRY, self._drift_look(this)))

    def _verified(self, tenant: Any, decision: Decision) -> datetime | None:
        """When all that the decision is about was seen last."""
        view = self._ports.observer.view(tenant)
        seen = [view.verified(watch.remote, watch.name) for watch in decision.watches]
        return min((at for at in seen if at is not None), default=None)

    def _record(
        self,
        this: Pass,
        decision: Decision,
        refused: Mapping[str, Any] | None = None,
        verified: datetime | None = None,
    ) -> Pass:
        """Write the status of a decision, if it says anything new or calls follow; then tell the world."""
        # Before the status: a pass that dies in between makes them again, and none is left out.
        self._ports.children.ensure(decision.children)
        past = this.resource.status
        decided = this.seen is not None
        status = render(
            this.resource,
            decision,
            policy=this.drift,
            shape=this.shape,
            handled=handled(this, decided=decided),
            now=this.now,
            git=this.git,
        )
        if decision.calls:
            calls = [label(call) for call in decision.calls]
            status["intent"] = {"at": stamp(this.now), "by": self._replica, "calls": calls}
        elif "intent" in past:
            status["intent"] = past["intent"]
        role = this.role if this.role is not None else past.get("roleArn")
        status = {key: value for key, value in status.items() if key != "roleArn"} | ({"roleArn": role} if role else {})
        if refused or (refused := still_refused(this)):
            status["refused"] = dict(refused)
        status = record.verified(status, past, verified)
        resource = this.resource
        if status != past or decision.calls:
            resource = self._write(this, status)
        drifted = find(status["conditions"], DRIFTED)
        told = record.notices(past.get("drift") or {}, status["drift"], str(drifted["reason"]) if drifted else "")
        for notice in (*decision.notices, *told):
            self._ports.events.emit(resource, notice.type, notice.reason, notice.message)
        return replace(this, resource=resource)

    def _drift_look(self, this: Pass) -> timedelta | None:
        drift = this.resource.status.get("drift") or {}
        daily = record.VERIFIED_EVERY if drift.get("lastVerified") else None
        return sooner(record.look_again(drift, this.now), daily)

    def _write(self, this: Pass, status: Mapping[str, Any]) -> Resource:
        """A conditional write. Status is ours alone: when the object moved but its status did not, what came of a call is
        written all the same, or it would be forgotten, and the pass begins again with what moved.
        """
        objects = self._ports.objects
        self._ports.journal.status_changes(this.resource, status, this.shape, this.now)
        try:
            written = objects.replace_status(this.resource, status)
        except StaleError:
            live = objects.get(this.resource.key) if this.replies or this.failure else None
            if live is None or live.uid != this.resource.uid or live.status != this.resource.status:
                raise
            written = objects.replace_status(live, status)
            self._written[written.key] = written.resource_version
            raise
        self._written[written.key] = written.resource_version
        return written

    def _failed(
        self,
        kind: Kind[Any],
        this: Pass,
        tenant: Any,
        failure: Failure | None,
        error: ReconcileError,
        *,
        found: Look[Any] | None = None,
    ) -> Next:
        """Say what is in the way, in conditions and in the archived operator's words, and when to try again."""
        if isinstance(error, NotLeadingError):
            return Next()
        if isinstance(error, HeldBackError) and failure is None and error.retry_after_s < _WORTH_TELLING_S:
            return Next(after=timedelta(seconds=error.retry_after_s))
        text = str(error)
        before = as_before(this.past)
        status, watches, healthy, again = this.past, None, before.healthy, None
        if failure is not None and found is not None:
            refusal = Refusal(error.reason, text)
            failed = replace(this, failure=failure, refused=refusal)
            folded = deciding.decide(kind, failed, found).without_calls(refusal)
            status, watches, healthy, again = folded.status, folded.watches, folded.healthy, folded.look_again
            if folded.phase is Phase.RELEASED:
                status = this.past
        human = isinstance(error, (TerminalError, DeniedError))
        shown = replace(
            before,
            phase=Phase.STALLED if human else Phase.WAITING,
            reason=error.reason,
            message=text,
            status=kind.failing(kept(status), text),
            notices=(Notice("Warning", error.reason, text),) if is_news(this.resource, error) else (),
            healthy=healthy,
        )
        if watches is not None:
            self._ports.observer.watch(this.resource.key, tenant, watches)
        refused = None
        if failure is not None and isinstance(error, TerminalError):
            refused = {
                "call": failure.call.identity,
                "reason": error.reason,
                "message": text,
                "generation": this.resource.generation,
            }
        self._record(this, shown, refused)
        match error:
            case TerminalError():
                return Next(after=again or _TERMINAL_LOOK)  # sooner, where the rest of the object need not wait
            case ThrottledError(retry_after_s=float() as wait):
                return Next(after=timedelta(seconds=wait))
            case CredentialsError():
                return Next(after=_CREDENTIALS_RETRY)
            case DependencyError():
                return Next(failed=True)  # made moments ago, it will be seen soon
            case PreconditionError() | QuotaError() | DeniedError():
                return Next(after=_SLOW_RETRY)
        return Next(failed=True)

    def _release(self, resource: Resource, notices: tuple[Notice, ...]) -> Next:
        self._ports.observer.watch(resource.key, None, ())
        for notice in notices:
            self._ports.events.emit(resource, notice.type, notice.reason, notice.message)
        self._ports.children.delete(resource)
        left = [finalizer for finalizer in resource.finalizers if finalizer != FINALIZER]
        self._ports.objects.set_finalizers(resource, left)
        return Next()

    def _suspended(self, resource: Resource, stand: Stand, shape: Structure) -> Next:
        """Nothing is looked at and nothing is done; Ready stays what it was and says why nothing moves."""
        self._ports.observer.watch(resource.key, None, ())
        now = self._ports.clock.now()
        status = suspended(resource, policy=stand.policy, shape=shape, git=stand.git, now=now)
        if status != resource.status:
            resource = self._ports.objects.replace_status(resource, status)
            self._written[resource.key] = resource.resource_version
        return Next(record.look_again(resource.status.get("drift") or {}, now))

    def _retained(self, resource: Resource) -> bool:
        """Deletion leaves AWS alone when the object says so, and while its CustomResourceDefinition goes: the archived
        operator's chart deletes the definitions on uninstall, and nobody means their endpoints by that.
        """
        if not resource.deleting:
            return False
        if resource.annotations.get(Annotation.DELETION_POLICY) == "retain":
            return True
        if not self._ports.definitions.terminating(resource.kind):
            return False
        self._ports.events.emit(
            resource,
            "Warning",
            "DefinitionDeleted",
            f"the {resource.kind} definition is being deleted: everything in SageMaker is kept as it is",
        )
        return True


def _mismatch(this: Pass) -> TerminalError | None:
    """ARNs that cannot be used where the spec wants them: SageMaker need not be asked. A spec that moves what exists to another
    region is refused for that.
    """
    if this.resource.deleting or this.region != this.spec.get("region"):
        return None
    found = next(foreign_arns(this.partition.name, this.spec), None)
    return TerminalError(f"{found.path}: {found.message}", found.reason) if found else None
