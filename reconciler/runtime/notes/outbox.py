"""What happened, recorded in Git: lines are stored first, then pushed in batches, then removed, each step safe to repeat.

    worker, sync: put  ->  ConfigMap <sync>-notes  ->  (a few seconds)  ->  Lease, fetch, merge, push  ->  ConfigMap

`put` is called with or before the status write that goes with the event, and does not return before the line is stored:
a crash after it loses nothing. A line leaves the ConfigMap only when the push was confirmed, and a crash in between is
harmless too, because a note takes every id once.

Notes never fail a pass: `put` raises nothing. What goes wrong is a `NotesProblem` of the GitSync, reported in one Warning as long
as its reason stays the same, and tried again ever more slowly: a refused ref once an hour.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from reconciler.core.errors import ReconcileError
from reconciler.core.git.source import SourceError, is_sha
from reconciler.core.notes.note import NoteLine
from reconciler.core.notes.pending import PendingLine, by_commit
from reconciler.core.notes.target import Notes, NotesContendedError, NotesRefusedError, NotesTarget
from reconciler.core.notes.text import MOST_AT_ONCE
from reconciler.core.ports import Events
from reconciler.core.resource import Key, Resource
from reconciler.core.sync.spec import KIND
from reconciler.runtime.liveness import Pool
from reconciler.runtime.notes.box import Box, NotesMaps
from reconciler.runtime.notes.lease import Leases
from reconciler.runtime.queue import WorkQueue
from reconciler.runtime.tally import Tally

log = logging.getLogger(__name__)

BATCH_S = 3.0
REFUSED_RETRY_S = 3600.0
DEADLINE_S = 3600.0
"""Of one batch: a dozen rounds of look, fetch and push at a slow server."""
_SKIPPED = "NotesSkipped"


class Targets(Protocol):
    """Where the notes of a GitSync go."""

    def wanted(self, sync: Key) -> bool:
        """Whether it has notes at all: answered from memory, at every event."""
        ...

    def target(self, sync: Key) -> NotesTarget | None:
        """Read credentials now. None: no notes (any more); SourceError: not as things are."""
        ...


@dataclass(frozen=True)
class OutboxPorts:
    maps: NotesMaps
    targets: Targets
    notes: Notes
    leases: Leases
    events: Events
    syncs: Callable[[Key], Resource | None]
    """From the cache."""


@dataclass(frozen=True)
class NotesProblem:
    """Why the notes of a GitSync wait, fit for a condition."""

    reason: str
    message: str


class OutboxCounts(NamedTuple):
    """What was pushed since the start, and how often it failed: for metrics and tests."""

    pushes: int = 0
    lines: int = 0
    failures: int = 0


class Outbox:
    """One for the whole process; `put` is safe for many threads."""

    def __init__(
        self, ports: OutboxPorts, cluster: str, *, monotonic: Callable[[], float], jitter: Callable[[], float],
        batch_s: float = BATCH_S, refused_retry_s: float = REFUSED_RETRY_S,
    ) -> None:  # fmt: skip
        self._maps = ports.maps
        self._targets = ports.targets
        self._notes = ports.notes
        self._leases = ports.leases
        self._events = ports.events
        self._syncs = ports.syncs
        self._cluster = cluster
        self._batch_s = batch_s
        self._refused_retry_s = refused_retry_s
        self._queue: WorkQueue[Key] = WorkQueue(monotonic, jitter)
        self._lock = threading.Lock()
        self._boxes: dict[Key, Box] = {}
        self._problems: dict[Key, NotesProblem] = {}
        self._pool = Pool("notes", self._queue, [], DEADLINE_S)
        self._tally = Tally(OutboxCounts())

    def start(self, syncs: Iterable[Key], threads: int = 2) -> None:
        """After this process became the leader: first what the one before left. No threads: `flush` is the caller's."""
        for sync in syncs:
            self._queue.add(sync)
        self._pool.start(self._once, *(f"notes-{number}" for number in range(threads)))

    def stop(self, timeout_s: float = 10.0) -> None:
        """What waits stays stored for the next start."""
        self._pool.stop(timeout_s)

    def pools(self) -> tuple[Pool, ...]:
        return (self._pool,)

    def put(self, sync: Key, commit: str, *lines: NoteLine) -> bool:
        """Store lines for one commit; see `put_all`."""
        return self.put_all(sync, [(commit, line) for line in lines])

    def put_all(self, sync: Key, lines: Iterable[tuple[str, NoteLine]]) -> bool:
        """Store lines, each for the commit that last changed its object's file. True when they are safe (or nobody wants
        them). False: they are in memory and tried again, and a crash before that loses them.

        A commit that is no full object id is nobody's: its line is left out. Saying a line again costs nothing.
        """
        try:
            entries = [PendingLine.of(commit, line) for commit, line in lines if is_sha(commit)]
            if not entries or not self._targets.wanted(sync):
                return True
            for start in range(0, len(entries), MOST_AT_ONCE):
                self._box(sync).add(entries[start : start + MOST_AT_ONCE])
        except ReconcileError as error:
            self._failed(sync, error.reason, str(error))
            self._queue.add(sync, self._batch_s)
            return False
        except Exception:
            log.exception("a bug in the notes of %s", sync)
            return False
        if sync not in self._problems:  # otherwise it waits already, longer
            self._queue.add(sync, self._batch_s)
        return True

    def changed(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        """Informer events: a GitSync whose spec changed may say other things about notes; one that is gone keeps none."""
        if key.kind != KIND:
            return
        if new is None:
            self.drop(key)
        elif old is None or old.generation != new.generation:
            self.wake(key)

    def wake(self, sync: Key) -> None:
        """The GitSync, or its Secret, changed: what failed before may work now."""
        self._queue.forget(sync)
        self._queue.add(sync)

    def drop(self, sync: Key) -> None:
        """The GitSync is gone; its ConfigMap goes with it."""
        with self._lock:
            self._boxes.pop(sync, None)
            self._problems.pop(sync, None)

    @property
    def stats(self) -> OutboxCounts:
        return self._tally.read()

    def problem(self, sync: Key) -> NotesProblem | None:
        with self._lock:
            return self._problems.get(sync)

    def waiting(self, sync: Key) -> int:
        """Lines not pushed yet, as far as this process knows."""
        return self._box(sync).waiting

    def waiting_lines(self) -> int:
        """The same of all GitSyncs together."""
        with self._lock:
            boxes = tuple(self._boxes.values())
        return sum(box.waiting for box in boxes)

    def flush(self, sync: Key) -> bool:
        """Push one batch; True when there is more. SourceError and ReconcileError: it all waits on."""
        box = self._box(sync)
        box.save()
        entries = box.take(MOST_AT_ONCE)
        target = self._targets.target(sync) if entries else None
        if target is None:
            return False
        lines = by_commit(entries)
        try:
            with self._leases.held(target.digest) as lease:
                if lease is None:
                    raise NotesContendedError("another replica holds the Lease of this notes ref")
                written = self._notes.append(target, lines, lease.is_leader)
        except (ReconcileError, SourceError):
            box.release()
            raise
        box.remove({entry.id for entry in entries})
        self._tally.add(OutboxCounts(pushes=written.pushed, lines=len(entries)))
        for commit, why in sorted(written.skipped.items())[:1]:
            more = f" (and {len(written.skipped) - 1} more)" if len(written.skipped) > 1 else ""
            self._warn(sync, _SKIPPED, f"no note can be written on {commit[:12]}{more}: {why}")
        return box.waiting > 0

    def _box(self, sync: Key) -> Box:
        with self._lock:
            if sync not in self._boxes:
                self._boxes[sync] = Box(self._maps, sync, self._cluster, self._syncs)
            return self._boxes[sync]

    def _once(self, sync: Key) -> None:
        try:
            more = self.flush(sync)
        except NotesRefusedError as error:
            self._failed(sync, error.reason, error.message)
            self._queue.add(sync, self._refused_retry_s)
        except NotesContendedError as error:
            log.info("notes of %s: %s", sync, error)
            self._queue.retry(sync)
        except SourceError as error:
            self._failed(sync, error.reason, error.message)
            self._queue.retry(sync)
        except ReconcileError as error:
            self._failed(sync, error.reason, str(error))
            self._queue.retry(sync)
        except Exception:
            log.exception("a bug in the notes of %s", sync)
            self._queue.retry(sync)
        else:
            self._queue.forget(sync)
            with self._lock:
                self._problems.pop(sync, None)
            if more:
                self._queue.add(sync)

    def _failed(self, sync: Key, reason: str, message: str) -> None:
        with self._lock:
            before = self._problems.get(sync)
            self._problems[sync] = NotesProblem(reason, message)
        self._tally.add(OutboxCounts(failures=1))
        if before is None or before.reason != reason:
            self._warn(sync, reason, f"notes wait: {message}")

    def _warn(self, sync: Key, reason: str, message: str) -> None:
        log.warning("notes of %s: %s: %s", sync, reason, message)
        resource = self._syncs(sync)
        if resource is not None:
            self._events.emit(resource, "Warning", reason, message)
