"""What a worker of loop 2 is told about an object."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.drift.policy import DriftMode
from reconciler.core.resource import Key, Resource
from reconciler.core.sync.spec import OnChange
from tests.integration.sync.conftest import Start
from tests.integration.sync.kit import Engine, Team, files
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually


def test_a_synced_object_is_claimed_with_the_hash_of_its_spec(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync(jobs={"onChange": "Reject"})
    team.wait_applied(bare_repository.commit(files("a")))

    claim = engine.claim(team.model_key("a"))

    assert (claim.sync, claim.mode, claim.on_change) == (team.key, DriftMode.CORRECT, OnChange.REJECT)
    assert claim.hash == engine.claims.live_hash(Resource(team.model("a")), claim)
    eventually(lambda: (found := engine.claims.claim(team.model_key("a"))) and found.settled)
    assert engine.claims.claim(team.model_key("b")) is None


def test_a_claim_is_known_before_the_object_exists(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    known: list[bool] = []

    def look(verb: str, path: str) -> None:
        if verb == "PATCH" and "/models/" in path:
            claim = engine.claims.claim(team.model_key(path.rpartition("/")[2]))
            known.append(claim is not None and not claim.settled)

    engine.client.before = look
    team.sync()
    team.wait_applied(bare_repository.commit(files("a", "b", "c")))

    assert known == [True, True, True]


def test_claims_answer_before_the_first_pass(start: Start, team: Team, bare_repository: BareRepository) -> None:
    first = start()
    team.sync()
    team.wait_applied(bare_repository.commit(files("a")))
    first.stop()

    second = start(workers=0)

    claim = second.claims.claim(team.model_key("a"))
    assert claim
    assert claim.hash == second.claims.live_hash(Resource(team.model("a")), claim)
    assert not claim.settled


def test_an_object_that_was_kept_says_nothing_of_git_any_more(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync(prune={"enabled": False})
    team.wait_applied(bare_repository.commit(files("a", "b")))

    team.wait_applied(bare_repository.delete("prod/b.yaml"))

    eventually(lambda: (claim := engine.claims.claim(team.model_key("b"))) and claim.mode is DriftMode.IGNORE)


def test_a_reported_edit_wakes_the_sync(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a")))
    eventually(engine.idle)
    passes = engine.stats.passes

    engine.claims.report_edit(team.model_key("a"))

    eventually(lambda: engine.stats.passes > passes)


def test_git_counts_as_read_once_a_pass_is_over_and_who_waits_is_woken(
    start: Start, team: Team, bare_repository: BareRepository
) -> None:
    first = start()
    team.sync()
    team.wait_applied(bare_repository.commit(files("a")))
    first.stop()
    key = team.model_key("a")
    second, woken = start(workers=0), list[Key]()
    second.claims.wake_with(woken.append)
    claim = second.claims.claim(key)
    assert claim
    assert (claim.read, claim.in_git) == (False, True)
    second.claims.await_read(key)

    second.claims.want(team.key, [], [])
    second.claims.finish(team.key, [])

    claim = second.claims.claim(key)
    assert claim
    assert (claim.read, claim.in_git, woken) == (True, False, [key])


def test_an_inventory_that_is_older_than_what_was_read_of_git_is_not_acted_on(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    team.wait_applied(bare_repository.commit(files("a")))
    key = team.model_key("a")
    eventually(lambda: (found := engine.claims.claim(key)) and found.read)
    claim = engine.claims.claim(key)
    assert claim
    assert claim.wanted
    newer = replace(claim.wanted, hash="of-a-newer-commit")

    engine.claims.want(team.key, [newer], [])

    claim = engine.claims.claim(key)
    assert claim
    assert not claim.read
