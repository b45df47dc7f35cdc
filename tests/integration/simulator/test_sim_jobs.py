"""The life of transform and processing jobs (SM-23 to SM-33), on a clock moved by hand."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import PROCESSING, TRANSFORM, Aws, Job, error

BOTH = pytest.mark.parametrize("job", [TRANSFORM, PROCESSING], ids=["transform", "processing"])
STEP = {"TransformJob": "Transforming", "ProcessingJob": "Processing"}


def _times(job: Job, aws: Aws) -> tuple[Any, Any]:
    found, prefix = job.describe(aws), job.kind.removesuffix("Job")
    return found.get(f"{prefix}StartTime"), found.get(f"{prefix}EndTime")


@BOTH
@pytest.mark.parametrize(
    ("seconds", "status"),
    [(0, "InProgress"), (180, "InProgress"), (279.999, "InProgress"), (280, "Completed"), (5000, "Completed")],
)
def test_it_runs_to_its_end(aws: Aws, job: Job, seconds: float, status: str) -> None:
    job.create(aws)
    aws.advance(seconds)
    assert job.status(aws) == status


@BOTH
def test_its_times(aws: Aws, job: Job) -> None:
    job.create(aws)
    created = job.describe(aws)["CreationTime"]
    assert _times(job, aws) == (None, None)
    aws.advance(180)
    assert _times(job, aws) == (created + timedelta(seconds=180), None)
    aws.advance(1000)
    assert _times(job, aws) == (created + timedelta(seconds=180), created + timedelta(seconds=280))
    assert job.listed(aws)[0]["LastModifiedTime"] == created + timedelta(seconds=280)


@BOTH
@pytest.mark.parametrize("after", [10, 200, 270], ids=["while starting", "at work", "when nearly done"])
def test_stopping_takes_time(aws: Aws, job: Job, after: float) -> None:
    job.create(aws)
    aws.advance(after)
    for _ in range(2):
        job.stop(aws)
    assert job.status(aws) == "Stopping"
    aws.advance(29)
    assert job.status(aws) == "Stopping"
    aws.advance(1)
    started, ended = _times(job, aws)
    assert (job.status(aws), started is not None, ended is not None) == ("Stopped", after > 180, True)
    aws.advance(1000)
    assert job.status(aws) == "Stopped"


@BOTH
@pytest.mark.parametrize("at", ["Starting", "at work"])
def test_it_fails_where_its_rule_says(aws: Aws, job: Job, at: str) -> None:
    step = at if at == "Starting" else STEP[job.kind]
    aws.rule({"type": "job_outcome", "outcome": "fail", "at": step, "reason": "ClientError: x"}, name="job")
    job.create(aws)
    job.create(aws, "healthy")
    aws.advance(180)
    assert job.status(aws) == ("Failed" if at == "Starting" else "InProgress")
    aws.advance(1000)
    assert (job.status(aws), job.describe(aws)["FailureReason"]) == ("Failed", "ClientError: x")
    assert job.listed(aws, NameContains="job")[0]["FailureReason"] == "ClientError: x"
    assert (job.status(aws, "healthy"), "FailureReason" in job.describe(aws, "healthy")) == ("Completed", False)


@BOTH
def test_a_failure_reason_is_cut_at_1024_characters(aws: Aws, job: Job) -> None:
    aws.rule({"type": "job_outcome", "outcome": "fail", "reason": "x" * 2000})
    job.create(aws)
    aws.advance(1000)
    assert len(job.describe(aws)["FailureReason"]) == 1024


@BOTH
def test_it_may_be_stuck_until_it_is_stopped(aws: Aws, job: Job) -> None:
    aws.rule({"type": "job_outcome", "outcome": "stuck"})
    job.create(aws)
    aws.advance(50_000)
    assert job.status(aws) == "InProgress"
    job.stop(aws)
    aws.advance(30)
    assert job.status(aws) == "Stopped"


@BOTH
def test_it_may_be_stopped_by_somebody_else(aws: Aws, job: Job) -> None:
    aws.rule({"type": "job_outcome", "outcome": "stopped"})
    job.create(aws)
    aws.advance(280)
    assert job.status(aws) == "Stopped"


@BOTH
def test_durations_can_be_planned(aws: Aws, job: Job) -> None:
    aws.rule({"type": "job_outcome", "outcome": "complete", "durations": {"Starting": 1, STEP[job.kind]: 2}})
    job.create(aws)
    aws.advance(2)
    assert job.status(aws) == "InProgress"
    aws.advance(1)
    assert job.status(aws) == "Completed"


@BOTH
@pytest.mark.parametrize(("outcome", "status"), [("fail", "Failed"), ("stopped", "Stopped"), ("complete", "Completed")])
def test_a_running_one_can_be_ended_from_behind(aws: Aws, job: Job, outcome: str, status: str) -> None:
    job.create(aws)
    aws.advance(200)
    aws.rule({"type": "job_outcome", "outcome": outcome, "now": True}, name="job")
    assert job.status(aws) == status
    aws.advance(1000)
    ended = job.describe(aws)["CreationTime"] + timedelta(seconds=200)
    assert (job.status(aws), _times(job, aws)[1]) == (status, ended)
    assert job.describe(aws).get("FailureReason", "").startswith("InternalServerError" if outcome == "fail" else "")


@BOTH
def test_a_running_one_can_be_stuck_from_behind(aws: Aws, job: Job) -> None:
    job.create(aws)
    aws.rule({"type": "job_outcome", "outcome": "stuck", "now": True}, name="job")
    aws.advance(5000)
    assert job.status(aws) == "InProgress"


@BOTH
def test_what_is_over_stays_so(aws: Aws, job: Job) -> None:
    job.create(aws)
    aws.advance(1000)
    aws.rule({"type": "job_outcome", "outcome": "fail", "now": True}, name="job")
    assert job.status(aws) == "Completed"


@BOTH
def test_a_quota_counts_what_runs(aws: Aws, job: Job) -> None:
    aws.settings(quotas={f"ml.m5.large for {job.noun} usage": 1})
    job.create(aws, "first")
    code, text = error(lambda: job.create(aws, "second"))
    assert (code, f"'ml.m5.large for {job.noun} usage' is 1 Instances" in text) == ("ResourceLimitExceeded", True)
    aws.advance(1000)
    assert error(lambda: job.create(aws, "second"))[0] == "OK"


@BOTH
def test_a_stale_read_hides_the_new_and_shows_the_past(aws: Aws, job: Job) -> None:
    aws.rule({"type": "stale_read", "seconds": 30}, op=f"*{job.kind}*")
    aws.sm.create_model(**given.model())
    aws.advance(60)
    job.create(aws)
    assert (error(lambda: job.describe(aws))[0], job.names(aws)) == ("ValidationException", [])
    aws.advance(290)
    assert (job.status(aws), job.listed(aws)[0][f"{job.kind}Status"]) == ("InProgress", "InProgress")
    aws.advance(30)
    assert job.status(aws) == "Completed"


@BOTH
def test_a_lost_reply_leaves_a_job_behind(aws: Aws, job: Job) -> None:
    aws.sm.create_model(**given.model())
    aws.rule({"type": "drop_after"}, op=f"Create{job.kind}")
    with pytest.raises(Exception, match="closed"):
        job.create(aws)
    assert job.status(aws) == "InProgress"


@BOTH
def test_the_record_knows_its_name(aws: Aws, job: Job) -> None:
    job.create(aws)
    job.describe(aws)
    job.stop(aws)
    kept = [(line["op"], line["key"], line["effect"]) for line in aws.requests() if job.kind in line["op"]]
    assert kept == [
        (f"Create{job.kind}", "job", True),
        (f"Describe{job.kind}", "job", False),
        (f"Stop{job.kind}", "job", True),
    ]


# Processing alone


def test_a_processing_job_is_stopped_when_its_time_is_over(aws: Aws) -> None:
    PROCESSING.create(aws, StoppingCondition={"MaxRuntimeInSeconds": 60})
    aws.advance(180 + 60)
    assert PROCESSING.status(aws) == "Stopping"
    aws.advance(30)
    assert PROCESSING.status(aws) == "Stopped"


@pytest.mark.parametrize(
    ("action", "message"),
    [
        pytest.param(
            {"outcome": "fail", "reason": "AlgorithmError: exit code 3"}, "exit code 3", id="what it failed of"
        ),
        pytest.param({"outcome": "fail", "reason": "InternalServerError: x"}, None, id="none of the service's"),
        pytest.param({"outcome": "fail", "at": "Starting", "reason": "AlgorithmError: x"}, None, id="it never ran"),
        pytest.param({"outcome": "complete", "exit_message": "42 rows"}, "42 rows", id="as the rule says"),
        pytest.param({"outcome": "complete"}, None, id="none"),
    ],
)
def test_the_exit_message(aws: Aws, action: dict[str, Any], message: str | None) -> None:
    aws.rule({"type": "job_outcome", **action})
    PROCESSING.create(aws)
    aws.advance(200)
    assert "ExitMessage" not in PROCESSING.describe(aws)
    aws.advance(1000)
    assert PROCESSING.describe(aws).get("ExitMessage") == PROCESSING.listed(aws)[0].get("ExitMessage") == message


def test_a_deleted_processing_job_frees_its_name(aws: Aws) -> None:
    PROCESSING.create(aws)
    aws.advance(1000)
    PROCESSING.delete(aws)
    assert error(lambda: PROCESSING.describe(aws))[1] == "Could not find requested job with name: job"
    PROCESSING.create(aws)
    assert PROCESSING.status(aws) == "InProgress"


def test_a_transform_job_has_no_delete(aws: Aws) -> None:
    assert not hasattr(aws.sm, "delete_transform_job")


def test_a_transform_job_runs_on_when_its_model_goes(aws: Aws) -> None:
    TRANSFORM.create(aws)
    aws.sm.delete_model(ModelName="model")
    aws.advance(1000)
    assert TRANSFORM.status(aws) == "Completed"


def test_a_transform_job_may_not_see_its_new_model_yet(aws: Aws) -> None:
    aws.rule({"type": "stale_read", "seconds": 30}, op="CreateTransformJob")
    aws.sm.create_model(**given.model())
    assert error(lambda: TRANSFORM.create(aws))[1].startswith("Could not find model")
    aws.advance(30)
    assert error(lambda: TRANSFORM.create(aws))[0] == "OK"
