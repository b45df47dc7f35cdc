"""The control API, the clock, the limits, the accounts and the server itself."""

import json
import threading
import time
from http.client import HTTPConnection
from urllib.parse import urlparse

import pytest

from reconciler.dev.simulator.clock import SimulatedClock
from reconciler.dev.simulator.server import _SimulatorHandler, _SimulatorServer
from reconciler.dev.simulator.throttle import Throttle
from tests.integration.simulator import given
from tests.integration.simulator.given import Aws, error


def test_time_stands_still_until_it_is_advanced(aws: Aws) -> None:
    before = aws.control("GET", "state")["clock"]
    assert before["mode"] == "manual"
    after = aws.control("POST", "clock/advance", {"seconds": 12.5})
    assert after["now"] - before["now"] == pytest.approx(12.5)
    assert "time does not go back" in aws.refused("POST", "clock/advance", {"seconds": -1})


def test_time_never_jumps_when_the_mode_changes(aws: Aws) -> None:
    start = aws.control("POST", "clock/advance", {"seconds": 10_000})["now"]
    for mode in ("real", "manual"):
        now = aws.control("POST", "clock", {"mode": mode})["now"]
        assert start <= now < start + 5
    assert "unknown mode" in aws.refused("POST", "clock", {"mode": "warp"})


def test_a_step_lasts_from_when_the_last_one_was_due() -> None:
    """Not from when it ran: one long advance gives the same time stamps as many short ones."""
    clock = SimulatedClock(threading.RLock())
    clock.set("manual")
    start, seen = clock.now(), []

    def first(due: float) -> None:
        seen.append(due - start)
        clock.after(due, 5, lambda due: seen.append(due - start))

    clock.after(start, 10, first)
    clock.after(start, 12, lambda due: seen.append(due - start))
    clock.advance(100)
    assert seen == pytest.approx([10, 12, 15])


def test_a_bucket_holds_two_seconds_worth_and_refills() -> None:
    now = [0.0]
    throttle = Throttle(enabled=True, monotonic=lambda: now[0])
    burst = [throttle.admits("a", "ListModels") for _ in range(5)]
    assert burst == [True, True, True, True, False]
    assert throttle.admits("b", "ListModels"), "another account has a bucket of its own"
    assert throttle.admits("a", "DescribeModel"), "so has another operation"
    now[0] = 0.5
    assert [throttle.admits("a", "ListModels") for _ in range(2)] == [True, False]
    now[0] = 1000.0
    assert sum(throttle.admits("a", "ListModels") for _ in range(10)) == 4


def test_switching_it_on_again_fills_the_buckets_and_forgets_earlier_limits() -> None:
    throttle = Throttle(monotonic=lambda: 0.0)
    for limits, admitted in (({"ListModels": 0.1}, 0), (None, 4), ({"ListModels": 1.0}, 2), ({"Stop*": 0.1}, 4)):
        throttle.configure(enabled=True, limits=limits)
        assert sum(throttle.admits("a", "ListModels") for _ in range(20)) == admitted, limits
        throttle.configure(enabled=False)
        assert all(throttle.admits("a", "ListModels") for _ in range(20))


def test_throttling_is_off_until_it_is_switched_on(aws: Aws) -> None:
    assert {error(aws.sm.list_models)[0] for _ in range(20)} == {"OK"}
    aws.control("POST", "throttle", {"enabled": True})
    codes = [error(aws.sm.list_models)[0] for _ in range(20)]
    assert codes[:4] == ["OK"] * 4
    assert "ThrottlingException" in codes
    assert error(aws.client("sagemaker", access_key="111122223333").list_models)[0] == "OK", "accounts do not share"


def test_the_record_holds_every_call_of_every_service(aws: Aws) -> None:
    aws.client("sqs").create_queue(QueueName="queue")
    aws.train("My-Job")
    aws.job("My-Job")
    error(lambda: aws.job("other"))
    aws.sm.add_tags(ResourceArn=given.arn("training-job", "my-job"), Tags=[])
    aws.sm.list_models()
    error(lambda: aws.client("logs").filter_log_events(logGroupName="none"))
    lines = [tuple(line[part] for part in ("service", "op", "key", "code", "effect")) for line in aws.requests()]
    assert lines == [
        ("sqs", "CreateQueue", "queue", "OK", True),
        ("sagemaker", "CreateTrainingJob", "My-Job", "OK", True),
        ("sagemaker", "DescribeTrainingJob", "My-Job", "OK", False),
        ("sagemaker", "DescribeTrainingJob", "other", "ValidationException", False),
        ("sagemaker", "AddTags", "My-Job", "OK", True),
        ("sagemaker", "ListModels", "", "OK", False),
        ("logs", "FilterLogEvents", "none", "ResourceNotFoundException", False),
    ]
    assert aws.requests()[4]["input"] == {"ResourceArn": given.arn("training-job", "my-job"), "Tags": []}
    assert [line["input"] for line in aws.requests() if line["op"].startswith(("Describe", "List"))] == [{}] * 3
    ids = [line["id"] for line in aws.requests()]
    assert ids == list(range(1, 8))
    assert [line["id"] for line in aws.control("GET", "requests?since=5")] == [6, 7]
    assert aws.requests()[1]["time"] == aws.control("GET", "state")["clock"]["now"]


def test_the_metrics_count_calls_and_resources(aws: Aws) -> None:
    aws.train()
    error(lambda: aws.job("other"))
    metrics = aws.control("GET", "metrics").splitlines()
    expected = [
        'simulator_requests_total{service="sagemaker",op="CreateTrainingJob",code="OK"} 1',
        'simulator_requests_total{service="sagemaker",op="DescribeTrainingJob",code="ValidationException"} 1',
        'simulator_resources{kind="TrainingJob",status="InProgress"} 1',
    ]
    assert [line for line in expected if line not in metrics] == []


def test_a_reset_forgets_everything_also_in_the_other_services(aws: Aws) -> None:
    aws.train()
    aws.client("sqs").create_queue(QueueName="queue")
    aws.rule({"type": "expired_token"})
    aws.settings(quotas={"x": 1}, durations={"training.Starting": 1})
    aws.control("POST", "reset")
    state = aws.control("GET", "state")
    assert (state["resources"], state["clock"]["pending"], state["settings"]["quotas"]) == ([], 0, {})
    assert state["settings"]["durations"]["training.Starting"] == 180
    assert (aws.control("GET", "rules"), aws.requests()) == ([], [])
    assert aws.client("sqs").list_queues().get("QueueUrls", []) == []


def test_the_state_shows_the_resources(aws: Aws) -> None:
    aws.train("My-Job", Tags=[{"Key": "a", "Value": "b"}])
    assert aws.control("GET", "state")["resources"] == [
        {
            "kind": "TrainingJob",
            "account": given.ACCOUNT,
            "region": given.REGION,
            "name": "My-Job",
            "arn": given.arn("training-job", "my-job"),
            "status": "InProgress",
            "tags": {"a": "b"},
        }
    ]


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("nowhere", {}, "404: no POST /_sim/nowhere"),
        ("settings", {"durations": {"training.Flying": 1}}, "400: ValueError: unknown durations: training.Flying"),
        ("settings", {"switches": {"x": True}}, "400: ValueError: unknown switches: x"),
        ("throttle", {}, "400: KeyError: 'enabled'"),
    ],
)
def test_a_wrong_control_call_says_why(aws: Aws, path: str, body: object, reason: str) -> None:
    assert aws.refused("POST", path, body) == reason


def test_an_assumed_role_acts_in_its_account(aws: Aws) -> None:
    role = "arn:aws:iam::444455556666:role/x"
    lent = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    sagemaker = aws.client("sagemaker", access_key=lent["AccessKeyId"])
    assert sagemaker.create_model(**given.model())["ModelArn"].split(":")[4] == "444455556666"
    assert aws.client("sts", access_key=lent["AccessKeyId"]).get_caller_identity()["Account"] == "444455556666"
    assert aws.sm.list_models()["Models"] == []


def test_a_key_of_twelve_digits_is_its_account_in_every_service(aws: Aws) -> None:
    url = aws.client("sqs", access_key="111122223333").create_queue(QueueName="q")["QueueUrl"]
    assert "111122223333" in url
    assert aws.client("sts", access_key="111122223333").get_caller_identity()["Account"] == "111122223333"


def test_objects_survive_the_way_through_the_front(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bucket")
    body = bytes(range(256)) * 4096
    s3.put_object(Bucket="bucket", Key="a/b.bin", Body=body)
    assert s3.get_object(Bucket="bucket", Key="a/b.bin")["Body"].read() == body
    assert s3.head_object(Bucket="bucket", Key="a/b.bin")["ContentLength"] == len(body)
    s3.delete_object(Bucket="bucket", Key="a/b.bin")
    assert error(lambda: s3.head_object(Bucket="bucket", Key="a/b.bin"))[0] == "404"


def _connection(aws: Aws) -> HTTPConnection:
    where = urlparse(aws.url)
    return HTTPConnection(str(where.hostname), where.port, timeout=10)


def test_a_connection_is_kept_and_errors_have_the_service_form(aws: Aws) -> None:
    connection = _connection(aws)
    headers = {"X-Amz-Target": "SageMaker.Nonsense", "Content-Type": "application/x-amz-json-1.1"}
    connection.connect()
    opened = connection.sock
    for _ in range(3):
        connection.request("POST", "/", b'{"left": "unread"}', headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 400
        assert answer.headers["x-amzn-ErrorType"] == body["__type"] == "UnknownOperationException"
        assert set(body) == {"__type", "message"}
    assert connection.sock is opened
    connection.close()


def test_calls_of_many_threads_all_count(aws: Aws) -> None:
    def create(first: int) -> None:
        for number in range(first, first + 20):
            aws.sm.create_model(**given.model(f"m-{number}"))

    threads = [threading.Thread(target=create, args=(20 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(aws.sm.list_models(MaxResults=100)["Models"]) == 80
    assert [line["id"] for line in aws.requests() if line["op"] == "CreateModel"] == list(range(1, 81))


def test_a_raw_call_is_cheap(aws: Aws) -> None:
    """The target is 300 a second; the bound is far below, and the best of several rounds counts, as machines are busy."""
    aws.train()
    connection = _connection(aws)
    headers = {"X-Amz-Target": "SageMaker.DescribeTrainingJob", "Content-Type": "application/x-amz-json-1.1"}

    def round_s() -> float:
        began = time.monotonic()
        for _ in range(10):
            connection.request("POST", "/", b'{"TrainingJobName": "job"}', headers)
            connection.getresponse().read()
        return time.monotonic() - began

    fastest_s = min(round_s() for _ in range(10))
    connection.close()
    assert 10 / fastest_s > 60


def test_nothing_is_served_after_the_end(aws: Aws) -> None:
    server = _SimulatorServer(
        "127.0.0.1", 0, lambda _environ, start: start("200 OK", []) or [b"x"], handler=_SimulatorHandler
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"x"
    server.close_all()
    assert connection.sock.recv(1) == b"", "the kept connection has ended"
    connection.close()
    assert server.socket.fileno() == -1, "nobody listens; to connect would prove nothing, a port is soon reused"
