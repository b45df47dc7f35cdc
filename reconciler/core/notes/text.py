"""What a git note holds as a whole: our lines, each once and in order of time, beside what others wrote.

`merge` is the only way lines get into a note. It is idempotent, and of two writers' merges each contains both: so a push
that is repeated after a crash, and one that lost a race, change nothing twice. `adapters/git/notes.py` calls it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.core.notes.note import VERSION, NoteEvent
from reconciler.core.values import Json, JsonObject

NOTE_BYTES = 64 * 1024
"""Of our lines in one note. What others wrote comes on top and is never touched."""
MOST_AT_ONCE = 500
"""Lines that may come in one merge, so that `_REMEMBERED` covers a merge that is repeated."""
_REMEMBERED = 512
"""Ids of dropped lines that are kept, so that a repeated merge does not count them again."""
_SUMMARY_BYTES = _REMEMBERED * 15 + 300


@dataclass(frozen=True)
class ParsedLine:
    """A line of a note that is a record: ours, of any version, from any cluster."""

    text: str
    id: str
    at: str
    event: str
    data: JsonObject

    @property
    def weight(self) -> int:
        """What goes last when room is needed: that a job started tells a rebuilt cluster not to pay for it again, and
        that lines are gone must not go unsaid.
        """
        if self.event == NoteEvent.LINES_DROPPED:
            return 3
        if self.event in (NoteEvent.DRIFT_FOUND, NoteEvent.DRIFT_CORRECTED, NoteEvent.FILE_REJECTED):
            return 0
        return 2 if self.event == NoteEvent.JOB_STARTED else 1

    @property
    def stands_for(self) -> int:
        """How many events are lost when this line is."""
        return _count(self.data.get("count")) if self.event == NoteEvent.LINES_DROPPED else 1

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return len(self.text.encode("utf-8", "surrogateescape")) + 1


def parse_line(text: str) -> ParsedLine | None:
    """None for what is no record: a person's words, a broken line."""
    if not text.startswith("{"):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    id_, at, event = (data.get(key) for key in ("id", "at", "event"))
    if not (isinstance(id_, str) and isinstance(at, str) and isinstance(event, str)):
        return None
    return ParsedLine(text, id_, at, event, data)


def parse(text: str) -> tuple[ParsedLine, ...]:
    """The records of a note, in the order they stand in."""
    return tuple(found for line in text.split("\n") if (found := parse_line(line)))


def merge(existing: str, new: Iterable[str], limit: int = NOTE_BYTES) -> str:
    """The note with the new lines in it: each id once (the first wins), in order of time, then bounded.

    What had to make room is counted in a `NoteTrimmed` line. Words that are no record stay above, as they are.
    """
    records = [*parse(existing), *parse("\n".join(new))]
    trimmed = [record for record in records if record.event == NoteEvent.NOTE_TRIMMED]
    gone = dict.fromkeys(str(id_) for record in trimmed for id_ in _listed(record.data.get("recent")))
    known = {record.id: record for record in reversed(records) if record.event != NoteEvent.NOTE_TRIMMED}
    lines = sorted(
        (record for record in known.values() if record.id not in gone), key=lambda record: (record.at, record.id)
    )
    words = "\n".join(line for line in existing.split("\n") if parse_line(line) is None).strip("\n")
    lines, dropped = _fit(lines, limit, trimmed=bool(trimmed))
    summary = _summary(trimmed, list(gone), dropped)
    ours = "\n".join([*([summary] if summary else []), *(record.text for record in lines)])
    return "\n".join(part for part in (words, ours) if part) + "\n"


def _fit(lines: list[ParsedLine], limit: int, *, trimmed: bool) -> tuple[list[ParsedLine], list[ParsedLine]]:
    size = sum(record.size for record in lines)
    room = limit - _SUMMARY_BYTES
    if size <= (room if trimmed else limit):
        return lines, []
    dropped = []
    for record in sorted(lines, key=lambda record: (record.weight, record.at, record.id)):
        if size <= room:
            break
        size -= record.size
        dropped.append(record)
    out = {record.id for record in dropped}
    return [record for record in lines if record.id not in out], dropped


def _summary(trimmed: list[ParsedLine], gone: list[str], dropped: list[ParsedLine]) -> str:
    """One line for all that was ever dropped from this note. Two of them come from a merge by hand: the larger counts."""
    if not dropped and len(trimmed) <= 1:
        return trimmed[0].text if trimmed else ""
    counts = [_count(record.data.get("count")) for record in trimmed]
    times = [record.at for record in dropped] + [str(record.data.get("since") or record.at) for record in trimmed]
    through = max([record.at for record in dropped] + [record.at for record in trimmed])
    recent = list(dict.fromkeys([*gone, *(record.id for record in dropped)]))[-_REMEMBERED:]
    data = {
        "v": VERSION,
        "id": "trimmed",
        "at": through,
        "event": str(NoteEvent.NOTE_TRIMMED),
        "count": max(counts, default=0) + sum(record.stands_for for record in dropped),
        "since": min(times),
        "recent": recent,
    }
    return json.dumps(data, separators=(",", ":"))


def _listed(value: object) -> list[Json]:
    return value if isinstance(value, list) else []


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
