"""What a difference leads to, and what `status.drift` remembers of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.core.conditions import stamp
from reconciler.core.decision import Decision, Difference, Phase
from reconciler.core.drift.git_drift import GitDrift, Reverted, remembered
from reconciler.core.drift.policy import DriftMode, DriftVerdict, Policy
from reconciler.core.drift.record import condition, look_again, notices, record, verified
from reconciler.core.records.drift import DriftRecord
from reconciler.core.schema.shapes import Field, Scalar, Structure

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHAPE = Structure((Field("secret", Scalar("string", secret=True)), Field("plain", Scalar("string"))))
MOVED = Difference("sagemaker", "/status/endpointConfigName", "a", "b")
WEIGHT = Difference("sagemaker", "/spec/productionVariants/0/initialVariantWeight", "1", "2", careful=True)
RECENT = [{"path": MOVED.path, "at": stamp(NOW - timedelta(minutes=minutes))} for minutes in (50, 30, 10)]


def drifted(**more: Any) -> Mapping[str, Any]:
    return {"drift": {"corrected": {"at": stamp(NOW), "count": 3, "paths": [MOVED.path], "recent": RECENT}, **more}}


@pytest.mark.holds("D-7.2")
@pytest.mark.parametrize(
    ("mode", "difference", "more", "verdict"),
    [
        pytest.param("Correct", MOVED, {}, DriftVerdict.CORRECT, id="Correct puts right"),
        pytest.param("Warn", MOVED, {}, DriftVerdict.REPORT, id="Warn reports"),
        pytest.param("Ignore", MOVED, {}, DriftVerdict.IGNORE, id="Ignore looks away"),
        pytest.param("Correct", WEIGHT, {}, DriftVerdict.REPORT, id="a weight is only reported by default"),
        pytest.param("Correct", WEIGHT, {"written": True}, DriftVerdict.CORRECT, id="unless Correct is written out"),
        pytest.param("Correct", MOVED, {"adopted": True}, DriftVerdict.REPORT, id="what was adopted is only reported"),
        pytest.param(
            "Correct",
            MOVED,
            {"adopted": True, "written": True},
            DriftVerdict.CORRECT,
            id="unless Correct is written out there",
        ),
        pytest.param("Correct", MOVED, {"ignored": [MOVED.path]}, DriftVerdict.IGNORE, id="an ignored path"),
        pytest.param(
            "Correct",
            WEIGHT,
            {"ignored": ["/spec/productionVariants"]},
            DriftVerdict.IGNORE,
            id="a path below an ignored one",
        ),
        pytest.param(
            "Correct",
            WEIGHT,
            {"ignored": ["/spec/prod"], "written": True},
            DriftVerdict.CORRECT,
            id="not a mere prefix of it",
        ),
        pytest.param(
            "Correct", MOVED, {"past": drifted()}, DriftVerdict.REPORT, id="put right three times within the hour"
        ),
        pytest.param(
            "Correct",
            WEIGHT,
            {"past": drifted(), "written": True},
            DriftVerdict.CORRECT,
            id="another path than the flapping one",
        ),
    ],
)
def test_verdict(mode: str, difference: Difference, more: dict[str, Any], verdict: DriftVerdict) -> None:
    policy = Policy.of(DriftMode(mode), more.pop("past", {}), NOW, **more)
    assert policy.verdict(difference) is verdict


def test_a_path_may_be_put_right_again_when_the_hour_is_over() -> None:
    later = NOW + timedelta(minutes=11)
    assert Policy.of(DriftMode.CORRECT, drifted(), later).verdict(MOVED) is DriftVerdict.CORRECT
    assert look_again(DriftRecord.parse({"state": "Drifted", **drifted()["drift"]}), NOW) == timedelta(minutes=10)


def told(*steps: tuple[Decision, timedelta]) -> list[DriftRecord]:
    """`status.drift` after each decision, so long after noon."""
    found: list[DriftRecord] = []
    for decision, after in steps:
        past = found[-1] if found else DriftRecord()
        found.append(record(past, decision, Policy(DriftMode.CORRECT), shape=SHAPE, now=NOW + after))
    return found


FOUND = Decision(Phase.ACTING, "x", differences=(MOVED,), corrects=(MOVED.path,))
MOVING = Decision(Phase.WAITING, "x")
SETTLED = Decision(Phase.READY, "x")
LEFT = Decision(Phase.READY, "x", differences=(MOVED,))


def test_found_being_put_right_and_seen_to_be_gone() -> None:
    steps = told(
        (FOUND, timedelta(0)),
        (MOVING, timedelta(minutes=1)),
        (SETTLED, timedelta(minutes=9)),
        (SETTLED, timedelta(minutes=30)),
        (SETTLED, timedelta(minutes=69)),
    )
    assert [step.state for step in steps] == ["Drifted", "Drifted", "Corrected", "Corrected", "InSync"]
    assert [step.since for step in steps[:2]] == [stamp(NOW)] * 2
    corrected = steps[2].corrected
    assert corrected is not None
    assert (corrected.at, corrected.count, list(corrected.paths)) == (
        stamp(NOW + timedelta(minutes=9)),
        1,
        [MOVED.path],
    )
    assert steps[4].corrected == corrected
    assert look_again(steps[2], NOW + timedelta(minutes=9)) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("decision", "state"),
    [
        pytest.param(SETTLED, "InSync", id="gone without us is no correction"),
        pytest.param(LEFT, "Drifted", id="still there"),
        pytest.param(Decision(Phase.WAITING, "x", differences=None), "Drifted", id="an error says nothing new"),
        pytest.param(Decision(Phase.READY, "x", held=True), "Held", id="held against Git"),
        pytest.param(Decision(Phase.READY, "x", unknown_drift="no right"), "Unknown", id="nobody can tell"),
        pytest.param(
            Decision(Phase.READY, "x", differences=(MOVED,), unknown_drift="no right"),
            "Drifted",
            id="what is seen counts",
        ),
    ],
)
def test_what_was_reported_becomes(decision: Decision, state: str) -> None:
    assert told((LEFT, timedelta(0)), (decision, timedelta(minutes=1)))[-1].state == state


@pytest.mark.holds("D-7.5")
def test_each_difference_keeps_the_moment_it_was_first_seen() -> None:
    both = Decision(Phase.READY, "x", differences=(MOVED, WEIGHT))
    first, second = told((LEFT, timedelta(0)), (both, timedelta(minutes=5)))
    assert [one.since for one in second.differences] == [stamp(NOW), stamp(NOW + timedelta(minutes=5))]
    assert second.since == first.since


@pytest.mark.holds("D-14.11")
def test_a_value_that_may_be_secret_is_told_as_a_digest() -> None:
    git = GitDrift((Difference("git", "/spec/secret", "hush", None), Difference("git", "/spec/plain", "a", "b")))
    told_of = record(DriftRecord(), SETTLED, Policy(), shape=SHAPE, now=NOW, git=git)
    secret, plain = told_of.differences
    assert secret.desired.startswith("changed (sha256:")
    assert (secret.live, plain.desired, plain.live) == ("", "a", "b")
    # What a process remembers of it from status is told the same way by the next one.
    again = record(told_of, SETTLED, Policy(), shape=SHAPE, now=NOW, git=GitDrift(remembered(told_of)))
    assert again.differences == told_of.differences


STUCK = Difference("sagemaker", "/status/x", "a", "b", stuck="do this")


def test_what_never_can_be_put_right_is_only_told_with_the_way_out() -> None:
    policy = Policy(DriftMode.CORRECT, written=True)
    assert policy.verdict(STUCK) is DriftVerdict.REPORT
    found = Decision(Phase.READY, "x", differences=(STUCK,))
    told_of = record(DriftRecord(), found, policy, shape=SHAPE, now=NOW)
    drifted_now = condition(told_of, found, policy, ())
    assert drifted_now is not None
    assert drifted_now.message.endswith("; do this")


@pytest.mark.parametrize(
    ("unseen", "ignored", "state"),
    [
        pytest.param((MOVED.path,), (), "Drifted", id="not looked at: what was told stands"),
        pytest.param(("/status",), (), "Drifted", id="nor anything below it"),
        pytest.param(("/spec",), (), "InSync", id="looked at: it is gone"),
        pytest.param((MOVED.path,), (MOVED.path,), "InSync", id="nobody's business by now"),
    ],
)
def test_what_was_not_looked_at_stands(unseen: tuple[str, ...], ignored: tuple[str, ...], state: str) -> None:
    policy = Policy(DriftMode.WARN, ignored=ignored)
    before = record(DriftRecord(), LEFT, policy if not ignored else Policy(), shape=SHAPE, now=NOW)
    told_before = condition(before, LEFT, Policy(), ())
    later = Decision(Phase.READY, "x", unseen=unseen)
    after = record(before, later, policy, shape=SHAPE, now=NOW + timedelta(minutes=1))
    assert after.state == state
    if state == "Drifted":
        assert after.differences == before.differences
        assert told_before is not None
        known = [{"type": "Drifted", "status": "True", "reason": told_before.reason, "message": told_before.message}]
        assert condition(after, later, policy, known) == told_before


def test_an_edit_put_back_by_the_sync_counts_as_a_correction() -> None:
    put = Reverted(("/spec/plain",), "7", NOW, "kubectl-edit")
    first = record(DriftRecord(), SETTLED, Policy(), shape=SHAPE, now=NOW, git=GitDrift(reverted=(put,)))
    assert first.corrected is not None
    assert (first.state, list(first.corrected.paths)) == ("Corrected", ["/spec/plain"])
    assert (first.corrected.by, first.corrected.count) == ("kubectl-edit", 1)

    again = record(first, SETTLED, Policy(), shape=SHAPE, now=NOW + timedelta(minutes=1), git=GitDrift(reverted=(put,)))
    assert again.corrected == first.corrected  # told twice, it is one
    other = replace(put, edit="9", at=NOW + timedelta(minutes=2))
    both = record(first, SETTLED, Policy(), shape=SHAPE, now=other.at, git=GitDrift(reverted=(put, other)))
    assert both.corrected is not None
    assert (both.corrected.count, both.corrected.at) == (2, stamp(other.at))


@pytest.mark.holds("D-7.5")
def test_events_tell_changes_only() -> None:
    found, moving, settled = told((FOUND, timedelta(0)), (MOVING, timedelta(0)), (SETTLED, timedelta(minutes=1)))
    reason = MOVED.reason
    assert [(n.type, n.reason) for n in notices(DriftRecord(), found, reason)] == [("Warning", "ExternallyModified")]
    assert list(notices(found, moving, reason)) == []
    assert [n.reason for n in notices(moving, settled, "")] == ["DriftCorrected"]
    assert list(notices(settled, settled, "")) == []


def test_the_condition_names_the_reason_and_says_when_a_path_flaps() -> None:
    (found,) = told((LEFT, timedelta(0)))
    calm = condition(found, LEFT, Policy(), ())
    wild = condition(found, LEFT, Policy(DriftMode.CORRECT, flapping=frozenset({MOVED.path})), ())
    assert calm is not None
    assert wild is not None
    assert (calm.reason, wild.reason) == ("ExternallyModified", "DriftFlapping")
    assert condition(DriftRecord(state="InSync"), SETTLED, Policy(), ()) is None


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        pytest.param(Policy(DriftMode.CORRECT), True, id="by default: why it stands, and the way out"),
        pytest.param(Policy(DriftMode.CORRECT, written=True), False, id="where Correct was written out"),
        pytest.param(Policy(DriftMode.WARN), False, id="where nothing is put right"),
    ],
)
def test_a_weight_that_correct_leaves_alone_says_so(policy: Policy, said: bool) -> None:
    found = Decision(Phase.READY, "x", differences=(WEIGHT,))
    (drift,) = told((found, timedelta(0)))
    told_of = condition(drift, found, policy, ())
    assert told_of is not None
    assert ("corrected where Correct is written out" in told_of.message) is said


@pytest.mark.parametrize(
    ("changed", "seen_after", "told"),
    [
        pytest.param(False, timedelta(hours=23), None, id="nothing else changed: not yet"),
        pytest.param(False, timedelta(hours=25), timedelta(hours=25), id="nothing else changed for a day"),
        pytest.param(True, timedelta(minutes=1), timedelta(minutes=1), id="with whatever else is written"),
        pytest.param(True, None, None, id="nothing is watched"),
    ],
)
def test_when_it_was_verified_costs_no_write_of_its_own_but_one_a_day(
    changed: bool, seen_after: timedelta | None, told: timedelta | None
) -> None:
    past = {
        "conditions": [{"type": "Ready", "lastTransitionTime": stamp(NOW)}],
        "drift": {"state": "InSync"},
    }
    status = {**past, "additional": "new"} if changed else past
    found = verified(status, past, None if seen_after is None else NOW + seen_after)
    assert found["drift"].get("lastVerified") == (None if told is None else stamp(NOW + told))


def test_what_somebody_wrote_into_status_is_read_as_far_as_it_makes_sense() -> None:
    known = {"plane": "sagemaker", "path": MOVED.path, "since": stamp(NOW)}
    past = DriftRecord.parse({"state": "Drifted", "differences": [known, "x", {}], "corrected": 7, "mode": ["Warn"]})
    assert (past.mode, past.corrected, [one.path for one in past.differences]) == ("", None, [MOVED.path])
    after = record(past, LEFT, Policy(), shape=SHAPE, now=NOW + timedelta(minutes=5))
    assert [one.since for one in after.differences] == [stamp(NOW)]
