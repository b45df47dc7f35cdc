"""A commit's status beside the real sync: real API server (the CRD keeps what we remember), real git, a forge over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.adapters.forges import Forges
from reconciler.runtime.forge.reports import Reports
from tests.integration.sync.kit import LEGACY, Engine, Team, files
from tests.support.cluster import Cluster
from tests.support.forge import FakeForge, Fault
from tests.support.git_http import GitHttpServer
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually


@pytest.fixture
def forge() -> Iterator[FakeForge]:
    with FakeForge("github", "/api/v3").serving() as serving:
        yield serving


@pytest.fixture
def repository(git_http_server: GitHttpServer) -> BareRepository:
    git_http_server.ask_password = False
    return git_http_server.repository("org/team.git")


@pytest.fixture
def team(
    control_plane: Cluster, namespace: str, git_http_server: GitHttpServer, repository: BareRepository, forge: FakeForge
) -> Team:
    metadata = {
        "name": "status",
        "namespace": namespace,
        "annotations": {"sagemaker-gitops.dev/allowed-hosts": "127.0.0.1"},
    }
    control_plane.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": forge.token}}
    )
    return Team(control_plane, namespace, git_http_server.url(repository))


@pytest.fixture
def reports(engine: Engine) -> Iterator[Reports]:
    controller = engine.controller
    reports = Reports(
        cluster="dev", cache=engine.cache, look=controller._live.get, objects=controller._pass._objects,
        forge=Forges(controller._pass._clock), events=engine.events, leader=engine.leader,
        clock=controller._pass._clock, jitter=lambda: 0.0,
    )  # fmt: skip
    reports.start()
    yield reports
    reports.stop()


def follow(team: Team, forge: FakeForge) -> None:
    status = {"provider": "github", "secretRef": {"name": "status"}, "apiUrl": forge.api}
    team.sync(interval="10s", writeBack={"commitStatus": status})


def become(team: Team, name: str, ready: str, stalled: str = "") -> None:
    """What loop 2 would write."""
    stamp = "2026-01-01T00:00:00Z"
    generation = team.model(name)["metadata"]["generation"]
    conditions: list[dict[str, Any]] = [
        {"type": "Ready", "status": ready, "reason": "R", "message": "", "lastTransitionTime": stamp}
    ]
    if stalled:
        conditions.append({**conditions[0], "type": "Stalled", "status": "True", "reason": stalled})
    status = {"status": {"observedGeneration": generation, "conditions": conditions}}
    team.cluster.merge(LEGACY, "Model", name, team.namespace, status, subresource="status")


@pytest.mark.holds("D-20.4")
@pytest.mark.usefixtures("reports")
def test_a_commit_is_pending_until_its_objects_are_healthy_and_then_stays_green(
    engine: Engine, team: Team, repository: BareRepository, forge: FakeForge
) -> None:
    sha = repository.commit(files("a", "b"))
    follow(team, forge)
    team.wait_applied(sha)
    become(team, "a", "True")
    eventually(lambda: forge.words(sha) == ["pending"])
    become(team, "b", "True")
    eventually(lambda: forge.words(sha) == ["pending", "success"])
    become(team, "a", "False", "JobFailed")

    record = eventually(lambda: team.status()["commitStatus"]["records"][0]["state"] == "success" and team.status())
    assert record["commitStatus"]["records"][0]["writes"] == 2
    assert record["lastAppliedRevision"].endswith(sha)
    eventually(engine.idle)
    assert forge.words(sha) == ["pending", "success"]


@pytest.mark.usefixtures("reports")
def test_a_forge_that_is_down_stops_no_sync_and_gets_what_is_owed(
    team: Team, repository: BareRepository, forge: FakeForge
) -> None:
    forge.faults += [Fault(500)] * 2
    first = repository.commit(files("a"))
    follow(team, forge)
    team.wait_applied(first)
    second = repository.commit(files("a", primaryContainer={"image": "team:2"}))
    team.say(requestedAt="now")
    team.wait_applied(second)
    become(team, "a", "True")

    eventually(lambda: forge.words(second)[-1:] == ["success"])
    assert set(forge.words(first)) <= {"pending", "error"}
    assert forge.words(first)[-1:] != ["pending"]


@pytest.mark.holds("D-20.4")
@pytest.mark.usefixtures("reports")
def test_a_rejected_file_fails_its_commit(team: Team, repository: BareRepository, forge: FakeForge) -> None:
    sha = repository.commit({**files("a"), "prod/bad.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n"})
    follow(team, forge)

    eventually(lambda: forge.words(sha)[-1:] == ["failure"])
    assert forge.last(sha) == "PartiallyApplied: prod/bad.yaml:2 Secret/x KindNotAllowed"


@pytest.mark.usefixtures("reports")
def test_a_commit_that_is_refused_unread_fails_and_the_next_one_is_judged_anew(
    team: Team, repository: BareRepository, forge: FakeForge
) -> None:
    """Deeper than any honest repository: refused at the fetch, before a file of it is read."""
    first = repository.commit(files("a"))
    follow(team, forge)
    team.wait_applied(first)
    become(team, "a", "True")
    eventually(lambda: forge.words(first)[-1:] == ["success"])
    abyss = "/".join(["prod", *("d" for _ in range(80)), "x.yaml"])
    bad = repository.commit({abyss: "a: 1"})
    team.say(requestedAt="1")
    eventually(lambda: forge.words(bad)[-1:] == ["failure"])
    assert forge.last(bad) == "RepositoryRejected"
    mended = repository.delete(abyss)
    team.say(requestedAt="2")
    eventually(lambda: forge.words(mended)[-1:] == ["success"])
