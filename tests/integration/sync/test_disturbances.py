"""The API server stops answering, leadership moves, limits are met: nothing is lost, and it goes on by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.core.errors import LostReplyError, ReconcileError, StaleError, ThrottledError, TransientError
from reconciler.core.git import inventory as inventories
from reconciler.core.resource import Key
from tests.integration.sync.kit import GITOPS, LEGACY, NAME, Engine, Team, files
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually

TEN = tuple(f"m{number}" for number in range(10))


def failing(times: int, error: ReconcileError, fits: Callable[[str, str], bool]) -> Callable[[str, str], None]:
    """Raise for the first requests that fit."""
    left = [error] * times

    def raise_it(verb: str, path: str) -> None:
        if fits(verb, path) and left:
            raise left.pop()

    return raise_it


@pytest.mark.parametrize(
    "error", [TransientError("away"), ThrottledError("slow"), LostReplyError("nobody knows")], ids=lambda e: e.reason
)
def test_an_api_server_that_was_away_gets_the_rest_later(
    engine: Engine, team: Team, bare_repository: BareRepository, error: ReconcileError
) -> None:
    engine.client.before = failing(6, error, lambda verb, path: verb == "PATCH" and "/models/" in path)
    sha = bare_repository.commit(files(*TEN))

    team.sync()

    team.wait_applied(sha)
    assert team.models() == team.inventory() == set(TEN)
    assert all(len(known) == 1 for known in inventories.read(team.status()["inventory"]).values())


def test_a_lost_reply_is_no_second_apply(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    engine.client.after = failing(3, LostReplyError("cut"), lambda verb, path: verb == "PATCH" and "/models/" in path)
    sha = bare_repository.commit(files(*TEN))

    team.sync()

    team.wait_applied(sha)
    assert all(team.model(name)["metadata"]["generation"] == 1 for name in TEN)


def test_a_status_that_moved_is_read_again(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    engine.client.before = failing(3, StaleError("moved"), lambda _verb, path: path.endswith("/status"))

    team.sync()

    team.wait_applied(bare_repository.commit(files("a")))


def test_a_gitsync_annotated_during_its_pass_is_no_conflict(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    once = iter([True])

    def annotate(verb: str, path: str) -> None:
        if verb == "PATCH" and "/models/" in path and next(once, False):
            team.annotate("GitSync", NAME, **{"example.com/note": "hello"})

    engine.client.before = annotate
    team.sync()

    team.wait_applied(bare_repository.commit(files("a")))


def test_writes_end_with_the_leadership(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    applied: list[str] = []

    def lose(verb: str, path: str) -> None:
        if verb == "PATCH" and "/models/" in path:
            applied.append(path)
            engine.leader.leads = False

    engine.client.before = lose
    sha = bare_repository.commit(files(*TEN))
    team.sync()
    eventually(lambda: applied)
    eventually(engine.idle)
    assert len(applied) <= 8  # what was already on its way

    engine.client.before = lambda _verb, _path: None
    engine.leader.leads = True
    engine.controller.wake_all()
    team.wait_applied(sha)


@pytest.mark.holds("D-12.1")
def test_more_objects_than_fit_stall(
    engine: Engine, team: Team, bare_repository: BareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventories, "LIMIT", 3)
    bare_repository.commit(files("a", "b", "c", "d"))

    team.sync()

    team.wait_reason("TooManyObjects")
    assert team.models() == set()


def test_a_commit_may_rename_every_object(
    engine: Engine, team: Team, bare_repository: BareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventories, "LIMIT", 3)
    team.sync()
    team.wait_applied(bare_repository.commit(files("a", "b", "c")))

    team.wait_applied(bare_repository.commit({**_gone("a", "b", "c"), **files("d", "e", "f")}))

    assert team.models() == team.inventory() == {"d", "e", "f"}


@pytest.mark.holds("D-12.1")
def test_what_left_git_and_stays_is_bounded_as_well(
    engine: Engine, team: Team, bare_repository: BareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventories, "LIMIT", 3)
    team.sync(prune={"enabled": False})
    team.wait_applied(bare_repository.commit(files("a", "b", "c")))
    team.wait_applied(bare_repository.commit({**_gone("a", "b", "c"), **files("d")}))

    sha = bare_repository.commit({**_gone("d"), **files("e")})
    assert "4 objects that left Git" in team.wait_reason("TooManyObjects")["message"]
    assert team.models() == {"a", "b", "c", "d"}
    team.cluster.kubectl("-n", team.namespace, "delete", "model", "a")

    team.wait_applied(sha)
    assert team.models() == {"b", "c", "d", "e"}


def _gone(*names: str) -> dict[str, str | bytes | None]:
    return {f"prod/{name}.yaml": None for name in names}


def test_objects_that_become_ready_or_stall_are_counted(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a", "b", "c")))

    for name, kind in (("a", "Ready"), ("b", "Stalled"), ("c", "Drifted")):
        condition = {
            "type": kind,
            "status": "True",
            "reason": "Told",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        team.cluster.merge(
            LEGACY, "Model", name, team.namespace, {"status": {"conditions": [condition]}}, subresource="status"
        )

    expected = {"total": 3, "ready": 1, "failed": 1, "drifted": 1, "rejected": 0}
    eventually(lambda: team.status()["objects"] == expected)


def test_what_fails_or_waits_for_a_person_is_listed_with_its_place(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a", "b", "c")))

    for name, reason, kind in (("a", "JobFailed", "Stalled"), ("b", "PreconditionFailed", "Reconciling")):
        conditions = [
            {
                "type": one,
                "status": status,
                "reason": reason,
                "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for one, status in (("Ready", "False"), (kind, "True"))
        ]
        told = {"status": {"conditions": conditions}}
        team.cluster.merge(LEGACY, "Model", name, team.namespace, told, subresource="status")

    place = {"kind": "Model", "line": 1}
    expected = [
        {**place, "name": "a", "path": "prod/a.yaml", "reason": "JobFailed"},
        {**place, "name": "b", "path": "prod/b.yaml", "reason": "PreconditionFailed"},
    ]
    eventually(lambda: team.status().get("failing") == expected)
    counts = {"total": 3, "ready": 0, "failed": 1, "drifted": 0, "rejected": 0, "waiting": 1}
    assert team.status()["objects"] == counts


def test_a_gitsync_deleted_and_made_again_takes_its_objects_back(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    sha = bare_repository.commit(files("a"))
    team.wait_applied(sha)
    version = team.model("a")["metadata"]["resourceVersion"]

    team.cluster.delete(GITOPS, "GitSync", NAME, team.namespace)
    eventually(lambda: engine.claims.claim(team.model_key("a")) is None)
    team.sync()

    team.wait_applied(sha)
    assert team.model("a")["metadata"]["resourceVersion"] == version
    assert engine.claim(Key("Model", team.namespace, "a")).sync == team.key
