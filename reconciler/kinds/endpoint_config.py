"""EndpointConfig: one SageMaker endpoint configuration per content; its name is always generated, as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.core.archived import ArchivedSpec
from reconciler.core.aws.remote import RemoteKind
from reconciler.core.findings import named, twice
from reconciler.core.records.common import status
from reconciler.core.records.remote_object import ImmutableObject
from reconciler.core.schema.declaration import ApiDifference, Column, Schema, Source
from reconciler.core.schema.problems import Problem
from reconciler.core.schema.rules import AtLeastOne, AtMostOne, at
from reconciler.core.schema.shapes import Field, List
from reconciler.core.schema.status import boolean, record, string
from reconciler.core.values import Answer, Spec
from reconciler.kinds import archived_operator
from reconciler.kinds.hosting.declaration import ENDPOINT
from reconciler.kinds.immutable.deciding import immutable_kind
from reconciler.kinds.immutable.immutable_type import ImmutableType
from reconciler.kinds.immutable.users import models_of
from reconciler.kinds.shared import ADDED_COLUMNS, ADDITIONAL, LAST_UPDATE_TIME, ROOT, TAGS

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
        ApiDifference("EndpointConfigName", leave_out=True),
        ApiDifference("ProductionVariants.VariantName", min_length=1),
        ApiDifference("ProductionVariants.ModelName", reference="model"),
        ApiDifference("ProductionVariants.InstancePools.ModelNameOverride", reference="model"),
        ApiDifference("ShadowProductionVariants.ModelName", reference="model"),
        ApiDifference("ShadowProductionVariants.InstancePools.ModelNameOverride", reference="model"),
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
            status=(string(), "Created, or what the controller is doing or could not do."),
            sageMakerEndpointConfigName=(string(), "SageMaker's name of the configuration."),
            endpointConfigArn=(string(), "Its ARN."),
            additional=ADDITIONAL,
            lastUpdateTime=LAST_UPDATE_TIME,
        ),
        Field(
            "configs",
            List(ImmutableObject.shape()),
            doc="What this object made in SageMaker, newest first.",
        ),
        Field("collecting", boolean(), doc="Something made earlier is waiting to be deleted."),
    ),
)


def _configs_of(endpoint: Answer) -> frozenset[str]:
    """What an endpoint serves from and what it is on its way to."""
    pending = endpoint.get("PendingDeploymentSummary") or {}
    return frozenset(
        name for name in (endpoint.get("EndpointConfigName"), pending.get("EndpointConfigName")) if name is not None
    )


ENDPOINT_CONFIG = ImmutableType(
    remote=RemoteKind("EndpointConfig", "EndpointConfigs", arn_type="endpoint-config"),
    status_name="sageMakerEndpointConfigName",
    status_arn="endpointConfigArn",
    records="configs",
    user=ENDPOINT,
    user_filter="LastModifiedTimeAfter",
    used=_configs_of,
    needs=models_of,
)


def variants_findings(spec: Spec) -> Iterator[Problem]:
    production = named(spec, "productionVariants", "variantName")
    shadow = named(spec, "shadowProductionVariants", "variantName")
    yield from twice(production, "/spec/productionVariants", "variantName", "variant name")
    if shadow and (len(shadow) != 1 or len(production) != 1):
        message = "SageMaker takes one shadow variant beside one production variant"
        yield Problem("/spec/shadowProductionVariants", "ShadowVariants", message)


KIND = replace(
    immutable_kind(SCHEMA, ENDPOINT_CONFIG),
    findings=variants_findings,
    archived=ArchivedSpec(archived_operator.ENDPOINT_CONFIG, ENDPOINT_CONFIG.records),
)
