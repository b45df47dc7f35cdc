"""What starts a pass beside the interval, and what an idle pass costs."""

from __future__ import annotations

import pytest

from tests.integration.sync.conftest import Start
from tests.integration.sync.kit import NAME, Engine, Team, files
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually


@pytest.mark.holds("D-17.2")
@pytest.mark.parametrize("annotation", ["sagemaker-gitops.dev/requestedAt", "reconcile.fluxcd.io/requestedAt"])
def test_a_token_starts_a_pass_once_and_is_recorded(
    engine: Engine, team: Team, bare_repository: BareRepository, annotation: str
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a")))
    eventually(engine.idle)
    passes = engine.stats.passes

    team.annotate("GitSync", NAME, **{annotation: "now-1"})

    eventually(lambda: team.status().get("lastHandledReconcileAt") == "now-1")
    eventually(engine.idle)
    assert engine.stats.passes == passes + 1
    engine.controller.look(team.key)
    assert engine.stats.passes == passes + 1


def test_two_annotations_do_not_trigger_one_another(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a")))

    team.annotate("GitSync", NAME, **{"sagemaker-gitops.dev/requestedAt": "ours"})
    eventually(lambda: team.status().get("lastHandledReconcileAt") == "ours")
    team.annotate("GitSync", NAME, **{"reconcile.fluxcd.io/requestedAt": "flux"})
    eventually(lambda: team.status().get("lastHandledReconcileAt") == "flux")

    eventually(engine.idle)
    passes = engine.stats.passes
    engine.controller.look(team.key)
    assert engine.stats.passes == passes
    assert team.status()["lastHandledReconcileAt"] == "flux"


@pytest.mark.holds("D-15.1")
def test_an_idle_pass_asks_git_once_and_kubernetes_nothing(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files(*(f"m{number}" for number in range(20)))))
    eventually(engine.idle)
    resolves, requests = engine.stats.resolves, len(engine.client.requests)

    engine.controller.look(team.key)

    assert engine.stats.resolves == resolves + 1
    assert engine.client.requests[requests:] == []


def test_a_start_over_what_is_there_writes_nothing(start: Start, team: Team, bare_repository: BareRepository) -> None:
    first = start()
    team.sync()
    team.wait_applied(bare_repository.commit(files(*(f"m{number}" for number in range(20)))))
    eventually(first.idle)
    first.stop()
    version = team.seen()["metadata"]["resourceVersion"]

    second = start()
    eventually(lambda: second.stats.passes >= 1)
    eventually(second.idle)

    assert second.client.requests == []
    assert team.seen()["metadata"]["resourceVersion"] == version


@pytest.mark.holds("D-12.2", "D-15.6", "D-17.1")
def test_a_commit_of_k_files_costs_k_applies(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files(*(f"m{number}" for number in range(20)))))
    eventually(engine.idle)
    requests = len(engine.client.requests)

    team.wait_applied(bare_repository.commit(files("m3", "m7", primaryContainer={"image": "team:2"})))

    sent = engine.client.requests[requests:]
    assert sorted(verb for verb, path in sent if "/models/" in path) == ["PATCH", "PATCH"]
    assert [verb for verb, path in sent if path.endswith("/status")] == ["PUT", "PUT"]
    assert len(sent) == 4


def test_nothing_is_written_by_a_process_that_does_not_lead(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    engine.leader.leads = False
    sha = bare_repository.commit(files("a"))
    team.sync()
    eventually(lambda: engine.cache.get(team.key))
    engine.controller.look(team.key)
    assert engine.client.requests == []

    engine.leader.leads = True
    engine.controller.wake_all()

    team.wait_applied(sha)


def test_the_spec_may_change_at_any_time(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit({**files("a"), "other/b.yaml": files("b")["prod/b.yaml"]}))

    team.sync(repo={"path": "other"})
    eventually(lambda: team.models() == {"b"} and team.status().get("observedGeneration") == 2)


@pytest.mark.holds("D-19.2")
def test_substitution_takes_declared_names_only(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    role = "arn:aws:iam::${ACCOUNT_ID}:role/service-role/team"
    team.sync(substitute={"ACCOUNT_ID": "210987654321"})
    sha = bare_repository.commit(files("a", executionRoleArn=role))

    team.wait_applied(sha)

    assert team.model("a")["spec"]["executionRoleArn"] == "arn:aws:iam::210987654321:role/service-role/team"
