"""What the archived operator made of a spec: pure functions over values.

Every write of its went through its Go types (LO-19): keys that they do not know were gone from the stored object, and so were false,
"" and empty lists where the type has no pointer (`networkConfig: {enableNetworkIsolation: false}` became `{}`). So of an
object that it worked on nobody can tell whether what is empty was written; it means the same there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.schema.shapes import Structure, canonical
from reconciler.core.values import Json, JsonObject, Spec

__all__ = ["ArchivedSpec", "Keys", "reduced"]

Keys = Mapping[str, "Keys"]
"""A tree of keys; those below a list are of each of its items."""


@dataclass(frozen=True)
class ArchivedSpec:
    """The archived operator's own type of a kind's spec, and where status tells its objects from ours."""

    keys: Keys
    record: str
    """The member of status that this project writes for whatever exists, and that the archived operator had not."""
    content: Callable[[JsonObject], JsonObject] = lambda spec: spec
    """Canonical spec -> the same without defaults that it wrote into the spec."""

    def carried_out(self, shape: Structure, spec: Spec) -> JsonObject:
        """What it acted on: the content in the keys that it knew."""
        return self.meant(shape, self.known(shape, spec))

    def meant(self, shape: Structure, spec: Spec) -> JsonObject:
        """What an author said, also in keys of today."""
        found: JsonObject = reduced(self.content(canonical(shape, spec)))
        return found

    def known(self, shape: Structure, spec: Spec) -> dict[str, Json]:
        """The spec in the keys that it knew, and those that are no content: they are ours to act on."""
        apart = {key: value for key, value in spec.items() if key in shape.by_key and not shape.by_key[key].digest}
        return {**_known(self.keys, spec), **apart}


def _known(keys: Keys, value: Json) -> Json:
    match value:
        case Mapping() if keys:
            return {key: _known(keys[key], item) for key, item in value.items() if key in keys}
        case Sequence() if not isinstance(value, str):
            return [_known(keys, item) for item in value]
        case _:
            return value


def reduced(value: Json) -> Json:
    """Without whatever says no more than its absence: false, zero, "" and what is empty, all the way down. Items stay."""
    match value:
        case Mapping():
            return {key: left for key, item in value.items() if (left := reduced(item))}
        case Sequence() if not isinstance(value, str):
            return [reduced(item) for item in value]
        case _:
            return value
