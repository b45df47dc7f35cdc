"""What a pass of a GitSync leaves on commits: files newly rejected, objects pruned, edits found and put back.

Told before the status that goes with it is written, so that a crash in between repeats lines, under their ids, and loses none.
Never a reason to fail a pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from reconciler.core import edits, note
from reconciler.core.decision import Difference
from reconciler.core.manifests import Rejection
from reconciler.core.note import About, Line, commit_of
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.source import SourceError
from reconciler.core.sync import Edited
from reconciler.core.syncstatus import shown
from reconciler.runtime.liveview import LiveView
from reconciler.runtime.sync_apply import Done
from reconciler.runtime.sync_memory import Memory
from reconciler.runtime.sync_ports import Record
from reconciler.runtime.sync_source import Found

_METADATA = "/metadata"


class SyncNotes:
    def __init__(self, record: Record, live: LiveView, cluster: str) -> None:
        self._record = record
        self._live = live
        self._cluster = cluster

    def tell(
        self, memory: Memory, sync: Resource, found: Found, done: Done, *, reported: Sequence[Edited],
        faults: Sequence[Rejection], now: datetime,
    ) -> None:  # fmt: skip
        """What this pass came to. `sync` has the status before it."""
        known = sync.status.get("rejected") or ()
        rejected = [fault for fault in shown(faults) if fault not in known]
        told = [*self._put_back(done, now), *self._found(memory, reported, now)]
        if rejected or done.deleted:
            paths = {str(fault["path"]) for fault in rejected} | {_path(live) for live in done.deleted}
            commits = _commits(sync, found, paths - {""})
            head = found.snapshot.commit.sha
            about = About.of(sync, self._cluster)
            for fault in rejected:
                commit = commits.get(fault["path"], head)
                told.append((commit, note.file_rejected(about, now, commit=commit, **{"message": "", **fault})))
            for live in done.deleted:
                line = note.object_pruned(About.of(live, self._cluster), now)
                told.append((commits.get(_path(live), head), line))
        by_commit: dict[str, list[Line]] = defaultdict(list)
        for commit, line in told:
            by_commit[commit or found.snapshot.commit.sha].append(line)
        for commit, lines in by_commit.items():
            self._record.put(sync.key, commit, *lines)

    def _put_back(self, done: Done, now: datetime) -> Iterator[tuple[str, Line]]:
        for put in done.put_right:
            about = About.of(put.after, self._cluster)
            paths = list(put.paths) or [_METADATA]
            # The version that was edited tells one edit from the next, also where it moved no generation.
            since = put.before.resource_version
            yield commit_of(put.after), note.drift_corrected(about, now, paths, since=since, plane="git")

    def _found(self, memory: Memory, reported: Sequence[Edited], now: datetime) -> Iterator[tuple[str, Line]]:
        """Edits that stay. Each is told once by a process, and under the same id by the next one."""
        standing: dict[Key, tuple[str, ...]] = {}
        for edit in reported:
            live = edit.live.resource
            differ = list(edits.paths(edit.wanted.spec, self._live.written(live))) if edit.spec else [_METADATA]
            since = f"{live.uid}/{live.generation}"
            standing[edit.wanted.key] = (since, *differ)
            if memory.told.get(edit.wanted.key) == standing[edit.wanted.key]:
                continue
            about = About.of(live, self._cluster)
            # Paths alone: values may hold secrets.
            differences = [Difference("git", path, "", "") for path in differ]
            line = note.drift_found(about, now, differences, since=since, mode="Warn", spec=None)
            yield commit_of(live), line
        memory.told = standing


def _path(resource: Resource) -> str:
    return resource.annotations.get(Annotation.PATH, "")


def _commits(sync: Resource, found: Found, paths: set[str]) -> Mapping[str, str]:
    """Which commit changed, or removed, each file last; nothing when nobody can tell, and then the head is meant."""
    before = str(sync.status.get("lastAppliedRevision") or "").rpartition(":")[2] or None
    try:
        origins = found.snapshot.provenance(before, sorted(paths)) if paths else {}
    except SourceError:
        return {}
    return {path: origin.commit.sha for path, origin in origins.items()}
