"""What a HostingDeployment serves or shall serve, by content: the key of history, quarantine and every rollout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.records.record import Record, member

__all__ = ["Content"]


@dataclass(frozen=True)
class Content(Record):
    hash: str = ""
    """Digest over models, variants, data capture and KMS key; empty where it is not known."""
    config: str = member("endpointConfigName", default="")
    """Name of the EndpointConfig."""

    @classmethod
    def present(cls, found: Mapping[str, Any]) -> bool:
        return bool(found.get("endpointConfigName"))
