from pathlib import Path

import pytest

from tests.support.requirements import Mark, main, marks_below, problems, table

CONTRACTS = "## D-1 Names\n\n- **D-1.1** A name stays.\n- **D-1.2** A name fits.\n"
HEAD = "import pytest\n"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "design.md").write_text(CONTRACTS)
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    return tmp_path


def told(top: Path, code: str) -> list[str]:
    (top / "tests" / "unit" / "test_a.py").write_text(HEAD + code)
    return [*problems(CONTRACTS, [*marks_below(top)])]


BOTH = '@pytest.mark.holds("D-1.1", "D-1.2")\n'


@pytest.mark.parametrize(
    ("code", "found"),
    [
        pytest.param(BOTH + "def test_a(): ...", [], id="every contract is held"),
        pytest.param(f"class TestIt:\n    {BOTH}    def test_a(self): ...", [], id="by a test in a class"),
        pytest.param(
            f'@pytest.mark.parametrize("x", [1])\n{BOTH}@pytest.mark.endurance\ndef test_a(x): ...',
            [],
            id="among other marks",
        ),
        pytest.param(
            '@pytest.mark.holds("D-1.1")\ndef test_a(): ...', ["no test holds D-1.2"], id="a contract without a test"
        ),
        pytest.param("def test_a(): ...", ["no test holds D-1.1", "no test holds D-1.2"], id="no mark at all"),
        pytest.param(
            BOTH + "def helper(): ...", ["no test holds D-1.1", "no test holds D-1.2"], id="a helper is no test"
        ),
        pytest.param(
            BOTH + '@pytest.mark.holds("D-1.3")\ndef test_a(): ...',
            ["test_a.py:3: test_a: no contract has the id D-1.3"],
            id="a contract that is not there",
        ),
        pytest.param(
            BOTH + '@pytest.mark.holds("D-1")\ndef test_a(): ...',
            ["no contract has the id D-1"],
            id="a section is no contract",
        ),
        pytest.param(BOTH + "@pytest.mark.holds()\ndef test_a(): ...", ["takes ids"], id="no id"),
        pytest.param(BOTH + "@pytest.mark.holds\ndef test_a(): ...", ["takes ids"], id="not called"),
        pytest.param(BOTH + "@pytest.mark.holds(ID)\ndef test_a(): ...", ["takes ids"], id="an id by name"),
    ],
)
def test_problems(top: Path, code: str, found: list[str]) -> None:
    problem = told(top, code)
    assert len(problem) == len(found)
    assert all(part in said for part, said in zip(found, problem, strict=True))


def test_the_table_has_each_contract_with_its_tests() -> None:
    file = Path("tests/unit/test_a.py")
    marks = [Mark("D-1.1", file, 1, "test_a"), Mark("D-1.1", file, 9, "test_b")]
    assert [*table(CONTRACTS, marks)] == [
        "\n## D-1 Names",
        "D-1.1 A name stays.",
        "    tests/unit/test_a.py::test_a",
        "    tests/unit/test_a.py::test_b",
        "D-1.2 A name fits.",
    ]


@pytest.mark.parametrize(("held", "code"), [("D-1.2", 0), ("D-1.1", 1)])
def test_what_is_wrong_fails(top: Path, held: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    told(top, f'@pytest.mark.holds("D-1.1", "{held}")\ndef test_a(): ...')
    assert main([], top) == code
    assert bool(capsys.readouterr().err) == bool(code)
