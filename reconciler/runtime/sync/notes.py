"""What a pass of a GitSync leaves on commits: files newly rejected, objects pruned, edits reverted.

Recorded before the status that goes with it is written, so that a crash in between repeats lines, under their ids, and loses none.
Never a reason to fail a pass. An edit that stays is in the object's own status, and recorded from there (core/notes/status.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from reconciler.core.git.source import SourceError
from reconciler.core.manifests.parse import Rejection
from reconciler.core.notes import note
from reconciler.core.notes.note import About, NoteLine, commit_of
from reconciler.core.resource import Annotation, Resource
from reconciler.core.sync.status import shown
from reconciler.runtime.sync.apply import Done
from reconciler.runtime.sync.ports import CommitNotes
from reconciler.runtime.sync.source import Found


class SyncNotes:
    def __init__(self, record: CommitNotes, cluster: str) -> None:
        self._record = record
        self._cluster = cluster

    def tell(self, sync: Resource, found: Found, done: Done, *, faults: Sequence[Rejection], now: datetime) -> None:
        """What this pass came to. `sync` has the status before it."""
        known = sync.status.get("rejected") or ()
        rejected = [fault for fault in shown(faults) if fault not in known]
        lines = [*self._reverted(done, now)]
        if rejected or done.deleted:
            paths = {str(fault["path"]) for fault in rejected} | {_path(live) for live in done.deleted}
            commits = _commits(sync, found, paths - {""})
            head = found.snapshot.commit.sha
            about = About.of(sync, self._cluster)
            for fault in rejected:
                commit = commits.get(fault["path"], head)
                lines.append((commit, note.file_rejected(about, now, commit=commit, **{"message": "", **fault})))
            for live in done.deleted:
                line = note.object_pruned(About.of(live, self._cluster), now)
                lines.append((commits.get(_path(live), head), line))
        by_commit: dict[str, list[NoteLine]] = defaultdict(list)
        for commit, line in lines:
            by_commit[commit or found.snapshot.commit.sha].append(line)
        for commit, found_lines in by_commit.items():
            self._record.put(sync.key, commit, *found_lines)

    def _reverted(self, done: Done, now: datetime) -> Iterator[tuple[str, NoteLine]]:
        for put in done.reverted:
            about = About.of(put.after, self._cluster)
            # The version that was edited distinguishes one edit from the next, also where it moved no generation.
            since = put.edit.live.resource.resource_version
            yield commit_of(put.after), note.drift_corrected(about, now, put.edit.paths, since=since, plane="git")


def _path(resource: Resource) -> str:
    return resource.annotations.get(Annotation.PATH, "")


def _commits(sync: Resource, found: Found, paths: set[str]) -> Mapping[str, str]:
    """Which commit changed, or removed, each file last; nothing when nobody knows, and then the head is meant."""
    before = str(sync.status.get("lastAppliedRevision") or "").rpartition(":")[2] or None
    try:
        origins = found.snapshot.provenance(before, sorted(paths)) if paths else {}
    except SourceError:
        return {}
    return {path: origin.commit.sha for path, origin in origins.items()}
