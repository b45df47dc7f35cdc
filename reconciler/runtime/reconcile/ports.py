"""What a worker asks of the outside: everything it is given but the kinds and its own name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from reconciler.core.notes.past import Started
from reconciler.core.ports import Cache, Clock, Events, Leader, Objects
from reconciler.core.resource import Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.values import JsonObject, Status
from reconciler.runtime.observe.observer import Aws, Observer
from reconciler.runtime.reconcile.children import Children
from reconciler.runtime.reconcile.git_side import Claims


class Definitions(Protocol):
    def terminating(self, kind: str) -> bool:
        """Whether the kind's CustomResourceDefinition is being deleted."""


class Journal(Protocol):
    def status_changes(self, resource: Resource, status: Status, shape: Structure, now: datetime) -> None:
        """Keep the lines for the commit that go with a status, before it is written. Never raises."""


class PastRuns(Protocol):
    def runs(self, resource: Resource) -> Mapping[str, Started] | None:
        """`Pass.past_runs` of an object; answers from memory."""

    def rollouts(self, resource: Resource) -> tuple[JsonObject, ...]:
        """`Pass.past_rollouts` of an object; answers from memory."""


@dataclass(frozen=True)
class Ports:
    cache: Cache
    objects: Objects
    aws: Aws
    observer: Observer
    claims: Claims[Any]
    events: Events
    leader: Leader
    clock: Clock
    definitions: Definitions
    children: Children
    journal: Journal
    memory: PastRuns
