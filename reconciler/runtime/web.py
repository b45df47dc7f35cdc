"""What the service answers over HTTP: probes, metrics and webhooks. Readiness means work can be done, not that a port is open.

The standard library's server, made safe for strangers: a deadline for the whole request however slowly it drips in, a
bound on connections, on headers and on bodies, and no handler's fault ends more than its own request.
"""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from reconciler.core.errors import ReconcileError

log = logging.getLogger(__name__)

Probe = Callable[[], list[str]]
"""What is wrong, one line each; empty when all is well."""

REQUEST_S = 10.0
CONNECTIONS = 64
_HEADERS = 64
_DRAIN = 256 * 1024
_POLL_S = 0.1
"""How long a stop may take to be noticed."""


class CannotListenError(ReconcileError):
    """The address is taken, or not ours."""

    reason = "CannotListen"


class BodyError(Exception):
    """The body cannot be had; answered as it says."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass(frozen=True)
class Request:
    path: str
    headers: Mapping[str, str]
    """Names in lower case; one that came twice has both values, which proves nothing."""
    body: Callable[[int], bytes]
    """Read it, at most so many bytes: not before it is known that anyone wants it. BodyError otherwise."""


@dataclass(frozen=True)
class Answer:
    status: HTTPStatus
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Post = Callable[[Request], Answer]
Page = Callable[[], Answer]
"""What a GET shows, such as metrics; its Content-Type among the headers."""


class Web:
    """`posts` take what is posted below their prefix, `pages` and `probes` a whole path. Port 0 takes a free one."""

    def __init__(
        self, host: str, port: int, probes: Mapping[str, Probe], posts: Mapping[str, Post] | None = None,
        pages: Mapping[str, Page] | None = None, *, request_s: float = REQUEST_S, connections: int = CONNECTIONS,
    ) -> None:  # fmt: skip
        shown = {**{path: _probed(probe) for path, probe in probes.items()}, **(pages or {})}
        try:
            self._server = _Server((host, port), shown, posts or {}, request_s, connections)
        except OSError as error:
            raise CannotListenError(
                f"nothing can be served at {host}:{port}: {error.strerror}; choose another --listen or --port"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="web", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _probed(probe: Probe) -> Page:
    def page() -> Answer:
        problems = probe()
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK, "\n".join(problems))

    return page


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], pages: Mapping[str, Page], posts: Mapping[str, Post], request_s: float,
        connections: int,
    ) -> None:  # fmt: skip
        self.pages = pages
        self.posts = posts
        self.request_s = request_s
        self._free = threading.BoundedSemaphore(connections)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Over the bound a connection is closed unread: a queue of strangers must not grow in our memory."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no more threads
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address
        log.debug("a connection ended badly: %r", sys.exception())


class _Deadline(io.RawIOBase):
    """Reads from a socket until a moment, however little comes at a time."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        super().__init__()
        self._connection = connection
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(max(self._until - time.monotonic(), 0.001))
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "sagemaker-gitops"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self._unread = 0
        self.rfile.close()
        self.rfile = io.BufferedReader(_Deadline(self.connection, self.server.request_s))

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is not None:
            self._answer(self._made(page))
        elif self._post() is not None:
            self._answer(Answer(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "POST"}))
        else:
            self._answer(Answer(HTTPStatus.NOT_FOUND, "no such page"))

    def do_POST(self) -> None:
        post = self._post()
        if post is None:
            self._answer(Answer(HTTPStatus.NOT_FOUND))
            return
        names = {name.lower() for name in self.headers}
        headers = {name: ", ".join(self.headers.get_all(name) or ()) for name in names}
        length = headers.get("content-length", "")
        self._unread = int(length) if length.isascii() and length.isdigit() and len(length) < 16 else 0
        if len(self.headers) > _HEADERS:
            self._answer(Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
        else:
            self._answer(self._made(lambda: post(Request(self.path, headers, self._body))))

    def _made(self, make: Page) -> Answer:
        """No fault in making an answer ends more than this request."""
        try:
            return make()
        except BodyError as error:
            return Answer(error.status)
        except Exception:
            log.exception("a bug in answering a request")
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _post(self) -> Post | None:
        found = (post for prefix, post in self.server.posts.items() if self.path.startswith(prefix))
        return next(found, None)

    def _body(self, limit: int) -> bytes:
        length = self.headers.get_all("content-length") or []
        if self.headers.get("transfer-encoding") or len(length) != 1:
            raise BodyError(HTTPStatus.LENGTH_REQUIRED)
        if not length[0].isascii() or not length[0].isdigit():
            raise BodyError(HTTPStatus.BAD_REQUEST)
        if len(length[0]) >= 16 or int(length[0]) > limit:
            raise BodyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        wanted, self._unread = int(length[0]), 0
        try:
            body = self.rfile.read(wanted)
        except TimeoutError:
            raise BodyError(HTTPStatus.REQUEST_TIMEOUT) from None
        if len(body) < wanted:
            raise BodyError(HTTPStatus.BAD_REQUEST)
        return body

    def _answer(self, answer: Answer) -> None:
        """HTTP/1.0: the connection ends with it."""
        body = (answer.text or ("ok" if answer.status < HTTPStatus.BAD_REQUEST else answer.status.phrase)).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Type": "text/plain; charset=utf-8", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + 1))
        self.end_headers()
        self.wfile.write(body + b"\n")
        self._drain()

    def _drain(self) -> None:
        """A little of what was not read: a connection closed over unread bytes is reset, and takes the answer with it."""
        if self._unread:
            with contextlib.suppress(OSError):
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_WR)
                self.rfile.read(min(self._unread, _DRAIN))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        del format, args
