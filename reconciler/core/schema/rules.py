"""Rules between fields, each said once and judged twice: by the API server as CEL, offline in Python.

Only relations that SageMaker certainly enforces are here; anything the archived operator let through to a status error stays
a status error. Each form is cheap in CEL's cost estimate because it only asks which fields are there or compares numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from reconciler.core.durations import seconds_of
from reconciler.core.values import JsonObject

__all__ = ["AtLeastOne", "AtMostOne", "ExactlyOne", "NotGreater", "NotShorter", "Requires", "Rule", "at"]


class Rule(Protocol):
    """What core/schema/crd.py writes and core/schema/problems.py asks, of the structure that carries the rule."""

    @property
    def message(self) -> str:
        """For people, with the fields as the resource spells them."""

    def cel(self) -> str:
        """The same rule in Kubernetes' expression language, over `self`."""

    def holds(self, value: JsonObject) -> bool:
        """The same rule in Python, over a JSON object."""


def _has(key: str) -> str:
    return f"has(self.{key})"


def _count(keys: tuple[str, ...]) -> str:
    return " + ".join(f"({_has(key)} ? 1 : 0)" for key in keys)


def _present(keys: tuple[str, ...], value: JsonObject) -> int:
    return sum(value.get(key) is not None for key in keys)


def _spelled(keys: tuple[str, ...]) -> str:
    return f"{', '.join(keys[:-1])} and {keys[-1]}" if len(keys) > 1 else keys[0]


@dataclass(frozen=True)
class ExactlyOne(Rule):
    """One of the fields, and no other of them."""

    keys: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"exactly one of {_spelled(self.keys)} must be set"

    def cel(self) -> str:
        return f"{_count(self.keys)} == 1"

    def holds(self, value: JsonObject) -> bool:
        return _present(self.keys, value) == 1


@dataclass(frozen=True)
class AtMostOne(Rule):
    """Fields that exclude one another."""

    keys: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"at most one of {_spelled(self.keys)} may be set"

    def cel(self) -> str:
        return f"{_count(self.keys)} <= 1"

    def holds(self, value: JsonObject) -> bool:
        return _present(self.keys, value) <= 1


@dataclass(frozen=True)
class AtLeastOne(Rule):
    """One of the fields has to be there."""

    keys: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"{'at least one of ' if len(self.keys) > 1 else ''}{_spelled(self.keys)} must be set"

    def cel(self) -> str:
        return " || ".join(map(_has, self.keys))

    def holds(self, value: JsonObject) -> bool:
        return _present(self.keys, value) >= 1


@dataclass(frozen=True)
class Requires(Rule):
    """Where `key` is set (to `equals`, if given) one of `needs` must be set."""

    key: str
    needs: tuple[str, ...]
    equals: str | None = None

    @property
    def message(self) -> str:
        where = self.key if self.equals is None else f"{self.key} {self.equals}"
        return f"{where} needs {' or '.join(self.needs)}"

    def cel(self) -> str:
        unless = f"!{_has(self.key)}" + (f" || self.{self.key} != '{self.equals}'" if self.equals is not None else "")
        return " || ".join((unless, *map(_has, self.needs)))

    def holds(self, value: JsonObject) -> bool:
        seen = value.get(self.key)
        applies = seen is not None and (self.equals is None or seen == self.equals)
        return not applies or _present(self.needs, value) >= 1


@dataclass(frozen=True)
class NotGreater(Rule):
    """Between two numbers beside one another; it holds where one of them is not set."""

    smaller: str
    larger: str

    @property
    def message(self) -> str:
        return f"{self.smaller} must not be greater than {self.larger}"

    def cel(self) -> str:
        return f"!{_has(self.smaller)} || !{_has(self.larger)} || self.{self.smaller} <= self.{self.larger}"

    def holds(self, value: JsonObject) -> bool:
        small, large = value.get(self.smaller), value.get(self.larger)
        return not isinstance(small, int | float) or not isinstance(large, int | float) or small <= large


@dataclass(frozen=True)
class NotShorter(Rule):
    """A duration has a least value, which is a duration itself; it holds where none is set."""

    key: str
    least: str

    @property
    def message(self) -> str:
        return f"{self.key} must be at least {self.least}"

    def cel(self) -> str:
        # What is no duration is refused by the field's own pattern, and would be an error here.
        given = f"self.{self.key}"
        is_one = f"{given}.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$')"
        return f"!{_has(self.key)} || !{is_one} || duration({given}) >= duration('{self.least}')"

    def holds(self, value: JsonObject) -> bool:
        text = value.get(self.key)
        given, least = seconds_of(text) if isinstance(text, str) else None, seconds_of(self.least)
        return given is None or least is None or given >= least


def at(path: str, *rules: Rule) -> tuple[str, tuple[Rule, ...]]:
    """Rules of the structure at a dotted path of resource keys; the empty path is the spec itself."""
    return path, rules
