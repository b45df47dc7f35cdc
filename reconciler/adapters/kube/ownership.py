"""Field ownership (metadata.managedFields): moving what one manager updated into what it applied.

The same is done by kubectl and Flux when an object goes over to server-side apply (client-go's `csaupgrade`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Entry = Mapping[str, Any]


def fold_updates(entries: Sequence[Entry], manager: str) -> list[Entry] | None:
    """The entries with `manager`'s updates united with its apply; None when there is nothing to fold.

    Without an apply entry the update becomes one. Entries of a subresource are somebody else's affair.
    """
    updates = [entry for entry in entries if _is(entry, manager, "Update")]
    if not updates:
        return None
    applied = next((entry for entry in entries if _is(entry, manager, "Apply")), None)
    fields: Mapping[str, Any] = applied["fieldsV1"] if applied else {}
    for update in updates:
        fields = _union(fields, update["fieldsV1"])
    merged = {**(applied or updates[0]), "operation": "Apply", "fieldsV1": fields}
    others = [entry for entry in entries if entry is not applied and not any(entry is update for update in updates)]
    return [merged, *others]


def _is(entry: Entry, manager: str, operation: str) -> bool:
    return (
        entry.get("manager") == manager
        and entry.get("operation") == operation
        and not entry.get("subresource")
        and "fieldsV1" in entry
    )


def _union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    shared = {name: _union(one[name], other[name]) for name in one.keys() & other.keys()}
    return {**one, **other, **shared}
