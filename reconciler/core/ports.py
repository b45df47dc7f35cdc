"""What the runtime asks of the outside, at most five methods each. Adapters implement these; tests may fake them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from reconciler.core.resource import Key, Resource
from reconciler.core.values import JsonObject, Status


class Clock(Protocol):
    """`app.settings.SystemClock` is the one that reads the machine's."""

    def now(self) -> datetime:
        """Wall time, aware, UTC: for stamps and comparisons with other stamps of this service."""

    def monotonic(self) -> float:
        """Seconds for measuring; deadlines run on it so that a clock that jumps starts nothing."""


class Cache(Protocol):
    """Objects of our kinds as the informers know them. Reading costs no request."""

    def get(self, key: Key) -> Resource | None:
        """None: not there, or not listed yet (`synced`)."""

    def items(self, kind: str) -> Iterable[Resource]:
        """Of every namespace that is watched."""

    def synced(self) -> bool:
        """Whether every kind was listed at least once: before that, absence means nothing."""

    def subscribe(self, handler: Callable[[Key, Resource | None, Resource | None], None]) -> None:
        """Call `handler(key, old, new)` on every change, in order per object; it must only enqueue."""


class Objects(Protocol):
    """Conditional writes: each carries the resourceVersion that was decided on and raises StaleError otherwise."""

    def get(self, key: Key) -> Resource | None:
        """Read live, past every cache."""

    def replace_status(self, resource: Resource, status: Status) -> Resource:
        """PUT the whole status. Returns the object as it is stored then."""

    def set_finalizers(self, resource: Resource, finalizers: Iterable[str]) -> Resource:
        """Raises StaleError and NotFoundError as every write does."""

    def replace(self, resource: Resource, manager: str) -> Resource:
        """PUT the whole object (spec and metadata) under `manager`."""


class Applier(Protocol):
    """What the sync does to a cluster, possibly impersonating a ServiceAccount."""

    def apply(self, body: JsonObject, *, force: bool = True) -> Resource:
        """Server-side apply as `reconciler-sync`. TerminalError carries the API server's refusal."""

    def delete(self, resource: Resource) -> None:
        """Delete with the uid and resourceVersion as preconditions; absent is success."""

    def replace(self, resource: Resource) -> Resource:
        """PUT at the resourceVersion, as `reconciler-sync`: takes fields away that others added."""


class Events(Protocol):
    """Where Kubernetes Events go."""

    def emit(self, about: Resource, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Fire and forget; never raises, never blocks a pass, equal texts are aggregated."""


class Leader(Protocol):
    """Whether this replica may change anything in AWS."""

    def is_leader(self) -> bool:
        """Checked just before every mutating call: answers from the Lease's own deadline, not from hope."""


@dataclass(frozen=True)
class ClusterPorts:
    """The cluster as every part of the runtime asks it, with who leads and what time it is."""

    cache: Cache
    objects: Objects
    events: Events
    leader: Leader
    clock: Clock
