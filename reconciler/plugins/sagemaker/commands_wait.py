"""`wait`: for scripts and CI jobs that follow a push."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from reconciler.core.resource import Key
from reconciler.plugins.connection import Duration, GoCommand
from reconciler.plugins.sagemaker.session import Session, connected


@click.command(
    cls=GoCommand,
    short_help="Until objects are Ready, Healthy, or at a revision.",
    epilog="""\b
Ready        the newest generation is done: a job completed, an endpoint serves what is asked for, a sync is applied
Healthy      the endpoint serves, whatever it serves
revision=SHA the content of this commit, or of a later one, is there and Ready; what Git is yet to bring is waited for

What is stalled ends the wait at once, for nothing will change by itself. A status from before the newest spec, or from
before a retry, rerun or sync that was asked for, counts as not there yet.

\b
Examples:
  kubectl sagemaker wait churn-api --timeout 30m
  kubectl sagemaker wait growth-models churn-api --for revision=$(git rev-parse HEAD)
  kubectl sagemaker wait hostingdeployment/churn-api --for Healthy
  kubectl sagemaker wait gitsync growth-models

\b
Exit codes: 0 all got there, 1 one is stalled, suspended or gone, or an error, 2 wrong usage, 124 time ran out,
130 Ctrl-C.""",
)
@click.argument("targets", metavar="NAME | KIND/NAME...", nargs=-1, required=True)
@click.option(
    "--for", "wanted", default="Ready", show_default=True, metavar="GOAL", help="Ready, Healthy, revision=SHA."
)
@click.option("--timeout", type=Duration(), default="10m", show_default=True, help="How long at most.")
@connected
def wait(targets: tuple[str, ...], wanted: str, timeout: timedelta, **parameters: Any) -> None:
    """Wait, by watching, until every named object got there."""
    from reconciler.plugins.sagemaker import waiting  # noqa: PLC0415 - help and completion do without
    from reconciler.plugins.sagemaker.cluster import split_target  # noqa: PLC0415
    from reconciler.plugins.sagemaker.goals import Goal  # noqa: PLC0415

    try:
        goal = Goal.parse(wanted)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--for") from None
    session = Session.open(parameters)
    where = session.cluster.namespace
    split = [split_target(one) for one in session.cluster.targets(targets)]
    # One request first: an unreachable cluster is an error now, not at the end of the time.
    session.cluster.every(where, [kind for kind, _ in split if kind] or None)
    keys = [Key(kind.kind if kind else "", where, name) for kind, name in split]
    raise click.exceptions.Exit(waiting.until(session, goal, keys, timeout))
