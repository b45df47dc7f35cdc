"""Model: one SageMaker model per content; its name is always generated, as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.core.archived import ArchivedSpec
from reconciler.core.aws.remote import RemoteKind
from reconciler.core.records.common import status
from reconciler.core.records.remote_object import ImmutableObject
from reconciler.core.schema.declaration import ApiDifference, Column, Schema, Source
from reconciler.core.schema.problems import Problem
from reconciler.core.schema.reference import Given, Provider
from reconciler.core.schema.shapes import Field, List
from reconciler.core.schema.status import boolean, record, string
from reconciler.core.values import Json, JsonObject, Spec, Status
from reconciler.kinds import archived_operator
from reconciler.kinds.endpoint_config import ENDPOINT_CONFIG
from reconciler.kinds.immutable.deciding import immutable_kind
from reconciler.kinds.immutable.immutable_type import ImmutableType
from reconciler.kinds.immutable.users import models_of
from reconciler.kinds.shared import ADDED_COLUMNS, ADDITIONAL, LAST_UPDATE_TIME, ROOT, TAGS

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
        ApiDifference("ModelName", leave_out=True),
        ApiDifference("ExecutionRoleArn", required=True),
        ApiDifference("PrimaryContainer.ModelDataUrl", reference="artefact"),
        ApiDifference("Containers.ModelDataUrl", reference="artefact"),
    ),
    added=ROOT,
    status=status(
        record(
            status=(string(), "Created, or what the controller is doing or could not do."),
            sageMakerModelName=(string(), "SageMaker's name of the model."),
            modelArn=(string(), "Its ARN."),
            additional=ADDITIONAL,
            lastUpdateTime=LAST_UPDATE_TIME,
        ),
        Field(
            "models",
            List(ImmutableObject.shape()),
            doc="What this object made in SageMaker, newest first.",
        ),
        Field("collecting", boolean(), doc="Something made earlier is waiting to be deleted."),
    ),
)


def without_default_modes(spec: Spec) -> JsonObject:
    """The archived operator wrote the default mode into every container: with and without it is the same model."""
    found = dict(spec)
    if isinstance(spec.get("primaryContainer"), Mapping):
        found["primaryContainer"] = _without_default_mode(spec["primaryContainer"])
    if "containers" in spec:
        found["containers"] = [_without_default_mode(container) for container in spec["containers"]]
    return found


def _without_default_mode(container: JsonObject) -> dict[str, Json]:
    return {key: value for key, value in container.items() if (key, value) != ("mode", "SingleModel")}


MODEL = ImmutableType(
    remote=RemoteKind("Model", "Models", arn_type="model"),
    status_name="sageMakerModelName",
    status_arn="modelArn",
    records="models",
    user=ENDPOINT_CONFIG.remote,
    user_filter="CreationTimeAfter",
    used=models_of,
    content=without_default_modes,
)


def containers_findings(containers: Sequence[JsonObject], at: str) -> Iterator[Problem]:
    for index, container in enumerate(containers):
        if not container.get("image") and not container.get("modelPackageName"):
            message = "a container needs an image, or a modelPackageName"
            yield Problem(f"{at}/{index}", "ContainerWithoutImage", message)


def _findings(spec: Spec) -> Iterator[Problem]:
    containers = spec.get("containers") or []
    primary = spec.get("primaryContainer")
    yield from containers_findings(containers, "/spec/containers")
    if primary is not None:
        for problem in containers_findings([primary], ""):
            yield Problem("/spec/primaryContainer", problem.reason, problem.message)
    if (primary is None) == (not containers):
        yield Problem("/spec", "NoContainer", "a model needs either primaryContainer or containers")


def _given(status: Status) -> Mapping[str, Given]:
    name = str(status.get(MODEL.status_name) or "")
    return {"": Given(name)} if name else {}


KIND = replace(
    immutable_kind(SCHEMA, MODEL),
    gives={"model": Provider(_given)},
    findings=_findings,
    archived=ArchivedSpec(archived_operator.MODEL, MODEL.records, without_default_modes),
)
