"""Status as others read it: kstatus (Flux, Argo CD, kubectl wait) must come to the right word for every phase."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.core.conditions import clip, stamp
from reconciler.core.decision import Decision, Difference, Phase
from reconciler.core.drift.git_drift import GitDrift
from reconciler.core.drift.policy import Policy
from reconciler.core.resource import UNOBSERVED, Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.status import pruned, render, suspended

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def resource(status: Mapping[str, Any] | None = None, generation: int = 3, **annotations: str) -> Resource:
    metadata = {"name": "x", "namespace": "team", "generation": generation, "annotations": annotations}
    return Resource({"apiVersion": "v1", "kind": "X", "metadata": metadata, "status": dict(status or {})})


def rendered(decision: Decision, before: Mapping[str, Any] | None = None, now: datetime = NOW) -> dict[str, Any]:
    return render(resource(before), decision, policy=Policy(), shape=Structure(()), now=now)


def kstatus(found: Resource) -> str:
    """cli-utils' reading order, for objects it does not know."""
    if found.deleting:
        return "Terminating"
    status = found.body["status"]
    if status.get("observedGeneration") not in (None, found.generation):
        return "InProgress"
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or ()}
    if conditions.get("Stalled") == "True":
        return "Failed"
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    return {"True": "Current", None: "Current"}.get(conditions.get("Ready"), "InProgress")


@pytest.mark.holds("D-16.1")
@pytest.mark.parametrize(
    ("decision", "word"),
    [
        pytest.param(Decision(Phase.READY, "InService"), "Current", id="ready is current"),
        pytest.param(Decision(Phase.ACTING, "Starting"), "InProgress", id="acting is in progress"),
        pytest.param(Decision(Phase.WAITING, "JobRunning"), "InProgress", id="waiting is in progress"),
        pytest.param(Decision(Phase.STALLED, "JobFailed"), "Failed", id="stalled has failed"),
        pytest.param(
            Decision(Phase.STALLED, "RevisionQuarantined", healthy=True),
            "Failed",
            id="rolled back has failed, healthy or not",
        ),
        pytest.param(
            Decision(
                Phase.READY,
                "ExternallyModified",
                differences=(Difference("sagemaker", "/a", "1", "2"),),
            ),
            "Current",
            id="drifted and left so is current",
        ),
    ],
)
def test_kstatus_reads_every_phase_right(decision: Decision, word: str) -> None:
    assert kstatus(resource(rendered(decision))) == word


def test_an_edit_nobody_looked_at_is_in_progress() -> None:
    assert kstatus(resource(rendered(Decision(Phase.READY, "InService")), generation=4)) == "InProgress"


@pytest.mark.holds("D-16.4")
def test_a_pass_that_tells_nothing_new_renders_what_is_there() -> None:
    decision = Decision(Phase.READY, "InService", "serves", {"a": 1}, healthy=True)
    first = rendered(decision)
    assert rendered(decision, first, LATER) == first


def test_transition_time_moves_with_the_status_alone() -> None:
    first = rendered(Decision(Phase.WAITING, "JobRunning", "Starting"))
    second = rendered(Decision(Phase.WAITING, "JobRunning", "Training"), first, LATER)
    third = rendered(Decision(Phase.READY, "Completed"), second, LATER)
    times = [status["conditions"][0]["lastTransitionTime"] for status in (first, second, third)]
    assert times == [stamp(NOW), stamp(NOW), stamp(LATER)]
    assert [condition["type"] for condition in third["conditions"]] == ["Ready"]


def test_drift_keeps_the_moment_it_was_first_seen() -> None:
    drifted = Decision(Phase.READY, "X", differences=(Difference("sagemaker", "/spec/a", "1", "2"),))
    first = rendered(drifted)
    assert first["drift"]["since"] == rendered(drifted, first, LATER)["drift"]["since"] == stamp(NOW)
    assert rendered(Decision(Phase.READY, "X"), first, LATER)["drift"] == {"mode": "Warn", "state": "InSync"}


def test_a_suspended_object_keeps_what_is_known_and_says_why_nothing_moves() -> None:
    stalled = rendered(Decision(Phase.STALLED, "JobFailed", "boom", {"trainingJobStatus": "Failed"}))
    told = _suspended(resource(stalled, generation=4))
    assert told["trainingJobStatus"] == "Failed"
    assert told["observedGeneration"] == 3
    assert [(c["type"], c["status"], c["reason"]) for c in told["conditions"]] == [
        ("Ready", "False", "Suspended"),
        ("Stalled", "True", "JobFailed"),
    ]
    assert _suspended(resource(told, generation=4)) == told

    # What is edited meanwhile is not reverted, and reported.
    edited = _suspended(resource(told, generation=5), Difference("git", "/spec/a", "1", "2", "kubectl-edit"))
    drifted = next(c for c in edited["conditions"] if c["type"] == "Drifted")
    assert (drifted["reason"], edited["drift"]["state"]) == ("EditedInCluster", "Drifted")
    assert drifted["message"] == "1 path differs: /spec/a; edited by kubectl-edit; nothing is corrected: Suspended"
    assert "Drifted" not in {c["type"] for c in _suspended(resource(edited, generation=6))["conditions"]}


def _suspended(found: Resource, *edits: Difference) -> dict[str, Any]:
    policy = Policy(frozen="Suspended")
    return suspended(found, policy=policy, shape=Structure(()), git=GitDrift(edits), now=LATER)


@pytest.mark.holds("D-16.5")
def test_empty_values_are_absent_keys_and_zero_is_a_value() -> None:
    value: dict[str, Any] = {
        "a": "",
        "b": None,
        "c": [],
        "d": {"e": {}},
        "f": 0,
        "g": False,
        "h": [{"i": ""}],
        "t": NOW,
    }
    assert pruned(value) == {"f": 0, "g": False, "h": [{}], "t": "2026-03-01T12:00:00Z"}


@pytest.mark.holds("D-14.12")
def test_texts_are_cut_and_carry_no_control_characters() -> None:
    assert clip("a\x1b[31m\nb") == "a [31m b"
    assert len(clip("x" * 1000)) == 300


def test_kstatus_does_not_take_what_nobody_looked_at_for_done() -> None:
    assert kstatus(resource(dict(UNOBSERVED))) == "InProgress"


def test_what_nobody_looked_at_can_be_suspended() -> None:
    """A condition's observedGeneration is never negative."""
    seen = resource({**UNOBSERVED, "conditions": []})
    status = suspended(seen, policy=Policy(), shape=Structure(()), git=GitDrift(), now=NOW)
    assert [condition["observedGeneration"] for condition in status["conditions"]] == [0]
