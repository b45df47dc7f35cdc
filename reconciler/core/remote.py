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

    @property
    def page(self) -> Mapping[str, Any]:
        """Parameters of a sweep: the largest page, newest first."""
        return {"MaxResults": 100, "SortBy": "CreationTime", "SortOrder": "Descending"}

    def mark(self, thing: Mapping[str, Any]) -> tuple[Any, ...]:
        """Equal for a summary and a description that tell of the same state."""
        return tuple(thing.get(member) for member in (*self.moved_by, "CreationTime"))

    def named(self, thing: Mapping[str, Any]) -> str:
        return str(thing[self.name_key])

    def asks(self, name: str) -> Mapping[str, Any]:
        """Parameters of a Describe."""
        return {self.name_key: name}

    def answered(self, name: str, answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The thing in the answer to a Describe."""
        del name
        return answer

    def touches(self, params: Mapping[str, Any], name: str) -> bool:
        """Whether a call with these parameters may have changed the thing of that name."""
        return params.get(self.name_key) == name


@dataclass(frozen=True)
class Scaling(Remote):
    """A thing of Application Auto Scaling: one operation lists and describes, in pages of 50, in no order.

    Names are our own: what identifies the thing, joined. Its List shows it whole, so an absent name is in no answer.
    """

    named_by: tuple[str, ...] = ("ResourceId", "ScalableDimension")

    @property
    def describe(self) -> str:
        return f"Describe{self.list_key}"

    @property
    def list(self) -> str:
        return self.describe

    @property
    def page(self) -> Mapping[str, Any]:
        return {"ServiceNamespace": "sagemaker", "MaxResults": 50}

    def named(self, thing: Mapping[str, Any]) -> str:
        return "|".join(str(thing[member]) for member in self.named_by)

    def asks(self, name: str) -> Mapping[str, Any]:
        resource, dimension, *policy = name.split("|", 2)
        asked: dict[str, Any] = {"ServiceNamespace": "sagemaker", "ScalableDimension": dimension}
        return asked | ({"ResourceId": resource, "PolicyNames": policy} if policy else {"ResourceIds": [resource]})

    def answered(self, name: str, answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return next((thing for thing in answer[self.list_key] if self.named(thing) == name), None)

    def touches(self, params: Mapping[str, Any], name: str) -> bool:
        """A target's policies go with it, so whatever is said of the target is about them too."""
        said = f"{params.get('ResourceId')}|{params.get('ScalableDimension')}"
        return name == said or name.startswith(f"{said}|")


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
        Scaling("ScalableTarget", "ScalableTargets", moved_by=("MinCapacity", "MaxCapacity", "SuspendedState")),
        Scaling(
            "ScalingPolicy",
            "ScalingPolicies",
            moved_by=(
                "PolicyType",
                "TargetTrackingScalingPolicyConfiguration",
                "StepScalingPolicyConfiguration",
                "PredictiveScalingPolicyConfiguration",
            ),
            named_by=("ResourceId", "ScalableDimension", "PolicyName"),
        ),
    )
}
