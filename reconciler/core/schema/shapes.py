"""The shape of a spec: SageMaker's types in the custom resource's spelling, and the walks over them that need nothing else.

A shape tree is built once per kind by adapters/service_model.py from botocore's service model and the kind's declared
differences (core/schema/declaration.py). Everything that must agree about a field reads this one tree: the CRD
(core/schema/crd.py), the verdict on a manifest (core/schema/problems.py), the request, the digest and the masking of
secrets (below). Nothing is typed twice.

Every walk takes a value as the API server stores it and does not judge it: an unknown key, a wrong type or a null is passed
over or kept, never an exception, because specs older than the schema are read as well.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from reconciler.core.pointers import steps
from reconciler.core.schema.reference import Reference
from reconciler.core.schema.rules import Rule
from reconciler.core.values import Answer, Json, JsonObject, Spec

__all__ = [
    "Field",
    "List",
    "NameValueList",
    "Opaque",
    "Scalar",
    "Shape",
    "StringMap",
    "Structure",
    "canonical",
    "child",
    "is_secret",
    "masked",
    "masked_at",
    "strangers",
    "to_request",
    "to_resource",
]

ScalarType = Literal["string", "integer", "number", "boolean"]


@dataclass(frozen=True)
class Scalar:
    """A string, number or boolean and what limits it; `pattern` is RE2 and must match the whole value."""

    type: ScalarType
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    """The closed set of values. An enum that AWS grows is not closed and stays an open string."""
    known: tuple[str, ...] = dataclasses.field(default=(), compare=False)
    """Of an open string: the values that this version of the API's model knows. Others are right as well once AWS has them."""
    format: str | None = None
    secret: bool = False
    """Leaves the cluster only as a digest (D-14.11)."""


@dataclass(frozen=True)
class List:
    """A list, replaced as a whole: Kubernetes treats it as atomic."""

    item: Shape
    min_items: int | None = None
    max_items: int | None = None


@dataclass(frozen=True)
class NameValueList:
    """A map of the API, written as the archived operator did: a list of `{name, value}`, the last of a name winning.

    Neither member is required in the resource, as neither was; a missing one means the empty string.
    """

    key: Scalar
    value: Scalar
    max_items: int | None = None
    name_key: str = "name"
    value_key: str = "value"
    required: tuple[str, ...] = ()
    """Of its two members those that must be there: both of a tag."""
    as_list: tuple[str, str] | None = None
    """The API's own member names where the API has a list of pairs as well (metric dimensions)."""


@dataclass(frozen=True)
class StringMap:
    """A plain map of strings; only our own kinds have one."""

    key: Scalar
    value: Scalar
    max_items: int | None = None


@dataclass(frozen=True)
class Opaque:
    """An object whose further keys are kept as they are: internal records of status, which later versions extend."""

    known: Structure


@dataclass(frozen=True)
class Field:
    """One member of a structure. `api` is None for what is ours alone and never sent."""

    key: str
    shape: Shape
    api: str | None = None
    required: bool = False
    aliases: tuple[str, ...] = ()
    doc: str = ""
    meaning: str = ""
    """What the reference page says of a member that the CRD does not describe."""
    digest: bool = True
    supplied: bool = False
    """A name that the controller makes up where none is given; the empty string is none given, as it was."""
    operations: tuple[str, ...] = ()
    """At the root of a spec: the API operations whose input has this member."""
    reference: Reference | None = None
    api_required: bool = False
    """The API wants it though the resource's schema does not: `reconciler validate` says so, the API server does not."""


@dataclass(frozen=True)
class Structure:
    """An object with known members."""

    fields: tuple[Field, ...]
    rules: tuple[Rule, ...] = ()
    readable_if: tuple[Rule, ...] = ()
    """Of a record in status: what its reader cannot do without. Not in the CRD, which has to keep what people wrote."""
    declared_by: type | None = None
    """Of a record in status: the class whose docstrings explain the members, to who writes the reference pages."""
    moved: tuple[tuple[str, str], ...] = ()
    """Keys of manifests older than the schema, and where each stands now."""

    @cached_property
    def by_key(self) -> Mapping[str, Field]:
        """Fields by every accepted spelling, aliases included."""
        return {spelling: field for field in self.fields for spelling in (field.key, *field.aliases)}


def strangers(shape: Shape, value: Json, at: str = "/spec") -> Iterator[tuple[str, str, Scalar]]:
    """Values of open enums that this version of the API's model does not know: (JSON Pointer, value, shape)."""
    match shape:
        case Structure() if isinstance(value, Mapping):
            for key, item in value.items():
                if key in shape.by_key:
                    yield from strangers(shape.by_key[key].shape, item, f"{at}/{key}")
        case List() if isinstance(value, list):
            for index, item in enumerate(value):
                yield from strangers(shape.item, item, f"{at}/{index}")
        case Scalar() if shape.known and isinstance(value, str) and value not in shape.known:
            yield at, value, shape
        case _:
            return


Shape = Scalar | List | NameValueList | StringMap | Opaque | Structure


def given(structure: Structure, value: JsonObject) -> Iterator[tuple[Field, Json]]:
    """The fields that are set, aliases resolved, nulls passed over. The proper key wins over an alias."""
    for field in structure.fields:
        for spelling in (field.key, *field.aliases):
            item = value.get(spelling)
            if item is not None and not (field.supplied and item == ""):
                yield field, item
                break


def to_request(shape: Structure, spec: Spec, operation: str | None = None) -> dict[str, Json]:
    """Parameters of an API call; with `operation` only the members which that call has.

    What is ours alone is left out, so the caller adds names, owner tags and resolved references.
    """
    return {
        field.api: _request(field.shape, value)
        for field, value in given(shape, spec)
        if field.api is not None and (operation is None or operation in field.operations)
    }


def _request(shape: Shape, value: Json) -> Json:
    match shape:
        case Structure() if isinstance(value, Mapping):
            return to_request(shape, value)
        case List() if isinstance(value, Sequence) and not isinstance(value, str):
            return [_request(shape.item, item) for item in value if item is not None]
        case NameValueList() if isinstance(value, Sequence) and not isinstance(value, str):
            named = _named(shape, value)
            if shape.as_list:
                # Their order means nothing, so one set of pairs is one request.
                return [{shape.as_list[0]: name, shape.as_list[1]: named[name]} for name in sorted(named, key=str)]
            return named
        case Scalar(type="integer" | "number"):
            return _integral(value)
        case _:
            return value


def to_resource(shape: Structure, response: Answer) -> dict[str, Json]:
    """An API answer in the resource's spelling. Members that no spec has (ARNs, times, statuses) are left out."""
    return {
        field.key: _resource(field.shape, response[field.api])
        for field in shape.fields
        if field.api is not None and response.get(field.api) is not None
    }


def _resource(shape: Shape, value: Json) -> Json:
    match shape:
        case Structure() if isinstance(value, Mapping):
            return to_resource(shape, value)
        case List() if isinstance(value, Sequence) and not isinstance(value, str):
            return [_resource(shape.item, item) for item in value]
        case NameValueList():
            pairs = {pair[shape.as_list[0]]: pair[shape.as_list[1]] for pair in value} if shape.as_list else value
            return _pairs(shape, pairs)
        case _:
            return _integral(value)


def canonical(shape: Shape, value: Json) -> Json:
    """What digests are made of (D-1.4): equal for every way of writing the same thing.

    A key that the shape does not know is kept: dropping it would give two contents one digest.
    """
    match shape:
        case Structure() if isinstance(value, Mapping):
            known = {f.key: canonical(f.shape, item) for f, item in given(shape, value) if f.digest}
            unknown = {k: _plain(v) for k, v in value.items() if k not in shape.by_key and v is not None}
            return {key: item for key, item in {**unknown, **known}.items() if item != []}
        case List() if isinstance(value, Sequence) and not isinstance(value, str):
            return [canonical(shape.item, item) for item in value if item is not None]
        case NameValueList() if isinstance(value, Sequence) and not isinstance(value, str):
            return _pairs(shape, _named(shape, value))
        case _:
            return _plain(value)


def masked(shape: Shape, value: Json) -> Json:
    """The same value with every secret leaf replaced by a short digest, fit for notes, Events, drift and comments."""
    match shape:
        case Structure() if isinstance(value, Mapping):
            fields = shape.by_key
            return {k: masked(fields[k].shape, item) if k in fields else item for k, item in value.items()}
        case List() if isinstance(value, Sequence) and not isinstance(value, str):
            return [masked(shape.item, item) for item in value]
        case NameValueList() if shape.value.secret:
            if isinstance(value, Sequence) and not isinstance(value, str):
                return [_masked_pair(shape, item) for item in value]
            return mask(value)
        case Scalar() if shape.secret:
            return mask(value)
        case _:
            return value


def masked_at(shape: Shape, pointer: str, value: Json) -> Json:
    """`masked` for what stands at a JSON Pointer. Something that holds more and that no shape describes is a digest whole."""
    found = child(shape, pointer)
    if found is not None:
        return masked(found, value)
    return mask(value) if is_secret(shape, pointer) or isinstance(value, (Mapping, list)) else value


def _masked_pair(shape: NameValueList, item: Json) -> Json:
    if not isinstance(item, Mapping):
        return mask(item)
    return {key: text if key == shape.name_key else mask(text) for key, text in item.items()}


_MASKED = re.compile(r"changed \(sha256:[0-9a-f]{8}\)\Z")


def mask(value: Json) -> Json:
    """What may be said of a value that may hold a secret; said once, it stays as it is."""
    if value is None or (isinstance(value, str) and _MASKED.match(value)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return f"changed (sha256:{hashlib.sha256(text.encode()).hexdigest()[:8]})"


def child(shape: Shape, pointer: str) -> Shape | None:
    """The shape of what a JSON Pointer names, whether or not a value is there; None for what no shape describes."""
    for key in steps(pointer):
        match shape:
            case Structure() if key in shape.by_key:
                shape = shape.by_key[key].shape
            case List():
                shape = shape.item
            case NameValueList():
                pair = (Field(shape.name_key, shape.key), Field(shape.value_key, shape.value))
                shape = Structure(pair) if key not in (shape.name_key, shape.value_key) else shape.value
            case _:
                return None
    return shape


def is_secret(shape: Shape, pointer: str) -> bool:
    """Whether a pointer names, or leads below, a value that may hold a secret."""
    found: Shape | None = shape
    tokens = pointer.split("/")[1:]
    for depth in range(len(tokens) + 1):
        found = child(shape, "".join("/" + token for token in tokens[:depth]))
        if isinstance(found, NameValueList) and found.value.secret:
            return True
        if found is None:
            return False
    return isinstance(found, Scalar) and found.secret


def _named(shape: NameValueList, value: Sequence[Json]) -> dict[str, Json]:
    """Pairs as a map in the order of the names' last appearance; the archived operator also let the last one win."""
    named: dict[str, Json] = {}
    for item in value:
        if isinstance(item, Mapping):
            name = item.get(shape.name_key)
            text = item.get(shape.value_key)
            named[name if name is not None else ""] = text if text is not None else ""
    return named


def _pairs(shape: NameValueList, named: JsonObject) -> list[dict[str, Json]]:
    return [{shape.name_key: name, shape.value_key: named[name]} for name in sorted(named, key=str)]


def _integral(value: Json) -> Json:
    """60.0 as 60: Kubernetes and YAML writers disagree about which of the two a whole number is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plain(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {k: plain for k, v in value.items() if v is not None and (plain := _plain(v)) != []}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value if item is not None]
    return _integral(value)
