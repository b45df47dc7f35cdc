"""Passes, and ends of passes, that send nothing: what is observed all the same, and what status says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from reconciler.core import deciding
from reconciler.core.conditions import READY, find
from reconciler.core.deciding import Look
from reconciler.core.decision import Decision, Phase, Refusal, sooner
from reconciler.core.errors import (
    OldLookError,
    RateLimitedError,
    ReconcileError,
    TerminalError,
)
from reconciler.core.kind import Failure, Kind, Observed, Pass
from reconciler.core.records.request import RefusedRequest
from reconciler.core.refusals import due_in, refused
from reconciler.core.resource import Key, Resource
from reconciler.core.status import kept
from reconciler.core.tenancy import Place, Tenant
from reconciler.core.values import Json
from reconciler.runtime.reconcile.execute import NotLeadingError
from reconciler.runtime.reconcile.git_side import Unread
from reconciler.runtime.reconcile.guards import Restriction
from reconciler.runtime.reconcile.outcome import SLOW_LOOK, Next, after_error, shown
from reconciler.runtime.reconcile.past import as_before
from reconciler.runtime.reconcile.ports import Ports
from reconciler.runtime.reconcile.recorder import Recorder, drift_look

log = logging.getLogger(__name__)

_WORTH_SHOWING_S = 5.0
"""A shorter delay by the service's own limiter is not shown."""
_OLD_LOOK = timedelta(seconds=5)
_OLD_LOOKS_SHOWN_S = 60.0
"""Reads that show an older state than is known for longer are no replica's that is late: status is wrong, and says so."""


class Reporter:
    """The worker's other half: it changes status, never SageMaker."""

    def __init__(self, ports: Ports, recorder: Recorder, place_of: Callable[[Resource], Place]) -> None:
        self._ports = ports
        self._recorder = recorder
        self._place_of = place_of
        self._old_looks: dict[Key, tuple[float, float]] = {}
        """Monotonic seconds of the first and the last old read in a row. Few objects ever have one."""

    def observe_only(self, kind: Kind[Observed], this: Pass, tenant: Tenant, restricted: Restriction) -> Next:
        """Observe what there is and change nothing, whatever is wanted."""
        refusal = restricted.refusal
        found = deciding.look(kind, self._ports.observer.view(tenant), this)
        observed = deciding.decide(kind, this, found).without_calls(refusal)
        shown = replace(observed, phase=restricted.phase, reason=refusal.reason, message=refusal.message)
        self._ports.observer.watch(this.resource.key, tenant, shown.watches)
        this = self._recorder.record(this, shown, decided=True)
        return Next(sooner(SLOW_LOOK, drift_look(this.resource, this.now)))

    def unread(self, this: Pass, unread: Unread) -> Next:
        """Something would be sent, and Git was not read since the start: nothing of it is recorded, and tokens wait as well."""
        if unread.unsaid is not None:
            return Next(unread.unsaid)
        refusal = unread.refusal
        shown = replace(as_before(this.past), reason=refusal.reason, message=refusal.message, status=kept(this.past))
        self._recorder.record(this, shown)
        return Next(SLOW_LOOK)

    def follow(self, kind: Kind[Observed], this: Pass, refusal: Refusal) -> Next:
        """Nobody knows what Git holds: what is recorded to be on its way is followed, and all else stays as it was known.
        Nothing is read from the spec.
        """
        shown = replace(as_before(this.past), reason=refusal.reason, message=refusal.message, status=kept(this.past))
        try:
            tenant = self._place_of(this.resource).tenant
            found = kind.follow(self._ports.observer.view(tenant), replace(this, tokens={}))
        except ReconcileError as error:
            log.info("%s cannot be followed: %s", this.resource.key, error)
            found = None
        if found is not None:
            found = found.without_calls(refusal)
            healthy = shown.healthy if found.healthy is None else found.healthy
            shown = replace(shown, status={**shown.status, **found.status}, notices=found.notices, healthy=healthy)
            self._ports.observer.watch(this.resource.key, tenant, found.watches)
        this = self._recorder.record(this, shown)
        return Next(sooner(SLOW_LOOK, drift_look(this.resource, this.now)))

    def failed(self, kind: Kind[Observed], this: Pass, error: ReconcileError) -> Next:
        """Nothing could be decided: say what is in the way, and when to try again."""
        if (wait := self._unshown_for(this.resource.key, error)) is not None:
            return Next(after=wait)
        known, error = _remembered(this, error)
        self._recorder.record(this, shown(kind, this, error, as_before(this.past), this.past), refused=known)
        return Next(after=due_in(known, this.now)) if known else after_error(error)

    def _unshown_for(self, key: Key, error: ReconcileError) -> timedelta | None:
        """When to ask again after what is over too soon to be shown; None for what is shown."""
        if isinstance(error, RateLimitedError) and error.retry_after_s < _WORTH_SHOWING_S:
            return timedelta(seconds=error.retry_after_s)
        return _OLD_LOOK if isinstance(error, OldLookError) and self._is_soon(key) else None

    def _is_soon(self, key: Key) -> bool:
        """Whether old reads of it began so lately that nothing need be shown of them."""
        now = self._ports.clock.monotonic()
        began, last = self._old_looks.get(key, (now, now))
        began = began if now - last < _OLD_LOOKS_SHOWN_S else now
        self._old_looks[key] = (began, now)
        return now - began < _OLD_LOOKS_SHOWN_S

    def unreadable(self, kind: Kind[Observed], this: Pass, error: TerminalError) -> Next:
        """Status cannot be read: nothing was decided, and what stands there stays to the letter."""
        try:
            self._recorder.undecided(this, shown(kind, this, error, as_before(this.past), this.past))
        except TerminalError as why:
            log.warning("%s: %s; the API server stores no such status: %s", this.resource.key, error, why)
        return Next(SLOW_LOOK)

    def call_failed(
        self, kind: Kind[Observed], this: Pass, tenant: Tenant, found: Look[Json], failure: Failure
    ) -> Next:
        """A call did not go through: status says so, with what the calls before it came to."""
        error = failure.error
        if isinstance(error, NotLeadingError):
            return Next()
        folded = self._folded(kind, this, tenant, found, error)
        status = this.past if folded.phase is Phase.RELEASED else folded.status
        before = replace(as_before(this.past), healthy=folded.healthy)
        known, error = _remembered(this, error, failure.call.identity)
        self._recorder.record(this, shown(kind, this, error, before, status), decided=True, refused=known)
        if known and known.retry_at:
            return Next(sooner(due_in(known, this.now), folded.look_again))
        return after_error(error, sooner=folded.look_again)

    def look_failed(
        self, kind: Kind[Observed], this: Pass, tenant: Tenant, found: Look[Json], error: ReconcileError
    ) -> Next:
        """Calls were carried out, and the look after them was not: what they came to is remembered by the look before (`found`), or
        the next pass would send them again. Whether the object is let go is for the next look.
        """
        folded = self._folded(kind, this, tenant, found, error)
        before = replace(as_before(this.past), healthy=folded.healthy)
        wait = self._unshown_for(this.resource.key, error)
        known, error = _remembered(this, error)
        if wait is None:
            said = shown(kind, this, error, before, folded.status)
        else:
            ready = find(this.past.get("conditions") or (), READY) or {}
            reason, message = str(ready.get("reason", "")), str(ready.get("message", ""))
            said = replace(before, reason=reason, message=message, status=kept(folded.status))
        said = replace(said, notices=(*folded.notices, *said.notices))
        self._recorder.record(this, said, decided=True, refused=known)
        if wait is None:
            wait = due_in(known, this.now) if known else None
        return after_error(error, sooner=folded.look_again) if wait is None else Next(after=wait)

    def _folded(
        self, kind: Kind[Observed], this: Pass, tenant: Tenant, found: Look[Json], error: ReconcileError
    ) -> Decision:
        """What the look before and the replies since come to, without further calls; what it waits for is watched."""
        folded = deciding.decide(kind, this, found).without_calls(Refusal(error.reason, str(error)))
        self._ports.observer.watch(this.resource.key, tenant, folded.watches)
        return folded


def _remembered(this: Pass, error: ReconcileError, call: str = "") -> tuple[RefusedRequest | None, ReconcileError]:
    """What is remembered of a refusal, and the error in its words."""
    known = refused(this, error, call)
    return known, error.saying(known.message) if known else error
