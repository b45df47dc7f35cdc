"""Model: created at once, never changed; deleted even while an endpoint uses it (SM-95)."""

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.kinds.fields import event_times, named, with_defaults
from reconciler.dev.simulator.paging import ListOperation
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.world import SimulatedCall, SimulatedKind, World

_NOUN = "model"


def _create(call: SimulatedCall) -> Answer:
    request, arn = call.input, call.scope.arn("model", call.input["ModelName"])
    if call.world.store.get(call.scope, "Model", request["ModelName"]):
        raise errors.already_exists(_NOUN, arn)
    primary, containers = request.get("PrimaryContainer"), request.get("Containers")
    if bool(primary) == bool(containers):
        raise errors.unverified("Exactly one of PrimaryContainer and Containers must be given.")
    if not request.get("ExecutionRoleArn"):
        raise errors.unverified("ExecutionRoleArn is required for a model with containers.")
    for container in containers or [primary]:
        if not (container.get("Image") or container.get("ModelPackageName")):
            raise errors.unverified("A container needs Image or ModelPackageName.")
    model = call.world.create(call, KIND, "")
    call.world.changed(model, call.now)
    return {"ModelArn": arn}


def _delete(call: SimulatedCall) -> Answer:
    model = KIND.existing(call)
    call.world.emit(model, KIND.event, call.now)
    call.world.remove(model, call.now)
    return {}


def _container(world: World, given: Answer) -> Answer:
    shown = with_defaults(given, {"Mode": "SingleModel"})
    if "ImageConfig" in given:
        shown["ImageConfig"] = with_defaults(
            given["ImageConfig"], {"RepositoryAuthConfig": {"RepositoryCredentialsProviderArn": None}}
        )
    if world.switch("model_data_source_beside_url") and given.get("ModelDataUrl"):
        source = {"S3Uri": given["ModelDataUrl"], "S3DataType": "S3Object", "CompressionType": "Gzip"}
        shown.setdefault("ModelDataSource", {"S3DataSource": source})
    return shown


def _describe(world: World, model: SimulatedResource) -> Answer:
    shown = {**model.request, **named("Model", model, modified=False)}
    shown["EnableNetworkIsolation"] = model.request.get("EnableNetworkIsolation", False)
    if model.request.get("PrimaryContainer"):
        shown["PrimaryContainer"] = _container(world, model.request["PrimaryContainer"])
    if model.request.get("Containers"):
        shown["Containers"] = [_container(world, container) for container in model.request["Containers"]]
    return shown


def _detail(world: World, model: SimulatedResource) -> Answer:
    detail: Answer = event_times(_describe(world, model))
    return detail


KIND = SimulatedKind(
    name="Model",
    arn_type="model",
    name_field="ModelName",
    operations={"CreateModel": _create, "DeleteModel": _delete},
    listing=ListOperation(op="ListModels", result="Models", order="Descending"),
    describe=_describe,
    summarize=lambda model: named("Model", model, modified=False),
    absent=lambda arn, _: errors.missing(_NOUN, arn),
    event="SageMaker Model State Change",
    detail=_detail,
)
