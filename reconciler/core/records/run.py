"""`status.run` and `status.runs`: one run of a job, as it is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.records.record import Time
from reconciler.core.records.remote_object import RemoteObject

__all__ = ["MISSING", "Run"]

MISSING = "Missing"
"""Status of a run that was started and is gone from SageMaker."""


@dataclass(frozen=True)
class Run(RemoteObject):
    """A run is identified by its digest: the content and the run token."""

    digest: str = ""
    token: str = ""
    requested_at: Time = ""
    """When the create went out last; empty when it was answered with a refusal."""
    started_at: Time = ""
    status: str = ""
    """SageMaker's, or `Missing`."""
    commit: str = ""
    """The one that last changed the object's file when the run was asked for."""
    finished_at: Time = ""
    stopped_by: str = ""
    """`other`: somebody else stopped it while it ran; neither we nor a limit of its own did."""
    differs: str = ""
    """`yes`: it was adopted, and is not as the spec says."""
    reason: str = ""
    """Of an end that was no success."""
    artefact: str = ""
    """S3 URI of what it wrote."""
    billable_seconds: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Final metrics by name."""

    @property
    def started(self) -> bool:
        return bool(self.started_at)

    @property
    def exists(self) -> bool:
        return self.started or bool(self.arn)

    @property
    def requested(self) -> bool:
        return bool(self.requested_at)

    @property
    def ours(self) -> bool:
        return bool(self.arn) and self.status != MISSING
