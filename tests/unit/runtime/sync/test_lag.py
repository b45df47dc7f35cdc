from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.core.git.source import Commit
from reconciler.core.meters import Unmetered
from reconciler.core.resource import Key, Resource
from reconciler.runtime.sync.lag import SyncLag
from tests.support.small_cluster import SetClock, SmallCluster

SYNC = Key("GitSync", "team", "main")
A, B = Key("Model", "team", "a"), Key("Model", "team", "b")
FIRST, SECOND, THIRD = "1" * 40, "2" * 40, "3" * 40


class Site(Unmetered):
    """A GitSync that had applied the first commit, and two objects, ready as that commit wanted them."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.told: list[tuple[str, float]] = []
        self.cluster = SmallCluster()
        self.lag = SyncLag(self.cluster.get, self.clock, self)
        self.cluster.subscribe(self.lag.changed)
        self.put(A, 1)
        self.put(B, 1)
        self.sync = self.had_applied(FIRST)

    def applied(self, sync: Key, seconds: float) -> None:
        assert sync == SYNC
        self.told.append(("applied", seconds))

    def healthy(self, sync: Key, seconds: float) -> None:
        assert sync == SYNC
        self.told.append(("healthy", seconds))

    def gone(self, sync: Key) -> None:
        assert sync == SYNC
        self.told.append(("gone", 0.0))

    def had_applied(self, sha: str) -> Resource:
        status = {"lastAppliedRevision": f"main@sha1:{sha}"} if sha else {}
        return self.cluster.put({"kind": "GitSync", "metadata": {"name": "main"}, "status": status})

    def put(self, key: Key, generation: int, *, seen: int | None = None, ready: bool = True) -> None:
        conditions = [{"type": "Ready", "status": "True" if ready else "False", "reason": "x"}]
        status: dict[str, Any] = {"conditions": conditions, "observedGeneration": seen or generation}
        metadata = {"name": key.name, "generation": generation}
        self.cluster.put({"kind": key.kind, "metadata": metadata, "status": status})

    def passed(self, sha: str, *keys: Key, after_s: float = 10, complete: bool = True) -> None:
        """A pass over a commit of that age; what it applied has a new generation that nobody has seen yet."""
        for key in keys:
            self.put(key, 2, seen=1)
        commit = Commit.of(sha, "Ada", "Change", self.clock.now() - timedelta(seconds=after_s))
        self.lag.passed(self.sync, commit, keys, complete=complete)


@pytest.fixture
def site() -> Site:
    return Site()


def test_from_commit_to_applied_to_healthy(site: Site) -> None:
    site.passed(SECOND, A, B)
    site.clock.pass_s(30)
    site.put(A, 2)
    assert site.told == [("applied", 10)]
    site.clock.pass_s(30)
    site.put(B, 2, ready=False)
    site.put(B, 2)
    site.put(B, 2, ready=False)
    site.put(B, 2)
    assert site.told == [("applied", 10), ("healthy", 60)]


def test_ready_as_before_the_commit_is_not_healthy(site: Site) -> None:
    site.passed(SECOND, A)
    site.put(A, 1)  # an event that was on its way
    site.put(A, 2, seen=1)
    assert site.told == [("applied", 10)]


def test_healthy_before_anybody_waited_counts(site: Site) -> None:
    commit = Commit.of(SECOND, "Ada", "Change", site.clock.now())
    site.put(A, 2)
    site.lag.passed(site.sync, commit, [A], complete=True)
    assert site.told == [("applied", 0), ("healthy", 0)]


def test_a_commit_that_takes_several_passes_waits_for_the_objects_of_all(site: Site) -> None:
    site.passed(SECOND, A, complete=False)
    site.put(A, 2)
    assert site.told == []
    site.clock.pass_s(5)
    site.passed(SECOND, B, after_s=15)
    assert site.told == [("applied", 15)]
    site.put(B, 2)
    assert site.told == [("applied", 15), ("healthy", 0)]


def test_the_first_commit_of_a_sync_has_no_age(site: Site) -> None:
    site.sync = site.had_applied("")
    site.passed(SECOND, A, after_s=10**8)
    site.put(A, 2)
    assert site.told == [("healthy", 0)]


def test_what_is_put_back_later_is_no_new_commit(site: Site) -> None:
    site.passed(FIRST, A)
    site.put(A, 2)
    assert site.told == []
    site.passed(SECOND, A)
    site.put(A, 2)
    site.sync = site.had_applied(SECOND)
    site.passed(SECOND, B)
    site.put(B, 2)
    assert site.told == [("applied", 10), ("healthy", 0)]


def test_a_commit_that_is_overtaken_is_never_healthy(site: Site) -> None:
    site.passed(SECOND, A)
    site.sync = site.had_applied(SECOND)
    site.passed(THIRD, B)
    site.put(A, 2)
    assert site.told == [("applied", 10), ("applied", 10)]
    site.put(B, 2)
    assert site.told[2:] == [("healthy", 0)]


def test_an_object_that_goes_is_not_waited_for(site: Site) -> None:
    site.passed(SECOND, A)
    site.cluster.drop(A)
    assert site.told == [("applied", 10), ("healthy", 0)]


def test_a_clock_behind_the_committers_counts_as_no_time(site: Site) -> None:
    site.passed(SECOND, after_s=-100)
    assert site.told == [("applied", 0)]


def test_a_sync_that_goes_is_forgotten(site: Site) -> None:
    site.passed(SECOND, A)
    site.cluster.drop(SYNC)
    site.put(A, 2)
    assert site.told == [("applied", 10), ("gone", 0)]
    assert not site.lag._journeys
    assert not site.lag._awaited
