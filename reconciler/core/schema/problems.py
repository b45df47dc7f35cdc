"""The verdict on a manifest without an API server: the same fields refused for the same reasons.

`reason` is the API server's own cause type where it has one (FieldValueRequired, FieldValueTypeInvalid, ...), so both can be
compared field by field; the words are ours and name what would be right. `UnknownField` is ours alone: server-side apply
refuses it before it looks at any value, with a text and no cause. An explicit null is judged as server-side apply judges it; a
plain create would drop it, which the sync does before it asks.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from reconciler.core.conditions import is_time
from reconciler.core.pointers import child
from reconciler.core.schema.declaration import Schema
from reconciler.core.schema.patterns import matches
from reconciler.core.schema.shapes import Field, List, NameValueList, Opaque, Scalar, Shape, StringMap, Structure, given
from reconciler.core.values import Json, JsonObject

__all__ = ["Problem", "api_problems", "manifest_problems", "problems"]

REQUIRED = "FieldValueRequired"
TYPE = "FieldValueTypeInvalid"
INVALID = "FieldValueInvalid"
NOT_SUPPORTED = "FieldValueNotSupported"
TOO_LONG = "FieldValueTooLong"
TOO_MANY = "FieldValueTooMany"
UNKNOWN = "UnknownField"

_ABSENT: tuple[Json, ...] = (None, "", [], {})
"""In status the same as not there."""
_SHOWN = 5
"""Values of an enum and keys of a structure that a message lists in full; more would bury the message."""


@dataclass(frozen=True)
class Problem:
    """One fault of a manifest: a JSON Pointer, a stable reason and a sentence that shows no secret value."""

    path: str
    """JSON Pointer into the manifest."""
    reason: str
    message: str


def problems(shape: Shape, spec: object, at: str = "/spec") -> tuple[Problem, ...]:
    """Everything the API server would refuse in a spec; `at` is the pointer of the spec itself."""
    return tuple(_judge(shape, spec, at))


def _judge(shape: Shape, value: object, at: str) -> Iterator[Problem]:
    if value is None:
        yield Problem(at, TYPE, "null is not a value here; leave the key out")
        return
    match shape:
        case Structure():
            yield from _structure(shape, value, at)
        case Opaque():
            known = {key: item for key, item in value.items() if key in shape.known.by_key} if _is_map(value) else value
            yield from _structure(shape.known, known, at)
        case List():
            yield from _list(shape.item, shape.min_items, shape.max_items, value, at)
        case NameValueList():
            yield from _list(_pair(shape), None, shape.max_items, value, at)
        case StringMap():
            yield from _string_map(shape, value, at)
        case Scalar():
            yield from _scalar(shape, value, at)


def _structure(shape: Structure, value: object, at: str) -> Iterator[Problem]:
    if not _is_map(value):
        yield _wrong_type(at, "an object", value)
        return
    for key, item in value.items():
        there = child(at, key)
        if key in shape.by_key:
            yield from _judge(shape.by_key[key].shape, item, there)
        else:
            moved = dict(shape.moved).get(str(key))
            hint = f"; {moved}" if moved else _suggestion(str(key), shape.by_key)
            yield Problem(there, UNKNOWN, f"unknown field{hint}")
    for field in shape.fields:
        if field.required and field.key not in value:
            yield Problem(f"{at}/{field.key}", REQUIRED, "is required")
    for rule in shape.rules:
        if not rule.holds(value):
            yield Problem(at, INVALID, rule.message)
    if shape.readable_if:
        stated = {key: item for key, item in value.items() if item not in _ABSENT}
        for rule in shape.readable_if:
            if not rule.holds(stated):
                yield Problem(at, INVALID, rule.message)


def _suggestion(key: str, known: Iterable[str]) -> str:
    """The spelling probably meant; capitals are the usual mistake, because the API has others than the resource."""
    by_lower = {name.lower(): name for name in known}
    if key.lower() in by_lower:
        return f'; did you mean "{by_lower[key.lower()]}"?'
    close = difflib.get_close_matches(key.lower(), by_lower, n=1, cutoff=0.75)
    return f'; did you mean "{by_lower[close[0]]}"?' if close else ""


def _list(item: Shape, minimum: int | None, maximum: int | None, value: object, at: str) -> Iterator[Problem]:
    if not _is_list(value):
        yield _wrong_type(at, "a list", value)
        return
    if minimum and len(value) < minimum:
        yield Problem(at, INVALID, f"must have at least {minimum} item{'s' if minimum > 1 else ''}")
    if maximum is not None and len(value) > maximum:
        yield Problem(at, TOO_MANY, f"must have at most {maximum} items, has {len(value)}")
    for index, entry in enumerate(value):
        yield from _judge(item, entry, f"{at}/{index}")


def _pair(shape: NameValueList) -> Structure:
    members = ((shape.name_key, shape.key), (shape.value_key, shape.value))
    return Structure(tuple(Field(key, part, required=key in shape.required) for key, part in members))


def _string_map(shape: StringMap, value: object, at: str) -> Iterator[Problem]:
    if not _is_map(value):
        yield _wrong_type(at, "an object", value)
        return
    if shape.max_items is not None and len(value) > shape.max_items:
        yield Problem(at, TOO_MANY, f"must have at most {shape.max_items} entries, has {len(value)}")
    for key, item in value.items():
        yield from _judge(shape.value, item, child(at, key))


def _scalar(shape: Scalar, value: Json, at: str) -> Iterator[Problem]:
    if not _has_type(shape, value):
        hint = '; put it in quotes: "..."' if shape.type == "string" and isinstance(value, bool | int | float) else ""
        article = "an" if shape.type == "integer" else "a"
        yield _wrong_type(at, f"{article} {shape.type}", value, hint)
    elif isinstance(value, str):
        yield from _string(shape, value, at)
    elif not isinstance(value, bool):
        if shape.format == "int64" and not -_INT64 <= value < _INT64:
            yield Problem(at, INVALID, "must fit 64 bits")
        if shape.minimum is not None and value < shape.minimum:
            yield Problem(at, INVALID, f"must be at least {shape.minimum:g}")
        if shape.maximum is not None and value > shape.maximum:
            yield Problem(at, INVALID, f"must be at most {shape.maximum:g}")


def _has_type(shape: Scalar, value: object) -> bool:
    match shape.type:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "integer":
            # 60.0 is an integer to the API server as well.
            whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            return whole and not isinstance(value, bool)


_INT64 = 2**63
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _string(shape: Scalar, value: str, at: str) -> Iterator[Problem]:
    if shape.max_length is not None and len(value) > shape.max_length:
        yield Problem(at, TOO_LONG, f"must have at most {shape.max_length} characters, has {len(value)}")
        return
    if shape.min_length and len(value) < shape.min_length:
        many = "must not be empty" if shape.min_length == 1 else f"must have at least {shape.min_length} characters"
        yield Problem(at, INVALID, many)
    if shape.pattern is not None and not matches(shape.pattern, value):
        yield Problem(at, INVALID, f"must match {shape.pattern}")
    if shape.enum and value not in shape.enum:
        close = difflib.get_close_matches(value, shape.enum, n=1)
        allowed = ", ".join(shape.enum[:_SHOWN]) + (", ..." if len(shape.enum) > _SHOWN else "")
        meant = f'; did you mean "{close[0]}"?' if close else ""
        yield Problem(at, NOT_SUPPORTED, f"must be one of {allowed}{meant}")
    # Only status has times: the API server also takes offsets that no zone has, which cannot be read.
    if shape.format == "date-time" and not (is_time(value) and _DATE_TIME.fullmatch(value)):
        yield Problem(at, INVALID, "must be a time as RFC 3339 writes it")


def _wrong_type(at: str, wanted: str, value: object, hint: str = "") -> Problem:
    return Problem(at, TYPE, f"must be {wanted}, not {_type_name(value)}{hint}")


def _type_name(value: object) -> str:
    match value:
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int():
            return "an integer"
        case float():
            return "a number"
        case Mapping():
            return "an object"
        case _:
            return "a list"


def _is_map(value: object) -> TypeGuard[JsonObject]:
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeGuard[Sequence[Json]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def api_problems(shape: Shape, spec: object, at: str = "/spec") -> tuple[Problem, ...]:
    """What the API server lets through and SageMaker's own parameter check would not: members the API requires."""
    return tuple(_missing(shape, spec, at))


def _missing(shape: Shape, value: object, at: str) -> Iterator[Problem]:
    match shape:
        case Structure() if _is_map(value):
            set_here = dict(given(shape, value))
            for field, item in set_here.items():
                yield from _missing(field.shape, item, child(at, field.key))
            for field in shape.fields:
                if field.api_required and not field.required and field not in set_here:
                    yield Problem(f"{at}/{field.key}", REQUIRED, "is required by SageMaker")
        case List() if _is_list(value):
            for index, item in enumerate(value):
                yield from _missing(shape.item, item, f"{at}/{index}")
        case NameValueList() if _is_list(value):
            for index, item in enumerate(value):
                if _is_map(item) and not item.get(shape.name_key):
                    yield Problem(f"{at}/{index}/{shape.name_key}", REQUIRED, "is required by SageMaker")
        case _:
            return


_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_NAME_LIMIT = 253
_TOP_LEVEL = ("apiVersion", "kind", "metadata", "spec", "status")


def manifest_problems(schema: Schema, shape: Structure, manifest: JsonObject) -> tuple[Problem, ...]:
    """The whole object: name, unknown keys beside spec, and the spec. Status is the controller's and not looked at."""
    return tuple(_manifest(schema, shape, manifest))


def _manifest(schema: Schema, shape: Structure, manifest: JsonObject) -> Iterator[Problem]:
    if manifest.get("apiVersion") != schema.api_version:
        yield Problem("/apiVersion", NOT_SUPPORTED, f"{schema.kind} is served as {schema.api_version} only")
    yield from _metadata(manifest.get("metadata"))
    for key in manifest:
        if key not in _TOP_LEVEL:
            yield Problem(child("", key), UNKNOWN, f"unknown field{_suggestion(key, _TOP_LEVEL)}")
    if "spec" not in manifest:
        yield Problem("/spec", REQUIRED, "is required")
    else:
        yield from _judge(shape, manifest["spec"], "/spec")


def _metadata(metadata: object) -> Iterator[Problem]:
    if not _is_map(metadata):
        yield Problem("/metadata", REQUIRED, "an object with a name is required")
        return
    name = metadata.get("name")
    if not name and not metadata.get("generateName"):
        yield Problem("/metadata/name", REQUIRED, "is required")
    elif name is not None and (not isinstance(name, str) or len(name) > _NAME_LIMIT or not _NAME.fullmatch(name)):
        yield Problem("/metadata/name", INVALID, "must be lower-case letters, digits, '-' and '.', at most 253 of them")
    for kind in ("labels", "annotations"):
        entries = metadata.get(kind) or {}
        if not _is_map(entries):
            yield _wrong_type(f"/metadata/{kind}", "an object", entries)
            continue
        for key, value in entries.items():
            if not isinstance(value, str):
                hint = '; put it in quotes: "..."'
                yield _wrong_type(child(f"/metadata/{kind}", key), "a string", value if value is not None else [], hint)
