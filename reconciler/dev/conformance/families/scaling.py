"""Application Auto Scaling of the endpoint that `rollouts` has made, and the end of that endpoint."""

from typing import Any

from reconciler.dev.conformance import requests
from reconciler.dev.conformance.account import Account, Answer, believe, same
from reconciler.dev.conformance.check import check
from reconciler.dev.conformance.families.rollouts import look, settled

_SERVICE = "application-autoscaling"


def _where(account: Account) -> Answer:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{account.name('Endpoint')}/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def _call(account: Account, operation: str, **params: Any) -> Answer:
    return account.call(operation, _SERVICE, **_where(account), **params)


@check("SM-137", "SM-138", "SM-143", "SM-144", "SM-151", makes=("a scalable target", "a scaling policy"))
def a_target(account: Account) -> None:
    """A target is added and changed; tags are taken once, and no empty ones; its policy has two alarms."""
    empty = account.refused(
        "RegisterScalableTarget", _SERVICE, **_where(account), MinCapacity=1, MaxCapacity=1, Tags={"k": ""}
    )
    believe("cannot be empty" in empty.message, f"SM-144: {empty.message}")
    _call(account, "RegisterScalableTarget", MinCapacity=1, MaxCapacity=1, Tags={"k": "v"})
    again = account.refused("RegisterScalableTarget", _SERVICE, **_where(account), MaxCapacity=1, Tags={"k": "w"})
    believe("already exists" in again.message and "TagResource" in again.message, f"SM-143: {again.message}")
    for most in (2, 1):
        _call(account, "RegisterScalableTarget", MaxCapacity=most)
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    tracking = {"TargetValue": 100.0, "PredefinedMetricSpecification": metric}
    made = _call(
        account, "PutScalingPolicy", PolicyName=account.name("policy"), PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracking,
    )  # fmt: skip
    same(len(made["Alarms"]), 2, "the number of alarms")
    (shown,) = account.call(
        "DescribeScalingPolicies", _SERVICE, ServiceNamespace="sagemaker", ResourceId=_where(account)["ResourceId"]
    )["ScalingPolicies"]
    account.learn(f"SM-151: {sorted(shown['TargetTrackingScalingPolicyConfiguration'])}")


@check("SM-152", makes=("a configuration of another instance type",))
def an_update_that_a_target_forbids(account: Account) -> None:
    """An update that changes the instance type of a variant that is a target is refused."""
    other = requests.variant(account.name("served"), InstanceType="ml.m5.xlarge")
    account.call("CreateEndpointConfig", **requests.config(account.name("larger"), other))
    refusal = account.refused(
        "UpdateEndpoint", EndpointName=account.name("Endpoint"), EndpointConfigName=account.name("larger")
    )
    account.learn(f"SM-152: {refusal.code}: {refusal.message}")


@check("SM-140", "SM-148")
def a_target_goes_with_its_policies(account: Account) -> None:
    """Deregistering takes policies along; an endpoint that is changing takes no target."""
    _call(account, "DeregisterScalableTarget")
    asked = {"ServiceNamespace": "sagemaker", "ResourceId": _where(account)["ResourceId"]}
    same(account.call("DescribeScalingPolicies", _SERVICE, **asked)["ScalingPolicies"], [], "what is left")
    account.call("UpdateEndpoint", EndpointName=account.name("Endpoint"), EndpointConfigName=account.name("three"))
    same(look(account)()["EndpointStatus"], "Updating", "the status")
    text = "The status should be in 'InService' to register it as a scalable target"
    account.expect(
        "RegisterScalableTarget", "ValidationException", text, service=_SERVICE, **_where(account), MinCapacity=1,
        MaxCapacity=1,
    )  # fmt: skip
    settled(account)


@check("SM-96")
def an_update_without_the_live_configuration(account: Account) -> None:
    """With the live configuration deleted, an update is refused and names it."""
    live = account.name("three")
    account.call("DeleteEndpointConfig", EndpointConfigName=live)
    text = f'Could not find endpoint configuration "{account.arn("endpoint-config", live)}".'
    account.expect(
        "UpdateEndpoint", "ValidationException", text, EndpointName=account.name("Endpoint"),
        EndpointConfigName=account.name("two"),
    )  # fmt: skip
