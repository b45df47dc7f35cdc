"""The moments at which a process may die: before and after every write to AWS and to the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.decision import Call
from reconciler.core.errors import RateLimitedError
from reconciler.core.ports import Objects
from reconciler.core.resource import Key, Resource
from reconciler.runtime.observe.observer import Aws


class CrashError(BaseException):
    """The process is gone: nothing of ours may catch this."""


@dataclass
class Boundaries:
    """Counts the moments at which a process may die, and dies at the chosen one."""

    die_at: int | None = None
    passed: list[str] = field(default_factory=list)

    def cross(self, what: str) -> None:
        self.passed.append(what)
        if len(self.passed) - 1 == self.die_at:
            raise CrashError(what)


@dataclass
class BoundedAws:
    """The adapter with a boundary before and after every mutating call."""

    real: Aws
    boundaries: Boundaries
    sent: Callable[[Call], None]

    def read(self, tenant: Any, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.real.read(tenant, operation, params)

    def write(self, tenant: Any, call: Call) -> Mapping[str, Any]:
        self.boundaries.cross(f"before {call.operation}")
        left = True
        try:
            answer = self.real.write(tenant, call)
        except RateLimitedError:
            left = False
            raise
        finally:
            if left:
                self.sent(call)
        self.boundaries.cross(f"after {call.operation}")
        return answer

    def admit(self, tenant: Any, call: Call) -> None:
        self.real.admit(tenant, call)

    def rate(self, tenant: Any, operation: str) -> float:
        return self.real.rate(tenant, operation)


@dataclass
class BoundedObjects:
    """The cluster with a boundary before and after every write."""

    real: Objects
    boundaries: Boundaries

    def get(self, key: Key) -> Resource | None:
        return self.real.get(key)

    def replace_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        self.boundaries.cross("before a status write")
        written = self.real.replace_status(resource, status)
        self.boundaries.cross("after a status write")
        return written

    def set_finalizers(self, resource: Resource, finalizers: Iterable[str]) -> Resource:
        self.boundaries.cross("before a finalizer write")
        written = self.real.set_finalizers(resource, finalizers)
        self.boundaries.cross("after a finalizer write")
        return written

    def replace(self, resource: Resource, manager: str) -> Resource:
        return self.real.replace(resource, manager)
