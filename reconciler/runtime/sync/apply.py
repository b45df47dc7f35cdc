"""Carries a SyncPlan out: applies, reverts edits and prunes, several at a time, one failure never stopping another.

The only place of the sync that changes objects of the cluster. Leadership is asked before every single call; a call that
nobody answered leaves its object open, so that the next pass looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from reconciler.core.drift.edits import shown
from reconciler.core.drift.policy import DriftMode
from reconciler.core.errors import DeniedError, ReconcileError, StaleError, TransientError
from reconciler.core.git.applied import Wanted, body, reverted
from reconciler.core.manifests.parse import Rejection
from reconciler.core.ports import Applier
from reconciler.core.resource import Key, Resource
from reconciler.core.sync.plan import Edited, LiveObject, SyncPlan
from reconciler.core.sync.prune import Blocked, Kept, held_by, survives
from reconciler.runtime.sync.ports import SyncPorts

GIVE_UP_AFTER = 4
"""Unanswered calls in one pass after which the API server counts as away and the rest waits for the next pass."""
PARALLEL = 8
"""Calls at once."""
_TRIES = 3


class _NotTriedError(TransientError):
    reason = "ApiUnavailable"


class NotLeaderError(ReconcileError):
    """Somebody else reconciles now."""

    reason = "NotLeader"


@dataclass(frozen=True)
class Orders:
    """What the calls of one pass have in common."""

    applier: Applier
    notes: Callable[[Wanted, LiveObject | None], Mapping[str, str]]
    """Bookkeeping annotations of an object."""
    mode: Callable[[Wanted, Resource], DriftMode]
    owner: str


@dataclass(frozen=True)
class RevertedEdit:
    edit: Edited
    after: Resource


@dataclass
class Done:
    """What came of a plan."""

    applied: list[Key] = field(default_factory=list)
    reverted: list[RevertedEdit] = field(default_factory=list)
    pruned: list[Key] = field(default_factory=list)
    deleted: list[Resource] = field(default_factory=list)
    """What was pruned, as it was last."""
    gone: set[Key] = field(default_factory=set)
    kept: list[Kept] = field(default_factory=list)
    blocked: Blocked | None = None
    """Why nothing was pruned after all: something was refused."""
    refused: dict[Key, Rejection] = field(default_factory=dict)
    denied: bool = False
    unsure: dict[Key, ReconcileError] = field(default_factory=dict)
    unanswered: int = 0

    @property
    def open_keys(self) -> frozenset[Key]:
        return frozenset({*self.refused, *self.unsure})


class Hands:
    def __init__(self, ports: SyncPorts) -> None:
        self._live = ports.live
        self._objects = ports.cluster.objects
        self._events = ports.cluster.events
        self._leader = ports.cluster.leader
        self._pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="sync-apply")

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def carry_out(self, plan: SyncPlan, orders: Orders) -> Done:
        """Edits are reverted first, then changes, then what is new; prune when all of that is through."""
        done = Done()
        tasks: list[Callable[[], None]] = [
            *(lambda edit=edit: self._revert(edit, orders, done) for edit in plan.to_revert),
            *(lambda want=want: self._apply(want, orders, done) for want in plan.to_apply),
        ]
        self._run(tasks)
        if not done.unsure:  # a pass in doubt deletes nothing
            keys = (*self._doomed(plan, done), *plan.vanished)
            self._run([lambda key=key: self._prune(key, key in plan.vanished, orders, done) for key in keys])  # type: ignore[misc]
        return done

    def _doomed(self, plan: SyncPlan, done: Done) -> tuple[Key, ...]:
        """What is still to be pruned, now that the API server has judged what Git holds."""
        bad = refused_file(done.refused.values())
        if bad is None or not plan.to_prune:
            return plan.to_prune
        done.blocked = why = held_by(bad, plan.to_prune)
        done.kept += [Kept(key, why.reason, why.message) for key in plan.to_prune]
        return ()

    def _run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """All of them, on the pool when there are several; the first unexpected error is raised when all have ended."""
        if len(tasks) == 1:
            tasks[0]()
            return
        futures: list[Future[None]] = [self._pool.submit(task) for task in tasks]
        failed = [error for future in futures if (error := future.exception()) is not None]
        if failed:
            raise failed[0]

    def _apply(self, want: Wanted, orders: Orders, done: Done) -> None:
        live = self._live.live(want.key, want.ignored)
        with _judged(want.key, want, done):
            self._lead(done)
            answer = orders.applier.apply(body(want, orders.notes(want, live), live.resource if live else None))
            # Apply leaves fields that others added. Asked of the answer, which is what the cluster holds now.
            if self._live.hash(answer, want.ignored) != want.hash and orders.mode(want, answer) is DriftMode.CORRECT:
                answer = self._replace(want, answer, answer.annotations, done, orders) or answer
            self._live.wrote(answer)
            done.applied.append(want.key)

    def _revert(self, edit: Edited, orders: Orders, done: Done) -> None:
        want, live = edit.wanted, edit.live
        with _judged(want.key, want, done):
            notes = orders.notes(want, live)
            if edit.spec:
                answer = self._replace(want, live.resource, notes, done, orders)
            else:
                self._lead(done)
                answer = orders.applier.apply(body(want, notes, live.resource))
            if answer is None:
                return
            self._live.wrote(answer)
            done.reverted.append(RevertedEdit(edit, answer))
            by, where = f" by {edit.author}" if edit.author else "", shown(edit.paths)
            message = f"Edited in the cluster{by}, reverted to what Git says: {where}"
            self._events.emit(answer, "Warning", "DriftCorrected", message)

    def _replace(
        self, want: Wanted, live: Resource, notes: Mapping[str, str], done: Done, orders: Orders
    ) -> Resource | None:
        """Git's spec at the version just seen. None: the object went away, or somebody else reverted the edit.

        Its worker may write status at any moment, which moves the version as well: read again instead of giving up.
        """
        for _ in range(_TRIES):
            self._lead(done)
            try:
                return orders.applier.replace(reverted(want, live, self._live.written(live), notes))
            except StaleError:
                fresh = self._objects.get(want.key)
            if fresh is None or fresh.deleting or self._live.hash(fresh, want.ignored) == want.hash:
                return None
            live = fresh
        raise StaleError(f"{want.key} keeps changing; it is reverted later")

    def _prune(self, key: Key, vanished: bool, orders: Orders, done: Done) -> None:
        with _judged(key, None, done):
            for _ in range(_TRIES):
                live = self._objects.get(key)
                if live is None:
                    done.gone.add(key)
                    return
                if why := survives(key, live, orders.owner):
                    done.kept.append(why)
                    return
                if vanished:
                    # It exists after all: the guards have not counted it, so the next pass decides.
                    self._live.wrote(live)
                    return
                self._lead(done)
                try:
                    orders.applier.delete(live)
                except StaleError:
                    continue
                done.pruned.append(key)
                done.deleted.append(live)
                if not live.finalizers:
                    done.gone.add(key)
                return
            done.unsure[key] = StaleError(f"{key} keeps changing; it is pruned later")

    def _lead(self, done: Done) -> None:
        """May another call go out?"""
        if done.unanswered >= GIVE_UP_AFTER:
            raise _NotTriedError("the Kubernetes API does not answer; tried again later")
        if not self._leader.is_leader():
            raise NotLeaderError("another process leads now")


def refused_file(faults: Iterable[Rejection]) -> Rejection | None:
    """What the API server takes offence at in Git. A deletion that is refused is a fault as well, but of no file."""
    return min((fault for fault in faults if fault.path), key=lambda fault: (fault.path, fault.line), default=None)


@contextmanager
def _judged(key: Key, want: Wanted | None, done: Done) -> Iterator[None]:
    """Turn the error of one call into a result of the pass."""
    try:
        yield
    except NotLeaderError:
        raise
    except (TransientError, StaleError) as error:
        done.unanswered += isinstance(error, TransientError)
        done.unsure[key] = error
    except ReconcileError as error:
        path, line = (want.path, want.line) if want else ("", 0)
        done.denied = done.denied or isinstance(error, DeniedError)
        done.refused[key] = Rejection.of(path, line, error.reason, str(error), kind=key.kind, name=key.name)
