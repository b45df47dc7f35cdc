"""What a job's runs are called, and what is remembered of them: identity, names, and their records in status."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from reconciler.core.conditions import clip, stamp
from reconciler.core.kind import Pass
from reconciler.core.naming import digest, remote_name
from reconciler.core.ownership import uid_suffix
from reconciler.core.records.run import Run, RunRecords
from reconciler.core.records.taken_over import TakenOver
from reconciler.core.resource import Annotation, Resource
from reconciler.core.schema.shapes import canonical
from reconciler.core.takeover import would_be
from reconciler.core.values import Answer, JsonObject
from reconciler.kinds.jobs.job_type import JobType

__all__ = [
    "OF_THE_SERVICE",
    "RUNS_KEPT",
    "as_written",
    "desired_run",
    "ended",
    "kept",
    "ran_out",
    "recorded_runs",
    "same_content",
    "was_taken_over",
]

RUNS_KEPT = 10
_METRICS_KEPT = 20
_REASON_LIMIT = 1024
_ENDED_AT = ("TrainingEndTime", "TransformEndTime", "ProcessingEndTime", "HyperParameterTuningEndTime")
OF_THE_SERVICE = frozenset({"InProgress", "Completed", "Failed", "Stopping", "Stopped"})


def recorded_runs(job: JobType, this: Pass) -> RunRecords:
    """The runs in status. An object of the archived operator has its job's name alone."""
    past = this.past
    runs = RunRecords.parse(past)
    name = past.get(job.status_name)
    if runs.current or not name:
        return runs
    status = str(past.get(job.status_key) or "")
    run = replace(desired_run(job, this, None, runs.earlier), name=str(name))
    if this.taken:
        run = replace(run, digest=_taken_identity(this, this.taken, run.token))
    if status in OF_THE_SERVICE:
        run = replace(run, started_at=stamp(this.now), status=status)
    # Else its own words for "not yet created", which say nothing about the service: the name is looked up first.
    return replace(runs, current=run)


def desired_run(job: JobType, this: Pass, current: Run | None, earlier: Sequence[Run]) -> Run:
    """The run that spec and token ask for, by the name it would be created under.

    A token that was taken off again asks for nothing: the run it started stays the one that counts.
    """
    token = this.resource.annotations.get(Annotation.RUN)
    if token is None:
        token = current.token if current and same_content(this, current) else ""
    own = _identity(this, token)
    written_back = str(this.resource.spec.get(job.spec_name) or "")
    explicit = str(this.spec.get(job.spec_name) or "")
    first = not any(run.started for run in (current, *earlier) if run)
    chosen = (explicit or written_back) if first else ""
    return Run(
        name=chosen or remote_name(explicit or this.resource.name, own, job.name_limit),
        digest=own,
        token=token,
        region=str(this.spec.get("region") or ""),
    )


def same_content(this: Pass, run: Run) -> bool:
    return _identity(this, run.token) == run.digest


def _identity(this: Pass, token: str) -> str:
    if this.taken and this.as_taken:
        return _taken_identity(this, this.taken, token)
    key = this.resource.key
    content = canonical(this.shape, this.spec)
    return digest([this.identity.cluster, key.namespace, key.kind, key.name, content, token])


def _taken_identity(this: Pass, taken: TakenOver, token: str) -> str:
    """Of what the archived operator ran: whatever way it is written, and whichever of that operator saw it."""
    key = this.resource.key
    return digest([this.identity.cluster, key.namespace, key.kind, key.name, {"takenOver": taken.content}, token])


def was_taken_over(this: Pass) -> Iterator[tuple[Pass, str]]:
    """The pass as if what its spec says had been taken over, and the digest that its job's run would have."""
    for one in would_be(this):
        yield one, _identity(one, this.resource.annotations.get(Annotation.RUN, ""))


def as_written(job: JobType, resource: Resource) -> JsonObject:
    """The spec without the name that the archived operator wrote into it: that one ends in the object's UID."""
    suffix = uid_suffix(resource.uid)
    name = str(resource.spec.get(job.spec_name) or "")
    if suffix and name.endswith(suffix):
        return {key: value for key, value in resource.spec.items() if key != job.spec_name}
    return resource.spec


def kept(job: JobType, earlier: Sequence[Run]) -> tuple[Run, ...]:
    """The newest, and besides them those that must not be forgotten: what still runs, to stop it in the end, and what
    goes by a name that no digest leads back to.
    """
    return tuple(
        run
        for place, run in enumerate(earlier)
        if place < RUNS_KEPT or job.is_running(run) or not run.name.endswith(run.digest)
    )


def ended(run: Run, description: Answer) -> Run:
    """The run with what a description says of its end."""
    at = next((description[key] for key in _ENDED_AT if description.get(key)), None)
    reasons = [str(description[key]) for key in ("FailureReason", "ExitMessage") if description.get(key)]
    output = (description.get("TransformOutput") or {}).get("S3OutputPath")
    return replace(
        run,
        finished_at=stamp(at) if at else run.finished_at,
        reason="" if run.status == "Completed" else clip(": ".join(reasons), _REASON_LIMIT),
        artefact=str((description.get("ModelArtifacts") or {}).get("S3ModelArtifacts") or output or ""),
        billable_seconds=description.get("BillableTimeInSeconds"),
        metrics=dict(_metrics(description)),
    )


def _metrics(description: Answer) -> Iterator[tuple[str, float]]:
    """The final metrics; of a tuning job the best training job's objective."""
    best = (description.get("BestTrainingJob") or {}).get("FinalHyperParameterTuningJobObjectiveMetric")
    metrics = [*(description.get("FinalMetricDataList") or ()), *([best] if best else ())]
    for metric in metrics[:_METRICS_KEPT]:
        # What is no number (a loss that diverged) cannot be said in JSON.
        if metric.get("MetricName") and math.isfinite(metric.get("Value", math.nan)):
            yield clip(str(metric["MetricName"])), float(metric["Value"])


def ran_out(description: Answer, limit_s: float | None, since: str, until: str) -> bool:
    """Whether a job ran for as long as it might, by the members for its start and its end."""
    began, over = description.get(since), description.get(until)
    return limit_s is not None and began is not None and over is not None and (over - began).total_seconds() >= limit_s
