"""The check of the glossary: refused words are found, and rows point to what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.words import main, pointers, problems

GLOSSARY = """
| word | what it means | where it lives | do not use |
| --- | --- | --- | --- |
| rollback | going back | `core/rollout.Outcome` | "way back", retreat |
"""


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "glossary.md").write_text(GLOSSARY)
    (tmp_path / "reconciler" / "core").mkdir(parents=True)
    (tmp_path / "reconciler" / "core" / "rollout.py").write_text("class Outcome: ...\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("# no retreat, and a rollback\n", [], id="a word without quotes is fine"),
        pytest.param("x = 1  # the way back\n", [1], id="a refused word"),
        pytest.param("# all the Way\n# backs\n", [1], id="its plural, over the end of a line, in any case"),
        pytest.param("way_back = 1\n", [1], id="a name of its parts"),
        pytest.param("class OnWayBack: ...\n", [1], id="parts of a name in camel case"),
        pytest.param("def _ways_back(): ...\nrunway_backs = swayBack\n", [], id="a name that only looks alike"),
        pytest.param('x = {"way_back": 1}\n', [1], id="a key in code"),
        pytest.param(
            'x = {"way_back": 1}  # its name in earlier releases\n', [], id="a key with `_` that scripts read"
        ),
        pytest.param('{"way back": 1}  # its name in earlier releases\n', [], id="a key that scripts read"),
    ],
)
def test_refused_words_are_found(top: Path, text: str, lines: list[int]) -> None:
    (top / "reconciler" / "core" / "a.py").write_text(text)
    assert [problem.line for problem in problems(top)] == lines
    assert main(top) == bool(lines)


@pytest.mark.parametrize("gone", ["core/rollout.Verdict", "core/rollback.Outcome"], ids=["a class", "a module"])
def test_a_row_points_to_what_is_there(top: Path, gone: str) -> None:
    assert list(pointers(top)) == []
    (top / "docs" / "glossary.md").write_text(GLOSSARY.replace("core/rollout.Outcome", gone))
    assert [problem.what for problem in pointers(top)] == [f"`{gone}` is not there"]


def test_tests_are_not_searched(top: Path) -> None:
    (top / "tests").mkdir()
    (top / "tests" / "test_a.py").write_text("way_back = 1\n")
    assert main(top) == 0
