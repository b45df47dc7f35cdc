"""Whether an object that Git no longer names may be deleted. When in doubt it stays, and stays in the inventory.

One table for the guards of a whole pass, one for a single object. Deleting happens in `runtime/sync/apply.py`, which asks
`survives` once more about the object as it is live at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.git.source import Revision
from reconciler.core.manifests.parse import Rejection
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.sync.spec import GitSyncSpec, approves

NEEDS_APPROVAL = "PruneNeedsApproval"
FEW = 5
"""Fewer deletions than this never need an approval."""


@dataclass(frozen=True)
class Kept:
    """An object that Git no longer names and that stays all the same."""

    key: Key
    reason: str
    message: str


@dataclass(frozen=True)
class Blocked:
    """Why nothing at all is pruned in this pass. `stalls` when only a person can lift it."""

    reason: str
    message: str
    stalls: bool = True


def blocked(
    doomed: Sequence[Key], *, managed: int, rendered: int, bad: Rejection | None, spec: GitSyncSpec,
    revision: Revision, approval: str | None,
) -> Blocked | None:  # fmt: skip
    """The guards over all deletions together; `managed` counts the inventory they would be taken from, `bad` is something of
    Git that is not applied: what left may have been meant to live on in it.
    """
    if not doomed:
        return None
    if not spec.prune:
        return Blocked(
            "PruneDisabled", f"{_objects(doomed)} left Git and stay: spec.prune.enabled is false", stalls=False
        )
    if bad:
        return held_by(bad, doomed)
    if not rendered:
        return Blocked(
            "EmptyRender", f"Git holds no object at all: {_objects(doomed)} stay. Delete them by hand if that is meant"
        )
    if (
        len(doomed) >= FEW
        and len(doomed) * 100 > managed * spec.max_delete_percent
        and not approves(approval, revision)
    ):
        return Blocked(
            NEEDS_APPROVAL,
            f"{len(doomed)} of {managed} objects would be deleted, more than {spec.max_delete_percent} %: "
            f"annotate the GitSync with {Annotation.APPROVE_PRUNE}={revision.short} to allow it "
            f"(kubectl sagemaker approve); they are {_named(doomed)}",
        )
    return None


def held_by(bad: Rejection, doomed: Sequence[Key]) -> Blocked:
    """Why nothing is pruned while this file is rejected."""
    return Blocked("BuildIncomplete", f"{_objects(doomed)} not pruned until {bad.place} is fixed")


def survives(key: Key, live: Resource, owner: str) -> Kept | None:
    """Why this one object is not deleted, judged by what it says of itself in the cluster; None: it may go."""
    if live.deleting:
        return Kept(key, "Deleting", "deletion is in progress")
    if live.annotations.get(Annotation.PRUNE, "").lower() == "disabled":
        return Kept(key, "PruneDisabled", f"the object is annotated {Annotation.PRUNE}: disabled")
    found = live.annotations.get(Annotation.OWNER, "")
    if found != owner:
        return Kept(key, "OwnerMismatch", f"its owner annotation names {found or 'nobody'}, not this GitSync")
    return None


_NAMED = 5


def _named(keys: Sequence[Key]) -> str:
    first = ", ".join(f"{key.kind}/{key.name}" for key in keys[:_NAMED])
    more = len(keys) - _NAMED
    return f"{first} and {more} more, see status.pruneApproval" if more > 0 else first


def _objects(keys: Sequence[Key]) -> str:
    return "1 object" if len(keys) == 1 else f"{len(keys)} objects"
