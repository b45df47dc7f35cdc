"""What every subcommand has: its connection, its output, its clock; and how options and errors are shared.

Loads the kubernetes package only when a command has begun, so that `--help` and completion answer at once.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
import yaml

from reconciler.core.errors import ReconcileError
from reconciler.plugins.connection import ConnectionFlags, connection_options
from reconciler.plugins.sagemaker.paint import Paint

if TYPE_CHECKING:
    from reconciler.plugins.sagemaker.cluster import Cluster

F = TypeVar("F", bound=Callable[..., Any])

NO = 1
CANNOT_TELL = 2
NOT_KNOWN = 3
TIMED_OUT = 124

_SHOWN = {"kubeconfig", "context", "namespace"}


@dataclass(frozen=True)
class Session:
    cluster: Cluster
    paint: Paint
    output: str
    now: datetime

    @classmethod
    def open(cls, parameters: dict[str, Any]) -> Session:
        """Take the shared parameters out of a command's; the rest stays."""
        from reconciler.plugins.sagemaker.cluster import Cluster  # noqa: PLC0415 - see the module's docstring

        every = bool(parameters.pop("all_namespaces", False))
        output = str(parameters.pop("output", "table"))
        cluster = Cluster(ConnectionFlags.taken_from(parameters), all_namespaces=every)
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a terminal of few characters is no error
        return cls(cluster, Paint.of(sys.stdout), output, clock())

    @property
    def for_people(self) -> bool:
        return self.output in ("table", "wide")

    @property
    def wide(self) -> bool:
        return self.output == "wide"

    def show(self, lines: Iterable[str]) -> None:
        for line in lines:
            click.echo(line, color=self.paint.colour or None)

    def show_document(self, document: Any) -> None:
        if self.output == "json":
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)


def clock() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def connected(command: F) -> F:
    """Kubectl's connection flags. The help names the three that people use; the docs name them all."""
    decorated = connection_options(command)
    for option in getattr(decorated, "__click_params__", ()):
        if isinstance(option, click.Option) and option.name in ConnectionFlags.__dataclass_fields__:
            option.hidden = option.name not in _SHOWN
    return decorated


def output_option(*more: str) -> Callable[[F], F]:
    choice = click.Choice(["table", "wide", "json", "yaml", *more])
    return click.option("-o", "--output", type=choice, default="table", show_default=True, help="Form of the answer.")


all_namespaces_option = click.option("-A", "--all-namespaces", is_flag=True, help="Look into all namespaces.")

repo_option = click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="A local clone of the repository, for what only Git holds: contents and notes.",
)


def question(command: F) -> F:
    """A command whose code 1 means "no": an error ends with 2, so that CI can tell the two apart."""

    @functools.wraps(command)
    def asking(*arguments: Any, **parameters: Any) -> Any:
        try:
            return command(*arguments, **parameters)
        except ReconcileError as error:
            click.echo(f"error: {error}", err=True)
            raise click.exceptions.Exit(CANNOT_TELL) from None

    return asking  # type: ignore[return-value]
