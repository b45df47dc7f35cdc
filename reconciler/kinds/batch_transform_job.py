"""BatchTransformJob: one SageMaker transform job per content."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.archived import ArchivedSpec
from reconciler.core.aws.remote import JOB_OVER, RemoteKind
from reconciler.core.kind import Logs, Pass
from reconciler.core.records.common import status
from reconciler.core.records.run import RUNS
from reconciler.core.schema.declaration import ApiDifference, Column, Schema, Source
from reconciler.core.schema.status import record, string
from reconciler.core.values import Answer, Json
from reconciler.kinds import archived_operator
from reconciler.kinds.jobs.deciding import job_kind
from reconciler.kinds.jobs.job_type import JobType
from reconciler.kinds.shared import (
    ADDED_COLUMNS,
    ADDITIONAL,
    CREATION_TIME,
    JOB_STATUS,
    LAST_CHECK_TIME,
    ROOT,
    SYNCHRONIZING,
    TAGS,
)

SCHEMA = Schema(
    kind="BatchTransformJob",
    plural="batchtransformjobs",
    doc="A SageMaker batch transform job; it runs once per content.",
    columns=(
        Column("Status", ".status.transformJobStatus"),
        CREATION_TIME,
        Column("Sagemaker-Job-Name", ".status.sageMakerTransformJobName"),
        *ADDED_COLUMNS,
    ),
    sources=(Source("CreateTransformJob"),),
    differences=(
        TAGS,
        ApiDifference("TransformJobName", supplied=True),
        ApiDifference("ModelName", reference="model"),
        # The archived operator's capitals are the contract; what everyone writes at first is accepted too.
        ApiDifference("DataProcessing.JoinSource", key="JoinSource", aliases=("joinSource",)),
        ApiDifference("DataProcessing.OutputFilter", key="OutputFilter", aliases=("outputFilter",)),
    ),
    added=ROOT,
    status=status(
        record(
            transformJobStatus=JOB_STATUS,
            additional=ADDITIONAL,
            lastCheckTime=LAST_CHECK_TIME,
            sageMakerTransformJobName=(string(), "SageMaker's name of the job."),
        ),
        *RUNS,
    ),
)


def _legacy_fields(_this: Pass, _name: str, found: Answer) -> dict[str, Json]:
    over = found.get(JOB.remote.status_key) in JOB.remote.over
    fields = {"additional": found.get("FailureReason", "") if over else ""}
    return {**fields, JOB.status_key: str(found.get(JOB.remote.status_key) or "InProgress")}


JOB = JobType(
    # Its description, unlike its summary, has no LastModifiedTime.
    remote=RemoteKind(
        "TransformJob",
        "TransformJobSummaries",
        "TransformJobStatus",
        arn_type="transform-job",
        over=JOB_OVER,
        moved_by=("TransformJobStatus",),
    ),
    spec_name="transformJobName",
    status_name="sageMakerTransformJobName",
    status_key="transformJobStatus",
    working=SYNCHRONIZING,
    doubtful="Failed",
    name_limit=63,
    legacy_fields=_legacy_fields,
    needs=lambda request: (request["ModelName"],),
)
"""The archived operator said `Failed` while errors kept it from being made, and tried again all the same: whoever stops at that
word would pay later for a job that he believes is over.
"""

KIND = replace(
    job_kind(SCHEMA, JOB),
    checks=True,
    logs=Logs("/aws/sagemaker/TransformJobs"),
    archived=ArchivedSpec(archived_operator.TRANSFORM_JOB, "run"),
)
