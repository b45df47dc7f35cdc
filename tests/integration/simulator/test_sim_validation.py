"""The service model's limits, in the service's words (SM-84, SM-99)."""

from typing import Any

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import Aws, error

NAME = "^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"


def _one(value: str, path: str, constraint: str) -> str:
    return f"1 validation error detected: Value {value} at '{path}' failed to satisfy constraint: {constraint}"


@pytest.mark.parametrize(
    ("op", "request_", "message"),
    [
        pytest.param(
            "create_endpoint_config",
            given.endpoint_config(ProductionVariants=[given.variant(ModelName="X Y")]),
            _one(
                "'X Y'",
                "productionVariants.1.member.modelName",
                r"Member must satisfy regular expression pattern: ^[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?",
            ),
            id="a pattern, in a member of a list",
        ),
        pytest.param(
            "describe_endpoint",
            {"EndpointName": "a.b"},
            _one("'a.b'", "endpointName", f"Member must satisfy regular expression pattern: {NAME}"),
            id="a dot in a name",
        ),
        pytest.param(
            "describe_endpoint",
            {"EndpointName": "ab-"},
            _one("'ab-'", "endpointName", f"Member must satisfy regular expression pattern: {NAME}"),
            id="a pattern is matched to its end",
        ),
        pytest.param("describe_endpoint", {}, _one("null", "endpointName", "Member must not be null"), id="missing"),
        pytest.param(
            "describe_model",
            {"ModelName": "a" * 64},
            _one("'" + "a" * 64 + "'", "modelName", "Member must have length less than or equal to 63"),
            id="too long",
        ),
        pytest.param(
            "list_models",
            {"MaxResults": 101},
            _one("'101'", "maxResults", "Member must have value less than or equal to 100"),
            id="too large",
        ),
        pytest.param(
            "list_models",
            {"MaxResults": 0},
            _one("'0'", "maxResults", "Member must have value greater than or equal to 1"),
            id="too small",
        ),
        pytest.param(
            "list_models",
            {"SortBy": "Colour"},
            _one("'Colour'", "sortBy", "Member must satisfy enum value set: [Name, CreationTime]"),
            id="none of the enum",
        ),
        pytest.param(
            "create_endpoint_config",
            given.endpoint_config(ProductionVariants=[]),
            _one("'[]'", "productionVariants", "Member must have length greater than or equal to 1"),
            id="a list too short",
        ),
        pytest.param(
            "list_models",
            {"MaxResults": 101, "SortOrder": "Up"},
            "2 validation errors detected: "
            "Value 'Up' at 'sortOrder' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Ascending, Descending]; "
            "Value '101' at 'maxResults' failed to satisfy constraint: "
            "Member must have value less than or equal to 100",
            id="several at once",
        ),
    ],
)
def test_the_text(aws: Aws, op: str, request_: dict[str, Any], message: str) -> None:
    assert error(lambda: getattr(aws.sm, op)(**request_)) == ("ValidationException", message)


def test_a_map_is_checked_by_key_and_value(aws: Aws) -> None:
    code, message = error(lambda: aws.train(HyperParameters={"k" * 257: "v"}))
    assert (code, "Map keys must satisfy constraint" in message) == ("ValidationException", True)


def test_tags_may_hold_any_letter(aws: Aws) -> None:
    aws.train(Tags=[{"Key": "équipe", "Value": "模型"}])
    assert error(lambda: aws.train("other", Tags=[{"Key": "a!", "Value": ""}]))[0] == "ValidationException"


@pytest.mark.holds("D-11.4")
def test_an_instance_type_newer_than_botocore_is_accepted_once_the_simulator_is_told_of_it(aws: Aws) -> None:
    newest = {"InstanceType": "ml.z99.huge", "InstanceCount": 1, "VolumeSizeInGB": 1}
    code, message = error(lambda: aws.train(ResourceConfig=newest))
    start = "1 validation error detected: Value 'ml.z99.huge' at 'resourceConfig.instanceType' failed to satisfy constraint: "
    assert code == "ValidationException"
    assert message.startswith(f"{start}Member must satisfy enum value set: [ml.m4.xlarge, ")
    aws.settings(instance_types=["ml.z99.huge"])
    aws.train(ResourceConfig=newest)
    assert aws.job()["ResourceConfig"]["InstanceType"] == "ml.z99.huge"


def test_a_body_that_is_no_json_is_a_serialization_error(aws: Aws) -> None:
    code, _ = error(lambda: aws.sm.describe_model(ModelName=["list"]))
    assert code == "SerializationException"
