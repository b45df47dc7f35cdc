"""What somebody changes in the cluster is put back, reported or left, as the mode says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.core.conditions import stamp
from reconciler.core.drift.policy import DriftMode
from tests.integration.sync.conftest import Start
from tests.integration.sync.kit import LEGACY, Engine, Team, files, model, spec
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        pytest.param(
            {"primaryContainer": {"image": "evil:1"}}, "/spec/primaryContainer/image", id="a changed field is put back"
        ),
        pytest.param(
            {"primaryContainer": {"modelDataUrl": "s3://bucket/evil.tar.gz"}},
            "/spec/primaryContainer/modelDataUrl",
            id="an added field is taken away",
        ),
        pytest.param(
            {"tags": [{"key": "team", "value": "ml"}, {"key": "evil", "value": "yes"}]},
            "/spec/tags",
            id="an added list item is taken away",
        ),
        pytest.param({"enableNetworkIsolation": None}, "/spec/enableNetworkIsolation", id="a removed field comes back"),
    ],
)
def test_an_edit_by_kubectl_is_put_back(
    engine: Engine, team: Team, bare_repository: BareRepository, edit: dict[str, object], path: str
) -> None:
    changes = {"tags": [{"key": "team", "value": "ml"}], "enableNetworkIsolation": True}
    team.sync()
    sha = bare_repository.commit(files("a", **changes))
    team.wait_applied(sha)
    before = team.model("a")["metadata"]

    team.edit("a", edit)

    drifted = team.wait_reason("DriftCorrected", "Drifted")
    assert drifted["status"] == "False"
    assert path in drifted["message"]
    found = team.model("a")
    assert found["spec"] == spec(**changes)
    assert found["metadata"]["annotations"] == before["annotations"]
    (message,) = eventually(
        lambda: [m for kind, reason, m in engine.events.told if (kind, reason) == ("Model", "DriftCorrected")]
    )
    assert message.endswith(f", reverted to what Git says: {path}")
    if edit.get(path.split("/")[2]):  # of a field that is gone nobody is the owner
        assert message.startswith("Edited in the cluster by kubectl-patch at 2")
        assert f"{path} (by kubectl-patch at 2" in drifted["message"]
    (put,) = engine.claims.uncounted_reverts(team.model_key("a"), engine.clock.now())
    assert put.paths == (path,)
    assert team.condition()["status"] == "True"


def test_what_was_put_back_leaves_with_the_next_commit_that_drops_it(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a", enableNetworkIsolation=True)))
    team.edit("a", {"enableNetworkIsolation": False})
    team.wait_reason("DriftCorrected", "Drifted")

    team.wait_applied(bare_repository.commit(files("a")))

    assert team.model("a")["spec"] == spec()


def test_an_edited_label_is_put_back_and_a_foreign_one_stays(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit({"prod/a.yaml": model("a", {"labels": {"app": "x"}})}))

    labels = {"metadata": {"labels": {"app": "evil", "mine": "yes"}}}
    team.cluster.merge(LEGACY, "Model", "a", team.namespace, labels)

    eventually(lambda: team.model("a")["metadata"]["labels"] == {"app": "x", "mine": "yes"})
    assert "/metadata/labels/app" in team.wait_reason("DriftCorrected", "Drifted")["message"]


def test_warn_reports_and_leaves_it(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync(drift={"mode": "Warn"})
    team.wait_applied(bare_repository.commit(files("a")))

    team.edit("a", {"primaryContainer": {"image": "mine:1"}})

    drifted = team.wait_reason("DriftDetected", "Drifted")
    assert drifted["status"] == "True"
    assert "/spec/primaryContainer/image" in drifted["message"]
    assert "mine:1" not in drifted["message"]
    assert team.model("a")["spec"]["primaryContainer"]["image"] == "mine:1"
    assert team.status()["objects"]["drifted"] == 1
    eventually(lambda: engine.events.reasons("GitSync")[-2:] == ["ReconciliationSucceeded", "DriftDetected"])


def test_a_commit_wins_over_a_reported_edit(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync(drift={"mode": "Warn"})
    team.wait_applied(bare_repository.commit(files("a")))
    team.edit("a", {"primaryContainer": {"image": "mine:1"}})
    team.wait_reason("DriftDetected", "Drifted")

    team.wait_applied(bare_repository.commit(files("a", primaryContainer={"image": "team:2"})))

    assert team.model("a")["spec"]["primaryContainer"]["image"] == "team:2"
    assert team.condition("Drifted") == {}


@pytest.mark.holds("D-7.1")
def test_the_objects_own_mode_goes_first(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync()
    metadata = {"annotations": {"sagemaker-gitops.dev/drift-mode": "Warn"}}
    team.wait_applied(bare_repository.commit({"prod/a.yaml": model("a", metadata)}))

    team.edit("a", {"primaryContainer": {"image": "mine:1"}})

    team.wait_reason("DriftDetected", "Drifted")
    claim = engine.claims.claim(team.model_key("a"))
    assert claim
    assert claim.mode is DriftMode.WARN


def test_an_ignored_path_belongs_to_others(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    ignore = [{"kind": "Model", "paths": ["/spec/primaryContainer/image"]}]
    team.sync(drift={"ignore": ignore})
    team.wait_applied(bare_repository.commit(files("a")))

    team.edit("a", {"primaryContainer": {"image": "tuner:7"}})
    team.wait_applied(bare_repository.commit(files("a", enableNetworkIsolation=True)))

    found = team.model("a")["spec"]
    assert (found["primaryContainer"]["image"], found["enableNetworkIsolation"]) == ("tuner:7", True)
    assert engine.stats.reverted == 0


def test_ignored_labels_and_annotations_belong_to_others(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    paths = [
        "/metadata/labels/app",
        "/metadata/annotations/example.com~1gone",
        "/metadata/annotations/example.com~1note",
    ]
    team.sync(drift={"ignore": [{"kind": "Model", "paths": paths}]})
    notes = {"example.com/note": "ours", "example.com/gone": "ours", "example.com/kept": "ours"}
    metadata = {"labels": {"app": "x"}, "annotations": notes}
    team.wait_applied(bare_repository.commit({"prod/a.yaml": model("a", metadata)}))
    assert team.model("a")["metadata"]["labels"] == {"app": "x"}

    theirs = {"example.com/note": "theirs", "example.com/gone": None, "example.com/kept": "evil"}
    edit = {"metadata": {"labels": {"app": "theirs"}, "annotations": theirs}}
    team.cluster.merge(LEGACY, "Model", "a", team.namespace, edit)

    def shown() -> tuple[str, dict[str, str]]:
        found = team.model("a")["metadata"]
        own = {key: value for key, value in found["annotations"].items() if key.startswith("example.com/")}
        return found["labels"]["app"], own

    kept = ("theirs", {"example.com/note": "theirs", "example.com/kept": "ours"})
    drifted = team.wait_reason("DriftCorrected", "Drifted")
    assert "/metadata/annotations/example.com~1kept" in drifted["message"]
    assert not any(path in drifted["message"] for path in paths)
    assert shown() == kept
    team.wait_applied(bare_repository.commit({"prod/a.yaml": model("a", metadata, enableNetworkIsolation=True)}))
    assert team.model("a")["spec"]["enableNetworkIsolation"] is True
    assert shown() == kept
    assert engine.stats.reverted == 1


@pytest.mark.holds("D-7.10")
def test_nothing_is_put_back_while_suspended(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a")))
    team.sync(suspend=True)
    team.wait_reason("Suspended")

    team.edit("a", {"primaryContainer": {"image": "mine:1"}})
    bare_repository.commit(files("b"))
    claim = engine.claim(team.model_key("a"))
    assert claim.frozen == f"GitSync {team.namespace}/team is suspended"
    assert team.models() == {"a"}
    assert engine.stats.reverted == 0

    team.sync(suspend=False)
    team.wait_applied(bare_repository.resolve())
    eventually(lambda: team.model("a")["spec"]["primaryContainer"]["image"] == "team:1")


def test_an_edit_is_put_back_while_git_is_away(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a")))
    away = bare_repository.path.with_name("away.git")
    bare_repository.path.rename(away)
    engine.controller.wake(team.key)
    team.wait_reason("RepositoryNotFound")

    team.edit("a", {"primaryContainer": {"image": "evil:1"}})

    eventually(lambda: team.model("a")["spec"]["primaryContainer"]["image"] == "team:1")
    team.wait_reason("DriftCorrected", "Drifted")
    assert team.condition()["reason"] == "RepositoryNotFound"


@pytest.mark.holds("D-7.8")
def test_a_fight_over_an_object_ends_in_a_hold(start: Start, team: Team, bare_repository: BareRepository) -> None:
    engine = start()
    team.sync()
    team.wait_applied(bare_repository.commit(files("a")))

    def edited() -> bool:
        image = {"spec": {"primaryContainer": {"image": "rival:1"}}}
        team.cluster.merge(LEGACY, "Model", "a", team.namespace, image)
        return team.condition("Drifted").get("status") == "True"

    eventually(edited)
    assert engine.stats.reverted == 3
    assert team.condition("Drifted")["reason"] == "DriftFlapping"
    assert team.status()["objects"]["drifted"] == 1

    # A restart does not forget, for the object remembers; when the hour is over it is put back again.
    recent = [
        {"path": path, "at": stamp(put.at), "edit": put.edit}
        for put in engine.claims.uncounted_reverts(team.model_key("a"), engine.clock.now())
        for path in put.paths
    ]
    status = {"drift": {"corrected": {"recent": recent}}}
    team.cluster.merge(LEGACY, "Model", "a", team.namespace, {"status": status}, subresource="status")
    engine.stop()
    other = start()
    eventually(lambda: other.claim(team.model_key("a")).settled)
    assert other.stats.reverted == 0
    assert team.model("a")["spec"]["primaryContainer"]["image"] == "rival:1"
    other.clock.ahead = timedelta(hours=1)
    other.claims.report_edit(team.model_key("a"))
    eventually(lambda: team.model("a")["spec"]["primaryContainer"]["image"] == "team:1")


def test_what_differs_in_sagemaker_is_told_by_the_sync_too(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a", "b")))
    drifted = {
        "type": "Drifted",
        "status": "True",
        "reason": "ExternallyDeleted",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {"conditions": [drifted], "drift": {"differences": [{"plane": "sagemaker", "path": "/status/modelName"}]}}

    team.cluster.merge(LEGACY, "Model", "b", team.namespace, {"status": status}, subresource="status")

    told = team.wait_reason("DriftDetected", "Drifted")
    assert told["message"] == "in SageMaker: Model/b /status/modelName"
    assert team.status()["objects"]["drifted"] == 1


def test_an_object_whose_status_moves_meanwhile_is_put_back_all_the_same(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a")))
    moves = iter(range(2))

    def move(verb: str, path: str) -> None:
        if verb == "PUT" and path.endswith("/models/a") and next(moves, None) is not None:
            note = {
                "metadata": {"annotations": {"example.com/at": f"{verb}-{id(moves)}-{len(engine.client.requests)}"}}
            }
            team.cluster.merge(LEGACY, "Model", "a", team.namespace, note)

    engine.client.before = move
    team.edit("a", {"primaryContainer": {"image": "evil:1"}})

    team.wait_reason("DriftCorrected", "Drifted")
    assert team.model("a")["spec"] == spec()
    assert "example.com/at" in team.model("a")["metadata"]["annotations"]
    assert [reason for reason in engine.events.reasons("GitSync") if reason == "Stale"] == []
