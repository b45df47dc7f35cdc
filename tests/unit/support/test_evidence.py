from pathlib import Path

import pytest

from tests.support.evidence import main, problems

CONTRACTS = "## D-1 Names\n\n- **D-1.1** A name stays.\n"
FACTS = "| id | fact |\n| --- | --- |\n| SM-1 | Names are short |\n| K8S-1 | Conditions are read |\n"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    for folder in ("docs", "reconciler/core", "tests/unit"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "docs" / "design.md").write_text(CONTRACTS)
    (tmp_path / "docs" / "sagemaker-facts.md").write_text(FACTS)
    return tmp_path


# The ids that dangle here are ids of the real pages, and the old pointers are put together: this file is checked too.
@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param('"""Names (D-1.1)."""', [], id="a contract"),
        pytest.param("# Names (D-1) are short (SM-1, K8S-1).", [], id="a section, and facts"),
        pytest.param("# Names (D-1.2).", ["no row has the id D-1.2"], id="a contract that is not there"),
        pytest.param("# (D-2)", ["no row has the id D-2"], id="a section that is not there"),
        pytest.param("# (SM-1 to SM-3)", ["no row has the id SM-3"], id="the end of a range"),
        pytest.param("x = 1\n# (LO-1)\n", [":2: no row has the id LO-1"], id="the line is told"),
        pytest.param("# MD-1, D-1x and K8S are no ids", [], id="what looks alike"),
        pytest.param(f"# (design {4})", ["is not in the tree"], id="a page that nobody has"),
        pytest.param(f'"""Why (facts\nof the API, {2})."""', ["is not in the tree"], id="over the end of a line"),
        pytest.param(f"# seen (facts, section {2})", ["is not in the tree"], id="a section of such a page"),
        pytest.param("# a design that states facts of life", [], id="the words alone"),
    ],
)
def test_problems(top: Path, text: str, found: list[str]) -> None:
    (top / "reconciler" / "core" / "naming.py").write_text(text)
    problem = [f"{file}:{line}: {what}" for file, line, what in problems(top)]
    assert len(problem) == len(found)
    assert all(part in said for part, said in zip(found, problem, strict=True))


@pytest.mark.parametrize("place", ["reconciler/core/a.py", "tests/unit/test_a.py", "docs/a.md", "CONTRIBUTING.md"])
def test_code_tests_and_pages_are_read(top: Path, place: str) -> None:
    (top / place).write_text("D-1.2")
    assert [str(problem.file) for problem in problems(top)] == [place]


@pytest.mark.parametrize(("page", "row"), [("design.md", CONTRACTS), ("sagemaker-facts.md", FACTS)])
def test_an_id_is_given_once(top: Path, page: str, row: str) -> None:
    (top / "docs" / page).write_text(row + row.splitlines()[-1] + "\n")
    assert ["given twice" in problem.what for problem in problems(top)] == [True]


def test_what_is_wrong_fails(top: Path) -> None:
    assert main(top) == 0
    (top / "reconciler" / "core" / "naming.py").write_text("# D-1.2")
    assert main(top) == 1
