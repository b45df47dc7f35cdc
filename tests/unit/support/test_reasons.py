"""How a reason is found in the source, whatever way it takes."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.support.reasons import Found, reasons
from tests.support.style import Module

VALUES = """
    @dataclass
    class Decision:
        phase: Phase
        reason: str
        message: str = ""

    class Notice(NamedTuple):
        type: str
        reason: str
"""


def found(text: str) -> set[str]:
    modules = [Module("a/values.py", dedent(VALUES)), Module("a/kind.py", dedent(text))]
    return {one.reason for one in reasons(modules)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param('Decision(Phase.READY, "Made", "It Was")', {"Made"}, id="by position"),
        pytest.param('replace(other, reason="Made")', {"Made"}, id="by keyword"),
        pytest.param('Notice("Warning", "Made")', {"Made"}, id="not what stands beside it"),
        pytest.param('{"reason": "Made", "type": "Other"}', {"Made"}, id="in a dictionary"),
        pytest.param('class E(Error):\n    reason = "Made"', {"Made"}, id="of an error"),
        pytest.param('_MADE = "Made"\nDecision(0, _MADE)', {"Made"}, id="a constant"),
        pytest.param('Decision(0, "Made" if ready else "Making")', {"Made", "Making"}, id="either side"),
        pytest.param('def f():\n    what = "Made"\n    return Decision(0, what)', {"Made"}, id="a local variable"),
        pytest.param(
            'def f():\n    what, why = ("Made", "Other") if x else g()\n    return Decision(0, what, why)\n'
            'def g():\n    return "Making", "Other"',
            {"Made", "Making"},
            id="an element of what a function returns",
        ),
        pytest.param('def f():\n    return "Made", "Other"\nDecision(0, *f())', {"Made"}, id="unpacked"),
        pytest.param(
            'def stop(this, word, why):\n    return Decision(0, word, why)\nstop(this, "Made", "Other")',
            {"Made"},
            id="through a parameter",
        ),
        pytest.param('def f(a, reason: str = "Made"): ...', {"Made"}, id="a default"),
        pytest.param('_BY = {"x": "Made"}\nDecision(0, _BY.get(state, "Other"))', {"Made", "Other"}, id="from a table"),
        pytest.param('Decision(0, f"Endpoint{status}")', {"Endpoint*"}, id="put together"),
        pytest.param('Decision(0, f"{name}Created")', {"*Created"}, id="put together the other way round"),
        pytest.param('Decision(0, f"the {name} was made")', set(), id="a sentence is none"),
        pytest.param(
            "class D:\n    @property\n    def reason(self):\n        return 'Made' if self.x else 'Gone'",
            {"Made", "Gone"},
            id="a property",
        ),
        pytest.param(
            "class Base(Error):\n    def __init__(self, reason): ...\n"
            'class E(Base):\n    def __init__(self):\n        super().__init__("Made")',
            {"Made"},
            id="handed to a base",
        ),
        pytest.param(
            'class Decision:\n    def __init__(self, a, b): ...\nDecision(0, "Other")', set(), id="a namesake"
        ),
    ],
)
def test_found(text: str, words: set[str]) -> None:
    assert found(text) == words


def test_the_place_is_where_the_literal_stands() -> None:
    modules = [Module("a.py", '_MADE = "Made"'), Module("b.py", "from a import _MADE\nf(reason=_MADE)")]
    assert reasons(modules) == {Found("Made", "a.py")}
