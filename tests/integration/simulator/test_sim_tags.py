"""Tags: by SageMaker's own calls and by the tagging API."""

from typing import Any

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import Aws, error


def _tags(aws: Aws, arn: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in aws.sm.list_tags(ResourceArn=arn)["Tags"]}


def _given(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _found(aws: Aws, **request: Any) -> list[str]:
    answer = aws.client("resourcegroupstaggingapi").get_resources(**request)
    return [row["ResourceARN"].rpartition(":")[2] for row in answer["ResourceTagMappingList"]]


def test_tags_come_with_the_create_and_are_added_overwritten_and_deleted(aws: Aws) -> None:
    arn = aws.train(Tags=_given(a="1", b="2"))
    answer = aws.sm.add_tags(ResourceArn=arn, Tags=_given(b="3", c="4"))
    assert {tag["Key"] for tag in answer["Tags"]} == {"a", "b", "c"}
    assert _tags(aws, arn) == {"a": "1", "b": "3", "c": "4"}
    aws.sm.delete_tags(ResourceArn=arn, TagKeys=["a", "unknown"])
    assert _tags(aws, arn) == {"b": "3", "c": "4"}


def test_a_resource_has_at_most_fifty(aws: Aws) -> None:
    arn = aws.train(Tags=_given(**{f"k{number}": "" for number in range(50)}))
    assert error(lambda: aws.sm.add_tags(ResourceArn=arn, Tags=_given(more="")))[0] == "ValidationException"
    assert error(lambda: aws.sm.add_tags(ResourceArn=arn, Tags=_given(k1="new")))[0] == "OK"
    assert len(_tags(aws, arn)) == 50


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param(_given(**{"aws:owner": "x"}), id="a reserved prefix"),
        pytest.param([*_given(a="1"), *_given(a="2")], id="a key twice"),
        pytest.param(_given(**{"k" * 129: ""}), id="a key too long"),
        pytest.param(_given(k="v" * 257), id="a value too long"),
        pytest.param(_given(**{f"k{number}": "" for number in range(51)}), id="fifty-one"),
    ],
)
def test_tags_that_are_refused(aws: Aws, tags: list[dict[str, str]]) -> None:
    assert error(lambda: aws.train("other", Tags=tags))[0] == "ValidationException"
    arn = aws.train()
    assert error(lambda: aws.sm.add_tags(ResourceArn=arn, Tags=tags))[0] == "ValidationException"


def test_an_unknown_resource_has_no_tags_to_list(aws: Aws) -> None:
    gone = given.arn("model", "gone")
    assert error(lambda: aws.sm.list_tags(ResourceArn=gone))[0] == "ValidationException"
    assert error(lambda: aws.sm.list_tags(ResourceArn="arn:aws:s3:::bucket"))[0] == "ValidationException"


def test_the_smallest_page_of_tags_is_fifty(aws: Aws) -> None:
    arn = aws.train(Tags=_given(a="1"))
    assert error(lambda: aws.sm.list_tags(ResourceArn=arn, MaxResults=49))[0] == "ValidationException"
    assert aws.sm.list_tags(ResourceArn=arn, MaxResults=50)["Tags"] == _given(a="1")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({}, ["model/m", "training-job/a", "training-job/b"], id="everything tagged"),
        pytest.param(
            {"ResourceTypeFilters": ["sagemaker:training-job"]}, ["training-job/a", "training-job/b"], id="one type"
        ),
        pytest.param(
            {"ResourceTypeFilters": ["sagemaker"]}, ["model/m", "training-job/a", "training-job/b"], id="the service"
        ),
        pytest.param({"ResourceTypeFilters": ["sagemaker:endpoint"]}, [], id="a type nobody has"),
        pytest.param({"TagFilters": [{"Key": "owner"}]}, ["model/m", "training-job/a"], id="a key"),
        pytest.param({"TagFilters": [{"Key": "owner", "Values": ["us"]}]}, ["training-job/a"], id="a value"),
        pytest.param(
            {"TagFilters": [{"Key": "owner", "Values": ["us", "them"]}]}, ["model/m", "training-job/a"], id="any value"
        ),
        pytest.param({"TagFilters": [{"Key": "owner"}, {"Key": "stage"}]}, ["training-job/a"], id="both keys"),
        pytest.param({"ResourceARNList": [given.arn("model", "m")]}, ["model/m"], id="by ARN"),
    ],
)
def test_the_tagging_api_finds_ours(aws: Aws, request_: dict[str, Any], expected: list[str]) -> None:
    aws.train("a", Tags=_given(owner="us", stage="dev"))
    aws.train("b", Tags=_given(stage="dev"))
    aws.train("untagged")
    aws.sm.create_model(**given.model("m", Tags=_given(owner="them")))
    assert _found(aws, **request_) == expected


def test_the_tagging_api_pages_to_the_end_and_goes_on_to_other_services(aws: Aws) -> None:
    aws.client("sqs").create_queue(QueueName="queue", tags={"owner": "us"})
    for number in range(5):
        aws.train(f"job-{number}", Tags=_given(owner="us"))
    client = aws.client("resourcegroupstaggingapi")
    pages = list(client.get_paginator("get_resources").paginate(ResourcesPerPage=2))
    found = [row["ResourceARN"].rpartition(":")[2] for page in pages for row in page["ResourceTagMappingList"]]
    assert found == [*(f"training-job/job-{number}" for number in range(5)), "queue"]


def test_a_token_of_nobody_is_refused(aws: Aws) -> None:
    client = aws.client("resourcegroupstaggingapi")
    assert error(lambda: client.get_resources(PaginationToken="x"))[0] == "PaginationTokenExpiredException"


def test_the_tagging_api_tags_and_untags_ours(aws: Aws) -> None:
    arn = aws.train(Tags=_given(a="1"))
    client = aws.client("resourcegroupstaggingapi")
    client.tag_resources(ResourceARNList=[arn], Tags={"b": "2"})
    client.untag_resources(ResourceARNList=[arn], TagKeys=["a"])
    assert _tags(aws, arn) == {"b": "2"}
