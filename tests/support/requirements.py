"""Checks that `tests/requirements.md` tells the truth: every requirement names a test, and every test named exists.

Under the heading `Later` stands what no test proves yet: there a row names the issue that brings the proof (`issue 5`).

Run as `python -m tests.support.requirements`, by `make check`. A test is named as `path::test_name` (the path from the
repository's top, or from `tests/`; a class in between and `[parameters]` behind are fine).
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_TEST = re.compile(r"([\w./-]+\.py)::([\w:]+)")
_ISSUE = re.compile(r"\bissue \d+\b")
_HEADING = re.compile(r"^#+ (.*)")
_LATER = "Later"
_SEPARATOR = re.compile(r"^\|[\s:|-]+\|?\s*$")


def main(page: Path = Path("tests/requirements.md")) -> int:
    if not page.exists():
        print(f"{page} is missing", file=sys.stderr)
        return 1
    top = page.resolve().parent.parent
    found = [*problems(page.read_text(encoding="utf-8"), top)]
    for line, problem in found:
        print(f"{page}:{line}: {problem}", file=sys.stderr)
    return 1 if found else 0


def problems(text: str, top: Path) -> Iterator[tuple[int, str]]:
    """Line number and what is wrong there."""
    lines = text.splitlines()
    heading = ""
    for number, line in enumerate(lines, start=1):
        if found := _HEADING.match(line):
            heading = found[1].strip()
        names = _TEST.findall(line)
        for path, name in names:
            file = next((top / start / path for start in ("", "tests") if (top / start / path).is_file()), None)
            if file is None:
                yield number, f"no such file: {path}"
            elif name.split("::")[-1] not in _tests(file):
                yield number, f"no such test: {path}::{name}"
        if _is_row(lines, number - 1) and not names:
            if heading != _LATER:
                yield number, "this requirement names no test"
            elif not _ISSUE.search(line):
                yield number, "this requirement names neither a test nor the issue that brings one"


def _is_row(lines: list[str], index: int) -> bool:
    """A table's line that is neither its head nor the rule under the head."""
    line = lines[index]
    if not line.startswith("|") or _SEPARATOR.match(line):
        return False
    is_head = index + 1 < len(lines) and _SEPARATOR.match(lines[index + 1]) is not None
    return not is_head


@cache
def _tests(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(name for name in functions if name.startswith("test_"))


if __name__ == "__main__":
    sys.exit(main())
