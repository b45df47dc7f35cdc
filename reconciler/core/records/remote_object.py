"""What an object made in AWS, or took over, as status says. By these records it is known again, tagged and let go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.core.conditions import moment
from reconciler.core.records.record import Record, Time
from reconciler.core.schema.rules import AtLeastOne
from reconciler.core.values import Json, JsonObject

__all__ = ["READ_LAG", "EndpointRecord", "ImmutableObject", "Part", "RemoteObject", "by_name", "read_lag"]

READ_LAG = timedelta(seconds=60)
"""What was asked for less than this ago may be missing from a read that came too early (D-8.2)."""


@dataclass(frozen=True)
class RemoteObject(Record):
    """Without an ARN its create was about to go out, and nobody knows more."""

    name: str = ""
    """Its name in AWS."""
    arn: str = ""
    """Its ARN; empty until it is known to exist."""
    creation_time: Time = ""
    """When SageMaker made it: another one under the same name is another object."""
    region: str = ""
    """AWS region that it is in."""

    @property
    def exists(self) -> bool:
        """Whether it was made, as far as is known."""
        return bool(self.arn)

    @property
    def requested(self) -> bool:
        """Whether a request is out that may have made it."""
        return False

    @property
    def ours(self) -> bool:
        """Whether its tags are ours to keep: it is there, and nobody made another one in its place."""
        return bool(self.arn)


@dataclass(frozen=True)
class EndpointRecord(RemoteObject):
    """`status.endpoint` of a HostingDeployment."""

    scaled: tuple[str, ...] = ()
    """Variants that were scalable targets when it was asked last."""


@dataclass(frozen=True)
class ImmutableObject(RemoteObject):
    """A Model or EndpointConfig that a resource of that kind made: SageMaker never changes one."""

    readable_if = (AtLeastOne(("name",)),)

    hash: str = ""
    """Digest of the content it was made for."""
    requested_at: Time = ""
    """When its create went out last."""
    used_by: str = ""
    """What still uses it and so keeps it from being deleted."""
    differs: str = ""
    """`yes`: it was not made by us, and is not as the spec says."""

    @property
    def requested(self) -> bool:
        return bool(self.requested_at)


@dataclass(frozen=True)
class Part(RemoteObject):
    """A Model or EndpointConfig of a HostingDeployment."""

    readable_if = (AtLeastOne(("name",)),)

    hash: str = ""
    """Digest of the content it was made for."""
    models: tuple[str, ...] = ()
    """Of a configuration: the models that its variants name."""
    parameters: Mapping[str, Json] = field(default_factory=dict, hash=False)
    """Of a configuration that was made here: those of CreateEndpointConfig, less name and tags. By them it is made again when it is
    gone and the spec says other content already.
    """
    requested_at: Time = ""
    """When its create went out last."""
    taken: bool = False
    """Made by the archived operator for resources of its own: used, never deleted from here."""
    replaced: bool = False
    """Deleted, and recreated under its name by somebody else: used, never deleted from here."""
    used_by: str = ""
    """Who else uses it, though this object needs it no more: it is kept."""
    used_at: Time = ""
    """When that was asked last."""

    @property
    def requested(self) -> bool:
        return bool(self.requested_at)

    @property
    def ours(self) -> bool:
        return bool(self.arn) and not self.replaced

    @property
    def deletable(self) -> bool:
        """Whether it is ours to delete once nothing uses it."""
        return not (self.taken or self.replaced)


def by_name(records: Iterable[JsonObject] | None) -> dict[str, Part]:
    """`status.models` or `status.configs` of a HostingDeployment, by name and in their order."""
    listed: Sequence[JsonObject] = list(records) if isinstance(records, (list, tuple)) else []
    return {part.name: part for part in map(Part.parse, listed) if part.name}


def read_lag(since: str, now: datetime) -> timedelta:
    """How much longer what was asked for at `since` may be missing from reads: zero when no longer, or when nobody knows since
    when.
    """
    return max(timedelta(0), READ_LAG - (now - moment(since))) if since else timedelta(0)
