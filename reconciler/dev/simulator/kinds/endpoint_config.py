"""EndpointConfig: created at once, never changed; deleted even while an endpoint uses it.

What that deletion breaks is the endpoint's business: see `endpoint.py`.
"""

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.kinds.fields import event_times, named, with_defaults
from reconciler.dev.simulator.paging import ListOperation
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.world import SimulatedCall, SimulatedKind, World

NOUN = "endpoint configuration"
_SERVERLESS_VOLUME_GB = 5


def variants_of(config: Answer) -> list[Answer]:
    """Production variants first, then shadow ones."""
    return [*config["ProductionVariants"], *(config.get("ShadowProductionVariants") or [])]


def _create(call: SimulatedCall) -> Answer:
    name = call.input["EndpointConfigName"]
    arn = call.scope.arn("endpoint-config", name)
    if call.world.store.get(call.scope, "EndpointConfig", name):
        raise errors.already_exists(NOUN, arn)
    _check_variants(call)
    config = call.world.create(call, KIND, "")
    call.world.changed(config, call.now)
    return {"EndpointConfigArn": arn}


def _check_variants(call: SimulatedCall) -> None:
    variants = variants_of(dict(call.input))
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) < len(names):
        raise errors.unverified("Variant names must be unique within an endpoint configuration.")
    if call.input.get("ShadowProductionVariants") and len(variants) != 2:
        raise errors.unverified("A shadow variant needs exactly one production variant beside it.")
    for variant in variants:
        _check_variant(call, variant)


def _check_variant(call: SimulatedCall, variant: Answer) -> None:
    model = variant.get("ModelName")
    if model and variant.get("ManagedInstanceScaling"):
        raise errors.invalid("ManagedInstanceScaling is only supported for inference component endpoints.")
    serverless = variant.get("ServerlessConfig")
    if serverless and (variant.get("InstanceType") or variant.get("VolumeSizeInGB")):
        raise errors.unverified("A serverless variant takes neither InstanceType nor VolumeSizeInGB.")
    if not serverless and not (variant.get("InstanceType") or variant.get("InstancePools")):
        raise errors.unverified(f"Variant {variant['VariantName']} needs InstanceType or ServerlessConfig.")
    if not serverless and model and not variant.get("InitialInstanceCount"):
        raise errors.unverified(f"Variant {variant['VariantName']} needs InitialInstanceCount.")
    if model and call.world.switch("config_needs_model") and call.find("Model", model) is None:
        raise errors.missing("model", call.scope.arn("model", model))


def _delete(call: SimulatedCall) -> Answer:
    config = KIND.existing(call)
    call.world.emit(config, KIND.event, call.now)
    call.world.remove(config, call.now)
    return {}


def _variant(given: Answer) -> Answer:
    shown = with_defaults(given, {"InitialVariantWeight": 1.0})
    if given.get("ServerlessConfig"):
        shown["VolumeSizeInGB"] = _SERVERLESS_VOLUME_GB
    return shown


def _describe(_: World, config: SimulatedResource) -> Answer:
    shown = {**config.request, **named("EndpointConfig", config, modified=False)}
    shown["EnableNetworkIsolation"] = config.request.get("EnableNetworkIsolation", False)
    for group in ("ProductionVariants", "ShadowProductionVariants"):
        if config.request.get(group):
            shown[group] = [_variant(variant) for variant in config.request[group]]
    return shown


def _detail(world: World, config: SimulatedResource) -> Answer:
    detail: Answer = event_times(_describe(world, config))
    return detail


KIND = SimulatedKind(
    name="EndpointConfig",
    arn_type="endpoint-config",
    name_field="EndpointConfigName",
    operations={"CreateEndpointConfig": _create, "DeleteEndpointConfig": _delete},
    listing=ListOperation(op="ListEndpointConfigs", result="EndpointConfigs", order="Descending"),
    describe=_describe,
    summarize=lambda config: named("EndpointConfig", config, modified=False),
    absent=lambda arn, _: errors.missing(NOUN, arn),
    event="SageMaker Endpoint Config State Change",
    detail=_detail,
)
