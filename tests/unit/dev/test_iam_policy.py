"""What an IAM policy says of an action on a resource: the part of IAM's language that the simulator speaks."""

from typing import Any

import pytest

from reconciler.dev.simulator.iam import AccessRequest, IamPolicy

MODEL = "arn:aws:sagemaker:us-east-1:123456789012:model/churn"


def asked(**context: str | tuple[str, ...]) -> AccessRequest:
    keys = {name.replace("__", ":").replace("_", "/"): value for name, value in context.items()}
    return AccessRequest(
        "sagemaker:CreateModel", MODEL, {k.lower(): (v,) if isinstance(v, str) else v for k, v in keys.items()}
    )


def allow(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "sagemaker:CreateModel", "Resource": "*", **more}


def when(operator: str, key: str, *values: str) -> dict[str, Any]:
    return allow(Condition={operator: {key: list(values)}})


TEAM = "aws:RequestTag/team"


@pytest.mark.parametrize(
    ("statements", "request_", "verdict"),
    [
        pytest.param([], asked(), "not allowed", id="nothing is allowed that nothing allows"),
        pytest.param([allow()], asked(), "allowed", id="the action by its name"),
        pytest.param([allow(Action=["SageMaker:create*"])], asked(), "allowed", id="actions are globs, in any case"),
        pytest.param([allow(Action="sagemaker:Delete*")], asked(), "not allowed", id="another action"),
        pytest.param([allow(Resource="arn:*:sagemaker:*:*:model/c?urn")], asked(), "allowed", id="globs on resources"),
        pytest.param([allow(Resource=MODEL.upper())], asked(), "not allowed", id="resources have a case"),
        pytest.param([allow(Resource=MODEL + "[a-z]")], asked(), "not allowed", id="no glob but * and ?"),
        pytest.param([allow(), {**allow(), "Effect": "Deny"}], asked(), "denied", id="a Deny wins"),
        pytest.param(
            [{"Effect": "Allow", "NotAction": "iam:*", "NotResource": "*:model/x"}], asked(), "allowed", id="all but"
        ),
        pytest.param([when("StringEquals", TEAM, "a", "b")], asked(aws__RequestTag_team="b"), "allowed", id="one of"),
        pytest.param([when("StringEquals", TEAM, "a")], asked(aws__requesttag_TEAM="b"), "not allowed", id="another"),
        pytest.param([when("StringEquals", TEAM, "a")], asked(), "not allowed", id="a key that is missing"),
        pytest.param([when("StringEqualsIfExists", TEAM, "a")], asked(), "allowed", id="missing is fine with IfExists"),
        pytest.param([when("StringNotEquals", TEAM, "a")], asked(), "allowed", id="missing is not equal"),
        pytest.param([when("StringNotLike", TEAM, "a*")], asked(aws__RequestTag_team="ab"), "not allowed", id="not like"),
        pytest.param([when("StringLike", TEAM, "a*")], asked(aws__RequestTag_team="ab"), "allowed", id="like"),
        pytest.param([when("Null", TEAM, "false")], asked(), "not allowed", id="the key must be there"),
        pytest.param([when("Null", TEAM, "false")], asked(aws__RequestTag_team=""), "allowed", id="and it is, if empty"),
        pytest.param(
            [when("ForAllValues:StringEquals", "aws:TagKeys", "a", "b")], asked(aws__TagKeys=("a", "c")), "not allowed",
            id="all values",
        ),
        pytest.param(
            [when("ForAnyValue:StringEquals", "aws:TagKeys", "a")], asked(aws__TagKeys=("c", "a")), "allowed", id="any"
        ),
    ],
)  # fmt: skip
def test_a_policy_decides(statements: list[dict[str, Any]], request_: AccessRequest, verdict: str) -> None:
    assert IamPolicy.parse({"Statement": statements}).verdict(request_) == verdict


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (allow(Principal="*"), "unknown elements of a statement: Principal"),
        (allow(Effect="Maybe"), "Effect is Allow or Deny"),
        ({"Effect": "Allow", "Action": "*"}, "a statement has Resource or NotResource"),
        (when("DateLessThan", "aws:CurrentTime", "2027-01-01"), "unknown condition operator: DateLessThan"),
        (allow(Resource="arn:aws:s3:::${aws:username}"), "policy variables are not understood here"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_understood_does_not_pass_for_a_right(statement: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        IamPolicy.parse({"Statement": statement})
