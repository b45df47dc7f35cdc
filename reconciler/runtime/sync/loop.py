"""Loop 1: Git -> cluster. What wakes a sync, and the source half of its pass.

Two queues, because a slow remote must not keep an edit in the cluster from being reverted:

    interval, trigger, webhook, refs, spec changed  -> _sources  -> resolve, fetch, render, then the cluster half
    informer events of claimed objects, report_edit -> _clusters -> the cluster half (cluster_pass.py) alone

An idle pass of the source half is one `ls-remote` and nothing else. Nothing of this module writes but through
`ClusterPass`, and nothing is written by a process that does not lead.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from reconciler.core.errors import ReconcileError, StaleError, TerminalError, TransientError
from reconciler.core.git.source import CommitSnapshot, GitRemote, Revision, SourceError
from reconciler.core.manifests.render import RenderCache
from reconciler.core.meters import UNMETERED, LagMeter
from reconciler.core.resource import Annotation, Key, Resource, went_back
from reconciler.core.sync.spec import KIND, GitSyncSpec, approves, requested
from reconciler.core.sync.status import SyncOutcome, SyncReport, SyncVerdict
from reconciler.runtime.liveness import Pool
from reconciler.runtime.queue import WorkQueue
from reconciler.runtime.sync.apply import NotLeaderError
from reconciler.runtime.sync.cluster_pass import ClusterPass, counted
from reconciler.runtime.sync.lag import SyncLag
from reconciler.runtime.sync.memory import Memory, Result, SyncCounts
from reconciler.runtime.sync.notes import SyncNotes
from reconciler.runtime.sync.ports import Recall, SyncPorts, Triggers
from reconciler.runtime.sync.source import ONLY_A_HUMAN_CAN_HELP, Found, SourceReader
from reconciler.runtime.tally import Tally

log = logging.getLogger(__name__)

COUNTS_DELAY_S = 2.0
"""Objects that become ready are counted together, or a thousand of them would be a thousand status writes."""
DEADLINE_S = 3600.0
"""Of one pass: a fetch may wait for another's, each of five minutes, and then thousands of objects are applied."""
_BUSY_S = 0.1
_RECALL_S = 10.0
"""Well within the patience of whoever waits for the notes."""
_SOURCES, _CLUSTERS = "sync-sources", "sync-clusters"


class SyncController:
    def __init__(
        self, ports: SyncPorts, source: SourceReader, notes: SyncNotes, recall: Recall, triggers: Triggers, *,
        jitter: Callable[[], float], meter: LagMeter = UNMETERED,
    ) -> None:  # fmt: skip
        cluster = ports.cluster
        self._cache = cluster.cache
        self._leader = cluster.leader
        self._live = ports.live
        self._claims = ports.claims
        self._source = source
        self._recall = recall
        self._schedule = triggers.schedule
        self._watcher = triggers.watcher
        self._tally = Tally(SyncCounts())
        self._lag = SyncLag(ports.live.get, cluster.clock, meter)
        self._pass = ClusterPass(ports, notes, self._lag, self._tally)
        self._sources: WorkQueue[Key] = WorkQueue(cluster.clock.monotonic, jitter)
        self._clusters: WorkQueue[Key] = WorkQueue(cluster.clock.monotonic, jitter)
        self._memories: dict[Key, Memory] = {}
        self._memories_lock = threading.Lock()
        self._pools = (
            Pool(_SOURCES, self._sources, [], DEADLINE_S),
            Pool(_CLUSTERS, self._clusters, [], DEADLINE_S),
        )

    @property
    def stats(self) -> SyncCounts:
        return self._tally.read()

    def listen(self) -> None:
        """Before the workers of loop 2 start, so that `SyncClaims` answers from the first event on."""
        self._claims.on_edit(self._clusters.add)
        self._cache.subscribe(self._changed)

    def start(self, workers: int = 2) -> None:
        """No workers: no threads."""
        sources, clusters = self._pools
        sources.start(partial(self._once, self._sources, self.look), *(f"sync-{number}" for number in range(workers)))
        if workers:
            clusters.start(partial(self._once, self._clusters, self.settle), "sync-cluster")

    def stop(self, timeout_s: float = 10.0) -> None:
        self._clusters.close()  # neither begins anything while the other is waited for
        for pool in self._pools:
            pool.stop(timeout_s)
        self._pass.close()

    def pools(self) -> tuple[Pool, ...]:
        return self._pools

    def wake(self, key: Key) -> None:
        """Look at Git now: for schedules, webhooks and watched refs. Safe from any thread, never blocks."""
        self._sources.add(key)

    def wake_all(self) -> None:
        """After this process became the leader."""
        for sync in self._cache.items(KIND):
            self._sources.add(sync.key)

    def look(self, key: Key) -> Result:
        """The whole pass over one GitSync."""
        if self._cache.get(key) is None or not self._leader.is_leader():
            return Result()
        memory = self._memory(key)
        sync = self._pass.current(memory)
        if sync is None or sync.deleting:
            return Result()
        try:
            spec = GitSyncSpec.parse(sync.spec, sync.namespace)
        except TerminalError as error:
            return self._problem(memory, sync, SyncOutcome(SyncVerdict.STALLED, error.reason, str(error)))
        if self._schedule:
            self._schedule.every(key, spec.interval, self.wake)
        if spec.suspend:
            return self._suspended(memory, sync)
        return self._look(memory, sync, spec)

    def settle(self, key: Key) -> Result:
        """The cluster half alone, from what Git held when we last looked."""
        memory = self._memory(key)
        sync = self._pass.current(memory)
        if sync is None or sync.spec.get("suspend") or memory.found is None or not self._leader.is_leader():
            return Result()
        if not memory.lock.acquire(blocking=False):
            return Result(again_s=_BUSY_S)
        try:
            return self._pass.converge(memory)
        finally:
            memory.lock.release()

    def _look(self, memory: Memory, sync: Resource, spec: GitSyncSpec) -> Result:
        if not sync.status.get("conditions"):
            # kstatus takes an object without conditions for done; say otherwise before the first fetch.
            outcome = SyncOutcome(SyncVerdict.WORKING, "Progressing", "reading the repository")
            sync = self._report(memory, sync, SyncReport(outcome, sync.generation))
        handled = self._trigger(memory, sync)
        revision = None
        try:
            remote = self._source.remote(sync, spec)
            revision = self._source.resolve(remote, spec)
            self._tally.add(SyncCounts(resolves=1))
            looked_at = _looked_at(sync, revision)
            if handled is None and memory.settled == looked_at:
                return _recalled(Result(), self._recall(memory.key))
            found = self._found(memory, sync, spec, remote, revision)
        except SourceError as error:
            stalls = error.reason in ONLY_A_HUMAN_CAN_HELP
            verdict = SyncVerdict.STALLED if stalls else SyncVerdict.RETRYING
            outcome = SyncOutcome(verdict, error.reason, error.message)
            return self._problem(memory, sync, outcome, handled, revision, retry=not stalls)
        if isinstance(found, SyncOutcome):
            self._claims.read(memory.key)
            return self._problem(memory, sync, found, handled, revision)
        known = self._recall(memory.key)
        with memory.lock:
            memory.spec, memory.generation, memory.found, memory.problem = spec, sync.generation, found, None
            result = self._pass.converge(memory, retry_refused=True, handled=handled)
        memory.tokens = frozenset(requested(sync))
        memory.settled = looked_at if result.complete else None
        return _recalled(result, known)

    def _found(
        self, memory: Memory, sync: Resource, spec: GitSyncSpec, remote: GitRemote, revision: Revision
    ) -> Found | SyncOutcome:
        snapshot = self._source.fetch(remote, revision)
        refusal = _rewind(sync, spec, revision, snapshot)
        if refusal:
            return refusal
        if memory.spec is not None and memory.spec.path != spec.path:
            memory.render = RenderCache()
        return Found(revision, snapshot, self._source.render(snapshot, spec, memory.render))

    def _problem(
        self, memory: Memory, sync: Resource, outcome: SyncOutcome, handled: str | None = None,
        attempted: Revision | None = None, *, retry: bool = False,
    ) -> Result:  # fmt: skip
        """Git cannot be had. What was found before stays in force and is still kept true."""
        with memory.lock:
            memory.problem, memory.settled = outcome, None
            self._report(memory, sync, SyncReport(outcome, sync.generation, attempted=attempted, handled=handled))
        memory.tokens = frozenset(requested(sync))
        return Result(retry=retry)

    def _suspended(self, memory: Memory, sync: Resource) -> Result:
        with memory.lock:
            memory.settled = None
            outcome = SyncOutcome(
                SyncVerdict.SUSPENDED, "Suspended", "spec.suspend is true: nothing is applied or reverted"
            )
            self._report(memory, sync, SyncReport(outcome, sync.generation))
        return Result()

    def _report(self, memory: Memory, sync: Resource, report: SyncReport) -> Resource:
        return self._pass.report(memory, self._pass.current(memory) or sync, report)

    def _trigger(self, memory: Memory, sync: Resource) -> str | None:
        """The token that asks for this pass, if it was not handled yet."""
        handled = sync.status.get("lastHandledReconcileAt")
        tokens = requested(sync)
        if not memory.tokens and handled in tokens:
            # After a restart: of two annotations, which was handled last is not known; neither is new.
            return None
        return next((token for token in tokens if token != handled and token not in memory.tokens), None)

    def _memory(self, key: Key) -> Memory:
        with self._memories_lock:
            return self._memories.setdefault(key, Memory(key))

    def _changed(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        """Informer events: only marks and enqueues."""
        self._live.saw(key, old, new)
        self._lag.changed(key, old, new)
        if key.kind == KIND:
            self._sync_changed(key, old, new)
            return
        syncs = self._claims.claimants(key)
        if not syncs:
            return
        delay_s = 0.0
        if old is not None and new is not None and not _moved(old, new):
            if counted(old) == counted(new):
                return
            delay_s = COUNTS_DELAY_S
        for sync in syncs:
            self._clusters.add(sync, delay_s)

    def _sync_changed(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        if new is None or new.deleting:
            self._forget(key)
            return
        if old is not None and old.uid != new.uid:
            self._forget(key)
        restored = went_back(old, new)
        if restored:
            log.warning(
                "%s is older than before, restored from a backup it seems: looking at Git and all objects again", key
            )
            with self._memories_lock:
                self._memories.pop(
                    key, None
                )  # it tells of writes that are undone; the claims hold what they knew of Git
        self._claims.hold(new)
        if self._watcher and new.spec.get("repo"):
            url = str((new.spec["repo"] or {}).get("url") or "")
            self._watcher.follow(str(key), url, lambda: self.wake(key))
        if restored or old is None or old.generation != new.generation or old.annotations != new.annotations:
            self._sources.forget(key)
            self._sources.add(key)

    def _forget(self, key: Key) -> None:
        """What the GitSync applied stays."""
        self._claims.drop(key)
        if self._schedule:
            self._schedule.remove(key)
        if self._watcher:
            self._watcher.unfollow(str(key))
        with self._memories_lock:
            self._memories.pop(key, None)

    def _once(self, queue: WorkQueue[Key], work: Callable[[Key], Result], key: Key) -> None:
        if not self._cache.synced():
            queue.add(key, _BUSY_S)  # before that, absence means nothing
            return
        try:
            result = work(key)
        except NotLeaderError:
            return
        except StaleError:
            queue.add(key, _BUSY_S)
            return
        except ReconcileError as error:
            # Status could not be written: only the log can say so.
            log.log(
                logging.INFO if isinstance(error, TransientError) else logging.WARNING, "sync of %s: %s", key, error
            )
            queue.retry(key)
            return
        except Exception:
            log.exception("a bug in the sync of %s", key)
            queue.retry(key)
            return
        if result.retry:
            queue.retry(key)
        else:
            queue.forget(key)
        if result.again_s is not None:
            queue.add(key, result.again_s)


def _recalled(result: Result, known: bool) -> Result:
    """What ran is asked for again soon where that failed: objects wait for it."""
    return result if known else replace(result, again_s=min(result.again_s or _RECALL_S, _RECALL_S))


def _looked_at(sync: Resource, revision: Revision) -> tuple[object, ...]:
    """Everything that could make another pass over an unchanged cluster come out differently."""
    said = (sync.annotations.get(name) for name in (Annotation.APPROVE_PRUNE, Annotation.ALLOW_REWIND))
    return (sync.uid, sync.generation, str(revision), *said)


def _rewind(sync: Resource, spec: GitSyncSpec, revision: Revision, snapshot: CommitSnapshot) -> SyncOutcome | None:
    """A branch that no longer holds what was applied was rewritten: a silent rollback, unless someone says it is meant."""
    try:
        applied = Revision.parse(str(sync.status.get("lastAppliedRevision") or ""))
    except ValueError:
        return None
    if not spec.require_fast_forward or applied.ref != revision.ref or spec.ref.commit:
        return None  # another ref, or a commit, was asked for in so many words
    if applied.sha == revision.sha or snapshot.contains(applied.sha):
        return None
    if approves(sync.annotations.get(Annotation.ALLOW_REWIND), revision):
        return None
    return SyncOutcome(
        SyncVerdict.STALLED,
        "NonFastForward",
        f"{revision} does not follow the applied {applied.short}: annotate the GitSync with "
        f"{Annotation.ALLOW_REWIND}={revision.short} if the branch was rewritten on purpose",
    )


def _moved(old: Resource, new: Resource) -> bool:
    """Whether more than status changed."""
    return (
        old.uid != new.uid
        or old.generation != new.generation
        or old.deleting != new.deleting
        or old.annotations != new.annotations
        or old.labels != new.labels
    )
