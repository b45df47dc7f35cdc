"""`status.run` and `status.runs`: one run of a job, as it is remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from reconciler.core.records.record import Time
from reconciler.core.records.remote_object import RemoteObject
from reconciler.core.schema.rules import AtLeastOne
from reconciler.core.schema.shapes import Field, List
from reconciler.core.values import Json, Status

__all__ = ["MISSING", "RUNS", "Run", "RunRecords"]

MISSING = "Missing"
"""Status of a run that was started and is gone from SageMaker."""


@dataclass(frozen=True)
class Run(RemoteObject):
    """A run is identified by its digest: the content and the run token."""

    readable_if = (AtLeastOne(("name",)),)

    digest: str = ""
    """Identifies the run: of the content, the object and the run token."""
    token: str = ""
    """Value of the annotation `run` that asked for it."""
    requested_at: Time = ""
    """When the create went out last; empty when it was answered with a refusal."""
    started_at: Time = ""
    """When SageMaker was first known to have it."""
    status: str = ""
    """SageMaker's, or `Missing`."""
    commit: str = ""
    """The one that last changed the object's file when the run was asked for."""
    finished_at: Time = ""
    """When it ended."""
    stopped_by: str = ""
    """`other`: somebody else stopped it while it ran; neither we nor a limit of its own did."""
    differs: str = ""
    """`yes`: it was adopted, and is not as the spec says."""
    reason: str = ""
    """Why it ended without success."""
    artefact: str = ""
    """S3 URI of what it wrote."""
    billable_seconds: int | None = None
    """What AWS charges for, as SageMaker counts it."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Final metrics by name."""

    @property
    def started(self) -> bool:
        """Whether SageMaker has or had it: it is never created again (D-4)."""
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


@dataclass(frozen=True)
class RunRecords:
    """Both members of status together."""

    current: Run | None = None
    """The run that the object stands for now."""
    earlier: tuple[Run, ...] = ()
    """Newest first."""

    @classmethod
    def parse(cls, status: Status) -> Self:
        """Of the whole status."""
        run, runs = status.get("run"), status.get("runs")
        listed = runs if isinstance(runs, (list, tuple)) else ()
        return cls(Run.parse(run) if run else None, tuple(Run.parse(one) for one in listed))

    def record(self) -> dict[str, Json]:
        """The two members of status."""
        return {
            "run": self.current.record() if self.current else None,
            "runs": [run.record() for run in self.earlier],
        }

    def __iter__(self) -> Iterator[Run]:
        return iter((*((self.current,) if self.current else ()), *self.earlier))


RUNS: tuple[Field, ...] = (
    Field("run", Run.shape(), doc="The run that this object stands for now."),
    Field("runs", List(Run.shape()), doc="Earlier runs, newest first."),
)
"""The members of a job's status schema."""
