"""The simulator under an IAM policy: what is denied, in which words, and to whom (SM-19, SM-91)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reconciler.core.naming import OWNER_TAG
from tests.integration.simulator import given
from tests.integration.simulator.given import ACCOUNT, ROLE, Aws, arn, error
from tests.support.simulator_control import SimControl

USER = f"arn:aws:iam::{ACCOUNT}:user/AKIDEXAMPLE"
MODEL = arn("model", "model")
EXPLICIT = "with an explicit deny in an identity-based policy"
TAGS = [{"Key": "team", "Value": "risk"}]


def allow(*actions: str, resource: str = "*", **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, "Condition": condition}


PASS = allow("iam:PassRole", StringEquals={"iam:PassedToService": "sagemaker.amazonaws.com"})
CREATE = allow("sagemaker:CreateModel")


@pytest.fixture
def under(aws: Aws) -> Iterator[Callable[..., Aws]]:
    """Let the policy of these statements hold."""

    def enforce(*statements: dict[str, Any]) -> Aws:
        aws.control("POST", "iam", {"policy": {"Version": "2012-10-17", "Statement": list(statements)}})
        return aws

    yield enforce
    aws.control("POST", "reset")


def denied(action: str, resource: str) -> tuple[str, str]:
    why = f"because no identity-based policy allows the {action} action"
    on = f" on resource: {resource}" if resource else ""
    return "AccessDeniedException", f"User: {USER} is not authorized to perform: {action}{on} {why}"


@pytest.mark.parametrize(
    ("statements", "changes", "expected"),
    [
        pytest.param([PASS], {}, denied("sagemaker:CreateModel", MODEL), id="the action itself"),
        pytest.param([CREATE], {}, denied("iam:PassRole", ROLE), id="the right to pass the role"),
        pytest.param(
            [CREATE, allow("iam:PassRole", resource="arn:aws:iam::*:role/other-*")], {}, denied("iam:PassRole", ROLE),
            id="the right to pass another role",
        ),
        pytest.param(
            [CREATE, allow("iam:PassRole", StringEquals={"iam:PassedToService": "ec2.amazonaws.com"})], {},
            denied("iam:PassRole", ROLE), id="the right to pass it to another service",
        ),
        pytest.param([CREATE, PASS], {}, ("OK", ""), id="all that is needed without tags"),
        pytest.param([CREATE, PASS], {"Tags": TAGS}, denied("sagemaker:AddTags", MODEL), id="the right to tag"),
        pytest.param([CREATE, PASS, allow("sagemaker:AddTags")], {"Tags": TAGS}, ("OK", ""), id="all, with tags"),
        pytest.param(
            [allow("sagemaker:*", StringEquals={"aws:RequestTag/team": "fraud"}), PASS], {"Tags": TAGS},
            denied("sagemaker:CreateModel", MODEL), id="a tag of another value",
        ),
        pytest.param(
            [allow("*"), {**allow("sagemaker:CreateModel", resource="*:model/m*"), "Effect": "Deny"}], {},
            (
                "AccessDeniedException",
                f"{denied('sagemaker:CreateModel', MODEL)[1].partition(' because')[0]} {EXPLICIT}",
            ),
            id="an explicit deny",
        ),
    ],
)  # fmt: skip
def test_a_model_is_made_with_the_right_to_each_of_its_parts(
    under: Callable[..., Aws], statements: list[Any], changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    aws = under(*statements)
    assert error(lambda: aws.sm.create_model(**given.model(**changes))) == expected
    made = [row for row in aws.control("GET", "state")["resources"] if row["kind"] == "Model"]
    assert bool(made) == (expected[0] == "OK"), "a refusal has no effect"


def test_a_person_in_the_console_has_every_right(under: Callable[..., Aws]) -> None:
    aws = under(allow("sts:GetCallerIdentity"))
    assert error(aws.sm.list_models) == denied("sagemaker:ListModels", "")
    assert error(aws.client("sagemaker", access_key="CONSOLE").list_models) == ("OK", "")
    assert error(aws.client("sts").get_caller_identity) == ("OK", ""), "needs no right"


@pytest.mark.parametrize(
    ("service", "call", "action"),
    [
        ("sqs", lambda there: there.receive_message(QueueUrl="http://x/1/q"), "sqs:ReceiveMessage"),
        ("sts", lambda there: there.assume_role(RoleArn=ROLE, RoleSessionName="n" * 3), "sts:AssumeRole"),
        ("cloudwatch", lambda there: there.describe_alarms(), "cloudwatch:DescribeAlarms"),
        ("resourcegroupstaggingapi", lambda there: there.get_resources(), "tag:GetResources"),
        ("logs", lambda there: there.describe_log_groups(), "logs:DescribeLogGroups"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_service_denies_in_its_own_protocol(
    under: Callable[..., Aws], service: str, call: Callable[[Any], Any], action: str
) -> None:
    code, message = error(lambda: call(under(CREATE).client(service)))
    assert code in ("AccessDenied", "AccessDeniedException")
    assert f"is not authorized to perform: {action}" in message


def _endpoint(aws: Aws) -> Aws:
    aws.deploy()
    return aws


def test_an_update_that_alarms_guard_needs_the_right_to_look_at_them(aws: Aws, under: Callable[..., Aws]) -> None:
    _endpoint(aws).config("config-b")
    aws.alarm("errors")
    under(allow("sagemaker:*"), PASS)
    guarded = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    code, message = error(
        lambda: aws.sm.update_endpoint(EndpointName="endpoint", EndpointConfigName="config-b", DeploymentConfig=guarded)
    )
    assert (code, "cloudwatch:DescribeAlarms" in message) == ("AccessDeniedException", True)


def test_deleting_an_endpoint_that_scales_needs_the_right_to_deregister(aws: Aws, under: Callable[..., Aws]) -> None:
    variant = "endpoint/endpoint/variant/main"
    where = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    scaling = _endpoint(aws).client("application-autoscaling")
    scaling.register_scalable_target(ResourceId=variant, MinCapacity=1, MaxCapacity=2, **where)
    under(allow("sagemaker:*"))
    code, message = error(lambda: aws.sm.delete_endpoint(EndpointName="endpoint"))
    assert (code, "application-autoscaling:DeregisterScalableTarget" in message) == ("AccessDeniedException", True)


def test_a_policy_that_is_not_understood_is_refused_whole(aws: Aws) -> None:
    statement = {**CREATE, "Condition": {"DateLessThan": {"aws:CurrentTime": "2027"}}}
    assert "unknown condition operator" in aws.refused("POST", "iam", {"policy": {"Statement": [statement]}})
    assert aws.control("GET", "iam") == {"policy": None}


def test_tests_run_under_the_shipped_policy(simulator: SimControl) -> None:
    ours = simulator.client(access_key="testing")
    assert error(lambda: ours.create_model(**given.model()))[0] == "AccessDeniedException", "without the owner tag"
    owned = [{"Key": OWNER_TAG, "Value": "lab/team/Model/x"}]
    assert error(lambda: ours.create_model(**given.model(Tags=owned))) == ("OK", "")
    assert error(lambda: ours.delete_training_job(TrainingJobName="x"))[0] == "AccessDeniedException"
