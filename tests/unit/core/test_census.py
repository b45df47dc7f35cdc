from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.census import MOST, census
from reconciler.core.resource import Resource


def thing(ready: str = "", drift: tuple[str, str] | None = None, run: dict[str, str] | None = None) -> Resource:
    conditions = [{"type": "Ready", "status": ready, "reason": "x"}] if ready else []
    if drift:
        conditions.append({"type": "Drifted", "status": drift[0], "reason": drift[1]})
    status: dict[str, Any] = {"conditions": conditions} | ({"run": run} if run else {})
    return Resource({"kind": "TrainingJob", "metadata": {"name": "a"}, "status": status})


READY = {("objects", "True"): 0, ("objects", "False"): 0, ("objects", "Unknown"): 0}


@pytest.mark.parametrize(
    ("objects", "counted"),
    [
        pytest.param([], {}, id="no objects: the kind is there all the same"),
        pytest.param(
            [thing("True"), thing("True"), thing("False")],
            {("objects", "True"): 2, ("objects", "False"): 1},
            id="by the status of Ready",
        ),
        pytest.param(
            [thing(), thing("nonsense"), Resource({"kind": "TrainingJob", "metadata": {"name": "b"}})],
            {("objects", "Unknown"): 3},
            id="without a word, or with a strange one, unknown",
        ),
        pytest.param(
            [thing("True", ("True", "ExternallyModified")), thing("True", ("False", "DriftCorrected"))],
            {("objects", "True"): 2, ("drifted_objects", "ExternallyModified"): 1},
            id="drift that was put right is none",
        ),
    ],
)
def test_what_is_counted(objects: list[Resource], counted: dict[tuple[str, str], int]) -> None:
    found = {(metric, labels[1]): value for metric, value, labels in census("TrainingJob", objects)}
    assert found == READY | counted


def test_jobs_count_by_the_state_of_their_newest_run() -> None:
    jobs = [thing(run={"status": "Completed"}), thing(run={"status": "Failed"}), thing(run={"name": "x"}), thing()]
    found = {labels: value for metric, value, labels in census("TrainingJob", jobs, job=True) if metric == "jobs"}
    assert found == {
        ("TrainingJob", "Completed"): 1,
        ("TrainingJob", "Failed"): 1,
        ("TrainingJob", "NotStarted"): 2,
    }


@pytest.mark.holds("D-22.1")
def test_made_up_words_in_status_make_no_more_series_than_the_bound() -> None:
    jobs = [thing(run={"status": f"state-{number}"}) for number in range(100)]
    found = [reading for reading in census("TrainingJob", jobs, job=True) if reading.metric == "jobs"]
    assert len(found) == MOST + 1
    assert sum(reading.value for reading in found) == 100
    assert found[-1].labels == ("TrainingJob", "Other")
