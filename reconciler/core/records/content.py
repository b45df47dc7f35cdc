"""What a HostingDeployment serves or shall serve, by content: the key of history, quarantine and every rollout."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.records.record import Record, member
from reconciler.core.schema.rules import AtLeastOne
from reconciler.core.values import Answer

__all__ = ["Content"]


@dataclass(frozen=True)
class Content(Record):
    """A hash, and the EndpointConfig under which SageMaker knows the content."""

    readable_if = (AtLeastOne(("endpointConfigName",)),)

    hash: str = ""
    """Digest over models, variants, data capture and KMS key; empty where it is not known."""
    config: str = member("endpointConfigName", default="")
    """Name of the EndpointConfig."""

    @classmethod
    def present(cls, found: Answer) -> bool:
        return bool(found.get("endpointConfigName"))
