"""Endpoint: the checks of its calls. Its deployments are in `deployment.py`, its looks in `endpoint_view.py`."""

from typing import Any

from reconciler.dev.simulator import errors, premises, rollout
from reconciler.dev.simulator.faults import Action
from reconciler.dev.simulator.kinds import deployment, endpoint_view
from reconciler.dev.simulator.kinds.deployment import BUSY, Fleet, Hosting
from reconciler.dev.simulator.kinds.endpoint_config import NOUN as CONFIG_NOUN
from reconciler.dev.simulator.kinds.endpoint_config import variants_of
from reconciler.dev.simulator.paging import ListOperation
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.world import SimulatedCall, SimulatedKind, World

_NOUN = "endpoint"


def _create(call: SimulatedCall) -> Answer:
    request = call.input
    name, arn = request["EndpointName"], call.scope.arn("endpoint", request["EndpointName"])
    if call.world.store.get(call.scope, "Endpoint", name):
        raise errors.already_exists(_NOUN, arn)
    config = _config(call, request["EndpointConfigName"])
    fleet = Fleet.of(config, call.world.store)
    rollout.check(request.get("DeploymentConfig"), fleet.instances)
    _check_alarms(call, request.get("DeploymentConfig"))
    _check_quota(call, config, {})
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}
    outcome = call.outcome("endpoint_outcome", name, tags) or _what_is_missing(call, config)
    hosting = Hosting(config.name, config.request, None, last_deployment=request.get("DeploymentConfig"))
    endpoint = call.world.create(call, KIND, "Creating", hosting)
    deployment.begin_creation(call.world, endpoint, fleet, outcome, call.now)
    return {"EndpointArn": arn}


def _update(call: SimulatedCall) -> Answer:
    request = call.input
    endpoint = KIND.existing(call)
    hosting: Hosting = endpoint.state
    config = _config(call, request["EndpointConfigName"])
    # With the current config deleted, any further update fails on *its* name (SM-96).
    if call.world.switch("lost_config_breaks_update") and call.find("EndpointConfig", hosting.config) is None:
        raise errors.missing(CONFIG_NOUN, call.scope.arn("endpoint-config", hosting.config))
    _check_quota(call, config, endpoint_view.instances_by_type(hosting))
    _check_idle(endpoint)
    if config.name == hosting.config and call.world.switch("same_config_update_refused"):
        raise errors.unverified(
            f'Endpoint "{endpoint.arn}" already uses this endpoint configuration; create a new one.'
        )
    policy = request.get("DeploymentConfig")
    if policy is None and request.get("RetainDeploymentConfig"):
        policy = hosting.last_deployment
    fleet = Fleet.of(config, call.world.store)
    _check_scaling(call, endpoint, fleet)
    _check_deployment(call, hosting, fleet, policy)
    if request.get("RetainAllVariantProperties"):
        excluded = {entry["VariantPropertyType"] for entry in request.get("ExcludeRetainedVariantProperties") or []}
        fleet.retain(hosting, excluded)
    outcome = call.outcome("endpoint_outcome", endpoint.name, endpoint.tags) or _what_is_missing(call, config)
    hosting.last_deployment = policy
    deployment.begin_update(call.world, endpoint, fleet, outcome, call.now)
    return {"EndpointArn": endpoint.arn}


def _update_weights(call: SimulatedCall) -> Answer:
    endpoint = KIND.existing(call)
    hosting: Hosting = endpoint.state
    wanted = call.input["DesiredWeightsAndCapacities"]
    live = {variant.name: variant for variant in hosting.fleet.variants} if hosting.fleet else {}
    _check_idle(endpoint)
    for change in wanted:
        if change["VariantName"] not in live:
            raise errors.unverified(f'Could not find variant "{change["VariantName"]}" of endpoint "{endpoint.arn}".')
    if sum("DesiredInstanceCount" in change or "ServerlessUpdateConfig" in change for change in wanted) > 1:
        raise errors.unverified("The capacity of only one variant can be updated at a time.")
    outcome = call.outcome("endpoint_outcome", endpoint.name, endpoint.tags)
    deployment.begin_rebalance(call.world, endpoint, wanted, outcome, call.now)
    return {"EndpointArn": endpoint.arn}


def _delete(call: SimulatedCall) -> Answer:
    endpoint = KIND.existing(call)
    if endpoint.status in BUSY:
        raise errors.in_progress(endpoint.arn)
    for target in call.world.scaling.of_endpoint(call.scope, endpoint.name):
        call.world.scaling.remove(target.where, call.world.neighbours)
    deployment.begin_deletion(call.world, endpoint, call.now)
    return {}


def _config(call: SimulatedCall, name: str) -> SimulatedResource:
    """The config, and the models it needs: all may be missing by now, or not yet be seen."""
    config = call.find("EndpointConfig", name)
    if config is None:
        raise errors.missing(CONFIG_NOUN, call.scope.arn("endpoint-config", name))
    for variant in variants_of(config.request):
        model = variant.get("ModelName")
        if model and call.find("Model", model) is None:
            raise errors.missing("model", call.scope.arn("model", model))
    return config


def _what_is_missing(call: SimulatedCall, config: SimulatedResource) -> Action:
    """A model was made while its role, image and artefact were there: what has gone since fails the deployment."""
    for variant in variants_of(config.request):
        model = call.find("Model", variant.get("ModelName", ""))
        for premise in premises.of_model(call.scope, model.request if model else {}):
            if premises.is_missing(call.world, call.scope, premise.named):
                return {"outcome": "rollback", "reason": premise.refusal.message}
    return {}


def _check_idle(endpoint: SimulatedResource) -> None:
    if endpoint.status in BUSY:
        raise errors.in_progress(endpoint.arn)
    if endpoint.status == "Failed":  # only DeleteEndpoint is allowed now (SM-102)
        raise errors.unverified(f'Cannot update endpoint "{endpoint.arn}" in status Failed.')


def _check_scaling(call: SimulatedCall, endpoint: SimulatedResource, fleet: Fleet) -> None:
    """A variant that is a scalable target neither goes nor changes its instance type (SM-152)."""
    hosting: Hosting = endpoint.state
    types = {variant.name: variant.given.get("InstanceType") for variant in fleet.variants}
    live = {found.name: found.given.get("InstanceType") for found in (hosting.fleet.variants if hosting.fleet else ())}
    for target in call.world.scaling.of_endpoint(call.scope, endpoint.name):
        name = target.where.variant
        if name in live and (name not in types or types[name] != live[name]):
            raise errors.unverified(
                f"Variant {name} of endpoint {endpoint.arn} is registered as a scalable target: deregister it before its "
                "instance type is changed or it is removed."
            )


def _check_deployment(call: SimulatedCall, hosting: Hosting, fleet: Fleet, policy: Answer | None) -> None:
    if not policy:
        return
    rollout.check(policy, fleet.instances)
    names = [variant.name for variant in fleet.variants]
    if hosting.fleet and sorted(names) != sorted(variant.name for variant in hosting.fleet.variants):
        raise errors.unverified("With a DeploymentConfig the variant names must stay the same.")
    if fleet.serverless:
        raise errors.unverified("Deployment guardrails are not supported for serverless endpoints.")
    if policy.get("RollingUpdatePolicy") and len(names) > 1:
        raise errors.unverified("A rolling deployment does not support several variants.")
    _check_alarms(call, policy)


def _check_alarms(call: SimulatedCall, policy: Answer | None) -> None:
    names = deployment.alarm_names(policy)
    unknown = set(names) - set(call.world.neighbours.alarms(call.scope, names))
    if unknown:
        raise errors.unverified(f"Could not find CloudWatch alarm(s): {', '.join(sorted(unknown))}.")


def _check_quota(call: SimulatedCall, config: SimulatedResource, own: dict[str, int]) -> None:
    for instance_type, count in endpoint_view.instances_of(config.request).items():

        def used(of: str = instance_type) -> int:
            endpoints = call.world.store.all(call.scope, "Endpoint")
            return sum(endpoint_view.instances_by_type(found.state).get(of, 0) for found in endpoints)

        delta = count - own.get(instance_type, 0)
        if delta > 0:
            call.world.check_quota(f"{instance_type} for endpoint usage", delta, used)


def _force(world: World, endpoint: SimulatedResource, action: Action, at: float) -> None:
    if action["type"] == "system_updating" and endpoint.status == "InService":
        deployment.begin_system_update(world, endpoint, action["seconds"], at)
    if action["type"] == "endpoint_outcome" and endpoint.status == "Updating" and endpoint.state.pending:
        deployment.break_off(world, endpoint, action, at)
    if action["type"] == "edit_weight" and endpoint.state.fleet:
        for variant in endpoint.state.fleet.variants:
            if variant.name == action["variant"]:
                variant.settle(weight=action.get("weight"), count=action.get("instances"))
        world.changed(endpoint, at)


def _status(summary: Answer) -> Any:
    return summary["EndpointStatus"]


KIND = SimulatedKind(
    name="Endpoint",
    arn_type="endpoint",
    name_field="EndpointName",
    operations={
        "CreateEndpoint": _create,
        "UpdateEndpoint": _update,
        "UpdateEndpointWeightsAndCapacities": _update_weights,
        "DeleteEndpoint": _delete,
    },
    listing=ListOperation(op="ListEndpoints", result="Endpoints", order="Descending", equals={"StatusEquals": _status}),
    describe=endpoint_view.describe,
    summarize=endpoint_view.summarize,
    absent=lambda arn, _: errors.missing(_NOUN, arn),
    event=deployment.EVENT,
    detail=endpoint_view.detail,
    force=_force,
)
