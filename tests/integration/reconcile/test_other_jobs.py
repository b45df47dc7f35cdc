"""Transform and processing jobs: the same life as a training job, in their own words."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.support.lab import IMAGE, ROLE, Lab
from tests.support.lab_kinds import processing, transform

FAILING = {
    "match": {"op": "Create*Job"},
    "action": {"type": "job_outcome", "outcome": "fail", "reason": "ClientError: no"},
}


@pytest.fixture
def served(lab: Lab) -> Lab:
    """A model of somebody's, called `theirs`, is there."""
    container = {"Image": IMAGE}
    lab.simulator.client().create_model(ModelName="theirs", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    return lab


JOBS = [
    pytest.param(transform(modelName="theirs"), "transformJobStatus", "sageMakerTransformJobName", id="transform"),
    pytest.param(processing(), "processingJobStatus", "sageMakerProcessingJobName", id="processing"),
]
each_job = pytest.mark.parametrize(("manifest", "status", "name"), JOBS)


def ended(lab: Lab, manifest: dict[str, Any]) -> Key:
    key = lab.cluster.apply(manifest)
    lab.run(until=lambda: lab.is_ready(key) or "Stalled" in lab.types(key), step_s=30)
    return key


@each_job
def test_it_is_made_once_followed_and_settles(served: Lab, manifest: dict[str, Any], status: str, name: str) -> None:
    lab, mark = served, served.simulator.mark()
    key = lab.cluster.apply(manifest)
    lab.settle()
    assert sum(lab.effects(mark).values()) == 1
    assert lab.status(key)[status] == "InProgress"
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    told = lab.status(key)
    assert told[status] == "Completed"
    assert told[name] == told["run"]["name"]
    assert told["lastCheckTime"]
    written, mark = lab.cluster.status_writes[key], lab.simulator.mark()
    lab.run(3600, step_s=300)
    assert (lab.cluster.status_writes[key], lab.simulator.counts(mark)) == (written, {})


@each_job
def test_a_running_one_costs_pages_and_one_describe(
    served: Lab, manifest: dict[str, Any], status: str, name: str
) -> None:
    lab = served
    key = lab.cluster.apply(manifest)
    lab.settle()
    mark = lab.simulator.mark()
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    counts = lab.simulator.counts(mark)
    assert sum(count for operation, count in counts.items() if operation.startswith("Describe")) == 1
    assert {operation[:4] for operation in counts} == {"List", "Desc"}


@each_job
def test_deleting_it_stops_what_runs(served: Lab, manifest: dict[str, Any], status: str, name: str) -> None:
    lab = served
    key = lab.cluster.apply(manifest)
    lab.settle()
    mark = lab.simulator.mark()
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects)
    assert [operation[:4] for operation in lab.effects(mark)] == ["Stop"]


@each_job
def test_a_failure_is_told_and_not_retried(served: Lab, manifest: dict[str, Any], status: str, name: str) -> None:
    lab = served
    lab.simulator.rules(FAILING)
    key = ended(lab, manifest)
    assert (lab.reason(key), lab.status(key)[status]) == ("JobFailed", "Failed")
    assert "ClientError: no" in lab.status(key)["additional"]
    mark = lab.simulator.mark()
    lab.run(7200, step_s=600)
    assert lab.effects(mark) == {}


def test_a_processing_jobs_logs_are_linked(lab: Lab) -> None:
    key = ended(lab, processing())
    assert "/aws/sagemaker/ProcessingJobs" in lab.status(key)["cloudWatchLogUrl"]


def test_a_transform_waits_for_a_model_that_is_only_named(lab: Lab) -> None:
    """The archived operator said `Failed` meanwhile, and started it all the same: whoever stopped at that word paid later."""
    key = lab.cluster.apply(transform(modelName="nobodys"))
    lab.run(30)
    assert lab.status(key)["transformJobStatus"] == "SynchronizingK8sJobWithSageMaker"
    assert "state" not in lab.status(key)["drift"]
    assert lab.status(key)["additional"] == "SageMaker has no model nobodys yet"
    assert (lab.reason(key), lab.types(key)) == ("DependencyNotReady", {"Reconciling"})
    mark, written = lab.simulator.mark(), lab.cluster.status_writes[key]
    lab.begin()
    lab.run(1800, step_s=30)
    assert lab.cluster.status_writes[key] == written
    assert lab.simulator.mutations(mark) == []
    assert lab.simulator.counts(mark)["DescribeModel"] <= 32

    lab.simulator.client().create_model(
        ModelName="nobodys", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "Mode": "SingleModel"}
    )
    lab.run(90, until=lambda: lab.reason(key) == "JobRunning")
    assert lab.effects(mark) == {"CreateModel": 1, "CreateTransformJob": 1}
    assert lab.status(key)["transformJobStatus"] == "InProgress"
    assert "additional" not in lab.status(key)


def test_nothing_was_started_while_a_model_is_waited_for_so_everything_may_change(served: Lab) -> None:
    lab = served
    key = lab.cluster.apply(transform(modelName="nobodys"))
    lab.run(30)
    lab.cluster.apply(transform(modelName="theirs"))
    lab.run(90, until=lambda: lab.reason(key) == "JobRunning")
    other = lab.cluster.apply(transform("other", modelName="nobodys"))
    lab.run(30)
    lab.cluster.delete(other)
    lab.run(30)
    assert other not in lab.cluster.objects
