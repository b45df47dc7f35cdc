"""`status`, `history`, `diff`, `drift`, `trace`: what is, and how it came to be. Nothing is changed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from reconciler.core.errors import DeniedError, PreconditionError
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.sync.spec import owner_id
from reconciler.plugins import terminal
from reconciler.plugins.connection import GoCommand
from reconciler.plugins.sagemaker.paint import plain
from reconciler.plugins.sagemaker.session import (
    NO,
    NOT_KNOWN,
    Session,
    all_namespaces_option,
    connected,
    output_option,
    question,
    repo_option,
)

_SYNC_OR_NAME = "[SYNC | NAME | KIND/NAME]"


@click.command(
    cls=GoCommand,
    short_help="How everything is: sync, objects, SageMaker.",
    epilog="""\b
Marks: ok, at work, failed, suspended, not seen yet. Messages stand below what has trouble; -o wide shows them all.

\b
Examples:
  kubectl sagemaker status                       everything in the namespace
  kubectl sagemaker status growth-models         one GitSync and what it holds
  kubectl sagemaker status churn-api --watch     one endpoint's rollout, live
  kubectl sagemaker status --failed              only what has trouble, and why
  kubectl sagemaker status -A -o json | jq -r '.syncs[].objects[] | select(.ready | not) | .name'

\b
Exit codes: 0 everything is Ready at its newest generation, 1 something is not (a job that still runs included),
2 wrong usage or the cluster cannot be asked.""",
)
@click.argument("target", metavar=_SYNC_OR_NAME, nargs=-1)
@click.option(
    "--failed", "only_failed", is_flag=True, help="Only what has trouble: failed, waiting for a person, not looked at."
)
@click.option("-w", "--watch", is_flag=True, help="Redraw with every change, until Ctrl-C; lines where no terminal is.")
@all_namespaces_option
@output_option()
@connected
@question
def status(target: tuple[str, ...], only_failed: bool, watch: bool, **parameters: Any) -> None:
    """Show each GitSync, the objects it holds, and what they are in SageMaker."""
    session = Session.open(parameters)

    from reconciler.plugins.sagemaker import rollout, tree  # noqa: PLC0415 - help and completion do without
    from reconciler.plugins.sagemaker.kinds import HOSTING, SYNC, TUNING  # noqa: PLC0415

    only = _chosen(session, target, prefer=SYNC)
    found = _everything(session, only)

    def chosen(forest: tree.Forest) -> tree.Forest:
        return tree.failed(forest) if only_failed else forest

    def render(resources: Iterable[Resource], now: datetime) -> list[str]:
        every = list(resources)
        names = {one.namespace for one in every}
        tuning = only is not None and only.kind == TUNING
        how = tree.TreeStyle(
            session.paint,
            now,
            wide=session.wide,
            namespaced=len(names) > 1,
            failures_first=watch,
            unfolded=tuning,
        )
        fresh = next((one for one in every if only is not None and one.key == only.key), None)
        if only is not None and fresh is None:
            return [f"{only.key} was deleted"]
        shown = tree.text(chosen(tree.forest(every, fresh)), how)
        if fresh is not None and fresh.kind == HOSTING:
            shown += rollout.lines(fresh, how)
        if not shown and only_failed and every:
            return [f"Nothing has trouble in {session.cluster.where}"]
        return shown or [
            f"No GitSync and no SageMaker resource is in {session.cluster.where}; begin with: kubectl apply -f gitsync.yaml"
        ]

    if watch:
        _watch(session, found, only, render)
    forest = tree.forest(found, only)
    if session.for_people:
        session.show(render(found, session.now))
    else:
        session.show_document(tree.document(chosen(forest)))
    if not forest.healthy:
        raise click.exceptions.Exit(NO)


def _watch(session: Session, found: Sequence[Resource], only: Resource | None, render: Any) -> None:
    from reconciler.plugins.sagemaker import live, tree  # noqa: PLC0415
    from reconciler.plugins.sagemaker.kinds import SYNC, every_kind  # noqa: PLC0415

    if session.output == "yaml":
        raise click.BadParameter("--watch has the forms table, wide and json", param_hint="--output")
    places = None
    if session.cluster.scope:
        syncs = [one for one in found if one.kind == SYNC]
        places = sorted({session.cluster.namespace} | tree.namespaces(syncs))
    view = live.ObjectWatch(session.cluster, every_kind(), places)
    if session.for_people and sys.stdout.isatty():
        live.redraw(view, render)

    def wanted(resource: Resource) -> bool:
        if only is None or resource.key == only.key:
            return True
        return only.kind == SYNC and resource.annotations.get(Annotation.OWNER) == owner_id(only.key)

    live.lines(view, wanted, as_json=session.output == "json")


def _chosen(session: Session, target: tuple[str, ...], prefer: str = "") -> Resource | None:
    """The object that was named; a bare name that a preferred kind has too means that one."""
    if not target:
        return None
    if session.cluster.all_namespaces:
        raise click.UsageError("a name and --all-namespaces exclude each other; name its namespace with -n")
    if prefer and len(target) == 1 and "/" not in target[0]:
        try:
            return session.cluster.named(target, [prefer])
        except PreconditionError:
            pass
    return session.cluster.named(target)


def _everything(session: Session, only: Resource | None = None) -> list[Resource]:
    """All that is to be seen from here: the namespace, and where its syncs have their objects."""
    from reconciler.plugins.sagemaker import tree  # noqa: PLC0415
    from reconciler.plugins.sagemaker.kinds import SYNC  # noqa: PLC0415

    cluster = session.cluster
    found = cluster.every()
    if not found:
        cluster.check_namespace()
    if cluster.all_namespaces:
        return found
    syncs = [one for one in found if one.kind == SYNC and (only is None or only.kind != SYNC or one.key == only.key)]
    for namespace in sorted(tree.namespaces(syncs) - {cluster.namespace}):
        try:
            found += cluster.every(namespace)
        except DeniedError as error:
            terminal.note(f"objects in {namespace} are left out: {error}")
    return found


@click.command(
    cls=GoCommand,
    short_help="Rollouts of an endpoint, runs of a job, revisions of a GitSync.",
    epilog="""\b
Marks: serving is what answers requests now, quarantined is content that was rolled back and is not sent again (see
`kubectl sagemaker retry --help`), held is what a rollback holds against Git.

\b
Examples:
  kubectl sagemaker history churn-api                 newest first
  kubectl sagemaker history churn-api -o wide         with hashes, configurations and commit subjects
  kubectl sagemaker history churn-api --id 4          all that is known of #4, and what changed with it
  kubectl sagemaker history churn-api --id 4 --repo . with the diff of the file between both commits
  kubectl sagemaker history trainingjob/churn         a job's runs; --id takes a run's name
  kubectl sagemaker history gitsync/growth-models     revisions; --id takes a commit

\b
Exit codes: 0 done, 1 an error, 2 wrong usage.""",
)
@click.argument("target", metavar="NAME | KIND/NAME", nargs=-1, required=True)
@click.option("--id", "wanted", metavar="ID", help="One entry whole, and its difference to the one before.")
@repo_option
@output_option()
@connected
def history(target: tuple[str, ...], wanted: str | None, repo: str | None, **parameters: Any) -> None:
    """Show what was rolled out, run or applied, newest first."""
    session = Session.open(parameters)

    from reconciler.plugins.sagemaker import history as histories  # noqa: PLC0415
    from reconciler.plugins.sagemaker.clone import Clone  # noqa: PLC0415

    file = Clone(repo).file if repo else None
    resource = session.cluster.named(target)
    how = histories.Ways(session.paint, session.now, wide=session.wide)
    found = histories.entries(resource)
    if wanted is None:
        if not session.for_people:
            session.show_document({**resource.key._asdict(), "history": [one.document() for one in found]})
        elif found:
            session.show(histories.table(found, how))
        else:
            terminal.note(f"{resource.key} has no history yet")
        return
    detail = histories.detail(resource, found, histories.chosen(resource, found, wanted), file)
    if session.for_people:
        session.show(histories.detail_lines(resource, detail, how))
    else:
        session.show_document({**resource.key._asdict(), **detail.document()})


@click.command(
    cls=GoCommand,
    short_help="What differs between Git, the cluster and SageMaker, as a diff.",
    epilog="""\b
git compares Git with the resource (somebody edited it in the cluster), sagemaker compares the resource with
SageMaker (somebody used the console). What the controller found is shown; values that may be secret are digests.
With --repo the file that Git holds is compared with the live spec as well, whatever the controller found; files that
kustomize patches or that have substitutions differ there by nature.

\b
Examples:
  kubectl sagemaker diff                          everything in the namespace
  kubectl sagemaker diff growth-models            what one GitSync holds
  kubectl sagemaker diff hostingdeployment/churn-api
  kubectl sagemaker diff churn-api --repo .       the file of the applied commit against the live spec

\b
Exit codes, as of `kubectl diff`: 0 no difference, 1 differences, 2 wrong usage or the cluster cannot be asked.""",
)
@click.argument("target", metavar=_SYNC_OR_NAME, nargs=-1)
@repo_option
@all_namespaces_option
@output_option()
@connected
@question
def diff(target: tuple[str, ...], repo: str | None, **parameters: Any) -> None:
    """Show differences between what Git wants and what is, in the cluster and in SageMaker."""
    session = Session.open(parameters)

    from reconciler.plugins.sagemaker import differences  # noqa: PLC0415
    from reconciler.plugins.sagemaker.clone import Clone  # noqa: PLC0415
    from reconciler.plugins.sagemaker.history import coloured  # noqa: PLC0415

    clone = Clone(repo) if repo else None
    scope = _scope(session, target)
    found = differences.drifted(scope)
    texts = [text for one in scope if clone and (text := _against_git(one, clone))]
    if session.for_people:
        session.show(differences.unified(found, session.paint, namespaced=session.cluster.all_namespaces))
        for text in texts:
            session.show(coloured(text, session.paint))
    else:
        session.show_document({"drifted": [one.document() for one in found], "diffs": texts})
    if found or texts:
        raise click.exceptions.Exit(NO)


def _against_git(resource: Resource, clone: Any) -> str:
    """The spec of the file at the applied commit against the live one; empty when it is the same or not to be had."""
    from reconciler.plugins.sagemaker import differences  # noqa: PLC0415
    from reconciler.plugins.sagemaker.history import unified  # noqa: PLC0415

    commit, path = resource.annotations.get(Annotation.COMMIT, ""), resource.annotations.get(Annotation.PATH, "")
    if not commit or not path:
        return ""
    text = clone.file(commit, path)
    spec = None if text is None else differences.git_spec(text, resource)
    if spec is None:
        terminal.note(
            f"{resource.key}: the clone holds no such object in {plain(path)} at {plain(commit[:7])}; git fetch may help"
        )
        return ""
    name = f"{resource.kind}/{resource.name}"
    before, after = differences.as_yaml(spec), differences.as_yaml(dict(resource.spec))
    return unified(before, after, f"{path}  {commit[:7]}", f"{name}  (cluster)")


@click.command(
    cls=GoCommand,
    short_help="What was changed outside Git, as a table; for CI.",
    epilog="""\b
DESIRED is what should be, LIVE what is, BY who wrote it, where the cluster knows; MODE says what happens about it: Correct
undoes it, Warn reports, Ignore does not look. Values that may be secret are digests.

\b
Examples:
  kubectl sagemaker drift                    everything in the namespace
  kubectl sagemaker drift -A -o json         for programs
  kubectl sagemaker drift growth-models -u   as a unified diff
  kubectl sagemaker drift --corrected        also what was corrected within the hour

\b
Unknown is what was not looked at yet, what may not be read whole in SageMaker, and a GitSync that cannot read Git.

\b
Exit codes: 0 no drift, 1 drift, or an endpoint that a rollback holds against Git, 2 wrong usage or the cluster cannot be asked, 3 no drift is known of, but of some it is
unknown whether they drifted.""",
)
@click.argument("target", metavar=_SYNC_OR_NAME, nargs=-1)
@click.option("-u", "--unified", "as_diff", is_flag=True, help="As a unified diff, not as a table.")
@click.option("--corrected", "lately", is_flag=True, help="Also what was corrected within the hour.")
@all_namespaces_option
@output_option()
@connected
@question
def drift(target: tuple[str, ...], as_diff: bool, lately: bool, **parameters: Any) -> None:
    """Show objects that differ from what Git wants; exit 1 when there are any, 3 when that is unknown."""
    session = Session.open(parameters)

    from reconciler.plugins.sagemaker import differences  # noqa: PLC0415

    scope = _scope(session, target)
    found, corrected = differences.drifted(scope), differences.corrected(scope, session.now)
    unknown = differences.unknown([*scope, *_syncs_beside(session, scope)])
    held = differences.held(scope)
    namespaced = session.cluster.all_namespaces
    if not session.for_people:
        recent = {"corrected": [one.document() for one in corrected]} if lately else {}
        unknown_objects = [one.document() for one in unknown]
        on_purpose = {"held": [one.document() for one in held]} if held else {}
        drifted = [one.document() for one in found]
        session.show_document({"drifted": drifted, "unknown": unknown_objects, **on_purpose, **recent})
    elif found and as_diff:
        session.show(differences.unified(found, session.paint, namespaced=namespaced))
    elif found:
        table = differences.table(found, session.paint, session.now, namespaced=namespaced, wide=session.wide)
        session.show(table)
    if session.for_people:
        if corrected and lately:
            session.show(differences.corrected_table(corrected, session.paint, session.now, namespaced=namespaced))
        elif corrected:
            terminal.note(f"corrected within the hour: {len(corrected)}; see --corrected")
        if held:
            session.show((f"held: {len(held)}", *differences.held_lines(held, session.now)))
        if unknown:
            terminal.note("\n".join((f"unknown: {len(unknown)}", *differences.unknown_lines(unknown))))
    if found or held or unknown:
        raise click.exceptions.Exit(NO if found or held else NOT_KNOWN)
    if session.for_people:
        terminal.note(f"no drift among {len(scope)} objects in {session.cluster.where}")


def _syncs_beside(session: Session, scope: Sequence[Resource]) -> list[Resource]:
    """The GitSyncs of objects that were asked about without them; those that may be read."""
    from reconciler.plugins.sagemaker.kinds import SYNC  # noqa: PLC0415

    found: list[Resource] = []
    owners = {one.annotations.get(Annotation.OWNER, "") for one in scope}
    for owner in sorted(owners - {owner_id(one.key) for one in scope if one.kind == SYNC}):
        namespace, _, name = owner.partition("/")
        try:
            found += filter(None, [session.cluster.find(Key(SYNC, namespace, name))] if name else [])
        except DeniedError:
            continue
    return found


def _scope(session: Session, target: tuple[str, ...]) -> list[Resource]:
    """The sync with its objects, the one object, or everything."""
    from reconciler.plugins.sagemaker.kinds import SYNC  # noqa: PLC0415

    only = _chosen(session, target, prefer=SYNC)
    if only is not None and only.kind != SYNC:
        return [only]
    found = _everything(session, only)
    if only is None:
        return found
    return [one for one in found if one.key == only.key or one.annotations.get(Annotation.OWNER) == owner_id(only.key)]


@click.command(
    cls=GoCommand,
    short_help="From a commit to what it caused, from an object to its commits.",
    epilog="""\b
Status knows the newest of both. The notes that the service leaves on commits know all; a clone that has them
(git fetch origin 'refs/notes/*:refs/notes/*') is read with --repo, which also lets you say HEAD or a branch.

\b
Examples:
  kubectl sagemaker trace 1a2b3c4                 what the commit caused
  kubectl sagemaker trace HEAD --repo .           the same, by any name that git knows
  kubectl sagemaker trace churn-api               an object's commits and results, newest first
  kubectl sagemaker trace trainingjob/churn --repo . -o json

\b
Exit codes: 0 done, 1 an error, or the commit caused nothing that is known here, 2 wrong usage.""",
)
@click.argument("target", metavar="COMMIT | NAME | KIND/NAME", nargs=-1, required=True)
@repo_option
@all_namespaces_option
@output_option()
@connected
def trace(target: tuple[str, ...], repo: str | None, **parameters: Any) -> None:
    """Show what a commit caused, or which commits made an object what it is."""
    session = Session.open(parameters)

    from reconciler.plugins.sagemaker import tracing  # noqa: PLC0415
    from reconciler.plugins.sagemaker.clone import FETCH_NOTES, Clone  # noqa: PLC0415

    clone = Clone(repo) if repo else None
    notes = clone.notes() if clone else {}
    if clone and not notes:
        terminal.note(f"the clone has no notes of this service; to have them: {FETCH_NOTES}")
    commit = target[0] if len(target) == 1 and tracing.is_commit(target[0]) else ""
    resource = None
    if not commit:
        try:
            resource = _chosen(session, target)
        except PreconditionError:
            # HEAD, a branch, a tag; an object of that name goes first.
            commit = clone.resolve(target[0]) if clone and len(target) == 1 else ""
            if not commit:
                raise
    if resource is not None:
        steps = tracing.of_object(resource, notes)
        _show_steps(session, steps, resource.key._asdict(), of_one=True)
        return
    full = clone.resolve(commit.rpartition(":")[2]) if clone else ""
    steps = tracing.of_commit(full or commit, _everything(session), notes)
    described = clone.summary(full) if clone and full else None
    if described and session.for_people:
        session.show(
            [
                session.paint(f"commit {described.commit}", "strong"),
                f"{plain(described.author)}, {described.at}: {plain(described.subject)}",
                "",
            ]
        )
    _show_steps(session, steps, {"commit": full or commit.rpartition(":")[2]}, of_one=False)
    if not steps:
        more = "" if clone else "; notes may know more: say --repo DIR"
        raise PreconditionError(f"nothing in {session.cluster.where} mentions commit {commit}{more}")


def _show_steps(session: Session, steps: Sequence[Any], about: dict[str, Any], *, of_one: bool) -> None:
    from reconciler.plugins.sagemaker import tracing  # noqa: PLC0415

    if not session.for_people:
        session.show_document({**about, "steps": [step.document() for step in steps]})
    elif steps:
        clean = [replace(step, detail=" ".join(step.detail.split())) for step in steps]
        session.show(tracing.table(clean, session.paint, of_one=of_one, wide=session.wide))
    elif of_one:
        terminal.note("nothing is known of its commits yet")
