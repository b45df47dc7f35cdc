"""HyperparameterTuningJob: one SageMaker tuning job per content (the resource spells it with a lower-case p)."""

from __future__ import annotations

from reconciler.core.rules import AtMostOne, ExactlyOne, at
from reconciler.core.schema import Column, Difference, Schema, Source
from reconciler.core.status_schema import RUNS, integer, number, pairs, record, status, string, time
from reconciler.kinds.shared import ADDED_COLUMNS, CREATION_TIME, ROOT, TAGS

_COUNTERS = ".status.trainingJobStatusCounters"


def _definition_differences(definition: str) -> tuple[Difference, ...]:
    # What only Describe fills in.
    return (
        Difference(f"{definition}.ResourceConfig.SelectedInstanceType", leave_out=True),
        Difference(f"{definition}.ResourceConfig.SelectedInstanceCount", leave_out=True),
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
        Difference("HyperParameterTuningJobName", supplied=True),
        # The archived operator let an entry without the name through to SageMaker's own refusal.
        Difference("WarmStartConfig.ParentHyperParameterTuningJobs.HyperParameterTuningJobName", required=False),
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
            hyperParameterTuningJobStatus=string(),
            additional=string(),
            lastCheckTime=time(),
            sageMakerHyperParameterTuningJobName=string(),
            trainingJobStatusCounters=record(
                completed=integer(),
                inProgress=integer(),
                nonRetryableError=integer(),
                retryableError=integer(),
                stopped=integer(),
                totalError=integer(),
            ),
            bestTrainingJob=record(
                creationTime=time(),
                failureReason=string(),
                finalHyperParameterTuningJobObjectiveMetric=record(metricName=string(), type=string(), value=string()),
                objectiveStatus=string(),
                trainingStartTime=time(),
                trainingEndTime=time(),
                trainingJobArn=string(),
                trainingJobName=string(),
                trainingJobStatus=string(),
                tunedHyperParameters=pairs(),
                tuningJobName=string(),
                # A number beside the archived operator's string, which always came out empty.
                objectiveValue=number(),
            ),
        ),
        *RUNS,
    ),
)
