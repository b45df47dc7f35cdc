"""The life of an Endpoint (SM-101 to SM-134), on a clock moved by hand."""

from typing import Any

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import Aws, error

CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 120,
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
        },
        "TerminationWaitInSeconds": 60,
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
}
ROLLING = {
    "RollingUpdatePolicy": {
        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": 60,
    }
}
ALL_AT_ONCE_S = 240 + 10 + 30
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 20,
    "DestinationS3Uri": "s3://bucket/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


def _update(aws: Aws, config: str = "config-b", **changes: Any) -> None:
    aws.sm.update_endpoint(EndpointName="endpoint", EndpointConfigName=config, **changes)


def _two_configs(aws: Aws, **second: Any) -> None:
    aws.deploy()
    aws.config("config-b", **second)


def _doing(aws: Aws) -> str:
    return str(aws.endpoint()["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]["StatusMessage"])


def _state(aws: Aws) -> tuple[str, str]:
    endpoint = aws.endpoint()
    return endpoint["EndpointStatus"], endpoint["EndpointConfigName"]


def _live(aws: Aws) -> dict[str, Any]:
    variant: dict[str, Any] = aws.endpoint()["ProductionVariants"][0]
    return variant


def _weigh(aws: Aws, **wanted: Any) -> None:
    changes = [{"VariantName": "main", **wanted}]
    aws.sm.update_endpoint_weights_and_capacities(EndpointName="endpoint", DesiredWeightsAndCapacities=changes)


def test_a_creation(aws: Aws) -> None:
    aws.config("config-a")
    aws.sm.create_endpoint(EndpointName="endpoint", EndpointConfigName="config-a")
    endpoint = aws.endpoint()
    assert endpoint["EndpointStatus"] == "Creating"
    assert "ProductionVariants" not in endpoint
    assert endpoint["PendingDeploymentSummary"]["EndpointConfigName"] == "config-a"
    assert _doing(aws) == "Launching 2 instance(s)."
    aws.advance(299.999)
    assert aws.endpoint()["EndpointStatus"] == "Creating"
    aws.advance(0.001)
    assert _state(aws) == ("InService", "config-a")


def test_a_creation_that_fails_ends_failed(aws: Aws) -> None:
    aws.rule({"type": "endpoint_outcome", "outcome": "fail", "reason": "bad image", "after": 1800})
    aws.deploy()
    assert _state(aws)[0] == "Creating", "a bad image keeps Creating for long"
    aws.advance(1500)
    endpoint = aws.endpoint()
    assert (endpoint["EndpointStatus"], endpoint["FailureReason"]) == ("Failed", "bad image")


def test_an_update_keeps_the_old_config_until_it_has_succeeded(aws: Aws) -> None:
    _two_configs(aws)
    before = aws.endpoint()["LastModifiedTime"]
    aws.advance(5)
    _update(aws)
    endpoint = aws.endpoint()
    assert _state(aws) == ("Updating", "config-a")
    assert endpoint["LastModifiedTime"] > before
    pending = endpoint["PendingDeploymentSummary"]
    assert (pending["EndpointConfigName"], pending["StartTime"]) == ("config-b", endpoint["LastModifiedTime"])
    new = pending["ProductionVariants"][0]
    assert (new["CurrentInstanceCount"], new["DesiredInstanceCount"], new["InstanceType"]) == (0, 2, "ml.m5.large")
    aws.advance(ALL_AT_ONCE_S - 1)
    assert _state(aws) == ("Updating", "config-a")
    aws.advance(1)
    assert _state(aws) == ("InService", "config-b")
    assert not {"PendingDeploymentSummary", "FailureReason"} & set(aws.endpoint())


def test_a_canary_walks_its_steps(aws: Aws) -> None:
    aws.alarm("errors")
    _two_configs(aws)
    _update(aws, DeploymentConfig=CANARY)
    seen = []
    for seconds in (0, 240, 10, 120, 10, 60):
        aws.advance(seconds)
        seen.append(_doing(aws))
    assert seen == [
        "Launching 2 instance(s).",
        "Activating traffic on canary capacity of 1 instance(s).",
        "Baking for 120 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1 instance(s).",
        "Activating traffic on 1 instance(s).",
        "Baking for 60 seconds (TerminationWaitInSeconds) with traffic enabled on 2 instance(s).",
        "Terminating 2 instance(s).",
    ]
    aws.advance(30)
    assert _state(aws) == ("InService", "config-b")
    assert aws.endpoint()["LastDeploymentConfig"] == CANARY


def test_a_rolling_update_replaces_the_fleet_in_batches(aws: Aws) -> None:
    _two_configs(aws)
    _update(aws, DeploymentConfig=ROLLING)
    aws.advance(240 + 10 + 30)
    assert _live(aws)["CurrentInstanceCount"] == 1
    new = aws.endpoint()["PendingDeploymentSummary"]["ProductionVariants"][0]
    assert (new["CurrentInstanceCount"], new["DesiredInstanceCount"]) == (1, 2)
    aws.advance(60 + 240 + 10 + 30 + 60)
    assert _state(aws) == ("InService", "config-b")


@pytest.mark.parametrize("moment", [0, 240, 300, 400], ids=["launching", "activating", "baking", "terminating"])
def test_an_alarm_at_any_time_of_the_update_rolls_it_back(aws: Aws, moment: float) -> None:
    aws.alarm("errors")
    _two_configs(aws)
    _update(aws, DeploymentConfig=CANARY)
    aws.advance(moment)
    aws.alarm("errors", "ALARM")
    aws.advance(10)
    assert _state(aws) == ("RollingBack", "config-a")
    aws.advance(60)
    assert _state(aws) == ("InService", "config-a")
    assert "errors" in aws.endpoint()["FailureReason"]
    assert "PendingDeploymentSummary" not in aws.endpoint()
    assert _live(aws)["CurrentInstanceCount"] == 2


def test_an_alarm_that_rings_already_rolls_an_update_back_at_once(aws: Aws) -> None:
    aws.alarm("errors", "ALARM")
    _two_configs(aws)
    _update(aws, DeploymentConfig=CANARY)
    aws.advance(10)
    assert _state(aws) == ("RollingBack", "config-a")


def test_an_alarm_after_the_update_changes_nothing(aws: Aws) -> None:
    aws.alarm("errors")
    _two_configs(aws)
    _update(aws, DeploymentConfig=CANARY)
    aws.advance(1000)
    aws.alarm("errors", "ALARM")
    aws.advance(1000)
    assert _state(aws) == ("InService", "config-b")


def test_an_alarm_must_exist(aws: Aws) -> None:
    _two_configs(aws)
    assert error(lambda: _update(aws, DeploymentConfig=CANARY))[0] == "ValidationException"


def test_an_update_without_alarms_watches_none(aws: Aws) -> None:
    aws.alarm("errors", "ALARM")
    _two_configs(aws)
    _update(aws)
    aws.advance(ALL_AT_ONCE_S)
    assert _state(aws) == ("InService", "config-b")


@pytest.mark.parametrize("reason", ["out of memory", ""], ids=["with its reason", "without any reason"])
def test_a_roll_back_by_rule(aws: Aws, reason: str) -> None:
    _two_configs(aws)
    aws.rule(
        {"type": "endpoint_outcome", "outcome": "rollback", "reason": reason}, op="UpdateEndpoint", name="endpoint"
    )
    _update(aws)
    aws.advance(1000)
    assert _state(aws) == ("InService", "config-a")
    assert aws.endpoint().get("FailureReason", "") == reason


def test_the_failure_reason_goes_with_the_next_update(aws: Aws) -> None:
    _two_configs(aws)
    aws.rule({"type": "endpoint_outcome", "outcome": "rollback", "reason": "x"}, op="UpdateEndpoint", count=1)
    _update(aws)
    aws.advance(1000)
    _update(aws)
    assert "FailureReason" not in aws.endpoint()
    aws.advance(1000)
    assert _state(aws) == ("InService", "config-b")


def test_rolling_back_may_not_be_seen_at_all(aws: Aws) -> None:
    _two_configs(aws)
    aws.settings(switches={"rolling_back_shown": False})
    aws.rule({"type": "endpoint_outcome", "outcome": "rollback", "after": 100}, op="UpdateEndpoint")
    _update(aws)
    aws.advance(101)
    assert _state(aws) == ("Updating", "config-a")
    aws.advance(60)
    assert _state(aws) == ("InService", "config-a")


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("rollback_failed", "UpdateRollbackFailed"), ("fail", "Failed"), ("stuck", "Updating")],
)
def test_other_ends_of_an_update(aws: Aws, outcome: str, status: str) -> None:
    _two_configs(aws)
    aws.rule({"type": "endpoint_outcome", "outcome": outcome}, op="UpdateEndpoint")
    _update(aws)
    aws.advance(100_000)
    assert _state(aws) == (status, "config-a")


def test_an_update_in_flight_can_be_broken_off(aws: Aws) -> None:
    _two_configs(aws)
    _update(aws)
    aws.rule({"type": "endpoint_outcome", "outcome": "rollback", "reason": "now", "now": True}, name="endpoint")
    assert _state(aws) == ("RollingBack", "config-a")
    aws.advance(60)
    assert (_state(aws), aws.endpoint()["FailureReason"]) == (("InService", "config-a"), "now")


def test_a_failed_roll_back_is_mended_by_another_update(aws: Aws) -> None:
    _two_configs(aws)
    aws.rule({"type": "endpoint_outcome", "outcome": "rollback_failed"}, op="UpdateEndpoint", count=1)
    for _ in range(2):
        _update(aws)
        aws.advance(1000)
    assert _state(aws) == ("InService", "config-b")


def test_an_update_that_takes_too_long_rolls_back(aws: Aws) -> None:
    _two_configs(aws)
    policy = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "MaximumExecutionTimeoutInSeconds": 600,
        }
    }
    aws.settings(durations={"endpoint.launch": 5000})
    _update(aws, DeploymentConfig=policy)
    aws.advance(660)
    assert _state(aws) == ("InService", "config-a")
    assert "MaximumExecutionTimeoutInSeconds" in aws.endpoint()["FailureReason"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, (1.0, 2, None), id="nothing retained: the new config's initial values"),
        pytest.param({"RetainAllVariantProperties": True}, (3.0, 5, 20), id="all retained"),
        pytest.param(
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
            },
            (3.0, 2, 20),
            id="but the count",
        ),
        pytest.param(
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [
                    {"VariantPropertyType": "DesiredWeight"},
                    {"VariantPropertyType": "DataCaptureConfig"},
                ],
            },
            (1.0, 5, None),
            id="but the weight and the capture",
        ),
    ],
)
def test_what_an_update_retains(aws: Aws, changes: dict[str, Any], expected: tuple[Any, ...]) -> None:
    aws.config("captured", DataCaptureConfig=CAPTURE)
    aws.config("config-b")
    aws.sm.create_endpoint(EndpointName="endpoint", EndpointConfigName="captured")
    aws.advance(300)
    _weigh(aws, DesiredWeight=3.0, DesiredInstanceCount=5)
    aws.advance(60)
    _update(aws, **changes)
    aws.advance(ALL_AT_ONCE_S)
    live = _live(aws)
    capture = aws.endpoint().get("DataCaptureConfig", {}).get("CurrentSamplingPercentage")
    assert (live["CurrentWeight"], live["CurrentInstanceCount"], capture) == expected


def test_the_deployment_config_is_retained_only_on_request(aws: Aws) -> None:
    aws.alarm("errors")
    _two_configs(aws)
    _update(aws, DeploymentConfig=CANARY)
    aws.advance(1000)
    _update(aws, "config-a", RetainDeploymentConfig=True)
    assert aws.endpoint()["LastDeploymentConfig"] == CANARY
    aws.advance(1000)
    _update(aws)
    assert "LastDeploymentConfig" not in aws.endpoint()


@pytest.mark.parametrize(
    ("policy", "variants"),
    [
        pytest.param(CANARY, [given.variant(VariantName="renamed")], id="a guarded update keeps the variant names"),
        pytest.param(
            ROLLING,
            [
                {
                    "VariantName": "main",
                    "ModelName": "model",
                    "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
                }
            ],
            id="rolling excludes serverless variants",
        ),
    ],
)
def test_what_a_deployment_config_excludes(aws: Aws, policy: Any, variants: Any) -> None:
    aws.alarm("errors")
    _two_configs(aws, ProductionVariants=variants)
    assert error(lambda: _update(aws, DeploymentConfig=policy))[0] == "ValidationException"
    assert error(lambda: _update(aws)) == ("OK", "")


def test_a_weight_changes_live_and_not_in_the_config(aws: Aws) -> None:
    aws.deploy()
    _weigh(aws, DesiredWeight=0.5)
    assert (_live(aws)["CurrentWeight"], _live(aws)["DesiredWeight"]) == (1.0, 0.5)
    assert _state(aws) == ("Updating", "config-a")
    aws.advance(20)
    assert _state(aws) == ("InService", "config-a")
    assert (_live(aws)["CurrentWeight"], _live(aws)["CurrentInstanceCount"]) == (0.5, 2)


def test_a_capacity_tells_what_it_does(aws: Aws) -> None:
    aws.deploy()
    _weigh(aws, DesiredInstanceCount=6)
    assert _live(aws)["VariantStatus"][0]["StatusMessage"] == "Scaling out desired instance count to 6."
    assert _live(aws)["CurrentInstanceCount"] == 2
    aws.advance(60)
    assert _live(aws)["CurrentInstanceCount"] == 6
    assert "VariantStatus" not in _live(aws)


def test_a_capacity_that_cannot_be_had_is_rolled_back(aws: Aws) -> None:
    aws.deploy()
    aws.rule({"type": "endpoint_outcome", "outcome": "rollback", "reason": "none left"}, op="*Capacities")
    _weigh(aws, DesiredInstanceCount=6)
    aws.advance(60)
    assert _state(aws)[0] == "RollingBack"
    aws.advance(60)
    assert (_live(aws)["DesiredInstanceCount"], aws.endpoint()["FailureReason"]) == (2, "none left")


def test_patching_comes_and_goes(aws: Aws) -> None:
    aws.deploy()
    aws.rule({"type": "system_updating", "seconds": 60, "now": True}, name="endpoint")
    assert _state(aws)[0] == "SystemUpdating"
    aws.advance(60)
    assert _state(aws)[0] == "InService"


def test_a_quota_counts_the_live_instances(aws: Aws) -> None:
    aws.settings(quotas={"ml.m5.large for endpoint usage": 3})
    aws.deploy()
    call = {"EndpointName": "other", "EndpointConfigName": "config-a"}
    code, message = error(lambda: aws.sm.create_endpoint(**call))
    assert code == "ResourceLimitExceeded"
    assert "'ml.m5.large for endpoint usage' is 3 Instances, with current utilization of 2 Instances" in message


def test_a_deleted_endpoint_comes_back_new(aws: Aws) -> None:
    aws.deploy()
    aws.sm.delete_endpoint(EndpointName="endpoint")
    aws.advance(60)
    aws.sm.create_endpoint(EndpointName="endpoint", EndpointConfigName="config-a")
    assert _state(aws)[0] == "Creating"
    aws.advance(300)
    assert _state(aws)[0] == "InService"
