"""HostingDeployment: models, an endpoint configuration and an endpoint, held together by content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.archived import ArchivedSpec
from reconciler.core.findings import named, twice
from reconciler.core.kind import Kind, Logs, StatusKeys
from reconciler.core.records.common import status
from reconciler.core.records.history import HistoryEntry
from reconciler.core.records.quarantine import QuarantineEntry
from reconciler.core.records.remote_object import EndpointRecord, Part
from reconciler.core.records.rollout import RolloutRecord
from reconciler.core.schema.declaration import ApiDifference, Column, Nested, Schema, Source
from reconciler.core.schema.problems import Problem
from reconciler.core.schema.rules import AtLeastOne, AtMostOne, Requires, at
from reconciler.core.schema.shapes import Field, List, Scalar
from reconciler.core.schema.status import many
from reconciler.core.values import Json, JsonObject, Spec
from reconciler.kinds import archived_operator
from reconciler.kinds.endpoint_config import ENDPOINT_CONFIG, variants_findings
from reconciler.kinds.hosting.decide import decide, follow
from reconciler.kinds.hosting.declaration import ENDPOINT, ENDPOINT_NAME, MODELS, records, shown
from reconciler.kinds.hosting.endpoint_status import ENDPOINT_STATUS
from reconciler.kinds.hosting.observed.endpoint import observe
from reconciler.kinds.hosting.rendered import as_written, failing
from reconciler.kinds.model import MODEL, containers_findings
from reconciler.kinds.shared import ADDED_COLUMNS, ROOT, TAGS

SCHEMA = Schema(
    kind="HostingDeployment",
    plural="hostingdeployments",
    doc="A SageMaker endpoint with its models and configuration; every change is a guarded rollout.",
    columns=(
        Column("Status", ".status.endpointStatus"),
        Column("Sagemaker-endpoint-name", ".status.endpointName"),
        *ADDED_COLUMNS[:-1],
        Column("Rollout", ".status.rollout.stage", wide=True),
        *ADDED_COLUMNS[-1:],
    ),
    moved=(
        (
            "containers",
            "since v1 of the archived operator containers stand in spec.models[].containers, by containerHostname",
        ),
    ),
    sources=(Source("CreateEndpointConfig"), Source("CreateEndpoint"), Source("UpdateEndpoint")),
    differences=(
        TAGS,
        ApiDifference("EndpointConfigName", leave_out=True),
        ApiDifference("EndpointName", supplied=True),
        # Names an entry of spec.models, and the archived operator wanted one. Endpoints of inference components have none
        # and are not for this kind.
        ApiDifference("ProductionVariants.ModelName", required=True, open=True, min_length=1, max_length=253),
        ApiDifference("ShadowProductionVariants.ModelName", required=True, open=True, min_length=1, max_length=253),
        ApiDifference("ProductionVariants.InstancePools.ModelNameOverride", open=True, min_length=1, max_length=253),
        ApiDifference(
            "ShadowProductionVariants.InstancePools.ModelNameOverride", open=True, min_length=1, max_length=253
        ),
        ApiDifference("ExcludeRetainedVariantProperties", max_items=3, digest=False),
        ApiDifference("RetainAllVariantProperties", digest=False),
        ApiDifference("RetainDeploymentConfig", digest=False),
        ApiDifference("DeploymentConfig", digest=False),
        # The archived operator's users could write an empty one.
        ApiDifference("ProductionVariants.VariantName", min_length=1),
    ),
    nested=(
        Nested(
            field=Field(
                "models", List(Scalar("string")), api="Models", required=True, doc="Models that variants name."
            ),
            source=Source("CreateModel"),
            differences=(
                ApiDifference("ModelName", leave_out=True),
                ApiDifference("Tags", leave_out=True),
                ApiDifference("ExecutionRoleArn", required=True),
                # Here it is the hostname of one of the containers, see `added`.
                ApiDifference("PrimaryContainer", leave_out=True),
                ApiDifference("Containers", min_items=1),
                ApiDifference("Containers.ModelDataUrl", reference="artefact"),
            ),
            added=(
                Field(
                    "name", Scalar("string", min_length=1, max_length=253), required=True, doc="What variants call it."
                ),
                Field("primaryContainer", Scalar("string"), doc="containerHostname of the container that serves."),
            ),
        ),
    ),
    added=(
        *ROOT,
        Field(
            "revisionHistoryLimit",
            Scalar("integer", minimum=2, maximum=50, format="int32"),
            digest=False,
            doc="Rollouts kept in status and as a rollback target (default 10).",
        ),
    ),
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
        at("deploymentConfig", AtMostOne(("blueGreenUpdatePolicy", "rollingUpdatePolicy"))),
        at(
            "deploymentConfig.blueGreenUpdatePolicy.trafficRoutingConfiguration",
            Requires("type", ("canarySize",), equals="CANARY"),
            Requires("type", ("linearStepSize",), equals="LINEAR"),
        ),
    ),
    status=status(
        ENDPOINT_STATUS,
        Field("rollout", RolloutRecord.shape(), doc="The rollout that is on its way or was the last."),
        Field("history", many(HistoryEntry.shape()), doc="Rollouts, newest first; an id is never given again."),
        Field(
            "quarantine",
            many(QuarantineEntry.shape()),
            doc="Content that was rolled back or failed; only a retry that names the hash releases it.",
        ),
        Field("endpoint", EndpointRecord.shape(), meaning="The endpoint that this object made or adopted."),
        Field("models", many(Part.shape()), meaning="The Models that its configurations serve from."),
        Field(
            "configs",
            many(Part.shape()),
            meaning="The EndpointConfigs that it made: what serves, what is next, what is kept.",
        ),
        # Without it the object would pass for one that the archived operator left.
        readable_if=tuple(
            Requires(key, ("endpoint",)) for key in ("rollout", "history", "quarantine", "models", "configs")
        ),
    ),
)


def _findings(spec: Spec) -> Iterator[Problem]:
    models = named(spec, "models", "name")
    yield from twice(models, "/spec/models", "name", "model name")
    for index, model in enumerate(spec.get("models") or []):
        yield from _hosted_model(model, f"/spec/models/{index}")
    for key in ("productionVariants", "shadowProductionVariants"):
        for index, variant in enumerate(spec.get(key) or []):
            if variant.get("modelName") not in models:
                yield _unknown_model(f"/spec/{key}/{index}/modelName", models)
            for pool_index, pool in enumerate(variant.get("instancePools") or []):
                if pool.get("modelNameOverride") not in (None, *models):
                    yield _unknown_model(f"/spec/{key}/{index}/instancePools/{pool_index}/modelNameOverride", models)
    yield from variants_findings(spec)


def _unknown_model(at: str, models: Sequence[Json]) -> Problem:
    known = ", ".join(str(name) for name in models[:5]) or "none"
    return Problem(at, "UnknownModel", f"names no entry of spec.models (there: {known})")


def _hosted_model(model: JsonObject, at: str) -> Iterator[Problem]:
    containers = model.get("containers") or []
    hosts = [container.get("containerHostname") for container in containers]
    yield from twice(hosts, f"{at}/containers", "containerHostname", "container hostname")
    yield from containers_findings(containers, f"{at}/containers")
    if not containers:
        yield Problem(f"{at}/containers", "NoContainer", "a model needs a container")
    primary = model.get("primaryContainer")
    if primary is not None and primary not in hosts:
        yield Problem(f"{at}/primaryContainer", "UnknownContainer", "names no containerHostname of this model")


KIND = Kind(
    schema=SCHEMA,
    observe=observe,
    decide=decide,
    failing=failing,
    as_written=as_written,
    follow=follow,
    remotes=(ENDPOINT, ENDPOINT_CONFIG.remote, MODEL.remote),
    keys=StatusKeys("endpointName", "endpointStatus", spec_name="endpointName"),
    records=records,
    shown=shown,
    owners=lambda seen: seen.owners,
    gives={"model": MODELS, "endpoint": ENDPOINT_NAME},
    findings=_findings,
    archived=ArchivedSpec(archived_operator.HOSTING_DEPLOYMENT, "endpoint"),
    logs=Logs("/aws/sagemaker/Endpoints/{name}"),
    checks=True,
    protected=True,
)
