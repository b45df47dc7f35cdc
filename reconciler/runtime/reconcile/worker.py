"""One pass over one object: the page a newcomer reads first.

    read -> guards -> finalizer -> observe -> decide -> write status -> call AWS
                                      ^                                    |
                                      └──────── with the replies ──────────┘

Status is written, conditional on the version that was decided on, before any call goes out: it is the record of the
intent and the fence against a second replica or an old look. A pass ends when a decision has no more calls, or when it cannot
look again: then what the calls came to is written by the look before.

What may end a pass before it begins is the list in `guards`; what an error means is the table in `outcome`; what is written
is in `recorder`, rendered in `core.status`; passes and ends of passes that send nothing are in `reporter`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from reconciler.core import deciding, tags
from reconciler.core.aws.partitions import Partitions, commercial
from reconciler.core.deciding import Look
from reconciler.core.decision import Decision, Phase, sooner
from reconciler.core.errors import (
    ConflictError,
    DependencyError,
    NotFoundError,
    ReconcileError,
    StaleError,
)
from reconciler.core.git.applied import reverted
from reconciler.core.kind import Identity, Kind, Observed, Pass
from reconciler.core.resource import FINALIZER, Key, Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.tenancy import Place, Tenant
from reconciler.core.values import Json
from reconciler.runtime.reconcile.endings import Endings
from reconciler.runtime.reconcile.execute import execute
from reconciler.runtime.reconcile.freshness import Freshness
from reconciler.runtime.reconcile.git_side import GitSide, Unread
from reconciler.runtime.reconcile.guards import GUARDS, Case, restriction, unreadable_status
from reconciler.runtime.reconcile.outcome import Next, meaning
from reconciler.runtime.reconcile.past import new_tokens, refused_before
from reconciler.runtime.reconcile.ports import Ports
from reconciler.runtime.reconcile.recorder import Recorder, drift_look
from reconciler.runtime.reconcile.reporter import Reporter

log = logging.getLogger(__name__)

_ROUNDS = 6
"""Decide, act, decide again: making parts, moving the endpoint and looking closely once need four."""


class Worker:
    """Safe for threads as long as one key is never in two of them."""

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
        self._git = GitSide(ports.claims, ports.cache, ports.clock)
        self._freshness = Freshness(ports.cache, ports.objects, ports.clock)
        self._recorder = Recorder(ports, self._freshness, replica)
        self._reporter = Reporter(ports, self._recorder, place_of)
        self._endings = Endings(ports, self._recorder, self._freshness)
        self._in_doubt: set[Key] = set()
        """Whose close look was begun and did not come: it is the first of the next pass."""

    def reconcile(self, key: Key) -> Next:
        """One pass over the object, from the newest version of it that is known."""
        resource = self._freshness.read(key)
        for _ in range(_ROUNDS):
            if isinstance(resource, Next):
                return resource
            if resource is None:
                return self._forget(key)
            try:
                return self._pass(resource)
            except (StaleError, NotFoundError):
                # It moved, or went, since the cache saw it.
                resource = self._ports.objects.get(key)
        return Next(failed=True)

    def _forget(self, key: Key) -> Next:
        self._freshness.forget(key)
        self._git.forget(key)
        self._in_doubt.discard(key)
        self._ports.observer.unwatch(key)
        return Next()

    def _pass(self, resource: Resource) -> Next:
        kind, shape = self._kinds[resource.kind]
        now = self._ports.clock.now()
        case = Case(resource, kind, shape, self._git.verdict(resource, now), now)
        for guard in GUARDS:
            if (answer := guard(case, self._endings)) is not None:
                return answer
        this = self._begun(case)
        if unreadable := unreadable_status(this):
            return self._reporter.unreadable(kind, this, unreadable)
        if case.git.blocked and case.git.wanted is None:
            return self._reporter.follow(kind, this, case.git.blocked)
        try:
            place = self._place_of(this.resource)
        except ReconcileError as error:
            if resource.deleting and kind.untouched(resource.status) and meaning(error).phase is Phase.STALLED:
                return self._endings.release(this.resource)
            return self._reporter.failed(kind, this, error)
        this = replace(this, role=place.tenant.role)
        try:
            if restricted := restriction(this, place, case.git):
                return self._reporter.observe_only(kind, this, place.tenant, restricted)
            return self._rounds(kind, this, place.tenant, case.git.unread)
        except (StaleError, NotFoundError):
            raise
        except ReconcileError as error:
            return self._reporter.failed(kind, this, error)

    def _begun(self, case: Case) -> Pass:
        """What the pass is about: finalizer first, then everything that is known before SageMaker is asked."""
        resource, kind, git = case.resource, case.kind, case.git
        if FINALIZER not in resource.finalizers and not resource.spawned:
            finalizers = (*resource.finalizers, FINALIZER)
            resource = self._freshness.wrote(self._ports.objects.set_finalizers(resource, finalizers))
        if git.blocked and git.wanted:
            # As if the edit were reverted already, so that what runs or serves is still followed.
            resource = reverted(git.wanted, resource, kind.as_written(resource), {})
        return Pass(
            kind=kind,
            resource=resource,
            identity=self._identity,
            spec=kind.as_written(resource),
            shape=case.shape,
            past=resource.status,
            now=case.now,
            on_change=git.on_change,
            drift=git.policy,
            git=git.git,
            tokens=new_tokens(resource),
            others=self._ports.cache,
            past_runs=self._ports.memory.runs(resource),
            past_rollouts=self._ports.memory.rollouts(resource),
            partition_of=self._partition_of,
        )

    def _rounds(self, kind: Kind[Observed], this: Pass, tenant: Tenant, unread: Unread | None) -> Next:
        """Observe, decide, record, act; again with the replies, until nothing is left to send."""
        doubted: set[str] = set()
        found: Look[Json] | None = None
        key = this.resource.key
        this = replace(this, doubt=key in self._in_doubt)
        if tags.asked(this):
            self._ports.observer.look_soon(key)
        for _ in range(_ROUNDS):
            try:
                found = deciding.look(kind, self._ports.observer.view(tenant), this, found)
            except ReconcileError as error:
                if found is None:
                    raise
                if this.doubt:
                    self._in_doubt.add(key)
                return self._reporter.look_failed(kind, this, tenant, found, error)
            self._in_doubt.discard(key)
            decision = deciding.decide(kind, this, found)
            if refusal := refused_before(decision, this):
                decision = refusal.shown(decision)
            self._ports.observer.watch(key, tenant, decision.watches)
            if unread and decision.calls and not this.resource.deleting:
                self._git.await_read(key)
                return self._reporter.unread(this, unread)
            if decision.phase is Phase.RELEASED:
                return self._endings.release(this.resource, decision.notices)
            if decision.calls and not this.replies and this.failure is None:
                # Before it is written down that the call goes out: what was not sent need not be looked for later.
                self._ports.aws.admit(tenant, decision.calls[0])
            this = self._recorder.record(this, decision, decided=True, verified=self._verified(tenant, decision))
            if not decision.calls:
                again = refusal.look if refusal else decision.look_again
                return Next(sooner(again, drift_look(this.resource, this.now)))
            replies, failure = execute(
                decision, tenant, self._ports.aws, self._ports.observer, self._ports.leader.is_leader
            )
            now = self._ports.clock.now()
            this = replace(this, past=this.resource.status, replies=replies, failure=failure, now=now)
            if failure is None:
                this = replace(this, doubt=False)
            elif isinstance(failure.error, (ConflictError, DependencyError)) and failure.call.identity not in doubted:
                # Once per call: what is in the way is looked at before anything is reported.
                doubted.add(failure.call.identity)
                this = replace(this, doubt=True)
            else:
                return self._reporter.call_failed(kind, this, tenant, found, failure)
        return Next(after=timedelta(seconds=1))

    def _verified(self, tenant: Tenant, decision: Decision) -> datetime | None:
        """When all that the decision is about was seen last."""
        view = self._ports.observer.view(tenant)
        seen = [view.verified(watch.remote, watch.name) for watch in decision.watches]
        return min((at for at in seen if at is not None), default=None)
