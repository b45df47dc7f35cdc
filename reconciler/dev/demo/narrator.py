"""How the audience is told of what happens: titles, sentences, commands with what they printed, and what was seen.

What stands after a `$` was run and printed what follows; after `>>>` it is Python that was called. Lines that are wider than
the page are cut, with a sign.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from typing import Any

import click

_WIDTH_MAX = 140
_CUT = "..."


def title(text: str) -> None:
    click.echo()
    click.secho(text, bold=True, fg="cyan")


def tell(text: str) -> None:
    click.echo()
    for line in textwrap.wrap(text, min(_page(), 100) - 2):
        click.echo(f"  {line}")


def command(line: str, output: str = "", *, prompt: str = "$") -> None:
    click.secho(f"  {prompt} {line}", fg="green")
    printed(output)


def printed(output: str) -> None:
    width = _page() - 4
    for row in output.rstrip().splitlines():
        click.echo(f"    {row if len(row) <= width else row[: width - len(_CUT)] + _CUT}")


def called(client: str, operation: str, parameters: Mapping[str, Any]) -> None:
    """A call of boto3, as it was made."""
    told = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
    command(f'boto3.client("{client}").{operation}({told})', prompt=">>>")


def seen(what: str) -> None:
    click.secho(f"  seen: {what}", fg="yellow")


def _page() -> int:
    return min(_WIDTH_MAX, max(80, shutil.get_terminal_size((_WIDTH_MAX, 24)).columns))
