"""Who else uses what a HostingDeployment is about to delete: SageMaker itself would let it go under another live endpoint.

Asked only where something is to be deleted: one List of endpoints and one of configurations, and a Describe for each that is
young enough to use it.
"""

from __future__ import annotations

from collections.abc import Collection

from reconciler.core.errors import DeniedError
from reconciler.core.kind import View
from reconciler.core.records.remote_object import Part
from reconciler.kinds.endpoint_config import ENDPOINT_CONFIG
from reconciler.kinds.hosting.records import HostingRecords
from reconciler.kinds.immutable.immutable_type import ImmutableType
from reconciler.kinds.immutable.users import may_use_any, possible_users
from reconciler.kinds.model import MODEL

__all__ = ["look"]


def look(view: View, parts: HostingRecords, own: str, serving: str) -> dict[str, str]:
    """By the name of each part that another endpoint, or a configuration of somebody else's, names: who that is. `own` is the
    endpoint of this object, `serving` its configuration.
    """
    configs = {name: part for name, part in parts.configs.items() if part.deletable and name != serving}
    models = {name: part for name, part in parts.models.items() if part.deletable}
    try:
        users = _users(view, ENDPOINT_CONFIG, configs, {own})
        going = configs.keys() - users.keys()
        return users | _users(view, MODEL, models, going | {serving})
    except DeniedError as error:
        return dict.fromkeys((*configs, *models), f"somebody, who cannot be asked for ({error}),")


def _users(view: View, kind: ImmutableType, parts: dict[str, Part], but: Collection[str]) -> dict[str, str]:
    """Users that `but` does not name, by what they use."""
    found: dict[str, str] = {}
    if not parts:
        return found
    for name, described in possible_users(kind, view, [part.creation_time for part in parts.values()], but):
        for used in parts if may_use_any(kind, described) else parts.keys() & kind.used(described):
            found.setdefault(used, name)
    return found
