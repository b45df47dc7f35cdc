"""`sync`, `retry`, `rerun`, `rollback`, `suspend`, `resume`: an annotation, or `GitSync.spec.suspend`, and nothing else.

Each reads the object, decides by `releases` and writes at the version that was decided on. What it then means is the
controller's business.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from reconciler.core.conditions import stamp
from reconciler.core.errors import PreconditionError
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.plugins import terminal
from reconciler.plugins.connection import Duration, GoCommand
from reconciler.plugins.sagemaker.session import NO, Session, clock, connected
from reconciler.plugins.times import parse_duration

if TYPE_CHECKING:
    from reconciler.plugins.sagemaker.cluster import Cluster

_TAKEN_UP_WITHIN_S = 30.0
_POLL_S = 0.2
_NAMES = "NAME | KIND/NAME"


@click.command(
    cls=GoCommand,
    short_help="Look into Git, or at an object, now.",
    epilog="""\b
Without a name the namespace's only GitSync is meant.

\b
Examples:
  kubectl sagemaker sync                          the only GitSync, without waiting for the outcome
  kubectl sagemaker sync growth-models --wait     until the pass is over; fails when it failed
  kubectl sagemaker sync --all                    every GitSync of the namespace
  kubectl sagemaker sync trainingjob/churn        one object against SageMaker

\b
Exit codes: 0 done, 1 an error (with --wait: also a pass that failed), 2 wrong usage, 124 not over in time.""",
)
@click.argument("targets", metavar=f"[{_NAMES}]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every GitSync of the namespace.")
@click.option("--wait", is_flag=True, help="Until the pass that was asked for is over.")
@click.option("--timeout", type=Duration(), default="5m", show_default=True, help="With --wait: how long at most.")
@connected
def sync(targets: tuple[str, ...], every: bool, wait: bool, timeout: timedelta, **parameters: Any) -> None:
    """Ask for a pass now instead of at the next interval; nothing is forced."""
    if every and targets:
        raise click.UsageError("names and --all exclude each other")
    session = Session.open(parameters)

    from reconciler.plugins.sagemaker import health, waiting  # noqa: PLC0415 - help and completion do without
    from reconciler.plugins.sagemaker.cluster import annotated  # noqa: PLC0415
    from reconciler.plugins.sagemaker.goals import Goal  # noqa: PLC0415

    wanted = _syncs_or_objects(session.cluster, targets) or _syncs(session.cluster, every=every)
    paused = [one for one in wanted if health.suspended(one)]
    if paused:
        kind = "" if paused[0].kind == "GitSync" else f"{paused[0].kind.lower()}/"
        raise PreconditionError(f"{paused[0].key} is suspended; first: kubectl sagemaker resume {kind}{paused[0].name}")
    token = clock().isoformat(timespec="microseconds")
    for one in wanted:
        session.cluster.patch(one.key, lambda _: annotated({Annotation.REQUESTED_AT: token}))
        click.echo(f"{_called(one)}: asked to look now")
    if wait:
        raise click.exceptions.Exit(waiting.until(session, Goal(), [one.key for one in wanted], timeout))


def _syncs_or_objects(cluster: Cluster, words: Sequence[str]) -> list[Resource]:
    return [_sync_or_object(cluster, name) for name in cluster.targets(words)]


def _sync_or_object(cluster: Cluster, name: str) -> Resource:
    """A bare name means a GitSync before anything else."""
    if "/" not in name:
        try:
            return cluster.named(name, ["GitSync"])
        except PreconditionError:
            pass
    return cluster.named(name)


def _syncs(cluster: Cluster, *, every: bool) -> list[Resource]:
    from reconciler.plugins.sagemaker.kinds import SYNC, known  # noqa: PLC0415

    found = cluster.every(cluster.namespace, [known(SYNC)])
    if not found:
        raise PreconditionError(f"there is no GitSync in {cluster.where}; choose another namespace with -n")
    if len(found) > 1 and not every:
        names = ", ".join(one.name for one in found)
        raise PreconditionError(f"several GitSyncs are in {cluster.where}; name one of {names}, or say --all")
    return found


@click.command(
    cls=GoCommand,
    short_help="Release quarantined content or a refused request.",
    epilog="""\b
Content that SageMaker rolled back is in quarantine: it is not sent again by itself, whatever happens. A request that
SageMaker refused is not repeated before the spec changes. When the reason was outside the content (an alarm, a quota,
a missing right), this sends it once more.

\b
Examples:
  kubectl sagemaker retry churn-api                      what is in its way now
  kubectl sagemaker retry churn-api --hash 4uaq2y5ijzxk  one of several (see history -o wide)
  kubectl sagemaker retry trainingjob/churn              a create that was refused

A job that failed is run again, for money, by `kubectl sagemaker rerun`.

\b
Exit codes: 0 done, 1 an error or nothing to release, 2 wrong usage.""",
)
@click.argument("target", metavar=_NAMES, nargs=-1, required=True)
@click.option("--hash", "wanted", default="", metavar="HASH", help="Which content, when several are in quarantine.")
@connected
def retry(target: tuple[str, ...], wanted: str, **parameters: Any) -> None:
    """Have the controller try once more what it would not try again by itself."""
    session = Session.open(parameters)

    from reconciler.plugins.sagemaker import health, releases  # noqa: PLC0415
    from reconciler.plugins.sagemaker.cluster import annotated  # noqa: PLC0415

    resource = session.cluster.named(target)
    release = releases.retry(resource, wanted, _fresh())
    _acts_once(session.cluster, resource, Annotation.RETRY, "retry", release.token)

    def change(seen: Resource) -> dict[str, Any]:
        # Decided again on the newest look: what was to be released may be gone.
        now = releases.retry(seen, wanted, release.token)
        return annotated({Annotation.RETRY: now.token})

    session.cluster.patch(resource.key, change)
    click.echo(f"{_called(resource)}: {release.says}")
    if health.suspended(resource):
        kind = resource.kind.lower()
        terminal.note(f"it is suspended: nothing happens before kubectl sagemaker resume {kind}/{resource.name}")


def _acts_once(cluster: Cluster, resource: Resource, annotation: str, name: str, token: str) -> None:
    """A token that was acted on says nothing by being said again: it is taken off first, and that must have been seen."""
    from reconciler.plugins.sagemaker.cluster import annotated  # noqa: PLC0415

    def acted_on(seen: Resource) -> bool:
        return bool((seen.status.get("handled") or {}).get(name) == token)

    if not acted_on(resource):
        return
    cluster.patch(resource.key, lambda _: annotated({annotation: None}))
    deadline = time.monotonic() + _TAKEN_UP_WITHIN_S
    while (seen := cluster.find(resource.key)) is not None and acted_on(seen):
        if time.monotonic() > deadline:
            raise PreconditionError(
                f"no controller took up a change of {resource.key} within {_TAKEN_UP_WITHIN_S:.0f} s; is it running? "
                "Then say this again"
            )
        time.sleep(_POLL_S)


@click.command(
    cls=GoCommand,
    short_help="Run a job once more. Costs money.",
    epilog="""\b
A job runs once per content; this asks for another run of the same content, under a new name. The run before stays in
`kubectl sagemaker history`.

\b
Examples:
  kubectl sagemaker rerun churn                        asks first, on a terminal
  kubectl sagemaker rerun trainingjob/churn --yes      for scripts
  kubectl sagemaker rerun churn --yes --run-token q3   a token of your own: the same one never runs twice

\b
Exit codes: 0 asked for, 1 an error or not confirmed, 2 wrong usage.""",
)
@click.argument("target", metavar=_NAMES, nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed where no terminal is.")
@click.option(
    "--run-token", "token_of_run", default="", metavar="TOKEN", help="Name of the run's request; default: the time."
)
@connected
def rerun(target: tuple[str, ...], yes: bool, token_of_run: str, **parameters: Any) -> None:
    """Run a training, tuning, transform or processing job again with the content that it has."""
    session = Session.open(parameters)

    from reconciler.plugins.sagemaker import releases  # noqa: PLC0415
    from reconciler.plugins.sagemaker.cluster import annotated  # noqa: PLC0415

    resource = session.cluster.named(target)
    wanted = releases.rerun(resource, token_of_run or _fresh())
    terminal.note(f"This costs money: {_called(resource)} runs again on {wanted.costs}.")
    if wanted.beside:
        terminal.note(f"Its run {wanted.beside} is still going on and is not stopped.")
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("nobody can be asked here; to run it all the same, say --yes")
        if not click.confirm("Run it?", err=True):
            raise click.exceptions.Exit(NO)

    def change(seen: Resource) -> dict[str, Any]:
        return annotated({Annotation.RUN: releases.rerun(seen, wanted.token).token})

    session.cluster.patch(resource.key, change)
    click.echo(f"{_called(resource)}: asked for another run, token {wanted.token}")


class Until(click.ParamType[datetime]):
    """A duration from now, or a moment."""

    name = "until"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        now = clock()
        try:
            found = now + parse_duration(str(value))
        except (ValueError, OverflowError):
            try:
                found = datetime.fromisoformat(str(value)).astimezone(UTC)
            except (ValueError, OverflowError):
                self.fail(
                    f"{value!r} is neither a duration (30m, 2h, 1d) nor a time (2026-01-31T12:00:00Z)", param, ctx
                )
        if found <= now:
            self.fail(f"{value!r} is not in the future", param, ctx)
        return found


@click.command(
    cls=GoCommand,
    short_help="Hold an earlier rollout against Git, for a while.",
    epilog="""\b
The endpoint goes back to a rollout that succeeded before, with one call, and stays there. Git is not changed, and the
sync does not undo it. The hold ends by itself when Git's content changes, or at --until; then Git counts again. So
revert the commit meanwhile: that is the rollback that lasts.

\b
Examples:
  kubectl sagemaker rollback churn-api                 to the newest success that is not what serves
  kubectl sagemaker rollback churn-api --to 3          to #3 of kubectl sagemaker history churn-api
  kubectl sagemaker rollback churn-api --until 2h      for two hours at most
  kubectl sagemaker rollback churn-api --guarded       with the steps and waits of spec.deploymentConfig
  kubectl sagemaker rollback churn-api --end           Git counts again, now

All traffic moves at once, for this content served before. No alarm watches it, with --guarded neither: the alarm that
rings for what serves now would stop the rollback.

SageMaker cannot cancel an update: while one is under way, the rollback begins when it is over, and without --to it
leads to what served before.

\b
Exit codes: 0 asked for, 1 an error or refused, 2 wrong usage.""",
)
@click.argument("target", metavar=_NAMES, nargs=-1, required=True)
@click.option("--to", "wanted", default="", metavar="ID", help="Which rollout, by its id in history.")
@click.option(
    "--until", type=Until(), metavar="WHEN", help="When the hold ends at the latest: 2h, or 2026-01-31T12:00:00Z."
)
@click.option("--guarded", is_flag=True, help="With the steps and waits of spec.deploymentConfig, not all at once.")
@click.option("--end", is_flag=True, help="End the hold.")
@connected
def rollback(
    target: tuple[str, ...], wanted: str, until: datetime | None, guarded: bool, end: bool, **parameters: Any
) -> None:
    """Put an endpoint back to an earlier rollout without touching Git."""
    if end and (wanted or until or guarded):
        raise click.UsageError("--end goes alone")
    session = Session.open(parameters)

    from reconciler.plugins.sagemaker import health, releases  # noqa: PLC0415
    from reconciler.plugins.sagemaker.cluster import annotated  # noqa: PLC0415
    from reconciler.plugins.sagemaker.kinds import HOSTING  # noqa: PLC0415

    bare = len(target) == 1 and "/" not in target[0]
    resource = session.cluster.named(target, [HOSTING] if bare else None)
    if end:
        if not resource.annotations.get(health.ROLLBACK_TO):
            raise PreconditionError(f"{resource.key} is not held; what serves is what Git asks for, or see its status")
        session.cluster.patch(
            resource.key,
            lambda _: annotated(
                {health.ROLLBACK_TO: None, health.ROLLBACK_UNTIL: None, Annotation.ROLLBACK_STRATEGY: None}
            ),
        )
        held = health.held(resource)
        outcome = f"the hold of #{held} is ended" if held else "its hold is over already; the annotation is removed"
        click.echo(f"{_called(resource)}: {outcome}")
        return
    chosen = releases.rollback(resource, wanted)
    limit = stamp(until) if until else None

    def change(seen: Resource) -> dict[str, Any]:
        now = releases.rollback(seen, chosen.id)
        strategy = None if guarded else "AllAtOnce"
        return annotated(
            {health.ROLLBACK_TO: now.id, health.ROLLBACK_UNTIL: limit, Annotation.ROLLBACK_STRATEGY: strategy}
        )

    session.cluster.patch(resource.key, change)
    click.echo(f"{_called(resource)}: back {chosen.says}")
    terminal.note(_how(chosen.takes, guarded=guarded))
    terminal.note(f"Held {f'until {limit} or ' if limit else ''}until Git's content changes; git revert makes it last.")
    if chosen.changing:
        terminal.note("An update is under way, and SageMaker cannot cancel it: the rollback begins when it is over.")
    terminal.note(f"Follow it: kubectl sagemaker status {resource.name} --watch")


def _how(takes: str, *, guarded: bool) -> str:
    """How the traffic moves and how long that takes, and what does not watch it."""
    how = "Traffic moves in the steps of spec.deploymentConfig" if guarded else "All traffic moves at once"
    long = takes or "it takes some minutes, for new instances have to start"
    return f"{how}; {long}. No alarms watch it."


@click.command(
    cls=GoCommand,
    short_help="Let a GitSync delete what left Git.",
    epilog="""\b
A commit that takes more than spec.prune.maxDeletePercent of a GitSync's objects away is applied, but deletes nothing:
PruneNeedsApproval. This names the objects and allows it, for that one commit. Deleting an object deletes what it has in
SageMaker. Without a name the namespace's only GitSync is meant.

\b
Examples:
  kubectl sagemaker approve growth-models --dry-run             what would be deleted
  kubectl sagemaker approve growth-models                       allow it
  kubectl sagemaker approve growth-models --revision 1a2b3c4    only if that is still the commit it is about

\b
Exit codes: 0 done, 1 an error or nothing to approve, 2 wrong usage.""",
)
@click.argument("target", metavar="[SYNC]", nargs=-1)
@click.option("--revision", default="", metavar="SHA", help="The commit that was looked at; another one is refused.")
@click.option("--dry-run", is_flag=True, help="Only name the objects.")
@connected
def approve(target: tuple[str, ...], revision: str, dry_run: bool, **parameters: Any) -> None:
    """Approve the pruning that a GitSync waits with."""
    session = Session.open(parameters)

    from reconciler.plugins.sagemaker import releases  # noqa: PLC0415
    from reconciler.plugins.sagemaker.cluster import annotated  # noqa: PLC0415
    from reconciler.plugins.sagemaker.kinds import SYNC  # noqa: PLC0415

    sync = session.cluster.named(target, [SYNC]) if target else _syncs(session.cluster, every=False)[0]
    found = releases.approval(sync, revision)
    more = found.total - len(found.objects)
    terminal.note("\n".join((*found.objects, *([f"... and {more} more"] if more > 0 else []))))
    if dry_run:
        click.echo(f"{_called(sync)}: {found.total} objects would be deleted for {found.revision[:7]}")
        return

    def change(seen: Resource) -> dict[str, Any]:
        # Decided again on the newest look: another commit may have come.
        return annotated({Annotation.APPROVE_PRUNE: releases.approval(seen, found.revision).revision})

    session.cluster.patch(sync.key, change)
    click.echo(f"{_called(sync)}: {found.total} objects may be deleted for {found.revision[:7]}")


@click.command(
    cls=GoCommand,
    short_help="Do nothing more for a GitSync or an object.",
    epilog="""\b
A suspended GitSync looks into Git no more; a suspended object is neither looked at nor changed in SageMaker. What runs
goes on running, and deletions are carried out.

\b
Examples:
  kubectl sagemaker suspend growth-models               a GitSync, or whatever has that name
  kubectl sagemaker suspend hostingdeployment/churn-api trainingjob/churn

\b
Exit codes: 0 done (also when it was suspended already), 1 an error, 2 wrong usage.""",
)
@click.argument("targets", metavar=f"{_NAMES}...", nargs=-1, required=True)
@connected
def suspend(targets: tuple[str, ...], **parameters: Any) -> None:
    """Suspend until `resume`."""
    _suspend(targets, parameters, suspended=True)


@click.command(
    cls=GoCommand,
    short_help="Go on with what was suspended.",
    epilog="""\b
Examples:
  kubectl sagemaker resume growth-models
  kubectl sagemaker resume hostingdeployment/churn-api

\b
Exit codes: 0 done (also when it was not suspended), 1 an error, 2 wrong usage.""",
)
@click.argument("targets", metavar=f"{_NAMES}...", nargs=-1, required=True)
@connected
def resume(targets: tuple[str, ...], **parameters: Any) -> None:
    """Take up again what `suspend` stopped."""
    _suspend(targets, parameters, suspended=False)


def _suspend(targets: tuple[str, ...], parameters: dict[str, Any], *, suspended: bool) -> None:
    session = Session.open(parameters)

    from reconciler.plugins.sagemaker import health  # noqa: PLC0415
    from reconciler.plugins.sagemaker.cluster import annotated  # noqa: PLC0415
    from reconciler.plugins.sagemaker.kinds import SYNC  # noqa: PLC0415

    def change(seen: Resource) -> dict[str, Any] | None:
        if health.suspended(seen) == suspended:
            return None
        if seen.kind == SYNC:
            return {"spec": {"suspend": suspended}}
        return annotated({Annotation.SUSPEND: "true" if suspended else None})

    for one in _syncs_or_objects(session.cluster, targets):
        was = health.suspended(one)
        session.cluster.patch(one.key, change)
        word = "suspended" if suspended else "resumed"
        click.echo(f"{_called(one)}: {word if was != suspended else f'nothing to do, it {_is(suspended=suspended)}'}")


def _is(*, suspended: bool) -> str:
    return "is suspended already" if suspended else "is not suspended"


def _fresh() -> str:
    """A token never used before."""
    return clock().strftime("%Y%m%dT%H%M%S.%fZ")


def _called(resource: Resource) -> str:
    key: Key = resource.key
    return f"{key.kind} {key.name}"
