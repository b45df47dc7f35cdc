"""What notes tell of jobs that ran and of rollouts that ended: so that a cluster whose status was lost does not pay for jobs
again, and its endpoints have their history and go on counting.

Read by `runtime/notes/run_memory.py`, asked by `kinds/jobs/starting.py` and `kinds/hosting`. Lines of other clusters,
of other events and broken ones are passed over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from reconciler.core.conditions import moment, stamp
from reconciler.core.notes.note import ENDED, NoteEvent
from reconciler.core.notes.text import ParsedLine, parse_line
from reconciler.core.records.history import HistoryEntry
from reconciler.core.resource import Key
from reconciler.core.values import JsonObject

NEEDLES = (f'"event":"{NoteEvent.JOB_STARTED}"', '"event":"Rollout')
"""One of these texts is in every line looked for."""
_RESULTS = {str(event): result for result, event in ENDED.items()}
ROLLOUTS_KEPT = 50
"""Rollouts of one object; `revisionHistoryLimit` asks for less."""


@dataclass(frozen=True)
class Started:
    """A `JobStarted` line: under which name, and when."""

    job: str
    at: str
    arn: str = ""
    token: str = ""


def of_cluster(lines: Iterable[str], cluster: str) -> list[tuple[Key, ParsedLine]]:
    """Lines of one cluster, each with the object that it is about."""
    parsed = (line for text in lines if (line := parse_line(text)) is not None)
    return [
        (Key(*_texts(line, "kind", "namespace", "name")), line)
        for line in parsed
        if line.data.get("cluster") == cluster
    ]


def _texts(line: ParsedLine, *names: str) -> Iterator[str]:
    return (str(line.data.get(name) or "") for name in names)


def rollouts(lines: Iterable[tuple[Key, ParsedLine]]) -> Mapping[Key, tuple[JsonObject, ...]]:
    """By object, the rollouts that ended, newest first, as `status.history` has them. `recalled`: in notes already."""
    found: defaultdict[Key, dict[int, HistoryEntry]] = defaultdict(dict)
    for key, line in lines:
        if line.event not in _RESULTS:
            continue
        data = line.data
        try:
            at = moment(line.at)
            took = timedelta(seconds=int(data.get("durationSeconds") or 0))
            number = int(data["rollout"])
        except (ValueError, KeyError, TypeError, OverflowError):
            continue
        of, revision, path, by, reason = _texts(line, "hash", "revision", "path", "initiatedBy", "reason")
        rollback_of = data.get("rollbackOf")
        entry = HistoryEntry(
            number,
            of,
            next(_texts(line, "endpointConfig")),
            revision=revision,
            path=path,
            initiated_by=by,
            started_at=stamp(at - took),
            finished_at=stamp(at),
            result=_RESULTS[line.event],
            reason=reason,
            rollback_of=rollback_of if isinstance(rollback_of, int) else None,
            recalled=True,
        )
        known = found[key].get(number)
        if entry.hash and entry.config and (known is None or known.finished_at <= entry.finished_at):
            found[key][number] = entry
    return {
        key: tuple(entries[number].record() for number in sorted(entries, reverse=True)[:ROLLOUTS_KEPT])
        for key, entries in found.items()
    }


def started(lines: Iterable[tuple[Key, ParsedLine]]) -> Mapping[Key, Mapping[str, Started]]:
    """By object, and then by the digest of what ran."""
    found: defaultdict[Key, dict[str, Started]] = defaultdict(dict)
    for key, line in lines:
        if line.event != NoteEvent.JOB_STARTED:
            continue
        job, content, arn, token = _texts(line, "job", "content", "arn", "token")
        try:
            at = stamp(moment(line.at))
        except ValueError:
            continue
        if job and content:
            found[key].setdefault(content, Started(job, at, arn, token))
    return found
