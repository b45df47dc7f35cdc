"""HyperparameterTuningJob: one SageMaker tuning job per content (the resource spells it with a lower-case p)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from reconciler.core.archived import ArchivedSpec
from reconciler.core.aws.remote import JOB_OVER, RemoteKind
from reconciler.core.decision import Decision, Phase
from reconciler.core.kind import Kind, Logs, Pass, Shown, View
from reconciler.core.records.common import status
from reconciler.core.records.run import RUNS, Run
from reconciler.core.resource import Resource
from reconciler.core.schema.declaration import ApiDifference, Column, Schema, Source
from reconciler.core.schema.problems import Problem
from reconciler.core.schema.reference import Given, Provider
from reconciler.core.schema.rules import AtMostOne, ExactlyOne, at
from reconciler.core.schema.status import integer, number, pairs, record, string, time
from reconciler.core.values import Answer, Json, JsonObject, Spec, Status
from reconciler.kinds import archived_operator
from reconciler.kinds.jobs import deciding, declaration, observed, spawned
from reconciler.kinds.jobs.deciding import job_kind
from reconciler.kinds.jobs.job_type import JobType
from reconciler.kinds.jobs.observed import JobObserved
from reconciler.kinds.jobs.runs import ran_out
from reconciler.kinds.shared import ADDED_COLUMNS, ADDITIONAL, CREATION_TIME, JOB_STATUS, NO_CHECK_TIME, ROOT, TAGS
from reconciler.kinds.training_job import definition_findings

_COUNTERS = ".status.trainingJobStatusCounters"


def _definition_differences(definition: str) -> tuple[ApiDifference, ...]:
    # What only Describe fills in.
    return (
        ApiDifference(f"{definition}.ResourceConfig.SelectedInstanceType", leave_out=True),
        ApiDifference(f"{definition}.ResourceConfig.SelectedInstanceCount", leave_out=True),
    )


SCHEMA = Schema(
    kind="HyperparameterTuningJob",
    plural="hyperparametertuningjobs",
    doc="A SageMaker hyperparameter tuning job; it runs once per content.",
    columns=(
        Column("Status", ".status.hyperParameterTuningJobStatus"),
        CREATION_TIME,
        Column("Completed", f"{_COUNTERS}.completed", type="number", format="int64"),
        Column("InProgress", f"{_COUNTERS}.inProgress", type="number", format="int64"),
        Column("Errors", f"{_COUNTERS}.totalError", type="number", format="int64"),
        Column("Stopped", f"{_COUNTERS}.stopped", type="number", format="int64"),
        Column("Best-Training-Job", ".status.bestTrainingJob.trainingJobName"),
        Column("Sagemaker-Job-Name", ".status.sageMakerHyperParameterTuningJobName"),
        *ADDED_COLUMNS,
    ),
    sources=(Source("CreateHyperParameterTuningJob"),),
    differences=(
        TAGS,
        ApiDifference("HyperParameterTuningJobName", supplied=True),
        # The archived operator let an entry without the name through to SageMaker's own refusal.
        ApiDifference(
            "WarmStartConfig.ParentHyperParameterTuningJobs.HyperParameterTuningJobName",
            required=False,
            reference="tuning job",
        ),
        *_definition_differences("TrainingJobDefinition"),
        *_definition_differences("TrainingJobDefinitions"),
    ),
    added=ROOT,
    rules=(
        at("", ExactlyOne(("trainingJobDefinition", "trainingJobDefinitions"))),
        at("trainingJobDefinition.algorithmSpecification", ExactlyOne(("trainingImage", "algorithmName"))),
        at("trainingJobDefinitions.algorithmSpecification", ExactlyOne(("trainingImage", "algorithmName"))),
        at(
            "trainingJobDefinition.inputDataConfig.dataSource",
            AtMostOne(("s3DataSource", "fileSystemDataSource", "datasetSource")),
        ),
    ),
    status=status(
        record(
            hyperParameterTuningJobStatus=JOB_STATUS,
            additional=ADDITIONAL,
            lastCheckTime=NO_CHECK_TIME,
            sageMakerHyperParameterTuningJobName=(string(), "SageMaker's name of the job."),
            trainingJobStatusCounters=(
                record(
                    completed=(integer(), "That completed."),
                    inProgress=(integer(), "That run or are being started."),
                    nonRetryableError=(integer(), "That failed and are not started again."),
                    retryableError=(integer(), "That failed and are started again."),
                    stopped=(integer(), "That were stopped."),
                    totalError=(integer(), "That failed, with or without another start."),
                ),
                "Training jobs of this tuning job by how far they are.",
            ),
            bestTrainingJob=(
                record(
                    creationTime=(time(), "When SageMaker made it."),
                    failureReason=(string(), "Why it failed."),
                    finalHyperParameterTuningJobObjectiveMetric=(
                        record(
                            metricName=(string(), "Name of the metric."),
                            type=(
                                string(),
                                "Whether tuning looks for the greatest or the least: Maximize or Minimize.",
                            ),
                            value=(string(), "Always empty, as the archived operator left it; see objectiveValue."),
                        ),
                        "Its final objective metric.",
                    ),
                    objectiveStatus=(
                        string(),
                        "What tuning made of its final objective metric: Succeeded, Pending or Failed.",
                    ),
                    trainingStartTime=(time(), "When training began on its instances."),
                    trainingEndTime=(time(), "When training ended."),
                    trainingJobArn=(string(), "Its ARN."),
                    trainingJobName=(string(), "Its name."),
                    trainingJobStatus=(string(), "SageMaker's status of it."),
                    tunedHyperParameters=(pairs(), "Hyperparameters that tuning chose for it."),
                    tuningJobName=(string(), "Name of the tuning job that started it."),
                    # A number beside the archived operator's string, which always came out empty.
                    objectiveValue=(number(), "Its final objective metric, as a number."),
                    # Where its artefact is, as DescribeTrainingJob says.
                    modelPath=(string(), "S3 URI of the model that it wrote."),
                ),
                "The training job with the best objective metric so far.",
            ),
        ),
        *RUNS,
    ),
)


@dataclass(frozen=True)
class TuningObserved(JobObserved):
    spawned: tuple[JsonObject, ...] = ()
    """Summaries of the current tuning job's training jobs, where they may have changed."""
    best: JsonObject | None = None
    """Description of the best training job, once the tuning job is over."""


def observe(view: View, this: Pass) -> TuningObserved:
    """Counters are in the List summary; the best training job is in the description alone, which is asked for when the
    summary moved. A training job that appears moves it too, so the children are listed no more often than that.
    """
    return _closely(view, this, observed.observe(JOB, view, this))


def _closely(view: View, this: Pass, seen: JobObserved) -> TuningObserved:
    name = Run.parse(this.past.get("run")).name or str(this.past.get(JOB.status_name) or "")
    found = seen.found.get(name)
    if found is None:
        return TuningObserved(seen.found, seen.owners, seen.digests, seen.contents)
    described = view.describe(JOB.remote.name, name)
    found = found if described is None else described
    return TuningObserved(
        {**seen.found, name: found},
        seen.owners,
        seen.digests,
        seen.contents,
        spawned=() if _was_over(this) else tuple(view.spawned(name)),
        best=_best_described(view, found),
    )


def _was_over(this: Pass) -> bool:
    """By the archived operator's word: the TrainingJobs that it made by then are all there are."""
    return observed.is_first_look(this) and this.past.get(JOB.status_key) in JOB.remote.over


def _best_described(view: View, tuning_job: Answer) -> JsonObject | None:
    name = str((tuning_job.get("BestTrainingJob") or {}).get("TrainingJobName") or "")
    over = tuning_job.get(JOB.remote.status_key) in JOB.remote.over
    return view.describe("TrainingJob", name) if name and over else None


def decide(this: Pass, seen: TuningObserved) -> Decision:
    decision = deciding.decide(_telling_of(seen.best), this, seen)
    if decision.phase is Phase.RELEASED:
        return decision
    children = tuple(_children(this, seen))
    return decision.each(lambda one: replace(one, children=children))


def follow(view: View, this: Pass) -> Decision | None:
    seen = _closely(view, this, observed.look_back(JOB, view, this))
    return deciding.followed(_telling_of(seen.best), this, seen)


def _telling_of(best: JsonObject | None) -> JobType:
    """The job type, its legacy fields with what the description of the best training job says."""
    return replace(JOB, legacy_fields=partial(_legacy_fields, best))


def _legacy_fields(described: Answer | None, this: Pass, name: str, found: Answer) -> dict[str, Json]:
    over = found.get(JOB.remote.status_key) in JOB.remote.over
    fields: dict[str, Json] = {"additional": found.get("FailureReason", "") if over else ""}
    if "TrainingJobStatusCounters" in found:
        fields["trainingJobStatusCounters"] = _counters(found["TrainingJobStatusCounters"])
    if summary := found.get("BestTrainingJob"):
        best = _best(summary)
        artefacts = (described or {}).get("ModelArtifacts") or {}
        known = (this.past.get("bestTrainingJob") or {}) if this.past.get(JOB.status_name) == name else {}
        same = known.get("trainingJobName") == best["trainingJobName"]
        best["modelPath"] = artefacts.get("S3ModelArtifacts") or (known.get("modelPath") if same else None)
        fields["bestTrainingJob"] = best
    return fields


def _counters(counted: Mapping[str, int]) -> dict[str, int]:
    retryable, final = int(counted.get("RetryableError") or 0), int(counted.get("NonRetryableError") or 0)
    return {
        "completed": int(counted.get("Completed") or 0),
        "inProgress": int(counted.get("InProgress") or 0),
        "retryableError": retryable,
        "nonRetryableError": final,
        "totalError": retryable + final,
        "stopped": int(counted.get("Stopped") or 0),
    }


def _best(summary: Answer) -> dict[str, Json]:
    metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric") or {}
    value = metric.get("Value")
    return {
        "creationTime": summary.get("CreationTime"),
        "failureReason": summary.get("FailureReason"),
        "finalHyperParameterTuningJobObjectiveMetric": {
            "metricName": metric.get("MetricName"),
            "type": metric.get("Type"),
            "value": None if value is None else str(value),
        },
        "objectiveStatus": summary.get("ObjectiveStatus"),
        "objectiveValue": value,
        "trainingStartTime": summary.get("TrainingStartTime"),
        "trainingEndTime": summary.get("TrainingEndTime"),
        "trainingJobArn": summary.get("TrainingJobArn"),
        "trainingJobName": summary.get("TrainingJobName"),
        "trainingJobStatus": summary.get("TrainingJobStatus"),
        "tunedHyperParameters": _pairs(summary.get("TunedHyperParameters") or {}),
        "tuningJobName": summary.get("TuningJobName"),
    }


def _pairs(named: JsonObject) -> list[dict[str, str]]:
    return [{"name": name, "value": str(named[name])} for name in sorted(named)]


def _ran_out(found: Answer) -> bool:
    limits = (found.get("HyperParameterTuningJobConfig") or {}).get("ResourceLimits") or {}
    return ran_out(found, limits.get("MaxRuntimeInSeconds"), "CreationTime", "HyperParameterTuningEndTime")


# --- children ---------------------------------------------------------------------------------------------------------

_NOT_OF_A_TRAINING_JOB = frozenset(
    {
        "definitionName",
        "tuningObjective",
        "hyperParameterRanges",
        "staticHyperParameters",
        "hyperParameterTuningResourceConfig",
    }
)


def _children(this: Pass, seen: TuningObserved) -> Iterator[Resource]:
    """A TrainingJob resource for each training job: what its definition says, with the parameters it was given."""
    for summary in seen.spawned:
        definition = _definition(this.spec, str(summary.get("TrainingJobDefinitionName") or ""))
        spec = {key: value for key, value in definition.items() if key not in _NOT_OF_A_TRAINING_JOB}
        static = {pair.get("name"): pair.get("value") for pair in definition.get("staticHyperParameters") or ()}
        spec["hyperParameters"] = _pairs({**static, **(summary.get("TunedHyperParameters") or {})})
        if "resourceConfig" not in spec and (resources := definition.get("hyperParameterTuningResourceConfig")):
            kept = ("instanceType", "instanceCount", "volumeSizeInGB", "volumeKmsKeyId")
            spec["resourceConfig"] = {key: resources[key] for key in kept if key in resources}
        for key in ("region", "sageMakerEndpoint"):
            if key in this.spec:
                spec[key] = this.spec[key]
        yield spawned.child(this.resource, str(summary["TrainingJobName"]), spec)


def _definition(spec: Spec, name: str) -> JsonObject:
    several: Sequence[JsonObject] = spec.get("trainingJobDefinitions") or ()
    named = next((one for one in several if one.get("definitionName") == name), None)
    return named or spec.get("trainingJobDefinition") or (several[0] if several else {})


JOB = JobType(
    remote=RemoteKind(
        "HyperParameterTuningJob",
        "HyperParameterTuningJobSummaries",
        "HyperParameterTuningJobStatus",
        arn_type="hyper-parameter-tuning-job",
        over=JOB_OVER,
        moved_by=("HyperParameterTuningJobStatus", "LastModifiedTime", "TrainingJobStatusCounters"),
    ),
    spec_name="hyperParameterTuningJobName",
    status_name="sageMakerHyperParameterTuningJobName",
    status_key="hyperParameterTuningJobStatus",
    working="ReconcilingTuningJob",
    name_limit=32,
    legacy_fields=partial(_legacy_fields, None),
    limited=_ran_out,
)


def _findings(spec: Spec) -> Iterator[Problem]:
    if definition := spec.get("trainingJobDefinition"):
        yield from definition_findings(definition, "/spec/trainingJobDefinition")
    for index, definition in enumerate(spec.get("trainingJobDefinitions") or []):
        yield from definition_findings(definition, f"/spec/trainingJobDefinitions/{index}")
    limits = (spec.get("hyperParameterTuningJobConfig") or {}).get("resourceLimits") or {}
    most, parallel = limits.get("maxNumberOfTrainingJobs"), limits.get("maxParallelTrainingJobs")
    if most is not None and parallel is not None and parallel > most:
        at = "/spec/hyperParameterTuningJobConfig/resourceLimits/maxParallelTrainingJobs"
        yield Problem(at, "MoreParallelThanAll", "must not be greater than maxNumberOfTrainingJobs")
    parents = (spec.get("warmStartConfig") or {}).get("parentHyperParameterTuningJobs") or []
    for index, parent in enumerate(parents):
        if not parent.get("hyperParameterTuningJobName") and not parent.get("hyperParameterTuningJobRef"):
            at = f"/spec/warmStartConfig/parentHyperParameterTuningJobs/{index}/hyperParameterTuningJobName"
            yield Problem(at, "FieldValueRequired", "is required by SageMaker")


def _shown(status: Status) -> Iterator[Shown]:
    """The tuning job with its counters, and its best training job."""
    counters = status.get("trainingJobStatusCounters") or {}
    words = {"completed": "completed", "inProgress": "in progress", "stopped": "stopped", "totalError": "failed"}
    progress = ", ".join(f"{counters[key]} {word}" for key, word in words.items() if counters.get(key))
    for tuning_job in declaration.shown(JOB.remote.name, JOB.keys, status):
        yield tuning_job._replace(detail=progress)
    best = status.get("bestTrainingJob") or {}
    if best.get("trainingJobName"):
        value = best.get("objectiveValue")
        detail = "" if value is None else f"objective {value:g}"
        yield Shown("TrainingJob", str(best["trainingJobName"]), "best", detail)


def _artefact(status: Status) -> Mapping[str, Given] | str:
    best = status.get("bestTrainingJob") or {}
    path = str(best.get("modelPath") or "")
    given = Given(path, str(best.get("trainingJobName") or ""))
    return {"": given} if path else "has no best training job with an artefact"


def _tuning_job(status: Status) -> Mapping[str, Given] | str:
    name = str(status.get(JOB.status_name) or "")
    return {"": Given(name)} if name else "has no tuning job yet"


KIND: Kind[TuningObserved] = replace(
    job_kind(SCHEMA, JOB),
    observe=observe,
    decide=decide,
    follow=follow,
    shown=_shown,
    gives={"artefact": Provider(_artefact), "tuning job": Provider(_tuning_job)},
    findings=_findings,
    logs=Logs("/aws/sagemaker/TrainingJobs", of_children=True),
    archived=ArchivedSpec(archived_operator.TUNING_JOB, "run"),
)
