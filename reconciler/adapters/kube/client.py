"""Raw JSON requests to the API server: one attempt, a time-out on everything, errors translated once.

`KubeClient` is what the other modules of this package share; nothing outside the package sees HTTP. A request that the
server turned away unheard (429, or 503 with Retry-After) is repeated as it asks, as long as that fits into the caller's
patience; anything else is the queue's to repeat.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import urllib3

from reconciler.adapters.kube.connection import Connection
from reconciler.adapters.kube.refusals import refusal
from reconciler.core.conditions import clip
from reconciler.core.errors import LostReplyError, PreconditionError, ReconcileError, TransientError
from reconciler.core.meters import UNMETERED, KubeMeter

Verb = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Query = Mapping[str, str | int | bool]

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
"""Its body may be JSON: that is YAML too, and four times cheaper to write."""

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
PATIENCE_S = 10.0
OLDEST_MINOR = 30

_NO_CODE = "none"
_NO_ANSWER = (urllib3.exceptions.HTTPError, OSError)
_NEVER_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


@dataclass(frozen=True)
class _KubeRequest:
    verb: Verb
    target: str
    body: bytes | None
    content_type: str
    timeout_s: float
    preload: bool = True


class KubeClient:
    """One identity at one API server; safe for threads. `impersonate` is a user name, see `as_service_account`."""

    def __init__(
        self,
        kubeconfig: str | None = None,
        context: str | None = None,
        impersonate: str | None = None,
        *,
        connection: Connection | None = None,
        meter: KubeMeter = UNMETERED,
    ) -> None:
        self._connection = connection or Connection(kubeconfig, context)
        self._meter = meter
        self._impersonate = impersonate
        self._closed = threading.Event()

    def as_service_account(self, namespace: str, name: str) -> KubeClient:
        """The same connections under the rights of a ServiceAccount.

        Only the user is named: the API server then adds the groups of every service account itself, and the
        controller needs the right to impersonate service accounts but not groups.
        """
        user = f"system:serviceaccount:{namespace}:{name}"
        return KubeClient(impersonate=user, connection=self._connection, meter=self._meter)

    def close(self) -> None:
        """Drop idle connections and end waits for a throttled server; impersonating variants share the former."""
        self._closed.set()
        self._connection.close()

    def request(
        self,
        verb: Verb,
        path: str,
        query: Query | None = None,
        body: Any = None,
        content_type: str = JSON,
        *,
        timeout_s: float = READ_TIMEOUT_S,
        patience_s: float = PATIENCE_S,
    ) -> Any:
        """Answer the parsed JSON of a success; raise a ReconcileError for everything else."""
        encoded = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        call = _KubeRequest(verb, _target(path, query), encoded, content_type, timeout_s)
        give_up = time.monotonic() + patience_s
        while True:
            answer = self._send(call)
            if answer.status < 300:
                return _parsed(answer.data)
            wait_s = _asked_to_wait(answer)
            if wait_s is None or time.monotonic() + wait_s > give_up or self._closed.wait(wait_s):
                raise refusal(answer.status, answer.data)

    def watch(self, path: str, query: Query, silence_s: float) -> Stream:
        """Open a watch; `silence_s` is how long it may say nothing before it counts as dead."""
        answer = self._send(_KubeRequest("GET", _target(path, query), None, JSON, silence_s, preload=False))
        if answer.status < 300:
            return Stream(answer)
        try:
            raise refusal(answer.status, answer.read())
        except _NO_ANSWER as error:
            raise _unanswered("GET", error) from error
        finally:
            answer.close()

    def version(self) -> tuple[int, int]:
        said = self.request("GET", "/version")
        # Some vendors write "30+".
        digits = ("".join(filter(str.isdigit, str(said.get(part, "")))) or "0" for part in ("major", "minor"))
        major, minor = (int(number) for number in digits)
        return major, minor

    def require_version(self) -> None:
        """Refuse an API server without ratcheting validation: status writes to older objects would fail there."""
        version = self.version()
        if version < (1, OLDEST_MINOR):
            raise PreconditionError(
                f"Kubernetes {version[0]}.{version[1]} is too old: 1.{OLDEST_MINOR} or newer is needed"
            )

    def _send(self, call: _KubeRequest) -> urllib3.BaseHTTPResponse:
        answer = self._attempt(call)
        if answer.status == 401 and self._connection.reload():
            answer.close()
            answer = self._attempt(call)
        return answer

    def _attempt(self, call: _KubeRequest) -> urllib3.BaseHTTPResponse:
        began, code = time.monotonic(), _NO_CODE
        try:
            answer = self._connection.pool.urlopen(
                call.verb,
                self._connection.host + call.target,
                body=call.body,
                headers=self._headers(call.content_type if call.body is not None else None),
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=call.timeout_s),
                preload_content=call.preload,
                redirect=False,  # credentials do not follow a redirect
                retries=False,
            )
            code = str(answer.status)
        except _NO_ANSWER as error:
            raise _unanswered(call.verb, error) from error
        finally:
            self._meter.kube_called(call.verb if call.preload else "WATCH", code, time.monotonic() - began)
        return answer

    def _headers(self, content_type: str | None) -> dict[str, str]:
        headers = {"Accept": JSON, "User-Agent": "sagemaker-gitops"}
        if authorization := self._connection.authorization():
            headers["Authorization"] = authorization
        if content_type:
            headers["Content-Type"] = content_type
        if self._impersonate:
            headers["Impersonate-User"] = self._impersonate
        return headers


class Stream:
    """An open watch: a line per event until the server ends it or `close` is called, from any thread."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer

    def lines(self) -> Iterator[bytes]:
        rest = b""
        try:
            for chunk in self._answer.stream(amt=None):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from filter(None, lines)
        except (*_NO_ANSWER, ValueError, AttributeError) as error:
            # The last two: urllib3 reading on while `abort` shuts its socket.
            raise _unanswered("GET", error) from error
        finally:
            self._answer.close()

    def abort(self) -> None:
        """Wake the thread that reads. Only the socket is shut: closing belongs to the reader."""
        try:
            self._answer.shutdown()
        except (RuntimeError, ValueError, AttributeError, OSError):
            return  # it ended on its own a moment before


def _target(path: str, query: Query | None) -> str:
    return f"{path}?{urlencode({name: _text(value) for name, value in query.items()})}" if query else path


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise TransientError("the Kubernetes API answered something that is not JSON; is a proxy in between?") from None


def _asked_to_wait(answer: urllib3.BaseHTTPResponse) -> float | None:
    """Seconds after which the server wants this very request again; None when it may have acted on it.

    Only 429 and 503: a 500 or 504 may carry Retry-After too, but its request was under way.
    """
    if answer.status not in {429, 503}:
        return None
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def _unanswered(verb: str, error: Exception) -> ReconcileError:
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        text = "cannot connect"
    else:
        text = f"{type(error).__name__}: {error}"
    message = clip(f"the Kubernetes API does not answer: {text}")
    lost = verb != "GET" and not isinstance(error, _NEVER_SENT)
    return LostReplyError(message) if lost else TransientError(message)
