"""The records that a HostingDeployment keeps in status, as one value; they are what the next pass knows of this one.

Who is looked at, and what was asked for, is said by these records and never computed again once something may go by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from reconciler.core.conditions import stamp
from reconciler.core.kind import Pass
from reconciler.core.naming import digest, remote_name
from reconciler.core.records.content import Content
from reconciler.core.records.history import History
from reconciler.core.records.quarantine import Quarantine
from reconciler.core.records.remote_object import EndpointRecord, Part, by_name
from reconciler.core.records.rollout import RolloutRecord
from reconciler.core.records.source import SourceRecord
from reconciler.core.status import source
from reconciler.core.values import Answer, Json, Status

__all__ = [
    "HostingRecords",
    "as_recorded",
    "commit_of",
    "endpoint_digest",
    "endpoint_name",
    "garbage",
    "history_limit",
    "identity",
    "is_new_to_us",
    "recorded",
]

_DEFAULT_LIMIT = 10


@dataclass(frozen=True)
class HostingRecords:
    endpoint: EndpointRecord = field(default_factory=EndpointRecord)
    models: Mapping[str, Part] = field(default_factory=dict)
    """By name, in the order of status."""
    configs: Mapping[str, Part] = field(default_factory=dict)
    rollout: RolloutRecord = field(default_factory=RolloutRecord)
    history: History = field(default_factory=History)
    quarantine: Quarantine = field(default_factory=Quarantine)

    @classmethod
    def parse(cls, status: Status) -> Self:
        return cls(
            EndpointRecord.parse(status.get("endpoint")),
            by_name(status.get("models")),
            by_name(status.get("configs")),
            RolloutRecord.parse(status.get("rollout")),
            History.parse(status.get("history")),
            Quarantine.parse(status.get("quarantine")),
        )

    def record(self) -> dict[str, Json]:
        return {
            "models": [part.record() for part in self.models.values()],
            "configs": [part.record() for part in self.configs.values()],
            "rollout": self.rollout.record(),
            "history": self.history.record(),
            "quarantine": self.quarantine.record(),
            "endpoint": self.endpoint.record(),
        }

    def with_rollout(self, **changes: Json) -> Self:
        return replace(self, rollout=replace(self.rollout, **changes))

    def serving(self, config: str) -> Content:
        """What an endpoint with this configuration serves; without a hash where no record says what it was made of."""
        known = self.configs.get(config)
        return Content(known.hash if known else "", config)

    @property
    def exist(self) -> bool:
        """Whether anything was made in SageMaker."""
        return self.endpoint.exists or any(part.exists for part in (*self.models.values(), *self.configs.values()))


# --- the records of the pass before -----------------------------------------------------------------------------------


def is_new_to_us(this: Pass) -> bool:
    """Whether no pass recorded anything yet."""
    return "endpoint" not in this.past


def recorded(this: Pass) -> HostingRecords:
    """As the pass before left them, or the archived operator; without an attempt under a name that turned out to be somebody
    else's and is not wanted any more.
    """
    records, past = HostingRecords.parse(this.past), this.past
    if is_new_to_us(this) and past.get("endpointArn"):
        name = str(past.get("endpointName") or endpoint_name(this))
        found = EndpointRecord(name, str(past["endpointArn"]), str(past.get("creationTime") or ""))
        records = replace(records, endpoint=found)
    records = replace(records, endpoint=replace(records.endpoint, region=this.region))
    rollout = records.rollout
    if rollout.attempt and rollout.foreign not in ("", endpoint_name(this)):
        records = replace(records, rollout=RolloutRecord())
    return records


def identity(this: Pass, records: HostingRecords) -> str:
    """The endpoint's name: what status holds beats what would be computed now, with an ARN or without. While nothing goes by it,
    a name in the spec comes first, and one that turned out to be somebody else's does not count.
    """
    known = str(this.past.get("endpointName") or "")
    if is_new_to_us(this):
        return known or endpoint_name(this)
    if records.endpoint.name and (records.endpoint.exists or records.rollout.attempt):
        return records.endpoint.name
    if this.spec.get("endpointName") or known == RolloutRecord.parse(this.past.get("rollout")).foreign:
        return endpoint_name(this)
    return known or endpoint_name(this)


def as_recorded(records: HostingRecords, found: Answer) -> bool:
    """Whether this is the very endpoint that we recorded, and not one that was recreated under its name."""
    known = records.endpoint
    return known.exists and known.creation_time in ("", stamp(found["CreationTime"]))


def endpoint_digest(this: Pass) -> str:
    key = this.resource.key
    return digest([this.identity.cluster, key.namespace, key.name])


def endpoint_name(this: Pass) -> str:
    """The name that the spec asks for."""
    return str(this.spec.get("endpointName") or "") or remote_name(this.resource.key.name, endpoint_digest(this))


def commit_of(this: Pass) -> SourceRecord:
    """The commit that last changed the object."""
    return source(this.resource).remembered


def history_limit(this: Pass) -> int:
    return int(this.spec.get("revisionHistoryLimit") or _DEFAULT_LIMIT)


def garbage(records: HostingRecords, serving: Content) -> tuple[list[Part], list[Part]]:
    """Configurations and models of which nothing serves, nor may be rolled back to.

    A quarantined configuration is kept: its tag is the mirror of the quarantine. So is what nobody knows the content of, and all
    models while it is not known which of them a kept configuration, or the one that serves, names.
    """
    hashes = {entry.hash for entry in records.history.entries if entry.open or entry.succeeded}
    hashes |= records.quarantine.hashes | {serving.hash}
    named = {entry.config for entry in records.history.entries if not entry.hash} | {serving.config}
    kept = {name for name, config in records.configs.items() if config.hash in {"", *hashes} or name in named}
    needed = {model for name in kept for model in records.configs[name].models}
    serves = {name for name in kept if name == serving.config or records.configs[name].hash == serving.hash}
    needed_known = bool(serves) and all(records.configs[name].models for name in kept)
    return (
        [config for name, config in records.configs.items() if name not in kept and config.deletable],
        [model for name, model in records.models.items() if needed_known and name not in needed and model.deletable],
    )
