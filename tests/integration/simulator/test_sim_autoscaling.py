"""Application Auto Scaling of endpoint variants: row by row of what is known (SM-137 to SM-152).

Refusals whose words nobody has recorded are asserted by their code alone.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import REGION, Aws, error

VE, ABSENT = "ValidationException", "ObjectNotFoundException"
RESOURCE = "endpoint/endpoint/variant/main"
NAMED: Mapping[str, Any] = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
TRACKING = {
    "TargetValue": 60.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}
CUSTOM = {
    "TargetValue": 50.5,
    "CustomizedMetricSpecification": {
        "MetricName": "CPUUtilization",
        "Namespace": "/aws/sagemaker/Endpoints",
        "Statistic": "Average",
        "Dimensions": [{"Name": "EndpointName", "Value": "endpoint"}],
    },
}
STEPS = {
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
}
NOTHING_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}

Step = Callable[[Aws], Any]


def scaling(aws: Aws) -> Any:
    return aws.client("application-autoscaling")


def register(aws: Aws, **changes: Any) -> Any:
    request = {**NAMED, "MinCapacity": 1, "MaxCapacity": 4, **changes}
    return scaling(aws).register_scalable_target(**given.without_none(request))


def put(aws: Aws, name: str = "requests", **changes: Any) -> Any:
    request = {
        **NAMED,
        "PolicyName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": TRACKING,
        **changes,
    }
    return scaling(aws).put_scaling_policy(**given.without_none(request))


def targets(aws: Aws, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scaling(aws).describe_scalable_targets(ServiceNamespace="sagemaker", **asked)[
        "ScalableTargets"
    ]
    return found


def policies(aws: Aws, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scaling(aws).describe_scaling_policies(ServiceNamespace="sagemaker", **asked)[
        "ScalingPolicies"
    ]
    return found


def alarms(aws: Aws) -> set[str]:
    return {alarm["AlarmName"] for alarm in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]}


def _creating(aws: Aws) -> None:
    aws.config("config-a")
    aws.sm.create_endpoint(EndpointName="endpoint", EndpointConfigName="config-a")


def _serving(aws: Aws) -> None:
    aws.deploy()


def _burstable(aws: Aws) -> None:
    aws.config("config-t", ProductionVariants=[given.variant(InstanceType="ml.t2.medium")])
    aws.sm.create_endpoint(EndpointName="endpoint", EndpointConfigName="config-t")
    aws.advance(300)


def _serverless(aws: Aws) -> None:
    serverless = given.variant(InstanceType=None, InitialInstanceCount=None)
    serverless["ServerlessConfig"] = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    aws.config("config-s", ProductionVariants=[serverless])
    aws.sm.create_endpoint(EndpointName="endpoint", EndpointConfigName="config-s")
    aws.advance(300)


def _scaled(aws: Aws) -> None:
    aws.deploy()
    register(aws)
    put(aws)


@pytest.mark.parametrize(
    ("before", "call", "code", "text"),
    [
        pytest.param(lambda _: None, register, VE, "Could not find endpoint", id="the endpoint must exist"),
        pytest.param(
            _creating,
            register,
            VE,
            "The status should be in 'InService' to register it as a scalable target",
            id="the endpoint must be in service",
        ),
        pytest.param(
            _serving,
            lambda aws: register(aws, ResourceId="endpoint/endpoint/variant/other"),
            VE,
            "",
            id="the variant must exist",
        ),
        pytest.param(
            _serving, lambda aws: register(aws, ResourceId="endpoint/endpoint"), VE, "", id="half a resource id"
        ),
        pytest.param(_serving, lambda aws: register(aws, MinCapacity=5), VE, "", id="min is not above max"),
        pytest.param(_serving, lambda aws: register(aws, MaxCapacity=None), VE, "", id="first registration needs both"),
        pytest.param(_burstable, register, VE, "", id="burstable instances do not scale"),
        pytest.param(_serverless, register, VE, "", id="a serverless variant has no instances to scale"),
        pytest.param(
            _serving,
            lambda aws: register(aws, ServiceNamespace="space"),
            VE,
            "1 validation error detected: Value 'space' at 'serviceNamespace'",
            id="shapes are checked",
        ),
        pytest.param(_serving, put, ABSENT, "", id="a policy needs its target"),
        pytest.param(
            _scaled,
            lambda aws: put(aws, TargetTrackingScalingPolicyConfiguration=None),
            "OK",
            "",
            id="what a policy has is kept",
        ),
        pytest.param(
            _scaled,
            lambda aws: put(aws, "another", TargetTrackingScalingPolicyConfiguration={"TargetValue": 1.0}),
            VE,
            "",
            id="a metric is needed",
        ),
        pytest.param(
            _scaled,
            lambda aws: put(aws, TargetTrackingScalingPolicyConfiguration={**TRACKING, **CUSTOM}),
            VE,
            "",
            id="only one metric",
        ),
        pytest.param(_scaled, lambda aws: put(aws, "another"), VE, "", id="one tracking policy for a metric"),
        pytest.param(
            _scaled,
            lambda aws: put(aws, "steps", PolicyType="StepScaling", TargetTrackingScalingPolicyConfiguration=None),
            VE,
            "",
            id="steps need their configuration",
        ),
        pytest.param(
            _serving,
            lambda aws: scaling(aws).deregister_scalable_target(**NAMED),
            ABSENT,
            "",
            id="nothing to deregister",
        ),
        pytest.param(
            _scaled,
            lambda aws: scaling(aws).delete_scaling_policy(PolicyName="other", **NAMED),
            ABSENT,
            "",
            id="no policy to delete",
        ),
        pytest.param(_scaled, lambda aws: targets(aws, MaxResults=51), VE, "", id="pages of 50"),
        pytest.param(
            _scaled,
            lambda aws: scaling(aws).describe_scaling_policies(ServiceNamespace="sagemaker", MaxResults=11),
            VE,
            "between 1 and 10",
            id="pages of 10 policies",
        ),
        pytest.param(
            _scaled,
            lambda aws: scaling(aws).tag_resource(ResourceARN=targets(aws)[0]["ScalableTargetARN"], Tags={"k": ""}),
            VE,
            "Tag values cannot be empty or blank",
            id="an empty tag value",
        ),
        pytest.param(
            _scaled, lambda aws: targets(aws, NextToken="bad"), "InvalidNextTokenException", "", id="a token of its own"
        ),
        pytest.param(_scaled, lambda aws: register(aws, Tags={"a": "b"}), VE, "", id="tags only when it is made"),
        pytest.param(
            _scaled,
            lambda aws: scaling(aws).put_scheduled_action(ScheduledActionName="x", **NAMED),
            "UnknownOperationException",
            "",
            id="scheduled actions are not simulated",
        ),
    ],
)
def test_refusals(aws: Aws, before: Step, call: Step, code: str, text: str) -> None:
    before(aws)
    found, said = error(lambda: call(aws))
    assert found == code
    assert text in said


def test_describe_fills_in_defaults(aws: Aws) -> None:
    _scaled(aws)
    (target,), (policy,) = targets(aws), policies(aws)
    assert target["SuspendedState"] == NOTHING_SUSPENDED
    assert target["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")
    assert target["ScalableTargetARN"].startswith(
        f"arn:aws:application-autoscaling:{REGION}:123456789012:scalable-target/"
    )
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {
        **TRACKING,
        "ScaleOutCooldown": 300,
        "ScaleInCooldown": 300,
        "DisableScaleIn": False,
    }
    assert policy["PolicyARN"].endswith(f":resource/sagemaker/{RESOURCE}:policyName/requests")


def test_registering_is_an_upsert_of_what_is_given(aws: Aws) -> None:
    _scaled(aws)
    before = targets(aws)[0]
    register(aws, MinCapacity=None, MaxCapacity=9, SuspendedState={"DynamicScalingInSuspended": True})
    after = targets(aws)[0]
    assert (after["MinCapacity"], after["MaxCapacity"]) == (1, 9)
    assert after["SuspendedState"] == {**NOTHING_SUSPENDED, "DynamicScalingInSuspended": True}
    assert after["ScalableTargetARN"] == before["ScalableTargetARN"]
    assert [policy["PolicyName"] for policy in policies(aws)] == ["requests"]


@pytest.mark.parametrize(("least", "most", "count"), [(3, 6, 3), (1, 1, 1), (1, 4, 2)], ids=["up", "down", "inside"])
def test_the_count_moves_into_the_range(aws: Aws, least: int, most: int, count: int) -> None:
    aws.deploy()
    register(aws, MinCapacity=least, MaxCapacity=most)
    assert aws.endpoint()["EndpointStatus"] == ("InService" if count == 2 else "Updating")
    aws.advance(60)
    variant = aws.endpoint()["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (count, count)


def test_tracking_policies_have_alarms_and_steps_have_none(aws: Aws) -> None:
    _scaled(aws)
    first = alarms(aws)
    assert {name.rpartition("-Alarm")[0] for name in first} == {f"TargetTracking-{RESOURCE}"}
    assert {alarm["AlarmName"] for alarm in policies(aws)[0]["Alarms"]} == first
    put(aws, TargetTrackingScalingPolicyConfiguration={**TRACKING, "TargetValue": 5.0})
    assert alarms(aws) == first
    put(
        aws,
        PolicyType="StepScaling",
        TargetTrackingScalingPolicyConfiguration=None,
        StepScalingPolicyConfiguration=STEPS,
    )
    assert alarms(aws) == set()


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda aws: scaling(aws).deregister_scalable_target(**NAMED), id="deregistered"),
        pytest.param(lambda aws: aws.sm.delete_endpoint(EndpointName="endpoint"), id="its endpoint is deleted"),
    ],
)
def test_a_target_goes_with_its_policies_and_alarms(aws: Aws, end: Step) -> None:
    _scaled(aws)
    end(aws)
    assert (targets(aws), policies(aws), alarms(aws)) == ([], [], set())


@pytest.mark.parametrize(
    ("variants", "code"),
    [
        pytest.param([given.variant(InstanceType="ml.m5.xlarge")], VE, id="another instance type"),
        pytest.param([given.variant(VariantName="next")], VE, id="without the variant"),
        pytest.param([given.variant(InitialInstanceCount=1)], "OK", id="another count"),
    ],
)
def test_an_update_leaves_scalable_targets_as_they_are(aws: Aws, variants: list[Any], code: str) -> None:
    _scaled(aws)
    aws.config("config-b", ProductionVariants=variants)
    update = lambda: aws.sm.update_endpoint(EndpointName="endpoint", EndpointConfigName="config-b")  # noqa: E731
    assert error(update)[0] == code
    if code != "OK":
        scaling(aws).deregister_scalable_target(**NAMED)
        assert error(update)[0] == "OK"


def test_pages_and_filters(aws: Aws) -> None:
    names = [f"v{number}" for number in range(10)]
    for number in range(6):
        config = f"config-{number}"
        aws.config(config, ProductionVariants=[given.variant(VariantName=name) for name in names])
        aws.sm.create_endpoint(EndpointName=f"e{number}", EndpointConfigName=config)
    aws.advance(300)
    for number in range(6):
        for name in names:
            register(aws, ResourceId=f"endpoint/e{number}/variant/{name}")
            put(aws, ResourceId=f"endpoint/e{number}/variant/{name}")
    for page_of, most, left in (("describe_scalable_targets", 50, 10), ("describe_scaling_policies", 10, 10)):
        first = getattr(scaling(aws), page_of)(ServiceNamespace="sagemaker")
        rest = getattr(scaling(aws), page_of)(ServiceNamespace="sagemaker", NextToken=first["NextToken"])
        member = next(name for name in first if name.startswith("Scal"))
        assert (len(first[member]), len(rest[member]), "NextToken" in rest) == (most, left, most == 10)
    assert len(targets(aws, ResourceIds=["endpoint/e1/variant/v1", "endpoint/e2/variant/v2"])) == 2
    assert len(policies(aws, ResourceId="endpoint/e1/variant/v1", PolicyNames=["requests"])) == 1
    assert policies(aws, PolicyNames=["other"]) == []
    assert targets(aws, ScalableDimension="sagemaker:variant:DesiredProvisionedConcurrency") == []


def test_targets_are_tagged(aws: Aws) -> None:
    aws.deploy()
    arn = register(aws, Tags={"team": "a"})["ScalableTargetARN"]
    client = scaling(aws)
    client.tag_resource(ResourceARN=arn, Tags={"more": "b"})
    client.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"more": "b"}
    assert error(lambda: client.list_tags_for_resource(ResourceARN=arn[:-1] + "x"))[0] == "ResourceNotFoundException"


def test_rules_throttle_record_and_reset_cover_it(aws: Aws) -> None:
    aws.deploy()
    thrown = {"type": "error", "code": "ConcurrentUpdateException", "message": "again"}
    aws.rule(thrown, service="application-autoscaling", op="Register*", count=1)
    assert error(lambda: register(aws))[0] == "ConcurrentUpdateException"
    register(aws)
    asked = [
        (row["op"], row["key"], row["code"]) for row in aws.requests() if row["service"] == "application-autoscaling"
    ]
    assert asked == [
        ("RegisterScalableTarget", RESOURCE, "ConcurrentUpdateException"),
        ("RegisterScalableTarget", RESOURCE, "OK"),
    ]
    aws.control("POST", "throttle", {"enabled": True, "limits": {"Put*": 0.5}})
    put(aws)
    answers = [error(lambda: put(aws)) for _ in range(5)]  # one may be slow enough for the bucket to hold a call again
    assert ("ThrottlingException", "Rate exceeded") in answers
    aws.control("POST", "throttle", {"enabled": False})
    aws.control("POST", "reset", {})
    assert targets(aws) == []


def test_another_account_and_region_see_nothing(aws: Aws) -> None:
    _scaled(aws)
    for elsewhere in (
        aws.client("application-autoscaling", region="eu-west-1"),
        aws.client("application-autoscaling", access_key="999999999999"),
    ):
        assert elsewhere.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
