"""`kubectl_complete-smlogs`: what kubectl's shell completion asks for `kubectl smlogs ...`.

kubectl passes the words after the plugin's name, the last being the one under the cursor, and reads candidates a line each,
then `:` and a directive (cobra's protocol): 4 says that file names are no candidates.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import click

from reconciler.core.errors import ReconcileError
from reconciler.plugins.connection import ConnectionFlags
from reconciler.plugins.smlogs.command import smlogs
from reconciler.plugins.smlogs.kinds import KINDS, LogKind, kind_named

NO_FILES = ":4"
FILES = ":0"

Names = Callable[[LogKind, ConnectionFlags], Sequence[str]]


def candidates(words: Sequence[str], names: Names) -> list[str]:
    """Lines of the answer. Whatever cannot be completed has no candidates: a shell is no place for errors."""
    *before, current = words or [""]
    flags = {option: one for one in smlogs.params if isinstance(one, click.Option) for option in one.opts}
    last = flags.get(before[-1]) if before else None
    if last is not None and not last.is_flag:
        if last.metavar == "FILE":
            return [FILES]
        choices = last.type.choices if isinstance(last.type, click.Choice) else ()
        return [*(str(choice) for choice in choices if str(choice).startswith(current)), NO_FILES]
    if current.startswith("-"):
        return [*sorted(flag for flag in flags if flag.startswith(current) and len(flag) > 2), NO_FILES]
    context = smlogs.make_context("smlogs", list(before), resilient_parsing=True)
    target = context.params["target"] or ()
    kind = kind_named(target[0]) if target else None
    if not target:
        found = [one.kind for one in KINDS if one.kind.lower().startswith(current.lower())]
    elif kind is None or len(target) > 1:
        found = []
    else:
        found = [
            name for name in names(kind, ConnectionFlags.taken_from(dict(context.params))) if name.startswith(current)
        ]
    return [*found, NO_FILES]


def _names(kind: LogKind, flags: ConnectionFlags) -> Sequence[str]:
    from reconciler.plugins.smlogs.resources import Resources  # noqa: PLC0415 - a kind is completed without the cluster

    try:
        return Resources(kind, flags).names()
    except ReconcileError:
        return ()


def main() -> None:
    for line in candidates(sys.argv[1:], _names):
        click.echo(line)
