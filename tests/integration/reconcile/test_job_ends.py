"""What is remembered of how a job ended, and what notes tell of it."""

from __future__ import annotations

from typing import Any

from tests.support.lab import Lab, annotated, job

METRICS = [{"name": "auc", "regex": "auc=(.*)"}]
SHA = "c" * 40


def finished(lab: Lab) -> dict[str, Any]:
    (line,) = (line for line in lab.around.noted.values() if line["event"] == "JobFinished")
    return line


def measured() -> dict[str, Any]:
    manifest = annotated(job(), revision=f"main@sha1:{SHA}", on_change="Run")
    manifest["spec"]["algorithmSpecification"]["metricDefinitions"] = METRICS
    return manifest


def test_a_completed_job_tells_all_from_the_one_describe(lab: Lab) -> None:
    lab.simulator.rules(
        {
            "match": {"op": "CreateTrainingJob"},
            "action": {"type": "job_outcome", "outcome": "complete", "metrics": {"auc": 0.9}},
        }
    )
    key = lab.cluster.apply(measured())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert lab.simulator.counts()["DescribeTrainingJob"] == 1
    status, line = lab.status(key), finished(lab)
    run = status["run"]
    assert run["metrics"] == {"auc": 0.9}
    assert run["artefact"] == status["modelPath"] == line["artefact"]
    assert run["billableSeconds"] == line["billableSeconds"] > 0
    assert run["finishedAt"] == line["at"]
    assert run["commit"] == SHA
    assert "reason" not in run
    assert (line["metrics"], line["status"]) == ({"auc": 0.9}, "Completed")
    written = lab.cluster.status_writes[key]
    lab.begin()
    lab.run(600, step_s=300)
    assert lab.cluster.status_writes[key] == written


def test_a_failed_job_keeps_its_reason_when_another_run_follows(lab: Lab) -> None:
    why = "AlgorithmError: it did not converge"
    lab.simulator.rules(
        {
            "match": {"op": "CreateTrainingJob", "count": 1},
            "action": {"type": "job_outcome", "outcome": "fail", "at": "Training", "reason": why},
        }
    )
    key = lab.cluster.apply(measured())
    lab.run(until=lambda: "Stalled" in lab.types(key), step_s=60)
    assert lab.status(key)["run"]["reason"] == finished(lab)["reason"] == why
    lab.cluster.annotate(key, run="again")
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert [run["reason"] for run in lab.status(key)["runs"]] == [why]
    assert "reason" not in lab.status(key)["run"]
