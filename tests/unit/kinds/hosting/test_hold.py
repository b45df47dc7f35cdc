"""Whether a rollback is held against Git: row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.records.history import History
from reconciler.core.records.quarantine import Quarantine, QuarantineEntry
from reconciler.core.records.remote_object import Part
from reconciler.core.records.rollout import HoldRecord, RefusedRollback, RolloutRecord
from reconciler.kinds.hosting.desired import HoldVerdict, RollbackRequest, hold_message, weigh
from reconciler.kinds.hosting.records import HostingRecords
from tests.support.passes import NOW

GOOD, GIT = "good", "git"
HISTORY: list[dict[str, Any]] = [
    {"id": 5, "hash": "open", "endpointConfigName": "c-open"},
    {"id": 4, "hash": GIT, "endpointConfigName": "c-git", "result": "Succeeded"},
    {"id": 3, "hash": "bad", "endpointConfigName": "c-bad", "result": "RolledBack"},
    {"id": 2, "hash": "old", "endpointConfigName": "c-old", "result": "Succeeded"},
    {"id": 1, "hash": GOOD, "endpointConfigName": "c-good", "result": "Succeeded", "revision": "main@sha1:1eabc9d2f0"},
]
CONFIGS = {name: Part(name, f"arn:{name}") for name in ("c-git", "c-good", "c-bad")}
NONE_HELD = HostingRecords(history=History.parse(HISTORY), configs=CONFIGS)
BEFORE, LATER = "2025-12-31T00:00:00Z", "2027-01-01T00:00:00+01:00"
HELD = HoldRecord(1, GOOD, "c-good", revision="main@sha1:1eabc9d2f0", git_hash=GIT, since="2026-01-01T00:00:00Z")
CONDEMNED = Quarantine((QuarantineEntry(GOOD),))


def holding(hold: HoldRecord | None) -> HostingRecords:
    return NONE_HELD.with_rollout(hold=hold)


KNOWN = holding(HELD)


@pytest.mark.parametrize(
    "to, until, why",
    [
        ("9", "", "no entry 9"),
        ("abc", "", "no entry abc"),
        ("3", "", "#3 never served (RolledBack)"),
        ("5", "", "under way"),
        ("2", "", "c-old is not kept"),
        ("1", "soon", "a time with a zone"),
        ("1", "2027-01-01T00:00:00", "a time with a zone"),
        ("1", BEFORE, "is over"),
    ],
)
def test_what_cannot_be_held_is_refused_and_changes_nothing(to: str, until: str, why: str) -> None:
    for before in (None, HELD):
        verdict = weigh(RollbackRequest(to, until, new=True), holding(before), GIT, NOW)
        assert why in verdict.refused
        assert (verdict.hold, verdict.begun, verdict.ended) == (before, False, "")


def test_what_is_in_quarantine_is_not_held() -> None:
    verdict = weigh(RollbackRequest("1", new=True), replace(NONE_HELD, quarantine=CONDEMNED), GIT, NOW)
    assert (verdict.hold, "quarantine" in verdict.refused) == (None, True)


@pytest.mark.parametrize("to", ["1", "#1"])
def test_a_hold_begins_with_what_git_wanted_then(to: str) -> None:
    verdict = weigh(RollbackRequest(to, LATER, new=True), NONE_HELD, GIT, NOW)
    assert verdict.begun
    hold = verdict.hold
    assert hold is not None
    assert (hold.id, hold.content.hash, hold.git_hash, hold.until) == (1, GOOD, GIT, "2026-12-31T23:00:00Z")
    assert "#1 (1eabc9d)" in hold_message(hold)
    assert hold.until in hold_message(hold)
    assert HoldRecord.parse(hold.record()) == hold


def test_a_token_that_was_acted_on_begins_nothing() -> None:
    assert weigh(RollbackRequest("1"), NONE_HELD, GIT, NOW) == HoldVerdict()


@pytest.mark.parametrize(
    "asked, records, git, ended",
    [
        (RollbackRequest("1"), KNOWN, GIT, ""),
        (RollbackRequest("1"), KNOWN, "", ""),  # a reference is waited for: nobody knows what Git wants
        (RollbackRequest("1"), replace(KNOWN, history=History()), GIT, ""),
        (RollbackRequest("1"), KNOWN, "other", "Git's content changed"),
        (RollbackRequest("1"), KNOWN, GOOD, "Git's content changed"),
        (RollbackRequest(), KNOWN, GIT, "was removed"),
        (RollbackRequest("1", LATER), KNOWN, GIT, ""),
        (RollbackRequest("1", BEFORE), KNOWN, GIT, "it was to end"),
        (RollbackRequest("1"), replace(KNOWN, quarantine=CONDEMNED), GIT, "quarantine"),
        (RollbackRequest("1"), replace(KNOWN, configs={}), GIT, "not kept"),
    ],
)
def test_how_a_hold_goes_on_or_ends(asked: RollbackRequest, records: HostingRecords, git: str, ended: str) -> None:
    verdict = weigh(asked, records, git, NOW)
    assert ended in verdict.ended
    assert bool(verdict.ended) == bool(ended)
    assert (verdict.hold is None) == bool(ended)


def test_a_hold_that_began_while_git_was_unknown_learns_it() -> None:
    verdict = weigh(RollbackRequest("1"), holding(replace(HELD, git_hash="")), GIT, NOW)
    assert verdict.hold == HELD


@pytest.mark.parametrize(
    "until, after", [(LATER, "2026-12-31T23:00:00Z"), ("", ""), ("nonsense", "2026-06-01T00:00:00Z")]
)
def test_the_end_may_be_moved_meanwhile(until: str, after: str) -> None:
    before = holding(replace(HELD, until="2026-06-01T00:00:00Z"))
    verdict = weigh(RollbackRequest("1", until), before, GIT, NOW)
    assert verdict.hold is not None
    assert verdict.hold.until == after


def test_another_id_replaces_the_hold() -> None:
    verdict = weigh(RollbackRequest("4", new=True), KNOWN, GIT, NOW)
    assert verdict.hold is not None
    assert (verdict.hold.id, verdict.begun, "#4" in verdict.ended) == (4, True, True)


def test_what_status_keeps() -> None:
    rollout = RolloutRecord(phase="Held", hold=HELD, hold_refused=RefusedRollback("9", "no"))
    over = HoldVerdict(ended="Git's content changed").recorded(rollout, RollbackRequest("9"), NOW)
    assert over.hold is None
    assert over.last_hold is not None
    assert (over.last_hold.id, over.last_hold.reason) == (1, "Git's content changed")
    assert over.hold_refused is not None
    assert HoldVerdict().recorded(over, RollbackRequest(), NOW).hold_refused is None
    refused = HoldVerdict(refused="no").recorded(RolloutRecord(), RollbackRequest("9", new=True), NOW)
    assert refused == RolloutRecord(hold_refused=RefusedRollback("9", "no"))
