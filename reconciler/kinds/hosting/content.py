"""What a HostingDeployment wants to exist, by content: its models, its configuration and its endpoint's name.

Names are made of digests over content, so equal content reuses what is there, a tag edit changes nothing and going back
to earlier content finds its configuration again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core.decision import Call
from reconciler.core.errors import TerminalError
from reconciler.core.kind import Pass
from reconciler.core.naming import digest, remote_name
from reconciler.core.ownership import tags_for
from reconciler.core.references import resolve
from reconciler.core.rollout import Content
from reconciler.core.schema.shapes import List, Structure, canonical, to_request
from reconciler.kinds.hosting.hold import Hold

VARIANT_LISTS = {"productionVariants": "ProductionVariants", "shadowProductionVariants": "ShadowProductionVariants"}
"""Spec keys of the variants, and what SageMaker calls them."""


@dataclass(frozen=True)
class WantedModel:
    logical: str
    """What variants call it: models[].name."""
    name: str
    hash: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    endpoint: str
    content: Content
    models: tuple[WantedModel, ...]
    config_params: Mapping[str, Any]
    waits: str = ""
    """What keeps a reference from being resolved. Then this is not the content that was asked for: it is not rolled out."""
    references: tuple[Mapping[str, str], ...] = ()
    """What each reference stood for, as status records it."""
    held: Hold | None = None
    """Against Git: then this is the content of a rollout that was, of which everything exists already."""

    def create_model(self, model: WantedModel, this: Pass) -> Call:
        return Call("CreateModel", {"ModelName": model.name, **model.params, "Tags": tags_for(this)})

    def create_config(self, this: Pass) -> Call:
        return Call(
            "CreateEndpointConfig",
            {"EndpointConfigName": self.content.config, **self.config_params, "Tags": tags_for(this)},
        )

    def create_endpoint(self, this: Pass) -> Call:
        guards = to_request(this.shape, this.spec, "CreateEndpoint")
        return Call(
            "CreateEndpoint",
            {
                **guards,
                "EndpointName": self.endpoint,
                "EndpointConfigName": self.content.config,
                "Tags": tags_for(this),
            },
        )

    def update_endpoint(self, this: Pass) -> Call:
        options = to_request(this.shape, this.spec, "UpdateEndpoint")
        return Call(
            "UpdateEndpoint", {**options, "EndpointName": self.endpoint, "EndpointConfigName": self.content.config}
        )


def endpoint_digest(this: Pass) -> str:
    key = this.resource.key
    return digest([this.identity.cluster, key.namespace, key.name])


def endpoint_name(this: Pass) -> str:
    return str(this.spec.get("endpointName") or "") or remote_name(this.resource.key.name, endpoint_digest(this))


def wanted(this: Pass) -> Wanted:
    """Raises TerminalError, naming the field, for what the schema cannot refuse and the archived operator did not."""
    key = this.resource.key
    refs = resolve(this.shape, this.spec, key.namespace, this.others)
    this = replace(this, spec=refs.spec)
    models = _models(this)
    by_name = {model.logical: model.name for model in models}
    params = {
        name: value
        for name, value in to_request(this.shape, this.spec, "CreateEndpointConfig").items()
        if name not in ("Tags", "EndpointConfigName")
    }
    written = canonical(this.shape, this.spec)
    content = {
        field.key: value
        for field in this.shape.fields
        if "CreateEndpointConfig" in field.operations and field.digest and (value := written.get(field.key)) is not None
    }
    for variants, api in VARIANT_LISTS.items():
        if api in params:
            params[api] = [
                _resolved(item, "ModelName", by_name, f"/spec/{variants}/{n}/modelName")
                for n, item in enumerate(params[api])
            ]
            content[variants] = [
                _resolved(item, "modelName", by_name, f"/spec/{variants}/{n}/modelName")
                for n, item in enumerate(content[variants])
            ]
    identity = digest([this.identity.cluster, key.namespace, key.kind, key.name, content])
    content_of = Content(identity, remote_name(key.name, identity))
    return Wanted(endpoint_name(this), content_of, models, params, refs.why, tuple(refs.records()))


def with_reference(want: Wanted, described: Mapping[str, Any] | None) -> Wanted:
    """What is held is not what the spec says: its configuration, as described, tells what its endpoint shall be like."""
    if not want.held:
        return want
    members = (*VARIANT_LISTS.values(), "DataCaptureConfig")
    return replace(want, config_params={key: value for key, value in (described or {}).items() if key in members})


def _resolved(variant: Mapping[str, Any], member: str, by_name: Mapping[str, str], path: str) -> dict[str, Any]:
    logical = variant.get(member)
    if logical not in by_name:
        raise TerminalError(
            f"{path}: no model is named {logical!r}; spec.models has {', '.join(by_name) or 'none'}", "UnknownModel"
        )
    return {**variant, member: by_name[str(logical)]}


def _models(this: Pass) -> tuple[WantedModel, ...]:
    key = this.resource.key
    shape = this.shape.by_key["models"].shape
    assert isinstance(shape, List) and isinstance(shape.item, Structure)  # noqa: S101, PT018 - the schema says so
    found: dict[str, WantedModel] = {}
    for index, model in enumerate(this.spec.get("models") or ()):
        logical = str(model.get("name") or "")
        if logical in found:
            raise TerminalError(f"/spec/models/{index}/name: {logical!r} is used twice", "DuplicateName")
        identity = digest(
            [this.identity.cluster, key.namespace, "Model", f"{key.name}/{logical}", canonical(shape.item, model)]
        )
        params = _serving(to_request(shape.item, model), model, f"/spec/models/{index}")
        found[logical] = WantedModel(logical, remote_name(f"{key.name}-{logical}", identity), identity, params)
    return tuple(found.values())


def _serving(params: dict[str, Any], model: Mapping[str, Any], path: str) -> dict[str, Any]:
    """One container serves alone; several are a pipeline, in their order (the archived operator did the same)."""
    params.pop("Name", None)
    containers = params.pop("Containers", None) or []
    primary = params.pop("PrimaryContainer", None) or model.get("primaryContainer")
    hostnames = [container.get("ContainerHostname") for container in containers]
    if primary and primary not in hostnames:
        raise TerminalError(f"{path}/primaryContainer: no container has the hostname {primary!r}", "UnknownContainer")
    if len(containers) == 1:
        return {**params, "PrimaryContainer": containers[0]}
    return {**params, "Containers": containers} if containers else params
