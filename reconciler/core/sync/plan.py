"""What one pass of a GitSync has to do, as a value: from what Git holds, what the inventory says and what is live.

    wanted (Git) + inventory (status) + live (cache)  ->  plan  ->  SyncPlan  ->  runtime/sync/apply.py carries it out

Rules:
* What Git changed is applied. What Git did not change and the cluster did is an edit: reverted, reported or ignored.
  The inventory tells the two apart, because it holds what Git said when we applied last.
* A place that was reverted three times within the hour is left alone until the hour is over: whoever changes it is no
  accident, and two controllers must not fight for ever. Its worker acts on nothing of the edit meanwhile.
* Nothing is reverted on an object that is suspended.
* An object that names another living GitSync as its owner is left alone.
* An object whose deletion is in progress is waited for, then recreated.
* What is in the inventory and no longer in Git is pruned, if every guard of `core/sync/prune.py` lets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.core.decision import Difference
from reconciler.core.drift.edits import Author
from reconciler.core.drift.git_drift import Reverted, editor, edits_of
from reconciler.core.drift.policy import DriftMode, flapping
from reconciler.core.git import inventory as inventories
from reconciler.core.git.applied import Wanted, bookkeeping_is_old, edited_metadata, metadata_is_old
from reconciler.core.git.inventory import Inventory
from reconciler.core.git.source import Revision
from reconciler.core.manifests.parse import Rejection
from reconciler.core.records.drift import DriftRecord
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.sync.prune import Blocked, Kept, blocked, survives
from reconciler.core.sync.spec import GitSyncSpec
from reconciler.core.values import Spec


@dataclass(frozen=True)
class LiveObject:
    """An object as the cache knows it, with the hash of its spec as written (`inventory.written_hash`)."""

    resource: Resource
    hash: str


@dataclass(frozen=True)
class ClusterView:
    """The cluster as planning sees it."""

    live: Callable[[Key], LiveObject | None]
    sync_exists: Callable[[str], bool]
    """Whether the GitSync that an owner annotation names is still there."""
    written: Callable[[Resource], Spec]
    """A live spec in the form in which it is compared."""
    reverted: Callable[[Key], Iterable[Reverted]]
    """What was reverted of late and no status shows yet."""
    now: datetime


@dataclass(frozen=True)
class Edited:
    """A synced object that somebody changed in the cluster."""

    wanted: Wanted
    live: LiveObject
    differences: tuple[Difference, ...]

    @property
    def spec(self) -> bool:
        """Whether its spec differs; otherwise only labels or annotations do."""
        return self.live.hash != self.wanted.hash

    @property
    def paths(self) -> tuple[str, ...]:
        """JSON Pointers of what was edited, spec and labels alike."""
        return tuple(difference.path for difference in self.differences)

    @property
    def author(self) -> Author | None:
        """Who edited it last, if managedFields say so."""
        return editor(self.differences)


@dataclass(frozen=True)
class SyncPlan:
    """What a pass has to do in the cluster. Reverts go first, then applies, and deletions when all of these are through."""

    to_apply: tuple[Wanted, ...] = ()
    """Changes of existing objects first, so that a change overtakes a flood of new ones."""
    to_revert: tuple[Edited, ...] = ()
    reported: tuple[Edited, ...] = ()
    """Edits that stay: mode Warn, or the object is suspended."""
    fought: tuple[Edited, ...] = ()
    """Edits that were reverted too often to be reverted now."""
    unchanged: tuple[Key, ...] = ()
    waiting: tuple[Key, ...] = ()
    """In Git and being deleted: recreated when they are gone."""
    to_prune: tuple[Key, ...] = ()
    vanished: tuple[Key, ...] = ()
    """In the inventory, in Git no more and not in the cache: leave the inventory once a live read agrees."""
    kept: tuple[Kept, ...] = ()
    blocked: Blocked | None = None
    released: tuple[Key, ...] = ()
    """In the inventory, but another GitSync's by now."""
    rejected: tuple[Rejection, ...] = ()
    before: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)
    """The inventory that must be written before the first apply."""

    @property
    def idle(self) -> bool:
        """Whether the cluster needs no request at all."""
        return not (self.to_apply or self.to_revert or self.to_prune or self.vanished)


def plan(
    wanted: Sequence[Wanted], refused: Iterable[Key], inventory: Inventory, view: ClusterView, *, spec: GitSyncSpec, owner: str,
    revision: Revision, bad: Rejection | None, approval: str | None = None,
) -> SyncPlan:  # fmt: skip
    """`refused` are objects that Git names and that are rejected: neither applied nor pruned. `bad` is one of the refusals, if
    there are any. An object of another GitSync is none: it may be waiting for us to prune what it was given.
    """
    changes, creates = [], []
    edits: dict[str, list[Edited]] = {"revert": [], "report": [], "fought": []}
    unchanged, waiting, rejected = [], [], []
    covered: dict[Key, str] = {}
    for want in wanted:
        live = view.live(want.key)
        if live is None:
            creates.append(want)
        elif live.resource.deleting:
            waiting.append(want.key)
        elif (other := _other_owner(live.resource, owner, view)) is not None:
            rejected.append(_owned_by_another(want, other))
            continue
        else:
            match _judge(want, live, inventory, spec, owner):
                case "apply":
                    changes.append(want)
                case "revert" | "report" as verdict:
                    edit = Edited(want, live, edits_of(want, live.resource, view.written(live.resource)))
                    fought = verdict == "revert" and _is_fought(edit, view)
                    edits["fought" if fought else verdict].append(edit)
                case _:
                    unchanged.append(want.key)
        covered[want.key] = want.hash
    named = {*(want.key for want in wanted), *refused}
    to_prune, vanished, kept, released = _candidates([key for key in inventory if key not in named], view, owner)
    block = blocked(
        to_prune, managed=len(inventory), rendered=len(wanted), bad=bad, spec=spec, revision=revision, approval=approval,
    )  # fmt: skip
    if block:
        kept += [Kept(key, block.reason, block.message) for key in to_prune]
        to_prune = []
    return SyncPlan(
        to_apply=(*changes, *creates),
        to_revert=tuple(edits["revert"]),
        reported=tuple(edits["report"]),
        fought=tuple(edits["fought"]),
        unchanged=tuple(unchanged),
        waiting=tuple(waiting),
        to_prune=tuple(to_prune),
        vanished=tuple(vanished),
        kept=tuple(kept),
        blocked=block,
        released=tuple(released),
        rejected=tuple(rejected),
        before=inventories.union({key: known for key, known in inventory.items() if key not in released}, covered),
    )


def inventory_after(
    before: Inventory, *, open_keys: frozenset[Key], gone: frozenset[Key]
) -> dict[Key, tuple[str, ...]]:
    """Settle the union. `open_keys` were refused or nobody knows: either hash may be live, so both stay.

    That an object which could never be created stays listed is deliberate: leaving and re-entering the inventory at
    every try would be two status writes per interval for nothing.
    """
    return {key: known if key in open_keys else known[-1:] for key, known in before.items() if key not in gone}


def _judge(want: Wanted, live: LiveObject, inventory: Inventory, spec: GitSyncSpec, owner: str) -> str:
    spec_differs = live.hash != want.hash
    edited = spec_differs or edited_metadata(want, live.resource)
    git_is_same = inventory.get(want.key) == (want.hash,)
    if bookkeeping_is_old(want, live.resource, owner) and not (git_is_same and edited):
        return "apply"
    if not edited:
        return "leave"
    mode = spec.mode(want.key, live.resource.annotations.get(Annotation.DRIFT_MODE))
    if metadata_is_old(want, live.resource) and not (spec_differs and mode is DriftMode.CORRECT):
        return "apply"  # a label or annotation that Git changed is no edit
    match mode:
        case DriftMode.CORRECT:
            return "report" if live.resource.suspended else "revert"
        case DriftMode.WARN:
            return "report"
        case _:
            return "leave"


def _is_fought(edit: Edited, view: ClusterView) -> bool:
    past = DriftRecord.parse(edit.live.resource.status.get("drift"))
    return not flapping(past, view.now, view.reverted(edit.wanted.key)).isdisjoint(edit.paths)


def _other_owner(live: Resource, owner: str, view: ClusterView) -> str | None:
    found = live.annotations.get(Annotation.OWNER, "")
    return found if found and found != owner and view.sync_exists(found) else None


def _owned_by_another(want: Wanted, other: str) -> Rejection:
    message = f"GitSync {other} already syncs this object"
    return Rejection.of(want.path, want.line, "OwnedByAnother", message, kind=want.key.kind, name=want.key.name)


def _candidates(
    keys: Sequence[Key], view: ClusterView, owner: str
) -> tuple[list[Key], list[Key], list[Kept], list[Key]]:
    """Sort what left Git: may go, is gone as it seems, stays, belongs to another sync now."""
    to_prune, vanished, kept, released = [], [], [], []
    for key in keys:
        live = view.live(key)
        if live is None:
            vanished.append(key)
        elif _other_owner(live.resource, owner, view) is not None:
            released.append(key)
        elif why := survives(key, live.resource, owner):
            kept.append(why)
        else:
            to_prune.append(key)
    return to_prune, vanished, kept, released
