"""What DescribeEndpoint, the list summary and the events say of an endpoint (SM-62, SM-64, SM-104, SM-117, SM-118)."""

import hashlib
import re

from reconciler.dev.simulator.kinds.deployment import Fleet, Hosting, Variant
from reconciler.dev.simulator.kinds.endpoint_config import variants_of
from reconciler.dev.simulator.kinds.fields import event_times, named, without_none
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.world import World


def describe(_: World, endpoint: SimulatedResource) -> Answer:
    hosting: Hosting = endpoint.state
    shown = {
        **named("Endpoint", endpoint),
        "EndpointConfigName": hosting.config,
        "EndpointStatus": endpoint.status,
        "FailureReason": hosting.failure or None,
        "LastDeploymentConfig": hosting.last_deployment,
        "AsyncInferenceConfig": hosting.request.get("AsyncInferenceConfig"),
        "ExplainerConfig": hosting.request.get("ExplainerConfig"),
    }
    if hosting.fleet:
        shown |= _groups(hosting.fleet)
        shown["DataCaptureConfig"] = _capture(hosting.fleet)
    if hosting.pending:
        shown["PendingDeploymentSummary"] = {
            "EndpointConfigName": hosting.pending.config,
            "StartTime": hosting.pending.started,
            **_groups(hosting.pending, pending=True),
        }
    return without_none(shown)


def _groups(fleet: Fleet, *, pending: bool = False) -> Answer:
    groups: Answer = {}
    for variant in fleet.variants:
        group = "ShadowProductionVariants" if variant.shadow else "ProductionVariants"
        groups.setdefault(group, []).append(_variant(variant, pending=pending))
    return groups


def _variant(variant: Variant, *, pending: bool) -> Answer:
    """No ModelName and, once deployed, no InstanceType: those need DescribeEndpointConfig."""
    status, message = variant.doing
    return without_none(
        {
            "VariantName": variant.name,
            "DeployedImages": [_deployed(variant)] if variant.image and variant.resolved_at else None,
            "CurrentWeight": variant.weight,
            "DesiredWeight": variant.desired_weight,
            "CurrentInstanceCount": variant.count,
            "DesiredInstanceCount": variant.desired_count,
            "CurrentServerlessConfig": variant.serverless,
            "DesiredServerlessConfig": variant.desired_serverless,
            "ManagedInstanceScaling": variant.given.get("ManagedInstanceScaling"),
            "RoutingConfig": variant.given.get("RoutingConfig"),
            "InstanceType": variant.given.get("InstanceType") if pending else None,
            "VariantStatus": [{"Status": status, "StatusMessage": message, "StartTime": variant.doing_since}]
            if status
            else None,
        }
    )


def _deployed(variant: Variant) -> Answer:
    repository = variant.image.partition("@")[0].rpartition(":")[0] or variant.image
    digest = hashlib.sha256(variant.image.encode()).hexdigest()
    resolved = f"{repository}@sha256:{digest}"
    return {"SpecifiedImage": variant.image, "ResolvedImage": resolved, "ResolutionTime": variant.resolved_at}


def _capture(fleet: Fleet) -> Answer | None:
    if not fleet.capture:
        return None
    enabled = fleet.capture.get("EnableCapture", False)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": fleet.capture["InitialSamplingPercentage"],
        "DestinationS3Uri": fleet.capture["DestinationS3Uri"],
        "KmsKeyId": fleet.capture.get("KmsKeyId", ""),
    }


def summarize(endpoint: SimulatedResource) -> Answer:
    """No config name here: a sweep cannot see what is deployed."""
    return {**named("Endpoint", endpoint), "EndpointStatus": endpoint.status}


def detail(world: World, endpoint: SimulatedResource) -> Answer:
    """As describe, but statuses are SCREAMING_SNAKE (SM-159)."""
    shown: Answer = event_times(describe(world, endpoint))
    shown["EndpointStatus"] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", endpoint.status).upper()
    return shown


def instances_of(config: Answer) -> dict[str, int]:
    """Instances by type that a config starts with."""
    found: dict[str, int] = {}
    for given in variants_of(config):
        if given.get("InstanceType"):
            found[given["InstanceType"]] = found.get(given["InstanceType"], 0) + given.get("InitialInstanceCount", 0)
    return found


def instances_by_type(hosting: Hosting) -> dict[str, int]:
    """Instances by type that an endpoint holds now, the pending fleet before the live one."""
    fleet = hosting.pending or hosting.fleet
    found: dict[str, int] = {}
    for variant in fleet.variants if fleet else []:
        if kind := variant.given.get("InstanceType"):
            found[kind] = found.get(kind, 0) + (variant.desired_count or 0)
    return found
