from pathlib import Path

import pytest

from tests.support.requirements import main, problems

HEAD = "| requirement | test |\n|---|---|\n"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    (tmp_path / "tests" / "unit" / "test_a.py").write_text(
        "class TestIt:\n    def test_real(self): ...\ndef helper(): ...\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("| x | `tests/unit/test_a.py::test_real` |", [], id="a test that exists"),
        pytest.param(
            "| x | `unit/test_a.py::TestIt::test_real[id]` |", [], id="from tests/, in a class, with parameters"
        ),
        pytest.param("| x | `tests/unit/test_a.py::test_gone` |", ["no such test"], id="a test that is gone"),
        pytest.param("| x | `tests/unit/test_a.py::helper` |", ["no such test"], id="a function that is no test"),
        pytest.param("| x | `tests/unit/test_b.py::test_real` |", ["no such file"], id="a file that is gone"),
        pytest.param("| x | later |", ["names no test"], id="a requirement without a test"),
        pytest.param(f"## Later\n\n{HEAD}| x | issue 5 |", [], id="a later issue brings the test"),
        pytest.param(f"## Later\n\n{HEAD}| x | some day |", ["names neither"], id="nobody brings the test"),
        pytest.param(
            f"## Later\n\n{HEAD}| x | issue 5 |\n\n## Now\n\n{HEAD}| x | issue 5 |",
            ["names no test"],
            id="an issue is no test under another heading",
        ),
        pytest.param("Outside: `unit/test_a.py::test_gone`", ["no such test"], id="names outside the table count too"),
    ],
)
def test_problems(top: Path, text: str, found: list[str]) -> None:
    problem = [said for _, said in problems(HEAD + text + "\n", top)]
    assert len(problem) == len(found)
    assert all(start in said for start, said in zip(found, problem, strict=True))


def test_a_missing_page_fails(tmp_path: Path) -> None:
    assert main(tmp_path / "tests" / "requirements.md") == 1
