"""Which tests hold the contracts of `docs/design.md`, told by marks on the tests: `@pytest.mark.holds("D-4.3")`.

Run as `python -m tests.support.requirements`, by `make check`: a mark that names no contract, and a contract that no test
holds, are told. With `--table` (`make requirements`) every contract is printed with its tests. Tests are read, not imported.
"""

import argparse
import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.evidence import DESIGN

_CONTRACT = re.compile(r"^- \*\*(D-\d+\.\d+)\*\* (.*)$")
_SECTION = re.compile(r"^## D-\d+ ")


class Mark(NamedTuple):
    id: str
    """Empty when it is not written out."""
    file: Path
    line: int
    test: str

    def __str__(self) -> str:
        return f"{self.file}::{self.test}"


def main(arguments: list[str], top: Path = Path()) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.requirements")
    parser.add_argument("--table", action="store_true", help="print each contract with the tests that hold it")
    told = parser.parse_args(arguments)
    contracts = (top / DESIGN).read_text(encoding="utf-8")
    marks = [*marks_below(top)]
    if told.table:
        print("\n".join(table(contracts, marks)))
    found = [*problems(contracts, marks)]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


def problems(contracts: str, marks: list[Mark]) -> Iterator[str]:
    held = _by_id(marks)
    known = set()
    for number, line in enumerate(contracts.splitlines(), start=1):
        if row := _CONTRACT.match(line):
            known.add(row[1])
            if row[1] not in held:
                yield f"{DESIGN}:{number}: no test holds {row[1]}"
    for mark in marks:
        if not mark.id:
            yield f"{mark.file}:{mark.line}: {mark.test}: holds() takes ids, written out"
        elif mark.id not in known:
            yield f"{mark.file}:{mark.line}: {mark.test}: no contract has the id {mark.id}"


def table(contracts: str, marks: list[Mark]) -> Iterator[str]:
    held = _by_id(marks)
    for line in contracts.splitlines():
        if row := _CONTRACT.match(line):
            yield f"{row[1]} {row[2]}"
            yield from (f"    {mark}" for mark in held[row[1]])
        elif _SECTION.match(line):
            yield f"\n{line}"


def marks_below(top: Path) -> Iterator[Mark]:
    """Every mark on a test; one for each id it names."""
    for file in sorted((top / "tests").rglob("test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        yield from (mark for node in ast.walk(tree) for mark in _of_test(node, file.relative_to(top)))


def _of_test(node: ast.AST, file: Path) -> Iterator[Mark]:
    if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
        return
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if ast.unparse(called) == "pytest.mark.holds":
            given = decorator.args if isinstance(decorator, ast.Call) else []
            ids = [str(id_.value) if isinstance(id_, ast.Constant) else "" for id_ in given]
            yield from (Mark(id_, file, decorator.lineno, node.name) for id_ in ids or [""])


def _by_id(marks: list[Mark]) -> Mapping[str, list[Mark]]:
    held = defaultdict[str, list[Mark]](list)
    for mark in marks:
        held[mark.id].append(mark)
    return held


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
