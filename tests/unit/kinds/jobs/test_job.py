"""What is decided about a training job, row by row: status before, what was seen, and what follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.core.decision import Phase
from reconciler.core.kind import Pass
from reconciler.core.notes.past import Started
from reconciler.core.ownership import Owner
from reconciler.kinds.jobs import job as life
from reconciler.kinds.jobs.runs import Run, wanted
from reconciler.kinds.training_job import JOB, KIND
from tests.support.lab import job
from tests.support.passes import NOW, a_pass, verbs

NAME = wanted(JOB, a_pass(KIND, job()), None, ()).name
DIGEST = NAME.rpartition("-")[2]
JUST_NOW = (NOW - timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
LONG_AGO = "2026-01-01T00:00:00Z"
FOUND = {"TrainingJobStatus": "InProgress", "SecondaryStatus": "Training", "TrainingJobArn": "arn", "CreationTime": NOW}
OTHER = job(hyperParameters=[{"name": "a", "value": "1"}])


def past(**run: str) -> dict[str, Any]:
    record = {"name": NAME, "digest": DIGEST, "region": "us-east-1", **run}
    return {"run": record, "sageMakerTrainingJobName": NAME, "trainingJobStatus": run.get("status", "x")}


ASKED = past(requestedAt=JUST_NOW)
ASKED_LONG_AGO = past(requestedAt=LONG_AGO)
RUNNING = past(requestedAt=LONG_AGO, startedAt=LONG_AGO, status="InProgress")
YOUNG = past(requestedAt=JUST_NOW, startedAt=JUST_NOW, status="InProgress")
DONE = past(requestedAt=LONG_AGO, startedAt=LONG_AGO, status="Completed")
GONE = past(requestedAt=LONG_AGO, startedAt=LONG_AGO, status="Missing")
NOTHING = life.Seen({})
REMEMBERED = {DIGEST: Started(NAME, LONG_AGO)}
ABSENT = life.Seen({NAME: None})
OURS = life.Seen({NAME: FOUND}, {NAME: Owner.US}, {NAME: DIGEST})
THEIRS = life.Seen({NAME: FOUND}, {NAME: Owner.OTHER})
NOBODYS = life.Seen({NAME: FOUND}, {NAME: Owner.NOBODY})


@pytest.mark.parametrize(
    ("this", "phase", "reason", "calls"),
    [
        pytest.param(
            a_pass(KIND, job(), seen=NOTHING), Phase.ACTING, "Starting", ["CreateTrainingJob"], id="new: asked for"
        ),
        pytest.param(
            a_pass(KIND, job(), ASKED, seen=ABSENT),
            Phase.ACTING,
            "Starting",
            ["CreateTrainingJob"],
            id="asked, absent: again",
        ),
        pytest.param(
            a_pass(KIND, job(), ASKED, seen=OURS), Phase.WAITING, "JobRunning", [], id="asked, found ours: started"
        ),
        pytest.param(
            a_pass(KIND, job(), seen=NOTHING, trained=None),
            Phase.WAITING,
            "Confirming",
            [],
            id="new, and the notes are not read yet",
        ),
        pytest.param(
            a_pass(KIND, job(), seen=NOTHING, trained=REMEMBERED), Phase.WAITING, "JobRunning", [], id="new, but it ran"
        ),
        pytest.param(
            a_pass(KIND, OTHER, seen=NOTHING, trained=REMEMBERED),
            Phase.ACTING,
            "Starting",
            ["CreateTrainingJob"],
            id="new, and other content ran",
        ),
        pytest.param(
            a_pass(KIND, job(), ASKED, seen=THEIRS), Phase.STALLED, "OwnedByAnother", [], id="another owner's"
        ),
        pytest.param(a_pass(KIND, job(), ASKED, seen=NOBODYS), Phase.STALLED, "AdoptionRequired", [], id="nobody's"),
        pytest.param(
            a_pass(KIND, OTHER, ASKED, seen=ABSENT),
            Phase.WAITING,
            "Confirming",
            [],
            id="changed while it may be under way",
        ),
        pytest.param(
            a_pass(KIND, OTHER, ASKED_LONG_AGO, seen=ABSENT),
            Phase.ACTING,
            "Starting",
            ["CreateTrainingJob"],
            id="changed, and certainly nothing was made",
        ),
        pytest.param(
            a_pass(KIND, job(), RUNNING, seen=NOTHING), Phase.WAITING, "JobRunning", [], id="running, no news"
        ),
        pytest.param(
            a_pass(KIND, job(), RUNNING, seen=ABSENT), Phase.STALLED, "ExternallyDeleted", [], id="gone: not again"
        ),
        pytest.param(
            a_pass(KIND, job(), YOUNG, seen=ABSENT), Phase.WAITING, "Confirming", [], id="gone so soon: look again"
        ),
        pytest.param(
            a_pass(KIND, job(), GONE, seen=NOTHING), Phase.STALLED, "ExternallyDeleted", [], id="gone stays gone"
        ),
        pytest.param(a_pass(KIND, job(), DONE, seen=NOTHING), Phase.READY, "Completed", [], id="done is done"),
        pytest.param(
            a_pass(KIND, OTHER, DONE, seen=NOTHING),
            Phase.STALLED,
            "ImmutableFieldChanged",
            [],
            id="changed, not reviewed",
        ),
        pytest.param(
            a_pass(KIND, OTHER, DONE, seen=NOTHING, on_change="Run"),
            Phase.ACTING,
            "Starting",
            ["CreateTrainingJob"],
            id="changed and reviewed: another run",
        ),
        pytest.param(
            a_pass(KIND, job(region="eu-west-1"), DONE, seen=NOTHING, on_change="Run"),
            Phase.STALLED,
            "IdentityChanged",
            [],
            id="another region",
        ),
        pytest.param(
            a_pass(KIND, job(), RUNNING, seen=NOTHING, deleting=True),
            Phase.ACTING,
            "Stopping",
            ["StopTrainingJob"],
            id="deleted while it runs: stopped",
        ),
        pytest.param(
            a_pass(KIND, job(), DONE, seen=NOTHING, deleting=True), Phase.RELEASED, "Deleted", [], id="deleted, done"
        ),
        pytest.param(
            a_pass(KIND, job(), ASKED, seen=ABSENT, deleting=True),
            Phase.WAITING,
            "Stopping",
            [],
            id="deleted, perhaps made",
        ),
        pytest.param(
            a_pass(KIND, job(), ASKED, seen=THEIRS, deleting=True),
            Phase.RELEASED,
            "Deleted",
            [],
            id="deleted, not ours",
        ),
    ],
)
def test_decide(this: Pass, phase: Phase, reason: str, calls: list[str]) -> None:
    decision = life.decide(JOB, this)
    assert (decision.phase, decision.reason, verbs(decision)) == (phase, reason, calls)


def test_a_metric_that_is_no_number_is_left_out_of_status() -> None:
    told = {
        "FinalMetricDataList": [{"MetricName": "loss", "Value": float("nan")}, {"MetricName": "auc", "Value": 0.5}],
        "BillableTimeInSeconds": 0,
        "FailureReason": "x" * 5000,
    }
    run = Run("r", "d", status="Stopped").ended(told)
    assert run.metrics == {"auc": 0.5}
    assert len(run.reason) == 1024
    assert Run.parse(run.record()) == run
    assert run.record()["billableSeconds"] == 0
