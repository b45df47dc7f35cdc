"""TrainingJob: one SageMaker training job per content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.core.archived import ArchivedSpec
from reconciler.core.aws.partitions import log_url
from reconciler.core.aws.remote import JOB_OVER, RemoteKind
from reconciler.core.decision import Decision
from reconciler.core.findings import named, twice
from reconciler.core.kind import Logs, Pass, View
from reconciler.core.records.common import status
from reconciler.core.records.run import RUNS, RunRecords
from reconciler.core.schema.declaration import ApiDifference, Column, Schema, Source
from reconciler.core.schema.problems import Problem
from reconciler.core.schema.reference import Given, Provider
from reconciler.core.schema.rules import AtLeastOne, AtMostOne, ExactlyOne, at
from reconciler.core.schema.status import many, record, string, time
from reconciler.core.values import Answer, Json, JsonObject, Spec, Status
from reconciler.kinds import archived_operator
from reconciler.kinds.jobs import deciding, observed, spawned
from reconciler.kinds.jobs.deciding import job_kind
from reconciler.kinds.jobs.job_type import JobType
from reconciler.kinds.jobs.observed import JobObserved
from reconciler.kinds.shared import ADDED_COLUMNS, ADDITIONAL, CREATION_TIME, JOB_STATUS, NO_CHECK_TIME, ROOT, TAGS

SCHEMA = Schema(
    kind="TrainingJob",
    plural="trainingjobs",
    doc="A SageMaker training job; it runs once per content.",
    columns=(
        Column("Status", ".status.trainingJobStatus"),
        Column("Secondary-Status", ".status.secondaryStatus"),
        CREATION_TIME,
        Column("Sagemaker-Job-Name", ".status.sageMakerTrainingJobName"),
        *ADDED_COLUMNS,
    ),
    sources=(Source("CreateTrainingJob"),),
    differences=(
        TAGS,
        ApiDifference("TrainingJobName", supplied=True),
        # The archived operator read the hook's parameters under the rules' key; users' manifests have both.
        ApiDifference("DebugHookConfig.HookParameters", key="ruleParameters", aliases=("hookParameters",)),
        # What only Describe fills in.
        ApiDifference("ResourceConfig.SelectedInstanceType", leave_out=True),
        ApiDifference("ResourceConfig.SelectedInstanceCount", leave_out=True),
    ),
    added=ROOT,
    rules=(
        # SageMaker's model requires neither since serverless jobs exist; a classic job still needs both.
        at("", AtLeastOne(("algorithmSpecification", "serverlessJobConfig"))),
        at("algorithmSpecification", ExactlyOne(("trainingImage", "algorithmName"))),
        at(
            "inputDataConfig.dataSource",
            AtMostOne(("s3DataSource", "fileSystemDataSource", "datasetSource")),
        ),
    ),
    status=status(
        record(
            trainingJobStatus=JOB_STATUS,
            secondaryStatus=(string(), "SageMaker's secondary status; empty while the job is being stopped."),
            additional=ADDITIONAL,
            lastCheckTime=NO_CHECK_TIME,
            cloudWatchLogUrl=(string(), "Page of the job's logs in the CloudWatch console."),
            sageMakerTrainingJobName=(string(), "SageMaker's name of the job."),
            modelPath=(string(), "S3 URI of the model that the job wrote; once it is Completed."),
            debugRuleEvaluationStatuses=(
                many(
                    record(
                        lastModifiedTime=(time(), "When the evaluation changed last."),
                        ruleConfigurationName=(string(), "Name of the rule in the spec."),
                        ruleEvaluationJobArn=(string(), "ARN of the processing job that evaluates it."),
                        ruleEvaluationStatus=(string(), "SageMaker's status of the evaluation."),
                        statusDetail=(string(), "What SageMaker says of that status."),
                    )
                ),
                "How far the evaluation of each debug rule is.",
            ),
        ),
        *RUNS,
    ),
)

_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_UNSETTLED_RULE = ("InProgress", "Stopping")


def _legacy_fields(this: Pass, name: str, found: Answer) -> dict[str, Json]:
    """The archived operator's further fields; secondaryStatus is blank while Stopping, as it was there."""
    status = str(found.get("TrainingJobStatus") or "InProgress")
    secondary = str(found.get("SecondaryStatus") or "Starting")
    over = status in JOB.remote.over
    fields: dict[str, Json] = {
        "secondaryStatus": "" if status == "Stopping" else secondary,
        "additional": found.get("FailureReason", "") if over else "",
        "cloudWatchLogUrl": log_url(this.partition, this.region, _LOG_GROUP, name),
        "modelPath": "",
    }
    if status == "Completed":
        fields["modelPath"] = (found.get("ModelArtifacts") or {}).get(
            "S3ModelArtifacts", this.past.get("modelPath", "")
        )
    if rules := found.get("DebugRuleEvaluationStatuses"):
        fields["debugRuleEvaluationStatuses"] = [
            {
                "lastModifiedTime": rule.get("LastModifiedTime"),
                "ruleConfigurationName": rule.get("RuleConfigurationName"),
                "ruleEvaluationJobArn": rule.get("RuleEvaluationJobArn"),
                "ruleEvaluationStatus": rule.get("RuleEvaluationStatus"),
                "statusDetail": rule.get("StatusDetails"),
            }
            for rule in rules
        ]
    return fields


def _rules_running(status: Status) -> bool:
    rules = status.get("debugRuleEvaluationStatuses") or ()
    return any(rule.get("ruleEvaluationStatus") in _UNSETTLED_RULE for rule in rules)


JOB = JobType(
    remote=RemoteKind(
        "TrainingJob",
        "TrainingJobSummaries",
        "TrainingJobStatus",
        arn_type="training-job",
        over=JOB_OVER,
        moved_by=("TrainingJobStatus", "SecondaryStatus", "LastModifiedTime"),
    ),
    spec_name="trainingJobName",
    status_name="sageMakerTrainingJobName",
    status_key="trainingJobStatus",
    working="ReconcilingTrainingJob",
    name_limit=63,
    legacy_fields=_legacy_fields,
    limited=lambda found: found.get("SecondaryStatus") in ("MaxRuntimeExceeded", "MaxWaitTimeExceeded"),
    unsettled=_rules_running,
    secondary_key="secondaryStatus",
)


def _observe(view: View, this: Pass) -> JobObserved:
    """A child of a tuning job is shown, never acted on."""
    return spawned.observe(JOB, view, this) if this.resource.spawned else observed.observe(JOB, view, this)


def _decide(this: Pass, seen: JobObserved) -> Decision:
    return spawned.decide(JOB, this, seen) if this.resource.spawned else deciding.decide(JOB, this, seen)


def definition_findings(definition: JsonObject, at: str) -> Iterator[Problem]:
    """What SageMaker checks of every training, alone or as part of a tuning job."""
    channels = named(definition, "inputDataConfig", "channelName")
    yield from twice(channels, f"{at}/inputDataConfig", "channelName", "channel name")
    stop = definition.get("stoppingCondition") or {}
    wait, runtime = stop.get("maxWaitTimeInSeconds"), stop.get("maxRuntimeInSeconds")
    if definition.get("enableManagedSpotTraining"):
        if wait is None:
            message = "spot training needs maxWaitTimeInSeconds"
            yield Problem(f"{at}/stoppingCondition/maxWaitTimeInSeconds", "SpotWithoutWait", message)
        elif runtime is not None and wait < runtime:
            message = "must not be less than maxRuntimeInSeconds, which it includes"
            yield Problem(f"{at}/stoppingCondition/maxWaitTimeInSeconds", "WaitTooShort", message)
    elif wait is not None:
        message = "only spot training waits: set enableManagedSpotTraining or leave this out"
        yield Problem(f"{at}/stoppingCondition/maxWaitTimeInSeconds", "WaitWithoutSpot", message)


def _findings(spec: Spec) -> Iterator[Problem]:
    yield from definition_findings(spec, "/spec")
    if "resourceConfig" not in spec and "serverlessJobConfig" not in spec:
        yield Problem("/spec/resourceConfig", "MissingResources", "a training job needs resourceConfig")


def _artefact(status: Status) -> Mapping[str, Given] | str:
    """As Describe said: the archived operator joined its `modelPath` itself, and left out the slash (LO-18)."""
    run = RunRecords.parse(status).current
    if run is None:
        return "was not looked at yet" if status.get(JOB.status_name) else "wrote no artefact"
    return {"": Given(run.artefact, run.name)} if run.artefact else "wrote no artefact"


KIND = replace(
    job_kind(SCHEMA, JOB),
    observe=_observe,
    decide=_decide,
    gives={"artefact": Provider(_artefact)},
    findings=_findings,
    logs=Logs(_LOG_GROUP),
    archived=ArchivedSpec(archived_operator.TRAINING_JOB, "run"),
)
