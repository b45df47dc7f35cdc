"""The simulator without a socket in between: what is asked of it is answered in the caller's thread.

For the short tests on the bench, which has one thread and asks thousands of times: HTTP was a third of what they cost. The
wire is what `integration/simulator` is about, every test with the service as a process, and the bench in `make endurance`.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_CUT = socket.socket()
"""What the simulator shuts when a rule cuts the connection; it never was one."""


def ask(
    application: Application, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body. Raises ConnectionError where a server would close the connection."""
    parts = urlsplit(url)
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(parts.path),
        "QUERY_STRING": parts.query,
        "SERVER_NAME": parts.hostname,
        "SERVER_PORT": str(parts.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": parts.netloc,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "werkzeug.socket": _CUT,
    }
    for name, value in headers.items():
        variable = name.upper().replace("-", "_")
        environ[variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"] = value
    head: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], _exc: Any = None) -> None:
        head[:] = [status, headers]

    answer = b"".join(application(environ, start))
    return int(head[0].split()[0]), head[1], answer


class _Raw(io.BytesIO):
    def stream(self) -> Iterable[bytes]:
        yield self.read()


def answering(application: Application) -> Callable[..., AWSResponse]:
    """For botocore's event `before-send`: it takes the answer for the wire's."""

    def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        headers = {
            name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        body = request.body or b""
        sent = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.read()
        try:
            status, answered, content = ask(application, request.method, request.url, headers, sent)
        except ConnectionError as error:
            raise ConnectionClosedError(error=error, request=request, endpoint_url=request.url) from error
        return AWSResponse(request.url, status, dict(answered), _Raw(content))

    return before_send
