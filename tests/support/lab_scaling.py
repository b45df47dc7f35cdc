"""HostingAutoscalingPolicies for the bench, and Application Auto Scaling as a person's console shows it."""

from __future__ import annotations

from typing import Any

from reconciler.dev.envfile import REGION
from tests.support.lab import IMAGE, Lab, hosting, manifest
from tests.support.simulator_control import SimControl

SERVICE = "application-autoscaling"
INSTANCES = "sagemaker:variant:DesiredInstanceCount"
NAME = "SageMakerEndpointInvocationScalingPolicy"
INVOCATIONS = {"predefinedMetricSpecification": {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}


BUSY = {"customizedMetricSpecification": {"metricName": "Busy", "namespace": "team", "statistic": "Average"}}


def scaling(*endpoints: str, name: str = "scale", variant: str = "variant-model-0", **spec: Any) -> dict[str, Any]:
    """The smallest policy over one variant each of the endpoints, with `spec` on top; None leaves a key out."""
    least = {
        "region": REGION,
        "resourceId": [{"endpointName": endpoint, "variantName": variant} for endpoint in endpoints],
        "minCapacity": 1,
        "maxCapacity": 4,
        "targetTrackingScalingPolicyConfiguration": {"targetValue": 60, **INVOCATIONS},
    }
    wanted = {key: value for key, value in (least | spec).items() if value is not None}
    return manifest("HostingAutoscalingPolicy", name, "team", wanted)


def endpoint(name: str, image: str = IMAGE, **variant: Any) -> dict[str, Any]:
    """A HostingDeployment of one variant on an endpoint of the same name."""
    body = hosting(name, image=image, endpointName=name)
    body["spec"]["productionVariants"][0] |= variant
    return body


def resource(endpoint_name: str, variant: str = "variant-model-0") -> str:
    return f"endpoint/{endpoint_name}/variant/{variant}"


class Console:
    def __init__(self, simulator: SimControl) -> None:
        self.simulator = simulator
        self.client = simulator.client(SERVICE)

    def targets(self) -> dict[str, dict[str, Any]]:
        found = self.client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        return {target["ResourceId"]: target for target in found}

    def policies(self) -> dict[str, dict[str, Any]]:
        found = self.client.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
        return {f"{policy['ResourceId']} {policy['PolicyName']}": policy for policy in found}

    def tags(self, resource_id: str) -> dict[str, str]:
        arn = self.targets()[resource_id]["ScalableTargetARN"]
        found: dict[str, str] = self.client.list_tags_for_resource(ResourceARN=arn)["Tags"]
        return found

    def named(self, resource_id: str) -> dict[str, str]:
        return {"ServiceNamespace": "sagemaker", "ResourceId": resource_id, "ScalableDimension": INSTANCES}

    def register(self, resource_id: str, least: int = 1, most: int = 4, **more: Any) -> None:
        self.client.register_scalable_target(**self.named(resource_id), MinCapacity=least, MaxCapacity=most, **more)

    def deregister(self, resource_id: str) -> None:
        self.client.deregister_scalable_target(**self.named(resource_id))

    def put(self, resource_id: str, value: float = 60.0, name: str = NAME, *, custom: bool = False) -> None:
        """One metric takes one policy: a second one needs a metric of its own."""
        predefined = {
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
        }
        metric = {"CustomizedMetricSpecification": {"MetricName": "Busy", "Namespace": "team", "Statistic": "Average"}}
        tracking = {"TargetValue": value, **(metric if custom else predefined)}
        self.client.put_scaling_policy(
            **self.named(resource_id),
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=tracking,
        )

    def calls(self, since: int = 0) -> list[str]:
        """Requests to Application Auto Scaling, in order."""
        return [row["op"] for row in self.simulator.requests(since, service=SERVICE)]

    def changes(self, since: int = 0) -> list[str]:
        """Those that change something, over all services."""
        return [op for op, _ in self.simulator.mutations(since)]


def ready(lab: Lab, *keys: Any) -> bool:
    return all(lab.is_ready(key) for key in keys)
