"""What is decided about a training job, row by row: status before, what was seen, and what follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.core.decision import Phase
from reconciler.core.kind import Pass
from reconciler.core.notes.past import Started
from reconciler.core.ownership import Owner
from reconciler.core.records.run import Run
from reconciler.kinds.jobs.deciding import decide
from reconciler.kinds.jobs.observed import JobObserved
from reconciler.kinds.jobs.runs import desired_run, ended
from reconciler.kinds.training_job import JOB, KIND
from tests.support.lab import job
from tests.support.passes import NOW, a_pass, verbs

NAME = desired_run(JOB, a_pass(KIND, job()), None, ()).name
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
NOTHING = JobObserved({})
REMEMBERED = {DIGEST: Started(NAME, LONG_AGO)}
ABSENT = JobObserved({NAME: None})
OURS = JobObserved({NAME: FOUND}, {NAME: Owner.US}, {NAME: DIGEST})
THEIRS = JobObserved({NAME: FOUND}, {NAME: Owner.OTHER})
NOBODYS = JobObserved({NAME: FOUND}, {NAME: Owner.NOBODY})


@pytest.mark.parametrize(
    ("this", "seen", "phase", "reason", "calls"),
    [
        pytest.param(
            a_pass(KIND, job()), NOTHING, Phase.ACTING, "Starting", ["CreateTrainingJob"], id="new: asked for"
        ),
        pytest.param(
            a_pass(KIND, job(), ASKED),
            ABSENT,
            Phase.ACTING,
            "Starting",
            ["CreateTrainingJob"],
            id="asked, absent: again",
        ),
        pytest.param(
            a_pass(KIND, job(), ASKED), OURS, Phase.WAITING, "JobRunning", [], id="asked, found ours: started"
        ),
        pytest.param(
            a_pass(KIND, job(), past_runs=None),
            NOTHING,
            Phase.WAITING,
            "Confirming",
            [],
            id="new, and the notes are not read yet",
        ),
        pytest.param(
            a_pass(KIND, job(), past_runs=REMEMBERED), NOTHING, Phase.WAITING, "JobRunning", [], id="new, but it ran"
        ),
        pytest.param(
            a_pass(KIND, OTHER, past_runs=REMEMBERED),
            NOTHING,
            Phase.ACTING,
            "Starting",
            ["CreateTrainingJob"],
            id="new, and other content ran",
        ),
        pytest.param(a_pass(KIND, job(), ASKED), THEIRS, Phase.STALLED, "OwnedByAnother", [], id="another owner's"),
        pytest.param(a_pass(KIND, job(), ASKED), NOBODYS, Phase.STALLED, "AdoptionRequired", [], id="nobody's"),
        pytest.param(
            a_pass(KIND, OTHER, ASKED),
            ABSENT,
            Phase.WAITING,
            "Confirming",
            [],
            id="changed while it may be under way",
        ),
        pytest.param(
            a_pass(KIND, OTHER, ASKED_LONG_AGO),
            ABSENT,
            Phase.ACTING,
            "Starting",
            ["CreateTrainingJob"],
            id="changed, and certainly nothing was made",
        ),
        pytest.param(a_pass(KIND, job(), RUNNING), NOTHING, Phase.WAITING, "JobRunning", [], id="running, no news"),
        pytest.param(
            a_pass(KIND, job(), RUNNING), ABSENT, Phase.STALLED, "ExternallyDeleted", [], id="gone: not again"
        ),
        pytest.param(
            a_pass(KIND, job(), YOUNG), ABSENT, Phase.WAITING, "Confirming", [], id="gone so soon: look again"
        ),
        pytest.param(a_pass(KIND, job(), GONE), NOTHING, Phase.STALLED, "ExternallyDeleted", [], id="gone stays gone"),
        pytest.param(a_pass(KIND, job(), DONE), NOTHING, Phase.READY, "Completed", [], id="done is done"),
        pytest.param(
            a_pass(KIND, OTHER, DONE),
            NOTHING,
            Phase.STALLED,
            "ImmutableFieldChanged",
            [],
            id="changed, not reviewed",
        ),
        pytest.param(
            a_pass(KIND, OTHER, DONE, on_change="Run"),
            NOTHING,
            Phase.ACTING,
            "Starting",
            ["CreateTrainingJob"],
            id="changed and reviewed: another run",
        ),
        pytest.param(
            a_pass(KIND, job(region="eu-west-1"), DONE, on_change="Run"),
            NOTHING,
            Phase.STALLED,
            "IdentityChanged",
            [],
            id="another region",
        ),
        pytest.param(
            a_pass(KIND, job(), RUNNING, deleting=True),
            NOTHING,
            Phase.ACTING,
            "Stopping",
            ["StopTrainingJob"],
            id="deleted while it runs: stopped",
        ),
        pytest.param(
            a_pass(KIND, job(), DONE, deleting=True), NOTHING, Phase.RELEASED, "Deleted", [], id="deleted, done"
        ),
        pytest.param(
            a_pass(KIND, job(), ASKED, deleting=True),
            ABSENT,
            Phase.WAITING,
            "Stopping",
            [],
            id="deleted, perhaps made",
        ),
        pytest.param(
            a_pass(KIND, job(), ASKED, deleting=True),
            THEIRS,
            Phase.RELEASED,
            "Deleted",
            [],
            id="deleted, not ours",
        ),
    ],
)
def test_decide(this: Pass, seen: JobObserved, phase: Phase, reason: str, calls: list[str]) -> None:
    decision = decide(JOB, this, seen)
    assert (decision.phase, decision.reason, verbs(decision)) == (phase, reason, calls)


def test_a_metric_that_is_no_number_is_left_out_of_status() -> None:
    told = {
        "FinalMetricDataList": [{"MetricName": "loss", "Value": float("nan")}, {"MetricName": "auc", "Value": 0.5}],
        "BillableTimeInSeconds": 0,
        "FailureReason": "x" * 5000,
    }
    run = ended(Run(name="r", digest="d", status="Stopped"), told)
    assert run.metrics == {"auc": 0.5}
    assert len(run.reason) == 1024
    assert Run.parse(run.record()) == run
    assert run.record()["billableSeconds"] == 0
