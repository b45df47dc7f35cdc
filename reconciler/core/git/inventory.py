"""What a sync holds: one compact string per object, `kind/namespace/name@hash`, an atomic list in status.

The hash is the spec Git holds, without the paths that drift rules leave to others. While a change is being applied, an
object may have two entries, the old hash and the new one: both are content that Git held, and after a crash either may
be live. So the union is written before the first apply, and an owned object is never outside the inventory.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.core.naming import spec_hash
from reconciler.core.pointers import steps
from reconciler.core.resource import Key
from reconciler.core.values import Json, Spec

LIMIT = 5_000
"""Objects that Git may hold for one GitSync. As many again are listed while what left Git is still there: a commit that renames
them all names none twice.
"""

Inventory = Mapping[Key, tuple[str, ...]]
"""Hashes by object, oldest first; more than one only while a change is under way."""


def read(entries: Iterable[str]) -> dict[Key, tuple[str, ...]]:
    """Take `status.inventory`; what does not look like such an entry is left out."""
    found: dict[Key, tuple[str, ...]] = {}
    for entry in entries if isinstance(entries, (list, tuple)) else ():
        if not isinstance(entry, str):
            continue
        name, _, digest = entry.rpartition("@")
        parts = name.split("/")
        if len(parts) == 3 and digest:
            key = Key(*parts)
            found[key] = (*(known for known in found.get(key, ()) if known != digest), digest)
    return found


def write(inventory: Inventory) -> list[str]:
    """`status.inventory`: `kind/namespace/name@hash`, one for each hash of an object, sorted by object."""
    return list(_lines(inventory))


def _lines(inventory: Inventory) -> Iterator[str]:
    for key in sorted(inventory):
        for digest in inventory[key]:
            yield f"{key.kind}/{key.namespace}/{key.name}@{digest}"


def union(old: Inventory, new: Mapping[Key, str]) -> dict[Key, tuple[str, ...]]:
    """All that may be live while `new` is being applied over `old`."""
    merged = dict(old)
    for key, digest in new.items():
        merged[key] = (*(known for known in old.get(key, ()) if known != digest), digest)
    return merged


def too_many(wanted: int, left: int) -> str:
    """What is wrong with so many objects of Git beside so many that left it and still exist; empty when they fit."""
    if wanted > LIMIT:
        return f"Git holds {wanted} objects, more than the {LIMIT} of one GitSync; split it"
    if left > LIMIT:
        return (
            f"{left} objects that left Git are still there, more than {LIMIT}: go back to a commit that lets them be pruned, "
            f"or delete them by hand"
        )
    return ""


def written_hash(spec: Spec, ignored: Sequence[str] = ()) -> str:
    """Identity of a spec as its author wrote it, without what drift rules leave to others."""
    return spec_hash(without(spec, ignored) if ignored else spec)


def without(spec: Spec, ignored: Sequence[str]) -> Spec:
    """The spec less the places that JSON Pointers into the resource (`/spec/...`) name."""
    cut = copy.deepcopy(dict(spec))
    for pointer in ignored:
        parent, last = _parent(cut, pointer)
        if isinstance(parent, dict):
            parent.pop(last, None)
        elif isinstance(parent, list) and last.isdigit() and int(last) < len(parent):
            parent[int(last)] = None  # not removed: the items after it keep their pointers
    return cut


def carried(wanted: Spec, live: Spec, ignored: Sequence[str]) -> Spec:
    """Git's spec with the live values in the places that belong to others; absent there means absent here."""
    merged = copy.deepcopy(dict(wanted))
    for pointer in ignored:
        source, last = _parent(live, pointer)
        target, _ = _parent(merged, pointer)
        if isinstance(target, dict):
            if isinstance(source, Mapping) and last in source:
                target[last] = copy.deepcopy(source[last])
            else:
                target.pop(last, None)
        elif isinstance(target, list) and isinstance(source, list) and last.isdigit():
            at = int(last)
            if at < len(target) and at < len(source):
                target[at] = copy.deepcopy(source[at])
    return merged


def _parent(spec: Json, pointer: str) -> tuple[Json, str]:
    """The container a pointer ends in and its last step; (None, "") when the way there does not exist."""
    parts = steps(pointer)
    if len(parts) < 2 or parts[0] != "spec":
        return None, ""
    node = spec
    for part in parts[1:-1]:
        if isinstance(node, Mapping):
            node = node.get(part)
        elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            return None, ""
    return node, parts[-1]
