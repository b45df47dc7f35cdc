"""Whether a roll-back is held against Git: row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.rollout import Content
from reconciler.kinds.hosting.hold import HOLD, LAST, REFUSED, Ask, Hold, Known, Verdict, told, weigh
from tests.support.passes import NOW

GOOD, GIT = "good", "git"
HISTORY: list[dict[str, Any]] = [
    {"id": 5, "hash": "open", "endpointConfigName": "c-open"},
    {"id": 4, "hash": GIT, "endpointConfigName": "c-git", "result": "Succeeded"},
    {"id": 3, "hash": "bad", "endpointConfigName": "c-bad", "result": "RolledBack"},
    {"id": 2, "hash": "old", "endpointConfigName": "c-old", "result": "Succeeded"},
    {"id": 1, "hash": GOOD, "endpointConfigName": "c-good", "result": "Succeeded", "revision": "main@sha1:1eabc9d2f0"},
]
KNOWN = Known(HISTORY, {"c-git", "c-good", "c-bad"}, set())
BEFORE, LATER = "2025-12-31T00:00:00Z", "2027-01-01T00:00:00+01:00"
HELD = Hold(1, Content(GOOD, "c-good"), GIT, "2026-01-01T00:00:00Z", "", {"revision": "main@sha1:1eabc9d2f0"})


@pytest.mark.parametrize(
    "to, until, why",
    [
        ("9", "", "no entry 9"),
        ("abc", "", "no entry abc"),
        ("3", "", "#3 never served (RolledBack)"),
        ("5", "", "under way"),
        ("2", "", "c-old is not kept"),
        ("1", "soon", "no time"),
        ("1", "2027-01-01T00:00:00", "no time"),
        ("1", BEFORE, "is over"),
    ],
)
def test_what_cannot_be_held_is_refused_and_changes_nothing(to: str, until: str, why: str) -> None:
    for before in (None, HELD):
        verdict = weigh(before, Ask(to, until, new=True), KNOWN, GIT, NOW)
        assert why in verdict.refused
        assert (verdict.hold, verdict.begun, verdict.ended) == (before, False, "")


def test_what_is_in_quarantine_is_not_held() -> None:
    verdict = weigh(None, Ask("1", new=True), replace(KNOWN, quarantined={GOOD}), GIT, NOW)
    assert (verdict.hold, "quarantine" in verdict.refused) == (None, True)


@pytest.mark.parametrize("to", ["1", "#1"])
def test_a_hold_begins_with_what_git_wanted_then(to: str) -> None:
    verdict = weigh(None, Ask(to, LATER, new=True), KNOWN, GIT, NOW)
    assert verdict.begun
    hold = verdict.hold
    assert hold is not None
    assert (hold.id, hold.content.hash, hold.git, hold.until) == (1, GOOD, GIT, "2026-12-31T23:00:00Z")
    assert "#1 (1eabc9d)" in hold.says
    assert hold.until in hold.says
    assert Hold.parse(hold.record()) == hold


def test_a_token_that_was_acted_on_begins_nothing() -> None:
    assert weigh(None, Ask("1"), KNOWN, GIT, NOW) == Verdict()


@pytest.mark.parametrize(
    "ask, known, git, ended",
    [
        (Ask("1"), KNOWN, GIT, ""),
        (Ask("1"), KNOWN, "", ""),  # a reference is waited for: nobody knows what Git wants
        (Ask("1"), replace(KNOWN, history=[]), GIT, ""),
        (Ask("1"), KNOWN, "other", "Git's content changed"),
        (Ask("1"), KNOWN, GOOD, "Git's content changed"),
        (Ask(), KNOWN, GIT, "was removed"),
        (Ask("1", LATER), KNOWN, GIT, ""),
        (Ask("1", BEFORE), KNOWN, GIT, "it was to end"),
        (Ask("1"), replace(KNOWN, quarantined={GOOD}), GIT, "quarantine"),
        (Ask("1"), replace(KNOWN, configs=set()), GIT, "not kept"),
    ],
)
def test_how_a_hold_goes_on_or_ends(ask: Ask, known: Known, git: str, ended: str) -> None:
    verdict = weigh(HELD, ask, known, git, NOW)
    assert ended in verdict.ended
    assert bool(verdict.ended) == bool(ended)
    assert (verdict.hold is None) == bool(ended)


def test_a_hold_that_began_while_git_was_unknown_learns_it() -> None:
    verdict = weigh(replace(HELD, git=""), Ask("1"), KNOWN, GIT, NOW)
    assert verdict.hold == HELD


@pytest.mark.parametrize(
    "until, after", [(LATER, "2026-12-31T23:00:00Z"), ("", ""), ("nonsense", "2026-06-01T00:00:00Z")]
)
def test_the_end_may_be_moved_meanwhile(until: str, after: str) -> None:
    verdict = weigh(replace(HELD, until="2026-06-01T00:00:00Z"), Ask("1", until), KNOWN, GIT, NOW)
    assert verdict.hold is not None
    assert verdict.hold.until == after


def test_another_id_replaces_the_hold() -> None:
    verdict = weigh(HELD, Ask("4", new=True), KNOWN, GIT, NOW)
    assert verdict.hold is not None
    assert (verdict.hold.id, verdict.begun, "#4" in verdict.ended) == (4, True, True)


def test_what_status_tells() -> None:
    rollout = {"phase": "Held", HOLD: HELD.record(), REFUSED: {"rollbackTo": "9", "message": "no"}}
    over = told(rollout, Ask("9"), Verdict(ended="Git's content changed"), NOW)
    assert HOLD not in over
    assert (over[LAST]["id"], over[LAST]["reason"]) == (1, "Git's content changed")
    assert REFUSED in over
    assert REFUSED not in told(over, Ask(), Verdict(), NOW)
    assert told({}, Ask("9", new=True), Verdict(refused="no"), NOW) == {REFUSED: {"rollbackTo": "9", "message": "no"}}
