"""ProcessingJob: one SageMaker processing job per content. Its name was never for the user to choose, and is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.core.archived import ArchivedSpec
from reconciler.core.aws.partitions import log_url
from reconciler.core.aws.remote import JOB_OVER, RemoteKind
from reconciler.core.findings import named, twice
from reconciler.core.kind import Logs, Pass
from reconciler.core.records.common import status
from reconciler.core.records.run import RUNS
from reconciler.core.schema.declaration import ApiDifference, Column, Schema, Source
from reconciler.core.schema.problems import Problem
from reconciler.core.schema.rules import AtMostOne, at
from reconciler.core.schema.status import record, string
from reconciler.core.values import Answer, Json, Spec
from reconciler.kinds import archived_operator
from reconciler.kinds.jobs.deciding import job_kind
from reconciler.kinds.jobs.job_type import JobType
from reconciler.kinds.jobs.runs import ran_out
from reconciler.kinds.shared import ADDED_COLUMNS, ADDITIONAL, CREATION_TIME, JOB_STATUS, LAST_CHECK_TIME, ROOT, TAGS

SCHEMA = Schema(
    kind="ProcessingJob",
    plural="processingjobs",
    doc="A SageMaker processing job; it runs once per content.",
    columns=(
        Column("Status", ".status.processingJobStatus"),
        CREATION_TIME,
        Column("Sagemaker-Job-Name", ".status.sageMakerProcessingJobName"),
        *ADDED_COLUMNS,
    ),
    sources=(Source("CreateProcessingJob"),),
    differences=(
        TAGS,
        ApiDifference("ProcessingJobName", leave_out=True),
        # The archived operator's schema asked for neither; SageMaker refuses what lacks them.
        ApiDifference("AppSpecification.ImageUri", required=False),
        ApiDifference("StoppingCondition.MaxRuntimeInSeconds", required=False),
        # What only Describe fills in.
        ApiDifference("ProcessingResources.ClusterConfig.SelectedInstanceType", leave_out=True),
        ApiDifference("ProcessingResources.ClusterConfig.SelectedInstanceCount", leave_out=True),
    ),
    added=ROOT,
    rules=(
        at("processingInputs", AtMostOne(("s3Input", "datasetDefinition"))),
        at("processingOutputConfig.outputs", AtMostOne(("s3Output", "featureStoreOutput"))),
    ),
    status=status(
        record(
            processingJobStatus=JOB_STATUS,
            additional=ADDITIONAL,
            lastCheckTime=LAST_CHECK_TIME,
            cloudWatchLogUrl=(string(), "Page of the job's logs in the CloudWatch console."),
            sageMakerProcessingJobName=(string(), "SageMaker's name of the job."),
        ),
        *RUNS,
    ),
)

_LOG_GROUP = "/aws/sagemaker/ProcessingJobs"


def _legacy_fields(this: Pass, name: str, found: Answer) -> dict[str, Json]:
    """The exit message says more than the reason of a failure, where the container wrote one."""
    over = found.get(JOB.remote.status_key) in JOB.remote.over
    reasons = [str(found[key]) for key in ("FailureReason", "ExitMessage") if found.get(key)]
    fields = {
        "additional": ": ".join(reasons) if over and found.get(JOB.remote.status_key) != "Completed" else "",
        "cloudWatchLogUrl": log_url(this.partition, this.region, _LOG_GROUP, name),
    }
    return {**fields, JOB.status_key: str(found.get(JOB.remote.status_key) or "InProgress")}


def _ran_out(found: Answer) -> bool:
    limit_s = (found.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds")
    return ran_out(found, limit_s, "ProcessingStartTime", "ProcessingEndTime")


JOB = JobType(
    remote=RemoteKind(
        "ProcessingJob",
        "ProcessingJobSummaries",
        "ProcessingJobStatus",
        arn_type="processing-job",
        over=JOB_OVER,
        moved_by=("ProcessingJobStatus", "LastModifiedTime"),
    ),
    spec_name="",
    status_name="sageMakerProcessingJobName",
    status_key="processingJobStatus",
    working="Reconciling",
    refused="Error",
    name_limit=63,
    legacy_fields=_legacy_fields,
    limited=_ran_out,
)
"""No key of the spec holds a name."""


def _findings(spec: Spec) -> Iterator[Problem]:
    names = named(spec, "processingInputs", "inputName")
    yield from twice(names, "/spec/processingInputs", "inputName", "input name")
    outputs = (spec.get("processingOutputConfig") or {}).get("outputs") or []
    names = [output.get("outputName") for output in outputs]
    yield from twice(names, "/spec/processingOutputConfig/outputs", "outputName", "output name")


KIND = replace(
    job_kind(SCHEMA, JOB),
    checks=True,
    findings=_findings,
    logs=Logs(_LOG_GROUP),
    archived=ArchivedSpec(archived_operator.PROCESSING_JOB, "run"),
)
