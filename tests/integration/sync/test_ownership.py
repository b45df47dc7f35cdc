"""Who may write an object: one sync, and only with the rights of the account it names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.sync.conftest import Start
from tests.integration.sync.kit import GITOPS, LEGACY, Engine, Team, files, model
from tests.support.cluster import Cluster
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually


def second_sync(team: Team) -> None:
    body = {
        "apiVersion": GITOPS,
        "kind": "GitSync",
        "metadata": {"name": "rival", "namespace": team.namespace},
        "spec": {"repo": {"url": team.url, "ref": {"branch": "main"}, "path": "rival"}, "interval": "1h"},
    }
    team.cluster.apply(body)


def rival_status(team: Team) -> dict[str, Any]:
    found: dict[str, Any] = team.cluster.get(GITOPS, "GitSync", "rival", team.namespace).get("status") or {}
    return found


def rival_inventory(team: Team) -> set[str]:
    return {entry.split("@")[0].split("/")[2] for entry in rival_status(team).get("inventory", [])}


@pytest.mark.holds("D-9.5")
def test_the_second_sync_is_refused_while_the_first_exists(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    rival = {"rival/a.yaml": model("a", primaryContainer={"image": "rival:1"}), "rival/b.yaml": model("b")}
    team.sync()
    team.wait_applied(bare_repository.commit({**files("a"), **rival}))

    second_sync(team)

    fault = eventually(lambda: rival_status(team)["rejected"][0])
    assert (fault["reason"], fault["name"], fault["path"]) == ("OwnedByAnother", "a", "rival/a.yaml")
    assert f"{team.namespace}/team" in fault["message"]
    assert team.model("a")["spec"]["primaryContainer"]["image"] == "team:1"
    assert team.models() == {"a", "b"}
    assert not any("/a@" in entry for entry in rival_status(team)["inventory"])

    team.cluster.delete(GITOPS, "GitSync", "team", team.namespace)
    eventually(lambda: engine.cache.get(team.key) is None)
    engine.controller.wake(team.key._replace(name="rival"))

    eventually(lambda: team.model("a")["spec"]["primaryContainer"]["image"] == "rival:1")
    assert team.model("a")["metadata"]["annotations"]["sagemaker-gitops.dev/owner"] == f"{team.namespace}/rival"


def test_two_syncs_that_swap_objects_in_one_commit_do_not_wait_for_each_other(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    bare_repository.commit({**files("a", "b"), "rival/c.yaml": model("c"), "rival/d.yaml": model("d")})
    team.sync()
    second_sync(team)
    eventually(lambda: team.inventory() == {"a", "b"} and rival_inventory(team) == {"c", "d"})

    swapped = {"prod/d.yaml": model("d"), "rival/b.yaml": model("b")}
    bare_repository.commit({"prod/b.yaml": None, "rival/d.yaml": None, **swapped})

    def done() -> bool:
        for key in (team.key, team.key._replace(name="rival")):
            engine.controller.wake(key)
        return team.inventory() == {"a", "d"} and rival_inventory(team) == {"b", "c"}

    eventually(done)
    eventually(lambda: team.models() == {"a", "b", "c", "d"})  # an inventory tells what is about to be applied


def test_an_object_made_by_hand_is_taken_over(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.cluster.kubectl("-n", team.namespace, "apply", "-f", "-", stdin=model("a", primaryContainer={"image": "me:1"}))

    sha = bare_repository.commit(files("a"))
    team.sync()

    team.wait_applied(sha)
    assert team.model("a")["spec"]["primaryContainer"] == {"image": "team:1"}


@pytest.mark.holds("D-14.8")
def test_another_namespace_needs_an_account(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    bare_repository.commit(files("a"))

    team.sync(targetNamespace="kube-system")

    assert "serviceAccountName" in team.wait_reason("InvalidSpec")["message"]


def test_a_manifest_of_another_namespace_is_refused(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    bare_repository.commit({**files("a"), "prod/b.yaml": model("b", {"namespace": "kube-system"})})

    team.sync()

    team.wait_reason("PartiallyApplied")
    assert team.status()["rejected"][0]["reason"] == "ForeignNamespace"


@pytest.mark.holds("D-14.8")
def test_an_account_without_rights_applies_nothing(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    bare_repository.commit(files("a"))

    team.sync(serviceAccountName="poor")

    message = team.wait_reason("AccessDenied")["message"]
    assert "poor" in message
    assert team.condition("Stalled")["status"] == "True"
    assert team.models() == set()
    assert team.status()["objects"]["rejected"] == 1


def test_an_account_with_rights_applies_to_another_namespace(
    start: Start, team: Team, control_plane: Cluster, bare_repository: BareRepository
) -> None:
    target = f"{team.namespace}-target"
    control_plane.create_namespace(target)
    _grant(control_plane, team.namespace, target)
    start(target)
    sha = bare_repository.commit(files("a"))

    team.sync(serviceAccountName="deployer", targetNamespace=target)

    team.wait_applied(sha)
    assert control_plane.get(LEGACY, "Model", "a", target)
    assert team.models() == set()


def _grant(cluster: Cluster, namespace: str, target: str) -> None:
    rules = [{"apiGroups": ["sagemaker.aws.amazon.com"], "resources": ["*"], "verbs": ["*"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": rules}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": namespace}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
    }
    for body in (role, binding):
        cluster.apply({**body, "metadata": {"name": "deployer", "namespace": target}})
