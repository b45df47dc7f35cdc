"""A person at a terminal: resources in a namespace, log streams in the simulator, and the installed plugin as a process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from reconciler.dev import binaries
from reconciler.plugins import terminal
from reconciler.plugins.smlogs.command import smlogs
from tests.support.cluster import Cluster
from tests.support.service import environment
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually

API = "sagemaker.aws.amazon.com/v1"
PLUGIN = Path(sys.executable).with_name("kubectl-smlogs")
EXAMPLES = Path(__file__).parents[3] / "examples"
REGION = "us-east-1"
TRAINING = "/aws/sagemaker/TrainingJobs"

SOON_S = 120
"""Until what a process says is there; machines may be busy."""


class Running:
    """A plugin that follows: what it wrote so far, as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=lambda: self.out.extend(process.stdout or ()), daemon=True),
            threading.Thread(target=lambda: self.err.extend(process.stderr or ()), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def messages(self) -> list[str]:
        """The last word of every line on stdout."""
        return [line.split()[-1] for line in self.out]

    def shows(self, *messages: str) -> None:
        eventually(lambda: set(messages) <= set(self.messages), SOON_S, f"{messages} on stdout; {self.err}")

    def says(self, text: str) -> None:
        eventually(lambda: text in "".join(self.err), SOON_S, f"{text!r} on stderr; {self.err}")

    def end(self) -> int:
        code = self.process.wait(SOON_S)
        for reader in self._readers:
            reader.join(SOON_S)
        return code


@dataclass
class Desk:
    cluster: Cluster
    simulator: SimControl
    namespace: str

    def make(self, kind: str, name: str, status: Mapping[str, Any], **spec: Any) -> None:
        """A resource as its controller left it; the spec is the example's."""
        manifest = yaml.safe_load((EXAMPLES / f"{kind.lower()}.yaml").read_text(encoding="utf-8"))
        manifest["metadata"] = {"name": name, "namespace": self.namespace}
        manifest["spec"] |= {"region": REGION, **spec}
        self.cluster.apply(manifest)
        self.status(kind, name, **status)

    def status(self, kind: str, name: str, **status: Any) -> None:
        self.cluster.merge(API, kind, name, self.namespace, {"status": status}, subresource="status")

    def delete(self, kind: str, name: str) -> None:
        self.cluster.delete(API, kind, name, self.namespace)

    def training(self, name: str = "mnist", job: str = "job1", status: str = "InProgress", **more: Any) -> None:
        self.make("TrainingJob", name, {"sageMakerTrainingJobName": job, "trainingJobStatus": status, **more})

    def log(self, stream: str, *messages: str, group: str = TRAINING, ago_s: float = 0, region: str = REGION) -> int:
        """Write lines a millisecond apart, as an instance would; the first one's time."""
        logs = self.simulator.client("logs", region)
        for create, names in (("group", {}), ("stream", {"logStreamName": stream})):
            try:
                getattr(logs, f"create_log_{create}")(logGroupName=group, **names)
            except logs.exceptions.ResourceAlreadyExistsException:
                continue
        at = int((time.time() - ago_s) * 1000)
        for first in range(0, len(messages), 1000):
            events = [
                {"timestamp": at + first + index, "message": message}
                for index, message in enumerate(messages[first : first + 1000])
            ]
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
        return at

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "KUBECONFIG"))}
        kubectl = binaries.kubectl()
        path = os.pathsep.join([str(PLUGIN.parent), str(kubectl.parent), os.environ["PATH"]])
        told = environment(self.cluster.kubeconfig, kubectl, self.simulator.url)
        told["AWS_ACCESS_KEY_ID"] = "console"  # a person's rights, which the service does not have: to read logs
        return {**inherited, **told, "PATH": path, "TZ": "PST8PDT", **more}

    def run(
        self, *arguments: str, env: Mapping[str, str] | None = None, kubectl: bool = False
    ) -> subprocess.CompletedProcess[str]:
        command = [binaries.kubectl(), "smlogs"] if kubectl else [PLUGIN]
        return subprocess.run(
            [*map(str, command), *arguments],
            capture_output=True,
            text=True,
            timeout=SOON_S,
            check=False,
            env=dict(env) if env is not None else self.environment(),
        )

    def here(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """In the test's namespace."""
        return self.run(*arguments, "-n", self.namespace, **more)

    def call(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """The same inside this process: most of a run's time is Python's own start."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        told = dict(env) if env is not None else self.environment()
        with patch.dict(os.environ, told, clear=True), redirect_stdout(out), redirect_stderr(err):
            code = terminal.run(smlogs, "kubectl smlogs", arguments)
        out.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), err.getvalue())

    def call_here(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.call(*arguments, "-n", self.namespace, **more)

    @contextmanager
    def following(self, *arguments: str) -> Iterator[Running]:
        process = subprocess.Popen(
            [str(PLUGIN), *arguments, "-f", "-n", self.namespace, "--poll-interval", "100ms"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
        )
        running = Running(process)
        try:
            yield running
        finally:
            process.kill()
            process.wait()


def messages(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """The last word of every line; fails with stderr when the plugin did."""
    assert ended.returncode == 0, ended.stderr
    return [line.split()[-1] for line in ended.stdout.splitlines()]
