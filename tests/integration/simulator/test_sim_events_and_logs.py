"""EventBridge through SQS, and CloudWatch Logs (SM-157 to SM-165)."""

import json
import re
from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import ACCOUNT, PROCESSING, REGION, TRANSFORM, TUNING, Aws, Job, error

TRAINING = "SageMaker Training Job State Change"
ENDPOINT = "SageMaker Endpoint State Change"


def _subscribe(aws: Aws, pattern: dict[str, Any] | None = None) -> Callable[[], list[dict[str, Any]]]:
    """Route SageMaker's events to a queue; the answer drains it."""
    sqs, events = aws.client("sqs"), aws.client("events")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    events.put_rule(Name="sagemaker", EventPattern=json.dumps(pattern or {"source": ["aws.sagemaker"]}))
    target = {"Id": "queue", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:events"}
    events.put_targets(Rule="sagemaker", Targets=[target])

    def drain() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return drain


def _secondaries(found: list[dict[str, Any]]) -> list[str]:
    return [event["detail"]["SecondaryStatus"] for event in found]


def test_the_envelope(aws: Aws) -> None:
    drain = _subscribe(aws)
    aws.train("My-Job", Tags=[{"Key": "owner", "Value": "us"}])
    created = aws.job("My-Job")["CreationTime"]
    event = drain()[0]
    assert {name: event[name] for name in ("version", "source", "detail-type", "account", "region", "resources")} == {
        "version": "0",
        "source": "aws.sagemaker",
        "detail-type": TRAINING,
        "account": ACCOUNT,
        "region": REGION,
        "resources": [given.arn("training-job", "my-job")],
    }
    assert event["time"] == created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    detail = event["detail"]
    assert detail["TrainingJobName"] == "My-Job", "names keep their case, ARN tails do not"
    assert (detail["TrainingJobStatus"], detail["SecondaryStatus"]) == ("InProgress", "Starting")
    assert detail["Tags"] == {"owner": "us"}
    assert detail["CreationTime"] == round(created.timestamp() * 1000), "milliseconds here, seconds in answers"


def test_a_job_tells_each_step_and_some_more_than_once(aws: Aws) -> None:
    drain = _subscribe(aws)
    aws.train()
    aws.advance(1000)
    told = _secondaries(drain())
    assert told == ["Starting", "Starting", "Downloading", "Training", "Uploading", "Completed"]


def test_a_failure_tells_its_reason(aws: Aws) -> None:
    drain = _subscribe(aws, {"source": ["aws.sagemaker"], "detail": {"TrainingJobStatus": ["Failed"]}})
    aws.rule({"type": "job_outcome", "outcome": "fail", "reason": "ClientError: x"})
    aws.train()
    aws.advance(1000)
    assert [event["detail"]["FailureReason"] for event in drain()] == ["ClientError: x"]


def test_what_was_deleted_tells_no_more(aws: Aws) -> None:
    drain = _subscribe(aws)
    aws.train()
    aws.rule({"type": "delete", "now": True}, name="job")
    aws.train()
    aws.advance(60)
    aws.rule({"type": "delete", "now": True}, name="job")
    aws.advance(1000)
    assert _secondaries(drain()) == ["Starting", "Starting"], "one for each job, none for a step"


@pytest.mark.parametrize(
    ("job", "detail_type", "told"),
    [
        (TRANSFORM, "SageMaker Transform Job State Change", ["InProgress", "InProgress", "Completed"]),
        (PROCESSING, "SageMaker Processing Job State Change", ["InProgress", "InProgress", "Completed"]),
        (
            TUNING,
            "SageMaker HyperParameter Tuning Job State Change",
            # Created; three launched; two and one ended.
            ["InProgress", *["InProgress"] * 3, *["InProgress"] * 3, "Completed"],
        ),
    ],
    ids=["transform", "processing", "tuning"],
)
def test_the_other_jobs_tell_their_steps(aws: Aws, job: Job, detail_type: str, told: list[str]) -> None:
    drain = _subscribe(aws, {"source": ["aws.sagemaker"], "detail-type": [detail_type]})
    arn = job.create(aws, "Job", Tags=[{"Key": "owner", "Value": "us"}])
    aws.advance(2000)
    found = drain()
    assert [event["detail"][f"{job.kind}Status"] for event in found] == told
    last = found[-1]
    described = job.describe(aws, "Job")
    assert (last["resources"], last["detail"][f"{job.kind}Name"]) == ([arn], "Job")
    assert last["detail"]["Tags"] == {"owner": "us"}
    assert last["detail"]["CreationTime"] == round(described["CreationTime"].timestamp() * 1000)
    assert set(described) - set(last["detail"]) == {"ResponseMetadata"}, "what describe says, and the tags"


@pytest.mark.parametrize("job", [TRANSFORM, PROCESSING], ids=lambda job: job.kind)
def test_a_failure_of_another_job_tells_its_reason(aws: Aws, job: Job) -> None:
    drain = _subscribe(aws, {"source": ["aws.sagemaker"], "detail": {f"{job.kind}Status": ["Failed"]}})
    aws.rule({"type": "job_outcome", "outcome": "fail", "reason": "ClientError: x"})
    job.create(aws)
    aws.advance(1000)
    assert [event["detail"]["FailureReason"] for event in drain()] == ["ClientError: x"]


def test_a_tuning_job_that_vanished_tells_no_more(aws: Aws) -> None:
    drain = _subscribe(aws, {"detail-type": ["SageMaker HyperParameter Tuning Job State Change"]})
    TUNING.create(aws)
    aws.advance(100)
    assert len(drain()) == 3, "created, and two launched"
    aws.rule({"type": "delete", "kind": "HyperParameterTuningJob", "now": True}, name="job")
    aws.advance(2000)
    assert drain() == []


def test_a_tuning_job_tells_its_counters(aws: Aws) -> None:
    drain = _subscribe(aws, {"detail": {"HyperParameterTuningJobStatus": ["Completed"]}})
    TUNING.create(aws)
    aws.advance(2000)
    assert [event["detail"]["TrainingJobStatusCounters"]["Completed"] for event in drain()] == [3]


def test_an_endpoint_shouts_its_status(aws: Aws) -> None:
    drain = _subscribe(aws, {"source": ["aws.sagemaker"], "detail-type": [ENDPOINT]})
    aws.deploy()
    aws.config("config-b")
    aws.rule({"type": "endpoint_outcome", "outcome": "rollback"}, op="UpdateEndpoint")
    aws.sm.update_endpoint(EndpointName="endpoint", EndpointConfigName="config-b")
    aws.advance(1000)
    aws.sm.delete_endpoint(EndpointName="endpoint")
    told = [event["detail"]["EndpointStatus"] for event in drain()]
    assert told == ["CREATING", "IN_SERVICE", "UPDATING", "ROLLING_BACK", "IN_SERVICE", "DELETING"]


def test_a_deployment_tells_what_it_does(aws: Aws) -> None:
    drain = _subscribe(aws, {"detail-type": ["SageMaker Endpoint Deployment State Change"]})
    aws.deploy()
    aws.config("config-b")
    aws.sm.update_endpoint(EndpointName="endpoint", EndpointConfigName="config-b")
    aws.advance(1000)
    told = [
        event["detail"]["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]["Status"]
        for event in drain()
    ]
    assert told == ["Creating", "ActivatingTraffic", "Deleting"]


def test_models_and_configs_tell_that_they_come_and_go(aws: Aws) -> None:
    drain = _subscribe(aws)
    aws.config("config")
    aws.sm.delete_endpoint_config(EndpointConfigName="config")
    aws.sm.delete_model(ModelName="model")
    model, config = "SageMaker Model State Change", "SageMaker Endpoint Config State Change"
    assert [event["detail-type"] for event in drain()] == [model, config, config, model]


@pytest.mark.parametrize(
    ("action", "told"),
    [
        pytest.param({"drop": True}, [], id="dropped"),
        pytest.param({"duplicate": 1}, ["Starting", "Starting"], id="duplicated"),
        pytest.param({"delay": 60}, [], id="delayed"),
    ],
)
def test_events_may_be_disturbed(aws: Aws, action: dict[str, Any], told: list[str]) -> None:
    drain = _subscribe(aws)
    aws.rule({"type": "events", **action}, op=TRAINING, name="job", count=1)
    aws.train()
    assert _secondaries(drain()) == told
    aws.advance(60)
    assert _secondaries(drain()) == (["Starting"] if "delay" in action else [])


def test_an_event_may_be_overtaken(aws: Aws) -> None:
    drain = _subscribe(aws)
    aws.rule({"type": "events", "reorder": True}, nth=3)
    aws.settings(durations={"training.Downloading": 1})
    aws.train()
    aws.advance(190)
    assert _secondaries(drain()) == ["Starting", "Starting", "Training", "Downloading"]


def test_events_come_without_anybody_reading(aws: Aws) -> None:
    """The clock's own thread runs the timers when time flows; long polling waits, nothing sleeps."""
    _subscribe(aws, {"source": ["aws.sagemaker"], "detail": {"TrainingJobStatus": ["Completed"]}})
    sqs = aws.client("sqs")
    aws.control("POST", "clock", {"mode": "scaled", "factor": 5000})
    aws.train()
    url = sqs.get_queue_url(QueueName="events")["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(messages[0]["Body"])["detail"]["TrainingJobStatus"] == "Completed"


def _streams(aws: Aws, group: str) -> list[str]:
    return [row["logStreamName"] for row in aws.client("logs").describe_log_streams(logGroupName=group)["logStreams"]]


def test_each_training_instance_has_its_stream(aws: Aws) -> None:
    aws.train(ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1})
    aws.advance(229)
    assert error(lambda: _streams(aws, "/aws/sagemaker/TrainingJobs"))[0] == "ResourceNotFoundException", "no log yet"
    aws.advance(1)
    started = int(aws.job()["TrainingStartTime"].timestamp())
    assert _streams(aws, "/aws/sagemaker/TrainingJobs") == [f"job/algo-1-{started}", f"job/algo-2-{started}"]


def test_each_processing_instance_has_its_stream(aws: Aws) -> None:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    PROCESSING.create(aws, ProcessingResources={"ClusterConfig": cluster})
    aws.advance(180)
    started = int(PROCESSING.describe(aws)["ProcessingStartTime"].timestamp())
    assert _streams(aws, "/aws/sagemaker/ProcessingJobs") == [f"job/algo-1-{started}", f"job/algo-2-{started}"]


@pytest.mark.parametrize(
    ("model", "streams"),
    [
        pytest.param({}, ["", "/data-log"], id="one container"),
        pytest.param(
            {"PrimaryContainer": None, "Containers": [{"Image": "a", "ContainerHostname": "first"}, {"Image": "b"}]},
            ["/container-2", "/data-log", "/first"],
            id="a pipeline",
        ),
    ],
)
def test_a_transform_job_has_a_stream_for_the_data(aws: Aws, model: dict[str, Any], streams: list[str]) -> None:
    aws.sm.create_model(**given.model(**model))
    TRANSFORM.create(aws)
    aws.advance(180)
    started = int(TRANSFORM.describe(aws)["TransformStartTime"].timestamp())
    found = [
        re.fullmatch(r"job/i-[0-9a-f]{17}-(\d+)(.*)", name) for name in _streams(aws, "/aws/sagemaker/TransformJobs")
    ]
    assert sorted(match.groups() for match in found if match) == [(str(started), end) for end in streams]
    assert None not in found


def test_the_training_jobs_of_a_tuning_job_log_as_others_do(aws: Aws) -> None:
    TUNING.create(aws)
    aws.advance(2000)
    names = sorted(row["TrainingJobName"] for row in aws.sm.list_training_jobs()["TrainingJobSummaries"])
    assert [stream.partition("/")[0] for stream in _streams(aws, "/aws/sagemaker/TrainingJobs")] == names


@pytest.mark.parametrize(
    ("job", "group"), [(TRANSFORM, "TransformJobs"), (PROCESSING, "ProcessingJobs")], ids=["transform", "processing"]
)
def test_the_log_of_another_job_tells_why_it_failed(aws: Aws, job: Job, group: str) -> None:
    aws.rule({"type": "job_outcome", "outcome": "fail", "reason": "AlgorithmError: exit code 1"})
    job.create(aws)
    aws.advance(1000)
    logs = aws.client("logs").filter_log_events(logGroupName=f"/aws/sagemaker/{group}", logStreamNamePrefix="job/")
    assert logs["events"][-1]["message"] == "AlgorithmError: exit code 1"


def test_filter_log_events_honours_the_prefix(aws: Aws) -> None:
    for name in ("job1", "job10"):
        aws.train(name)
    aws.advance(1000)
    logs = aws.client("logs")

    def of(**request: Any) -> set[str]:
        found = logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs", **request)["events"]
        return {event["logStreamName"].partition("/")[0] for event in found}

    assert of(logStreamNamePrefix="job1/") == {"job1"}
    assert of(logStreamNamePrefix="job1") == {"job1", "job10"}
    assert of(logStreamNamePrefix="other/") == set()
    assert of() == {"job1", "job10"}


def test_the_log_tells_why_a_job_failed_at_the_time_it_failed(aws: Aws) -> None:
    aws.rule({"type": "job_outcome", "outcome": "fail", "reason": "AlgorithmError: exit code 1"})
    aws.train()
    aws.advance(1000)
    events = aws.client("logs").filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs")["events"]
    last = events[-1]
    ended = aws.job()["TrainingEndTime"].timestamp() * 1000
    assert (last["message"], last["timestamp"]) == ("AlgorithmError: exit code 1", pytest.approx(ended, abs=1))


def test_an_endpoint_logs_by_variant(aws: Aws) -> None:
    aws.deploy()
    streams = _streams(aws, "/aws/sagemaker/Endpoints/endpoint")
    assert [stream.partition("/i-")[0] for stream in streams] == ["main"]
