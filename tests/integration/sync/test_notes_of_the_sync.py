"""What the sync itself does is told on commits: rejections, prunes, edits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.sync.conftest import Start
from tests.integration.sync.kit import LEGACY, Engine, Team, files, model
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually

BAD = {"prod/bad.yaml": "kind: ["}


def lines(engine: Engine, event: str) -> list[tuple[str, dict[str, Any]]]:
    return [(commit, line) for commit, of, line in engine.record.told if of == event]


@pytest.mark.holds("D-20.1")
def test_a_rejected_file_is_told_once_on_the_commit_that_made_it_so(
    start: Start, team: Team, bare_repository: BareRepository
) -> None:
    engine = start()
    bad = bare_repository.commit({**files("a"), **BAD})
    bare_repository.commit(files("b"))
    team.sync()
    team.wait_reason("PartiallyApplied")

    ((commit, line),) = lines(engine, "FileRejected")
    assert commit == bad
    assert (line["kind"], line["name"], line["file"], line["why"]) == (
        "GitSync",
        "team",
        "prod/bad.yaml",
        "InvalidYAML",
    )
    assert line["line"] >= 1

    # Other commits, other passes and another process tell nothing anew.
    bare_repository.commit(files("c"))
    eventually(lambda: team.models() == {"a", "b", "c"})
    engine.stop()
    other = start()
    bare_repository.commit(files("d"))
    eventually(lambda: team.models() == {"a", "b", "c", "d"})
    eventually(other.idle)
    assert len(lines(engine, "FileRejected") + lines(other, "FileRejected")) == 1

    # Put right and made wrong again: that is news.
    team.wait_applied(bare_repository.commit(files("bad")))
    again = bare_repository.commit(BAD)
    team.wait_reason("PartiallyApplied")
    assert [commit for commit, _ in lines(other, "FileRejected")] == [again]
    assert len(set(engine.record.ids + other.record.ids)) == 2


def test_what_the_api_server_refuses_is_told_too(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    sha = bare_repository.commit({**files("a"), "prod/bad.yaml": model("bad", {"labels": {"app": "not a label!"}})})
    team.sync()
    team.wait_reason("PartiallyApplied")

    ((commit, line),) = lines(engine, "FileRejected")
    assert (commit, line["object"]) == (sha, "Model/bad")


@pytest.mark.holds("D-20.1")
def test_a_pruned_object_is_told_on_the_commit_that_removed_it(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    two = "---\n".join((model("b"), model("c")))
    team.wait_applied(bare_repository.commit({**files("a", "d"), "prod/two.yaml": two}))
    removed = bare_repository.delete("prod/a.yaml")
    split = bare_repository.commit({"prod/two.yaml": model("b")})
    team.wait_applied(bare_repository.commit({"README.md": "nothing of ours"}))

    eventually(lambda: team.models() == {"b", "d"})
    eventually(lambda: len(lines(engine, "ObjectPruned")) == 2)
    told = {line["name"]: (commit, line["path"]) for commit, line in lines(engine, "ObjectPruned")}
    assert told == {"a": (removed, "prod/a.yaml"), "c": (split, "prod/two.yaml")}


def test_an_edit_that_is_put_back_is_told_every_time(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    sha = bare_repository.commit(files("a"))
    team.wait_applied(sha)
    team.wait_applied(bare_repository.commit(files("b")))

    for number in (1, 2):
        team.cluster.merge(LEGACY, "Model", "a", team.namespace, {"spec": {"primaryContainer": {"image": "evil:1"}}})
        eventually(lambda number=number: len(lines(engine, "DriftCorrected")) == number)  # type: ignore[misc]
    for commit, line in lines(engine, "DriftCorrected"):
        assert (commit, line["plane"], line["paths"]) == (sha, "git", ["/spec/primaryContainer/image"])
    assert len(set(engine.record.ids)) == 2
    assert "evil" not in str(engine.record.told)
