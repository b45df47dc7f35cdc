"""Smart HTTP as forges speak it: git's own http-backend behind a small server, with a password and faults on demand."""

import base64
import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.git_repository import BareRepository


@dataclass
class GitHttpServer:
    """Serves every bare repository under `root`; `ask_password=False` lets anybody read (but never write)."""

    root: Path
    user: str = "git-user"
    password: str = "correct-horse-battery-staple"  # a canary: it must not turn up in logs, status or notes
    ask_password: bool = True
    answer: HTTPStatus | None = None
    """Set: every request gets this status instead (an outage, a rate limit)."""
    redirect_to: str | None = None
    """Set: every request is redirected there (an attack)."""
    requests: list[str] = field(default_factory=list)
    """`METHOD /path?query` of every request, in order."""
    _server: ThreadingHTTPServer | None = None

    @property
    def base_url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_port}"

    def url(self, repository: BareRepository | str) -> str:
        """Without credentials: these never belong into a URL."""
        name = repository if isinstance(repository, str) else str(repository.path.relative_to(self.root))
        return f"{self.base_url}/{name}"

    def repository(self, name: str = "team.git") -> BareRepository:
        """A new repository on this server."""
        return BareRepository(self.root / name)

    def permits(self, header: str | None) -> bool:
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return header == f"Basic {token}"

    @contextlib.contextmanager
    def serving(self) -> Iterator["GitHttpServer"]:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def _handler(server: GitHttpServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self._body()
            server.requests.append(f"{self.command} {self.path}")
            known = server.permits(self.headers.get("Authorization"))
            writes = "git-receive-pack" in self.path
            if server.redirect_to is not None:
                self._plain(HTTPStatus.FOUND, {"Location": server.redirect_to + self.path})
            elif server.answer is not None:
                self._plain(server.answer, {})
            elif not known and (server.ask_password or writes):
                self._plain(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="git"'})
            else:
                self._backend(body, server.user if known else "")

        do_POST = do_GET  # noqa: N815 # the name that http.server looks up

        def _backend(self, body: bytes, user: str) -> None:
            address = urlsplit(self.path)
            env = {
                "PATH": os.environ["PATH"],
                "HOME": os.devnull,
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_PROJECT_ROOT": str(server.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": address.path,
                "QUERY_STRING": address.query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_ADDR": "127.0.0.1",
            } | ({"REMOTE_USER": user} if user else {})
            ended = subprocess.run(["git", "http-backend"], input=body, capture_output=True, check=False, env=env)
            head, _, answer = ended.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
            status = HTTPStatus(int(headers.pop("Status", "200").split()[0]))
            self._plain(status, headers, answer)

        def _plain(self, status: HTTPStatus, headers: dict[str, str], body: bytes = b"") -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *_: object) -> None:
            """Requests are in `server.requests`; the terminal is pytest's."""

    return Handler
