"""What a job's runs are called and remembered as: identity, names, and the records in status."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.aws.remote import RemoteKind
from reconciler.core.conditions import clip, stamp
from reconciler.core.kind import Pass, StatusKeys
from reconciler.core.naming import digest, remote_name
from reconciler.core.ownership import uid_suffix
from reconciler.core.resource import Annotation, Resource
from reconciler.core.schema.shapes import canonical
from reconciler.kinds import awaited

RUNS_KEPT = 10
_METRICS_KEPT = 20
_REASON_LIMIT = 1024
_ENDED_AT = ("TrainingEndTime", "TransformEndTime", "ProcessingEndTime", "HyperParameterTuningEndTime")
_NO_TEXT = ("billableSeconds", "metrics")
MISSING = "Missing"
"""Status of a run that was started and is gone from SageMaker."""
_OF_THE_SERVICE = frozenset({"InProgress", "Completed", "Failed", "Stopping", "Stopped"})


@dataclass(frozen=True)
class JobType:
    """What tells one job kind from another."""

    remote: RemoteKind
    spec_name: str
    """Spec key of an explicit job name; the archived operator wrote generated names back into it."""
    status_name: str
    """Legacy status key of the name."""
    status_key: str
    """Legacy status key of the status."""
    working: str
    """Legacy status while the first create meets errors."""
    name_limit: int
    describe_status: Callable[[Pass, str, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
    """(pass, job name, news: a summary or a description, status before) -> the kind's further legacy fields."""
    limited: Callable[[Mapping[str, Any]], bool] = lambda _: False
    """Whether the description of a stopped job says that a limit of its own stopped it."""
    unsettled: Callable[[Mapping[str, Any]], bool] = lambda _: False
    """Whether a finished job still has something running that only Describe shows."""
    needs: awaited.Needs = lambda _request: ()
    secondary_key: str = ""
    """Legacy status key of the secondary status."""

    @property
    def keys(self) -> StatusKeys:
        return StatusKeys(self.status_name, self.status_key, self.secondary_key, self.spec_name)

    @property
    def kind(self) -> str:
        return self.remote.name

    @property
    def create(self) -> str:
        return f"Create{self.remote.name}"

    @property
    def stop(self) -> str:
        return f"Stop{self.remote.name}"


@dataclass(frozen=True)
class Run:
    """One entry of status.run and status.runs. Times are RFC 3339 text."""

    name: str
    digest: str
    token: str = ""
    region: str = ""
    requestedAt: str = ""  # noqa: N815 - fields are spelled as in status
    """When the create went out last; empty when it was answered with a refusal."""
    startedAt: str = ""  # noqa: N815
    creationTime: str = ""  # noqa: N815
    arn: str = ""
    status: str = ""
    commit: str = ""
    """The one that last changed the object's file when the run was asked for."""
    finishedAt: str = ""  # noqa: N815
    stoppedBy: str = ""  # noqa: N815
    """`other`: somebody else stopped it while it ran; neither we nor a limit of its own did."""
    differs: str = ""
    """That it was adopted, and is not as the spec says."""
    reason: str = ""
    """Of an end that was no success."""
    artefact: str = ""
    billableSeconds: int | None = None  # noqa: N815
    metrics: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Run:
        texts = {key: str(record.get(key) or "") for key in cls.__dataclass_fields__ if key not in _NO_TEXT}
        return cls(**texts, billableSeconds=record.get("billableSeconds"), metrics=dict(record.get("metrics") or {}))

    def record(self) -> dict[str, Any]:
        return {key: value for key in self.__dataclass_fields__ if (value := getattr(self, key)) not in ("", None, {})}

    def ended(self, found: Mapping[str, Any]) -> Run:
        """The run with what its description says of its end."""
        at = next((found[key] for key in _ENDED_AT if found.get(key)), None)
        told = [str(found[key]) for key in ("FailureReason", "ExitMessage") if found.get(key)]
        best = (found.get("BestTrainingJob") or {}).get("FinalHyperParameterTuningJobObjectiveMetric")
        metrics = [*(found.get("FinalMetricDataList") or ()), *([best] if best else ())]
        output = (found.get("TransformOutput") or {}).get("S3OutputPath")
        return replace(
            self,
            finishedAt=stamp(at) if at else self.finishedAt,
            reason="" if self.status == "Completed" else clip(": ".join(told), _REASON_LIMIT),
            artefact=str((found.get("ModelArtifacts") or {}).get("S3ModelArtifacts") or output or ""),
            billableSeconds=found.get("BillableTimeInSeconds"),
            # What is no number (a loss that diverged) cannot be said in JSON.
            metrics={
                clip(str(metric["MetricName"])): float(metric["Value"])
                for metric in metrics[:_METRICS_KEPT]
                if metric.get("MetricName") and math.isfinite(metric.get("Value", math.nan))
            },
        )

    @property
    def started(self) -> bool:
        return bool(self.startedAt)


def ran_out(found: Mapping[str, Any], limit_s: float | None, since: str, until: str) -> bool:
    """Whether a job ran for as long as it might, by the members that tell of its beginning and its end."""
    began, ended = found.get(since), found.get(until)
    return (
        limit_s is not None and began is not None and ended is not None and (ended - began).total_seconds() >= limit_s
    )


def as_written(job: JobType, resource: Resource) -> Mapping[str, Any]:
    """The spec without the name that the archived operator wrote into it: that one ends in the object's UID."""
    suffix = uid_suffix(resource.uid)
    name = str(resource.spec.get(job.spec_name) or "")
    if suffix and name.endswith(suffix):
        return {key: value for key, value in resource.spec.items() if key != job.spec_name}
    return resource.spec


def runs_of(job: JobType, this: Pass) -> tuple[Run | None, tuple[Run, ...]]:
    """The current run and the older ones. An object of the archived operator has its job's name alone."""
    past = this.past
    older = tuple(Run.parse(record) for record in past.get("runs") or ())
    if past.get("run"):
        return Run.parse(past["run"]), older
    if name := past.get(job.status_name):
        status = str(past.get(job.status_key) or "")
        run = replace(wanted(job, this, None, older), name=name)
        # Its own words for "not yet created" say nothing about the service: then the name is looked up first.
        return replace(run, startedAt=stamp(this.now), status=status) if status in _OF_THE_SERVICE else run, older
    return None, older


def identity(this: Pass, token: str) -> str:
    key = this.resource.key
    content = canonical(this.shape, this.spec)
    return digest([this.identity.cluster, key.namespace, key.kind, key.name, content, token])


def same_content(this: Pass, run: Run) -> bool:
    return identity(this, run.token) == run.digest


def wanted(job: JobType, this: Pass, current: Run | None, older: Sequence[Run]) -> Run:
    """The run that spec and token ask for, by the name it would be created under.

    A token that was taken off again asks for nothing: the run it started stays the one that counts.
    """
    token = this.resource.annotations.get(Annotation.RUN)
    if token is None:
        token = current.token if current and same_content(this, current) else ""
    own = identity(this, token)
    written_back = str(this.resource.spec.get(job.spec_name) or "")
    explicit = str(this.spec.get(job.spec_name) or "")
    first = not any(run.started for run in (current, *older) if run)
    chosen = (explicit or written_back) if first else ""
    return Run(
        name=chosen or remote_name(explicit or this.resource.name, own, job.name_limit),
        digest=own,
        token=token,
        region=str(this.spec.get("region") or ""),
    )


def kept(job: JobType, older: Sequence[Run]) -> tuple[Run, ...]:
    """The newest, and besides them those that must not be forgotten: what still runs, to stop it in the end, and what
    goes by a name that no digest leads back to.
    """
    return tuple(
        run
        for place, run in enumerate(older)
        if place < RUNS_KEPT
        or (run.started and run.status not in (*job.remote.over, MISSING))
        or not run.name.endswith(run.digest)
    )
