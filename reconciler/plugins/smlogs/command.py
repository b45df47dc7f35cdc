"""`kubectl smlogs`: arguments, and the parts put together. Everything heavy is imported once it is needed."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import click

from reconciler import __version__
from reconciler.plugins import terminal
from reconciler.plugins.connection import ConnectionFlags, Duration, GoCommand, connection_options
from reconciler.plugins.smlogs.kinds import KINDS, LogKind, Subject, header, kind_named, query, subject
from reconciler.plugins.smlogs.lines import Printer, json_line, text_line
from reconciler.plugins.times import milliseconds, parse_since

_PATIENT_ATTEMPTS = 8
"""Of one page, when not following: about fifteen seconds of throttling."""


class Since(click.ParamType[datetime]):
    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return parse_since(str(value), datetime.fromtimestamp(time.time(), UTC))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(
    cls=GoCommand,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    no_args_is_help=True,
    epilog="""\b
KIND is one of:
  TrainingJob              streams <job>/algo-<n>-<time>
  BatchTransformJob        streams <job>/<instance>-<time>
  ProcessingJob            streams <job>/<host>-<time>
  HyperparameterTuningJob  all its training jobs, new ones as they start; -p 003 shows the third
  HostingDeployment        the endpoint's variants; -p main shows the variant main
Capitals do not matter, plurals and KIND NAME do as well; a name that is taken once needs no KIND.

\b
Examples:
  kubectl smlogs xgboost-mnist                                   everything it has logged
  kubectl smlogs TrainingJob xgboost-mnist -f                    and on, until the job is over
  kubectl smlogs trainingjob xgboost-mnist -p algo-2             the second instance alone
  kubectl smlogs HyperparameterTuningJob/search -f --tail 20     the last 20 lines, then what comes
  kubectl smlogs hostingdeployment churn -n prod --since 10m     an endpoint's last ten minutes
  kubectl smlogs processingjob clean -o json | jq -r .message    for programs

Which job it is comes from the cluster, with the rights of your kubeconfig; the log comes from CloudWatch Logs with your
own AWS credentials, which need logs:FilterLogEvents. Notes go to stderr, so stdout holds log lines alone.

Exit codes: 0 done, 1 an error, 2 wrong usage, 130 Ctrl-C.""",
)
@click.argument("target", metavar="NAME | KIND/NAME", nargs=-1)
@click.option("-f", "--follow", is_flag=True, help="Go on until the job is over (an endpoint: until it is deleted).")
@click.option(
    "-p",
    "--logSearchPrefix",
    "--log-search-prefix",
    "search",
    default="",
    metavar="PREFIX",
    help="Only streams of instances whose names begin so, as algo-2.",
)
@click.option("--hide-log-stream-name", is_flag=True, help="Begin lines with the time, not with the stream's name.")
@click.option(
    "--since", type=Since(), metavar="WHEN", help="Only what is newer: 10m, 2h, 1h30m, 2d, or 2026-01-31T12:00:00Z."
)
@click.option("--tail", type=click.IntRange(min=-1), default=-1, metavar="N", help="Only the last N lines; -1 is all.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="json: an object a line.")
@click.option(
    "--poll-interval",
    type=Duration(),
    default="2s",
    show_default=True,
    help="Between two looks while following; longer when many people share the account's quota of FilterLogEvents.",
)
@connection_options
@click.version_option(__version__, prog_name="kubectl smlogs")
def smlogs(
    *,
    target: tuple[str, ...],
    follow: bool,
    search: str,
    hide_log_stream_name: bool,
    since: datetime | None,
    tail: int,
    output: str,
    poll_interval: timedelta,
    **connection: Any,
) -> None:
    """Show the CloudWatch logs of a SageMaker job or endpoint by the name of its Kubernetes resource."""
    words = _words(target)
    if poll_interval <= timedelta():
        raise click.BadParameter("must be longer than nothing", param_hint="--poll-interval")
    flags = ConnectionFlags.taken_from(connection)

    from reconciler.core.errors import PreconditionError  # noqa: PLC0415 - wrong usage is said before anything is loaded
    from reconciler.plugins.smlogs import cloudwatch  # noqa: PLC0415
    from reconciler.plugins.smlogs.follow import Following, LogReading  # noqa: PLC0415
    from reconciler.plugins.smlogs.resources import Resources  # noqa: PLC0415

    kind, name = words if isinstance(words, tuple) else (_kind_of(words, flags), words)
    resources = Resources(kind, flags)
    line = (json_line if output == "json" else text_line)(hide_stream=hide_log_stream_name)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a terminal of few characters is no error
    printer = Printer(sys.stdout, line)
    patience = cloudwatch.Patience(None if follow else _PATIENT_ATTEMPTS, time.sleep, terminal.note)

    def begin(seen: Subject) -> LogReading:
        terminal.note(header(kind, name, seen))
        if not seen.region:
            raise PreconditionError(f'{kind.kind} "{name}" names no region, neither in status nor in spec')
        log = cloudwatch.LogReader(cloudwatch.connect(seen.region), patience)
        start_ms = milliseconds(since) if since else 0
        kept = None if tail < 0 else tail
        return LogReading(log, query(kind, seen.name, search), printer, terminal.note, start_ms, kept)

    def look(job: str) -> Subject | None:
        found = resources.find(name)
        return subject(kind, found, job) if found else None

    first = subject(kind, resources.get(name))
    if follow:
        Following(look, begin, terminal.note, time.sleep, poll_interval.total_seconds()).run()
        return
    if not first.name:
        raise PreconditionError(
            f'{kind.kind} "{name}" has no SageMaker job yet (status "{first.status}"{_because(first)}); '
            f"wait for it with -f, or see: kubectl describe {kind.plural} {name} --namespace {resources.namespace}"
        )
    begin(first).once()


def _because(seen: Subject) -> str:
    return f", {seen.hopeless}" if seen.hopeless else ""


def _kind_of(name: str, flags: ConnectionFlags) -> LogKind:
    """The one kind with logs that has an object of this name."""
    from reconciler.core.errors import DeniedError, PreconditionError  # noqa: PLC0415
    from reconciler.plugins.smlogs.resources import Resources  # noqa: PLC0415

    found: list[LogKind] = []
    problems: list[Exception] = []
    where = ""
    for kind in KINDS:
        resources = Resources(kind, flags)
        where = resources.namespace
        try:
            found += [kind] if resources.find(name) is not None else []
        except (DeniedError, PreconditionError) as error:
            problems.append(error)
    if len(problems) == len(KINDS):
        raise problems[0]
    if not found:
        kinds = ", ".join(one.kind for one in KINDS)
        raise PreconditionError(f'nothing with logs is called "{name}" in namespace {where}; there are {kinds}')
    if len(found) > 1:
        several = ", ".join(f"{one.kind.lower()}/{name}" for one in found)
        raise PreconditionError(f'"{name}" names several objects; say which: {several}')
    return found[0]


def _words(target: tuple[str, ...]) -> tuple[LogKind, str] | str:
    """KIND NAME or KIND/NAME; a name alone, whose kind the cluster knows."""
    if len(target) == 1 and "/" not in target[0] and kind_named(target[0]) is None:
        return target[0]
    return _wanted(target)


def _wanted(target: tuple[str, ...]) -> tuple[LogKind, str]:
    """KIND NAME or KIND/NAME."""
    words = target[0].split("/", 1) if len(target) == 1 else list(target)
    kind = kind_named(words[0]) if words else None
    if words and kind is None:
        known = ", ".join(one.kind for one in KINDS)
        raise click.UsageError(f"{words[0]!r} is no kind with logs; there are {known}")
    if kind is None or len(words) != 2 or not words[1]:
        got = ", ".join(words[1:]) or "none"
        listed = f"; see: kubectl get {kind.plural}" if kind else ""
        raise click.UsageError(f"exactly one resource name is needed after KIND (got {got}){listed}")
    return kind, words[1]


def main() -> NoReturn:
    sys.exit(terminal.run(smlogs, "kubectl smlogs"))
