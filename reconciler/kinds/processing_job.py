"""ProcessingJob: one SageMaker processing job per content. Its name was never for the user to choose, and is not."""

from __future__ import annotations

from reconciler.core.rules import AtMostOne, at
from reconciler.core.schema import Column, Difference, Schema, Source
from reconciler.core.status_schema import RUNS, record, status, string, time
from reconciler.kinds.shared import ADDED_COLUMNS, CREATION_TIME, ROOT, TAGS

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
        Difference("ProcessingJobName", leave_out=True),
        # The archived operator's schema asked for neither; SageMaker refuses what lacks them.
        Difference("AppSpecification.ImageUri", required=False),
        Difference("StoppingCondition.MaxRuntimeInSeconds", required=False),
        # What only Describe fills in.
        Difference("ProcessingResources.ClusterConfig.SelectedInstanceType", leave_out=True),
        Difference("ProcessingResources.ClusterConfig.SelectedInstanceCount", leave_out=True),
    ),
    added=ROOT,
    rules=(
        at("processingInputs", AtMostOne(("s3Input", "datasetDefinition"))),
        at("processingOutputConfig.outputs", AtMostOne(("s3Output", "featureStoreOutput"))),
    ),
    status=status(
        record(
            processingJobStatus=string(),
            additional=string(),
            lastCheckTime=time(),
            cloudWatchLogUrl=string(),
            sageMakerProcessingJobName=string(),
        ),
        *RUNS,
    ),
)
