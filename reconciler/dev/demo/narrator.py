"""How the audience sees what happens: titles, sentences, commands with what they printed, and what was seen.

What stands after a `$` was run and printed what follows; after `>>>` it is Python that was called.
"""

from __future__ import annotations

import re
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


def command(line: str, output: str = "", *, prompt: str = "$", whole: bool = False) -> None:
    """A command and what it printed; `whole` wraps lines that are too wide and cuts none."""
    rows = _wrapped(line, "  ", len(prompt) + 3)
    click.secho(f"  {prompt} {rows[0]}", fg="green")
    for row in rows[1:]:
        click.secho(f"  {' ' * len(prompt)} {row}", fg="green")
    printed(output, whole=whole)


def printed(output: str, *, whole: bool = False) -> None:
    width = _page() - 4
    for row in output.rstrip().splitlines():
        if len(row) <= width:
            click.echo(f"    {row}".rstrip())
        elif whole:
            for part in _wrapped(row, " " * (len(row) - len(row.lstrip()) + 2), 4):
                click.echo(f"    {part}")
        else:
            click.echo(f"    {row[: width - len(_CUT)]}{_CUT}")


def called(client: str, operation: str, parameters: Mapping[str, Any]) -> None:
    """A call of boto3, as it was made."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
    command(f'boto3.client("{client}").{operation}({arguments})', prompt=">>>")


def seen(what: str) -> None:
    click.secho(f"  seen: {what}", fg="yellow")


def _page() -> int:
    return min(_WIDTH_MAX, max(80, shutil.get_terminal_size((_WIDTH_MAX, 24)).columns))


def _wrapped(line: str, indent: str, margin: int) -> list[str]:
    """Broken after commas and blanks, where shells and JSON can be."""
    rows = [""]
    for piece in re.findall(r"[^,\s]*[,\s]*", line):
        if rows[-1].strip() and len(rows[-1]) + len(piece.rstrip()) > _page() - margin:
            rows.append(indent)
        rows[-1] += piece
    return [row.rstrip() for row in rows]
