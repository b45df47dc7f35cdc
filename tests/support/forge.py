"""A forge's API for commit statuses, with the limits that the real ones enforce. One class for all three: `kind` decides."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

DESCRIPTION_LIMIT = 140
STATUS_LIMIT = 1000
_STATES = {
    "github": {"pending", "success", "failure", "error"},
    "gitlab": {"pending", "running", "success", "failed", "canceled", "skipped"},
    "gitea": {"pending", "success", "error", "failure", "warning"},
}


@dataclass(frozen=True)
class Fault:
    """What the next request gets instead of an answer. `cut` closes the connection; `after` it was carried out."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    cut: bool = False
    after: bool = False


@dataclass
class FakeForge:
    kind: str = "github"
    mount: str = ""
    """Path before the API's own: `/api/v3`, `/git/api/v1`."""
    projects: frozenset[str] = frozenset({"org/team"})
    commits: frozenset[str] | None = None
    """None: all are known."""
    token: str = "canary-0123456789-token"
    app_key: Any = None
    """Public key of the GitHub App; its installation tokens are counted up."""
    installation_life: str = "2030-01-01T00:00:00Z"
    statuses: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    """By sha and context, oldest first."""
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    token_requests: list[dict[str, Any]] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    _server: ThreadingHTTPServer | None = None

    @property
    def port(self) -> int:
        assert self._server
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return self.url + self.mount

    def words(self, sha: str) -> list[str]:
        """What was posted to a commit, in order."""
        return [entry["state"] for (of, _), entries in self.statuses.items() if of == sha for entry in entries]

    def last(self, sha: str) -> str:
        """The newest description on a commit."""
        entries = [entry for (of, _), posted in self.statuses.items() if of == sha for entry in posted]
        return str(entries[-1]["description"])

    @property
    def posts(self) -> int:
        return sum(verb == "POST" and "/statuses/" in path for verb, path in self.requests)

    @contextlib.contextmanager
    def serving(self) -> Iterator[FakeForge]:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def answer(self, verb: str, path: str, headers: Mapping[str, str], body: Any) -> tuple[int, Any]:
        address = urlsplit(path)
        if not address.path.startswith(self.mount + "/"):
            return 404, {"message": "Not Found"}
        parts = address.path.removeprefix(self.mount + "/").split("/")
        if parts[0] == "app" or parts[-1] == "installation":
            return self._app(verb, parts, headers, body)
        if not self._known(headers):
            return 401, {"message": f"Bad credentials: {headers.get('authorization') or headers.get('private-token')}"}
        project, rest = _project(self.kind, parts)
        if project not in self.projects:
            return 404, {"message": "404 Project Not Found" if self.kind == "gitlab" else "Not Found"}
        sha = rest[1] if rest[0] == "statuses" else rest[-2]
        if self.commits is not None and sha not in self.commits:
            missing = {"github": (422, f"No commit found for SHA: {sha}"), "gitlab": (404, "404 Commit Not Found")}
            status, text = missing.get(self.kind, (404, "commit does not exist"))
            return status, {"message": text}
        if verb == "GET":
            return 200, self._look(sha, parse_qs(address.query).get("name", [""])[0])
        return self._post(sha, body)

    def _post(self, sha: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        state, context, text = body["state"], body.get("context") or body.get("name"), body.get("description", "")
        if state not in _STATES[self.kind]:
            return 422, {"message": f"state {state} is not one of ours"}
        if self.kind == "github" and len(text) > DESCRIPTION_LIMIT:
            return 422, {"message": "Validation Failed", "errors": [{"message": "description is too long"}]}
        posted = self.statuses.setdefault((sha, str(context)), [])
        if len(posted) >= STATUS_LIMIT:
            return 422, {"message": "This SHA and context has reached the maximum number of statuses."}
        if self.kind == "gitlab" and posted and posted[-1]["state"] == state:
            return 400, {"message": f"Cannot transition status via :run from :{state} (Reason(s): Status cannot)"}
        posted.append(dict(body))
        return 201, {"id": len(posted)}

    def _look(self, sha: str, name: str) -> Any:
        found = [
            {
                **({"status": e[-1]["state"], "name": c} if self.kind == "gitlab" else {"context": c}),
                **_shown(self.kind, e[-1]),
            }
            for (of, c), e in self.statuses.items()
            if of == sha and e and (not name or name == c)
        ]
        return found if self.kind == "gitlab" else {"state": "pending", "statuses": found}

    def _known(self, headers: Mapping[str, str]) -> bool:
        said = headers.get("authorization", "")
        match self.kind:
            case "gitlab":
                return headers.get("private-token") == self.token
            case "gitea":
                return said == f"token {self.token}"
            case "github" if self.app_key:
                token = said.removeprefix("Bearer ")
                return token.startswith("ghs-installation-") and token not in self.revoked
            case _:
                return said == f"Bearer {self.token}"

    def _app(self, verb: str, parts: list[str], headers: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if not self._signed(headers.get("authorization", "")):
            return 401, {"message": "A JSON web token could not be decoded"}
        if verb == "GET":
            return (200, {"id": 77}) if parts[:2] == ["users", "ada"] else (404, {"message": "Not Found"})
        self.token_requests.append({"installation": parts[2], **body})
        token = f"ghs-installation-{len(self.token_requests)}"
        return 201, {"token": token, "expires_at": self.installation_life}

    def _signed(self, header: str) -> bool:
        signed, _, signature = header.removeprefix("Bearer ").rpartition(".")
        try:
            self.app_key.verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        claims = json.loads(_decoded(signed.partition(".")[2]))
        return bool(claims["iss"] == "4711" and claims["exp"] - claims["iat"] <= 600)


def _shown(kind: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    word = {"gitea": "status", "github": "state"}.get(kind)
    return {"description": entry.get("description"), **({word: entry["state"]} if word else {})}


def _project(kind: str, parts: list[str]) -> tuple[str, list[str]]:
    if kind != "gitlab":
        return "/".join(parts[1:3]), parts[3:]
    return unquote(parts[1]), parts[3:] if parts[2] == "repository" else parts[2:]


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _handler(forge: FakeForge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            forge.requests.append((self.command, self.path))
            fault = forge.faults.pop(0) if forge.faults else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            if fault and not fault.after:
                self._fail(fault)
                return
            status, value = forge.answer(self.command, self.path, headers, body)
            if fault:
                self._fail(fault)
                return
            self._send(status, {}, value)

        do_POST = do_GET  # noqa: N815 - the name that http.server looks up

        def _fail(self, fault: Fault) -> None:
            if fault.cut:
                self.close_connection = True
                return
            self._send(fault.status, fault.headers, {"message": fault.message})

        def _send(self, status: int, headers: Mapping[str, str], value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Requests are in `forge.requests`."""

    return Handler
