"""Pages, filters, orders and the fields of a summary (SM-58 to SM-63)."""

from typing import Any

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import PROCESSING, TRANSFORM, TUNING, Aws, Job, error


def _jobs(aws: Aws, *names: str) -> None:
    """One a second, so that creation order is the order given."""
    for name in names:
        aws.train(name)
        aws.advance(1)


def _names(answer: dict[str, Any]) -> list[str]:
    return [job["TrainingJobName"] for job in answer["TrainingJobSummaries"]]


def _all_pages(aws: Aws, **request: Any) -> list[list[str]]:
    pages: list[list[str]] = []
    token: dict[str, str] = {}
    while True:
        answer = aws.sm.list_training_jobs(**request, **token)
        pages.append(_names(answer))
        if "NextToken" not in answer:
            return pages
        token = {"NextToken": answer["NextToken"]}


def test_the_default_page_is_ten(aws: Aws) -> None:
    for number in range(12):
        aws.sm.create_model(**given.model(f"m-{number}"))
    first = aws.sm.list_models()
    second = aws.sm.list_models(NextToken=first["NextToken"])
    assert (len(first["Models"]), len(second["Models"]), "NextToken" in second) == (10, 2, False)


@pytest.mark.parametrize(
    ("op", "result", "create"),
    [
        pytest.param("list_models", "Models", lambda aws, n: aws.sm.create_model(**given.model(n)), id="models"),
        pytest.param("list_endpoint_configs", "EndpointConfigs", lambda aws, n: aws.config(n), id="configs"),
        pytest.param(
            "list_endpoints",
            "Endpoints",
            lambda aws, n: (
                aws.config(f"c-{n}"),
                aws.sm.create_endpoint(EndpointName=n, EndpointConfigName=f"c-{n}"),
            ),
            id="endpoints",
        ),
    ],
)
def test_hosting_lists_are_newest_first(aws: Aws, op: str, result: str, create: Any) -> None:
    if op != "list_models":
        aws.sm.create_model(**given.model())
    for name in ("b", "c", "a"):
        create(aws, name)
        aws.advance(1)
    kind = result.removesuffix("s")
    assert [row[f"{kind}Name"] for row in getattr(aws.sm, op)()[result]] == ["a", "c", "b"]
    by_name = getattr(aws.sm, op)(SortBy="Name", SortOrder="Ascending")[result]
    assert [row[f"{kind}Name"] for row in by_name] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({}, ["b", "c", "a"], id="oldest first by default"),
        pytest.param({"SortOrder": "Descending"}, ["a", "c", "b"], id="newest first"),
        pytest.param({"SortBy": "Name"}, ["a", "b", "c"], id="by name"),
        pytest.param({"SortBy": "Name", "SortOrder": "Descending"}, ["c", "b", "a"], id="by name, backwards"),
        pytest.param({"SortBy": "Status"}, ["b", "a", "c"], id="by status: InProgress before Stopping"),
        pytest.param({"NameContains": "C"}, ["c"], id="name contains, whatever the case"),
        pytest.param({"StatusEquals": "Stopping"}, ["c"], id="status"),
        pytest.param({"StatusEquals": "Failed"}, [], id="a status nobody has"),
    ],
)
def test_orders_and_filters(aws: Aws, request_: dict[str, Any], expected: list[str]) -> None:
    _jobs(aws, "b", "c", "a")
    aws.sm.stop_training_job(TrainingJobName="c")
    assert _names(aws.sm.list_training_jobs(**request_)) == expected


def test_creation_and_modification_times_filter(aws: Aws) -> None:
    _jobs(aws, "a", "b", "c")
    moment = aws.job("b")["CreationTime"]
    assert _names(aws.sm.list_training_jobs(CreationTimeAfter=moment)) == ["c"]
    assert _names(aws.sm.list_training_jobs(CreationTimeBefore=moment)) == ["a"]
    aws.advance(10)
    aws.sm.stop_training_job(TrainingJobName="a")
    modified = aws.job("a")["LastModifiedTime"]
    assert _names(aws.sm.list_training_jobs(LastModifiedTimeBefore=modified)) == ["b", "c"]
    assert _names(aws.sm.list_training_jobs(LastModifiedTimeAfter=moment)) == ["a", "c"]


def test_the_page_is_cut_before_the_status_filter(aws: Aws) -> None:
    _jobs(aws, "a", "b", "c", "d", "e")
    aws.sm.stop_training_job(TrainingJobName="d")
    assert _all_pages(aws, MaxResults=2, StatusEquals="Stopping") == [[], ["d"], []]
    assert _all_pages(aws, MaxResults=2, NameContains="d") == [["d"]]


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("sort", ["Name", "CreationTime", "Status"])
def test_pages_hold_every_row_once_in_every_order(aws: Aws, sort: str, order: str) -> None:
    _jobs(aws, "b", "e", "a", "d", "c")
    aws.sm.stop_training_job(TrainingJobName="d")
    pages = _all_pages(aws, MaxResults=2, SortBy=sort, SortOrder=order)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(name for page in pages for name in page) == ["a", "b", "c", "d", "e"]


def test_a_token_survives_what_comes_and_goes_meanwhile(aws: Aws) -> None:
    _jobs(aws, "a", "b", "c", "d")
    request = {"MaxResults": 2, "SortOrder": "Descending"}
    first = aws.sm.list_training_jobs(**request)
    _jobs(aws, "newer")
    aws.rule({"type": "delete", "kind": "TrainingJob", "now": True}, name="c")
    second = aws.sm.list_training_jobs(**request, NextToken=first["NextToken"])
    assert (_names(first), _names(second)) == (["d", "c"], ["b", "a"])


def test_a_foreign_token_is_refused(aws: Aws) -> None:
    _jobs(aws, "a", "b")
    token = aws.sm.list_training_jobs(MaxResults=1)["NextToken"]
    assert error(lambda: aws.sm.list_training_jobs(NextToken="garbage"))[0] == "ValidationException"
    assert error(lambda: aws.sm.list_training_jobs(NextToken=token, SortBy="Name"))[0] == "ValidationException"


def test_summaries_hold_what_the_service_shows_and_no_more(aws: Aws) -> None:
    aws.deploy()
    aws.train(ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "KeepAlivePeriodInSeconds": 60})
    aws.advance(400)

    def fields(op: str, result: str) -> set[str]:
        return set(getattr(aws.sm, op)()[result][0])

    assert fields("list_models", "Models") == {"ModelName", "ModelArn", "CreationTime"}
    assert fields("list_endpoint_configs", "EndpointConfigs") == {
        "EndpointConfigName",
        "EndpointConfigArn",
        "CreationTime",
    }
    assert fields("list_endpoints", "Endpoints") == {
        "EndpointName",
        "EndpointArn",
        "CreationTime",
        "LastModifiedTime",
        "EndpointStatus",
    }
    assert fields("list_training_jobs", "TrainingJobSummaries") == {
        "TrainingJobName",
        "TrainingJobArn",
        "CreationTime",
        "TrainingEndTime",
        "LastModifiedTime",
        "TrainingJobStatus",
        "SecondaryStatus",
        "WarmPoolStatus",
    }


ENDED = {
    "TransformJob": {"TransformEndTime", "FailureReason"},
    "ProcessingJob": {"ProcessingEndTime", "FailureReason", "ExitMessage"},
    "HyperParameterTuningJob": {
        "HyperParameterTuningEndTime",
        "Strategy",
        "TrainingJobStatusCounters",
        "ObjectiveStatusCounters",
        "ResourceLimits",
    },
}
JOBS = pytest.mark.parametrize("job", [TRANSFORM, PROCESSING, TUNING], ids=lambda job: job.kind)


@JOBS
def test_the_summary_of_a_job(aws: Aws, job: Job) -> None:
    aws.rule({"type": "job_outcome", "outcome": "fail"})
    job.create(aws)
    aws.advance(2000)
    common = {f"{job.kind}Name", f"{job.kind}Arn", f"{job.kind}Status", "CreationTime", "LastModifiedTime"}
    row = job.listed(aws)[0]
    assert (set(row), row[f"{job.kind}Status"]) == (common | ENDED[job.kind], "Failed")


@JOBS
@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({"SortBy": "CreationTime", "SortOrder": "Ascending"}, ["b", "c", "a"], id="oldest first"),
        pytest.param({"SortBy": "CreationTime", "SortOrder": "Descending"}, ["a", "c", "b"], id="newest first"),
        pytest.param({"SortBy": "Name", "SortOrder": "Ascending"}, ["a", "b", "c"], id="by name"),
        pytest.param({"SortBy": "Status", "SortOrder": "Ascending"}, ["b", "a", "c"], id="by status"),
        pytest.param({"NameContains": "C"}, ["c"], id="name contains"),
        pytest.param({"StatusEquals": "Stopping"}, ["c"], id="status"),
        pytest.param({"StatusEquals": "Failed"}, [], id="a status nobody has"),
    ],
)
def test_jobs_are_sorted_and_filtered(aws: Aws, job: Job, request_: dict[str, Any], expected: list[str]) -> None:
    for name in ("b", "c", "a"):
        job.create(aws, name)
        aws.advance(1)
    job.stop(aws, "c")
    assert job.names(aws, **request_) == expected


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        pytest.param(TRANSFORM, ["a", "c", "b"], id="transform: newest first"),
        pytest.param(PROCESSING, ["b", "c", "a"], id="processing: oldest first"),
        pytest.param(TUNING, ["a", "b", "c"], id="tuning: by name"),
    ],
)
def test_the_order_nobody_asked_for(aws: Aws, job: Job, expected: list[str]) -> None:
    for name in ("b", "c", "a"):
        job.create(aws, name)
        aws.advance(1)
    assert job.names(aws) == expected


@JOBS
def test_ten_jobs_a_page_and_the_status_filter_after_the_cut(aws: Aws, job: Job) -> None:
    for number in range(11):
        job.create(aws, f"job-{number:02}")
        aws.advance(0.001)
    job.stop(aws, "job-10")
    order = {"SortBy": "Name", "SortOrder": "Ascending"}
    assert job.names(aws, **order) == [f"job-{number:02}" for number in range(10)]
    assert job.names(aws, **order, StatusEquals="Stopping") == []
    assert job.names(aws, **order, StatusEquals="Stopping", MaxResults=11) == ["job-10"]


@JOBS
def test_jobs_are_filtered_by_their_times(aws: Aws, job: Job) -> None:
    for name in ("a", "b"):
        job.create(aws, name)
        aws.advance(1)
    moment = job.describe(aws, "b")["CreationTime"]
    assert job.names(aws, CreationTimeBefore=moment) == ["a"]
    aws.advance(1)
    job.stop(aws, "a")
    assert job.names(aws, LastModifiedTimeAfter=moment) == ["a"]


def test_warm_pools_filter(aws: Aws) -> None:
    warm = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "KeepAlivePeriodInSeconds": 3600}
    aws.train("warm", ResourceConfig=warm)
    aws.train("cold")
    aws.advance(400)
    assert _names(aws.sm.list_training_jobs(WarmPoolStatusEquals="Available")) == ["warm"]


def test_accounts_and_regions_do_not_see_each_other(aws: Aws) -> None:
    aws.train("here")
    elsewhere = aws.client("sagemaker", "eu-west-1")
    other = aws.client("sagemaker", access_key="111122223333")
    assert _names(elsewhere.list_training_jobs()) == _names(other.list_training_jobs()) == []
    assert other.create_training_job(**given.training("here"))["TrainingJobArn"].split(":")[4] == "111122223333"
