"""The cluster goes wrong: definitions deleted on uninstall, an API server that restarts (design 4, "Taking over")."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.dev import binaries, crds
from reconciler.dev.control_plane import ControlPlane
from tests.integration.reconcile.test_processes import Team
from tests.support.cluster import Cluster
from tests.support.lab import hosting, job
from tests.support.service import ServiceProcess, running
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually

NAMESPACE = "outages"
_WITHIN_S = 120
_DEFINITIONS = ("trainingjobs.sagemaker.aws.amazon.com", "hostingdeployments.sagemaker.aws.amazon.com")


@pytest.fixture
def team(own_control_plane: ControlPlane, simulator: SimControl, tmp_path: Path) -> Team:
    cluster = Cluster.of(own_control_plane)
    if cluster.find("v1", "Namespace", NAMESPACE) is None:
        cluster.create_namespace(NAMESPACE)
    simulator.clock("scaled", 600)
    return Team(cluster, simulator, NAMESPACE, tmp_path)


@pytest.fixture
def service(team: Team) -> Iterator[ServiceProcess]:
    process, page = team.service()
    with running(process, page):
        yield process


def test_deleted_definitions_stop_nothing_and_what_comes_back_is_taken_over(
    team: Team, service: ServiceProcess, own_control_plane: ControlPlane
) -> None:
    """`helm uninstall` of the archived operator's chart does just this."""
    team.apply(hosting())
    eventually(lambda: team.is_ready("HostingDeployment", "serve"), _WITHIN_S)
    team.simulator.clock("manual")
    team.apply(job())
    eventually(lambda: team.status("TrainingJob", "train").get("secondaryStatus"), _WITHIN_S)
    mark, before = team.simulator.mark(), team.simulator.state()["resources"]
    team.cluster.kubectl("delete", "crd", *_DEFINITIONS, "--timeout=50s")
    assert team.simulator.mutations(mark) == []
    assert team.simulator.state()["resources"] == before

    def loud() -> bool:
        events = [e for e in team.cluster.list("v1", "Event", NAMESPACE) if e["reason"] == "DefinitionDeleted"]
        return sorted(event["involvedObject"]["name"] for event in events) == ["serve", "train"]

    eventually(loud, _WITHIN_S, "one Event for each object")
    crds.install(binaries.kubectl(), own_control_plane.kubeconfig)
    team.apply(hosting())
    team.apply(job())
    team.simulator.clock("scaled", 600)
    eventually(team.both_ready, _WITHIN_S)
    assert team.effects(mark) == []
    assert service.alive


def test_an_api_server_that_restarts_costs_no_call_and_no_change_is_missed(
    team: Team, service: ServiceProcess, own_control_plane: ControlPlane
) -> None:
    team.apply(job("before"))
    eventually(lambda: team.is_ready("TrainingJob", "before"), _WITHIN_S)
    team.simulator.clock("manual")
    team.apply(job("during"))
    eventually(lambda: team.status("TrainingJob", "during").get("secondaryStatus"), _WITHIN_S)
    own_control_plane.restart_apiserver()
    team.simulator.clock("scaled", 600)
    team.apply(job("after"))
    for name in ("before", "during", "after"):
        eventually(lambda name=name: team.is_ready("TrainingJob", name), _WITHIN_S)  # type: ignore[misc]
    created = [row["key"].rpartition("-")[0] for row in team.simulator.requests(op="CreateTrainingJob")]
    assert sorted(created) == ["after", "before", "during"]
    assert service.alive
