"""The archived operator's words in a job's status while it was not made, and what is said of a run that is older than its object."""

from __future__ import annotations

import pytest

from reconciler.core.errors import (
    DeniedError,
    PreconditionError,
    ReconcileError,
    TerminalError,
    ThrottledError,
    TransientError,
)
from reconciler.kinds import batch_transform_job, processing_job, training_job
from reconciler.kinds.jobs.deciding import decide
from reconciler.kinds.jobs.job_type import JobType
from reconciler.kinds.jobs.observed import JobObserved
from reconciler.kinds.jobs.runs import desired_run
from reconciler.kinds.jobs.starting import failing
from tests.support.lab import job
from tests.support.passes import a_pass

SYNCHRONIZING = "SynchronizingK8sJobWithSageMaker"


@pytest.mark.parametrize(
    ("job_type", "error", "word"),
    [
        pytest.param(batch_transform_job.JOB, TerminalError("no"), SYNCHRONIZING, id="a transform that is refused"),
        pytest.param(
            batch_transform_job.JOB, TransientError("no"), SYNCHRONIZING, id="a transform that is tried again"
        ),
        pytest.param(processing_job.JOB, TerminalError("no"), "Error", id="a processing job that is refused"),
        pytest.param(processing_job.JOB, DeniedError("no"), "Error", id="one without rights"),
        pytest.param(processing_job.JOB, PreconditionError("no"), "Error", id="one whose role is not there"),
        pytest.param(processing_job.JOB, ThrottledError("no"), "Reconciling", id="one that is throttled"),
        pytest.param(training_job.JOB, ReconcileError("no"), "ReconcilingTrainingJob", id="a training job"),
    ],
)
def test_the_word_before_a_job_was_made(job_type: JobType, error: ReconcileError, word: str) -> None:
    assert failing(job_type, {}, error)[job_type.status_key] == word


@pytest.mark.parametrize(
    ("made", "says"),
    [
        pytest.param("2026-02-01T00:00:00Z", True, id="made anew after the job ran"),
        pytest.param("2026-01-01T00:00:00Z", False, id="made before the job"),
        pytest.param("2026-01-10T00:00:10Z", False, id="clocks may be seconds apart"),
    ],
)
def test_a_run_that_is_older_than_its_object_says_so(made: str, says: bool) -> None:
    kind = training_job.KIND
    name = desired_run(training_job.JOB, a_pass(kind, job()), None, ()).name
    run = {"name": name, "digest": name.rpartition("-")[2], "region": "us-east-1", "startedAt": "2026-01-10T00:00:00Z"}
    run |= {"status": "Completed", "creationTime": "2026-01-10T00:00:00Z"}
    past = {"run": run, "sageMakerTrainingJobName": name, "trainingJobStatus": "Completed"}
    manifest = job()
    manifest = {**manifest, "metadata": {**manifest["metadata"], "creationTimestamp": made}}
    decision = decide(training_job.JOB, a_pass(kind, manifest, past), JobObserved({}))
    assert decision.reason == "Completed"
    assert ("before this object was made" in decision.message) is says
    assert ("kubectl sagemaker rerun" in decision.message) is says
