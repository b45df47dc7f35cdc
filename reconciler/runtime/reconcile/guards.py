"""What stands before a decision, in two ordered lists.

Guards end the pass before SageMaker is asked, or let it go on: the first that answers decides. A restriction lets the pass
observe, and keeps every call from going out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.core.conditions import moment
from reconciler.core.decision import Phase, Refusal
from reconciler.core.drift.edits import written_by
from reconciler.core.errors import TerminalError
from reconciler.core.findings import foreign_arns
from reconciler.core.kind import Kind, Pass
from reconciler.core.pointers import child
from reconciler.core.records.record import unreadable
from reconciler.core.resource import FINALIZER, Annotation, Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.tenancy import Place
from reconciler.runtime.reconcile.endings import Endings
from reconciler.runtime.reconcile.git_side import GitVerdict
from reconciler.runtime.reconcile.outcome import Next

_PARENT_LOOK = timedelta(seconds=10)
_MEANT_FOR = timedelta(hours=1)
"""How long `deletion-policy: delete` on a live object says that its deletion is meant."""


@dataclass(frozen=True)
class Case:
    """What every guard is given."""

    resource: Resource
    kind: Kind[Any]
    shape: Structure
    git: GitVerdict
    now: datetime


Guard = Callable[[Case, Endings], Next | None]


def child_of_the_archived_operator(case: Case, endings: Endings) -> Next | None:
    """A TrainingJob of a tuning job: its finalizers come off, for nobody else would do it."""
    return Next() if case.resource.spawned and endings.ports.children.free(case.resource) else None


def part_of_a_deployment(case: Case, endings: Endings) -> Next | None:
    """A Model or EndpointConfig that the archived operator made for a HostingDeployment, which takes over what it stands for."""
    left = case.resource.hosting_parent and endings.ports.children.hand_over(case.resource)
    return Next(after=_PARENT_LOOK) if left else None


def already_released(case: Case, _endings: Endings) -> Next | None:
    return Next() if case.resource.deleting and FINALIZER not in case.resource.finalizers else None


def suspended(case: Case, endings: Endings) -> Next | None:
    return (
        endings.suspend(case.resource, case.git, case.shape, case.now)
        if case.resource.suspended and not case.resource.deleting
        else None
    )


def retained(case: Case, endings: Endings) -> Next | None:
    """Deletion leaves AWS alone when the object says so, and while its CustomResourceDefinition goes: the archived operator's
    chart deletes the definitions on uninstall, and nobody means their endpoints by that.
    """
    resource = case.resource
    if not resource.deleting:
        return None
    # What nobody can have meant by "delete" keeps everything: a mistyped `retain` must not take an endpoint with it.
    if resource.annotations.get(Annotation.DELETION_POLICY) not in (None, "", "delete"):
        return endings.release(resource)
    if not endings.ports.definitions.terminating(resource.kind):
        return None
    message = f"the {resource.kind} definition is being deleted: everything in SageMaker is kept as it is"
    endings.ports.events.emit(resource, "Warning", "DefinitionDeleted", message)
    return endings.release(resource)


def comes_back(case: Case, endings: Endings) -> Next | None:
    """A protected object was deleted, and the sync applied it again: it goes on from what the deleted one knew."""
    return endings.hand_on(case.resource) if case.kind.protected and not case.resource.status else None


def protected(case: Case, endings: Endings) -> Next | None:
    """Git still holds it: what serves is not torn down for a `kubectl delete` (D-9.9). The object goes and comes back, which
    waits where nobody could apply it again.
    """
    resource = case.resource
    if not (case.kind.protected and resource.deleting and case.git.in_git) or _meant(resource):
        return None
    frozen = case.git.policy.frozen or (case.git.unread.refusal.message if case.git.unread else "")
    return endings.refuse_deletion(resource, frozen, case.now)


def _meant(resource: Resource) -> bool:
    """Whether somebody wrote `deletion-policy: delete` on the live object within the hour before it was deleted, or since."""
    if resource.annotations.get(Annotation.DELETION_POLICY) != "delete":
        return False
    who = written_by(
        resource.metadata.get("managedFields") or (), child("/metadata/annotations", Annotation.DELETION_POLICY)
    )
    since = moment(str(resource.metadata["deletionTimestamp"])) - _MEANT_FOR
    return who is not None and bool(who.at) and moment(who.at) >= since


def edit_is_being_reverted(case: Case, _endings: Endings) -> Next | None:
    return Next(after=case.git.reverting) if case.git.reverting else None


GUARDS: Sequence[Guard] = (
    child_of_the_archived_operator,
    part_of_a_deployment,
    already_released,
    suspended,
    retained,
    protected,
    comes_back,
    edit_is_being_reverted,
)


def unreadable_status(this: Pass) -> TerminalError | None:
    """Status is the memory of what was made and sent. Where part of it cannot be read nothing is decided: what is not remembered
    would be made again, sent again, or deleted as nobody's.
    """
    # Conditions remember nothing, and are written anew.
    remembered = {key: item for key, item in this.past.items() if key != "conditions"}
    found = next(iter(unreadable(this.kind.schema.status, remembered)), None)
    if found is None:
        return None
    name = f"{this.kind.name.lower()} {this.resource.key.name} -n {this.resource.key.namespace}"
    way_out = f"correct it (`kubectl edit {name} --subresource=status`), then `kubectl sagemaker sync {name}`"
    if this.resource.deleting:
        way_out += f", or annotate {Annotation.DELETION_POLICY}=retain to let go of it"
    message = f"{found.path}: {found.message}; nothing is sent to SageMaker while status cannot be read: {way_out}"
    return TerminalError(message, "StatusUnreadable")


@dataclass(frozen=True)
class Restriction:
    """Why nothing may be changed in AWS in this pass, and how that is shown."""

    refusal: Refusal
    phase: Phase


RestrictionRule = Callable[[Pass, Place, GitVerdict], Restriction | None]


def made_under_another_role(this: Pass, place: Place, _git: GitVerdict) -> Restriction | None:
    """The namespace's role changed since the remote objects were made. Deletion goes on under the role of then."""
    return Restriction(place.conflict, Phase.STALLED) if place.conflict and not this.resource.deleting else None


def arns_of_another_partition(this: Pass, _place: Place, _git: GitVerdict) -> Restriction | None:
    """ARNs that cannot be used where the spec wants them: SageMaker need not be asked. A spec that moves what exists to another
    region is refused for that.

    Raises TerminalError where nothing exists yet that could be observed.
    """
    if this.resource.deleting or this.region != this.spec.get("region"):
        return None
    found = next(foreign_arns(this.partition.name, this.spec), None)
    if found is None:
        return None
    message = f"{found.path}: {found.message}"
    if this.kind.untouched(this.resource.status):
        raise TerminalError(message, found.reason)
    return Restriction(Refusal(found.reason, message), Phase.STALLED)


def edited_in_the_cluster(_this: Pass, _place: Place, git: GitVerdict) -> Restriction | None:
    """The spec is not what Git holds, and stays so for now."""
    return Restriction(git.blocked, Phase.WAITING) if git.blocked else None


RESTRICTIONS: Sequence[RestrictionRule] = (
    made_under_another_role,
    arns_of_another_partition,
    edited_in_the_cluster,
)


def restriction(this: Pass, place: Place, git: GitVerdict) -> Restriction | None:
    """The first that answers."""
    return next((found for rule in RESTRICTIONS if (found := rule(this, place, git)) is not None), None)
