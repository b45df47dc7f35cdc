"""An identity-based IAM policy, and what it says of one action on one resource. Pure.

Known are Effect, Action and NotAction, Resource and NotResource, and the Condition operators on strings, ARNs, Bool and
Null with their prefixes and IfExists. Anything else is a ValueError: a condition that is not understood must not pass.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

Verdict = Literal["allowed", "denied", "not allowed"]
"""`denied`: by a Deny; `not allowed`: no Allow covers it."""
Matches = Callable[[str, str], bool]
"""(pattern, value)."""

_ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}


@dataclass(frozen=True)
class AccessRequest:
    action: str
    """`<service>:<Operation>`."""
    resource: str
    """An ARN, or `*` for what has none."""
    context: Mapping[str, tuple[str, ...]]
    """Values by condition key, the keys in lower case."""


@dataclass(frozen=True)
class IamPolicy:
    statements: tuple[Mapping[str, Any], ...]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "IamPolicy":
        """Raises ValueError for what is not understood here."""
        statements = _listed(document.get("Statement", ()))
        for statement in statements:
            _check(statement)
        return cls(tuple(statements))

    def verdict(self, request: AccessRequest) -> Verdict:
        """A Deny wins over every Allow."""
        effects = {statement["Effect"] for statement in self.statements if _covers(statement, request)}
        if "Deny" in effects:
            return "denied"
        return "allowed" if "Allow" in effects else "not allowed"


def _check(statement: Mapping[str, Any]) -> None:
    if unknown := set(statement) - _ELEMENTS:
        raise ValueError(f"unknown elements of a statement: {', '.join(sorted(unknown))}")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise ValueError("Effect is Allow or Deny")
    for name in ("Action", "Resource"):
        if (name in statement) == (f"Not{name}" in statement):
            raise ValueError(f"a statement has {name} or Not{name}")
    if "${" in str(statement):
        raise ValueError("policy variables are not understood here")
    for operator in statement.get("Condition") or {}:
        _operator(operator)


def _covers(statement: Mapping[str, Any], request: AccessRequest) -> bool:
    return (
        _names(statement, "Action", request.action, _like_anyhow)
        and _names(statement, "Resource", request.resource, _like)
        and all(
            _holds(operator, request.context.get(key.lower()), _listed(wanted))
            for operator, asked in (statement.get("Condition") or {}).items()
            for key, wanted in asked.items()
        )
    )


def _names(statement: Mapping[str, Any], element: str, value: str, matches: Matches) -> bool:
    if element in statement:
        return any(matches(pattern, value) for pattern in _listed(statement[element]))
    return not any(matches(pattern, value) for pattern in _listed(statement[f"Not{element}"]))


def _holds(operator: str, found: tuple[str, ...] | None, wanted: list[str]) -> bool:
    quantifier, name, if_exists = _operator(operator)
    if name == "Null":
        return (found is None) == (str(wanted[0]).lower() == "true")
    negated = "Not" in name
    if found is None:
        return if_exists or negated or quantifier == "ForAllValues"
    matches = _OPERATORS[name.replace("Not", "")]
    hits = [any(matches(str(pattern), value) for pattern in wanted) != negated for value in found]
    return all(hits) if quantifier == "ForAllValues" or (negated and not quantifier) else any(hits)


def _operator(text: str) -> tuple[str, str, bool]:
    """Quantifier, name, and whether a missing key is no matter."""
    quantifier, _, rest = text.rpartition(":")
    name = rest.removesuffix("IfExists")
    known = name == "Null" or name.replace("Not", "") in _OPERATORS
    if not known or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise ValueError(f"unknown condition operator: {text}")
    return quantifier, name, rest != name


def _equal(pattern: str, value: str) -> bool:
    return pattern == value


def _equal_anyhow(pattern: str, value: str) -> bool:
    return pattern.lower() == value.lower()


def _like(pattern: str, value: str) -> bool:
    return _glob(pattern).fullmatch(value) is not None


def _like_anyhow(pattern: str, value: str) -> bool:
    return _like(pattern.lower(), value.lower())


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """Only `*` and `?` mean something."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


_OPERATORS: Mapping[str, Matches] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": _equal_anyhow,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": _equal_anyhow,
}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | Mapping) else [value]
