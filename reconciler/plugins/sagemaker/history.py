"""`history`: rollouts of an endpoint, runs of a job, revisions of a sync; one entry whole, and what changed with it. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from reconciler.core.errors import PreconditionError
from reconciler.core.records.history import History, HistoryEntry
from reconciler.core.records.quarantine import Quarantine
from reconciler.core.records.record import Record
from reconciler.core.records.run import MISSING, Run, RunRecords
from reconciler.core.records.source import SourceRecord
from reconciler.core.records.sync_entry import SyncEntry, sync_history
from reconciler.core.resource import Resource
from reconciler.core.values import Json
from reconciler.kinds.hosting.declaration import serving_entry
from reconciler.plugins.sagemaker import health
from reconciler.plugins.sagemaker.kinds import HOSTING, JOBS, SYNC, one_of
from reconciler.plugins.sagemaker.paint import (
    Cell,
    Paint,
    ago,
    between,
    commit_in,
    commit_of,
    plain,
    revision,
    revision_of,
    safe_lines,
    so_far,
)

File = Callable[[str, str], str | None]
"""(commit, path) -> the file's text in a local clone."""

_STYLES = {
    **dict.fromkeys(("Succeeded", "Completed"), "good"),
    **dict.fromkeys(("RolledBack", "Failed", "Missing"), "bad"),
    **dict.fromkeys(("InProgress", "Running", "Stopping"), "busy"),
    **dict.fromkeys(("Superseded", "Stopped", "Suspended"), "dim"),
}


_UNDER_WAY = "InProgress"
_ORDER = ("id", "name", "result", "reason", "marks", "revision", "author", "subject", "path", "startedAt", "finishedAt")
"""How an entry is read; the rest follows by name."""


@dataclass(frozen=True)
class Ways:
    paint: Paint
    now: datetime
    wide: bool = False


class Listed(Protocol):
    """One entry of a history as it is listed, whatever the kind of the object."""

    @property
    def name(self) -> str:
        """What `--id` takes."""

    @property
    def title(self) -> str:
        """The name with the commit, or what stands for both."""

    @property
    def source(self) -> SourceRecord:
        """As far as it is known: the commits of two entries make the diff between them."""

    def fits(self, wanted: str) -> bool:
        """Whether it is the entry that was asked for, by id or commit."""

    def columns(self, how: Ways) -> dict[str, str | Cell]:
        """A row of the table, by title and in order."""

    def document(self) -> dict[str, Json]:
        """The record as status has it, with `result` and, of what can be marked, `marks`."""


@dataclass(frozen=True)
class ListedRollout:
    record: HistoryEntry
    marks: tuple[str, ...] = ()
    """serving, quarantined, held."""

    @property
    def name(self) -> str:
        return str(self.record.id)

    @property
    def title(self) -> str:
        return f"#{self.record.id} {commit_of(self.record)[:7]}".strip()

    @property
    def source(self) -> SourceRecord:
        return self.record.source

    @property
    def result(self) -> str:
        return self.record.result or _UNDER_WAY

    def fits(self, wanted: str) -> bool:
        return self.name == wanted.removeprefix("#")

    def columns(self, how: Ways) -> dict[str, str | Cell]:
        entry = self.record
        ended = between(entry.started_at, entry.finished_at)
        style = "bad" if "quarantined" in self.marks else "good" if "serving" in self.marks else "paused"
        more = {
            "HASH": entry.hash,
            "ENDPOINT-CONFIG": entry.config,
            "BY": entry.initiated_by,
            "SUBJECT": plain(entry.subject, 80),
        }
        return {
            "ID": self.name,
            "RESULT": _cell(self.result),
            "REVISION": revision_of(entry),
            "AUTHOR": plain(entry.author, 30),
            "WHEN": ago(entry.started_at, how.now),
            "DURATION": ended if entry.finished_at else so_far(entry.started_at, how.now),
            "MARKS": Cell(",".join(self.marks), style),
            **(more if how.wide else {}),
            "REASON": self._reason(400),
        }

    def _reason(self, limit: int) -> str:
        back = f"back to the content of #{self.record.rollback_of}" if self.record.rollback_of else ""
        return plain("; ".join(filter(None, (self.record.reason, back))), limit)

    def document(self) -> dict[str, Json]:
        return {**_written(self.record), "result": self.result, "marks": [*self.marks]}


@dataclass(frozen=True)
class ListedRun:
    record: Run
    source: SourceRecord
    """Of earlier runs the commit alone is known."""
    marks: tuple[str, ...] = ()
    """current, or nothing."""

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def title(self) -> str:
        return self.record.name or revision(self.source.revision)

    @property
    def result(self) -> str:
        return self.record.status or (_UNDER_WAY if self.record.started else "NotStarted")

    def fits(self, wanted: str) -> bool:
        return self.name == wanted

    def columns(self, how: Ways) -> dict[str, str | Cell]:
        run = self.record
        begun = run.creation_time or run.started_at
        more = {"REGION": run.region, "DIGEST": run.digest, "ARN": run.arn}
        return {
            "RUN": run.name,
            "RESULT": _cell(self.result),
            "REVISION": revision_of(self.source),
            "AUTHOR": plain(self.source.author, 30),
            "STARTED": ago(begun, how.now),
            "DURATION": between(begun, run.finished_at)
            if run.finished_at
            else ""
            if self._over
            else so_far(begun, how.now),
            "BILLABLE": "" if run.billable_seconds is None else f"{run.billable_seconds}s",
            "METRICS": _metrics(run.metrics, len(run.metrics) if how.wide else _METRICS),
            "TOKEN": plain(run.token, 40),
            "MARKS": Cell(",".join(self.marks), "good"),
            **(more if how.wide else {}),
            "REASON": plain(run.reason),
        }

    @property
    def _over(self) -> bool:
        return self.result not in (_UNDER_WAY, "Running", "Stopping")

    def document(self) -> dict[str, Json]:
        known = {"revision": self.source.revision, "author": self.source.author}
        return {
            **_written(self.record),
            "marks": [*self.marks],
            **{key: value for key, value in known.items() if value},
            "result": self.result,
        }


@dataclass(frozen=True)
class ListedRevision:
    record: SyncEntry

    @property
    def name(self) -> str:
        return commit_in(self.record.revision)[:7]

    @property
    def title(self) -> str:
        return revision(self.record.revision)

    @property
    def source(self) -> SourceRecord:
        return SourceRecord(self.record.revision, self.record.commit)

    @property
    def result(self) -> str:
        return self.record.result or _UNDER_WAY

    def fits(self, wanted: str) -> bool:
        return commit_in(self.record.revision).startswith(commit_in(wanted))

    def columns(self, how: Ways) -> dict[str, str | Cell]:
        entry = self.record
        return {
            "REVISION": plain(entry.revision) if how.wide else revision(entry.revision),
            "RESULT": _cell(self.result),
            "AUTHOR": plain(entry.author, 30),
            "WHEN": ago(entry.started_at, how.now),
            "DURATION": between(entry.started_at, entry.finished_at),
            "APPLIED": str(entry.applied),
            "PRUNED": str(entry.pruned),
            "FAILED": str(entry.failed),
            "SUBJECT": plain(entry.subject, 200 if how.wide else 60),
        }

    def document(self) -> dict[str, Json]:
        return {**_written(self.record), "result": self.result}


_METRICS = 3
"""So many are shown in a row; -o wide shows all."""


def _metrics(found: Mapping[str, float], most: int) -> str:
    shown = [f"{plain(name, 40)}={value:g}" for name, value in sorted(found.items())[:most]]
    return " ".join(shown) + (" ..." if len(found) > most else "")


def entries(resource: Resource) -> Sequence[Listed]:
    """Newest first; PreconditionError for kinds that keep no history."""
    if resource.kind in JOBS:
        return _runs(resource)
    if resource.kind == HOSTING:
        return _rollouts(resource)
    if resource.kind == SYNC:
        return [ListedRevision(entry) for entry in sync_history(resource.status)]
    raise PreconditionError(
        f"{one_of(resource.kind)} keeps no history in status; "
        f"its commits: kubectl sagemaker trace {resource.kind.lower()}/{resource.name} --repo DIR"
    )


def _rollouts(resource: Resource) -> list[ListedRollout]:
    status, held = resource.status, health.held(resource)
    serving, bad = serving_entry(status), Quarantine.parse(status.get("quarantine")).hashes
    found = []
    for entry in History.parse(status.get("history")).entries:
        marks = {
            "serving": serving is not None and entry.id == serving.id,
            "quarantined": entry.hash in bad,
            "held": held == str(entry.id),
        }
        found.append(ListedRollout(entry, tuple(mark for mark, holds in marks.items() if holds)))
    return found


def _runs(resource: Resource) -> list[ListedRun]:
    status, keys, runs = resource.status, JOBS[resource.kind], RunRecords.parse(resource.status)
    earlier = [ListedRun(run, SourceRecord(commit=run.commit)) for run in runs.earlier]
    said = str(status.get(keys.status) or "")
    run = runs.current or (Run(str(status[keys.name]), status=said) if status.get(keys.name) else None)
    if run is None:
        return earlier
    if run.status != MISSING:
        # The record's own word is as old as the last write of it; the legacy field is the one that moves.
        run = replace(run, status=said or run.status)
    source = SourceRecord.parse(status.get("source"))
    known = SourceRecord(source.revision, run.commit, source.author if source.revision else "")
    return [ListedRun(run, known, ("current",)), *earlier]


def table(found: Sequence[Listed], how: Ways) -> list[str]:
    """At least one entry, all of one object."""
    rows = [one.columns(how) for one in found]
    return how.paint.table([*rows[0]], [[*row.values()] for row in rows])


def _cell(result: str) -> Cell:
    return Cell(plain(result), _STYLES.get(result, ""))


def _written(record: Record) -> dict[str, Json]:
    """Members by name, as the API server writes them."""
    return dict(sorted(record.record().items()))


def chosen(resource: Resource, found: Sequence[Listed], wanted: str) -> int:
    """The place of an entry: by id for rollouts, by name for runs, by commit for revisions of a sync."""
    place = next((place for place, entry in enumerate(found) if entry.fits(wanted)), None)
    if place is None:
        known = ", ".join(entry.name for entry in found)
        raise PreconditionError(f"{resource.key} has no entry {wanted!r}; entries kept: {known or 'none'}")
    return place


@dataclass(frozen=True)
class Detail:
    """An entry, the one before it, and what changed between them."""

    entry: Listed
    before: Listed | None
    path: str
    diff: str = ""
    unknown: str = ""
    """Why the contents cannot be compared, and how they could."""

    @property
    def changed(self) -> dict[str, dict[str, Json]]:
        if self.before is None:
            return {}
        keys = ("hash", "endpointConfigName", "revision", "digest", "token", "region")
        before, after = self.before.document(), self.entry.document()
        return {
            key: {"before": before.get(key), "after": after.get(key)}
            for key in keys
            if before.get(key) != after.get(key)
        }

    def document(self) -> dict[str, Json]:
        shown = {
            "entry": self.entry.document(),
            "before": self.before.document() if self.before else None,
            "changed": self.changed,
            "diff": self.diff,
        }
        return {key: value for key, value in shown.items() if value not in (None, "")}


def detail(resource: Resource, found: Sequence[Listed], place: int, file: File | None) -> Detail:
    entry = found[place]
    before = found[place + 1] if place + 1 < len(found) else None
    path = entry.source.path or SourceRecord.parse(resource.status.get("source")).path
    if before is None:
        return Detail(entry, None, path, unknown="it is the oldest entry that is kept")
    commits = commit_of(before.source), commit_of(entry.source)
    if resource.kind == SYNC:
        return Detail(entry, before, path, unknown=f"see: git diff {commits[0]} {commits[1]}")
    if not all(commits) or not path:
        return Detail(entry, before, path, unknown="status does not say from which commits both came")
    if commits[0] == commits[1]:
        return Detail(entry, before, path, unknown="both came from the same commit")
    if file is None:
        how = f"in a clone of the repository: git diff {commits[0]} {commits[1]} -- {path}, or say --repo DIR here"
        return Detail(entry, before, path, unknown=how)
    old_path = before.source.path or path
    texts = file(commits[0], old_path), file(commits[1], path)
    if None in texts:
        lost = commits[texts.index(None)]
        return Detail(entry, before, path, unknown=f"the clone does not hold {path} at {lost[:7]}; git fetch may help")
    names = (f"{old_path}  {before.title}", f"{path}  {entry.title}")
    return Detail(entry, before, path, unified(texts[0] or "", texts[1] or "", *names))


def unified(before: str, after: str, before_name: str, after_name: str) -> str:
    """A unified diff with names and no times; empty when nothing differs."""
    names = plain(before_name), plain(after_name)
    lines = difflib.unified_diff(safe_lines(before), safe_lines(after), *names, lineterm="")
    return "\n".join(lines)


def coloured(diff: str, paint: Paint) -> list[str]:
    styles = {"+": "good", "-": "bad", "@": "paused"}
    return [
        paint(line, "strong" if line[:3] in ("---", "+++") else styles.get(line[:1], "")) for line in diff.splitlines()
    ]


def detail_lines(resource: Resource, detail: Detail, how: Ways) -> list[str]:
    lines = [how.paint(f"{resource.kind} {resource.name}  {detail.entry.title}", "strong")]
    entry = detail.entry.document()
    keys = sorted(entry, key=lambda key: (_ORDER.index(key) if key in _ORDER else len(_ORDER), key))
    shown = {key: value for key in keys if (value := entry[key]) not in (None, "", [])}
    width = max(len(key) for key in shown)
    for key, value in shown.items():
        said = ", ".join(value) if isinstance(value, list) else plain(value, 1000)
        lines.append(f"  {key.ljust(width)}   {said}")
    if detail.before is not None:
        lines += ["", f"Compared with {detail.before.title}:"]
        width = max((len(key) for key in detail.changed), default=0)
        for key, pair in detail.changed.items():
            old, new = plain(pair["before"]) or "(none)", plain(pair["after"]) or "(none)"
            lines.append(f"  {key.ljust(width)}   {old} {how.paint.arrow} {new}")
    if detail.diff:
        lines += ["", *coloured(detail.diff, how.paint)]
    elif detail.unknown:
        lines += ["", f"No diff of contents: {plain(detail.unknown)}"]
    else:
        lines += ["", "The file is the same in both."]
    return lines
