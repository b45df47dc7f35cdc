"""What one decision about a Model or EndpointConfig depends on, and the parts of every decision: status and watches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from reconciler.core.conditions import stamp
from reconciler.core.decision import Decision, Pace, Phase, Watch
from reconciler.core.kind import Pass
from reconciler.core.ownership import Owner, may_adopt
from reconciler.core.records.remote_object import ImmutableObject, read_lag
from reconciler.core.references import Resolved
from reconciler.core.values import Json, JsonObject
from reconciler.kinds.immutable.immutable_type import ImmutableType
from reconciler.kinds.immutable.objects import FAILING
from reconciler.kinds.immutable.observed import ImmutableObserved
from reconciler.kinds.shared import SYNCHRONIZING

__all__ = ["IN_USE_LOOK", "ImmutablePass", "in_use"]

IN_USE_LOOK = timedelta(minutes=1)
_KEPT = 20
"""Records in status. Older ones that are still in use are forgotten, never deleted."""


@dataclass(frozen=True)
class ImmutablePass:
    kind: ImmutableType
    this: Pass
    seen: ImmutableObserved
    refs: Resolved

    def unseen_for(self, made: ImmutableObject) -> timedelta:
        """How much longer it may be missing from reads."""
        return read_lag(made.requested_at, self.this.now)

    def is_foreign(self, made: ImmutableObject) -> bool:
        """Looked at because it is not known to be ours, and it is not."""
        owner = self.seen.owners.get(made.name, Owner.US)
        return owner is Owner.OTHER or (owner is not Owner.US and not may_adopt(self.this))

    def carried(self) -> dict[str, Json]:
        """Legacy fields as they stand in status."""
        kind, past = self.kind, self.this.past
        keys = ("status", kind.status_name, kind.status_arn, "additional", "lastUpdateTime", "references", "collecting")
        return {"status": SYNCHRONIZING, **{key: past[key] for key in keys if past.get(key)}}

    def status(self, made: Sequence[ImmutableObject], fields: JsonObject | None = None) -> dict[str, Json]:
        """The kind's status fields; without `fields` the legacy ones stay as they are. LastUpdateTime moves when one of the
        archived operator's other fields does, not with every look.
        """
        kind, this = self.kind, self.this
        fields = self.carried() if fields is None else fields
        legacy = ("status", kind.status_name, kind.status_arn, "additional")
        moved = any((fields.get(key) or None) != (this.past.get(key) or None) for key in legacy)
        return {
            **fields,
            "lastUpdateTime": stamp(this.now) if moved else this.past.get("lastUpdateTime"),
            kind.records: [one.record() for one in made[:_KEPT]],
        }

    def watches(self, made: Sequence[ImmutableObject]) -> tuple[Watch, ...]:
        return tuple(Watch(self.kind.remote.name, one.name, Pace.SLOW) for one in made if one.arn)

    def stalled(self, made: Sequence[ImmutableObject], reason: str, why: str) -> Decision:
        fields = {**self.carried(), "additional": why}
        if not fields.get(self.kind.status_arn):
            fields |= {"status": FAILING}
        return Decision(Phase.STALLED, reason, why, self.status(made, fields), watches=self.watches(made))


def in_use(made: Sequence[ImmutableObject]) -> str:
    """Who keeps them, for people; empty: nobody."""
    return "; ".join(f"{one.name} is kept while {one.used_by} uses it" for one in made if one.used_by)
