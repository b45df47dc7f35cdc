"""Model: one SageMaker model per content; its name is always generated, as it was."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from reconciler.core.aws.remote import REMOTES
from reconciler.core.kind import Kind, seen_in_pass
from reconciler.core.resource import Resource
from reconciler.core.schema.declaration import Column, Difference, Schema, Source
from reconciler.core.schema.shapes import Field
from reconciler.core.schema.status import boolean, internal, many, record, status, string, time
from reconciler.kinds import immutable
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
        Difference("PrimaryContainer.ModelDataUrl", reference="artefact"),
        Difference("Containers.ModelDataUrl", reference="artefact"),
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
            many(
                internal(
                    name=string(),
                    arn=string(),
                    hash=string(),
                    region=string(),
                    requestedAt=time(),
                    creationTime=time(),
                    usedBy=string(),
                    differs=string(),
                )
            ),
            doc="What this object made in SageMaker, newest first.",
        ),
        Field("collecting", boolean(), doc="Something made earlier is waiting to be deleted."),
    ),
)


def _content(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The archived operator wrote the default mode into every container: with and without it is the same model."""
    found = dict(spec)
    if "primaryContainer" in spec:
        found["primaryContainer"] = _without_default_mode(spec["primaryContainer"])
    if "containers" in spec:
        found["containers"] = [_without_default_mode(container) for container in spec["containers"]]
    return found


def _without_default_mode(container: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in container.items() if (key, value) != ("mode", "SingleModel")}


def _as_written(resource: Resource) -> Mapping[str, Any]:
    """What the archived operator wrote back cannot be told from what a user wrote; see `_content`."""
    return resource.spec


MODEL = immutable.ThingType(
    remote=REMOTES["Model"],
    status_name="sageMakerModelName",
    status_arn="modelArn",
    records="models",
    user="EndpointConfig",
    user_filter="CreationTimeAfter",
    used=immutable.models_of,
    content=_content,
)

KIND = Kind(
    schema=SCHEMA,
    observe=partial(immutable.observe, MODEL),
    decide=seen_in_pass(partial(immutable.decide, MODEL)),
    failing=immutable.failing,
    as_written=_as_written,
)
