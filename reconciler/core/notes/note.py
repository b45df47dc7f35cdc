"""The record on the commit: one JSON line for each event, kept in a git note.

Knows what a line says, what makes two renderings the same event, and how lines join what a note holds already. Does not
know how notes travel (`adapters/git/notes.py`) nor where they wait (`runtime/notes/outbox.py`). The format is described for
people in `docs/notes.md`, and its version stands in every line.

A line's id is a digest of what makes the event that event, never of when or in which words it was written: the same event
found again after a crash, or rebuilt from status, has the id it had and is dropped when notes are merged.

Notes outlive every access right to the cluster, and repositories are copied. So a text is scrubbed of what looks like a
token and of the secret values it is given, and of a drifted field that may hold a secret only a digest is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from reconciler.core.conditions import clip, stamp
from reconciler.core.decision import Difference
from reconciler.core.git.rules import scrub
from reconciler.core.git.source import is_sha
from reconciler.core.naming import digest
from reconciler.core.records.drift import DriftDifference
from reconciler.core.records.history import HistoryEntry
from reconciler.core.resource import Annotation, Resource
from reconciler.core.schema.shapes import Shape, is_secret, mask, masked
from reconciler.core.values import Spec

VERSION = 1
LINE_BYTES = 4096
_TEXT = 1024
_LISTED = 20
_SHORTEST_SECRET = 6
"""Shorter values turn up in any text by chance, and masking `10` would make every message unreadable."""


class NoteEvent(StrEnum):
    """What a line is about; the words are stable (docs/notes.md)."""

    JOB_STARTED = "JobStarted"
    JOB_FINISHED = "JobFinished"
    ROLLOUT_STARTED = "RolloutStarted"
    ROLLOUT_SUCCEEDED = "RolloutSucceeded"
    ROLLOUT_ROLLED_BACK = "RolloutRolledBack"
    ROLLOUT_FAILED = "RolloutFailed"
    ROLLOUT_SUPERSEDED = "RolloutSuperseded"
    HOLD_STARTED = "HoldStarted"
    HOLD_ENDED = "HoldEnded"
    DRIFT_FOUND = "DriftFound"
    DRIFT_CORRECTED = "DriftCorrected"
    FILE_REJECTED = "FileRejected"
    OBJECT_PRUNED = "ObjectPruned"
    LINES_DROPPED = "LinesDropped"
    """Of the outbox: lines that waited too long for a remote that could not be reached."""
    NOTE_TRIMMED = "NoteTrimmed"
    """Of one note: lines that made room for others."""


@dataclass(frozen=True)
class About:
    """The object that an event is about. `uid` is for ids alone: an object recreated under its name has new rollouts."""

    cluster: str
    kind: str
    namespace: str
    name: str
    uid: str = ""
    path: str = ""
    revision: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Values that a reason, which may be what the user's own code printed, must not repeat; see `secret_values`."""

    @classmethod
    def of(cls, resource: Resource, cluster: str, secrets: Iterable[str] = ()) -> Self:
        """Of a resource, with the values that its lines must not contain."""
        said = resource.annotations
        return cls(
            cluster,
            resource.kind,
            resource.namespace,
            resource.name,
            resource.uid,
            said.get(Annotation.PATH, ""),
            said.get(Annotation.REVISION, ""),
            tuple(secrets),
        )


@dataclass(frozen=True)
class NoteLine:
    """One event. Made by the functions below; `identity` is what tells it from every other event of its object."""

    at: datetime
    event: NoteEvent
    about: About
    identity: tuple[object, ...] = field(repr=False)
    facts: Mapping[str, object] = field(repr=False)

    @property
    def id(self) -> str:
        """Twelve characters of a digest of what makes the event that event (D-20.2)."""
        about = self.about
        return digest([about.cluster, about.kind, about.namespace, about.name, str(self.event), *self.identity])


@dataclass(frozen=True)
class Rollout:
    """An entry of a HostingDeployment's `status.history`, as far as notes have it."""

    id: int
    hash: str
    endpoint_config: str = ""
    initiated_by: str = ""
    rollback_of: int | None = None
    edited_by: str = ""
    """Field manager and time of an edit in the cluster that asked for it, in place of a commit."""

    @classmethod
    def of(cls, entry: HistoryEntry) -> Self:
        """Of an entry of history."""
        edited = entry.author if entry.initiated_by == "manual" and not entry.commit else ""
        return cls(entry.id, entry.hash, entry.config, entry.initiated_by, entry.rollback_of, edited)

    @property
    def facts(self) -> dict[str, str | int | None]:
        """The members that every line about it has."""
        return {
            "rollout": self.id,
            "hash": self.hash,
            "endpointConfig": self.endpoint_config,
            "initiatedBy": self.initiated_by,
            "rollbackOf": self.rollback_of,
            "editedBy": self.edited_by,
        }


ENDED = {
    "Succeeded": NoteEvent.ROLLOUT_SUCCEEDED,
    "RolledBack": NoteEvent.ROLLOUT_ROLLED_BACK,
    "Failed": NoteEvent.ROLLOUT_FAILED,
    "Superseded": NoteEvent.ROLLOUT_SUPERSEDED,
}
"""By `status.history[].result`."""


def job_started(about: About, at: datetime, *, job: str, content: str, arn: str = "", token: str = "") -> NoteLine:
    """`content` is the run's digest. A rebuilt cluster tells by this line that the content ran already."""
    facts = {"job": job, "content": content, "arn": arn, "token": token}
    return NoteLine(at, NoteEvent.JOB_STARTED, about, (job, content), facts)


def job_finished(
    about: About, at: datetime, *, job: str, content: str, status: str, reason: str = "", duration_s: float | None = None,
    billable_s: float | None = None, metrics: Mapping[str, float] | None = None, artefact: str = "",
) -> NoteLine:  # fmt: skip
    """Duration and billable time in seconds; metrics by name."""
    facts = {
        "job": job,
        "content": content,
        "status": status,
        "durationSeconds": _whole(duration_s),
        "billableSeconds": _whole(billable_s),
        "metrics": {clip(name, 200): _number(value) for name, value in list((metrics or {}).items())[:_LISTED]},
        "artefact": artefact,
        "reason": reason,
    }
    return NoteLine(at, NoteEvent.JOB_FINISHED, about, (job, content), facts)


def rollout_started(about: About, at: datetime, rollout: Rollout) -> NoteLine:
    """At the commit that asked for it."""
    return NoteLine(at, NoteEvent.ROLLOUT_STARTED, about, (about.uid, rollout.id, rollout.hash), rollout.facts)


def rollout_ended(
    about: About, at: datetime, rollout: Rollout, result: str, *, reason: str = "", duration_s: float | None = None,
    serving: str = "",
) -> NoteLine:  # fmt: skip
    """`result` as in `status.history`; `serving` names the configuration that serves now, when it is another."""
    facts = {**rollout.facts, "durationSeconds": _whole(duration_s), "serving": serving, "reason": reason}
    return NoteLine(at, ENDED[result], about, (about.uid, rollout.id, rollout.hash), facts)


def hold_started(about: About, at: datetime, *, rollback_to: str, since: str, until: str = "") -> NoteLine:
    """`since` is the time that status records for this hold, so that holding the same entry twice is two events."""
    facts = {"rollbackTo": rollback_to, "until": until}
    return NoteLine(at, NoteEvent.HOLD_STARTED, about, (about.uid, rollback_to, since), facts)


def hold_ended(about: About, at: datetime, *, rollback_to: str, since: str, reason: str = "") -> NoteLine:
    """Under the same `since` as the line of its start."""
    facts = {"rollbackTo": rollback_to, "reason": reason}
    return NoteLine(at, NoteEvent.HOLD_ENDED, about, (about.uid, rollback_to, since), facts)


def drift_found(
    about: About,
    at: datetime,
    differences: Sequence[Difference | DriftDifference],
    *,
    since: str,
    mode: str = "",
    spec: Shape | None,
) -> NoteLine:
    """`spec` is the kind's shape, by which values that may hold secrets are known; without it no value is written."""
    return NoteLine(
        at,
        NoteEvent.DRIFT_FOUND,
        about,
        (about.uid, since, sorted([difference.plane, difference.path] for difference in differences)),
        {
            "mode": mode,
            "count": len(differences),
            "differences": [_difference(difference, spec) for difference in differences[:_LISTED]],
        },
    )


def drift_corrected(about: About, at: datetime, paths: Sequence[str], *, since: str, plane: str = "") -> NoteLine:
    """In SageMaker by a call, or in Git by the sync (`plane`)."""
    facts = {"plane": plane, "pathCount": len(paths), "paths": list(paths[:_LISTED])}
    return NoteLine(at, NoteEvent.DRIFT_CORRECTED, about, (about.uid, since, plane, sorted(paths)), facts)


def file_rejected(
    about: About, at: datetime, *, commit: str, path: str, line: int = 0, kind: str = "", name: str = "", reason: str,
    message: str,
) -> NoteLine:  # fmt: skip
    """`about` is the GitSync; `commit` is the one the line goes to: the same mistake made again later is another event."""
    facts = {"file": path, "line": line or None, "object": f"{kind}/{name}" if kind else "", "why": reason}
    identity = (commit, path, line, kind, name, reason, message)
    return NoteLine(at, NoteEvent.FILE_REJECTED, about, identity, {**facts, "reason": message})


def object_pruned(about: About, at: datetime) -> NoteLine:
    """At the commit that took the file away."""
    return NoteLine(at, NoteEvent.OBJECT_PRUNED, about, (about.uid,), {})


def lines_dropped(about: About, at: datetime, lines: Sequence[tuple[str, str]], *, already: int = 0) -> NoteLine:
    """Stands for lines that could not be kept: pairs of time and id. `already` counts what those stood for in turn."""
    times = sorted(time for time, _ in lines)
    facts = {"count": len(lines) + already, "since": times[0] if times else "", "through": times[-1] if times else ""}
    return NoteLine(at, NoteEvent.LINES_DROPPED, about, tuple(sorted(id_ for _, id_ in lines)), facts)


def render(line: NoteLine) -> str:
    """One line of JSON, at most LINE_BYTES long, fit for a terminal; empty members are left out."""
    about = line.about
    head: dict[str, object] = {
        "v": VERSION,
        "id": line.id,
        "at": stamp(line.at),
        "event": str(line.event),
        "cluster": about.cluster,
        "kind": about.kind,
        "namespace": about.namespace,
        "name": about.name,
        "path": about.path,
        "revision": about.revision,
    }
    facts = dict(line.facts)
    if facts.get("reason"):
        facts["reason"] = scrub(_masked(str(facts["reason"]), about.secrets))
    text = _json(_clean(head | facts))
    if len(text.encode()) > LINE_BYTES:
        listed = {key: value for key, value in facts.items() if isinstance(value, (list, dict))}
        short = {key: value for key, value in facts.items() if key not in listed}
        text = _json(_clean(head | short | {"cut": sorted(listed)}))
    if len(text.encode()) > LINE_BYTES:
        least = {key: clip(str(value), 200) if key != "v" else value for key, value in head.items()}
        text = _json(_clean(least | {"cut": sorted(facts)}))
    return text


def secret_values(spec: Shape, value: Spec) -> tuple[str, ...]:
    """The values of a spec that may be secret: what differs in the masked spec."""
    return tuple(_differing(value, masked(spec, value)))


def commit_of(resource: Resource) -> str:
    """The commit that last changed the object's file, or the one that was synced where a syncer said no more; empty when
    no full id is known.
    """
    commit = resource.annotations.get(Annotation.COMMIT) or resource.annotations.get(Annotation.REVISION, "")
    commit = commit.rpartition(":")[2]
    return commit if is_sha(commit) else ""


def _differing(plain: object, shown: object) -> Iterator[str]:
    if isinstance(plain, Mapping) and isinstance(shown, Mapping):
        for key, item in plain.items():
            yield from _differing(item, shown.get(key))
    elif isinstance(plain, list) and isinstance(shown, list):
        for item, other in zip(plain, shown, strict=True):
            yield from _differing(item, other)
    elif plain != shown and isinstance(plain, str):
        yield plain


def _difference(difference: Difference | DriftDifference, spec: Shape | None) -> dict[str, str]:
    place = {"plane": difference.plane, "path": difference.path}
    if spec is None:
        return place
    secret = is_secret(spec, difference.path.removeprefix("/spec"))
    desired, live = (mask(text) if secret and text else text for text in (difference.desired, difference.live))
    return {**place, "desired": clip(desired, 200), "live": clip(live, 200)}


def _masked(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted({value for value in secrets if len(value) >= _SHORTEST_SECRET}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _clean(value: object) -> object:
    """Without empty members, with texts that have no control characters."""
    if isinstance(value, Mapping):
        cleaned = {clip(str(key), 200): _clean(item) for key, item in value.items()}
        return {key: item for key, item in cleaned.items() if item not in (None, "", [], {})}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return clip(value, _TEXT) if isinstance(value, str) else value


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None or not math.isfinite(seconds) else round(seconds)


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
