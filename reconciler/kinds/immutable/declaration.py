"""What the rest of the project reads of an immutable object's status: what was made, and how people see it."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.kind import Shown
from reconciler.core.records.remote_object import ImmutableObject
from reconciler.core.values import Status
from reconciler.kinds.immutable.immutable_type import ImmutableType

__all__ = ["records", "shown"]


def records(kind: ImmutableType, status: Status) -> tuple[ImmutableObject, ...]:
    return tuple(ImmutableObject.parse(one) for one in status.get(kind.records) or ())


def shown(kind: ImmutableType, status: Status) -> Iterator[Shown]:
    if name := status.get(kind.status_name):
        yield Shown(kind.remote.name, str(name), str(status.get("status") or ""))
