"""Every resource there is, with the two orders the List operations sort by.

A table per (account, region, kind) keeps its rows by creation and by name, so that a page costs what the page holds
and not what the account holds.
"""

import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from reconciler.dev.simulator.scope import Scope

Answer = dict[str, Any]


@dataclass
class SimulatedPast:
    """What describe and list said from `at` on: the past that a stale read shows."""

    at: float
    described: Answer
    summary: Answer


@dataclass(eq=False)
class SimulatedResource:
    kind: str
    scope: Scope
    name: str
    arn: str
    request: Answer
    """The create request as it came, without Tags: describe is derived from it."""
    created: float
    modified: float
    status: str
    tags: dict[str, str]
    state: Any = None
    """What only its kind understands."""
    order: int = 0
    epoch: int = 0
    """A timer set in an earlier epoch no longer counts: stop and rollback begin a new one."""
    alive: bool = True
    past: list[SimulatedPast] = field(default_factory=list)
    ended: float = 0.0
    watchers: list[Callable[[float], None]] = field(default_factory=list)
    """Called with the moment of every change, and of its end: a tuning job watches its training jobs."""


@dataclass
class SimulatedTable:
    by_name: dict[str, SimulatedResource] = field(default_factory=dict)
    names: list[tuple[str]] = field(default_factory=list)
    creation: list[tuple[float, int, str]] = field(default_factory=list)
    graves: dict[str, SimulatedResource] = field(default_factory=dict)
    """The last owner of a name, while stale reads are asked for."""

    def add(self, resource: SimulatedResource) -> None:
        self.by_name[resource.name] = resource
        bisect.insort(self.names, (resource.name,))
        bisect.insort(self.creation, (resource.created, resource.order, resource.name))

    def remove(self, resource: SimulatedResource) -> None:
        del self.by_name[resource.name]
        del self.names[bisect.bisect_left(self.names, (resource.name,))]
        del self.creation[bisect.bisect_left(self.creation, (resource.created, resource.order, resource.name))]


class SimulatedStore:
    def __init__(self) -> None:
        self._tables: dict[tuple[Scope, str], SimulatedTable] = {}
        self._by_arn: dict[str, SimulatedResource] = {}
        self._added = 0

    def table(self, scope: Scope, kind: str) -> SimulatedTable:
        return self._tables.setdefault((scope, kind), SimulatedTable())

    def get(self, scope: Scope, kind: str, name: str) -> SimulatedResource | None:
        return self.table(scope, kind).by_name.get(name)

    def by_arn(self, arn: str) -> SimulatedResource | None:
        return self._by_arn.get(arn)

    def add(self, resource: SimulatedResource) -> None:
        self._added += 1
        resource.order = self._added
        self.table(resource.scope, resource.kind).add(resource)
        self._by_arn[resource.arn] = resource

    def remove(self, resource: SimulatedResource) -> None:
        resource.alive = False
        self.table(resource.scope, resource.kind).remove(resource)
        if self._by_arn.get(resource.arn) is resource:
            del self._by_arn[resource.arn]

    def all(self, scope: Scope | None = None, kind: str | None = None) -> Iterator[SimulatedResource]:
        for (at, of), table in self._tables.items():
            if scope in (None, at) and kind in (None, of):
                yield from table.by_name.values()

    def clear(self) -> None:
        self._tables.clear()
        self._by_arn.clear()
