"""A record in status: a frozen dataclass from which its parser, its JSON form and its CRD schema follow.

A field is a member of the JSON object under its name in camel case; `member` says otherwise. So a member that no dataclass
declares cannot be written. What another version wrote and this one does not declare is kept (`unknown`): a pass of an older
controller takes nothing from a newer one's records.

Parsing never fails: status is ours, but people and other versions can write anything into it. A value of a wrong type is the
field's default, which may be the opposite of what it meant; so a pass asks `unreadable` before it parses anything, and changes
nothing in SageMaker where that answers. Empty values (None, "", empty containers, False) are absent in JSON, as everywhere in
status.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from reconciler.core.conditions import is_time
from reconciler.core.schema import shapes
from reconciler.core.schema.problems import UNKNOWN, Problem, problems
from reconciler.core.schema.rules import Rule
from reconciler.core.schema.shapes import Opaque, Scalar, Shape, Structure
from reconciler.core.values import Json, JsonObject

__all__ = ["INLINED", "Record", "Time", "declarations", "declared", "member", "unreadable"]

Time = Annotated[str, "date-time"]
"""RFC 3339 text, as `core.conditions.stamp` writes it; empty: never."""

_UNKNOWN = "unknown"


def member(name: str, *, default: Any, time: bool = False) -> Any:
    """A field whose JSON member is `name`, not the field's own name in camel case. `time`: as if it were a `Time`."""
    return field(metadata={"member": name, "time": time}, default=default)


INLINED = types.MappingProxyType({"inlined": True})
"""Metadata of a field that is a record whose members stand among the parent's own; None where `Record.present` finds nothing."""


@dataclass(frozen=True)
class Record:
    """Base of every record. Subclasses are frozen dataclasses whose fields all have defaults."""

    closed: ClassVar[bool] = False
    """Whether the CRD's schema refuses members that are not declared. Otherwise an older CRD keeps what a newer controller wrote."""

    readable_if: ClassVar[tuple[Rule, ...]] = ()
    """What this record says nothing without: a pass changes nothing where such a rule is broken."""

    unknown: JsonObject = field(default_factory=dict, kw_only=True, compare=False, repr=False)
    """Members that this version does not declare."""

    @classmethod
    def present(cls, found: JsonObject) -> bool:
        """Whether a mapping holds this record at all; asked where it is optional."""
        return bool(found)

    @classmethod
    def parse(cls, found: JsonObject | None) -> Self:
        """From a JSON object; what is missing or of a wrong type is the field's default."""
        found = found if isinstance(found, Mapping) else {}
        values = {one.field: one.read(found) for one in _members(cls)}
        return cls(**values, unknown={key: value for key, value in found.items() if key not in declared(cls)})

    def record(self) -> dict[str, Json]:
        """The JSON object: declared members in their order, then what is not declared."""
        written: dict[str, Json] = {}
        for one in _members(type(self)):
            written |= one.write(getattr(self, one.field))
        return {**written, **self.unknown}

    @classmethod
    def shape(cls) -> Opaque | Structure:
        """The schema of the CRD: what is declared and, unless it is closed, room for what later versions add."""
        members = tuple(shapes.Field(name, shape) for name, shape in _schema(cls).items())
        declared = Structure(members, readable_if=_readable_if(cls), declared_by=cls)
        return declared if cls.closed else Opaque(declared)


def unreadable(shape: Shape, found: Json, at: str = "/status") -> tuple[Problem, ...]:
    """What is not as a status's schema and its records say, but for members that they do not know. `at`: where `found` stands."""
    return tuple(one for one in problems(shape, _without_nulls(found), at) if one.reason != UNKNOWN)


def _without_nulls(value: Json) -> Json:
    """A null is as not there; the API server lets none in."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def declared(record: type[Record]) -> frozenset[str]:
    """Names of all JSON members that a record declares, those of inlined records among them."""
    return frozenset(name for one in _members(record) for name in one.names)


def declarations(record: type[Record]) -> dict[str, tuple[type, str]]:
    """By JSON member the record that declares it, inlined ones among them, and the name of its field there."""
    found: dict[str, tuple[type, str]] = {}
    for one in _members(record):
        found |= declarations(one.record) if one.inlined and one.record else {one.name: (record, one.field)}
    return found


def _readable_if(record: type[Record]) -> tuple[Rule, ...]:
    inlined = (one.record for one in _members(record) if one.inlined and one.record)
    return (*record.readable_if, *(rule for one in inlined for rule in one.readable_if))


def _schema(record: type[Record]) -> Mapping[str, Shape]:
    found: dict[str, Shape] = {}
    for one in _members(record):
        found |= one.schema()
    return found


class _Member:
    """One field of a record, by its resolved type."""

    def __init__(self, declaration: Field[Any], hint: Any) -> None:
        self.field = declaration.name
        self.name = str(declaration.metadata.get("member") or _camel(declaration.name))
        self.inlined = bool(declaration.metadata.get("inlined"))
        self.default = declaration.default if declaration.default is not MISSING else None
        annotated = get_origin(hint) is Annotated
        self.time = annotated or bool(declaration.metadata.get("time"))
        hint = get_args(hint)[0] if annotated else hint
        if get_origin(hint) in (Union, types.UnionType):
            (hint,) = (one for one in get_args(hint) if one is not type(None))
        self.many = get_origin(hint) is tuple
        self.type: type = get_args(hint)[0] if self.many else get_origin(hint) or hint

    @property
    def record(self) -> type[Record] | None:
        return self.type if isinstance(self.type, type) and issubclass(self.type, Record) else None

    @property
    def names(self) -> frozenset[str]:
        return declared(self.record) if self.inlined and self.record else frozenset({self.name})

    def schema(self) -> Mapping[str, Shape]:
        if self.inlined and self.record:
            return _schema(self.record)
        shape = self._shape()
        return {self.name: shapes.List(shape) if self.many else shape}

    def _shape(self) -> Shape:
        if self.record:
            return self.record.shape()
        match self.type:
            case _ if self.time:
                return Scalar("string", format="date-time")
            case t if t is bool:
                return Scalar("boolean")
            case t if t is int:
                return Scalar("integer", format="int64")
            case t if t is float:
                return Scalar("number")
            case t if t is str:
                return Scalar("string")
        return Opaque(Structure(()))

    def read(self, found: JsonObject) -> object:
        if self.inlined and self.record:
            if not self.record.present(found):
                return None
            # What nobody declares among the parent's members is the parent's to keep.
            return self.record.parse({key: found[key] for key in declared(self.record) if key in found})
        value = found.get(self.name)
        if self.many:
            listed = value if isinstance(value, (list, tuple)) else ()
            return tuple(item for one in listed if (item := self._read_one(one)) is not None)
        read = self._read_one(value)
        return self._absent() if read is None else read

    def _absent(self) -> object:
        return {} if self.type is Mapping else self.default

    def _read_one(self, value: Json) -> object:
        """None where there is nothing, or something of another type."""
        if self.record:
            holds = isinstance(value, Mapping) and self.record.present(value)
            return self.record.parse(value) if holds else None
        if self.time:
            return value if is_time(value) else None
        if self.type is str:
            return str(value) if isinstance(value, (str, int, float)) else None
        if self.type is float:
            return float(value) if _is_number(value) else None
        if self.type is int:
            return int(value) if _is_number(value) and value == int(value) else None
        if self.type is Mapping:
            return dict(value) if isinstance(value, Mapping) else None
        return value if isinstance(value, self.type) else None

    def _fits(self, value: object) -> bool:
        if self.type is float:
            return value is None or _is_number(value)
        if self.type is int:
            return value is None or (_is_number(value) and isinstance(value, int))
        return value is None or isinstance(value, self.record or self.type)

    def write(self, value: Json) -> JsonObject:
        """Raises TypeError for a value of another type than the field's: what no reader could read is not written."""
        listed = value if self.many else (value,)
        if not isinstance(listed, (list, tuple)) or not all(map(self._fits, listed)):
            raise TypeError(f"{self.field}: {value!r} is not of the field's type")
        if self.inlined:
            return value.record() if value is not None else {}
        if self.many:
            value = [one.record() if self.record else one for one in value]
        elif self.record and value is not None:
            value = value.record()
        elif self.type is Mapping:
            value = dict(value)
        empty = value is None or value is False or value in ("", [], {})
        return {} if empty else {self.name: value}


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


_KNOWN: dict[type, tuple[_Member, ...]] = {}


def _members(record: type[Record]) -> tuple[_Member, ...]:
    """Worked out once per class: parsing and writing happen in every pass."""
    if record not in _KNOWN:
        hints = get_type_hints(record, include_extras=True)
        _KNOWN[record] = tuple(_Member(one, hints[one.name]) for one in fields(record) if one.name != _UNKNOWN)
    return _KNOWN[record]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
