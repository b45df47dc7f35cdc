"""Status is bounded, and what counts as serving content (D-4, D-5)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.lab import Lab, hosting, job

CAPTURE = {
    "initialSamplingPercentage": 10,
    "destinationS3Uri": "s3://lab/captured",
    "captureOptions": [{"captureMode": "Input"}],
}


@pytest.mark.holds("D-4.6")
def test_the_newest_ten_runs_are_kept(lab: Lab) -> None:
    key = lab.cluster.apply(job())
    names = []
    for number in range(13):
        if number:
            lab.cluster.annotate(key, run=f"token-{number}")
        lab.run(until=lambda number=number: len(_made(lab)) == number + 1 and lab.is_ready(key), step_s=60)  # type: ignore[misc]
        names.append(lab.status(key)["run"]["name"])
    assert len(set(names)) == 13
    assert [run["name"] for run in lab.status(key)["runs"]] == names[-2:-12:-1]


def _made(lab: Lab) -> list[str]:
    return [row["key"] for row in lab.simulator.requests(op="CreateTrainingJob") if row["effect"]]


@pytest.mark.holds("D-5.2")
@pytest.mark.parametrize(
    "change",
    [{"dataCaptureConfig": CAPTURE}, {"kmsKeyId": "alias/lab"}],
    ids=["what is captured is content", "the key that encrypts is content"],
)
def test_capture_and_key_are_serving_content(lab: Lab, change: dict[str, Any]) -> None:
    key = lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    mark = lab.simulator.mark()
    lab.cluster.apply(hosting(**change))
    lab.run(until=lambda: lab.effects(mark)["UpdateEndpoint"] == 1 and lab.is_ready(key), step_s=60)
    assert lab.effects(mark) == {"CreateEndpointConfig": 1, "UpdateEndpoint": 1}
    lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.effects(mark)["UpdateEndpoint"] == 2 and lab.is_ready(key), step_s=60)


def test_quarantine_outlives_the_history_that_told_of_it(lab: Lab) -> None:
    """Condemned content whose entry was evicted is still known and stays away."""
    key = lab.cluster.apply(hosting(revisionHistoryLimit=2))
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    rolled_back = {"type": "endpoint_outcome", "outcome": "rollback", "reason": "", "after": 60}
    lab.simulator.rules({"id": "bad", "match": {"op": "UpdateEndpoint"}, "action": rolled_back})
    condemned = 5
    for number in range(condemned):
        lab.cluster.apply(hosting(image=f"bad:{number}", revisionHistoryLimit=2))
        lab.run(
            until=lambda number=number: (
                len(lab.status(key).get("quarantine") or ()) == number + 1  # type: ignore[misc]
                and "Stalled" in lab.types(key)
            ),
            step_s=20,
        )
    assert len(lab.status(key)["history"]) == 2
    mark = lab.simulator.mark()
    lab.cluster.apply(hosting(image="bad:0", revisionHistoryLimit=2))
    lab.run(600, step_s=60)
    assert lab.reason(key) == "RevisionQuarantined"
    assert lab.effects(mark)["UpdateEndpoint"] == 0


@pytest.mark.holds("D-7.6")
def test_a_finished_job_that_is_gone_is_no_drift(lab: Lab) -> None:
    key = lab.cluster.apply(job())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    lab.simulator.rules({"match": {"name": "*"}, "action": {"type": "delete", "kind": "TrainingJob", "now": True}})
    lab.begin()
    lab.cluster.annotate(key, requestedAt="now", drift_mode="Correct")
    lab.run(3600, step_s=300)
    assert (lab.is_ready(key), lab.types(key)) == (True, {"Ready"})
    assert lab.effects()["CreateTrainingJob"] == 1


@pytest.mark.holds("D-5.7")
@pytest.mark.parametrize(
    "action",
    [
        pytest.param({"type": "drop_before"}, id="the connection breaks"),
        pytest.param({"type": "error", "code": "InternalFailure", "message": "x", "status": 503}, id="InternalFailure"),
        pytest.param({"type": "error", "code": "RequestTimeout", "message": "x", "status": 503}, id="RequestTimeout"),
    ],
)
def test_an_update_that_never_arrives_is_sent_ever_more_slowly_until_it_does(lab: Lab, action: dict[str, Any]) -> None:
    key = lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    lab.simulator.rules({"match": {"op": "UpdateEndpoint"}, "action": action})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(until=lambda: lab.reason(key) == "UpdateNotReceived", step_s=10)
    assert lab.simulator.counts()["UpdateEndpoint"] == 3
    lab.run(6 * 3600, step_s=60)
    assert 8 <= lab.simulator.counts()["UpdateEndpoint"] <= 13
    lab.run(600, until=lambda: lab.reason(key) == "UpdateNotReceived", step_s=30)
    assert lab.types(key) == {"Healthy", "Stalled"}
    assert re.search(r"sent again at 20\d\d-.*kubectl sagemaker retry", lab.condition(key, "Ready")["message"])
    assert "quarantine" not in lab.status(key)
    lab.simulator.clear_rules()
    lab.run(2 * 3600, until=lambda: lab.is_ready(key), step_s=60)
    assert [entry["result"] for entry in lab.status(key)["history"]] == ["Succeeded", "Succeeded"]


def test_a_retry_sends_at_once_what_is_sent_ever_more_slowly(lab: Lab) -> None:
    key = lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    lab.simulator.rules({"match": {"op": "UpdateEndpoint"}, "action": {"type": "drop_before"}})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(3 * 3600, step_s=60)
    lab.run(600, until=lambda: lab.reason(key) == "UpdateNotReceived", step_s=10)
    lab.simulator.clear_rules()
    sent = lab.simulator.counts()["UpdateEndpoint"]
    lab.cluster.annotate(key, retry="now")
    lab.settle()
    assert lab.simulator.counts()["UpdateEndpoint"] == sent + 1
