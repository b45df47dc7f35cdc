"""The processes of a walk: one control plane, one simulator, one repository, and the services of two clusters.

A cluster of a walk is a cluster name and a namespace: two of them share an account and a repository and know nothing of each
other. The first has two replicas with leader election.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.dev import binaries, crds
from reconciler.dev.children import Child, free_port
from reconciler.dev.control_plane import ControlPlane
from tests.support.cluster import Cluster
from tests.support.git_repository import BareRepository
from tests.support.service import ServiceProcess, environment
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually
from tests.walk.contents import V1, Contents

GITOPS = "sagemaker-gitops.dev/v1alpha1"
CONSOLE = "console"
"""The access key of a person with a console."""
SPEED = 120.0
"""Simulated seconds in one: a guarded update takes a few seconds, so that steps fall into it."""


@dataclass
class Team:
    """One cluster: its name, which is also its namespace and its services' access key, and its replicas."""

    name: str
    replicas: list[ServiceProcess] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)


class World:
    def __init__(self, directory: Path, replicas: tuple[int, ...] = (2, 1)) -> None:
        self.directory = directory
        self.plane = ControlPlane(directory / "plane")
        self.repository = BareRepository(directory / "repository.git")
        self.contents = Contents(self.repository)
        self.teams = [Team(name) for name in ("blue", "green")[: len(replicas)]]
        self.cluster: Cluster
        self.simulator: SimControl
        self.kept: Path | None = None
        """A backup of the database."""
        self.empty: Path
        """One from before any service ran: what a cluster that is rebuilt from Git begins with."""
        self.paused: set[ServiceProcess] = set()
        self.restarts = 0
        self._replicas = replicas
        self._simulator = Child("simulator", directory / "log" / "simulator.log")

    @contextmanager
    def running(self) -> Iterator[World]:
        with ExitStack() as stack:
            stack.callback(self._end)
            self.plane.start()
            crds.install(binaries.kubectl(), self.plane.kubeconfig)
            self.cluster = Cluster.of(self.plane)
            self._start_simulator()
            self.contents.begin()
            for team, replicas in zip(self.teams, self._replicas, strict=True):
                self.cluster.create_namespace(team.name)
                self.cluster.apply(self.sync(team))
                for number in range(replicas):
                    self._add(team, number)
            self.empty = self.backup("empty")
            for team in self.teams:
                for replica in team.replicas:
                    replica.start()
            yield self

    def _start_simulator(self) -> None:
        port = free_port()
        command = [sys.executable, "-m", "reconciler", "dev", "simulator", f"--port={port}", f"--speed={SPEED}"]
        self._simulator.start(command, dict(os.environ))
        self.simulator = SimControl(f"http://127.0.0.1:{port}")

        def answers() -> bool:
            with suppress(OSError):
                return bool(self.simulator.state())
            return False

        eventually(answers, 60, "the simulator answers")

    def sync(self, team: Team) -> dict[str, Any]:
        """The GitSync of a cluster; all of them follow the same path."""
        return {
            "apiVersion": GITOPS,
            "kind": "GitSync",
            "metadata": {"name": "team", "namespace": team.name},
            "spec": {
                "repo": {"url": self.repository.url, "ref": {"branch": "main"}, "path": "prod"},
                "interval": "10s",
                "substitute": {"CLUSTER": team.name},
            },
        }

    def _add(self, team: Team, number: int) -> None:
        port, name = free_port(), f"{team.name}-{number}"
        env = environment(
            self.plane.kubeconfig, binaries.kubectl(), self.simulator.url,
            RECONCILER_CLUSTER_NAME=team.name, AWS_ACCESS_KEY_ID=team.name,
        )  # fmt: skip
        more = ["--poll-fast=0.5", "--poll-slow=5", "--poll-tags=10", f"--port={port}", f"--namespace={team.name}"]
        more += [
            f"--controller-namespace={team.name}",
            f"--cache-dir={self.directory / 'cache' / name}",
            "--leader-election",
        ]
        team.replicas.append(ServiceProcess(self.directory / "log" / f"{name}.log", env, *more))
        team.pages.append(f"http://127.0.0.1:{port}/healthz")

    # what is begun again

    def keep(self) -> None:
        """Start again what ended by itself, as a Deployment does."""
        for team in self.teams:
            for replica in team.replicas:
                if not replica.alive:
                    self.restarts += 1
                    replica.start()

    def pause(self, replica: ServiceProcess) -> str:
        """Stop it where it is, or let it go on."""
        if replica in self.paused:
            self.paused.discard(replica)
            replica.resume()
            return "goes on"
        self.paused.add(replica)
        replica.pause()
        return "is paused"

    @property
    def away(self) -> bool:
        """Whether Git is."""
        return not self.repository.path.exists()

    def git_away(self) -> str:
        self.repository.path.rename(self.repository.path.with_suffix(".away"))
        return "away"

    def git_back(self) -> bool:
        """Whether it had been away."""
        if not self.away:
            return False
        self.repository.path.with_suffix(".away").rename(self.repository.path)
        return True

    def notes_are_out(self) -> bool:
        """Whether nothing waits to be pushed to Git: the outboxes are empty."""
        boxes = [self.cluster.find("v1", "ConfigMap", "team-notes", team.name) for team in self.teams]
        return not any((box or {}).get("data") for box in boxes)

    def backup(self, name: str = "backup") -> Path:
        """The database as it is at this moment; etcd does not notice, and opens it as after a crash."""
        kept = self.directory / name
        shutil.rmtree(kept, ignore_errors=True)
        pid = self.plane.etcd.pid
        assert pid
        os.kill(pid, signal.SIGSTOP)
        try:
            shutil.copytree(self.plane.directory / "etcd", kept)
        finally:
            os.kill(pid, signal.SIGCONT)
        return kept

    def restore(self, kept: Path) -> None:
        """The cluster is as it was at the time of the backup; the servers start on the ports they had."""
        self.plane.apiserver.kill()
        self.plane.etcd.kill()
        shutil.rmtree(self.plane.directory / "etcd")
        shutil.copytree(kept, self.plane.directory / "etcd")
        self.plane.repair()

    def _end(self) -> None:
        for team in self.teams:
            for replica in team.replicas:
                replica.kill()
        self._simulator.kill()
        self.plane.apiserver.kill()
        self.plane.etcd.kill()

    # what is seen

    def object(self, team: Team, kind: str, name: str) -> dict[str, Any]:
        """The object, or {} when there is none."""
        version = GITOPS if kind == "GitSync" else V1
        return self.cluster.find(version, kind, name, team.name) or {}

    def status(self, team: Team, kind: str, name: str) -> dict[str, Any]:
        status: dict[str, Any] = self.object(team, kind, name).get("status") or {}
        return status

    def console(self, service: str = "sagemaker") -> Any:
        return self.simulator.client(service, access_key=CONSOLE)
