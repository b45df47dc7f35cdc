"""Pages, and what is waited out; the client is scripted."""

from typing import Any

import botocore.exceptions as boto
import pytest

from reconciler.core.errors import (
    CredentialsError,
    DeniedError,
    NotFoundError,
    ReconcileError,
    TerminalError,
    ThrottledError,
)
from reconciler.plugins.smlogs.cloudwatch import LogReader, Patience
from reconciler.plugins.smlogs.kinds import Query

QUERY = Query("/aws/sagemaker/TrainingJobs", "job/")


def refusal(code: str, status: int = 400) -> boto.ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "said so"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return boto.ClientError(answer, "FilterLogEvents")


THROTTLED = refusal("ThrottlingException")


def raw(at: int, stream: str = "job/algo-1") -> dict[str, Any]:
    return {"eventId": f"{stream}{at}", "logStreamName": stream, "timestamp": at, "message": f"m{at}"}


class Client:
    def __init__(self, *answers: Exception | dict[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def read(client: Client, query: Query = QUERY, attempts: int | None = 4) -> tuple[list[int], list[float], list[str]]:
    slept: list[float] = []
    notes: list[str] = []
    reader = LogReader(client, Patience(attempts, slept.append, notes.append, jitter=lambda: 0.5))
    shown = [event.timestamp_ms for page in reader.pages(query, 7) for event in page]
    return shown, slept, notes


def test_pages_are_followed_through_empty_ones_and_ordered_each() -> None:
    client = Client(
        {"events": [raw(3), raw(1)], "nextToken": "t1"},
        {"events": [], "nextToken": "t2"},
        {"events": [raw(5)]},
    )
    assert read(client)[0] == [1, 3, 5]
    assert [request.get("nextToken") for request in client.asked] == [None, "t1", "t2"]
    assert client.asked[0] == {"logGroupName": QUERY.group, "logStreamNamePrefix": "job/", "startTime": 7}


def test_all_of_a_group_is_asked_for_without_a_prefix() -> None:
    client = Client({"events": []})
    read(client, Query("/aws/sagemaker/Endpoints/e", ""))
    assert "logStreamNamePrefix" not in client.asked[0]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(THROTTLED, id="throttled"),
        pytest.param(refusal("ServiceUnavailableException", 503), id="unavailable"),
        pytest.param(boto.ReadTimeoutError(endpoint_url="http://x"), id="no answer"),
        pytest.param(boto.EndpointConnectionError(endpoint_url="http://x"), id="no connection"),
    ],
)
def test_what_passes_is_waited_out_and_the_page_asked_for_again(fault: Exception) -> None:
    client = Client({"events": [raw(1)], "nextToken": "t"}, fault, fault, {"events": [raw(2)]})
    shown, slept, notes = read(client)
    assert shown == [1, 2]
    assert slept == [0.5, 1.0]
    assert len(notes) == 1
    assert [request.get("nextToken") for request in client.asked] == [None, "t", "t", "t"]


def test_waiting_grows_to_a_limit_and_goes_on_for_ever_while_following() -> None:
    client = Client(*[THROTTLED] * 30, {"events": [raw(1)]})
    shown, slept, notes = read(client, attempts=None)
    assert shown == [1]
    assert max(slept) == 10.0
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (refusal("ResourceNotFoundException"), NotFoundError, "said so"),
        (
            refusal("AccessDeniedException"),
            DeniedError,
            "need the right logs:FilterLogEvents on /aws/sagemaker/TrainingJobs",
        ),
        (refusal("ExpiredTokenException"), CredentialsError, "set AWS_PROFILE, or log in"),
        (boto.NoCredentialsError(), CredentialsError, "set AWS_PROFILE, or log in"),
        (boto.UnauthorizedSSOTokenError(), CredentialsError, "set AWS_PROFILE, or log in"),
        (refusal("InvalidParameterException"), TerminalError, "refused to read"),
    ],
)
def test_what_does_not_pass_is_said_at_once(fault: Exception, error: type[ReconcileError], says: str) -> None:
    client = Client(fault)
    with pytest.raises(error, match=says):
        read(client)
    assert len(client.asked) == 1


def test_patience_ends() -> None:
    client = Client(*[THROTTLED] * 9)
    with pytest.raises(ThrottledError, match="try later, or read less with --since"):
        read(client)
    assert len(client.asked) == 4


def test_a_bug_is_not_waited_out() -> None:
    with pytest.raises(ZeroDivisionError):
        read(Client(ZeroDivisionError()))
