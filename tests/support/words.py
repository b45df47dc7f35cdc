"""Checks the words: none that docs/glossary.md refuses is in code or pages, and what its rows point to is there.

Run as `python -m tests.support.words`, by `make check`. Refused are the words in double quotes in a table's last column: in text,
and as parts of a name in code (`put_back`, `ToldEvents`). Tests are not searched.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

GLOSSARY = Path("docs/glossary.md")

_PLACES = (
    "reconciler/**/*.py",
    "docs/**/*.md",
    "docs/**/*.yaml",
    "*.md",
    "examples/*",
    "deploy/*.yaml",
    "repo-layout/**/*",
)
_SPARED = (str(GLOSSARY), "CHANGELOG.md", "docs/adr/*")
"""The words themselves, and what was written at its time."""
_ALIAS = "# its name in earlier releases"
"""On the line of a JSON key or a metric's label that scripts may read still."""
_ROW = re.compile(r"^\| [^|]+ \| [^|]+ \| ([^|]*) \| ([^|]*)\|$", re.MULTILINE)
_POINTER = re.compile(r"`((?:core|kinds|runtime)/[a-z_/]+)(?:\.([A-Z]\w+))?`")


class Problem(NamedTuple):
    file: Path
    line: int
    what: str


def main(top: Path = Path()) -> int:
    found = [*pointers(top), *problems(top)]
    for file, line, what in found:
        print(f"{file}:{line}: {what}", file=sys.stderr)
    return 1 if found else 0


def refused(top: Path) -> tuple[str, ...]:
    text = (top / GLOSSARY).read_text(encoding="utf-8")
    return tuple(dict.fromkeys(word for row in _ROW.finditer(text) for word in re.findall(r'"([^"]+)"', row[2])))


def problems(top: Path) -> Iterator[Problem]:
    """Every refused word, in the order of the files."""
    words = refused(top)
    every = re.compile("|".join(map(_pattern, words)), re.IGNORECASE)
    named = re.compile("|".join(map(_part, words)))
    spared = {file for place in _SPARED for file in top.glob(place)}
    for file in sorted({file for place in _PLACES for file in top.glob(place) if file.is_file()} - spared):
        text = file.read_text(encoding="utf-8")
        lines = text.splitlines()
        for match in (*every.finditer(text), *(_names(text, named) if file.suffix == ".py" else ())):
            if _ALIAS in lines[_line(text, match) - 1]:
                continue
            said = " ".join(match[0].replace("#", " ").split())
            yield Problem(file.relative_to(top), _line(text, match), f'"{said}": see {GLOSSARY}')


def _names(text: str, named: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Names of several parts, in code, strings and comments, of which some are a refused word."""
    for match in re.finditer(r"[A-Za-z]*_\w+|[A-Za-z]+[A-Z]\w*", text):
        parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", match[0])
        if named.search(f" {' '.join(parts).lower()} "):
            yield match


def pointers(top: Path) -> Iterator[Problem]:
    """Every module or class that a row names and that is not there."""
    text = (top / GLOSSARY).read_text(encoding="utf-8")
    for match in _POINTER.finditer(text):
        path = top / "reconciler" / match[1]
        module = path.with_suffix(".py")
        if not (module.exists() or path.is_dir()) or (match[2] and match[2] not in _classes(module)):
            yield Problem(GLOSSARY, _line(text, match), f"{match[0]} is not there")


def _classes(module: Path) -> set[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def _pattern(word: str) -> str:
    """The word whole, its plural too, also where a line of a comment ends within it."""
    return r"\b" + r"(?:\s|#)+".join(map(re.escape, word.split())) + r"s?\b"


def _part(word: str) -> str:
    """The word among the parts of a name, its plural too. One with a hyphen (a noun) is no name: `roll_out` is the verb."""
    return f" {re.escape(word.lower())}s? "


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


if __name__ == "__main__":
    sys.exit(main())
