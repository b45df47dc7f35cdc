"""What each member of status means, for the reference pages: the sentences of the kinds' declarations and of `core/records`.

A record explains its members by the docstrings behind its fields, which Python does not keep: they are read from the source.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cache
from textwrap import dedent

from reconciler.core.records.record import Record, declarations
from reconciler.core.schema.shapes import Field, List, NameValueList, Opaque, Scalar, Shape, StringMap, Structure

_FOR_CONTRIBUTORS = re.compile(r" \((?:D|SM|LO)-\d[^)]*\)| \(docs/[^)]*\)")
_NAME, _VALUE = "Name of the pair.", "Its value."


def meanings(status: Structure, within: str = "") -> Iterator[tuple[str, str]]:
    """Each member's path, as the pages write it (`a[].b`), with its sentence; "" where nobody says anything."""
    said = _said_by_record(status.declared_by)
    for field in status.fields:
        path = f"{within}{field.key}"
        suffix, innermost = _unpacked(field.shape)
        yield path, field.doc or field.meaning or said.get(field.key) or _of_class(innermost)
        if isinstance(innermost, Structure):
            yield from meanings(innermost, f"{path}{suffix}.")


def _unpacked(shape: Shape) -> tuple[str, Structure | Scalar]:
    """What a list or a map holds in the end, and how that is written behind a path."""
    match shape:
        case List(item=item):
            suffix, innermost = _unpacked(item)
            return f"[]{suffix}", innermost
        case StringMap(value=value):
            return "{}", value
        case NameValueList():
            pair = (
                Field(shape.name_key, shape.key, meaning=_NAME),
                Field(shape.value_key, shape.value, meaning=_VALUE),
            )
            return "[]", Structure(pair)
        case Opaque(known=known):
            return "", known
        case _:
            return "", shape


def _said_by_record(record: type | None) -> Mapping[str, str]:
    if record is None or not issubclass(record, Record):
        return {}
    return {key: attributes(declared).get(field, "") for key, (declared, field) in declarations(record).items()}


def _of_class(shape: Structure | Scalar) -> str:
    """What a record says of itself, its first sentence."""
    said = shape.declared_by.__doc__ if isinstance(shape, Structure) and shape.declared_by else None
    return _for_users(re.split(r"(?<=\.)\s", " ".join((said or "").split()), maxsplit=1)[0])


@cache
def attributes(described: type) -> Mapping[str, str]:
    """By field the docstring behind it, of a class and of those it inherits from."""
    found: dict[str, str] = {}
    for one in reversed(described.__mro__):
        if one is not object:
            found |= _of_source(one)
    return found


def _of_source(described: type) -> dict[str, str]:
    [defined] = ast.parse(dedent(inspect.getsource(described))).body
    assert isinstance(defined, ast.ClassDef)
    found = {}
    for member, doc in zip(defined.body, defined.body[1:], strict=False):
        match member, doc:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as said)):
                found[name] = _for_users(" ".join(said.split()))
    return found


def _for_users(said: str) -> str:
    return _FOR_CONTRIBUTORS.sub("", said)
