"""Text for people: marks, colours, tables, times. What a terminal cannot show is left out; a pipe gets plain ASCII."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TextIO

from reconciler.core.conditions import clip, moment, stamp

_CODES = {"bad": "31", "good": "32", "busy": "33", "paused": "36", "unknown": "35", "dim": "2", "strong": "1"}

_SIGNS = {"good": ("✔", "[ok]"), "busy": ("◌", "[..]"), "bad": ("✘", "[!!]"), "paused": ("‖", "[||]")}
_UNKNOWN_SIGN = ("?", "[??]")
_MOST = 400
_SKEW = timedelta(seconds=30)
"""How far two clocks may be apart and count as showing the same time."""
_GAP = "   "


@dataclass(frozen=True)
class Cell:
    """A value with its style; a plain string does as well."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Paint:
    colour: bool = False
    signs: bool = False
    """Signs and lines beyond ASCII."""

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str] | None = None) -> Paint:
        """For what the stream is: a terminal that says so; NO_COLOR (no-color.org) is honoured."""
        said = os.environ if environment is None else environment
        terminal = stream.isatty() and said.get("TERM") != "dumb"
        utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
        return cls(colour=terminal and not said.get("NO_COLOR"), signs=terminal and utf8)

    def __call__(self, text: str, style: str = "") -> str:
        code = _CODES.get(style) if self.colour else None
        return f"\x1b[{code}m{text}\x1b[0m" if code else text

    def mark(self, health: str) -> str:
        sign, ascii_sign = _SIGNS.get(health, _UNKNOWN_SIGN)
        return self(sign if self.signs else ascii_sign, health)

    @property
    def branches(self) -> tuple[str, str, str, str]:
        """Of a tree: a child, the last child, below a child, below the last child."""
        return ("├── ", "└── ", "│   ", "    ") if self.signs else ("|-- ", "`-- ", "|   ", "    ")

    @property
    def arrow(self) -> str:
        return "→" if self.signs else "->"

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str | Cell]]) -> list[str]:
        """Columns as wide as they must be; the last is not padded."""
        every = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
        every.insert(0, [Cell(title, "strong") for title in head])
        shown = [[Cell(plain(cell.text), cell.style) for cell in row] for row in every]
        widths = [max(len(row[place].text) for row in shown) for place in range(len(head))]
        return [
            _GAP.join(
                self(cell.text, cell.style) + " " * (width - len(cell.text) if place < len(head) - 1 else 0)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in shown
        ]


def plain(text: Any, limit: int = _MOST) -> str:
    """Text of others (commits, reasons of SageMaker) on one line, with nothing that steers a terminal."""
    return clip("" if text is None else str(text), limit)


def safe_lines(text: str) -> list[str]:
    """Text of several lines, its control characters shown as escapes."""
    return ["".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in line) for line in text.splitlines()]


def when(text: Any) -> datetime | None:
    """A time of status; None for what is none."""
    try:
        found = moment(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def ago(text: Any, now: datetime) -> str:
    """The moment itself where it is yet to come: SageMaker's clock is not this machine's, and a simulator's runs ahead."""
    found = when(text)
    if found is None:
        return ""
    return stamp(found) if found - now > _SKEW else f"{span(now - found)} ago"


def so_far(text: Any, now: datetime) -> str:
    """How long something has gone on; empty where its beginning is yet to come by this machine's clock."""
    found = when(text)
    return f"{span(now - found)} so far" if found and found - now <= _SKEW else ""


def span(length: timedelta) -> str:
    """As `kubectl get` shows an age: the two largest units at most."""
    seconds = max(0, int(length.total_seconds()))
    for size, unit, smaller, small_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            first, rest = divmod(seconds, size)
            second = rest // smaller
            return f"{first}{unit}{second}{small_unit}" if second and first < 10 else f"{first}{unit}"
    return f"{seconds}s"


def between(start: Any, end: Any) -> str:
    begun, ended = when(start), when(end)
    return span(ended - begun) if begun and ended else ""


def revision(text: Any) -> str:
    """`main@sha1:<40 digits>` as `main@1234567`; a commit as its first seven digits."""
    said = plain(text)
    ref, _, sha = said.rpartition("@sha1:")
    return f"{ref}@{sha[:7]}" if ref else (sha or said)[:7]


class FromGit(Protocol):
    """A record in status that says from which commit it came."""

    @property
    def revision(self) -> str:
        """The head of the time, as `main@sha1:...`."""

    @property
    def commit(self) -> str:
        """The commit that last changed the object's file then; empty in records of earlier releases."""


def revision_of(record: FromGit) -> str:
    """Of a record in status: the ref, and the commit that last changed the object's file rather than the head of the time."""
    ref, commit = plain(record.revision).rpartition("@sha1:")[0], commit_of(record)[:7]
    return f"{ref}@{commit}" if ref else commit


def commit_of(record: FromGit) -> str:
    """The commit that last changed the object's file then; the head of the time where status has nothing better."""
    return record.commit or commit_in(record.revision)


def commit_in(text: Any) -> str:
    """The commit of a revision."""
    return str(text or "").rpartition(":")[2]
