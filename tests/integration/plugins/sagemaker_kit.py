"""A person with `kubectl sagemaker` before a real API server, where the test writes the status that a controller would."""

import io
import json
import os
import pty
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import yaml

from reconciler.dev import binaries
from reconciler.plugins import terminal
from reconciler.plugins.sagemaker.command import sagemaker
from tests.support.cluster import Cluster
from tests.support.waiting import eventually

API = "sagemaker.aws.amazon.com/v1"
GITOPS = "sagemaker-gitops.dev/v1alpha1"
PREFIX = "sagemaker-gitops.dev/"
PLUGIN = Path(sys.executable).with_name("kubectl-sagemaker")
EXAMPLES = Path(__file__).parents[3] / "examples"
SINCE = "2026-01-01T00:00:00Z"
SOON_S = 120
"""Until what a process says is there; machines may be busy."""
A, B, C = ("a" * 40, "b" * 40, "c" * 40)


def condition(kind: str, status: str, reason: str, message: str = "", generation: int = 1) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": SINCE,
    }


def ready(reason: str = "InService", message: str = "") -> dict[str, Any]:
    return {"observedGeneration": 1, "conditions": [condition("Ready", "True", reason, message)]}


def stalled(reason: str, message: str) -> dict[str, Any]:
    return {
        "observedGeneration": 1,
        "conditions": [condition("Ready", "False", reason, message), condition("Stalled", "True", reason, message)],
    }


def working(reason: str, message: str = "") -> dict[str, Any]:
    return {
        "observedGeneration": 1,
        "conditions": [condition("Ready", "False", reason, message), condition("Reconciling", "True", reason, message)],
    }


def source(commit: str, path: str = "prod/churn.yaml", **more: str) -> dict[str, Any]:
    return {
        "source": {
            "revision": f"main@sha1:{commit}",
            "commit": commit,
            "shortRevision": commit[:7],
            "author": "Ada",
            "subject": "Raise the threshold",
            "path": path,
            **more,
        }
    }


def rollout(number: int, hash_: str, commit: str, result: str = "Succeeded", **more: Any) -> dict[str, Any]:
    ended = {"result": result, "finishedAt": f"2026-01-0{number}T00:09:00Z"} if result else {}
    return {
        "id": number,
        "hash": hash_,
        "endpointConfigName": f"churn-{hash_}",
        "revision": f"main@sha1:{commit}",
        "author": "Ada",
        "path": "prod/churn.yaml",
        "initiatedBy": "git",
        "startedAt": f"2026-01-0{number}T00:00:00Z",
        **ended,
        **more,
    }


HISTORY = [
    rollout(3, "hhh3", C, "RolledBack", reason="alarm churn-5xx tripped"),
    rollout(2, "hhh2", B),
    rollout(1, "hhh1", A),
]
SERVING = {
    "endpointName": "churn-abc",
    "endpointStatus": "InService",
    "endpointConfigName": "churn-hhh2",
    "history": HISTORY,
    "rollout": {"phase": "RolledBack", "desiredHash": "hhh3", "currentHash": "hhh2"},
    "quarantine": [{"hash": "hhh3", "revision": f"main@sha1:{C}", "since": SINCE, "reason": "alarm churn-5xx tripped"}],
    **stalled("RevisionQuarantined", "hhh3 is quarantined, #2 (bbbbbbb) churn-hhh2 serves"),
    **source(C),
}
"""An endpoint whose newest content was rolled back."""


@dataclass
class Person:
    cluster: Cluster
    namespace: str
    tmp: Path

    def make(self, kind: str, name: str, status: Mapping[str, Any] | None = None, **annotations: str) -> None:
        """A resource as its controller left it; the spec is the example's."""
        manifest = yaml.safe_load((EXAMPLES / f"{kind.lower()}.yaml").read_text(encoding="utf-8"))
        told = {PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}
        manifest["metadata"] = {"name": name, "namespace": self.namespace, "annotations": told}
        self.cluster.apply(manifest)
        if status:
            self.status(kind, name, **status)

    def sync(self, name: str = "models", **status: Any) -> None:
        spec = {"repo": {"url": "https://git.example.com/ml.git", "path": "./prod"}}
        manifest = {
            "apiVersion": GITOPS,
            "kind": "GitSync",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": spec,
        }
        self.cluster.apply(manifest)
        if status:
            self.status("GitSync", name, **status)

    def status(self, kind: str, name: str, **status: Any) -> None:
        self.cluster.merge(_api(kind), kind, name, self.namespace, {"status": status}, subresource="status")

    def annotate(self, kind: str, name: str, **annotations: str | None) -> None:
        told = {PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}
        self.cluster.merge(_api(kind), kind, name, self.namespace, {"metadata": {"annotations": told}})

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return self.cluster.get(_api(kind), kind, name, self.namespace)

    def said(self, kind: str, name: str) -> dict[str, str]:
        """Annotations without their prefix."""
        found = self.get(kind, name)["metadata"].get("annotations") or {}
        return {key.removeprefix(PREFIX): value for key, value in found.items() if key.startswith(PREFIX)}

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "KUBECONFIG", "NO_COLOR"))}
        path = os.pathsep.join([str(PLUGIN.parent), str(binaries.kubectl().parent), os.environ["PATH"]])
        return {**inherited, "KUBECONFIG": str(self.cluster.kubeconfig), "PATH": path, "PYTHONUNBUFFERED": "1", **more}

    def run(self, *arguments: str, kubectl: bool = False, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The installed script as a process."""
        command = [str(binaries.kubectl()), "sagemaker"] if kubectl else [str(PLUGIN)]
        return subprocess.run(
            [*command, *arguments, "-n", self.namespace],
            capture_output=True,
            text=True,
            input=stdin,
            timeout=SOON_S,
            check=False,
            env=self.environment(),
        )

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same inside this process: most of a run's time is Python's own start."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        with patch.dict(os.environ, self.environment(), clear=True), redirect_stdout(out), redirect_stderr(err):
            code = terminal.run(sagemaker, "kubectl sagemaker", [*arguments, "-n", self.namespace])
        out.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), err.getvalue())

    def json(self, *arguments: str) -> Any:
        return json.loads(self.call(*arguments, "-o", "json").stdout)

    @contextmanager
    def running(self, *arguments: str, **environment: str) -> Iterator["Running"]:
        """In the background, its output in a file."""
        log = self.tmp / f"{arguments[0]}.log"
        with log.open("wb") as written:
            process = subprocess.Popen(
                [str(PLUGIN), *arguments, "-n", self.namespace],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                env=self.environment(**environment),
            )
        try:
            yield Running(process, log)
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def on_a_terminal(self, *arguments: str, **environment: str) -> Iterator["Terminal"]:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [str(PLUGIN), *arguments, "-n", self.namespace],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self.environment(TERM="xterm-256color", COLUMNS="200", LINES="40", LC_ALL="C.UTF-8", **environment),
        )
        os.close(theirs)
        try:
            yield Terminal(process, ours)
        finally:
            process.kill()
            process.wait()
            os.close(ours)


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    log: Path

    def says(self, text: str) -> None:
        def said() -> bool:
            assert text in self.log.read_text(), self.log.read_text()
            return True

        eventually(said, SOON_S)

    def end(self) -> int:
        return self.process.wait(SOON_S)


class Terminal:
    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self.shown = ""

    def shows(self, text: str) -> None:
        """Wait for it to be written from now on."""
        begin = len(self.shown)

        def written() -> bool:
            self._read()
            assert text in self.shown[begin:], self.shown[begin:]
            return True

        eventually(written, SOON_S)

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def end(self) -> int:
        def ended() -> bool:
            self._read()
            return self.process.poll() is not None

        eventually(ended, SOON_S)
        return self.process.returncode

    def _read(self) -> None:
        while select.select([self._descriptor], [], [], 0)[0]:
            try:
                part = os.read(self._descriptor, 65536)
            except OSError:  # the other end is closed
                return
            if not part:
                return
            self.shown += part.decode(errors="replace")


class Cable:
    """A connection to the API server that can be cut and mended."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._whole = True
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        self._whole = False
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._whole = True

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed at the end
            while True:
                near, _ = self._listener.accept()
                if not self._whole:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(one, other), daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while part := one.recv(65536):
            other.sendall(part)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


def _api(kind: str) -> str:
    return GITOPS if kind == "GitSync" else API
