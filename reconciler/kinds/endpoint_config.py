"""EndpointConfig: one SageMaker endpoint configuration per content; its name is always generated, as it was."""

from __future__ import annotations

from reconciler.core.rules import AtLeastOne, AtMostOne, at
from reconciler.core.schema import Column, Difference, Schema, Source
from reconciler.core.shapes import Field
from reconciler.core.status_schema import internal, many, record, status, string, time
from reconciler.kinds.shared import ADDED_COLUMNS, ROOT, TAGS

SCHEMA = Schema(
    kind="EndpointConfig",
    plural="endpointconfigs",
    doc="A SageMaker endpoint configuration.",
    columns=(
        Column("Status", ".status.status"),
        Column("Sage-Maker-EndpointConfig-Name", ".status.sageMakerEndpointConfigName"),
        *ADDED_COLUMNS,
    ),
    sources=(Source("CreateEndpointConfig"),),
    differences=(
        TAGS,
        Difference("EndpointConfigName", leave_out=True),
        Difference("ProductionVariants.VariantName", min_length=1),
    ),
    added=ROOT,
    rules=(
        at(
            "productionVariants",
            AtLeastOne(("instanceType", "serverlessConfig", "instancePools")),
            AtMostOne(("instanceType", "serverlessConfig", "instancePools")),
        ),
        at(
            "shadowProductionVariants",
            AtLeastOne(("instanceType", "serverlessConfig", "instancePools")),
            AtMostOne(("instanceType", "serverlessConfig", "instancePools")),
        ),
    ),
    status=status(
        record(
            status=string(),
            sageMakerEndpointConfigName=string(),
            endpointConfigArn=string(),
            additional=string(),
            lastUpdateTime=time(),
        ),
        Field(
            "configs",
            many(internal(name=string(), arn=string(), hash=string(), region=string(), creationTime=time())),
            doc="What this object made in SageMaker, newest first.",
        ),
    ),
)
