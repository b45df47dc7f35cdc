"""One bad file or object never stops the others, and says where it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.sync.kit import LEGACY, Engine, Team, files, model
from tests.support.git_repository import BareRepository


@pytest.mark.holds("D-10.8", "D-19.4")
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("kind: [", {"path": "prod/bad.yaml", "reason": "InvalidYAML"}, id="not YAML"),
        pytest.param(
            model("bad", primaryContainer={"image": "x", "imgae": "y"}),
            {"path": "prod/bad.yaml", "kind": "Model", "name": "bad", "reason": "UnknownField"},
            id="unknown field",
        ),
    ],
)
def test_the_good_objects_are_applied(
    engine: Engine, team: Team, bare_repository: BareRepository, content: str, expected: dict[str, Any]
) -> None:
    bare_repository.commit({**files("a", "b"), "prod/bad.yaml": content})
    team.sync()

    condition = team.wait_reason("PartiallyApplied")

    assert team.models() == {"a", "b"}
    status = team.status()
    assert expected.items() <= status["rejected"][0].items()
    assert status["rejected"][0]["line"] >= 1
    assert status["objects"] == {"total": 2, "ready": 0, "failed": 0, "drifted": 0, "rejected": 1}
    assert "lastAppliedRevision" not in status
    assert "prod/bad.yaml:" in condition["message"]
    assert team.condition("Stalled")["status"] == "True"


def test_it_recovers_when_the_file_is_put_right(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    bare_repository.commit({**files("a"), "prod/bad.yaml": "kind: ["})
    team.sync()
    team.wait_reason("PartiallyApplied")

    sha = bare_repository.commit(files("bad"))

    status = team.wait_applied(sha)
    assert team.models() == {"a", "bad"}
    assert "rejected" not in status
    assert team.condition("Stalled") == {}


@pytest.mark.holds("D-10.8")
def test_what_the_api_server_refuses_is_told_with_its_file(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    bare_repository.commit({**files("a"), "prod/bad.yaml": model("bad", {"labels": {"app": "not a label!"}})})
    team.sync()

    team.wait_reason("PartiallyApplied")

    fault = team.status()["rejected"][0]
    assert (fault["path"], fault["kind"], fault["name"]) == ("prod/bad.yaml", "Model", "bad")
    assert team.models() == {"a"}


def test_other_kinds_stop_nothing_where_the_sync_ignores_them(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    sha = bare_repository.commit({**files("a"), "prod/config.yaml": config})
    team.sync(otherKinds="Ignore")

    status = team.wait_applied(sha)

    assert team.models() == {"a"}
    assert "rejected" not in status


@pytest.mark.holds("D-14.7")
def test_a_gitsync_in_git_is_never_applied(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    nested = (
        "apiVersion: sagemaker-gitops.dev/v1alpha1\nkind: GitSync\n"
        "metadata: {name: more}\nspec: {repo: {url: https://example.com/x}}\n"
    )
    bare_repository.commit({**files("a"), "prod/more.yaml": nested})
    team.sync()

    team.wait_reason("PartiallyApplied")

    assert team.status()["rejected"][0]["reason"] == "KindNotAllowed"
    assert team.cluster.find("sagemaker-gitops.dev/v1alpha1", "GitSync", "more", team.namespace) is None


@pytest.mark.holds("D-9.1")
def test_a_missing_path_stalls_and_prunes_nothing(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    sha = bare_repository.commit(files("a"))
    team.sync()
    team.wait_applied(sha)

    team.sync(repo={"path": "elsewhere"})
    team.wait_reason("PathNotFound")

    assert team.cluster.get(LEGACY, "Model", "a", team.namespace)
    assert team.inventory() == {"a"}
