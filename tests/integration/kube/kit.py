"""What the tests of the Kubernetes adapter share: a kind to play with, a wire to cut, a client that keeps a diary."""

from __future__ import annotations

import itertools
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from reconciler.adapters.kube.api import Api
from reconciler.adapters.kube.client import KubeClient, Query, Stream
from reconciler.adapters.kube.objects import KubeApplier
from reconciler.core.errors import ReconcileError
from reconciler.core.resource import Key, Resource
from tests.support.waiting import eventually

GROUP = "sagemaker.aws.amazon.com"
KINDS = {"Model": Api(GROUP, "v1", "models")}
CRDS = Api("apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False)

_numbers = itertools.count()


def model(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    """The smallest Model that its CRD accepts, with `spec` on top."""
    least = {
        "region": "us-west-2",
        "executionRoleArn": "arn:aws:iam::123456789012:role/service-role/least",
        "primaryContainer": {"image": "least:1"},
    }
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Model",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**least, **spec},
    }


def key(namespace: str, name: str) -> Key:
    return Key("Model", namespace, name)


def edit(client: KubeClient, resource: Resource, manager: str, **spec: Any) -> Resource:
    """What a person does with kubectl: a merge patch under another field manager."""
    path = KINDS["Model"].path(resource.namespace, resource.name)
    body = {"spec": spec}
    return Resource(client.request("PATCH", path, {"fieldManager": manager}, body, "application/merge-patch+json"))


def install(client: KubeClient, definition: dict[str, Any]) -> None:
    """Apply a CRD and wait until its kind is served."""
    name = definition["metadata"]["name"]
    query: Query = {"fieldManager": "tests", "force": True}
    client.request("PATCH", CRDS.path("", name), query, definition, "application/apply-patch+yaml")
    spec = definition["spec"]
    api = Api(spec["group"], spec["versions"][0]["name"], spec["names"]["plural"])
    eventually(lambda: served(client, api))


def served(client: KubeClient, api: Api) -> bool:
    try:
        client.request("GET", api.path(), {"limit": 1})
    except ReconcileError:
        return False
    return True


def unique(prefix: str) -> str:
    return f"{prefix}-{next(_numbers)}-{time.time_ns() % 1_000_000_000}"


class WallClock:
    """Implements `Clock`."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class Diary(KubeClient):
    """A client that remembers what it asked for."""

    def __init__(self, kubeconfig: str) -> None:
        super().__init__(kubeconfig)
        self.lists: list[Query] = []
        """Pages that were answered."""
        self.watches: list[Query] = []

    def request(self, verb: Any, path: str, query: Query | None = None, *rest: Any, **more: Any) -> Any:
        answer = super().request(verb, path, query, *rest, **more)
        if verb == "GET" and query and "limit" in query:
            self.lists.append(query)
        return answer

    def watch(self, path: str, query: Query, silence_s: float) -> Stream:
        self.watches.append(query)
        return super().watch(path, query, silence_s)


class Heard:
    """A handler that writes down what it is told."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str]] = []
        self.versions: dict[Key, str] = {}
        self.torn: list[Key] = []
        """Keys whose `old` was not what was told before."""

    def __call__(self, about: Key, old: Resource | None, new: Resource | None) -> None:
        if (old.resource_version if old else None) != self.versions.get(about):
            self.torn.append(about)
        if new is None:
            self.versions.pop(about, None)
        else:
            self.versions[about] = new.resource_version
        self.changes.append((about.name, "gone" if new is None else "new" if old is None else "changed"))

    def of(self, name: str) -> list[str]:
        return [what for whom, what in self.changes if whom == name]


class Wire:
    """A TCP proxy before the API server that can be cut and counts who knocks."""

    def __init__(self, kubeconfig: Path, directory: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        server = urlsplit(config["clusters"][0]["cluster"]["server"])
        self._target = (server.hostname or "", server.port or 443)
        self._listener = socket.create_server(("127.0.0.1", 0))
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.kubeconfig = str(directory / "wired-kubeconfig")
        Path(self.kubeconfig).write_text(yaml.safe_dump(config))
        self.knocks: list[float] = []
        self._open = threading.Event()
        self._open.set()
        self._swallow = threading.Event()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._guard = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and each new one as soon as it is made."""
        self._open.clear()
        with self._guard:
            for pair in self._pairs:
                _shut(*pair)

    def mend(self) -> None:
        self._swallow.clear()
        self._open.set()

    def swallow_replies(self) -> None:
        """Let requests through and end the connection at the first byte of a reply."""
        self._swallow.set()

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.knocks.append(time.monotonic())
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        try:
            if not self._open.is_set():
                raise ConnectionAbortedError
            far = socket.create_connection(self._target)
        except OSError:
            near.close()
            return
        for one in (near, far):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each request waits 40 ms for an ACK
        with self._guard:
            self._pairs.add((near, far))
        try:
            self._pump(near, far)
        except OSError:
            pass
        finally:
            with self._guard:
                self._pairs.discard((near, far))
            near.close()
            far.close()

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        while self._open.is_set():
            for source in select.select([near, far], [], [])[0]:
                read = source.recv(65536)
                if not read or (source is far and self._swallow.is_set()):
                    return
                (far if source is near else near).sendall(read)


def _shut(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def wired(kubeconfig: Path, directory: Path) -> Iterator[Wire]:
    wire = Wire(kubeconfig, directory)
    try:
        yield wire
    finally:
        wire.close()


def make_namespace(client: KubeClient, name: str) -> str:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    client.request("POST", "/api/v1/namespaces", None, body)
    return name


def applied(applier: KubeApplier, namespace: str, *names: str, **spec: Any) -> list[Resource]:
    return [applier.apply(model(namespace, name, **spec)) for name in names]
