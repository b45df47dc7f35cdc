"""The policy that is shipped is what the code can call, both ways: nothing is missing, and nothing is given for nothing."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest

import reconciler.kinds
from reconciler.adapters.aws.clients import _service
from reconciler.core.naming import OWNER_TAG
from reconciler.dev import rights
from reconciler.dev.simulator.iam import AccessRequest, IamPolicy
from reconciler.kinds import CATALOG
from reconciler.kinds.immutable.immutable_type import ImmutableType
from reconciler.kinds.jobs.job_type import JobType

PACKAGE = Path(reconciler.kinds.__file__).parents[1]
POLICY: dict[str, Any] = rights.read(rights.shipped())
_PREFIXES = {"resourcegroupstaggingapi": "tag"}
"""IAM's, by botocore's name, where they differ."""
_FREE = "sts:GetCallerIdentity"
_BESIDE = {
    "iam:PassRole": "every create that names a role",
    "iam:CreateServiceLinkedRole": "the first RegisterScalableTarget",
    "cloudwatch:DescribeAlarms": "a deploymentConfig with alarms, and PutScalingPolicy",
    "cloudwatch:PutMetricAlarm": "PutScalingPolicy",
    "cloudwatch:DeleteAlarms": "PutScalingPolicy",
    "sts:AssumeRole": "botocore, for the role of a Namespace",
}
"""What AWS asks for beside the right to the call itself (SM-183)."""
_QUEUE = PACKAGE / "adapters/aws/events_queue.py"
_TELL_ONLY = (PACKAGE / "adapters/aws/clients.py", PACKAGE / "adapters/aws/errors.py")
"""They name operations of others: which service has one, and what its refusals mean."""


def _literals(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _named() -> Iterator[str]:
    """Operations that the code names."""
    for place in ("adapters", "core", "kinds", "runtime", "app"):
        for file in (PACKAGE / place).rglob("*.py"):
            if file not in (*_TELL_ONLY, _QUEUE):
                yield from _literals(file)


def _built() -> Iterator[str]:
    """Operations whose names are put together from a kind's."""
    for remote in CATALOG.remotes.values():
        yield from (remote.describe, remote.list)
    yield "ListTrainingJobsForHyperParameterTuningJob"
    for found in pkgutil.iter_modules(reconciler.kinds.__path__, "reconciler.kinds."):
        for value in vars(importlib.import_module(found.name)).values():
            if isinstance(value, JobType):
                yield from (value.create, value.stop)
            if isinstance(value, ImmutableType):
                yield from (value.create, value.delete)


def _called() -> set[str]:
    session = botocore.session.get_session()

    def known(service: str) -> set[str]:
        return set(session.get_service_model(service).operation_names)

    actions = {
        f"{_PREFIXES.get(service, service)}:{operation}"
        for operation in {*_named(), *_built()}
        if operation in known(service := _service(operation))
    }
    queue = {f"sqs:{operation.removesuffix('Batch')}" for operation in _literals(_QUEUE) if operation in known("sqs")}
    return (actions | queue | set(_BESIDE)) - {_FREE}


def _granted() -> set[str]:
    return {
        action
        for statement in POLICY["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


def test_the_shipped_policy_grants_what_the_code_can_call_and_nothing_else() -> None:
    assert sorted(_called() - _granted()) == [], "called and not granted"
    assert sorted(_granted() - _called()) == [], "granted and never called"
    assert not any("*" in action for action in _granted())


@pytest.mark.parametrize(
    ("action", "resource", "context", "verdict"),
    [
        pytest.param(
            "sagemaker:CreateModel", "arn:aws:sagemaker:eu-west-1:1:model/x", {OWNER_TAG: "a"}, "allowed",
            id="what carries our tag is made",
        ),
        pytest.param(
            "sagemaker:CreateModel", "arn:aws:sagemaker:eu-west-1:1:model/x", {}, "not allowed", id="nothing else is"
        ),
        pytest.param(
            "sagemaker:UpdateEndpoint", "arn:aws-cn:sagemaker:cn-north-1:1:endpoint/x", {}, "allowed",
            id="another partition",
        ),
        pytest.param("cloudwatch:PutMetricAlarm", "arn:aws:cloudwatch:r:1:alarm:theirs", {}, "not allowed", id="alarms"),
        pytest.param("iam:PassRole", "arn:aws:iam::1:role/x", {}, "not allowed", id="a role, to whom nobody said"),
    ],
)  # fmt: skip
def test_the_shipped_policy_is_narrow(action: str, resource: str, context: dict[str, str], verdict: str) -> None:
    keys = {f"aws:requesttag/{key.lower()}": (value,) for key, value in context.items()}
    assert IamPolicy.parse(POLICY).verdict(AccessRequest(action, resource, keys)) == verdict
