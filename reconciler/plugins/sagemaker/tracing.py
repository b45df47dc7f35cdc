"""`trace`: from a commit to what it caused, and from an object to the commits that made it what it is. Pure.

Status is bounded, so it knows the newest of both; the notes of a local clone know all that was ever written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.drift.edits import shown
from reconciler.core.notes.text import ParsedLine
from reconciler.core.records.history import History
from reconciler.core.records.run import Run, RunRecords
from reconciler.core.records.source import SourceRecord
from reconciler.core.records.sync_entry import SyncEntry, sync_history
from reconciler.core.resource import Resource
from reconciler.core.values import Json, JsonObject
from reconciler.plugins.sagemaker.goals import commits_of
from reconciler.plugins.sagemaker.health import look
from reconciler.plugins.sagemaker.kinds import HOSTING, JOBS, SYNC
from reconciler.plugins.sagemaker.paint import Cell, Paint, commit_in, commit_of, plain

_COMMIT = re.compile(r"(?:[^\s/]+@sha1:)?[0-9a-f]{7,64}")
_STYLES = {
    "Succeeded": "good",
    "Completed": "good",
    "RolledBack": "bad",
    "Failed": "bad",
    "Rejected": "bad",
    "good": "good",
    "bad": "bad",
    "busy": "busy",
}


_BAD = frozenset({"RolledBack", "Failed", "Rejected", "Stopped"})
"""Why something failed is never cut short."""


@dataclass(frozen=True)
class TraceStep:
    """One effect of a commit, or one commit behind an object: a row of `trace`."""

    at: str
    commit: str
    object: str
    what: str
    result: str = ""
    detail: str = ""
    author: str = ""
    subject: str = ""
    from_note: bool = False

    def document(self) -> dict[str, Json]:
        shown = {
            **vars(self),
            "told": self.detail,  # its name in earlier releases
            "from_note": None,
            "source": "note" if self.from_note else "status",
        }
        return {key: value for key, value in shown.items() if value}


def is_commit(text: str) -> bool:
    return _COMMIT.fullmatch(text) is not None


def of_commit(
    commit: str, resources: Iterable[Resource], notes: Mapping[str, Sequence[ParsedLine]], also: Iterable[str] = ()
) -> list[TraceStep]:
    """What a commit (or the first digits of one) caused. `also` are other names that it goes by."""
    wanted = (commit_in(commit), *also)
    steps = [
        step for resource in resources for step in reversed(of_object(resource, notes)) if _is(step.commit, wanted)
    ]
    seen = {_identity(step) for step in steps}
    noted = [_noted(one, lines) for one, lines in notes.items() if _is(one, wanted)]
    steps += [step for found in noted for step in found if _identity(step) not in seen]
    for resource in resources:
        mine = f"{resource.kind} {resource.name}"
        current = any(_is(one, wanted) for one in commits_of(resource))
        if current and resource.kind != SYNC and not any(step.object == mine for step in steps):
            steps.append(_now(resource))
    return sorted(_unique(steps), key=lambda step: step.at)


def of_object(resource: Resource, notes: Mapping[str, Sequence[ParsedLine]]) -> list[TraceStep]:
    """An object's commits and what came of them, newest first."""
    steps = [*_from_status(resource)]
    if not any(line.event.startswith("Drift") for lines in notes.values() for line in lines if _about(line, resource)):
        steps += _drifts(resource)
    known = {_identity(step) for step in steps}
    for commit, lines in notes.items():
        mine = [line for line in lines if _about(line, resource)]
        for step in _noted(commit, mine):
            if _identity(step) not in known:
                steps.append(step)
            elif step.what.startswith("job "):
                # Runs of the archived operator, and of earlier releases, have no commit in status; the note lies on it.
                steps = [_with_commit(one, commit) if _identity(one) == _identity(step) else one for one in steps]
    return sorted(_unique(steps), key=lambda step: step.at, reverse=True)


def _from_status(resource: Resource) -> Iterator[TraceStep]:
    status, name = resource.status, f"{resource.kind} {resource.name}"
    if resource.kind == HOSTING:
        for entry in History.parse(status.get("history")).entries:
            what, result = f"rollout #{entry.id}", entry.result or "InProgress"
            yield TraceStep(
                entry.started_at, commit_of(entry), name, what, result, entry.reason, entry.author, entry.subject
            )
    elif resource.kind == SYNC:
        for one in sync_history(status):
            result, detail = one.result or "InProgress", _counts(one)
            yield TraceStep(one.started_at, commit_of(one), name, "sync", result, detail, one.author, one.subject)
        for found in status.get("rejected") or ():
            place = f"{found.get('path')}:{found.get('line', '')}".rstrip(":")
            attempted = commit_in(status.get("lastAttemptedRevision"))
            yield TraceStep("", attempted, name, place, "Rejected", str(found.get("message") or ""))
    elif resource.kind in JOBS:
        yield from _runs(resource)
    elif commits_of(resource):
        yield _now(resource)


def _drifts(resource: Resource) -> Iterator[TraceStep]:
    """The newest of each, in the words of the notes, which know every one."""
    drift, commit = resource.status.get("drift") or {}, SourceRecord.parse(resource.status.get("source")).commit
    name, corrected = f"{resource.kind} {resource.name}", drift.get("corrected") or {}
    paths = [str(one.get("path")) for one in drift.get("differences") or ()]
    if paths:
        yield TraceStep(
            str(drift.get("since") or ""), commit, name, f"drift, {len(paths)} paths", "Found", shown(paths)
        )
    if corrected:
        put = [str(path) for path in corrected.get("paths") or ()]
        yield TraceStep(str(corrected.get("at")), commit, name, f"drift, {len(put)} paths", "Corrected", shown(put))


def _runs(resource: Resource) -> Iterator[TraceStep]:
    status, keys = resource.status, JOBS[resource.kind]
    source, name = SourceRecord.parse(status.get("source")), f"{resource.kind} {resource.name}"
    runs = RunRecords.parse(status)
    current = runs.current or (Run(str(status[keys.name])) if status.get(keys.name) else None)
    if current:
        result = str(status.get(keys.status) or current.status)
        detail = current.reason or str(status.get("additional") or status.get("failureReason") or "")
        at, commit = current.started_at or current.requested_at, current.commit or source.commit
        author, subject = (source.author, source.subject) if commit == source.commit else ("", "")
        yield TraceStep(at, commit, name, f"job {current.name}", result, detail, author, subject)
    for run in runs.earlier:
        yield TraceStep(run.started_at or run.requested_at, run.commit, name, f"job {run.name}", run.status, run.reason)


def _now(resource: Resource) -> TraceStep:
    seen, source = look(resource), SourceRecord.parse(resource.status.get("source"))
    commit = source.commit or next(iter(sorted(commits_of(resource))), "")
    condition: JsonObject = next(iter(resource.status.get("conditions") or ()), {})
    at = str(condition.get("lastTransitionTime") or resource.metadata.get("creationTimestamp") or "")
    name = f"{resource.kind} {resource.name}"
    return TraceStep(at, commit, name, "is now", seen.reason, seen.message, source.author, source.subject)


def _noted(commit: str, lines: Iterable[ParsedLine]) -> Iterator[TraceStep]:
    for line in lines:
        data = line.data
        what, result = _event(line)
        detail = str(data.get("reason") or data.get("artefact") or "")
        if data.get("durationSeconds"):
            detail = ", ".join(filter(None, (f"{data['durationSeconds']} s", detail)))
        yield TraceStep(line.at, commit, f"{data.get('kind')} {data.get('name')}", what, result, detail, from_note=True)


def _event(line: ParsedLine) -> tuple[str, str]:
    """What a line is about, in the words that status has for the same."""
    data, event = line.data, line.event
    if event.startswith("Rollout"):
        return f"rollout #{data.get('rollout')}", event.removeprefix("Rollout")
    if event.startswith("Job"):
        return f"job {data.get('job')}", str(data.get("status") or event.removeprefix("Job"))
    if event == "FileRejected":
        return f"{data.get('file')}:{data.get('line', '')}".rstrip(":"), "Rejected"
    if event.startswith("Hold"):
        return f"hold of #{data.get('rollbackTo')}", event.removeprefix("Hold")
    if event.startswith("Drift"):
        return f"drift, {data.get('count') or data.get('pathCount')} paths", event.removeprefix("Drift")
    return event, ""


def _about(line: ParsedLine, resource: Resource) -> bool:
    said = tuple(line.data.get(key) for key in ("kind", "namespace", "name"))
    return said == (resource.kind, resource.namespace, resource.name)


_STARTS = frozenset({"Started"})


def _identity(step: TraceStep) -> tuple[str, str, str]:
    """The same rollout or job, shown by status, by its first note line or by its last. Other events may come again."""
    if step.what.startswith(("rollout ", "job ")):
        return (step.object, step.what, "")
    at = step.at if step.from_note and step.result != "Rejected" else ""
    return (step.object, step.what, f"{step.result} {step.commit} {at}")


def _unique(steps: Sequence[TraceStep]) -> list[TraceStep]:
    """A start and its end become the end."""
    best: dict[tuple[str, str, str], TraceStep] = {}
    for step in steps:
        known = best.get(_identity(step))
        if known is None or (known.result in _STARTS and step.result not in _STARTS):
            best[_identity(step)] = step
    return list(best.values())


def _with_commit(step: TraceStep, commit: str) -> TraceStep:
    return step if step.commit else TraceStep(**{**vars(step), "commit": commit})


def _is(commit: str, wanted: Iterable[str]) -> bool:
    return bool(commit) and any(commit.startswith(one) for one in wanted if one)


def _counts(entry: SyncEntry) -> str:
    counts = {"applied": entry.applied, "pruned": entry.pruned, "failed": entry.failed}
    return ", ".join(f"{count} {done}" for done, count in counts.items() if count) or entry.message


def table(steps: Sequence[TraceStep], paint: Paint, *, of_one: bool, wide: bool = False) -> list[str]:
    most = 400 if wide else 60
    head = ["WHEN", "COMMIT", "WHAT", "RESULT", "AUTHOR", "SUBJECT", "DETAIL"]
    head = head if of_one else ["OBJECT", "WHAT", "RESULT", "WHEN", "DETAIL"]
    rows: list[list[str | Cell]] = []
    for step in steps:
        result = Cell(plain(step.result), _STYLES.get(step.result, ""))
        detail = plain(step.detail, 400 if step.result in _BAD else most)
        if of_one:
            who = [plain(step.author, 30), plain(step.subject, most)]
            rows.append([step.at, step.commit if wide else step.commit[:7], plain(step.what), result, *who, detail])
        else:
            rows.append([plain(step.object), plain(step.what), result, step.at, detail])
    return paint.table(head, rows)
