"""The end of a Model's or EndpointConfig's resource: what it made is deleted once nothing uses it."""

from __future__ import annotations

from datetime import timedelta

from reconciler.core.decision import Call, Decision, Phase
from reconciler.core.records.remote_object import ImmutableObject
from reconciler.kinds.immutable.immutable_pass import IN_USE_LOOK, ImmutablePass, in_use

__all__ = ["end"]

_DELETING_LOOK = timedelta(seconds=10)


def end(given: ImmutablePass, made: tuple[ImmutableObject, ...]) -> Decision:
    """Delete what nothing uses and let go when all of it is gone. What is not ours is not ours to delete."""
    kind, seen = given.kind, given.seen
    left = [one for one in made if not given.is_foreign(one) and _may_be_there(given, one)]
    unused = [one for one in left if seen.found.get(one.name) is not None and seen.is_unused(one)]
    if not left:
        return Decision(Phase.RELEASED, "Deleted", "", given.status((), {"status": "Deleted"}))
    kept = in_use(left)
    return Decision(
        Phase.ACTING if unused else Phase.WAITING,
        "InUse" if kept and not unused else "Deleting",
        kept or f"deleting {', '.join(one.name for one in left)}",
        given.status(left),
        calls=tuple(Call(kind.delete, {kind.remote.name_key: one.name}) for one in unused),
        watches=given.watches(left),
        look_again=IN_USE_LOOK if kept else _DELETING_LOOK,
    )


def _may_be_there(given: ImmutablePass, made: ImmutableObject) -> bool:
    """Also while nothing is found: the create may have gone out a moment ago with nobody seeing it arrive."""
    return given.seen.found.get(made.name) is not None or (not made.arn and bool(given.unseen_for(made)))
