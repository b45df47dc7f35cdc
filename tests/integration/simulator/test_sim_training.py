"""The life of a TrainingJob (SM-22 to SM-36), on a clock moved by hand."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.simulator.given import Aws, error

WARM = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "KeepAlivePeriodInSeconds": 600}


def _statuses(job: dict[str, Any]) -> tuple[str, str]:
    return job["TrainingJobStatus"], job["SecondaryStatus"]


def _walk(job: dict[str, Any]) -> list[tuple[str, float]]:
    """Each secondary status with how long it lasted."""
    steps = job["SecondaryStatusTransitions"]
    return [(step["Status"], (step["EndTime"] - step["StartTime"]).total_seconds()) for step in steps]


@pytest.mark.parametrize(
    ("seconds", "statuses"),
    [
        (0, ("InProgress", "Starting")),
        (179.999, ("InProgress", "Starting")),
        (180, ("InProgress", "Downloading")),
        (230, ("InProgress", "Training")),
        (330, ("InProgress", "Uploading")),
        (336.999, ("InProgress", "Uploading")),
        (337, ("Completed", "Completed")),
    ],
)
def test_the_walk_through_the_secondary_statuses(aws: Aws, seconds: float, statuses: tuple[str, str]) -> None:
    aws.train()
    aws.advance(seconds)
    assert _statuses(aws.job()) == statuses


def test_what_a_completed_job_tells(aws: Aws) -> None:
    metrics = [{"Name": "loss", "Regex": "loss=(.*)"}]
    spec = {"TrainingImage": "image", "TrainingInputMode": "File", "MetricDefinitions": metrics}
    aws.train("My-Job", AlgorithmSpecification=spec)
    aws.advance(1000)
    job = aws.job("My-Job")
    created = job["CreationTime"]
    assert _walk(job) == [
        ("Starting", 180),
        ("Downloading", 50),
        ("Training", 100),
        ("Uploading", 7),
        ("Completed", 0),
    ]
    assert [step["StatusMessage"] for step in job["SecondaryStatusTransitions"]] == [
        "Preparing the instances for training",
        "Downloading input data",
        "Training image download completed. Training in progress.",
        "Uploading generated training model",
        "Training job completed",
    ]
    assert job["TrainingStartTime"] == created + timedelta(seconds=180)
    assert job["TrainingEndTime"] == job["LastModifiedTime"] == created + timedelta(seconds=337)
    assert (job["TrainingTimeInSeconds"], job["BillableTimeInSeconds"]) == (157, 157)
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": "s3://bucket/out/My-Job/output/model.tar.gz"}
    assert [(metric["MetricName"], metric["Timestamp"]) for metric in job["FinalMetricDataList"]] == [
        ("loss", job["TrainingEndTime"])
    ]


def test_a_running_job_tells_none_of_its_results(aws: Aws) -> None:
    aws.train()
    aws.advance(300)
    results = {"ModelArtifacts", "BillableTimeInSeconds", "FinalMetricDataList", "TrainingEndTime"}
    assert not results & set(aws.job())


def test_pipe_mode_downloads_nothing_first(aws: Aws) -> None:
    aws.train(AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "Pipe"})
    aws.advance(1000)
    assert [status for status, _ in _walk(aws.job())] == ["Starting", "Training", "Uploading", "Completed"]


def test_stopping_takes_time(aws: Aws) -> None:
    aws.train()
    aws.advance(240)
    aws.sm.stop_training_job(TrainingJobName="job")
    assert _statuses(aws.job()) == ("Stopping", "Stopping")
    aws.advance(30)
    job = aws.job()
    assert _statuses(job) == ("Stopped", "Stopped")
    assert (job["BillableTimeInSeconds"], "S3ModelArtifacts" in job["ModelArtifacts"]) == (90, True)


def test_stopping_while_starting_still_reads_starting_and_bills_nothing(aws: Aws) -> None:
    aws.train()
    aws.sm.stop_training_job(TrainingJobName="job")
    assert _statuses(aws.job()) == ("Stopping", "Starting")
    aws.advance(30)
    assert _statuses(aws.job()) == ("Stopped", "Stopped")
    assert "BillableTimeInSeconds" not in aws.job()


def test_stopping_may_end_completed_when_the_work_finished_first(aws: Aws) -> None:
    aws.train()
    aws.advance(331)
    aws.sm.stop_training_job(TrainingJobName="job")
    assert aws.job()["TrainingJobStatus"] == "Stopping"
    aws.advance(6)
    assert _statuses(aws.job()) == ("Completed", "Completed")


def test_a_second_stop_of_a_stopping_job_is_no_error(aws: Aws) -> None:
    aws.train()
    for _ in range(2):
        assert error(lambda: aws.sm.stop_training_job(TrainingJobName="job")) == ("OK", "")


@pytest.mark.parametrize(
    ("changes", "secondary", "lasts"),
    [
        pytest.param({"MaxRuntimeInSeconds": 60}, "MaxRuntimeExceeded", 180 + 60 + 30, id="run time"),
        pytest.param(
            {"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 120}, "MaxWaitTimeExceeded", 120 + 30, id="wait time"
        ),
    ],
)
def test_a_time_out_ends_stopped_not_failed(aws: Aws, changes: Any, secondary: str, lasts: float) -> None:
    aws.train(StoppingCondition=changes, EnableManagedSpotTraining="MaxWaitTimeInSeconds" in changes)
    aws.advance(lasts - 1)
    assert aws.job()["TrainingJobStatus"] == "Stopping"
    aws.advance(1)
    assert _statuses(aws.job()) == ("Stopped", secondary)


def test_spot_training_is_billed_less_than_it_ran(aws: Aws) -> None:
    stopping = {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 3600}
    aws.train(EnableManagedSpotTraining=True, StoppingCondition=stopping)
    aws.advance(1000)
    job = aws.job()
    assert 0 < job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"]


def test_an_interrupted_spot_job_starts_over(aws: Aws) -> None:
    aws.rule({"type": "job_outcome", "outcome": "interrupt"})
    aws.train()
    aws.advance(2000)
    walked = [status for status, _ in _walk(aws.job())]
    assert walked == ["Starting", "Downloading", "Training", "Interrupted", *walked[:3], "Uploading", "Completed"]


@pytest.mark.parametrize("at", ["Starting", "Downloading", "Training", "Uploading"])
def test_a_job_fails_where_its_rule_says(aws: Aws, at: str) -> None:
    reason = "CapacityError: Unable to provision requested ML compute capacity."
    aws.rule({"type": "job_outcome", "outcome": "fail", "at": at, "reason": reason}, name="job")
    aws.train()
    aws.train("healthy")
    aws.advance(1000)
    job = aws.job()
    assert (_statuses(job), job["FailureReason"]) == (("Failed", "Failed"), reason)
    assert [status for status, _ in _walk(job)][-2:] == [at, "Failed"]
    assert ("BillableTimeInSeconds" in job, "ModelArtifacts" in job) == (at != "Starting", False)
    assert aws.job("healthy")["TrainingJobStatus"] == "Completed"


def test_a_failure_reason_is_cut_at_1024_characters(aws: Aws) -> None:
    aws.rule({"type": "job_outcome", "outcome": "fail", "reason": "x" * 2000})
    aws.train()
    aws.advance(1000)
    assert len(aws.job()["FailureReason"]) == 1024


def test_a_job_may_wait_for_capacity_for_ever(aws: Aws) -> None:
    aws.rule({"type": "job_outcome", "outcome": "stuck", "at": "Pending"})
    aws.train()
    aws.advance(100_000)
    assert _statuses(aws.job()) == ("InProgress", "Pending")
    aws.sm.stop_training_job(TrainingJobName="job")
    aws.advance(30)
    assert aws.job()["TrainingJobStatus"] == "Stopped"


def test_durations_and_metrics_can_be_planned(aws: Aws) -> None:
    aws.rule({"type": "job_outcome", "durations": {"Training": 900}, "metrics": {"auc": 0.5}, "outcome": "complete"})
    aws.train()
    aws.advance(10_000)
    job = aws.job()
    assert (dict(_walk(job))["Training"], job["FinalMetricDataList"][0]["Value"]) == (900, 0.5)


def test_a_running_job_can_be_ended_from_behind(aws: Aws) -> None:
    aws.train()
    aws.advance(240)
    aws.rule({"type": "job_outcome", "outcome": "fail", "reason": "ClientError: x", "now": True}, name="job")
    assert (aws.job()["TrainingJobStatus"], aws.job()["FailureReason"]) == ("Failed", "ClientError: x")


def test_a_warm_pool_waits_and_ends(aws: Aws) -> None:
    aws.train(ResourceConfig=WARM)
    assert aws.job()["WarmPoolStatus"]["Status"] == "InUse"
    aws.advance(337)
    assert aws.job()["WarmPoolStatus"]["Status"] == "Available"
    assert error(lambda: aws.sm.delete_training_job(TrainingJobName="job"))[0] == "ResourceInUse"
    aws.advance(600)
    pool = aws.job()["WarmPoolStatus"]
    assert pool == {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 600}
    assert error(lambda: aws.sm.delete_training_job(TrainingJobName="job")) == ("OK", "")


def test_the_keep_alive_of_an_available_pool_can_be_cut_short(aws: Aws) -> None:
    aws.train(ResourceConfig=WARM)
    cut = {"TrainingJobName": "job", "ResourceConfig": {"KeepAlivePeriodInSeconds": 0}}
    assert error(lambda: aws.sm.update_training_job(**cut))[0] == "ValidationException"
    aws.advance(400)
    aws.sm.update_training_job(**cut)
    aws.advance(0)
    assert aws.job()["WarmPoolStatus"]["Status"] == "Terminated"
    assert aws.job()["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 0


def test_profiling_can_be_updated_and_rules_only_added(aws: Aws) -> None:
    rule = {"RuleConfigurationName": "first", "RuleEvaluatorImage": "i"}
    aws.train(ProfilerRuleConfigurations=[rule])
    more = [{**rule, "VolumeSizeInGB": 9}, {**rule, "RuleConfigurationName": "second"}]
    aws.sm.update_training_job(
        TrainingJobName="job",
        ProfilerConfig={"ProfilingIntervalInMilliseconds": 200},
        ProfilerRuleConfigurations=more,
    )
    job = aws.job()
    rules = [(found["RuleConfigurationName"], found["VolumeSizeInGB"]) for found in job["ProfilerRuleConfigurations"]]
    assert (job["ProfilingStatus"], rules) == ("Enabled", [("first", 0), ("second", 0)])


def test_a_quota_counts_what_runs(aws: Aws) -> None:
    aws.settings(quotas={"ml.m5.large for training job usage": 1})
    aws.train("first")
    assert error(lambda: aws.train("second"))[0] == "ResourceLimitExceeded"
    aws.advance(337)
    assert error(lambda: aws.train("second")) == ("OK", "")
