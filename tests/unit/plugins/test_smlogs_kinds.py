"""Names, log groups, stream prefixes, and what is read from a resource."""

from typing import Any

import pytest

from reconciler.core.resource import Resource
from reconciler.plugins.smlogs.kinds import KINDS, LogKind, header, kind_named, query, subject


def kind(name: str) -> LogKind:
    found = kind_named(name)
    assert found is not None
    return found


def resource(status: dict[str, Any] | None = None, **spec: Any) -> Resource:
    metadata = {"name": "x", "namespace": "ns", "uid": "1"}
    return Resource(
        {"kind": "K", "metadata": metadata, "spec": {"region": "us-west-2", **spec}, "status": status or {}}
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *(
            (alias, "TrainingJob")
            for alias in ("TrainingJob", "Trainingjob", "trainingjob", "trainingjobs", "TrainingJobs")
        ),
        *(
            (alias, "BatchTransformJob")
            for alias in (
                "BatchTransformJob",
                "batchtransformjob",
                "BatchtransformJob",
                "batchtransformjobs",
                "BatchTransformJobs",
                "BatchtransformJobs",
            )
        ),
        *(
            (alias, "HyperparameterTuningJob")
            for alias in (
                "HyperParameterTuningJob",
                "HyperparameterTuningJob",
                "hyperparametertuningjob",
                "HyperparametertuningJob",
                "HyperParameterTuningJobs",
                "hyperparameterTuningjobs",
                "HyperparametertuningJobs",
            )
        ),
        ("processingjob", "ProcessingJob"),
        ("ProcessingJobs", "ProcessingJob"),
        ("hostingdeployment", "HostingDeployment"),
        ("hostingdeployments", "HostingDeployment"),
        ("trainingjobs.sagemaker.aws.amazon.com", "TrainingJob"),
        ("trainingjob.v1.sagemaker.aws.amazon.com", "TrainingJob"),
    ],
)
def test_a_kind_by_every_name_the_archived_plugin_knew_and_more(text: str, found: str) -> None:
    assert kind(text).kind == found


@pytest.mark.parametrize("text", ["", "pod", "model", "job", "hap"])
def test_no_kind_with_logs(text: str) -> None:
    assert kind_named(text) is None


@pytest.mark.parametrize("one", KINDS, ids=lambda one: one.kind)
def test_the_table_agrees_with_the_resource_definitions(one: LogKind) -> None:
    status, keys = one.declared.schema.status.by_key, one.declared.keys
    assert {keys.name, keys.status} | ({keys.secondary} - {""}) <= status.keys()


@pytest.mark.parametrize(
    ("name", "search", "group", "prefix"),
    [
        ("TrainingJob", "", "/aws/sagemaker/TrainingJobs", "job1/"),
        ("TrainingJob", "algo-2", "/aws/sagemaker/TrainingJobs", "job1/algo-2"),
        ("BatchTransformJob", "", "/aws/sagemaker/TransformJobs", "job1/"),
        ("ProcessingJob", "", "/aws/sagemaker/ProcessingJobs", "job1/"),
        ("HyperparameterTuningJob", "", "/aws/sagemaker/TrainingJobs", "job1-"),
        ("HyperparameterTuningJob", "003", "/aws/sagemaker/TrainingJobs", "job1-003"),
        ("HostingDeployment", "", "/aws/sagemaker/Endpoints/job1", ""),
        ("HostingDeployment", "main", "/aws/sagemaker/Endpoints/job1", "main"),
    ],
)
def test_where_the_logs_are(name: str, search: str, group: str, prefix: str) -> None:
    asked = query(kind(name), "job1", search)
    assert (asked.group, asked.prefix) == (group, prefix)


@pytest.mark.parametrize(
    ("stream", "shown"),
    [
        ("hpo-001-0a1b2c3d/algo-1-1574811673", True),
        ("hpo-1234-0a1b2c3d/algo-1-1574811673", True),
        ("hpo-b-001-0a1b2c3d/algo-1-1574811673", False),
        ("hpo-again/algo-1-1574811673", False),
        ("hpo-001-0a1b2c3d-001-0a1b2c3d/algo-1-1574811673", False),
        ("hpo-01-0a1b2c3d/algo-1-1574811673", False),
    ],
)
def test_only_children_of_this_tuning_job(stream: str, shown: bool) -> None:
    assert query(kind("HyperparameterTuningJob"), "hpo", "").holds(stream) is shown


def test_a_dot_in_a_name_stands_for_itself() -> None:
    assert not query(kind("HyperparameterTuningJob"), "h.o", "").holds("hpo-001-0a1b2c3d/algo-1")


TRAINING = "TrainingJob"
STALLED = [{"type": "Stalled", "status": "True", "reason": "RequestRefused", "message": "no such image"}]


@pytest.mark.parametrize(
    ("status", "spec", "name", "region"),
    [
        pytest.param({"sageMakerTrainingJobName": "a"}, {"trainingJobName": "b"}, "a", "us-west-2", id="status first"),
        pytest.param({}, {"trainingJobName": "b"}, "b", "us-west-2", id="else the spec"),
        pytest.param({}, {}, "", "us-west-2", id="no job yet"),
        pytest.param(
            {"sageMakerTrainingJobName": "a", "run": {"name": "a", "region": "cn-north-1"}},
            {},
            "a",
            "cn-north-1",
            id="the region that the run was started in",
        ),
    ],
)
def test_name_and_region(status: dict[str, Any], spec: dict[str, Any], name: str, region: str) -> None:
    seen = subject(kind(TRAINING), resource(status, **spec))
    assert (seen.name, seen.region) == (name, region)


@pytest.mark.parametrize(
    ("status", "over"),
    [
        ({"trainingJobStatus": "InProgress"}, False),
        ({"trainingJobStatus": "Stopping"}, False),
        ({"trainingJobStatus": "SynchronizingK8sJobWithSageMaker"}, False),
        ({"trainingJobStatus": "BrandNew"}, False),
        ({"trainingJobStatus": "Completed"}, True),
        ({"trainingJobStatus": "Failed"}, True),
        ({"trainingJobStatus": "Stopped"}, True),
        ({"trainingJobStatus": "InProgress", "run": {"name": "a", "status": "Missing"}}, True),
    ],
)
def test_when_a_job_is_over(status: dict[str, Any], over: bool) -> None:
    assert subject(kind(TRAINING), resource({"sageMakerTrainingJobName": "a", **status}), "a").over is over


@pytest.mark.parametrize(
    ("runs", "over"),
    [
        pytest.param([{"name": "old", "status": "InProgress"}], False, id="the earlier run goes on beside the new one"),
        pytest.param([{"name": "old", "status": "Completed"}], True, id="the earlier run is over"),
        pytest.param([], True, id="the earlier run is forgotten"),
    ],
)
def test_a_job_that_its_resource_left_behind_is_followed_to_its_end(runs: list[dict[str, str]], over: bool) -> None:
    status = {"sageMakerTrainingJobName": "new", "trainingJobStatus": "InProgress", "runs": runs}
    assert subject(kind(TRAINING), resource(status), "old").over is over


def test_an_endpoint_is_never_over() -> None:
    status = {"endpointName": "e", "endpointStatus": "Failed", "endpoint": {"region": "us-gov-west-1"}}
    seen = subject(kind("hostingdeployment"), resource(status), "e")
    assert (seen.over, seen.hopeless, seen.region) == (False, "", "us-gov-west-1")


@pytest.mark.parametrize(
    ("status", "hopeless"),
    [
        pytest.param({"conditions": STALLED}, "RequestRefused: no such image", id="refused before there was a job"),
        pytest.param({"conditions": STALLED, "run": {"startedAt": "2026-01-01T00:00:00Z"}}, "", id="a job was started"),
        pytest.param({"conditions": STALLED, "trainingJobStatus": "Failed"}, "", id="a job failed"),
        pytest.param({"conditions": [{**STALLED[0], "status": "False"}]}, "", id="not stalled"),
    ],
)
def test_whether_waiting_for_a_job_makes_sense(status: dict[str, Any], hopeless: str) -> None:
    assert subject(kind(TRAINING), resource(status)).hopeless == hopeless


def test_the_header_is_the_archived_plugins() -> None:
    status = {"sageMakerTrainingJobName": "j", "trainingJobStatus": "InProgress", "secondaryStatus": "Training"}
    seen = subject(kind(TRAINING), resource(status))
    assert header(kind(TRAINING), "x", seen) == (
        '"x" has SageMaker TrainingJobName "j" in region "us-west-2", status "InProgress" and secondary status "Training"'
    )
    transform = subject(
        kind("batchtransformjob"), resource({"sageMakerTransformJobName": "t", "transformJobStatus": "Failed"})
    )
    assert header(kind("batchtransformjob"), "x", transform) == (
        '"x" has SageMaker TransformJobName "t" in region "us-west-2", status "Failed"'
    )
