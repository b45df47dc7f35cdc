"""kill -9 between any two calls of a pass: the next process converges, and no object of ours is ever forgotten."""

from __future__ import annotations

import itertools

import pytest

from reconciler.core.git import inventory as inventories
from reconciler.core.resource import Annotation, Resource
from tests.integration.sync.conftest import Start
from tests.integration.sync.kit import LEGACY, Engine, Team, files, spec
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually


class KilledError(BaseException):
    """Not an Exception: nothing of the service may catch it."""


def kill_at(engine: Engine, call: int, *, answered: bool) -> None:
    """End the process at its n-th request: before it is sent, or after the server acted on it. Nothing is sent later."""
    calls = itertools.count(1)
    dead = False

    def before(_verb: str, _path: str) -> None:
        nonlocal dead
        if dead or (not answered and next(calls) >= call):
            dead = True
            raise KilledError

    def after(_verb: str, _path: str) -> None:
        nonlocal dead
        if answered and next(calls) >= call:
            dead = True
            raise KilledError

    engine.client.before, engine.client.after = before, after


@pytest.mark.holds("D-10.10")
@pytest.mark.parametrize(
    "answered",
    [
        # Outside the process it is what "after" the call before it left.
        pytest.param(False, id="before the call", marks=pytest.mark.endurance),
        pytest.param(True, id="after the call"),
    ],
)
def test_any_crash_is_put_right_by_the_next_start(
    start: Start, team: Team, bare_repository: BareRepository, answered: bool
) -> None:
    bare_repository.commit(files("edited", "kept"))
    team.sync()
    points = 0
    for call in itertools.count(1):
        stage(team, start, bare_repository, call)
        engine = start(workers=0)
        kill_at(engine, call, answered=answered)
        try:
            engine.controller.look(team.key)
            crashed = False
        except KilledError:
            crashed = True
        engine.stop()
        if not crashed:
            break
        points += 1
        nothing_is_forgotten(team)
        recovered = start(workers=0)
        claims_know_what_git_held(recovered, team, call)
        recovered.controller.look(team.key)
        recovered.stop()
        converged(team, call)
    assert points >= 7


def stage(team: Team, start: Start, repository: BareRepository, call: int) -> None:
    """A settled sync; then a commit that changes, adds and removes, and an edit in the cluster."""
    image = {"primaryContainer": {"image": f"team:{call}"}}
    removed = {f"prod/added-{call - 1}.yaml": None}
    repository.commit({**files("changed", **image), **files(f"removed-{call}"), **removed})
    engine = start(workers=0)
    engine.controller.look(team.key)
    engine.stop()
    repository.commit(
        {
            **files("changed", primaryContainer={"image": f"team:{call}-new"}),
            **files(f"added-{call}"),
            f"prod/removed-{call}.yaml": None,
        }
    )
    evil = {"spec": {"primaryContainer": {"image": "evil:1"}}}
    team.cluster.merge(LEGACY, "Model", "edited", team.namespace, evil)


def nothing_is_forgotten(team: Team) -> None:
    owned = {
        item["metadata"]["name"]
        for item in team.cluster.list(LEGACY, "Model", team.namespace)
        if Annotation.OWNER in item["metadata"]["annotations"]
    }
    assert owned <= team.inventory()


def claims_know_what_git_held(engine: Engine, team: Team, call: int) -> None:
    """Before the first pass of the new process: content of Git is trusted, the edit is not."""
    eventually(lambda: engine.claims.claim(team.model_key("kept")))
    for item in team.cluster.list(LEGACY, "Model", team.namespace):
        resource = Resource(item)
        claim = engine.claims.claim(resource.key)
        assert claim, resource.key
        assert not claim.settled
        image = item["spec"]["primaryContainer"]["image"]
        assert (engine.claims.live_hash(resource, claim) == claim.hash) is (image != "evil:1"), (resource.key, image)


def converged(team: Team, call: int) -> None:
    expected = {"edited", "kept", "changed", f"added-{call}"}
    assert team.models() == expected
    assert team.inventory() == expected
    assert team.model("edited")["spec"] == spec()
    assert team.model("changed")["spec"]["primaryContainer"]["image"] == f"team:{call}-new"
    assert team.condition()["status"] == "True"
    hashes = inventories.read(team.status()["inventory"])
    assert all(len(known) == 1 for known in hashes.values())
