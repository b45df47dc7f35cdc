"""Who uses an immutable object: what keeps it from being deleted, for SageMaker itself would let it go."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta

from reconciler.core.aws.remote import JOB_OVER
from reconciler.core.conditions import moment
from reconciler.core.kind import Pass, View
from reconciler.core.records.record import unreadable
from reconciler.core.records.reference import UsedReference
from reconciler.core.records.remote_object import ImmutableObject
from reconciler.core.rollout import CHANGING
from reconciler.core.schema.shapes import List
from reconciler.core.values import Answer, Json
from reconciler.kinds.immutable.immutable_type import ImmutableType

__all__ = ["may_use_any", "models_of", "possible_users", "user_of"]


def models_of(config: Answer) -> frozenset[str]:
    """The models that an endpoint configuration names."""
    variants = [*(config.get("ProductionVariants") or ()), *(config.get("ShadowProductionVariants") or ())]
    pools = [pool for variant in variants for pool in variant.get("InstancePools") or ()]
    named = [variant.get("ModelName") for variant in variants] + [pool.get("ModelNameOverride") for pool in pools]
    return frozenset(name for name in named if name)


def user_of(kind: ImmutableType, view: View, this: Pass, made: ImmutableObject) -> str:
    """Who uses it, by reads made now; empty: nobody."""
    return _transform_job(this, made) or _user_in_sagemaker(kind, view, made)


def _transform_job(this: Pass, made: ImmutableObject) -> str:
    """One of our transform jobs that runs on it: SageMaker itself does not say which jobs use a model."""
    for other in this.others.items("BatchTransformJob"):
        if (
            _refers_to(made, other.status.get("references") or ())
            and other.status.get("transformJobStatus") not in JOB_OVER
        ):
            return str(other.key)
    return ""


def _refers_to(made: ImmutableObject, references: Json) -> bool:
    """Of what cannot be read nobody knows that it does not."""
    if unreadable(List(UsedReference.shape()), references):
        return True
    return any(UsedReference.parse(one).value == made.name for one in references)


def _user_in_sagemaker(kind: ImmutableType, view: View, made: ImmutableObject) -> str:
    user = kind.user
    if (
        made.used_by
        and " " not in made.used_by
        and (known := view.describe(user.name, made.used_by, fresh=True))
        and _uses(kind, known, made)
    ):
        return made.used_by
    return next((name for name, one in possible_users(kind, view, [made.creation_time]) if _uses(kind, one, made)), "")


def possible_users(
    kind: ImmutableType, view: View, made_at: Collection[str], but: Collection[str] = ()
) -> Iterator[tuple[str, Answer]]:
    """Name and description of what is young enough to use objects made at these times; `but` are not asked about."""
    user = kind.user
    # Whole seconds were recorded, and a user is never older than what it uses.
    since = moment(min(made_at)) - timedelta(seconds=1) if all(made_at) else None
    for summary in view.listing(user.name, {kind.user_filter: since} if since else {}):
        name = str(summary[user.name_key])
        if name in but:
            continue
        described = view.describe(user.name, name, fresh=bool(user.status_key))
        if described is not None:
            yield name, described


def _uses(kind: ImmutableType, user: Answer, made: ImmutableObject) -> bool:
    return made.name in kind.used(user) or may_use_any(kind, user)


def may_use_any(kind: ImmutableType, user: Answer) -> bool:
    """While an endpoint changes, it may still go back to what its description does not mention."""
    return user.get(kind.user.status_key or " ") in CHANGING - {"Creating", "Deleting"}
