"""What the archived operator left of a HostingDeployment: a Model and an EndpointConfig resource per generation, each with an
object in SageMaker that goes by a name of its own (LO-3, LO-4).

The HostingDeployment takes those objects into its records at the first pass; the resources are then let go
(`runtime/reconcile/children`), and what they stood for is kept and collected like anything else that it made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.core.errors import TerminalError
from reconciler.core.kind import Pass
from reconciler.core.naming import digest
from reconciler.core.ownership import generated_name, uid_suffix
from reconciler.core.records.remote_object import Part
from reconciler.core.resource import Resource
from reconciler.core.values import Json, JsonObject, Spec
from reconciler.kinds.endpoint_config import ENDPOINT_CONFIG
from reconciler.kinds.hosting.desired import DesiredHosting, desired_by_git
from reconciler.kinds.hosting.records import is_new_to_us
from reconciler.kinds.model import MODEL

_NAME_LEFT = 30
_CHILDREN = {"Model": MODEL, "EndpointConfig": ENDPOINT_CONFIG}


def without_arn(this: Pass) -> Iterator[tuple[str, str]]:
    """Kinds and names of what children stand for that have no ARN: an error blanked it, or nothing was made yet."""
    if is_new_to_us(this):
        yield from ((kind, name) for kind in _CHILDREN for _, name, arn in _left(this, kind) if not arn)


def legacy_models(this: Pass, arns: Mapping[str, str]) -> dict[str, Part]:
    """`arns` are of those that `without_arn` names, as far as they were found."""
    left = _left(this, "Model")
    return {name: Part(name, known) for _, name, arn in left if (known := arn or arns.get(name))}


def legacy_configs(this: Pass, arns: Mapping[str, str]) -> dict[str, Part]:
    """By content where the resources say what it was; else their own name stands for that."""
    models = {name: child for child, name, _ in _left(this, "Model")}
    return {
        name: Part(name, known, hash=_hash(this, child.spec, models) or digest([name]), models=_models_of(child.spec))
        for child, name, arn in _left(this, "EndpointConfig")
        if (known := arn or arns.get(name))
    }


def _hash(this: Pass, config: Spec, models: Mapping[str, Resource]) -> str:
    """Of what the archived operator made a configuration of, by the names of its models in SageMaker; empty: nobody knows."""
    spec = _carried_out(this, config, models)
    try:
        return desired_by_git(replace(this, spec=spec)).content.hash if spec else ""
    except TerminalError:
        return ""


def _carried_out(this: Pass, config: Spec, models: Mapping[str, Resource]) -> dict[str, Json] | None:
    """The HostingDeployment's spec in that generation, put together again from the resources that were made of it."""
    suffix, asked = uid_suffix(this.resource.uid), {str(one.get("name")): one for one in this.spec.get("models") or ()}
    found: dict[str, JsonObject] = {}
    variants: list[JsonObject] = []
    for variant in config.get("productionVariants") or ():
        child = models.get(str(variant.get("modelName")))
        logical = re.fullmatch(rf"(.+)-\d+-{suffix}", child.name) if child else None
        if child is None or logical is None:
            return None
        found[logical[1]] = _hosted(logical[1], child.spec, asked.get(logical[1], {}))
        variants.append({**variant, "modelName": logical[1]})
    kept = {key: this.spec[key] for key in ("region", "endpointName", "sageMakerEndpoint") if key in this.spec}
    return {**kept, "kmsKeyId": config.get("kmsKeyId"), "models": [*found.values()], "productionVariants": variants}


def _hosted(name: str, model: Spec, asked: JsonObject) -> dict[str, Json]:
    """A Model's spec as an entry of `models`; `asked`: the entry of now, which may name its only container as the primary."""
    alone = model.get("primaryContainer")
    containers = [alone] if alone else list(model.get("containers") or ())
    primary = asked.get("primaryContainer")
    named = primary if any(primary == one.get("containerHostname") for one in containers) else None
    same = {key: model.get(key) for key in ("executionRoleArn", "enableNetworkIsolation", "vpcConfig")}
    return {"name": name, **same, "containers": containers, "primaryContainer": named}


def _left(this: Pass, kind: str) -> Iterator[tuple[Resource, str, str]]:
    """Each with the name and the ARN of what it stands for."""
    remote = _CHILDREN[kind]
    for child in this.others.items(kind):
        if child.hosting_child_of(this.resource):
            name = child.status.get(remote.status_name) or generated_name(child)
            yield child, str(name), str(child.status.get(remote.status_arn) or "")


def _models_of(spec: Spec) -> tuple[str, ...]:
    """One per variant, in their order: `serving_names` counts on it."""
    return tuple(str(variant.get("modelName") or "") for variant in spec.get("productionVariants") or ())


def known_configs(this: Pass, configs: Mapping[str, Part], endpoint_arn: str, want: DesiredHosting) -> dict[str, Part]:
    """The configurations, with that which the status names taken for what the spec wants: same spec, same content.

    Only when its name is of an older generation was the spec edited since.
    """
    name = str(this.past.get("endpointConfigName") or "")
    if not name:
        return dict(configs)
    # Of the resource's name that many characters are left in it: a generation at their end may have lost digits.
    generation = re.match(rf"{re.escape(this.resource.name)}-(\d+)-", name[:_NAME_LEFT])
    edited = generation is not None and int(generation[1]) < this.resource.generation
    edited = edited or bool(this.taken and not this.as_taken)
    if name not in configs and configs:
        return dict(configs)  # its resource is gone, and with it the configuration
    # Without its resource nobody knows who made it for what: it is used and never deleted.
    arn = f"{endpoint_arn.rpartition(':')[0]}:endpoint-config/{name.lower()}"
    known = configs.get(name) or Part(name, arn, models=_model_names(this), taken=True)
    return {**configs, name: replace(known, hash=known.hash if edited else want.content.hash)}


def _model_names(this: Pass) -> tuple[str, ...]:
    names = {str(pair.get("name")): str(pair.get("value") or "") for pair in this.past.get("modelNames") or ()}
    found = [names.get(str(variant.get("modelName"))) for variant in this.spec.get("productionVariants") or ()]
    return tuple(name for name in found if name) if all(found) else ()


def is_legacy(config: Part, want: DesiredHosting) -> bool:
    """Whether the configuration serves from models that the archived operator made."""
    return config.taken or bool(config.models and not {model.name for model in want.models} & set(config.models))


def serving_names(this: Pass, config: Part, want: DesiredHosting) -> list[dict[str, str]]:
    """status.modelNames: SageMaker's names by those in spec.models."""
    variants = [str(variant.get("modelName")) for variant in this.spec.get("productionVariants") or ()]
    if not is_legacy(config, want):
        return [{"name": model.logical, "value": model.name} for model in want.models]
    if len(variants) == len(config.models):
        return [
            {"name": name, "value": value} for name, value in dict(zip(variants, config.models, strict=True)).items()
        ]
    return list(this.past.get("modelNames") or ())
