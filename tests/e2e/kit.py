"""The whole product as a team meets it: a repository, a GitSync, the service as a process, a SageMaker that keeps a record."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from reconciler.core.conditions import find
from reconciler.dev import binaries
from tests.support.cluster import Cluster
from tests.support.service import ServiceProcess, environment, free_port
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually

V1 = "sagemaker.aws.amazon.com/v1"
GITOPS = "sagemaker-gitops.dev/v1alpha1"
JOB, HOSTING = "TrainingJob", "HostingDeployment"
WITHIN_S = 120


class Site:
    """One namespace of one cluster, and the services that look after it."""

    def __init__(self, cluster: Cluster, simulator: SimControl, namespace: str, directory: Path) -> None:
        self.cluster, self.simulator, self.namespace = cluster, simulator, namespace
        self._directory = directory

    def service(self, name: str = "service", *more: str, forked: bool = True, **env: str) -> tuple[ServiceProcess, str]:
        """A process that is not started yet, and the page that tells when it works; `env` are further variables.

        Not `forked` for what looks at the command line.
        """
        port = free_port()
        known = environment(self.cluster.kubeconfig, binaries.kubectl(), self.simulator.url, **env)
        arguments = ["--poll-fast=0.2", "--poll-slow=1", f"--port={port}", f"--namespace={self.namespace}"]
        arguments += [f"--controller-namespace={self.namespace}", f"--cache-dir={self._directory / name}", *more]
        process = ServiceProcess(self._directory / f"{name}.log", known, *arguments, forked=forked)
        return process, f"http://127.0.0.1:{port}/readyz"

    # Git

    def sync(self, url: str, name: str = "team", **spec: Any) -> None:
        """Make a GitSync or change its spec."""
        repo = {"url": url, "ref": {"branch": "main"}, "path": "prod", **spec.pop("repo", {})}
        metadata = {"name": name, "namespace": self.namespace}
        spec = {"repo": repo, "interval": "10s", **spec}
        self.cluster.apply({"apiVersion": GITOPS, "kind": "GitSync", "metadata": metadata, "spec": spec})

    def wait_applied(self, commit: str, name: str = "team") -> None:
        def applied() -> bool:
            status = self.status("GitSync", name)
            assert status.get("lastAppliedRevision", "").endswith(commit), [status.get("conditions"), status]
            return True

        eventually(applied, WITHIN_S, f"{commit} is applied")

    # what is seen

    def object(self, kind: str, name: str) -> dict[str, Any]:
        """The object, or {} when there is none."""
        return self.cluster.find(GITOPS if kind == "GitSync" else V1, kind, name, self.namespace) or {}

    def status(self, kind: str, name: str) -> dict[str, Any]:
        status: dict[str, Any] = self.object(kind, name).get("status") or {}
        return status

    def condition(self, kind: str, name: str, of: str = "Ready") -> Mapping[str, Any]:
        return find(self.status(kind, name).get("conditions") or (), of) or {}

    def wait_reason(self, kind: str, name: str, *reasons: str, of: str = "Ready") -> Mapping[str, Any]:
        def told() -> Mapping[str, Any]:
            condition = self.condition(kind, name, of)
            assert condition.get("reason") in reasons, [condition, self.status(kind, name)]
            return condition

        return eventually(told, WITHIN_S, f"{kind} {name} says {' or '.join(reasons)}")

    def is_ready(self, kind: str, name: str) -> bool:
        """Ready, and said of the newest spec."""
        found = self.object(kind, name)
        status = found.get("status") or {}
        ready = find(status.get("conditions") or (), "Ready") or {}
        assert ready.get("status") == "True", [ready, self.status("GitSync", "team")]
        return bool(status.get("observedGeneration") == found["metadata"]["generation"])

    def wait_ready(self, *objects: tuple[str, str]) -> None:
        for kind, name in objects:
            eventually(lambda kind=kind, name=name: self.is_ready(kind, name), WITHIN_S, f"{kind} {name} is ready")  # type: ignore[misc]

    def events(self) -> list[dict[str, Any]]:
        return self.cluster.list("v1", "Event", self.namespace)

    def effects(self, since: int = 0) -> list[str]:
        """The operations that changed something in SageMaker, sorted."""
        rows = self.simulator.requests(since, service="sagemaker")
        return sorted(row["op"] for row in rows if row["effect"])

    def patch(self, kind: str, name: str, *patch: Mapping[str, Any]) -> None:
        """What a person does with `kubectl patch --type=json`."""
        text = yaml.safe_dump(list(patch))
        self.cluster.kubectl("-n", self.namespace, "patch", kind.lower(), name, "--type=json", f"--patch={text}")


def files(*manifests: Mapping[str, Any]) -> dict[str, str | bytes | None]:
    """As files of a repository; whoever applies them says which namespace."""
    found: dict[str, str | bytes | None] = {}
    for manifest in manifests:
        metadata = {name: value for name, value in manifest["metadata"].items() if name != "namespace"}
        found[f"prod/{metadata['name']}.yaml"] = yaml.safe_dump({**manifest, "metadata": metadata})
    return found


def cpu_s(pid: int) -> float:
    """What a process and its ended children spent so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
