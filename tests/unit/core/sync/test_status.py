from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.core.conditions import find
from reconciler.core.git.source import Commit, Revision
from reconciler.core.manifests.parse import Rejection
from reconciler.core.resource import Resource
from reconciler.core.sync.status import Counts, Drift, SyncOutcome, SyncReport, SyncVerdict, Work, render

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REVISION = Revision("main", "a" * 40)
DONE = SyncOutcome(SyncVerdict.SUCCEEDED, "ReconciliationSucceeded", "Applied")
COMMIT = Commit("a" * 40, "Ada", "Add a", NOW)


def sync(status: dict[str, Any] | None = None) -> Resource:
    metadata = {"name": "team", "namespace": "team", "generation": 3}
    return Resource({"apiVersion": "v1", "kind": "GitSync", "metadata": metadata, "status": status or {}})


def rendered(past: dict[str, Any] | None = None, now: datetime = NOW, **report: Any) -> dict[str, Any]:
    return render(sync(past), SyncReport(**{"outcome": DONE, "generation": 3, **report}), now)


def types(status: dict[str, Any]) -> dict[str, str]:
    return {condition["type"]: condition["status"] for condition in status["conditions"]}


@pytest.mark.holds("D-16.1")
@pytest.mark.parametrize(
    ("verdict", "expected", "observed"),
    [
        (SyncVerdict.SUCCEEDED, {"Ready": "True"}, 3),
        (SyncVerdict.WORKING, {"Ready": "Unknown", "Reconciling": "True"}, None),
        (SyncVerdict.RETRYING, {"Ready": "False", "Reconciling": "True"}, None),
        (SyncVerdict.STALLED, {"Ready": "False", "Stalled": "True"}, 3),
        (SyncVerdict.SUSPENDED, {"Ready": "Unknown"}, 3),
    ],
)
def test_conditions_as_kstatus_reads_them(verdict: SyncVerdict, expected: dict[str, str], observed: int | None) -> None:
    status = rendered(outcome=SyncOutcome(verdict, "Reason", "text"))

    assert types(status) == expected
    assert status.get("observedGeneration") == observed


def test_the_same_report_again_changes_nothing() -> None:
    report: dict[str, Any] = {
        "attempted": REVISION,
        "applied": REVISION,
        "inventory": ["Model/team/a@h"],
        "counts": Counts(1, 1),
        "rejected": [],
        "drift": Drift(),
        "work": Work(COMMIT, NOW, applied=1),
    }
    first = rendered(**report)
    again = {**report, "work": Work(COMMIT, NOW + timedelta(hours=1))}

    assert rendered(first, NOW + timedelta(hours=1), **again) == first


def test_what_a_report_does_not_say_is_carried_over() -> None:
    past = rendered(attempted=REVISION, applied=REVISION, inventory=["Model/team/a@h"], counts=Counts(1), handled="t")

    status = rendered(past, outcome=SyncOutcome(SyncVerdict.RETRYING, "TimedOut", "no answer"))

    for field in ("lastAppliedRevision", "lastAttemptedRevision", "inventory", "objects", "lastHandledReconcileAt"):
        assert status[field] == past[field]


def test_conditions_and_fields_of_others_stay() -> None:
    foreign = {"type": "SourceVerified", "status": "True", "reason": "x", "message": "", "lastTransitionTime": "x"}

    status = rendered({"conditions": [foreign], "later": {"field": 1}})

    assert find(status["conditions"], "SourceVerified") == foreign
    assert status["later"] == {"field": 1}


@pytest.mark.holds("D-12.3")
def test_rejections_are_bounded() -> None:
    faults = [Rejection.of(f"{number}.yaml", 1, "InvalidYAML", "x" * 1000) for number in range(60)]

    status = rendered(rejected=faults, counts=Counts(rejected=60))

    assert len(status["rejected"]) == 50
    assert max(len(fault["message"]) for fault in status["rejected"]) <= 300
    assert status["objects"]["rejected"] == 60


@pytest.mark.holds("D-12.3")
def test_a_file_with_many_rejections_hides_no_other_file() -> None:
    faults = [Rejection.of("crowd.yaml", number, "NotAManifest", "x") for number in range(60)]

    status = rendered(rejected=[*faults, Rejection.of("last.yaml", 1, "InvalidYAML", "y")])

    assert len(status["rejected"]) == 50
    assert status["rejected"][-1]["path"] == "last.yaml"


def test_history_holds_ten_revisions_newest_first() -> None:
    status: dict[str, Any] = {}
    for number in range(12):
        revision = Revision("main", f"{number:040x}")
        commit = Commit(revision.sha, "Ada", f"Change {number}", NOW)
        status = rendered(status, attempted=revision, work=Work(commit, NOW, applied=1))

    assert [entry["subject"] for entry in status["history"]] == [f"Change {number}" for number in range(11, 1, -1)]


def test_a_revision_that_fails_first_has_one_entry() -> None:
    failed = SyncOutcome(SyncVerdict.RETRYING, "Throttled", "slow down")
    status = rendered(outcome=failed, attempted=REVISION, work=Work(COMMIT, NOW, applied=2, failed=1))

    later = NOW + timedelta(minutes=1)
    status = rendered(status, later, attempted=REVISION, work=Work(COMMIT, later, applied=1))

    (entry,) = status["history"]
    assert (entry["result"], entry["applied"], entry["failed"]) == ("Succeeded", 3, 0)
    assert entry["startedAt"] < entry["finishedAt"]


@pytest.mark.parametrize(
    ("drift", "reason", "message"),
    [
        pytest.param(Drift(edited=("Model/a /spec/x",)), "DriftDetected", "edited in the cluster: Model/a /spec/x", id="an edit"),
        pytest.param(Drift(elsewhere=("Model/b /status/x",)), "DriftDetected", "in SageMaker: Model/b /status/x", id="in SageMaker"),
        pytest.param(
            Drift(fought=("Model/a /spec/x",), elsewhere=("Model/b /status/x",)), "DriftFlapping",
            "reverted too often, left alone for now: Model/a /spec/x; in SageMaker: Model/b /status/x", id="a fight goes first",
        ),
    ],
)  # fmt: skip
def test_both_planes_are_told(drift: Drift, reason: str, message: str) -> None:
    found = find(rendered(drift=drift)["conditions"], "Drifted")
    assert found
    assert (found["status"], found["reason"], found["message"]) == ("True", reason, message)


def test_a_correction_is_readable_for_an_hour() -> None:
    status = rendered(drift=Drift(corrected=("Model/a /spec/image",)))
    assert find(status["conditions"], "Drifted")["reason"] == "DriftCorrected"  # type: ignore[index]

    soon = rendered(status, NOW + timedelta(minutes=59), drift=Drift())
    assert soon == status

    late = rendered(status, NOW + timedelta(minutes=61), drift=Drift())
    assert types(late) == {"Ready": "True"}


def test_a_suspended_sync_keeps_what_it_was() -> None:
    status = rendered(rendered(), outcome=SyncOutcome(SyncVerdict.SUSPENDED, "Suspended", "off"))

    assert types(status) == {"Ready": "True"}
    assert status["conditions"][0]["reason"] == "Suspended"
