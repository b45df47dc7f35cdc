"""The service as a process on a real API server: killed, stopped and starved, and what SageMaker saw of it.

Every boundary is tried on the bench (`test_crashes.py`); here a real process really dies at real requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from reconciler.dev import binaries
from tests.support.cluster import Cluster
from tests.support.lab import annotated, hosting, job
from tests.support.service import ServiceProcess, environment, free_port, running
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually, never

V1 = "sagemaker.aws.amazon.com/v1"
_WITHIN_S = 120


class Team:
    """One namespace, and the services that look after it."""

    def __init__(self, cluster: Cluster, simulator: SimControl, namespace: str, directory: Path) -> None:
        self.cluster, self.simulator, self.namespace = cluster, simulator, namespace
        self._directory = directory

    def service(self, name: str = "service", *more: str) -> tuple[ServiceProcess, str]:
        """A process that is not started yet, and the page that tells when it works."""
        port = free_port()
        env = environment(self.cluster.kubeconfig, binaries.kubectl(), self.simulator.url)
        arguments = ["--poll-fast=0.2", "--poll-slow=1", f"--port={port}", f"--namespace={self.namespace}"]
        arguments += [f"--controller-namespace={self.namespace}", f"--cache-dir={self._directory / name}", *more]
        process = ServiceProcess(self._directory / f"{name}.log", env, *arguments, forked=True)
        return process, f"http://127.0.0.1:{port}/readyz"

    def apply(self, manifest: Mapping[str, Any]) -> None:
        self.cluster.apply({**manifest, "metadata": {**manifest["metadata"], "namespace": self.namespace}})

    def status(self, kind: str, name: str) -> dict[str, Any]:
        found = self.cluster.find(V1, kind, name, self.namespace) or {}
        status: dict[str, Any] = found.get("status") or {}
        return status

    def is_ready(self, kind: str, name: str) -> bool:
        found = self.cluster.find(V1, kind, name, self.namespace) or {}
        status = found.get("status") or {}
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
        return ready and status.get("observedGeneration") == found["metadata"]["generation"]

    def both_ready(self) -> bool:
        return self.is_ready("TrainingJob", "train") and self.is_ready("HostingDeployment", "serve")

    def reason(self, kind: str, name: str) -> str:
        conditions = self.status(kind, name).get("conditions") or ()
        return next((str(c["reason"]) for c in conditions if c["type"] == "Ready"), "")

    def effects(self, since: int = 0) -> list[str]:
        rows = self.simulator.requests(since, service="sagemaker")
        return sorted(row["op"] for row in rows if row["effect"])


@pytest.fixture
def team(control_plane: Cluster, simulator: SimControl, namespace: str, tmp_path: Path) -> Team:
    simulator.clock("scaled", 600)
    return Team(control_plane, simulator, namespace, tmp_path)


@pytest.fixture
def service(team: Team) -> Iterator[ServiceProcess]:
    process, page = team.service()
    with running(process, page):
        yield process


REVIEWED = {"on_change": "Run"}
FIRST = (annotated(job(), **REVIEWED), hosting())
SECOND = (annotated(job(hyperParameters=[{"name": "a", "value": "1"}]), **REVIEWED), hosting(image="lab:2"))


def killed_at(team: Team, operation: str, when: str, manifests: Iterable[Mapping[str, Any]]) -> None:
    """A process that dies while that request is on its way, or its reply. One kind at a time, or the other goes on."""
    training, serving = manifests
    team.simulator.rules(
        {"id": "hold", "match": {"op": operation, "count": 1}, "action": {"type": "hold", "when": when}}
    )
    process, page = team.service()
    with running(process, page):
        team.apply(training if operation == "CreateTrainingJob" else serving)
        eventually(
            lambda: next(rule["held"] for rule in team.simulator.shown_rules() if rule["id"] == "hold"),
            _WITHIN_S,
            f"{operation} is held {when}",
        )
        process.kill()
    team.simulator.release("hold", drop=True)


def converged(team: Team) -> None:
    team.simulator.clock("scaled", 600)
    process, page = team.service()
    with running(process, page):
        eventually(team.both_ready, _WITHIN_S)


@pytest.mark.holds("D-4.2", "D-4.4")
def test_a_process_killed_at_every_create_makes_each_thing_once(team: Team) -> None:
    team.simulator.clock("manual")
    for operation in ("CreateTrainingJob", "CreateModel", "CreateEndpointConfig", "CreateEndpoint"):
        for when in ("before", "after"):
            killed_at(team, operation, when, FIRST)
    converged(team)
    assert team.effects() == ["CreateEndpoint", "CreateEndpointConfig", "CreateModel", "CreateTrainingJob"]
    assert len(team.simulator.state()["resources"]) == 4


@pytest.mark.holds("D-10.10")
@pytest.mark.endurance
def test_a_process_killed_at_every_call_of_an_update_does_nothing_twice(team: Team) -> None:
    process, page = team.service()
    with running(process, page):
        for manifest in FIRST:
            team.apply(manifest)
        eventually(team.both_ready, _WITHIN_S)
    team.simulator.clock("manual")
    mark = team.simulator.mark()
    # UpdateEndpoint killed before it was sent waits a minute for evidence: `test_crashes.py` has the minute.
    for operation, when in (
        ("CreateTrainingJob", "before"),
        ("CreateTrainingJob", "after"),
        ("CreateModel", "before"),
        ("CreateModel", "after"),
        ("CreateEndpointConfig", "before"),
        ("CreateEndpointConfig", "after"),
        ("UpdateEndpoint", "after"),
    ):
        killed_at(team, operation, when, SECOND)
    converged(team)
    assert team.effects(mark) == ["CreateEndpointConfig", "CreateModel", "CreateTrainingJob", "UpdateEndpoint"]
    assert team.simulator.counts(mark)["UpdateEndpoint"] == 1
    history = team.status("HostingDeployment", "serve")["history"]
    assert [(entry["id"], entry["result"]) for entry in history] == [(2, "Succeeded"), (1, "Succeeded")]


@pytest.mark.holds("D-16.3")
def test_a_replica_that_slept_through_an_update_sends_nothing_and_wipes_nothing(team: Team) -> None:
    with ExitStack() as stack:
        first, page = team.service("first", "--leader-election")
        stack.enter_context(running(first, page))
        team.apply(hosting())
        eventually(lambda: team.is_ready("HostingDeployment", "serve"), _WITHIN_S)
        second, page = team.service("second", "--leader-election")
        stack.enter_context(running(second, page))
        first.pause()
        team.simulator.rules(
            {
                "match": {"op": "UpdateEndpoint", "count": 1},
                "action": {"type": "endpoint_outcome", "outcome": "rollback", "reason": "alarm", "after": 60},
            }
        )
        team.apply(hosting(image="lab:2"))
        quarantined = lambda: team.status("HostingDeployment", "serve").get("quarantine")  # noqa: E731
        eventually(quarantined, _WITHIN_S, "the second replica took over and saw the rollback")
        team.apply(hosting(image="lab:3"))
        eventually(lambda: team.is_ready("HostingDeployment", "serve"), _WITHIN_S)
        before = team.status("HostingDeployment", "serve")
        mark = team.simulator.mark()
        first.resume()
        eventually(lambda: not first.alive, _WITHIN_S, "the one that slept ends")
        assert team.simulator.mutations(mark) == []
        after = team.status("HostingDeployment", "serve")
        assert (after["history"], after["quarantine"]) == (before["history"], before["quarantine"])
        assert first.exit_code == 1
    assert team.simulator.counts()["UpdateEndpoint"] == 2


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_expired_credentials_leave_the_process_idle_and_end_by_themselves(team: Team, service: ServiceProcess) -> None:
    team.apply(hosting())
    eventually(lambda: team.is_ready("HostingDeployment", "serve"), _WITHIN_S)
    team.simulator.rules({"id": "expired", "match": {}, "action": {"type": "expired_token"}})
    for number in range(10):
        team.apply(job(f"train-{number}"))
    eventually(lambda: team.reason("HostingDeployment", "serve") == "CredentialsInvalid", _WITHIN_S)
    eventually(lambda: team.reason("TrainingJob", "train-9") == "CredentialsInvalid", _WITHIN_S)

    def rests() -> bool:
        """A busy machine is late with what was begun before: the first seconds may not be the ones."""
        mark, spent = team.simulator.mark(), cpu_s(service.pid)
        never(lambda: not service.alive, 4)
        return cpu_s(service.pid) - spent < 0.8 and sum(team.simulator.counts(mark).values()) <= 1

    eventually(rests)
    team.simulator.clear_rules("expired")
    eventually(lambda: all(team.is_ready("TrainingJob", f"train-{number}") for number in range(10)), _WITHIN_S)
    eventually(lambda: team.is_ready("HostingDeployment", "serve"), _WITHIN_S)
    assert team.effects().count("CreateTrainingJob") == 10


@pytest.mark.holds("D-15.7")
def test_each_observed_change_is_one_version(team: Team, service: ServiceProcess) -> None:
    """Counted on the API server itself: finalizer, intent, the reply, and then what the sweep tells."""
    team.simulator.clock("manual")
    team.apply(job())
    eventually(lambda: team.status("TrainingJob", "train").get("secondaryStatus") == "Starting", _WITHIN_S)
    eventually(lambda: team.status("TrainingJob", "train")["run"].get("creationTime"), _WITHIN_S)
    found = team.cluster.get(V1, "TrainingJob", "train", team.namespace)
    version = found["metadata"]["resourceVersion"]
    listed = team.simulator.counts()["ListTrainingJobs"]
    eventually(lambda: team.simulator.counts()["ListTrainingJobs"] >= listed + 5, _WITHIN_S, "five more sweeps")
    unchanged = team.cluster.get(V1, "TrainingJob", "train", team.namespace)
    assert unchanged["metadata"]["resourceVersion"] == version
    assert team.simulator.counts()["DescribeTrainingJob"] == 0
