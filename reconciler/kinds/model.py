"""Model: one SageMaker model per content; its name is always generated, as it was."""

from __future__ import annotations

from reconciler.core.schema import Column, Difference, Schema, Source
from reconciler.core.shapes import Field
from reconciler.core.status_schema import internal, many, record, status, string, time
from reconciler.kinds.shared import ADDED_COLUMNS, ROOT, TAGS

SCHEMA = Schema(
    kind="Model",
    plural="models",
    doc="A SageMaker model.",
    columns=(
        Column("Status", ".status.status"),
        Column("Sage-Maker-Model-Name", ".status.sageMakerModelName"),
        *ADDED_COLUMNS,
    ),
    sources=(Source("CreateModel"),),
    differences=(
        TAGS,
        Difference("ModelName", leave_out=True),
        Difference("ExecutionRoleArn", required=True),
    ),
    added=ROOT,
    status=status(
        record(
            status=string(),
            sageMakerModelName=string(),
            modelArn=string(),
            additional=string(),
            lastUpdateTime=time(),
        ),
        Field(
            "models",
            many(internal(name=string(), arn=string(), hash=string(), region=string(), creationTime=time())),
            doc="What this object made in SageMaker, newest first.",
        ),
    ),
)
