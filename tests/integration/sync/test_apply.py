"""A commit becomes objects that tell where they come from."""

from __future__ import annotations

import pytest

from tests.integration.sync.conftest import Start
from tests.integration.sync.kit import Engine, Team, files, model
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually

P = "sagemaker-gitops.dev/"


@pytest.mark.holds("D-17.1")
def test_objects_appear_with_their_provenance(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    metadata = {"labels": {"app": "fraud"}, "annotations": {"docs": "wiki"}}
    sha = bare_repository.commit({"prod/a.yaml": model("a", metadata)}, "Add a\n\nlong text")
    team.sync()

    status = team.wait_applied(sha)

    found = team.model("a")["metadata"]
    assert found["labels"] == {"app": "fraud"}
    assert found["annotations"] == {
        "docs": "wiki",
        P + "repo": bare_repository.url,
        P + "revision": f"main@sha1:{sha}",
        P + "commit": sha,
        P + "path": "prod/a.yaml",
        P + "owner": f"{team.namespace}/team",
        P + "author": "Ada Lovelace",
        P + "subject": "Add a",
        P + "applied-hash": found["annotations"][P + "applied-hash"],
        P + "applied-metadata": found["annotations"][P + "applied-metadata"],
    }
    assert status["inventory"] == [f"Model/{team.namespace}/a@{found['annotations'][P + 'applied-hash']}"]
    assert status["lastAttemptedRevision"] == status["lastAppliedRevision"] == f"main@sha1:{sha}"
    assert status["observedGeneration"] == 1
    assert status["history"][0]["result"] == "Succeeded"
    assert [condition["type"] for condition in status["conditions"]] == ["Ready"]
    assert engine.recalled[0] == (team.key, 0)  # what notes tell of jobs that ran is known before anything is applied


def test_notes_that_cannot_be_read_are_asked_for_again_soon_though_git_stands_still(
    start: Start, team: Team, bare_repository: BareRepository
) -> None:
    engine = start(workers=0)
    team.sync()
    bare_repository.commit(files("a"))
    engine.notes_are_read = False
    eventually(lambda: engine.cache.get(team.key))
    first = engine.controller.look(team.key)
    assert first.again_s is not None
    assert team.model("a")  # what Git says is applied all the same
    again = [engine.controller.look(team.key).again_s for _ in range(3)]
    assert (set(again), len(engine.recalled)) == ({first.again_s}, 4)
    engine.notes_are_read = True
    assert (engine.controller.look(team.key).again_s, len(engine.recalled)) == (None, 5)


def test_a_commit_touches_only_the_objects_it_changed(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    first = bare_repository.commit(files("a", "b"), "Two")
    team.sync()
    team.wait_applied(first)
    untouched = team.model("b")["metadata"]["resourceVersion"]

    second = bare_repository.commit(files("a", primaryContainer={"image": "team:2"}), "Change a")
    team.wait_applied(second)

    assert team.model("a")["spec"]["primaryContainer"] == {"image": "team:2"}
    assert team.model("a")["metadata"]["annotations"][P + "commit"] == second
    assert team.model("b")["metadata"]["resourceVersion"] == untouched
    assert engine.stats.applied == 3


@pytest.mark.holds("D-13.3")
def test_a_renamed_file_is_told_on_its_objects_alone(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit({**files("b"), "prod/a.yaml": model("a") + "---\n" + model("c")}, "Three"))
    before = {name: team.model(name)["metadata"] for name in "abc"}
    sent = len(engine.client.sent("PATCH"))

    moved = bare_repository.commit(
        {"prod/a.yaml": None, "prod/old/a.yaml": model("a") + "---\n" + model("c")}, "Move a", author="Bob <b@x>"
    )
    team.wait_applied(moved)

    after = {name: team.model(name)["metadata"] for name in "abc"}
    assert {path.rpartition("/")[2] for path in engine.client.sent("PATCH")[sent:]} == {"a", "c"}
    assert len(engine.client.sent("PATCH")[sent:]) == 2
    assert after["b"]["resourceVersion"] == before["b"]["resourceVersion"]
    for name in "ac":
        assert after[name]["generation"] == before[name]["generation"]
        told = {key: after[name]["annotations"][P + key] for key in ("path", "commit", "revision", "author", "subject")}
        assert told == {
            "path": "prod/old/a.yaml",
            "commit": moved,
            "revision": f"main@sha1:{moved}",
            "author": "Bob",
            "subject": "Move a",
        }


def test_a_label_that_left_git_leaves_the_object(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    first = bare_repository.commit({"prod/a.yaml": model("a", {"labels": {"app": "x", "tier": "y"}})})
    team.sync()
    team.wait_applied(first)

    second = bare_repository.commit({"prod/a.yaml": model("a", {"labels": {"app": "x"}})})
    team.wait_applied(second)

    assert team.model("a")["metadata"]["labels"] == {"app": "x"}


def test_kubectl_shows_the_sync(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    sha = bare_repository.commit(files("a", "b"))
    team.sync()
    team.wait_applied(sha)

    heading, row = team.cluster.kubectl("-n", team.namespace, "get", "gitsync").splitlines()

    assert heading.split() == ["NAME", "READY", "REVISION", "OBJECTS", "FAILED", "DRIFTED", "AGE", "STATUS"]
    assert row.split()[:6] == ["team", "True", f"main@{sha[:7]}", "2", "0", "0"]
    assert f"Applied main@sha1:{sha}" in row


def test_a_deleted_object_is_made_anew(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    sha = bare_repository.commit(files("a"))
    team.sync()
    team.wait_applied(sha)
    uid = team.model("a")["metadata"]["uid"]

    team.cluster.delete("sagemaker.aws.amazon.com/v1", "Model", "a", team.namespace)

    eventually(lambda: (team.find_model("a") or {"metadata": {"uid": uid}})["metadata"]["uid"] != uid)


def test_a_push_is_noticed_by_the_watched_refs(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync()
    team.wait_reason("RefNotFound")

    sha = bare_repository.commit(files("a"))  # the interval is an hour, and nobody calls a webhook

    team.wait_applied(sha)
