"""Commit statuses: what `core/sync/commit_status.py` wants said, said at the forge, and remembered in `status.commitStatus`.

Beside the sync, never in its way: woken by informer events, in threads of its own, one request per host at a time. What
was not said is owed in status and said later; nothing here can fail a pass of the sync.

    cache -> advance the ledger -> (look at the forge when in doubt) -> post -> write the ledger to status

What only a person can fix is a condition (CommitStatusFailing) and one Warning; it is tried again every ten minutes, and
at once when the GitSync's spec or annotations change.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.conditions import Condition, clip, find, settle
from reconciler.core.errors import ReconcileError, StaleError
from reconciler.core.git.forge import PAUSE_S, Consequence, Forge, ForgeError, ForgeSecret, StatusTarget
from reconciler.core.ports import Clock, ClusterPorts
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.sync.commit_status import (
    CommitRecord,
    Ledger,
    acknowledged,
    advance,
    context,
    given_up,
    met,
    owed,
    statement,
)
from reconciler.core.sync.spec import KIND, owner_key
from reconciler.runtime.forge.hosts import Hosts
from reconciler.runtime.liveness import Pool
from reconciler.runtime.queue import WorkQueue
from reconciler.runtime.secrets import SecretError, read_secret

log = logging.getLogger(__name__)

FAILING = "CommitStatusFailing"
HUMAN_S = 600.0
SETTLE_S = 1.0
"""Objects that become ready are judged together."""
DEADLINE_S = 900.0
"""Of one pass: a few dozen requests to a forge, each with a time-out."""
_BUSY_S = 0.1
_WRITES = 5


@dataclass
class _Known:
    """What the process remembers of one GitSync; only the thread that works on its key touches it."""

    uid: str
    ledger: Ledger
    certain: set[str] = field(default_factory=set)
    """Commits of which we know what the forge says: begun under our eyes, and every post of theirs answered."""
    problem: Condition | None = None
    looked: bool = False


class Reports:
    def __init__(
        self, cluster: ClusterPorts, forge: Forge, look: Callable[[Key], Resource | None], *, cluster_name: str,
        jitter: Callable[[], float], hosts: Hosts | None = None,
    ) -> None:  # fmt: skip
        """`look` answers with what is live ahead of the cache, as `LiveView.get` does."""
        self._cluster_name = cluster_name
        self._cache = cluster.cache
        self._look = look
        self._objects = cluster.objects
        self._forge = forge
        self._events = cluster.events
        self._leader = cluster.leader
        self._clock = cluster.clock
        self._hosts = hosts or Hosts()
        self._queue: WorkQueue[Key] = WorkQueue(cluster.clock.monotonic, jitter)
        self._lock = threading.Lock()
        self._known: dict[Key, _Known] = {}
        self._holds: dict[Key, float] = {}
        """Until when nothing is posted for a GitSync whose last post failed."""
        self._pool = Pool("commit-statuses", self._queue, [], DEADLINE_S)

    def start(self, workers: int = 2) -> None:
        """Before the cache starts, so that no event is missed."""
        self._cache.subscribe(self._changed)
        self._pool.start(self._once, *(f"reports-{number}" for number in range(workers)))

    def stop(self, timeout_s: float = 10.0) -> None:
        self._pool.stop(timeout_s)

    def pools(self) -> tuple[Pool, ...]:
        return (self._pool,)

    def report(self, key: Key) -> float | None:
        """One pass; the seconds after which another is due if nothing wakes it earlier."""
        sync = self._cache.get(key)
        if sync is None or sync.deleting or not self._leader.is_leader():
            return None
        known = self._remember(sync)
        try:
            target = StatusTarget.of(sync.spec)
        except ForgeError as error:
            self._complain(known, error.reason, error.message)
            self._save(sync, known)
            return None
        if target is None:
            known.problem = None
            self._save(sync, known)
            return None
        self._advance(known, sync)
        again_s = self._say(key, sync, known, target)
        self._save(sync, known)
        return again_s

    def _advance(self, known: _Known, sync: Resource) -> None:
        before = {record.sha for record in known.ledger.records}
        known.ledger = advance(known.ledger, sync, self._look)
        shas = {record.sha for record in known.ledger.records}
        if known.looked:
            known.certain |= shas - before
        known.certain &= shas
        known.looked = True

    def _say(self, key: Key, sync: Resource, known: _Known, target: StatusTarget) -> float | None:
        """Post what is owed, as far as the host and the last failure allow."""
        if not owed(known.ledger):
            self._queue.forget(key)
            return None
        held_s = self._holds.get(key, 0.0) - self._clock.monotonic()
        if held_s > 0:
            return held_s
        host = target.place.host
        wait_s = self._hosts.take(host, self._clock.monotonic())
        if wait_s > 0:
            return wait_s
        try:
            return self._say_all(key, sync, known, target)
        except SecretError as error:
            self._complain(known, error.reason, error.message)
            return self._hold(key, HUMAN_S)
        except ForgeError as error:
            return self._failed(key, known, host, error)
        finally:
            self._hosts.release(host)

    def _say_all(self, key: Key, sync: Resource, known: _Known, target: StatusTarget) -> float | None:
        place = target.place
        values = read_secret(self._objects, sync.namespace, target.secret, place.host, place.allowed_by)
        desk = _Desk(self._forge, ForgeSecret.of(values), target, context(self._cluster_name, key))
        for record in owed(known.ledger):
            if not self._leader.is_leader():
                return None
            try:
                found = desk.say(record, known)
            except ForgeError as error:
                if error.consequence is not Consequence.NEVER:
                    raise
                # This one is lost for good; the next commit is another matter.
                text = f"the status of {record.sha[:7]} was refused: {error}"
                self._events.emit(sync, "Warning", "CommitStatusRefused", clip(text))
                found = given_up(record) if error.reason == "CommitNotFound" else acknowledged(record)
            known.ledger = known.ledger.with_record(found)
            pause_s = self._hosts.wrote(place.host, self._clock.monotonic()) if found.writes > record.writes else 0.0
            if pause_s > 0:
                return pause_s
        known.problem = None
        self._queue.forget(key)
        return None

    def _failed(self, key: Key, known: _Known, host: str, error: ForgeError) -> float:
        match error.consequence:
            case Consequence.SLOW_DOWN:
                wait_s = error.retry_after_s or PAUSE_S
                log.info("commit status of %s: %s holds us back for %.0f s", key, host, wait_s)
                self._hosts.pause(host, self._clock.monotonic() + wait_s)
                return wait_s
            case Consequence.HUMAN | Consequence.NEVER:
                self._complain(known, error.reason, error.message)
                return self._hold(key, HUMAN_S)
            case _:
                log.info("commit status of %s: %s", key, error)
                return self._hold(key, max(self._queue.retry(key), error.retry_after_s or 0.0))

    def _hold(self, key: Key, seconds: float) -> float:
        self._holds[key] = self._clock.monotonic() + seconds
        return seconds

    def _complain(self, known: _Known, reason: str, message: str) -> None:
        known.problem = Condition(FAILING, "True", reason, message)

    def _remember(self, sync: Resource) -> _Known:
        with self._lock:
            known = self._known.get(sync.key)
            if known is None or known.uid != sync.uid:
                condition = find(sync.status.get("conditions") or (), FAILING)
                known = self._known[sync.key] = _Known(sync.uid, Ledger.read(sync.status))
                if condition:
                    known.problem = Condition(FAILING, "True", condition["reason"], condition["message"])
            return known

    def _save(self, sync: Resource, known: _Known) -> None:
        """Write what changed, at the newest version; the rest of status belongs to the sync."""
        for _ in range(_WRITES):
            status = _rendered(sync, known, self._clock)
            if status == sync.status or not self._leader.is_leader():
                return
            try:
                written = self._objects.replace_status(sync, status)
            except StaleError:
                fresh = self._objects.get(sync.key)
                if fresh is None or fresh.uid != known.uid:
                    return
                sync = fresh
                continue
            self._warn(sync, written, known)
            return
        raise StaleError(f"{sync.key} keeps changing")

    def _warn(self, before: Resource, after: Resource, known: _Known) -> None:
        old, new = (find(sync.status.get("conditions") or (), FAILING) for sync in (before, after))
        if (
            new
            and known.problem
            and (old is None or old["reason"] != new["reason"] or old["message"] != new["message"])
        ):
            self._events.emit(after, "Warning", FAILING, f"{known.problem.reason}: {known.problem.message}")

    def _changed(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        """Informer events: only marks and enqueues."""
        if key.kind != KIND:
            owner = (new or old or _NOTHING).annotations.get(Annotation.OWNER)
            if owner and (old is None or new is None or old.body.get("status") != new.body.get("status")):
                self._queue.add(owner_key(owner), SETTLE_S)
            return
        if new is None:
            with self._lock:
                self._known.pop(key, None)
            self._holds.pop(key, None)
            return
        if old is None or old.generation != new.generation or old.annotations != new.annotations:
            self._holds.pop(key, None)
        self._queue.add(key)

    def _once(self, key: Key) -> None:
        if not self._cache.synced():
            self._queue.add(key, _BUSY_S)  # before that, absence means nothing
            return
        try:
            again_s = self.report(key)
        except ReconcileError as error:
            log.info("commit status of %s is written later: %s", key, error)
            self._queue.retry(key)
        except Exception:
            log.exception("a bug in the commit status of %s", key)
            self._queue.retry(key)
        else:
            if again_s is not None:
                self._queue.add(key, again_s)


@dataclass(frozen=True)
class _Desk:
    """Where the posts of one pass go out."""

    forge: Forge
    secret: ForgeSecret
    target: StatusTarget
    context: str

    def say(self, record: CommitRecord, known: _Known) -> CommitRecord:
        """The record as the forge knows it now."""
        place = self.target.place
        if record.sha not in known.certain:
            found = self.forge.latest(place, self.secret, record.sha, self.context)
            known.certain.add(record.sha)
            same = met(record, found, self.target) if found else None
            if same is not None:
                return same
        try:
            self.forge.post(place, self.secret, statement(record, self.context, self.target))
        except ForgeError as error:
            if error.consequence is Consequence.UNKNOWN:
                known.certain.discard(record.sha)
            raise
        return acknowledged(record)


_NOTHING = Resource({"metadata": {}})


def _rendered(sync: Resource, known: _Known, clock: Clock) -> dict[str, Any]:
    past = sync.status
    before = past.get("conditions") or ()
    conditions = [dict(condition) for condition in before if condition.get("type") != FAILING]
    if known.problem:
        conditions += settle(before, [known.problem], sync.generation, clock.now())
    return _with(_with(dict(past), "conditions", conditions), "commitStatus", known.ledger.write())


def _with(status: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Status holds no empty values."""
    if value:
        status[key] = value
    else:
        status.pop(key, None)
    return status
