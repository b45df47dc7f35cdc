"""What the API server shows, version by version: one watch per kind, listed anew whenever it ends.

Called by the recorder. A poll would miss an object that is deleted and made anew between two looks.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.walk.record import Name, Seen

_V1 = "/apis/sagemaker.aws.amazon.com/v1"
PATHS = {
    "GitSync": "/apis/sagemaker-gitops.dev/v1alpha1/gitsyncs",
    "TrainingJob": f"{_V1}/trainingjobs",
    "ProcessingJob": f"{_V1}/processingjobs",
    "BatchTransformJob": f"{_V1}/batchtransformjobs",
    "HostingDeployment": f"{_V1}/hostingdeployments",
    "HostingAutoscalingPolicy": f"{_V1}/hostingautoscalingpolicies",
    "ConfigMap": "/api/v1/configmaps",
}
_AGAIN_S = 0.2
_SILENT_S = 20.0
"""A server that was killed closes the connection; one that hangs is given up after so long."""


@dataclass(frozen=True)
class ApiServer:
    """Where it is; `token` is a reader's."""

    host: str
    port: int
    token: str
    ca_file: Path


class Watch:
    """Tells of one kind in some namespaces. `stop` returns when its thread has ended."""

    def __init__(self, server: ApiServer, kind: str, namespaces: Collection[str], tell: Callable[[Seen], None]) -> None:
        self._server, self._kind, self._namespaces, self._tell = server, kind, namespaces, tell
        self._known: dict[Name, Mapping[str, Any]] = {}
        self._stopping = threading.Event()
        self._connection: http.client.HTTPSConnection | None = None
        self._thread = threading.Thread(target=self._run, name=f"watch {kind}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; at the latest when the server says something or is silent for long."""
        self._stopping.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(2)
        self._thread.join(_SILENT_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError, KeyError):
                self._follow(self._list())
            self._stopping.wait(_AGAIN_S)

    def _list(self) -> str:
        """Tell what changed since it was known last, and return where a watch begins."""
        answer = self._ask(PATHS[self._kind])
        listed = json.loads(answer.read())
        now = {self._name(body): body for body in listed["items"]}
        for name in [name for name in self._known if name not in now]:
            self._see(name, {})
        for name, body in now.items():
            self._see(name, body)
        return str(listed["metadata"]["resourceVersion"])

    def _follow(self, version: str) -> None:
        answer = self._ask(f"{PATHS[self._kind]}?watch=1&resourceVersion={version}")
        for event in _events(answer):
            if event["type"] == "ERROR":
                return
            body = event["object"]
            self._see(self._name(body), {} if event["type"] == "DELETED" else body)

    def _see(self, name: Name, body: Mapping[str, Any]) -> None:
        if name.namespace not in self._namespaces or self._known.get(name, {}) == body:
            return
        if body:
            self._known[name] = body
        else:
            del self._known[name]
        self._tell(Seen(time.time(), *name, body))

    def _ask(self, path: str) -> http.client.HTTPResponse:
        if self._connection is not None:
            self._connection.close()
        server = self._server
        context = ssl.create_default_context(cafile=str(server.ca_file))
        self._connection = http.client.HTTPSConnection(server.host, server.port, timeout=_SILENT_S, context=context)
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {server.token}"})
        answer = self._connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise OSError(f"{path}: {answer.status}")
        return answer

    def _name(self, body: Mapping[str, Any]) -> Name:
        return Name(self._kind, body["metadata"]["namespace"], body["metadata"]["name"])


def _events(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    while line := answer.readline():
        yield json.loads(line)
