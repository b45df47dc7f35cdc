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


def _with_decisions(top: Path) -> None:
    (top / "docs" / "adr").mkdir()
    (top / "docs" / "adr" / "0001-why.md").write_text("# 1. Why\n\nAccepted, 2026-11-23.\n")
    (top / "docs" / "adr" / "README.md").write_text("| 1 | [Why](0001-why.md) | 2026-11-23 | accepted |\n")


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        pytest.param("a.py", '"""See docs/design.md."""', [], id="a page"),
        pytest.param(
            "a.py", "# see docs/gone.md", ["docs/gone.md is not there"], id="a page that is gone, in a comment"
        ),
        pytest.param("a.py", 'x = "docs/gone.md"', [], id="what code itself says is not read"),
        pytest.param("a.md", "[here](docs/design.md#names), [there](https://example.com)", [], id="a link"),
        pytest.param("a.md", "[here](design.md)", ["design.md is not there"], id="a link that leads nowhere"),
        pytest.param("a.py", "# why (docs/adr, 1; ADR 0001)", [], id="a decision"),
        pytest.param("a.py", "# why (docs/adr, 7)", ["there is no decision 7"], id="a decision that was never made"),
        pytest.param("a.py", "# (ADR 0007)", ["there is no decision 7"], id="a decision by its file's number"),
        pytest.param("a.py", "# `core/naming.py`, core/naming, `core.naming`", [], id="a module, in each spelling"),
        pytest.param("a.py", "# `core/naming.Name.short`", [], id="a member of a class in a module"),
        pytest.param("a.py", '"""\nIn\n`core/gone`."""', [":3: core/gone is not there"], id="a module that is gone"),
        pytest.param("a.py", "# `core/naming.gone`", ["core/naming.gone is not there"], id="a name that is gone"),
        pytest.param(
            "a.md", "`core.gone.Name`", ["core/gone/Name is not there"], id="a module that is gone, in a page"
        ),
        pytest.param("a.py", "from reconciler.core import x  # /dev/null, score/board", [], id="what looks alike"),
    ],
)
def test_pages_decisions_and_modules_are_there(top: Path, file: str, text: str, found: list[str]) -> None:
    _with_decisions(top)
    (top / "reconciler" / "core" / "naming.py").write_text("class Name:\n    short = 1\n")
    (top / ("reconciler" if file.endswith(".py") else "") / file).write_text(text)
    problem = [f"{file}:{line}: {what}" for file, line, what in problems(top)]
    assert len(problem) == len(found)
    assert all(part in said for part, said in zip(found, problem, strict=True))


@pytest.mark.parametrize(
    ("page", "index", "wrong"),
    [
        pytest.param(
            "# 1. Why\n\nAccepted, 2026-11-23.\n",
            "| 1 | [Why](0001-why.md) | 2026-11-23 | accepted |",
            0,
            id="the same",
        ),
        pytest.param("# 1. Why\n\nAccepted, 2026-11-23.\n", "", 1, id="a decision without a row"),
        pytest.param("# 1. Why\n", "| 1 | [Why](0001-why.md) | 2026-11-23 | accepted |", 1, id="a page without a date"),
        pytest.param(
            "# 1. Why\n\nReplaced by 2, 2026-11-24.\n",
            "| 1 | [Why](0001-why.md) | 2026-11-23 | accepted |",
            1,
            id="replaced",
        ),
    ],
)
def test_the_index_is_the_directory(top: Path, page: str, index: str, wrong: int) -> None:
    _with_decisions(top)
    (top / "docs" / "adr" / "0001-why.md").write_text(page)
    (top / "docs" / "adr" / "README.md").write_text(index + "\n")
    assert len([*problems(top)]) == wrong


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
