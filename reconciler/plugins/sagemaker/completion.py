"""`kubectl_complete-sagemaker`: what kubectl's shell completion asks for `kubectl sagemaker ...`.

kubectl passes the words after the plugin's name, the last being the one under the cursor, and reads candidates a line each,
then `:` and a directive (cobra's protocol): 4 says that file names are no candidates.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from reconciler.core.errors import ReconcileError
from reconciler.core.values import Status
from reconciler.plugins.connection import ConnectionFlags
from reconciler.plugins.sagemaker.command import sagemaker

if TYPE_CHECKING:
    from reconciler.core.records.history import History, HistoryEntry

NO_FILES = ":4"
NO_FILES_NO_SPACE = ":6"
FILES = ":0"
_JOBS_ONLY = frozenset({"rerun"})
_HOSTING_ONLY = frozenset({"rollback"})
_SYNCS_ONLY = frozenset({"approve"})

Objects = Callable[[ConnectionFlags], Sequence[tuple[str, str, Status]]]
"""(kind, name, status) of what the caller can see."""
Namespaces = Callable[[ConnectionFlags], Sequence[str]]


def candidates(words: Sequence[str], objects: Objects, namespaces: Namespaces) -> list[str]:
    """Lines of the answer. Whatever cannot be completed has no candidates: a shell is no place for errors."""
    *before, current = words or [""]
    name = next((word for word in before if not word.startswith("-")), "")
    command = sagemaker.commands.get(name)
    if command is None:
        found = [one for one in sagemaker.commands if one.startswith(current)] if not before else []
        return [*found, NO_FILES]
    given = before[before.index(name) + 1 :]
    flags = {text: one for one in command.params if isinstance(one, click.Option) for text in one.opts}
    last = flags.get(given[-1]) if given else None
    if last is not None and last.name == "namespace":
        _, connection = _parsed(command, given[:-1])
        return [*(one for one in namespaces(connection) if one.startswith(current)), NO_FILES]
    if last is not None and not last.is_flag:
        return _values(command, given, last, current, objects)
    if current.startswith("-"):
        return [*sorted(flag for flag in flags if flag.startswith(current) and len(flag) > 2), NO_FILES]
    return _targets(command, given, current, objects)


def _values(
    command: click.Command, given: Sequence[str], option: click.Option, current: str, objects: Objects
) -> list[str]:
    if option.metavar in ("FILE", "DIR"):
        return [FILES]
    if option.metavar == "GOAL":
        choices = ["Ready", "Healthy", "revision="]
    elif option.metavar in ("ID", "HASH"):
        choices = _entries(command, given[:-1], option.metavar, objects)
    else:
        choices = [str(one) for one in option.type.choices] if isinstance(option.type, click.Choice) else []
    return [*(one for one in choices if one.lower().startswith(current.lower())), NO_FILES]


def _entries(command: click.Command, given: Sequence[str], metavar: str, objects: Objects) -> list[str]:
    """Ids of rollouts, names of runs, hashes in quarantine: of the object that was named before."""
    from reconciler.core.records.history import History  # noqa: PLC0415
    from reconciler.core.records.quarantine import Quarantine  # noqa: PLC0415
    from reconciler.core.records.run import RunRecords  # noqa: PLC0415
    from reconciler.plugins.sagemaker.kinds import HOSTING  # noqa: PLC0415

    target, flags = _parsed(command, given)
    wanted = target[-1].rpartition("/")[2] if target else ""
    found: list[str] = []
    for kind, name, status in objects(flags) if wanted else ():
        if name != wanted:
            continue
        if metavar == "HASH":
            found += [one.hash for one in Quarantine.parse(status.get("quarantine")).entries]
        elif kind == HOSTING:
            history = History.parse(status.get("history"))
            fits = _rollback_targets(history, status) if command.name == "rollback" else history.entries
            found += [str(one.id) for one in fits]
        else:
            found += [run.name for run in RunRecords.parse(status) if run.name]
    return found


def _rollback_targets(history: History, status: Status) -> list[HistoryEntry]:
    """What succeeded and does not serve; while an update is under way, what serves too."""
    from reconciler.kinds.hosting.declaration import serving_hash  # noqa: PLC0415

    under_way = history.newest is not None and history.newest.open
    live = serving_hash(status)
    return [one for one in history.succeeded if under_way or one.hash != live]


def _targets(command: click.Command, given: Sequence[str], current: str, objects: Objects) -> list[str]:
    from reconciler.plugins.sagemaker.kinds import HOSTING, JOBS, SYNC, every_kind, kind_named  # noqa: PLC0415

    target, flags = _parsed(command, given)
    several = any(isinstance(one, click.Argument) and one.name == "targets" for one in command.params)
    named = kind_named(target[0]) if target else None
    if target and not several and (named is None or len(target) > 1):
        return [NO_FILES]
    kinds = [one.kind for one in every_kind()]
    if command.name in _JOBS_ONLY:
        kinds = list(JOBS)
    elif command.name in _HOSTING_ONLY:
        kinds = [HOSTING]
    elif command.name in _SYNCS_ONLY:
        kinds = [SYNC]
    visible = [(kind, name) for kind, name, _ in objects(flags) if kind in kinds]
    begun, slash, rest = current.partition("/")
    if slash:
        wanted = kind_named(begun)
        fits = [name for kind, name in visible if wanted and kind == wanted.kind and name.startswith(rest)]
        return [*(f"{begun}/{name}" for name in sorted(fits)), NO_FILES]
    by_kind = named is not None and not (several and any(name == target[0] for _, name in visible))
    fitting = [name for kind, name in visible if not by_kind or (named and kind == named.kind)]
    names = sorted({name for name in fitting if name.startswith(current) and name not in target})
    if names:
        return [*names, NO_FILES]
    typed = [f"{kind.lower()}/" for kind in kinds if current and kind.lower().startswith(current.lower())]
    return [*typed, NO_FILES_NO_SPACE if typed else NO_FILES]


def _parsed(command: click.Command, given: Sequence[str]) -> tuple[tuple[str, ...], ConnectionFlags]:
    context = command.make_context(command.name, list(given), resilient_parsing=True)
    parameters = dict(context.params)
    target = parameters.get("target") or parameters.get("targets") or ()
    return tuple(target), ConnectionFlags.taken_from(parameters)


def _objects(flags: ConnectionFlags) -> Sequence[tuple[str, str, Status]]:
    from reconciler.plugins.sagemaker.cluster import Cluster  # noqa: PLC0415 - subcommands are completed without the cluster

    try:
        return [(one.kind, one.name, one.status) for one in Cluster(flags).every()]
    except (ReconcileError, OSError):
        return ()


def _namespaces(flags: ConnectionFlags) -> Sequence[str]:
    from reconciler.plugins.sagemaker.cluster import Cluster  # noqa: PLC0415

    try:
        return Cluster(flags).namespaces()
    except (ReconcileError, OSError):
        return ()


def main() -> None:
    for line in candidates(sys.argv[1:], _objects, _namespaces):
        click.echo(line)
