"""Lines that wait to be pushed, as a ConfigMap holds them: a key for each id, so that an event waits once however often
it is recorded. Pure; `runtime/notes/box.py` reads and writes the ConfigMap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from reconciler.core.conditions import moment
from reconciler.core.git.source import is_sha
from reconciler.core.notes.note import About, NoteLine, lines_dropped, render
from reconciler.core.notes.text import ParsedLine, parse_line

PENDING_BYTES = 768 * 1024
"""The API server takes a MiB of data; what is beside it (field ownership) needs its part."""
_AFTER_OVERFLOW = 0.75
"""Dropping goes on down to here, so that what stands for dropped lines stays rare."""


@dataclass(frozen=True)
class PendingLine:
    """A rendered line and the commit it goes to."""

    commit: str
    record: ParsedLine

    @classmethod
    def of(cls, commit: str, line: NoteLine) -> Self:
        """A line with the commit that it goes to."""
        text = render(line)
        found = parse_line(text)
        assert found is not None  # noqa: S101 (we rendered it)
        return cls(commit, found)

    @property
    def id(self) -> str:
        """The line's, so that one is kept once."""
        return self.record.id

    @property
    def size(self) -> int:
        """Bytes that it takes in the ConfigMap."""
        return len(self.commit) + self.record.size + len(self.id) * 2 + 16


def decode(data: Mapping[str, object] | None) -> dict[str, PendingLine]:
    """What somebody damaged is passed over."""
    entries = {}
    for value in (data or {}).values():
        commit, _, text = str(value).partition(" ")
        record = parse_line(text)
        if record and is_sha(commit):
            entries[record.id] = PendingLine(commit, record)
    return entries


def encode(entries: Mapping[str, PendingLine]) -> dict[str, str]:
    """As the ConfigMap holds them."""
    return {id_: f"{entry.commit} {entry.record.text}" for id_, entry in entries.items()}


def oldest(entries: Mapping[str, PendingLine], most: int) -> tuple[PendingLine, ...]:
    """At most so many, by the time of their events."""
    return tuple(sorted(entries.values(), key=lambda entry: (entry.record.at, entry.id))[:most])


def by_commit(entries: Iterable[PendingLine]) -> dict[str, list[str]]:
    """For one fetch and one push of a repository."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(entry.commit, []).append(entry.record.text)
    return found


def bounded(
    entries: Mapping[str, PendingLine], sync: About, in_flight: Collection[str], limit: int = PENDING_BYTES
) -> dict[str, PendingLine]:
    """The entries if they fit; otherwise less, with a line that says so. `in_flight`: ids of those being pushed,
    which stay.

    Drift and rejections go first, that a job started goes last, the oldest before the newer.
    """
    size = sum(entry.size for entry in entries.values())
    if size <= limit:
        return dict(entries)
    dropped: list[PendingLine] = []
    order = sorted(entries.values(), key=lambda entry: (entry.record.weight, entry.record.at, entry.id))
    for entry in order:
        if size <= limit * _AFTER_OVERFLOW:
            break
        if entry.id not in in_flight:
            size -= entry.size
            dropped.append(entry)
    out = {entry.id for entry in dropped}
    kept = {id_: entry for id_, entry in entries.items() if id_ not in out}
    if dropped:
        summary = _stands_for(dropped, sync)
        kept[summary.id] = summary
    return kept


def _stands_for(dropped: Sequence[PendingLine], sync: About) -> PendingLine:
    """On the commit of the newest line that is gone."""
    newest = max(dropped, key=lambda entry: (entry.record.at, entry.id))
    events = [(entry.record.at, entry.id) for entry in dropped]
    already = sum(entry.record.stands_for - 1 for entry in dropped)
    return PendingLine.of(newest.commit, lines_dropped(sync, _time(newest.record.at), events, already=already))


def _time(text: str) -> datetime:
    try:
        return moment(text)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
