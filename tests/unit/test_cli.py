"""The root command: its table, and that it loads nothing it does not need."""

import os
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.holds("D-21.2")
@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        pytest.param(
            "--poll-fast",
            "0",
            "not a number of seconds from 0.1 to 86400",
            id="a look without a pause would never rest",
        ),
        pytest.param("--poll-slow", "-1", "not a number of seconds", id="nor one before the last"),
        pytest.param("--poll-tags", "nan", "'nan' is not a number of seconds", id="nor one that is no number at all"),
        pytest.param("--port", "65536", "not a whole number from 0 to 65535", id="a port that no machine has"),
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


@pytest.mark.holds("D-21.2")
@pytest.mark.parametrize(
    ("flags", "env", "text", "said"),
    [
        pytest.param(["--workers=99"], {"RECONCILER_WORKERS": "98"}, "workers: 97", "'--workers': '99' is", id="a flag first"),
        pytest.param([], {"RECONCILER_WORKERS": "98"}, "workers: 97", "RECONCILER_WORKERS: '98' is", id="then its variable"),
        pytest.param([], {}, "workers: 97", "{file}:2: workers: '97' is", id="then the file"),
        pytest.param([], {}, "workers: abc", "{file}:2: workers: 'abc' is not a whole number", id="a word for a number"),
        pytest.param([], {}, "poll-fast: .nan", "{file}:2: .nan is not a finite number", id="no number at all"),
        pytest.param([], {}, "Poll_fsat: 1", "{file}:2: Poll_fsat is no flag", id="an unknown key"),
        pytest.param([], {}, "poll_fsat: 1", "did you mean poll-fast?", id="with the flag that may be meant"),
        pytest.param([], {}, "config: x.yaml", "config is no flag", id="a file that names another"),
        pytest.param([], {}, "workers: [1, 2]", "{file}:2: workers has one value, not a list", id="two for one"),
        pytest.param([], {}, "external-id: {a: b}", "{file}:2: external-id is a text", id="a mapping"),
        pytest.param([], {}, "port: [", "{file}:", id="a file that is not YAML"),
        pytest.param(["--config=/nonexistent.yaml"], {}, "", "/nonexistent.yaml: No such file", id="no file"),
        pytest.param([], {}, "kubeconfig: /nonexistent", "configuration in /nonexistent: ", id="a value of the file that counts"),
        pytest.param(["--kubeconfig=/none"], {}, "workers: 2", "configuration in /none: ", id="a cluster's file that is not there"),
        pytest.param([], {"RECONCILER_POLL_SLOW": "nan"}, "", "RECONCILER_POLL_SLOW: 'nan' is", id="a variable, NaN"),
        pytest.param([], {"KUBECONFIG": "/none"}, "kubeconfig: /file", "configuration in /none: ", id="a variable by another name"),
    ],
)  # fmt: skip
def test_settings_of_run_by_flag_variable_and_file(
    tmp_path: Path, flags: list[str], env: dict[str, str], text: str, said: str
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"cluster-name: prod\n{text}\n")
    unset = {name: None for name in os.environ if name.startswith(("RECONCILER_", "KUBE"))}
    arguments = [f"--config={file}", f"--cache-dir={tmp_path / 'git'}", *flags]

    done = CliRunner().invoke(run, arguments, env={**unset, **env})

    assert done.exit_code in (1, 2)
    assert said.format(file=file) in done.stderr.splitlines()[-1]


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
