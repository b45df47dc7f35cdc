"""How the kinds of immutable objects differ."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from reconciler.core.aws.remote import RemoteKind
from reconciler.core.kind import StatusKeys
from reconciler.core.values import JsonObject
from reconciler.kinds import awaited

__all__ = ["ImmutableType"]


@dataclass(frozen=True)
class ImmutableType:
    """What SageMaker never changes, and what another remote object uses for as long as that exists.

    The schema's status declares `status`, `additional`, `lastUpdateTime`, `collecting`, both keys and `records`
    (`kinds/model.py`).
    """

    remote: RemoteKind
    status_name: str
    """Status key of the name."""
    status_arn: str
    records: str
    """Status key of what was made, newest first."""
    user: RemoteKind
    """Whose descriptions show that it is used."""
    user_filter: Literal["CreationTimeAfter", "LastModifiedTimeAfter"]
    """List parameter that leaves out users too old to know it."""
    used: Callable[[JsonObject], Collection[str]]
    """The names that a user's description mentions."""
    content: Callable[[JsonObject], JsonObject] = lambda spec: spec
    """Canonical spec -> what counts."""
    needs: awaited.Needs = lambda _request: ()

    @property
    def keys(self) -> StatusKeys:
        return StatusKeys(self.status_name, "status")

    @property
    def create(self) -> str:
        return f"Create{self.remote.name}"

    @property
    def delete(self) -> str:
        return f"Delete{self.remote.name}"

    @property
    def path(self) -> str:
        return f"/status/{self.status_name}"
