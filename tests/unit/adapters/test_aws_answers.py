"""What is answered over the wire that is no answer of the service's: nobody knows what came of a call, and no bug is reported."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.loaders import Loader

from reconciler.adapters.aws.clients import AwsClients
from reconciler.adapters.aws.sessions import Sessions
from reconciler.core.decision import Call
from reconciler.core.errors import LostReplyError, ReconcileError, TransientError, UnknownRefusalError
from reconciler.core.tenancy import Tenant
from tests.support.clock import LabClock

MODEL = Call("CreateModel", {"ModelName": "m", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/lab"})
PAGE = b"<html><body>Forbidden</body></html>"


class Proxy:
    """Answers everything alike."""

    def __init__(self) -> None:
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(proxy.status)
                self.send_header("Content-Length", str(len(proxy.body)))
                self.end_headers()
                self.wfile.write(proxy.body)

            def log_message(self, *args: Any) -> None:
                del args

        self.status, self.body = 200, b""
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.tenant = Tenant("us-west-2", f"http://127.0.0.1:{self.server.server_port}")


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    thread = threading.Thread(target=proxy.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield proxy
    proxy.server.shutdown()
    thread.join()
    proxy.server.server_close()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> AwsClients:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    return AwsClients(Sessions(Loader()))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        pytest.param(200, b"{}", LostReplyError, id="a create without an ARN"),
        pytest.param(200, b'{"ModelArn": null}', LostReplyError, id="a create with none"),
        pytest.param(200, b"null", LostReplyError, id="null"),
        pytest.param(200, b"[]", LostReplyError, id="a list"),
        pytest.param(200, b"\xff\xfe", LostReplyError, id="bytes that are no text"),
        pytest.param(200, PAGE, LostReplyError, id="a page"),
        pytest.param(403, PAGE, LostReplyError, id="a page that forbids"),
        pytest.param(400, b"[1]", LostReplyError, id="a refusal that is a list"),
        pytest.param(502, PAGE, LostReplyError, id="a bad gateway"),
        pytest.param(400, b'{"__type": "ValidationException", "message": "so"}', UnknownRefusalError, id="a refusal"),
    ],
)
def test_what_a_mutating_call_is_answered(
    aws: AwsClients, proxy: Proxy, status: int, body: bytes, error: type[ReconcileError]
) -> None:
    proxy.status, proxy.body = status, body
    with pytest.raises(ReconcileError) as raised:
        aws.write(proxy.tenant, MODEL)
    assert type(raised.value) is error


def test_an_answer_with_its_arn_counts(aws: AwsClients, proxy: Proxy) -> None:
    proxy.body = b'{"ModelArn": "arn:aws:sagemaker:us-west-2:123456789012:model/m"}'
    assert aws.write(proxy.tenant, MODEL)["ModelArn"].endswith("model/m")


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'"x"',
        b'{"TrainingJobSummaries": "x"}',
        b'{"TrainingJobSummaries": [{"CreationTime": "zz"}]}',
        b"\xff",
    ],
)
def test_garbage_that_a_read_is_answered_is_a_passing_fault(aws: AwsClients, proxy: Proxy, body: bytes) -> None:
    proxy.body = body
    with pytest.raises(TransientError):
        aws.read(proxy.tenant, "ListTrainingJobs", {})


def _error(code: str) -> bytes:
    return b'{"__type": "%s", "message": "x"}' % code.encode()


@pytest.mark.holds("D-15.8")
@pytest.mark.parametrize(
    ("status", "body", "rises"),
    [
        pytest.param(200, b"{}", True, id="an answer"),
        pytest.param(
            400, b'{"__type": "ValidationException", "message": "Could not find model"}', True, id="not found"
        ),
        pytest.param(400, _error("ValidationException"), True, id="a refusal of which nothing is known"),
        pytest.param(400, _error("AccessDeniedException"), True, id="a missing right"),
        pytest.param(400, _error("ThrottlingException"), False, id="a throttle"),
        pytest.param(500, _error("InternalFailure"), False, id="a fault of the service"),
        pytest.param(400, _error("ExpiredTokenException"), False, id="expired credentials"),
        pytest.param(502, PAGE, False, id="a proxy's page"),
    ],
)
def test_every_answer_that_is_no_throttle_raises_the_rate_that_a_throttle_halved(
    aws: AwsClients, proxy: Proxy, status: int, body: bytes, rises: bool
) -> None:
    del aws  # its credentials are used
    clock = LabClock()
    clients = AwsClients(Sessions(Loader()), clock.monotonic)

    def rate_after(status: int, body: bytes) -> float:
        clock.elapsed_s += 60
        proxy.status, proxy.body = status, body
        with contextlib.suppress(ReconcileError):
            clients.read(proxy.tenant, "DescribeModel", {"ModelName": "m"})
        return clients.rate(proxy.tenant, "DescribeModel")

    full, halved = clients.rate(proxy.tenant, "DescribeModel"), rate_after(400, _error("ThrottlingException"))
    assert halved == full / 2
    assert (rate_after(status, body) > halved) is rises
