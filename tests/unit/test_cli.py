"""The root command: its table, and that it loads nothing it does not need."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from reconciler import __version__
from reconciler.cli import COMMANDS, LazyGroup, main
from reconciler.cli_run import run


def test_help_lists_every_command_and_imports_none() -> None:
    script = (
        "import sys\nfrom reconciler.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m.startswith(('reconciler.', 'boto', 'kubernetes', 'moto', 'git'))))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert all(f"\n  {name} " in told for name in COMMANDS)
    assert told.splitlines()[-1] == "['reconciler.cli']"


def test_version() -> None:
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


@pytest.mark.parametrize("arguments", [["nope"], ["--nope"]])
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        pytest.param("--poll-fast", "0", "not in the range", id="a look without a pause would never rest"),
        pytest.param("--poll-slow", "-1", "not in the range", id="nor one before the last"),
        pytest.param("--port", "65536", "not in the range", id="a port that no machine has"),
        pytest.param("--cache-dir", "/dev/null/git", "Not a directory", id="a cache that cannot be made"),
        pytest.param("--cluster-name", "Prod", "1 to 32 of a-z", id="a cluster name that fits no tag"),
        pytest.param("--sagemaker-endpoints", "x", "is not ALLOWED=EFFECTIVE", id="an endpoint without its twin"),
    ],
)
def test_a_value_that_run_cannot_use_is_refused_before_anything_starts(flag: str, value: str, said: str) -> None:
    result = CliRunner().invoke(run, ["--cluster-name=prod", f"{flag}={value}"])
    assert result.exit_code == 2
    assert f"Invalid value for '{flag}'" in result.output
    assert said in result.output


@pytest.mark.parametrize(
    ("where", "said"),
    [
        pytest.param("reconciler.cli_nowhere:run", "is not part of this installation", id="a command we do not ship"),
        pytest.param("reconciler.nowhere.cli:run", "is not part of this installation", id="a package we do not ship"),
    ],
)
def test_a_missing_command_is_said_plainly(where: str, said: str) -> None:
    group = LazyGroup("x", commands_at={"thing": (where, "help")})
    result = CliRunner().invoke(group, ["thing"])
    assert result.exit_code == 1
    assert said in result.output


def test_every_command_of_the_table_that_exists_is_a_command() -> None:
    context = click.Context(main)
    for name in ("crds", "dev"):
        assert isinstance(main.get_command(context, name), click.Command)
