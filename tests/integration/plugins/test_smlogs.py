"""`kubectl smlogs` as a process, over a real API server and the simulator's CloudWatch Logs."""

import json
import re
import subprocess
from typing import Any

import pytest

from reconciler.plugins.times import rfc3339
from tests.integration.plugins.kit import PLUGIN, SOON_S, TRAINING, Desk, messages


def test_a_training_job_reads_as_with_the_archived_plugin(desk: Desk) -> None:
    desk.training(secondaryStatus="Training")
    desk.log("job1/algo-1-1574811673", "epoch 1", "epoch 2")
    desk.log("job10/algo-1-1574811673", "another job's")
    through_kubectl = desk.here("TrainingJob", "mnist", kubectl=True)
    assert through_kubectl.stderr == (
        '"mnist" has SageMaker TrainingJobName "job1" in region "us-east-1", '
        'status "InProgress" and secondary status "Training"\n'
    )
    lines = through_kubectl.stdout.splitlines()
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,3})? -0[78]00 P[SD]T"
    assert [bool(re.fullmatch(rf"job1/algo-1-1574811673 {time} epoch \d", line)) for line in lines] == [True, True]
    assert desk.here("mnist").stdout == through_kubectl.stdout  # a name that is taken once needs no kind
    hidden = desk.here("trainingjobs", "mnist", "--hide-log-stream-name")
    assert hidden.stdout.splitlines() == [line.removeprefix("job1/algo-1-1574811673 ") for line in lines]


@pytest.mark.holds("D-21.6")
@pytest.mark.parametrize(
    ("kind", "status", "group", "stream", "foreign", "header"),
    [
        pytest.param(
            "BatchTransformJob",
            {"sageMakerTransformJobName": "t1", "transformJobStatus": "Failed"},
            "/aws/sagemaker/TransformJobs",
            "t1/i-0123-1574811673/data-log",
            "t10/i-0123-1574811673",
            'TransformJobName "t1" in region "us-east-1", status "Failed"',
            id="transform",
        ),
        pytest.param(
            "ProcessingJob",
            {"sageMakerProcessingJobName": "p1", "processingJobStatus": "Completed"},
            "/aws/sagemaker/ProcessingJobs",
            "p1/algo-1-1574811673",
            "p1-again/algo-1-1574811673",
            'ProcessingJobName "p1" in region "us-east-1", status "Completed"',
            id="processing",
        ),
        pytest.param(
            "HyperparameterTuningJob",
            {"sageMakerHyperParameterTuningJobName": "h1", "hyperParameterTuningJobStatus": "InProgress"},
            TRAINING,
            "h1-001-0a1b2c3d/algo-1-1574811673",
            "h1-b-001-0a1b2c3d/algo-1-1574811673",
            'HyperParameterTuningJobName "h1" in region "us-east-1", status "InProgress"',
            id="tuning",
        ),
        pytest.param(
            "HostingDeployment",
            {"endpointName": "e1", "endpointStatus": "InService"},
            "/aws/sagemaker/Endpoints/e1",
            "main/i-0123",
            "",
            'EndpointName "e1" in region "us-east-1", status "InService"',
            id="endpoint",
        ),
    ],
)
def test_every_kind_with_logs(
    desk: Desk, *, kind: str, status: dict[str, Any], group: str, stream: str, foreign: str, header: str
) -> None:
    desk.make(kind, "mine", status)
    desk.log(stream, "ours", group=group)
    if foreign:
        desk.log(foreign, "theirs", group=group)
    ended = desk.call_here(kind, "mine")
    assert messages(ended) == ["ours"]
    assert ended.stdout.startswith(f"{stream} ")
    assert ended.stderr == f'"mine" has SageMaker {header}\n'


def test_less_of_it(desk: Desk) -> None:
    desk.training(status="Completed")
    desk.log("job1/algo-1-1", "old", ago_s=7200)
    first = desk.log("job1/algo-1-1", "b", "c", ago_s=60)
    desk.log("job1/algo-2-1", "other", ago_s=30)
    assert messages(desk.call_here("trainingjob/mnist")) == ["old", "b", "c", "other"]
    assert messages(desk.call_here("trainingjob", "mnist", "-p", "algo-2")) == ["other"]
    assert messages(desk.call_here("trainingjob", "mnist", "--since", "1h", "--tail", "2")) == ["c", "other"]
    printed = desk.call_here(
        "trainingjob", "mnist", "-o", "json", "--since", rfc3339(first), "--logSearchPrefix=algo-1"
    )
    told = [json.loads(line) for line in printed.stdout.splitlines()]
    assert [row["message"] for row in told] == ["b", "c"]
    assert (told[0]["logStream"], told[0]["timestamp"]) == ("job1/algo-1-1", rfc3339(first))


def test_a_long_log_is_read_through_its_pages_and_a_reader_may_go_away(desk: Desk) -> None:
    desk.training(status="Completed")
    desk.log("job1/algo-1-1", *(f"line-{number:05}" for number in range(10_500)), ago_s=60)
    mark = desk.simulator.mark()
    whole = messages(desk.here("trainingjob", "mnist"))
    assert whole == [f"line-{number:05}" for number in range(10_500)]
    assert desk.simulator.counts(mark, "logs")["FilterLogEvents"] == 2
    piped = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{PLUGIN} trainingjob mnist -n {desk.namespace} | head -1"],
        capture_output=True,
        text=True,
        timeout=SOON_S,
        check=False,
        env=desk.environment(),
    )
    assert (piped.returncode, len(piped.stderr.splitlines())) == (0, 1), piped.stderr


@pytest.mark.simulator(clock="manual")
def test_what_the_simulator_logs_is_found(desk: Desk) -> None:
    role = "arn:aws:iam::123456789012:role/sagemaker"
    desk.simulator.client().create_training_job(
        TrainingJobName="job1",
        RoleArn=role,
        AlgorithmSpecification={"TrainingImage": "ours:1", "TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": "s3://bucket/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )
    desk.simulator.advance(1000)
    desk.training(status="Completed")
    streams = {
        line.split("-")[0] + line.split("-")[1] for line in desk.call_here("trainingjob", "mnist").stdout.splitlines()
    }
    assert streams == {"job1/algo1", "job1/algo2"}


def test_the_job_and_region_of_status_go_before_the_specs_and_china_is_another_host(desk: Desk) -> None:
    desk.make(
        "TrainingJob",
        "mnist",
        {
            "sageMakerTrainingJobName": "job1",
            "trainingJobStatus": "Completed",
            "run": {"name": "job1", "region": "cn-north-1"},
        },
        trainingJobName="wanted",
    )
    desk.log("job1/algo-1-1", "there", region="cn-north-1")
    desk.log("job1/algo-1-1", "here")
    assert messages(desk.call_here("trainingjob", "mnist")) == ["there"]
    asked = desk.simulator.requests(service="logs", op="FilterLogEvents")
    assert [row["region"] for row in asked] == ["cn-north-1"]


def test_throttling_is_waited_out(desk: Desk) -> None:
    desk.training(status="Completed")
    desk.log("job1/algo-1-1", "a", "b")
    action = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded", "status": 400}
    desk.simulator.rules({"match": {"service": "logs", "op": "FilterLogEvents", "count": 2}, "action": action})
    ended = desk.here("trainingjob", "mnist")
    assert messages(ended) == ["a", "b"]
    assert "CloudWatch Logs: ThrottlingException: Rate exceeded; trying again" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["nobody"], 'nothing with logs is called "nobody" in namespace', id="a name that nothing has"),
        pytest.param(["trainingjob", "nobody"], 'TrainingJob "nobody" is not in namespace', id="no such resource"),
        pytest.param(["processingjob", "early"], "wait for it with -f, or see: kubectl describe", id="no job yet"),
        pytest.param(["processingjob", "refused", "-f"], "RequestRefused: no such image", id="no job ever"),
    ],
)
def test_an_error_exits_1_and_names_the_way_out(desk: Desk, arguments: list[str], says: str) -> None:
    stalled = {
        "type": "Stalled",
        "status": "True",
        "reason": "RequestRefused",
        "message": "no such image",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    desk.make("ProcessingJob", "early", {})
    desk.make("ProcessingJob", "refused", {"conditions": [stalled]})
    ended = desk.call_here(*arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert says in ended.stderr
    assert ended.stderr.startswith("error: ")


def test_errors_of_aws_name_the_way_out(desk: Desk) -> None:
    desk.training()
    denied = {"type": "error", "code": "AccessDeniedException", "message": "not authorized", "status": 400}
    desk.simulator.rules({"match": {"service": "logs"}, "action": denied})
    ended = desk.call_here("trainingjob", "mnist")
    assert ended.returncode == 1
    assert "need the right logs:FilterLogEvents on /aws/sagemaker/TrainingJobs" in ended.stderr
    without = {key: value for key, value in desk.environment().items() if not key.startswith("AWS_ACCESS")}
    ended = desk.call_here(
        "trainingjob", "mnist", env={**without, "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
    )
    assert ended.returncode == 1
    assert "set AWS_PROFILE, or log in" in ended.stderr


def test_no_log_yet_is_no_error(desk: Desk) -> None:
    desk.training()
    ended = desk.call_here("trainingjob", "mnist")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr.splitlines()[1:] == [f"no log yet: there is no log group {TRAINING}"]
