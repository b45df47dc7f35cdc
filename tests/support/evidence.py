"""Checks that what code, tests and pages cite is there: ids of the contracts in `docs/design.md` (D-4.3, or a section, D-4)
and of the facts in `docs/sagemaker-facts.md` (SM-12, LO-3, K8S-1, PY-2).

Run as `python -m tests.support.evidence`, by `make check`. Told are an id that no row has, an id given twice, and a pointer
to a page that is not in the tree.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DESIGN = Path("docs/design.md")
FACTS = Path("docs/sagemaker-facts.md")

_PLACES = ("reconciler/**/*.py", "tests/**/*.py", "docs/**/*.md", "*.md")
_ROW = re.compile(r"^(?:- \*\*(D-\d+\.\d+)\*\* |## (D-\d+) |\| ((?:SM|LO|K8S|PY)-\d+) \|)", re.MULTILINE)
_CITED = re.compile(r"\b(?:D-\d+(?:\.\d+)?|(?:SM|LO|K8S|PY)-\d+)\b")
_LEFT = (
    r"\bdesign\s\d",
    r"\bfacts,?\s(?:section\s)?\d",
    r"\bfacts\sof\s(?:the|that|its|it|kstatus)\b",
    r"\bAPI\sfacts\b",
    r"\bin\sthe\sfacts\b",
    r"\b[Ss]ections?\s\d",
)
"""How pages outside the tree were cited."""


class Problem(NamedTuple):
    file: Path
    line: int
    what: str


def main(top: Path = Path()) -> int:
    found = [*problems(top)]
    for file, line, what in found:
        print(f"{file}:{line}: {what}", file=sys.stderr)
    return 1 if found else 0


def problems(top: Path) -> Iterator[Problem]:
    """All that is wrong below the top of a checkout: in the pages first, then in the order of the files."""
    known: set[str] = set()
    for page in (DESIGN, FACTS):
        for id_, line in rows(top / page):
            if id_ in known:
                yield Problem(page, line, f"{id_} is given twice")
            known.add(id_)
    for file in sorted({file for place in _PLACES for file in top.glob(place)}):
        yield from _of_file(file, file.relative_to(top), known)


def rows(page: Path) -> Iterator[tuple[str, int]]:
    """Each id that the page gives, sections included, with the number of its line."""
    text = page.read_text(encoding="utf-8")
    for match in _ROW.finditer(text):
        yield match[match.lastindex or 0], _line(text, match)


def _of_file(file: Path, name: Path, known: set[str]) -> Iterator[Problem]:
    text = file.read_text(encoding="utf-8")
    for match in _CITED.finditer(text):
        if match[0] not in known:
            yield Problem(name, _line(text, match), f"no row has the id {match[0]}")
    for match in re.finditer("|".join(_LEFT), text):
        yield Problem(name, _line(text, match), f"this page is not in the tree: {' '.join(match[0].split())}")


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


if __name__ == "__main__":
    sys.exit(main())
