"""Checks a request against the service model, and says what is wrong in the service's own words.

botocore sends maxima, patterns and enums unchecked: they are the server's job (SM-99). The text (SM-84) has a
lowerCamel path, list members as `.N.member`, all violations in one answer.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import botocore.session
import regex
from botocore.model import ServiceModel

from reconciler.dev.simulator.errors import ApiError, invalid, unverified

_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float, str),
}


@cache
def service_model(service: str) -> ServiceModel:
    """Read once per process: SageMaker's takes longer than all else that a simulator does at its start."""
    found: ServiceModel = botocore.session.get_session().get_service_model(service)
    return found


class Violation(NamedTuple):
    value: Any
    path: str
    constraint: str

    def __str__(self) -> str:
        shown = "null" if self.value is None else f"'{_java(self.value)}'"
        return f"Value {shown} at '{self.path}' failed to satisfy constraint: {self.constraint}"


def check(shape: Any, request: Mapping[str, Any], newer: Collection[str] = ()) -> None:
    """Raise the one error that lists every violation of `shape`, a botocore shape; `newer` values no enum has yet."""
    found = [str(each) for each in _structure(shape, request, "") if not _is_newer(each, newer)]
    if found:
        noun = "error" if len(found) == 1 else "errors"
        raise invalid(f"{len(found)} validation {noun} detected: {'; '.join(found)}")


def _is_newer(violation: Violation, newer: Collection[str]) -> bool:
    return violation.value in newer if isinstance(violation.value, str) else False


def check_partition(partition: str, request: Any, name: str = "") -> None:
    """Roles and keys of another partition are of no use (SM-100)."""
    if isinstance(request, Mapping):
        for member, value in request.items():
            check_partition(partition, value, member)
    elif isinstance(request, list):
        for value in request:
            check_partition(partition, value, name)
    elif name.endswith(("Arn", "KmsKeyId")):
        start, _, rest = str(request).partition(":")
        if start == "arn" and not rest.startswith(f"{partition}:"):
            raise unverified(f"Invalid ARN {request}: {name} must be of the partition {partition}.")


def _structure(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[Violation]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield Violation(None, _join(path, name), "Member must not be null")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _member(member, value[name], _join(path, name))


def _member(shape: Any, value: Any, path: str) -> Iterator[Violation]:
    wanted = _TYPES.get(shape.type_name)
    if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted)):
        raise ApiError("SerializationException", f"{path}: {type(value).__name__} is no {shape.type_name}")
    match shape.type_name:
        case "structure":
            yield from _structure(shape, value, path)
        case "list":
            yield from _own(shape, value, path)
            for index, item in enumerate(value, start=1):
                yield from _member(shape.member, item, f"{path}.{index}.member")
        case "map":
            yield from _own(shape, value, path)
            yield from _map(shape, value, path)
        case _:
            yield from _own(shape, value, path)


def _map(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[Violation]:
    for subject, part, items in (("Map keys", shape.key, value), ("Map value", shape.value, value.values())):
        broken = {text for item in items for text in _constraints(part, item)}
        if broken:
            yield Violation(value, path, f"{subject} must satisfy constraint: [{', '.join(sorted(broken))}]")


def _own(shape: Any, value: Any, path: str) -> Iterator[Violation]:
    for text in _constraints(shape, value):
        yield Violation(value, path, text)


def _constraints(shape: Any, value: Any) -> Iterator[str]:
    limits = shape.metadata
    if not limits:
        return
    number = shape.type_name in ("integer", "long", "float", "double")
    size, noun = (value, "value") if number else (len(value) if hasattr(value, "__len__") else 0, "length")
    if "min" in limits and size < limits["min"]:
        yield f"Member must have {noun} greater than or equal to {limits['min']}"
    if "max" in limits and size > limits["max"]:
        yield f"Member must have {noun} less than or equal to {limits['max']}"
    if "enum" in limits and value not in limits["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]"
    if "pattern" in limits and isinstance(value, str) and not _pattern(limits["pattern"]).fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {_shown(limits['pattern'])}"


_JAVA_ASTRAL = r"\uD800\uDC00-\uDBFF\uDFFF"
"""All beyond the first plane, in the UTF-16 of Application Auto Scaling's model."""


@cache
def _pattern(text: str) -> regex.Pattern[str]:
    return regex.compile(text.replace(_JAVA_ASTRAL, r"\U00010000-\U0010FFFF"))


def _shown(pattern: str) -> str:
    """The service shows `^` before a pattern of literals; botocore's model has dropped it."""
    return pattern if pattern.startswith(("^", ".")) else f"^{pattern}"


def _java(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_java(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_java(item)}" for key, item in value.items()) + "}"
    return str(value)


def _join(path: str, name: str) -> str:
    camel = name[:1].lower() + name[1:]
    return f"{path}.{camel}" if path else camel
