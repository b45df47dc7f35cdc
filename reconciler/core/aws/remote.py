"""How SageMaker's things are listed, described and recognised as moved (facts of the SageMaker API, 1.1 to 1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


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
    arn_type: str = ""
    """The word in its ARNs; empty for what the tagging API is not asked about."""
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
            arn_type="training-job",
            over=_JOB_OVER,
            moved_by=("TrainingJobStatus", "SecondaryStatus", "LastModifiedTime"),
        ),
        Remote(
            "HyperParameterTuningJob",
            "HyperParameterTuningJobSummaries",
            "HyperParameterTuningJobStatus",
            arn_type="hyper-parameter-tuning-job",
            over=_JOB_OVER,
            moved_by=("HyperParameterTuningJobStatus", "LastModifiedTime", "TrainingJobStatusCounters"),
        ),
        # Its description, unlike its summary, has no LastModifiedTime.
        Remote(
            "TransformJob",
            "TransformJobSummaries",
            "TransformJobStatus",
            arn_type="transform-job",
            over=_JOB_OVER,
            moved_by=("TransformJobStatus",),
        ),
        Remote(
            "ProcessingJob",
            "ProcessingJobSummaries",
            "ProcessingJobStatus",
            arn_type="processing-job",
            over=_JOB_OVER,
            moved_by=("ProcessingJobStatus", "LastModifiedTime"),
        ),
        Remote("Model", "Models", arn_type="model"),
        Remote("EndpointConfig", "EndpointConfigs", arn_type="endpoint-config"),
        Remote(
            "Endpoint",
            "Endpoints",
            "EndpointStatus",
            arn_type="endpoint",
            moved_by=("EndpointStatus", "LastModifiedTime"),
        ),
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

_BY_ARN_TYPE = {remote.arn_type: remote for remote in REMOTES.values() if remote.arn_type}


class Thing(NamedTuple):
    """What an ARN names. ARNs carry names in lower case, whatever case they were given in."""

    remote: str
    name: str


def thing(remote: str, name: str) -> Thing:
    return Thing(remote, name.lower())


def named_by(arn: str) -> Thing | None:
    """None for what is none of SageMaker's that we know."""
    parts = arn.split(":", 5)
    kind, _, name = parts[-1].partition("/")
    remote = _BY_ARN_TYPE.get(kind)
    if len(parts) < 6 or parts[2] != "sagemaker" or remote is None or not name:
        return None
    return thing(remote.name, name)
