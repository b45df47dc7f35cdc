"""A rewritten branch is a silent rollback of production: it waits for somebody who says that it is meant."""

from __future__ import annotations

import pytest

from tests.integration.sync.conftest import Start
from tests.integration.sync.kit import Engine, Team, files
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually


def rewritten(team: Team, repository: BareRepository) -> tuple[str, str]:
    """The commit that was applied, and the one that the branch was then forced to."""
    team.sync()
    base = repository.commit(files("a"))
    team.wait_applied(base)
    applied = repository.commit(files("b"))
    team.wait_applied(applied)
    repository.branch("rewrite", base)
    forced = repository.commit(files("c"), branch="rewrite")
    repository.branch("main", "rewrite")
    return applied, forced


@pytest.mark.holds("D-6.5")
def test_nothing_is_applied_until_somebody_allows_it(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    applied, forced = rewritten(team, bare_repository)

    message = team.wait_reason("NonFastForward")["message"]
    assert forced[:7] in message
    status = team.status()
    assert team.condition("Stalled")["status"] == "True"
    assert status["lastAppliedRevision"].endswith(applied)
    assert status["lastAttemptedRevision"].endswith(forced)
    assert team.models() == {"a", "b"}

    team.say(allow_rewind=forced[:10])

    team.wait_applied(forced)
    eventually(lambda: team.models() == {"a", "c"})


def test_a_restart_does_not_forget_it(start: Start, team: Team, bare_repository: BareRepository) -> None:
    first = start()
    applied, _ = rewritten(team, bare_repository)
    team.wait_reason("NonFastForward")
    first.stop()

    second = start()
    eventually(lambda: second.stats.resolves >= 1)
    second.controller.look(team.key)

    assert team.condition()["reason"] == "NonFastForward"
    assert team.status()["lastAppliedRevision"].endswith(applied)
    assert team.models() == {"a", "b"}


def test_the_rule_can_be_switched_off(engine: Engine, team: Team, bare_repository: BareRepository) -> None:
    _, forced = rewritten(team, bare_repository)
    team.wait_reason("NonFastForward")

    team.sync(requireFastForward=False)

    team.wait_applied(forced)


def test_another_branch_may_be_followed_at_any_time(
    engine: Engine, team: Team, bare_repository: BareRepository
) -> None:
    team.sync()
    base = bare_repository.commit(files("a"))
    bare_repository.branch("other", base)
    team.wait_applied(bare_repository.commit(files("b")))
    sha = bare_repository.commit(files("c"), branch="other")

    team.sync(repo={"ref": {"branch": "other"}})

    team.wait_applied(sha)
