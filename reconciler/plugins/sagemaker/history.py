"""`history`: rollouts of an endpoint, runs of a job, revisions of a sync; one entry whole, and what changed with it. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.core.errors import PreconditionError
from reconciler.core.resource import Resource
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


_ORDER = ("id", "name", "result", "reason", "marks", "revision", "author", "subject", "path", "startedAt", "finishedAt")
"""How an entry is read; the rest follows by name."""


@dataclass(frozen=True)
class Ways:
    paint: Paint
    now: datetime
    wide: bool = False


def entries(resource: Resource) -> list[dict[str, Any]]:
    """Newest first, each with `result` and `marks` filled in; an error for kinds that keep none."""
    status = resource.status
    if resource.kind in JOBS:
        return _runs(resource)
    if resource.kind not in (HOSTING, SYNC):
        raise PreconditionError(
            f"{one_of(resource.kind)} keeps no history in status; "
            f"its commits: kubectl sagemaker trace {resource.kind.lower()}/{resource.name} --repo DIR"
        )
    found = [{**entry, "result": entry.get("result") or "InProgress"} for entry in status.get("history") or ()]
    if resource.kind == SYNC:
        return found
    serving, bad = serving_entry(status), {one.get("hash") for one in status.get("quarantine") or ()}
    held = health.held(resource)
    for entry in found:
        marks = {
            "serving": serving is not None and entry.get("id") == serving.get("id"),
            "quarantined": entry.get("hash") in bad,
            "held": held == str(entry.get("id")),
        }
        entry["marks"] = [mark for mark, holds in marks.items() if holds]
    return found


def _runs(resource: Resource) -> list[dict[str, Any]]:
    status, keys = resource.status, JOBS[resource.kind]
    current = status.get("run")
    if current is None and status.get(keys.name):
        current = {"name": status[keys.name], "status": status.get(keys.status)}
    runs = [{**current, "marks": ["current"]}] if current else []
    if runs and runs[0].get("status") != "Missing":
        # The record's own word is as old as the last write of it; the legacy field is the one that moves.
        runs[0]["status"] = status.get(keys.status) or runs[0].get("status")
    if runs and (status.get("source") or {}).get("revision"):
        runs[0] |= {key: status["source"][key] for key in ("revision", "author") if status["source"].get(key)}
    older = [{**run, "marks": []} for run in status.get("runs") or ()]
    return [{**run, "result": _run_result(run)} for run in (*runs, *older)]


def _run_result(run: Mapping[str, Any]) -> str:
    return str(run.get("status") or ("InProgress" if run.get("startedAt") else "NotStarted"))


def table(resource: Resource, found: Sequence[Mapping[str, Any]], how: Ways) -> list[str]:
    if resource.kind in JOBS:
        return _run_table(found, how)
    return _sync_table(found, how) if resource.kind == SYNC else _rollout_table(found, how)


def _rollout_table(found: Sequence[Mapping[str, Any]], how: Ways) -> list[str]:
    head = ["ID", "RESULT", "REVISION", "AUTHOR", "WHEN", "DURATION", "MARKS", "REASON"]
    more = ["HASH", "ENDPOINT-CONFIG", "BY", "SUBJECT"] if how.wide else []
    rows: list[list[str | Cell]] = [
        [
            str(entry.get("id", "")),
            _result(entry),
            revision_of(entry),
            plain(entry.get("author"), 30),
            ago(entry.get("startedAt"), how.now),
            _duration(entry, how.now),
            Cell(",".join(entry.get("marks") or ()), _mark_style(entry)),
            *_rollout_more(entry, how),
            _reason(entry, how),
        ]
        for entry in found
    ]
    return how.paint.table([*head[:-1], *more, head[-1]], rows)


def _rollout_more(entry: Mapping[str, Any], how: Ways) -> list[str]:
    if not how.wide:
        return []
    keys = ("hash", "endpointConfigName", "initiatedBy", "subject")
    return [plain(entry.get(key), 80) for key in keys]


def _reason(entry: Mapping[str, Any], how: Ways) -> str:
    back = f"back to the content of #{entry['rollbackOf']}" if entry.get("rollbackOf") else ""
    return plain("; ".join(filter(None, (str(entry.get("reason") or ""), back))), 400 if how.wide else 100)


def _run_table(found: Sequence[Mapping[str, Any]], how: Ways) -> list[str]:
    head = ["RUN", "RESULT", "REVISION", "STARTED", "TOKEN", "MARKS"] + (
        ["REGION", "DIGEST", "ARN"] if how.wide else []
    )
    rows: list[list[str | Cell]] = [
        [
            plain(run.get("name")),
            _result(run),
            revision_of(run),
            ago(run.get("creationTime") or run.get("startedAt"), how.now),
            plain(run.get("token"), 40),
            Cell(",".join(run.get("marks") or ()), "good"),
            *([plain(run.get(key)) for key in ("region", "digest", "arn")] if how.wide else []),
        ]
        for run in found
    ]
    return how.paint.table(head, rows)


def _sync_table(found: Sequence[Mapping[str, Any]], how: Ways) -> list[str]:
    head = ["REVISION", "RESULT", "AUTHOR", "WHEN", "DURATION", "APPLIED", "PRUNED", "FAILED", "SUBJECT"]
    rows: list[list[str | Cell]] = [
        [
            plain(entry.get("revision")) if how.wide else revision(entry.get("revision")),
            _result(entry),
            plain(entry.get("author"), 30),
            ago(entry.get("startedAt"), how.now),
            between(entry.get("startedAt"), entry.get("finishedAt")),
            *(str(entry.get(key, 0)) for key in ("applied", "pruned", "failed")),
            plain(entry.get("subject"), 200 if how.wide else 60),
        ]
        for entry in found
    ]
    return how.paint.table(head, rows)


def _result(entry: Mapping[str, Any]) -> Cell:
    result = plain(entry.get("result"))
    return Cell(result, _STYLES.get(result, ""))


def _mark_style(entry: Mapping[str, Any]) -> str:
    marks = entry.get("marks") or ()
    return "bad" if "quarantined" in marks else "good" if "serving" in marks else "paused"


def _duration(entry: Mapping[str, Any], now: datetime) -> str:
    if entry.get("finishedAt"):
        return between(entry.get("startedAt"), entry["finishedAt"])
    return so_far(entry.get("startedAt"), now)


def chosen(resource: Resource, found: Sequence[Mapping[str, Any]], wanted: str) -> int:
    """The place of an entry: by id for rollouts, by name for runs, by commit for revisions of a sync."""
    if resource.kind == HOSTING:
        fits = [place for place, entry in enumerate(found) if str(entry.get("id")) == wanted.removeprefix("#")]
        known = ", ".join(str(entry.get("id")) for entry in found)
    elif resource.kind in JOBS:
        fits = [place for place, run in enumerate(found) if run.get("name") == wanted]
        known = ", ".join(str(run.get("name")) for run in found)
    else:
        commits = [commit_in(entry.get("revision")) for entry in found]
        fits = [place for place, commit in enumerate(commits) if commit.startswith(commit_in(wanted))]
        known = ", ".join(commit[:7] for commit in commits)
    if not fits:
        raise PreconditionError(f"{resource.key} has no entry {wanted!r}; kept are: {known or 'none'}")
    return fits[0]


@dataclass(frozen=True)
class Detail:
    """An entry, the one before it, and what changed between them."""

    entry: Mapping[str, Any]
    before: Mapping[str, Any] | None
    path: str
    diff: str = ""
    unknown: str = ""
    """Why the contents cannot be compared, and how they could."""

    @property
    def changed(self) -> dict[str, dict[str, Any]]:
        keys = ("hash", "endpointConfigName", "revision", "digest", "token", "region")
        before = self.before or {}
        return {
            key: {"before": before.get(key), "after": self.entry.get(key)}
            for key in keys
            if self.before is not None and before.get(key) != self.entry.get(key)
        }

    def document(self) -> dict[str, Any]:
        shown = {
            "entry": dict(self.entry),
            "before": dict(self.before) if self.before else None,
            "changed": self.changed,
            "diff": self.diff,
        }
        return {key: value for key, value in shown.items() if value not in (None, "")}


def detail(resource: Resource, found: Sequence[Mapping[str, Any]], place: int, file: File | None) -> Detail:
    entry = found[place]
    before = found[place + 1] if place + 1 < len(found) else None
    path = str(entry.get("path") or (resource.status.get("source") or {}).get("path") or "")
    commits = tuple(commit_of(one or {}) for one in (before, entry))
    if before is None:
        return Detail(entry, None, path, unknown="it is the oldest entry that is kept")
    if resource.kind == SYNC:
        return Detail(entry, before, path, unknown=f"see: git diff {commits[0]} {commits[1]}")
    if not all(commits) or not path:
        return Detail(entry, before, path, unknown="status does not tell from which commits both came")
    if commits[0] == commits[1]:
        return Detail(entry, before, path, unknown="both came from the same commit")
    if file is None:
        how = f"in a clone of the repository: git diff {commits[0]} {commits[1]} -- {path}, or say --repo DIR here"
        return Detail(entry, before, path, unknown=how)
    old_path = str(before.get("path") or path)
    texts = file(commits[0], old_path), file(commits[1], path)
    if None in texts:
        lost = commits[texts.index(None)]
        return Detail(entry, before, path, unknown=f"the clone does not hold {path} at {lost[:7]}; git fetch may help")
    names = (f"{old_path}  {_called(before)}", f"{path}  {_called(entry)}")
    return Detail(entry, before, path, unified(texts[0] or "", texts[1] or "", *names))


def _called(entry: Mapping[str, Any]) -> str:
    return f"#{entry['id']} {commit_of(entry)[:7]}" if "id" in entry else str(entry.get("name") or "")


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
    name = _called(detail.entry).strip() or revision(detail.entry.get("revision"))
    lines = [how.paint(f"{resource.kind} {resource.name}  {name}", "strong")]
    keys = sorted(detail.entry, key=lambda key: (_ORDER.index(key) if key in _ORDER else len(_ORDER), key))
    shown = {key: value for key in keys if (value := detail.entry[key]) not in (None, "", [])}
    width = max(len(key) for key in shown)
    for key, value in shown.items():
        said = ", ".join(value) if isinstance(value, list) else plain(value, 1000)
        lines.append(f"  {key.ljust(width)}   {said}")
    if detail.before is not None:
        lines += ["", f"Compared with {_called(detail.before) or revision(detail.before.get('revision'))}:"]
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
