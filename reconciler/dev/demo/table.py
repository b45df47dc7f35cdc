"""A table that kubectl prints again and again, shown as one: its head, and a row whenever one changed."""

from __future__ import annotations

import re
from collections.abc import Sequence

_AGE = re.compile(r"\d+[smhd](\d+[smh])?")


class DemoTable:
    def __init__(self) -> None:
        self._head = ""
        self._rows: list[list[str]] = []

    def changed(self, printed: Sequence[str]) -> list[str]:
        """What to print of it now: nothing where only ages moved, which always do; the head again where a cell needs room."""
        rows = [[word for word in row.split() if not _AGE.fullmatch(word)] for row in printed[1:]]
        if rows == self._rows:
            return []
        self._rows = rows
        below = [_below(self._head, printed[0], row) for row in printed[1:]]
        if self._head and None not in below:
            return [row for row in below if row]
        self._head = printed[0]
        return list(printed)


def _below(head: str, own_head: str, row: str) -> str | None:
    """A row under another head than its own; None where a cell does not fit."""
    starts = [word.start() for word in re.finditer(r"\S+", own_head)]
    cells = [row[start:end].rstrip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
    widths = [len(column) for column in re.findall(r"\S+\s*", head)]
    if len(cells) != len(widths) or any(len(cell) >= width for cell, width in zip(cells[:-1], widths, strict=False)):
        return None
    return "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
