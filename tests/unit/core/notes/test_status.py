"""Which events a status write tells."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.core.notes.status import lines as lines_of
from reconciler.core.resource import Annotation, Resource
from reconciler.core.schema.shapes import Structure

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CURRENT, EARLIER = "c" * 40, "e" * 40
REVISION = f"main@sha1:{'a' * 40}"
SPEC = Structure(())

STARTED: dict[str, Any] = {
    "name": "churn-1",
    "digest": "d1",
    "startedAt": "2026-01-01T11:00:00Z",
    "status": "InProgress",
}
DONE = {**STARTED, "status": "Completed", "finishedAt": "2026-01-01T11:30:00Z"}
NEWER: dict[str, Any] = {**STARTED, "name": "churn-2", "commit": EARLIER}
OPEN: dict[str, Any] = {"id": 1, "hash": "h1", "revision": REVISION, "startedAt": "2026-01-01T11:00:00Z"}
GOOD = {**OPEN, "result": "Succeeded", "finishedAt": "2026-01-01T11:10:00Z"}
OLD = {**OPEN, "revision": f"main@sha1:{EARLIER}"}
SECOND = {**OPEN, "id": 2, "hash": "h2"}
HOLD: dict[str, Any] = {"id": 1, "since": "2026-01-01T11:20:00Z"}
OVER = {**HOLD, "endedAt": "2026-01-01T11:40:00Z", "reason": "Git's content changed"}
DRIFTED: dict[str, Any] = {
    "state": "Drifted",
    "since": "s",
    "mode": "Warn",
    "differences": [{"plane": "git", "path": "/spec/x"}],
}
CORRECTED: dict[str, Any] = {
    "at": "2026-01-01T11:00:00Z",
    "paths": ["/spec/x"],
    "recent": [{"path": "/spec/x", "at": "2026-01-01T11:00:00Z"}],
}


def resource() -> Resource:
    annotations = {Annotation.COMMIT: CURRENT, Annotation.REVISION: REVISION}
    metadata = {"name": "churn", "namespace": "ml", "uid": "u", "annotations": annotations}
    return Resource({"apiVersion": "v1", "kind": "TrainingJob", "metadata": metadata})


def lines(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str]]:
    found = lines_of(resource(), before, after, cluster="prod", now=NOW, spec=SPEC)
    return [(str(line.event), commit[0]) for commit, line in found]


@pytest.mark.holds("D-20.1")
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({}, {}, [], id="nothing happened"),
        pytest.param({}, {"run": {"name": "churn-1", "digest": "d1"}}, [], id="a run that is only intended is none yet"),
        pytest.param({}, {"run": STARTED}, [("JobStarted", "c")], id="a job started"),
        pytest.param({"run": STARTED}, {"run": STARTED}, [], id="a job goes on"),
        pytest.param({"run": STARTED}, {"run": DONE}, [("JobFinished", "c")], id="a job finished"),
        pytest.param({"run": DONE}, {"run": DONE}, [], id="a job stays finished"),
        pytest.param({"run": STARTED}, {"run": {**STARTED, "status": "Missing"}}, [], id="a job that is gone did not finish"),
        pytest.param(
            {"run": STARTED}, {"run": NEWER, "runs": [DONE]},
            [("JobFinished", "c"), ("JobStarted", "e")], id="an older run finishes while a newer starts",
        ),
        pytest.param({}, {"history": [OPEN]}, [("RolloutStarted", "c")], id="a rollout started"),
        pytest.param({"history": [OPEN]}, {"history": [GOOD]}, [("RolloutSucceeded", "c")], id="a rollout succeeded"),
        pytest.param(
            {"history": [OLD]}, {"history": [SECOND, {**OLD, "result": "Superseded"}]},
            [("RolloutSuperseded", "e"), ("RolloutStarted", "c")], id="a rollout was superseded, told on its own commit",
        ),
        pytest.param({"history": [GOOD]}, {"history": [GOOD]}, [], id="history stays"),
        pytest.param({}, {"rollout": {"hold": HOLD}}, [("HoldStarted", "c")], id="a hold began"),
        pytest.param({"rollout": {"hold": HOLD}}, {"rollout": {"hold": HOLD}}, [], id="a hold goes on"),
        pytest.param({"rollout": {"hold": HOLD}}, {"rollout": {"lastHold": OVER}}, [("HoldEnded", "c")], id="a hold ended"),
        pytest.param({"rollout": {"lastHold": OVER}}, {"rollout": {"lastHold": OVER}}, [], id="a hold stays over"),
        pytest.param(
            {"rollout": {"hold": HOLD}}, {"rollout": {"lastHold": OVER, "hold": {**HOLD, "id": 3, "since": "2026-01-01T12:00:00Z"}}},
            [("HoldEnded", "c"), ("HoldStarted", "c")], id="another hold instead",
        ),
        pytest.param({}, {"drift": DRIFTED}, [("DriftFound", "c")], id="drift was found"),
        pytest.param({"drift": DRIFTED}, {"drift": {**DRIFTED, "differences": []}}, [], id="drift stands"),
        pytest.param(
            {"drift": DRIFTED}, {"drift": {"state": "Corrected", "corrected": CORRECTED}}, [("DriftCorrected", "c")], id="drift was put right"
        ),
        pytest.param(
            {}, {"drift": {"corrected": {**CORRECTED, "recent": [{**CORRECTED["recent"][0], "edit": "7"}]}}}, [],
            id="what the sync put back, it has told itself",
        ),
    ],
)  # fmt: skip
def test_told(before: dict[str, Any], after: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert lines(before, after) == expected


def test_notes_are_rebuilt_from_status_under_the_ids_they_had() -> None:
    steps: list[dict[str, Any]] = [
        {},
        {"run": STARTED, "history": [OPEN]},
        {"run": DONE, "history": [GOOD], "drift": DRIFTED},
        {"run": DONE, "history": [SECOND, GOOD], "drift": DRIFTED, "rollout": {"hold": HOLD}},
        {"run": DONE, "history": [SECOND, GOOD], "drift": DRIFTED, "rollout": {"lastHold": OVER}},
    ]
    at_the_time = {
        line.id
        for number, (before, after) in enumerate(itertools.pairwise(steps))
        for _, line in lines_of(resource(), before, after, cluster="prod", now=NOW + timedelta(days=number), spec=SPEC)
    }
    rebuilt = {line.id for _, line in lines_of(resource(), {}, steps[-1], cluster="prod", now=NOW, spec=SPEC)}
    assert at_the_time == rebuilt
    assert len(rebuilt) == 8


def test_what_a_finished_job_tells() -> None:
    run = {**DONE, "billableSeconds": 900, "metrics": {"auc": 0.9}, "creationTime": "2026-01-01T11:10:00Z"}
    after = {"run": run, "modelPath": "s3://b/model.tar.gz"}
    ((_, line),) = lines_of(resource(), {"run": STARTED}, after, cluster="prod", now=NOW, spec=SPEC)
    told_ = {key: line.facts[key] for key in ("durationSeconds", "billableSeconds", "metrics", "artefact")}
    assert told_ == {
        "durationSeconds": 1200,
        "billableSeconds": 900,
        "metrics": {"auc": 0.9},
        "artefact": "s3://b/model.tar.gz",
    }
    assert line.at == datetime(2026, 1, 1, 11, 30, tzinfo=UTC)
