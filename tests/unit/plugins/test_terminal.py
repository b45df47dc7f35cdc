"""Exit codes, each with what is said."""

import subprocess
import sys

import pytest

ENDINGS = """
import click, sys
from reconciler.core.errors import PreconditionError
from reconciler.plugins import terminal

@click.command()
@click.argument("how")
def command(how):
    if how == "interrupted":
        raise KeyboardInterrupt
    if how == "known":
        raise PreconditionError("do this instead")
    click.echo("done")

sys.exit(terminal.run(command, "kubectl x"))
"""


@pytest.mark.parametrize(
    ("arguments", "output", "code", "err"),
    [
        pytest.param(["well"], None, 0, "", id="done"),
        pytest.param(["known"], None, 1, "error: do this instead\n", id="an error"),
        pytest.param(["well"], "/dev/full", 1, "error: [Errno 28] No space left on device\n", id="a full disk"),
        pytest.param([], None, 2, "Missing argument", id="wrong usage"),
        pytest.param(["interrupted"], None, 130, "", id="Ctrl-C"),
        pytest.param(["--help"], None, 0, "", id="help"),
    ],
)
def test_how_a_plugin_ends(arguments: list[str], output: str | None, code: int, err: str) -> None:
    with open(output or "/dev/null", "w") as out:  # noqa: PTH123 - a device
        ended = subprocess.run(
            [sys.executable, "-c", ENDINGS, *arguments], stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == code
    assert err in ended.stderr if err else not ended.stderr
