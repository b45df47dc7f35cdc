"""Endpoints: one is created, updated, rebalanced, and asked for what it refuses. It serves for later families too."""

from collections.abc import Callable

from reconciler.dev.conformance import requests
from reconciler.dev.conformance.account import Account, Answer, believe, same
from reconciler.dev.conformance.check import check

VE = "ValidationException"
_HOURS_USD = 4 * 0.15
_ALL_AT_ONCE = {
    "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
}
_SETTLED = ("InService", "Failed", "UpdateRollbackFailed")


def look(account: Account) -> Callable[[], Answer]:
    return lambda: account.call("DescribeEndpoint", EndpointName=account.name("Endpoint"))


def settled(account: Account) -> Answer:
    return account.wait(look(account), lambda found: found["EndpointStatus"] in _SETTLED)


@check(
    "SM-62", "SM-64", "SM-80", "SM-101", "SM-105", "SM-117", "SM-127",
    makes=("a model", "three configurations", "an endpoint of one ml.m5.large, two while it is updated"),
    cost_usd=_HOURS_USD,
)  # fmt: skip
def an_endpoint(account: Account) -> None:
    """An endpoint from Creating to InService: what it refuses meanwhile, what its description and summary hold."""
    name, model = account.name("Endpoint"), account.name("served")
    container = {"Image": account.image, "ModelDataUrl": account.kept["artefact"]}
    account.call("CreateModel", **requests.model(account, model, PrimaryContainer=container))
    for suffix in ("one", "two", "three"):
        account.call("CreateEndpointConfig", **requests.config(account.name(suffix), requests.variant(model)))
    account.call(
        "CreateEndpoint", EndpointName=name, EndpointConfigName=account.name("one"), Tags=[requests.TAG],
        DeploymentConfig=_ALL_AT_ONCE,
    )  # fmt: skip
    creating = look(account)()
    same(creating["EndpointStatus"], "Creating", "the status")
    same(creating.get("PendingDeploymentSummary", {}).get("EndpointConfigName"), account.name("one"), "what is pending")
    text = f'Cannot update in-progress endpoint "{account.arn("endpoint", name)}"'
    account.expect("UpdateEndpoint", VE, text, EndpointName=name, EndpointConfigName=account.name("two"))
    account.expect("DeleteEndpoint", VE, text, EndpointName=name)
    found = settled(account)
    same((found["EndpointStatus"], found.get("FailureReason")), ("InService", None), "how it ended")
    believe("PendingDeploymentSummary" not in found, "nothing is pending any more")
    (variant,) = found["ProductionVariants"]
    believe(not {"ModelName", "InstanceType"} & set(variant), f"neither model nor instance type are shown: {variant}")
    (row,) = account.call("ListEndpoints", NameContains=name)["Endpoints"]
    same(set(row), {"EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus"}, "the summary")
    same(row["LastModifiedTime"], found["LastModifiedTime"], "LastModifiedTime of the List")


@check("SM-104", "SM-105", "SM-109", "SM-117", "SM-118", "SM-119")
def an_update(account: Account) -> None:
    """While Updating the old name is shown and the new one is pending; it ends InService on the new one."""
    name = account.name("Endpoint")
    account.call("UpdateEndpoint", EndpointName=name, EndpointConfigName=account.name("two"))
    updating = look(account)()
    same(updating["EndpointStatus"], "Updating", "the status")
    same(updating["EndpointConfigName"], account.name("one"), "the name that is shown")
    same(updating["PendingDeploymentSummary"]["EndpointConfigName"], account.name("two"), "what is pending")
    (variant,) = updating["PendingDeploymentSummary"]["ProductionVariants"]
    believe(variant.get("VariantStatus"), f"the variant has a status: {variant}")
    found = settled(account)
    same((found["EndpointStatus"], found["EndpointConfigName"]), ("InService", account.name("two")), "how it ended")
    refusal = account.refused("UpdateEndpoint", EndpointName=name, EndpointConfigName=account.name("two"))
    account.learn(f"SM-119: {refusal.code}: {refusal.message}")


@check("SM-65", "SM-66", "SM-131")
def weights(account: Account) -> None:
    """Weights change the endpoint and its LastModifiedTime, not its configuration; tags change neither."""
    name = account.name("Endpoint")
    before = look(account)()
    account.call("AddTags", ResourceArn=account.arn("endpoint", name), Tags=[{"Key": "k", "Value": "v"}])
    same(look(account)()["LastModifiedTime"], before["LastModifiedTime"], "LastModifiedTime after AddTags")
    change = [{"VariantName": "main", "DesiredWeight": 0.5}]
    account.call("UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=change)
    believe("PendingDeploymentSummary" not in look(account)(), "no new configuration is pending")
    found = settled(account)
    same(found["ProductionVariants"][0]["DesiredWeight"], 0.5, "the weight")
    same(found["EndpointConfigName"], before["EndpointConfigName"], "the configuration")
    believe(found["LastModifiedTime"] != before["LastModifiedTime"], "LastModifiedTime has moved")


@check("SM-132")
def two_capacities_at_once(account: Account) -> None:
    """One call changes the capacity of one variant."""
    change = [{"VariantName": "main", "DesiredInstanceCount": 1}] * 2
    refusal = account.refused(
        "UpdateEndpointWeightsAndCapacities", EndpointName=account.name("Endpoint"), DesiredWeightsAndCapacities=change
    )
    account.learn(f"SM-132: {refusal.code}: {refusal.message}")


@check(
    "SM-106", "SM-107", "SM-108", "SM-128", "SM-136", makes=("an alarm", "a second ml.m5.large while it is rolled back")
)
def an_update_that_an_alarm_rolls_back(account: Account) -> None:
    """An alarm that is in ALARM already rolls the update back: InService on the configuration before."""
    alarm, name = account.name("alarm"), account.name("Endpoint")
    account.call(
        "PutMetricAlarm", "cloudwatch", AlarmName=alarm, Namespace="Conformance", MetricName=account.prefix, Period=60,
        Statistic="Sum", Threshold=1.0, EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )  # fmt: skip
    account.call("SetAlarmState", "cloudwatch", AlarmName=alarm, StateValue="ALARM", StateReason="conformance")
    before = look(account)()["EndpointConfigName"]
    guards = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]}, **_ALL_AT_ONCE}
    account.call("UpdateEndpoint", EndpointName=name, EndpointConfigName=account.name("three"), DeploymentConfig=guards)
    found = settled(account)
    same((found["EndpointStatus"], found["EndpointConfigName"]), ("InService", before), "how it ended")
    account.learn(f"SM-107: FailureReason is {found.get('FailureReason')!r}")


@check("SM-123", "SM-124", "SM-125", makes=("a configuration",))
def guardrails_that_are_none(account: Account) -> None:
    """Canaries are of 50 % at most, rolling batches of 5 to 50 %; variants keep their names."""
    renamed = requests.variant(account.name("served"), VariantName="renamed")
    account.call("CreateEndpointConfig", **requests.config(account.name("renamed"), renamed))
    refusal = account.refused(
        "UpdateEndpoint", EndpointName=account.name("Endpoint"), EndpointConfigName=account.name("renamed"),
        DeploymentConfig=_ALL_AT_ONCE,
    )  # fmt: skip
    account.learn(f"SM-125: {refusal.code}: {refusal.message}")
    percent = {"Type": "CAPACITY_PERCENT", "Value": 60}
    canary = {"Type": "CANARY", "WaitIntervalInSeconds": 0, "CanarySize": percent}
    for policy in (
        {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary}},
        {"RollingUpdatePolicy": {"MaximumBatchSize": percent, "WaitIntervalInSeconds": 0}},
    ):
        refusal = account.refused(
            "UpdateEndpoint", EndpointName=account.name("Endpoint"), EndpointConfigName=account.name("three"),
            DeploymentConfig=policy,
        )  # fmt: skip
        account.learn(f"{next(iter(policy))}: {refusal.code}: {refusal.message}")


@check("SM-129")
def an_alarm_that_is_not_there(account: Account) -> None:
    """An update that an alarm guards which is not there is refused."""
    guards = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": account.name("none")}]}, **_ALL_AT_ONCE}
    refusal = account.refused(
        "UpdateEndpoint", EndpointName=account.name("Endpoint"), EndpointConfigName=account.name("three"),
        DeploymentConfig=guards,
    )  # fmt: skip
    account.learn(f"SM-129: {refusal.code}: {refusal.message}")


@check("SM-126", makes=("a serverless configuration",))
def guardrails_on_serverless(account: Account) -> None:
    """Guardrails are refused for a serverless configuration."""
    capacity = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    free = {"VariantName": "main", "ModelName": account.name("served"), "ServerlessConfig": capacity}
    account.call("CreateEndpointConfig", **requests.config(account.name("free"), free))
    refusal = account.refused(
        "UpdateEndpoint", EndpointName=account.name("Endpoint"), EndpointConfigName=account.name("free"),
        DeploymentConfig=_ALL_AT_ONCE,
    )  # fmt: skip
    account.learn(f"SM-126: {refusal.code}: {refusal.message}")
