"""`status.targets` of a HostingAutoscalingPolicy: the variants that it made scalable targets, or is about to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from reconciler.core.records.record import Time, member
from reconciler.core.records.remote_object import RemoteObject
from reconciler.core.schema.rules import AtLeastOne
from reconciler.core.schema.shapes import Field, List
from reconciler.core.values import Answer, Params, Status

__all__ = [
    "NAMESPACE",
    "PARTLY_SENT",
    "TARGETS",
    "UNTAGGED",
    "ScalingTarget",
    "VariantTarget",
    "is_variant",
    "scaling_targets",
]

NAMESPACE = "sagemaker"
"""What Application Auto Scaling calls the service whose resources it scales."""

PARTLY_SENT = "unknown"
"""In place of a hash: some of the calls that make it so may not have been carried out."""
UNTAGGED = "none"
"""In place of a hash of tags: the target was recreated, without them."""


@dataclass(frozen=True)
class VariantTarget:
    """A variant of an endpoint, as Application Auto Scaling names it."""

    resource_id: str
    """endpoint/<endpoint>/variant/<variant>"""
    dimension: str

    @classmethod
    def named_in(cls, params: Params) -> Self | None:
        """The one that a call names; None for a call that goes by an ARN."""
        return cls(str(params["ResourceId"]), str(params["ScalableDimension"])) if "ResourceId" in params else None

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return self.resource_id.split("/")[1]

    @property
    def variant(self) -> str:
        """The variant's name."""
        return self.resource_id.split("/")[3]

    @property
    def params(self) -> dict[str, str]:
        """What identifies it in every operation of Application Auto Scaling."""
        return {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": self.resource_id,
            "ScalableDimension": self.dimension,
        }

    @property
    def target(self) -> str:
        """The scalable target's name for `View`."""
        return f"{self.resource_id}|{self.dimension}"

    def policy(self, name: str) -> str:
        """A scaling policy's name for `View`."""
        return f"{self.target}|{name}"


@dataclass(frozen=True)
class ScalingTarget(RemoteObject):
    """A variant that we registered; without `registered_at`, one whose registration was about to go out."""

    readable_if = (AtLeastOne(("resourceId",)),)

    name: str = member("resourceId", default="")
    """The variant, as `endpoint/<endpoint>/variant/<variant>`."""
    dimension: str = ""
    """What is scaled: instances, or the concurrency of a serverless variant."""
    policy_name: str = ""
    """The scaling policy's name."""
    policy_arn: str = ""
    """The scaling policy's ARN."""
    hash: str = ""
    """Digest of what was registered and put last, or `unknown` when only part of it may have been; empty when the
    archived operator did it.
    """
    tag_hash: str = ""
    """Digest of the tags that were set, `none` after it was recreated without them; empty where none were set."""
    tag_keys: str = ""
    """Their keys, with commas between."""
    requested_at: Time = ""
    """When its calls went out last."""
    registered_at: Time = ""
    """When Application Auto Scaling took the registration on."""
    release: str = ""
    """The token of `status.rollout.scaling` that was answered last: when a HostingDeployment took this scaling off."""
    refused: str = ""
    """Digest of what the service refused."""
    message: str = ""
    """What that refusal says."""
    retry_at: Time = ""
    """When it is tried again; empty where it was refused for good."""

    @classmethod
    def present(cls, found: Answer) -> bool:
        return is_variant(str(found.get("resourceId") or ""))

    @property
    def variant(self) -> VariantTarget:
        """As calls name it."""
        return VariantTarget(self.name, self.dimension)

    @property
    def exists(self) -> bool:
        return self.registered or bool(self.arn)

    @property
    def requested(self) -> bool:
        return bool(self.requested_at) and not self.refused

    @property
    def registered(self) -> bool:
        """Whether the service took the registration on."""
        return bool(self.registered_at)


TARGETS = Field("targets", List(ScalingTarget.shape()), doc="The scalable targets and policies this object made.")
"""The member of a HostingAutoscalingPolicy's status schema."""


def scaling_targets(status: Status) -> dict[VariantTarget, ScalingTarget]:
    """`status.targets`, by variant and in their order."""
    listed = status.get("targets")
    found = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, (list, tuple)) else []
    records = [ScalingTarget.parse(one) for one in found if ScalingTarget.present(one)]
    return {record.variant: record for record in records}


def is_variant(resource_id: str) -> bool:
    """Whether the text names a variant of an endpoint."""
    return len(resource_id.split("/")) == 4
