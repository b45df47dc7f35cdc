"""What leaves Git leaves the cluster, unless one of the guards says no."""

from __future__ import annotations

import pytest

from tests.integration.sync.conftest import Start
from tests.integration.sync.kit import LEGACY, Engine, Team, files, model
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually

SIX = tuple("abcdef")


def test_an_object_that_left_git_is_deleted(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a", "b")))

    status = team.wait_applied(bare_repository.delete("prod/b.yaml"))

    assert team.models() == {"a"}
    assert team.inventory() == {"a"}
    assert status["history"][0]["pruned"] == 1


@pytest.mark.holds("D-9.1")
def test_an_empty_render_prunes_nothing(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a")))

    bare_repository.commit({"prod/a.yaml": None, "prod/README.md": "nothing here"})

    team.wait_reason("EmptyRender")
    assert team.models() == team.inventory() == {"a"}


@pytest.mark.holds("D-9.1")
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param("kind: [", id="it does not parse"),
        pytest.param(model("bad", primaryContainer={"image": "x", "imgae": "y"}), id="it breaks the schema"),
        pytest.param(model("bad", {"namespace": "elsewhere"}), id="it is for another namespace"),
        pytest.param(model("bad", {"labels": {"app": "not a label!"}}), id="the API server refuses it"),
    ],
)
def test_beside_a_bad_file_nothing_is_pruned(
    engine: Engine, team: Team, bare_repository: BareRepository, bad: str
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a", "b")))

    bare_repository.commit({"prod/b.yaml": None, "prod/bad.yaml": bad, **files("c")})

    message = team.wait_reason("PartiallyApplied")["message"]
    eventually(engine.idle)
    engine.controller.settle(team.key)
    assert team.models() == {"a", "b", "c"}
    assert {"a", "b", "c"} <= team.inventory()
    assert message.startswith("1 rejected; 1 object not pruned until prod/bad.yaml:")

    sha = bare_repository.delete("prod/bad.yaml")

    team.wait_applied(sha)
    assert team.models() == team.inventory() == {"a", "c"}


@pytest.mark.holds("D-9.2")
def test_many_deletions_wait_for_an_approval_of_their_revision(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files(*SIX)))

    sha = bare_repository.delete(*(f"prod/{name}.yaml" for name in SIX[1:]))
    message = team.wait_reason("PruneNeedsApproval")["message"]
    assert sha[:7] in message
    assert "kubectl sagemaker approve" in message
    names = [f"Model/{name}" for name in SIX[1:]]
    assert all(name in message for name in names)
    waits = team.status()["pruneApproval"]
    assert (waits["revision"], waits["total"], sorted(waits["objects"])) == (f"main@sha1:{sha}", 5, names)
    assert team.models() == team.inventory() == set(SIX)

    team.say(approve_prune="0123456")  # names another revision
    team.say(approve_prune=sha[:7])

    status = team.wait_applied(sha)
    assert team.models() == {"a"}
    assert status["handled"]["approvePrune"] == sha[:7]
    assert "pruneApproval" not in status


@pytest.mark.holds("D-9.4")
def test_an_annotation_on_the_live_object_keeps_it(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a", "b")))
    team.annotate("Model", "b", **{"sagemaker-gitops.dev/prune": "disabled"})

    team.wait_applied(bare_repository.delete("prod/b.yaml"))

    assert team.models() == team.inventory() == {"a", "b"}


@pytest.mark.holds("D-9.3")
def test_an_object_without_our_owner_annotation_is_kept(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync(drift={"mode": "Ignore"})
    team.wait_applied(bare_repository.commit(files("a", "b")))
    engine.leader.leads = False  # or it would be put back before the commit comes
    team.annotate("Model", "b", **{"sagemaker-gitops.dev/owner": "somewhere/else"})
    sha = bare_repository.delete("prod/b.yaml")
    owner = "sagemaker-gitops.dev/owner"
    eventually(lambda: engine.cache.get(team.model_key("b")).annotations[owner] == "somewhere/else")  # type: ignore[union-attr]
    eventually(engine.idle)
    engine.leader.leads = True
    engine.controller.wake(team.key)

    team.wait_applied(sha)
    assert team.models() == team.inventory() == {"a", "b"}


def test_pruning_can_be_switched_off(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync(prune={"enabled": False})
    team.wait_applied(bare_repository.commit(files("a", "b")))

    status = team.wait_applied(bare_repository.delete("prod/b.yaml"))

    assert team.models() == team.inventory() == {"a", "b"}
    assert "spec.prune.enabled is false" in status["conditions"][0]["message"]


@pytest.mark.holds("D-9.4")
def test_a_finalizer_keeps_the_object_in_the_inventory_until_it_is_gone(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a", "b")))
    held = {"metadata": {"finalizers": ["example.com/hold"]}}
    team.cluster.merge(LEGACY, "Model", "b", team.namespace, held)

    team.wait_applied(bare_repository.delete("prod/b.yaml"))
    assert team.model("b")["metadata"]["deletionTimestamp"]
    assert team.inventory() == {"a", "b"}

    team.cluster.merge(LEGACY, "Model", "b", team.namespace, {"metadata": {"finalizers": None}})
    eventually(lambda: team.inventory() == {"a"})


def test_an_object_that_comes_back_to_git_while_it_is_deleted_is_made_anew(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a", "b")))
    team.cluster.merge(LEGACY, "Model", "b", team.namespace, {"metadata": {"finalizers": ["example.com/hold"]}})
    uid = team.model("b")["metadata"]["uid"]
    team.wait_applied(bare_repository.delete("prod/b.yaml"))
    team.wait_applied(bare_repository.commit({"prod/b.yaml": model("b")}))

    team.cluster.merge(LEGACY, "Model", "b", team.namespace, {"metadata": {"finalizers": None}})

    eventually(lambda: (team.find_model("b") or {"metadata": {"uid": uid}})["metadata"]["uid"] != uid)


@pytest.mark.holds("D-9.6")
def test_deleting_the_gitsync_leaves_what_it_applied(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a")))

    team.cluster.delete("sagemaker-gitops.dev/v1alpha1", "GitSync", "team", team.namespace)
    eventually(lambda: engine.claims.claim(team.model_key("a")) is None)

    assert team.models() == {"a"}


def test_an_object_removed_while_nobody_ran_is_pruned_after_a_start(
    start: Start, team: Team, bare_repository: BareRepository
) -> None:
    first = start()
    team.sync()
    team.wait_applied(bare_repository.commit(files("a", "b")))
    first.stop()
    sha = bare_repository.delete("prod/b.yaml")

    start()

    team.wait_applied(sha)
    assert team.models() == {"a"}
