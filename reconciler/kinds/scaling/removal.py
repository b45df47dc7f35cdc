"""How variants that are not wanted any more are left: their policy goes, and their target with the last policy on it.

Only what we registered goes: a target that somebody else registered in its place is theirs. What is gone is gone, whoever took it:
an endpoint's deletion takes its scaling along.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from reconciler.core.decision import Call, Notice
from reconciler.core.kind import Pass
from reconciler.core.records.remote_object import read_lag
from reconciler.core.records.scaling import ScalingTarget
from reconciler.kinds.scaling.observed import VariantObserved, is_owned
from reconciler.kinds.scaling.rules import delete_policy

__all__ = ["VariantRemoval"]


@dataclass(frozen=True)
class VariantRemoval:
    """One variant that is left."""

    this: Pass
    record: ScalingTarget
    seen: VariantObserved

    @property
    def calls(self) -> tuple[Call, ...]:
        if self._nothing_left:
            return ()
        delete = (self._delete,) if self.record.policy_name and not self._policy_deleted else ()
        deregister = () if self._others else (Call("DeregisterScalableTarget", self.record.variant.params),)
        return *delete, *deregister

    @property
    def is_over(self) -> bool:
        """Whether it may be forgotten: nothing that we made is there, and no registration may still arrive."""
        return self.seen.target_known and self._nothing_left and self.settles_in <= timedelta(0)

    @property
    def settles_in(self) -> timedelta:
        """How long to wait until a registration that nobody saw arrive counts as never made."""
        record = self.record
        if record.registered or not record.requested_at or self.seen.target is not None:
            return timedelta(0)
        return read_lag(record.requested_at, self.this.now)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Of what stays a scalable target although we leave it."""
        if not (self._owned and self._nothing_left and self._others):
            return ()
        others = ", ".join(self._others)
        message = f"{self.record.name} stays a scalable target: {others} scales it too"
        return (Notice("Normal", "ScalingKept", message),)

    @property
    def _owned(self) -> bool:
        return self.seen.target is not None and is_owned(self.this, self.seen)

    @property
    def _nothing_left(self) -> bool:
        """Whether nothing that we made is there any more."""
        policy_gone = self.record.policy_name not in self.seen.policies or self._policy_deleted
        return not self._owned or (policy_gone and bool(self._others))

    @property
    def _others(self) -> list[str]:
        """Policies of others on the target."""
        return [name for name in self.seen.policies if name != self.record.policy_name]

    @property
    def _delete(self) -> Call:
        return delete_policy(self.record)

    @property
    def _policy_deleted(self) -> bool:
        """In this pass."""
        return any(reply.call == self._delete for reply in self.this.replies)
