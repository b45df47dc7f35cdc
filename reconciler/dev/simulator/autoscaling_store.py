"""Scalable targets and scaling policies, as Application Auto Scaling keeps them: what `autoscaling.py` changes and what
endpoints ask before they change a variant (SM-152).
"""

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from reconciler.dev.simulator.scope import Scope

Answer = dict[str, Any]

NOT_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}
_ROLE = "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"


class Alarms(Protocol):
    """The part of `world.Neighbours` that is CloudWatch."""

    def drop_alarms(self, scope: Scope, names: Sequence[str]) -> None: ...


class ScalableTargetKey(NamedTuple):
    """What a scalable target is known by."""

    scope: Scope
    resource_id: str
    dimension: str

    @property
    def endpoint(self) -> str:
        return self._parts[1] if len(self._parts) == 4 else ""

    @property
    def variant(self) -> str:
        return self._parts[3] if len(self._parts) == 4 else ""

    @property
    def _parts(self) -> list[str]:
        """`endpoint/<name>/variant/<name>`; anything else names nothing."""
        parts = self.resource_id.split("/")
        return parts if len(parts) == 4 and parts[0] == "endpoint" and parts[2] == "variant" else []

    @property
    def shown(self) -> Answer:
        return {"ServiceNamespace": "sagemaker", "ResourceId": self.resource_id, "ScalableDimension": self.dimension}


@dataclass
class SimulatedPolicy:
    name: str
    arn: str
    type: str
    configuration: Answer
    """Under its API member, `TargetTrackingScalingPolicyConfiguration` or another."""
    created: float
    alarms: list[str] = field(default_factory=list)


@dataclass
class SimulatedTarget:
    where: ScalableTargetKey
    arn: str
    created: float
    least: int
    most: int
    suspended: dict[str, bool]
    tags: dict[str, str]
    policies: dict[str, SimulatedPolicy] = field(default_factory=dict)

    @property
    def role(self) -> str:
        return f"arn:{self.where.scope.partition}:iam::{self.where.scope.account}:role/{_ROLE}"


class SimulatedScaling:
    """Insertion order is creation order. Everything happens under the world's lock."""

    def __init__(self) -> None:
        self._targets: dict[ScalableTargetKey, SimulatedTarget] = {}
        self._made = 0

    def get(self, where: ScalableTargetKey) -> SimulatedTarget | None:
        return self._targets.get(where)

    def by_arn(self, arn: str) -> SimulatedTarget | None:
        return next((target for target in self._targets.values() if target.arn == arn), None)

    def all(self, scope: Scope) -> Iterator[SimulatedTarget]:
        return (target for where, target in self._targets.items() if where.scope == scope)

    def of_endpoint(self, scope: Scope, name: str) -> list[SimulatedTarget]:
        return [target for target in self.all(scope) if target.where.endpoint == name]

    def add(self, where: ScalableTargetKey, least: int, most: int, tags: dict[str, str], at: float) -> SimulatedTarget:
        self._made += 1
        serial = hashlib.sha256(f"{where}{self._made}".encode()).hexdigest()[:36]
        arn = f"arn:{where.scope.partition}:application-autoscaling:{where.scope.region}:{where.scope.account}:scalable-target/{serial}"
        target = self._targets[where] = SimulatedTarget(where, arn, at, least, most, dict(NOT_SUSPENDED), dict(tags))
        return target

    def remove(self, where: ScalableTargetKey, alarms: Alarms) -> None:
        """A target goes with its policies, and those with their alarms."""
        for policy in self._targets.pop(where).policies.values():
            alarms.drop_alarms(where.scope, policy.alarms)

    def unique(self, *parts: str) -> str:
        """A UUID that is the same in every run."""
        self._made += 1
        return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join((*parts, str(self._made)))))

    def clear(self) -> None:
        self._targets.clear()
        self._made = 0
