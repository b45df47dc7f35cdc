"""The cluster half of a pass: what Git held when we last looked, made true in the cluster and shown in status.

Runs after every look at Git that found something, and by itself when an informer reports an edit, a deletion or an object
that became ready. Never touches Git. Order, such that a crash between any two calls is repaired by the next pass:

    plan -> inventory grows to old + new -> revert, apply -> prune -> inventory settles, with the rest of status

so no owned object is ever outside the inventory, and `SyncClaims` knows the new hash before the object has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.core.conditions import DRIFTED, READY, STALLED, find
from reconciler.core.drift import edits, policy
from reconciler.core.drift.git_drift import Reverted
from reconciler.core.errors import StaleError
from reconciler.core.git import inventory as inventories
from reconciler.core.git.applied import Wanted, bookkeeping, kept_bookkeeping
from reconciler.core.git.source import Provenance, SourceError
from reconciler.core.manifests.parse import Rejection
from reconciler.core.records.drift import DriftRecord
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.sync.plan import ClusterView, Edited, LiveObject, SyncPlan, inventory_after, plan
from reconciler.core.sync.prune import NEEDS_APPROVAL
from reconciler.core.sync.spec import GitSyncSpec, approves, owner_id, owner_key
from reconciler.core.sync.status import Counts, Drift, Failing, SyncOutcome, SyncReport, SyncVerdict, Work, render
from reconciler.core.values import Status
from reconciler.core.waits import waits_for_a_person
from reconciler.runtime.sync.apply import Done, Hands, NotLeaderError, Orders, refused_file
from reconciler.runtime.sync.lag import SyncLag
from reconciler.runtime.sync.liveview import newer
from reconciler.runtime.sync.memory import Memory, Result, SyncCounts
from reconciler.runtime.sync.notes import SyncNotes
from reconciler.runtime.sync.ports import SyncPorts
from reconciler.runtime.sync.source import Found
from reconciler.runtime.tally import Tally

_WRITES = 5


class ClusterPass:
    def __init__(self, ports: SyncPorts, notes: SyncNotes, lag: SyncLag, tally: Tally[SyncCounts]) -> None:
        self._cache = ports.cluster.cache
        self._objects = ports.cluster.objects
        self._events = ports.cluster.events
        self._leader = ports.cluster.leader
        self._clock = ports.cluster.clock
        self._appliers = ports.appliers
        self._live = ports.live
        self._claims = ports.claims
        self._notes = notes
        self._lag = lag
        self._tally = tally
        self._hands = Hands(ports)

    def close(self) -> None:
        self._hands.close()

    def current(self, memory: Memory) -> Resource | None:
        """The GitSync, as new as we know it."""
        cached, ours = self._cache.get(memory.key), memory.status
        if cached is None or ours is None or cached.uid != ours.uid or newer(cached, ours):
            return cached
        return ours

    def converge(self, memory: Memory, *, retry_refused: bool = False, handled: str | None = None) -> Result:
        """One pass under `memory.lock`, which the caller holds."""
        sync, spec, found = self.current(memory), memory.spec, memory.found
        if sync is None or spec is None or found is None or sync.deleting:
            return Result()
        self._tally.add(SyncCounts(passes=1))
        if retry_refused:
            memory.refused.clear()
        started = self._clock.now()
        known = inventories.read(sync.status.get("inventory") or ())
        wanted = memory.wants.of(found.rendered, spec, self._live.written)
        left = known.keys() - {want.key for want in wanted}
        if message := inventories.too_many(len(wanted), sum(self._live.get(key) is not None for key in left)):
            outcome = SyncOutcome(SyncVerdict.STALLED, "TooManyObjects", message)
            self.report(memory, sync, SyncReport(outcome, memory.generation, attempted=found.revision, handled=handled))
            self._claims.read(memory.key)
            return Result(complete=False)
        steps = self._plan(memory, sync, found, wanted, spec)
        self._claims.want(memory.key, wanted, [edit.wanted.key for edit in (*steps.reported, *steps.fought)])
        if steps.before != known and steps.before:
            sync = self._announce(memory, sync, found, steps)
        done = self._carry_out(memory, sync, spec, found, steps)
        return self._settle(memory, sync, _Pass(spec, found, steps, done, started, handled, wanted))

    def report(self, memory: Memory, sync: Resource, report: SyncReport) -> Resource:
        """Write the status if it differs; written again at the newest version when the GitSync has moved."""
        for _ in range(_WRITES):
            status = render(sync, report, self._clock.now())
            if status == sync.status:
                return sync
            if not self._leader.is_leader():
                raise NotLeaderError("another process leads now")
            if "inventory" in status:
                # The workers must know what we are about to apply before anyone can see it applied.
                self._claims.hold(sync.with_status(status))
            try:
                written = self._objects.replace_status(sync, status)
            except StaleError:
                fresh = self._objects.get(memory.key)
                if fresh is None or fresh.uid != sync.uid:
                    raise
                sync = fresh
                continue
            self._tally.add(SyncCounts(status_writes=1))
            memory.status = written
            self._claims.hold(written)
            self._tell(sync, written, report)
            return written
        raise StaleError(f"{memory.key} keeps changing")

    def _plan(
        self, memory: Memory, sync: Resource, found: Found, wanted: Sequence[Wanted], spec: GitSyncSpec
    ) -> SyncPlan:
        known, now = inventories.read(sync.status.get("inventory") or ()), self._clock.now()
        ignored = {want.key: want.ignored for want in wanted if want.ignored}
        view = ClusterView(
            live=lambda key: self._live.live(key, ignored.get(key, ())),
            sync_exists=lambda owner: self._cache.get(owner_key(owner)) is not None,
            written=self._live.written,
            reverted=lambda key: self._claims.uncounted_reverts(key, now),
            now=now,
        )
        steps = plan(
            wanted,
            [Key(kind, spec.target_namespace, name) for kind, name in found.rendered.refused],
            known,
            view,
            spec=spec,
            owner=owner_id(sync.key),
            revision=found.revision,
            bad=next(iter(found.rendered.rejections), refused_file(fault for _, fault in memory.refused.values())),
            approval=sync.annotations.get(Annotation.APPROVE_PRUNE),
        )
        refused = memory.refused
        return replace(
            steps,
            to_apply=tuple(want for want in steps.to_apply if refused.get(want.key, ("",))[0] != want.hash),
            to_revert=tuple(e for e in steps.to_revert if refused.get(e.wanted.key, ("",))[0] != e.wanted.hash),
        )

    def _announce(self, memory: Memory, sync: Resource, found: Found, steps: SyncPlan) -> Resource:
        """Write the union of old and new before the first apply."""
        outcome = SyncOutcome(SyncVerdict.WORKING, "Progressing", f"applying {found.revision}")
        return self.report(
            memory,
            sync,
            SyncReport(outcome, memory.generation, attempted=found.revision, inventory=inventories.write(steps.before)),
        )

    def _carry_out(self, memory: Memory, sync: Resource, spec: GitSyncSpec, found: Found, steps: SyncPlan) -> Done:
        if steps.idle:
            return Done()
        owner = owner_id(sync.key)
        origins = _origins(found, sync, steps, owner)

        def notes(want: Wanted, live: LiveObject | None) -> Mapping[str, str]:
            kept = kept_bookkeeping(want, live.resource, owner) if live else None
            if kept is not None:
                return kept
            return bookkeeping(
                want, owner=owner, repo=spec.url, revision=found.revision, provenance=origins.get(want.path)
            )

        orders = Orders(
            applier=self._appliers(sync.namespace, spec.service_account),
            notes=notes,
            mode=lambda want, live: spec.mode(want.key, live.annotations.get(Annotation.DRIFT_MODE)),
            owner=owner,
        )
        done = self._hands.carry_out(steps, orders)
        for put in done.reverted:
            version, by = put.edit.live.resource.resource_version, put.edit.author
            reverted = Reverted(put.edit.paths, version, self._clock.now(), by.manager if by else "")
            self._claims.reverted(put.after.key, reverted)
        hashes = {want.key: want.hash for want in (*steps.to_apply, *(edit.wanted for edit in steps.to_revert))}
        memory.refused.update({key: (hashes.get(key, ""), fault) for key, fault in done.refused.items()})
        self._tally.add(SyncCounts(applied=len(done.applied), reverted=len(done.reverted), pruned=len(done.pruned)))
        return done

    def _settle(self, memory: Memory, sync: Resource, this: _Pass) -> Result:
        """Judge the pass and write what it came to."""
        steps, done, found = this.steps, this.done, this.found
        refused = [fault for _, fault in memory.refused.values()]
        faults = [*found.rendered.rejections, *steps.rejected, *refused]
        rejected = found.rendered.rejected + len(steps.rejected) + len(refused)
        own = _judge(this, faults, rejected, denied=any(fault.reason == "AccessDenied" for fault in refused))
        open_keys = done.open_keys | memory.refused.keys()
        after = inventory_after(steps.before, open_keys=frozenset(open_keys), gone=frozenset(done.gone))
        work = None
        if memory.problem is None:
            work = Work(
                found.snapshot.commit, this.started, len(done.applied), len(done.pruned), rejected + len(done.unsure)
            )
        approval = sync.annotations.get(Annotation.APPROVE_PRUNE)
        report = SyncReport(
            outcome=memory.problem or own,
            generation=memory.generation,
            attempted=found.revision if memory.problem is None else None,
            applied=found.revision if own.verdict is SyncVerdict.SUCCEEDED else None,
            inventory=inventories.write(after),
            counts=self._counts(after, steps, rejected),
            rejected=faults,
            failing=list(self._failing(this.wanted)),
            handled=this.handled,
            unpruned=[kept.key for kept in steps.kept if kept.reason == NEEDS_APPROVAL],
            approved=approval if done.pruned and approves(approval, found.revision) else None,
            drift=Drift(
                edited=tuple(_edit_shown(edit) for edit in steps.reported),
                fought=tuple(_edit_shown(edit) for edit in steps.fought),
                elsewhere=tuple(self._elsewhere(after)),
                corrected=tuple(_edit_shown(put.edit) for put in done.reverted),
            ),
            work=work,
        )
        self._notes.tell(sync, found, done, faults=faults, now=self._clock.now())
        self.report(memory, sync, report)
        self._lag.passed(sync, found.snapshot.commit, done.applied, complete=report.applied is not None)
        self._claims.finish(memory.key, [kept.key for kept in (*steps.kept, *done.kept)])
        return Result(
            retry=bool(done.unsure),
            complete=not (refused or steps.rejected or done.unsure),
            again_s=self._calm_s(steps.fought),
        )

    def _counts(self, after: inventories.Inventory, steps: SyncPlan, rejected: int) -> Counts:
        reported = {edit.wanted.key for edit in (*steps.reported, *steps.fought)}
        total = ready = failed = drifted = waiting = 0
        for key in after:
            live = self._live.get(key)
            if live is None:
                continue
            total += 1
            is_ready, is_failed, is_drifted = summary(live)
            ready += is_ready
            failed += is_failed
            drifted += is_drifted or key in reported
            waiting += waits_for_a_person(live.status)
        return Counts(total, ready, failed, drifted, rejected, waiting)

    def _failing(self, wanted: Sequence[Wanted]) -> Iterator[Failing]:
        """What was applied and will not get ready by itself, in the order of Git."""
        for want in wanted:
            live = self._live.get(want.key)
            reason = _trouble(live.status) if live else None
            if reason is not None:
                yield Failing(want.key, want.path, want.line, reason)

    def _calm_s(self, fought: Sequence[Edited]) -> float | None:
        """When the first of what is fought over may be reverted again."""
        now = self._clock.now()
        left = []
        for edit in fought:
            drift = DriftRecord.parse(edit.live.resource.status.get("drift"))
            if rests := policy.rests(drift, now, self._claims.uncounted_reverts(edit.wanted.key, now)):
                left.append(max(rests[path] for path in edit.paths if path in rests))
        return min(left).total_seconds() if left else None

    def _elsewhere(self, after: inventories.Inventory) -> Iterator[str]:
        """What the workers found to differ in SageMaker."""
        for key in after:
            status = live.status if (live := self._live.get(key)) else {}
            if (find(status.get("conditions") or (), DRIFTED) or {}).get("status") != "True":
                continue
            differences = DriftRecord.parse(status.get("drift")).differences
            if paths := [one.path for one in differences if one.plane != "git"]:
                yield f"{key.kind}/{key.name} {edits.shown(paths)}"

    def _tell(self, before: Resource, after: Resource, report: SyncReport) -> None:
        """Events on change alone."""
        old, new = (find(sync.status.get("conditions") or (), READY) or {} for sync in (before, after))
        outcome, work = report.outcome, report.work
        if outcome.verdict is SyncVerdict.SUCCEEDED:
            moved = before.status.get("lastAppliedRevision") != after.status.get("lastAppliedRevision")
            if moved or old.get("status") != "True":
                counts = f": {work.applied} applied, {work.pruned} pruned" if work else ""
                self._events.emit(after, "Normal", outcome.reason, outcome.message + counts)
        elif outcome.verdict in (SyncVerdict.STALLED, SyncVerdict.RETRYING) and (
            (old.get("reason"), old.get("message")) != (new.get("reason"), new.get("message"))
        ):
            self._events.emit(after, "Warning", outcome.reason, outcome.message)
        was, drifted = (find(sync.status.get("conditions") or (), DRIFTED) or {} for sync in (before, after))
        if drifted.get("status") == "True" and drifted.get("message") != was.get("message"):
            self._events.emit(after, "Warning", str(drifted.get("reason")), str(drifted.get("message")))


@dataclass(frozen=True)
class _Pass:
    spec: GitSyncSpec
    found: Found
    steps: SyncPlan
    done: Done
    started: datetime
    handled: str | None
    wanted: Sequence[Wanted]


def counted(resource: Resource) -> tuple[object, ...]:
    """All that a GitSync's status says of an object; a change of it is worth a pass."""
    trouble = _trouble(resource.status)
    return *summary(resource), waits_for_a_person(resource.status), trouble


def _trouble(status: Status) -> str | None:
    """Why an object will not get ready by itself; None: it may."""
    conditions = status.get("conditions") or ()
    stalled = (find(conditions, STALLED) or {}).get("status") == "True"
    if not stalled and not waits_for_a_person(status):
        return None
    return str((find(conditions, READY) or {}).get("reason") or "")


def summary(resource: Resource) -> tuple[bool, bool, bool]:
    """Ready, failed, drifted: what a GitSync counts of an object."""
    conditions = resource.status.get("conditions") or ()
    ready, stalled, drifted = (
        (find(conditions, kind) or {}).get("status") == "True" for kind in (READY, STALLED, DRIFTED)
    )
    return ready, stalled, drifted


def _judge(this: _Pass, faults: Sequence[Rejection], rejected: int, *, denied: bool) -> SyncOutcome:
    found, steps, done = this.found, this.steps, this.done
    if done.unsure:
        error = next(iter(done.unsure.values()))
        return SyncOutcome(
            SyncVerdict.RETRYING,
            error.reason,
            f"outcome unknown for {len(done.unsure)} objects, which are tried again: {error}",
        )
    if found.rendered.tree_id is None:
        return SyncOutcome(SyncVerdict.STALLED, "PathNotFound", faults[0].message)
    blocked = steps.blocked or done.blocked
    if rejected:
        first = faults[0]
        blocks = f"{blocked.message}; " if blocked else ""
        text = f"{rejected} rejected; {blocks}{first.place} {first.kind} {first.name}: {first.message}"
        return SyncOutcome(
            SyncVerdict.STALLED, "AccessDenied" if denied else "PartiallyApplied", " ".join(text.split())
        )
    if blocked and blocked.stalls:
        return SyncOutcome(SyncVerdict.STALLED, blocked.reason, blocked.message)
    message = f"Applied {found.revision}"
    if blocked:
        message += f"; {blocked.message}"
    if steps.waiting:
        message += f"; {len(steps.waiting)} objects are being deleted and will be created again"
    return SyncOutcome(SyncVerdict.SUCCEEDED, "ReconciliationSucceeded", message)


def _edit_shown(edit: Edited) -> str:
    """Paths and who, no values."""
    by = f" (by {edit.author})" if edit.author else ""
    return f"{edit.wanted.key.kind}/{edit.wanted.key.name} {edits.shown(edit.paths)}{by}"


def _origins(found: Found, sync: Resource, steps: SyncPlan, owner: str) -> Mapping[str, Provenance]:
    """Who last changed each file that is about to be written about; nothing when nobody knows."""
    paths = {want.path for want in steps.to_apply}
    paths |= {
        edit.wanted.path for edit in steps.to_revert if kept_bookkeeping(edit.wanted, edit.live.resource, owner) is None
    }
    if not paths:
        return {}
    before = str(sync.status.get("lastAppliedRevision") or "").rpartition(":")[2] or None
    try:
        return found.snapshot.provenance(before, sorted(paths))
    except SourceError:
        return {}
