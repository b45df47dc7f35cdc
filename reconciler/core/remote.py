"""How SageMaker's things are listed, described and recognised as moved (facts of the SageMaker API, 1.1 to 1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Remote:
    name: str
    """SageMaker's own word; operations are built from it."""
    list_key: str
    """Member of the List answer that holds the summaries."""
    status_key: str = ""
    """Empty for what has no life cycle."""
    over: frozenset[str] = frozenset()
    """Statuses that never change again."""
    moved_by: tuple[str, ...] = ()
    """Members, in summary and description alike, that change whenever something worth a Describe happened."""

    @property
    def name_key(self) -> str:
        return f"{self.name}Name"

    @property
    def arn_key(self) -> str:
        return f"{self.name}Arn"

    @property
    def describe(self) -> str:
        return f"Describe{self.name}"

    @property
    def list(self) -> str:
        return f"List{self.name}s"

    def mark(self, thing: Mapping[str, Any]) -> tuple[Any, ...]:
        """Equal for a summary and a description that tell of the same state."""
        return tuple(thing.get(member) for member in (*self.moved_by, "CreationTime"))


_JOB_OVER = frozenset({"Completed", "Failed", "Stopped"})

REMOTES: Mapping[str, Remote] = {
    remote.name: remote
    for remote in (
        Remote(
            "TrainingJob",
            "TrainingJobSummaries",
            "TrainingJobStatus",
            over=_JOB_OVER,
            moved_by=("TrainingJobStatus", "SecondaryStatus", "LastModifiedTime"),
        ),
        Remote(
            "HyperParameterTuningJob",
            "HyperParameterTuningJobSummaries",
            "HyperParameterTuningJobStatus",
            over=_JOB_OVER,
            moved_by=("HyperParameterTuningJobStatus", "LastModifiedTime", "TrainingJobStatusCounters"),
        ),
        # Its description, unlike its summary, has no LastModifiedTime.
        Remote(
            "TransformJob",
            "TransformJobSummaries",
            "TransformJobStatus",
            over=_JOB_OVER,
            moved_by=("TransformJobStatus",),
        ),
        Remote(
            "ProcessingJob",
            "ProcessingJobSummaries",
            "ProcessingJobStatus",
            over=_JOB_OVER,
            moved_by=("ProcessingJobStatus", "LastModifiedTime"),
        ),
        Remote("Model", "Models"),
        Remote("EndpointConfig", "EndpointConfigs"),
        Remote("Endpoint", "Endpoints", "EndpointStatus", moved_by=("EndpointStatus", "LastModifiedTime")),
    )
}
