"""What is asked before anything else of an object: each guard ends the pass, or lets it go on. Their order is the list below.

A guard is a small function of one `Case` and the worker's ports; the first that answers decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from reconciler.core.errors import TerminalError
from reconciler.core.kind import Kind, Pass
from reconciler.core.ports import Events
from reconciler.core.resource import FINALIZER, Annotation, Resource
from reconciler.core.schema.findings import foreign_arns
from reconciler.core.schema.shapes import Structure
from reconciler.runtime.reconcile.children import Children
from reconciler.runtime.reconcile.git_side import GitVerdict
from reconciler.runtime.reconcile.outcome import Next

_PARENT_LOOK = timedelta(seconds=10)


class Definitions(Protocol):
    def terminating(self, kind: str) -> bool:
        """Whether the kind's CustomResourceDefinition is being deleted."""


@dataclass(frozen=True)
class Case:
    """What every guard is given."""

    resource: Resource
    kind: Kind[Any]
    shape: Structure
    git: GitVerdict
    now: datetime


class Effects(Protocol):
    """What a guard may do besides answering."""

    @property
    def children(self) -> Children: ...
    @property
    def definitions(self) -> Definitions: ...
    @property
    def events(self) -> Events: ...
    def release(self, resource: Resource) -> Next:
        """Take the finalizer off and touch nothing in AWS."""

    def suspend(self, case: Case) -> Next:
        """Write that nothing is looked at or done."""


Guard = Callable[[Case, Effects], Next | None]


def child_of_the_archived_operator(case: Case, effects: Effects) -> Next | None:
    """A TrainingJob of a tuning job: its finalizers come off, for nobody else would do it."""
    return Next() if case.resource.spawned and effects.children.free(case.resource) else None


def part_of_a_deployment(case: Case, effects: Effects) -> Next | None:
    """A Model or EndpointConfig that the archived operator made for a HostingDeployment, which takes over what it stands for."""
    left = case.resource.hosting_parent and effects.children.hand_over(case.resource)
    return Next(after=_PARENT_LOOK) if left else None


def already_released(case: Case, _effects: Effects) -> Next | None:
    return Next() if case.resource.deleting and FINALIZER not in case.resource.finalizers else None


def suspended(case: Case, effects: Effects) -> Next | None:
    return effects.suspend(case) if case.resource.suspended and not case.resource.deleting else None


def retained(case: Case, effects: Effects) -> Next | None:
    """Deletion leaves AWS alone when the object says so, and while its CustomResourceDefinition goes: the archived operator's
    chart deletes the definitions on uninstall, and nobody means their endpoints by that.
    """
    resource = case.resource
    if not resource.deleting:
        return None
    if resource.annotations.get(Annotation.DELETION_POLICY) == "retain":
        return effects.release(resource)
    if not effects.definitions.terminating(resource.kind):
        return None
    message = f"the {resource.kind} definition is being deleted: everything in SageMaker is kept as it is"
    effects.events.emit(resource, "Warning", "DefinitionDeleted", message)
    return effects.release(resource)


def edit_is_being_reverted(case: Case, _effects: Effects) -> Next | None:
    return Next(after=case.git.reverting) if case.git.reverting else None


GUARDS: Sequence[Guard] = (
    child_of_the_archived_operator,
    part_of_a_deployment,
    already_released,
    suspended,
    retained,
    edit_is_being_reverted,
)


def partition_mismatch(this: Pass) -> TerminalError | None:
    """ARNs that cannot be used where the spec wants them: SageMaker need not be asked. A spec that moves what exists to another
    region is refused for that.
    """
    if this.resource.deleting or this.region != this.spec.get("region"):
        return None
    found = next(foreign_arns(this.partition.name, this.spec), None)
    return TerminalError(f"{found.path}: {found.message}", found.reason) if found else None
