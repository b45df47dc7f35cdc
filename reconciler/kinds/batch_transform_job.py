"""BatchTransformJob: one SageMaker transform job per content."""

from __future__ import annotations

from reconciler.core.schema import Column, Difference, Schema, Source
from reconciler.core.status_schema import RUNS, record, status, string, time
from reconciler.kinds.shared import ADDED_COLUMNS, CREATION_TIME, ROOT, TAGS

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
        Difference("TransformJobName", supplied=True),
        # The archived operator's capitals are the contract; what everyone writes at first is accepted too.
        Difference("DataProcessing.JoinSource", key="JoinSource", aliases=("joinSource",)),
        Difference("DataProcessing.OutputFilter", key="OutputFilter", aliases=("outputFilter",)),
    ),
    added=ROOT,
    status=status(
        record(
            transformJobStatus=string(),
            additional=string(),
            lastCheckTime=time(),
            sageMakerTransformJobName=string(),
        ),
        *RUNS,
    ),
)
