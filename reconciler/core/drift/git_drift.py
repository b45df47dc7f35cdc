"""Drift between Git and a resource: what somebody changed in the cluster, by whom, and what the sync has reverted.

Pure, and from the informer's cache alone. `core/sync/plan.py` asks while it plans, the worker asks before it acts on a
spec, so both name the same places. What the sync has reverted reaches the object's status through `Reverted`
(runtime/sync/claims.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.core.decision import Difference
from reconciler.core.drift.edits import Author, Entry, author, foreign_paths, places
from reconciler.core.git.applied import Wanted, stated
from reconciler.core.git.inventory import without
from reconciler.core.pointers import child, steps
from reconciler.core.records.drift import Correction, DriftRecord
from reconciler.core.resource import Resource
from reconciler.core.values import Json, Spec


@dataclass(frozen=True)
class Reverted:
    """An edit that the sync has reverted."""

    paths: tuple[str, ...]
    edit: str
    """resourceVersion of the object as it was edited: by it status counts each edit once, however often it is reported."""
    at: datetime
    by: str = ""

    def counted_in(self, recent: Iterable[Correction]) -> bool:
        """Whether status knows of it."""
        return any(one.edit == self.edit for one in recent)


@dataclass(frozen=True)
class GitDrift:
    """What one pass of the worker knows of Git against the resource."""

    edits: tuple[Difference, ...] = ()
    reverted: tuple[Reverted, ...] = ()
    edited_by: Author | None = None
    """Who edited the spec in the cluster, where that is acted on though Git holds another (mode Warn or Ignore)."""
    held: Spec | None = None
    """The spec that Git holds then, where it is known, in the form in which it is compared."""
    read: bool = False
    """Whether a GitSync that is not suspended read Git since the start, and its spec is what Git holds."""
    awaited: bool = False
    """Whether one did not yet, and nothing is sent before it did."""


def edits_of(want: Wanted, live: Resource, written: Spec) -> tuple[Difference, ...]:
    """What is not as Git says, of an object that is not. `written` is the live spec in the form in which hashes are compared."""
    desired, found = (without(spec, want.ignored) if want.ignored else spec for spec in (want.written, written))
    return _signed([*places(desired, found), *_metadata(want, live)] or [("/spec", None, None)], live)


def unexplained(live: Resource, written: Spec) -> tuple[Difference, ...]:
    """The same while nobody knows what Git holds, only that it is something else: places that others own, without values."""
    paths = [path for path in foreign_paths(_managed(live)) if _is_in(written, steps(path)[1:])]
    return _signed([(path, None, None) for path in paths or ["/spec"]], live)


def remembered(drift: DriftRecord) -> tuple[Difference, ...]:
    """The edits that `status.drift` shows: more than can be found out again while nobody knows what Git holds."""
    return tuple(
        Difference("git", one.path, one.desired, one.live, one.by, one.at)
        for one in drift.differences
        if one.plane == "git"
    )


def editor(edits: Iterable[Difference]) -> Author | None:
    """Who did it: the newest of the authors."""
    return max((Author(edit.by, edit.at) for edit in edits if edit.by), key=lambda one: one.at, default=None)


def _metadata(want: Wanted, live: Resource) -> Iterator[tuple[str, Json, Json]]:
    labels, annotations = stated(want, live)
    for name, wanted, found in (("labels", labels, live.labels), ("annotations", annotations, live.annotations)):
        for key, value in sorted(wanted.items()):
            if found.get(key) != value:
                yield child(f"/metadata/{name}", key), value, found.get(key)


def _signed(found: Iterable[tuple[str, Json, Json]], live: Resource) -> tuple[Difference, ...]:
    entries = _managed(live)
    plain = [Difference("git", *place) for place in found]
    who = [author(entries, difference.path) for difference in plain]
    return tuple(
        replace(difference, by=found.manager, at=found.at) if found else difference
        for difference, found in zip(plain, who, strict=True)
    )


def _managed(live: Resource) -> Sequence[Entry]:
    return live.metadata.get("managedFields") or ()


def _is_in(value: Json, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = value[key]
    return True
