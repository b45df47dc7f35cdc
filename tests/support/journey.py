"""How far a reader travels who follows one change through the code: "an alarm rolls back".

Runs the bench's story of a bad revision that an alarm rolls back, and notes which functions of the package are entered, each
at its first entry. Read in that order they are the journey:

- *functions*: how many are entered at all. Generated ones (a dataclass's `__init__`), comprehensions and lambdas are none.
- *files*: how many files they are in.
- *returns*: how often the next function of the journey is in a file that was left before: it is in another file than the
  function before it, and not in one that is seen for the first time. Coming back from a call is no return.

The simulator, the rest of `reconciler/dev` and the service model, which is built once, are not on the way.
"""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import pytest

STORY = "tests/integration/reconcile/test_rollouts.py::test_a_rollback_by_alarm_is_quarantined_and_never_tried_again"
NOT_ON_THE_WAY = ("reconciler/dev/", "reconciler/adapters/service_model")


class Visit(NamedTuple):
    """The first entry into a function."""

    path: str
    line: int
    function: str


class Travelled(NamedTuple):
    functions: int
    files: int
    returns: int


def recorded() -> list[Visit]:
    """The journey through this checkout. RuntimeError when the story cannot be told here."""
    tracer, said = Tracer(Path.cwd()), io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        failed = pytest.main([STORY, "-q", "-p", "no:cacheprovider"], plugins=[tracer])
    if failed:
        lines = said.getvalue().strip().splitlines()
        raise RuntimeError(f"{STORY} does not pass here ({lines[-1] if lines else failed})")
    return tracer.journey()


def travelled(visits: Sequence[Visit]) -> Travelled:
    """The three figures of a journey, given in the order of first entries."""
    left: set[str] = set()
    returns, here = 0, ""
    for visit in visits:
        if visit.path != here:
            returns += visit.path in left
            left.add(here)
            here = visit.path
    return Travelled(len(visits), len({visit.path for visit in visits}), returns)


@dataclass
class Tracer:
    """A plugin of pytest that notes the first entries while the story is told, in its thread."""

    top: Path
    visits: dict[CodeType, Visit | None] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Iterator[None]:
        sys.setprofile(self._entered)
        try:
            return (yield)
        finally:
            sys.setprofile(None)

    def journey(self) -> list[Visit]:
        return [visit for visit in self.visits.values() if visit]

    def _entered(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code not in self.visits:
            self.visits[code] = self._visit(code)

    def _visit(self, code: CodeType) -> Visit | None:
        # A body of a class, run by an import on the way, has no locals of its own.
        if code.co_name.startswith("<") or not code.co_flags & inspect.CO_NEWLOCALS:
            return None
        file = Path(code.co_filename)
        if not file.is_relative_to(self.top / "reconciler"):
            return None
        path = file.relative_to(self.top).as_posix()
        return None if path.startswith(NOT_ON_THE_WAY) else Visit(path, code.co_firstlineno, code.co_qualname)
