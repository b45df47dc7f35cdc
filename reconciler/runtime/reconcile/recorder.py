"""Writes what was decided: children, then the lines for the commit, then status, then Events.

Status is the record of the intent and the fence: it is written, conditional on the version that was decided on, before any
call goes out. Nothing is written where it says nothing new and no call follows.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.core.conditions import DRIFTED, find, stamp
from reconciler.core.decision import Decision, Notice, sooner
from reconciler.core.drift import record
from reconciler.core.errors import StaleError
from reconciler.core.kind import Pass
from reconciler.core.records.drift import DriftRecord
from reconciler.core.records.request import Intent, RefusedRequest
from reconciler.core.resource import Resource
from reconciler.core.status import Bookkeeping, last_checked, render, undecided
from reconciler.core.values import Status
from reconciler.runtime.reconcile.execute import label
from reconciler.runtime.reconcile.freshness import Freshness
from reconciler.runtime.reconcile.past import handled, still_refused
from reconciler.runtime.reconcile.ports import Ports


class Recorder:
    def __init__(self, ports: Ports, freshness: Freshness, replica: str) -> None:
        self._ports = ports
        self._freshness = freshness
        self._replica = replica

    def record(
        self,
        this: Pass,
        decision: Decision,
        *,
        decided: bool = False,
        refused: RefusedRequest | None = None,
        verified: datetime | None = None,
    ) -> Pass:
        """The pass with the object as it was written. `decided`: the kind was asked, so tokens that act once were acted on.

        Raises StaleError when the object moved since it was read.
        """
        # Before the status: a pass that dies in between makes them again, and none is left out.
        self._ports.children.ensure(decision.children)
        books = Bookkeeping(
            handled(this, decided=decided),
            self._intent(this, decision) if decision.calls else None,
            refused or still_refused(this, decided=decided),
            this.role,
            this.kind.made(decision.status),
            verified,
        )
        resource, past = this.resource, this.resource.status
        status = render(resource, decision, books, policy=this.drift, shape=this.shape, now=this.now, git=this.git)
        if this.kind.checks:
            status = last_checked(status, past, this.now)
        if status != past or decision.calls:
            resource = self._write(this, status)
        drifted = find(status["conditions"], DRIFTED)
        before, after = DriftRecord.parse(past.get("drift")), DriftRecord.parse(status["drift"])
        reported = record.notices(before, after, str(drifted["reason"]) if drifted else "")
        self.emit(resource, (*decision.notices, *reported))
        return replace(this, resource=resource)

    def undecided(self, this: Pass, decision: Decision) -> None:
        """Conditions alone, of an object whose status cannot be read. The Event comes first: the API server may refuse to store such
        a status once more.
        """
        self.emit(this.resource, decision.notices)
        status = undecided(this.resource, decision, this.now)
        if status != this.past:
            self._write(this, status)

    def emit(self, resource: Resource, notices: tuple[Notice, ...]) -> None:
        for notice in notices:
            self._ports.events.emit(resource, notice.type, notice.reason, notice.message)

    def _intent(self, this: Pass, decision: Decision) -> Intent:
        return Intent(stamp(this.now), self._replica, tuple(label(call) for call in decision.calls))

    def _write(self, this: Pass, status: Status) -> Resource:
        """Status is ours alone: when the object moved but its status did not, what came of a call is written all the same, or
        it would be forgotten, and the pass begins again with what moved.
        """
        self._ports.journal.status_changes(this.resource, status, this.shape, this.now)
        try:
            return self._freshness.wrote(self._ports.objects.replace_status(this.resource, status))
        except StaleError:
            live = self._ports.objects.get(this.resource.key) if this.replies or this.failure else None
            if live is None or live.uid != this.resource.uid or live.status != this.resource.status:
                raise
            self._freshness.wrote(self._ports.objects.replace_status(live, status))
            raise


def drift_look(resource: Resource, now: datetime) -> timedelta | None:
    """When the drift record would say something else though nothing moves."""
    drift = DriftRecord.parse(resource.status.get("drift"))
    daily = record.VERIFIED_EVERY if drift.last_verified else None
    return sooner(record.look_again(drift, now), daily)
