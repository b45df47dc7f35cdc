"""Checks that what code, tests and pages cite is there: ids of the contracts in `docs/design.md` (D-4.3, or a section, D-4)
and of the facts in `docs/sagemaker-facts.md` (SM-12, LO-3, K8S-1, PY-2).

Run as `python -m tests.support.evidence`, by `make check`. Reported are an id that no row has, an id given twice, a page, a
decision (`docs/adr, 7`), a module or a name in one (`core/rollout.judge`) that is not in the tree, and an index of the decisions
that is not as they are.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
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
_PAGE = re.compile(r"(?<![\w/.-])docs/[\w/-]+\.(?:md|yaml|svg)\b")
_LINK = re.compile(r"\]\(([\w./-]+)(?:#[\w-]*)?\)")
_DECISION = re.compile(r"(?:\bADRs?|\bdocs/adr,)\s0*(\d+)\b")
_INDEX = Path("docs/adr/README.md")
_LISTED = re.compile(r"^\| (\d+) \| \[(.+)\]\(([\w.-]+)\) \| (\S+) \| (.+) \|$", re.MULTILINE)
_PACKAGES = "core|kinds|runtime|adapters|app|plugins|dev"
_MODULE = re.compile(
    rf"(?<![\w/.-])(?:reconciler/)?(?P<path>(?:{_PACKAGES})/[a-z_]\w*(?:/\w+)*(?:\.\w+)*)"
    rf"|`(?:reconciler\.)?(?P<dotted>(?:{_PACKAGES})(?:\.\w+)+)`"
)


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
    yield from _index(top)
    for file in sorted({file for place in _PLACES for file in top.glob(place)}):
        yield from _of_file(file, file.relative_to(top), known)
        yield from _pointers(top, file)


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


def _index(top: Path) -> Iterator[Problem]:
    """Where the index of decisions is not as their pages are."""
    pages = {page.name: _decision(page) for page in sorted((top / _INDEX.parent).glob("[0-9]*.md"))}
    text = (top / _INDEX).read_text(encoding="utf-8") if pages else ""
    listed = {row[3]: (row[1], row[2], row[4], row[5]) for row in _LISTED.finditer(text)}
    for name in sorted(pages.keys() | listed.keys()):
        if listed.get(name) != pages.get(name):
            yield Problem(_INDEX, 1, f"{name}: the index says {listed.get(name)}, the page {pages.get(name)}")


def _decision(page: Path) -> tuple[str, str, str, str]:
    """Number, title, date and status, as the page says."""
    text = page.read_text(encoding="utf-8")
    title, said = (
        re.match(r"# (\d+)\. (.+)\n", text),
        re.search(r"^(\w[\w ]*), (\d{4}-\d\d-\d\d)\.$", text, re.MULTILINE),
    )
    number, heading = (title[1], title[2]) if title else ("", "")
    status, date = (said[1].lower(), said[2]) if said else ("", "")
    return number, heading, date, status


def _pointers(top: Path, file: Path) -> Iterator[Problem]:
    """Pages, decisions and modules that prose names and that are not there."""
    name, text = file.relative_to(top), file.read_text(encoding="utf-8")
    prose = text if file.suffix == ".md" else _prose(text)
    for match in _PAGE.finditer(prose):
        if not (top / match[0]).exists():
            yield Problem(name, _line(prose, match), f"{match[0]} is not there")
    for match in _LINK.finditer(text) if file.suffix == ".md" else ():
        if not (file.parent / match[1]).exists():
            yield Problem(name, _line(text, match), f"{match[1]} is not there")
    for match in _DECISION.finditer(prose):
        if not [*(top / _INDEX.parent).glob(f"{int(match[1]):04}-*.md")]:
            yield Problem(name, _line(prose, match), f"there is no decision {match[1]}")
    for match in _MODULE.finditer(prose):
        said = match["path"] or match["dotted"].replace(".", "/")
        if not _is_there(top / "reconciler", said):
            yield Problem(name, _line(prose, match), f"{said} is not there")


def _prose(source: str) -> str:
    """Comments and docstrings alone, each on its line."""
    lines = source.splitlines()
    kept = [""] * len(lines)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            kept[token.start[0] - 1] = token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            kept[node.lineno - 1 : node.end_lineno] = lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(kept)


def _is_there(package: Path, said: str) -> bool:
    """Whether a path below the package is a folder, a module, or a name in one."""
    if (package / said).exists():
        return True
    place, parts = package, re.split(r"[/.]", said)
    while parts and (place / parts[0]).is_dir():
        place /= parts.pop(0)
    if parts and (place / f"{parts[0]}.py").exists():
        place /= f"{parts.pop(0)}.py"
    elif (place / "__init__.py").exists() and parts:
        place /= "__init__.py"
    return not parts or (place.is_file() and all(part in _names(place) for part in parts))


@cache
def _names(module: Path) -> frozenset[str]:
    """Of everything that a module defines, members of its classes included."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    targets = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    named = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.alias
    return frozenset(targets | {node.name for node in ast.walk(tree) if isinstance(node, named)})


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


if __name__ == "__main__":
    sys.exit(main())
