"""Where two specs differ, and who wrote there: JSON Pointers, and what `metadata.managedFields` says of a pointer.

Knows nothing of Git or of modes. Called by `core/drift/git_drift.py`, and for texts by whoever lists places. What
stands in a place may be secret: `core/drift/policy.py` masks it before status, Events or notes have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from reconciler.core.pointers import child, steps
from reconciler.core.resource import OUR_MANAGERS, SYNC_MANAGER
from reconciler.core.values import Json, JsonObject

SHOWN = 5

Entry = JsonObject
"""Of managedFields."""


class EditedPlace(NamedTuple):
    """A JSON Pointer into the resource, with what Git wants there and what is live."""

    path: str
    desired: Json
    """None: not there."""
    live: Json


class Author(NamedTuple):
    """Who wrote an edit last, by managedFields."""

    manager: str
    at: str = ""

    def __str__(self) -> str:
        return f"{self.manager} at {self.at}" if self.at else self.manager


def places(desired: Json, live: Json, at: str = "/spec") -> Iterator[EditedPlace]:
    """Every place that differs. Lists are atomic in the CRDs; of two of one length the items that differ are named, since
    that is what people look for.
    """
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        for key in sorted({*desired, *live}):
            step = child(at, key)
            one, other = desired.get(key), live.get(key)
            if one is None or other is None:
                if one is not other:
                    yield EditedPlace(step, one, other)
            else:
                yield from places(one, other, step)
    elif isinstance(desired, list) and isinstance(live, list) and len(desired) == len(live):
        for index, (one, other) in enumerate(zip(desired, live, strict=True)):
            yield from places(one, other, f"{at}/{index}")
    elif desired != live:
        yield EditedPlace(at, desired, live)


def shown(found: Iterable[str]) -> str:
    """The first few, and how many more."""
    every = list(found)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more


def author(entries: Iterable[Entry], path: str) -> Author | None:
    """Who wrote last what stands in a place. Of a place that is gone nobody is the owner: then the newest who wrote anything
    since the sync did, if there is one, for a manager of last week had no part in it.
    """
    foreign = [entry for entry in entries if _foreign(entry)]
    owners = [entry for entry in foreign if _owns(entry.get("fieldsV1") or {}, _steps(path))]
    if not owners:
        ours = max((_at(entry) for entry in entries if entry.get("manager") == SYNC_MANAGER), default="")
        owners = [entry for entry in foreign if _at(entry) >= ours]
    newest = max(owners, key=_at, default=None)
    return None if newest is None else Author(str(newest.get("manager") or ""), _at(newest))


def written_by(entries: Iterable[Entry], path: str) -> Author | None:
    """Who, but us, owns what stands in a place; the newest of several."""
    owners = [one for one in entries if _foreign(one) and _owns(one.get("fieldsV1") or {}, _steps(path))]
    newest = max(owners, key=_at, default=None)
    return None if newest is None else Author(str(newest.get("manager") or ""), _at(newest))


def foreign_paths(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Places of the spec that somebody else than the sync owns: all that can be said of an edit while nobody knows what
    Git holds.
    """
    found: set[str] = set()
    for entry in entries:
        if _foreign(entry):
            found |= set(_leaves((entry.get("fieldsV1") or {}).get("f:spec") or {}, "/spec"))
    return tuple(sorted(found))


def _foreign(entry: Entry) -> bool:
    return entry.get("manager") not in OUR_MANAGERS and not entry.get("subresource")


def _at(entry: Entry) -> str:
    """RFC 3339 in UTC with whole seconds: ordered as text."""
    return str(entry.get("time") or "")


def _steps(path: str) -> list[str]:
    return [f"f:{step}" for step in steps(path)]


def _owns(fields: JsonObject, steps: Iterable[str]) -> bool:
    """A set of fields names whole what is atomic: a place within it is owned with it."""
    if not fields:
        return False
    for step in steps:
        if not fields:
            return True
        if step not in fields:
            return False
        fields = fields[step]
    return True


def _leaves(fields: JsonObject, at: str) -> Iterator[str]:
    for step, below in fields.items():
        if step.startswith("f:"):
            path = child(at, step.removeprefix("f:"))
            deeper = list(_leaves(below, path))
            yield from deeper or [path]
