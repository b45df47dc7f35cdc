"""The endpoint is gone and may not be corrected: what goes out all the same (D-5.19)."""

from __future__ import annotations

import pytest

from reconciler.core.resource import Key
from tests.integration.reconcile.test_rollouts import NO_CAPACITY, in_service, rolled_back
from tests.support.lab import IMAGE, Lab, annotated, hosting


def delete_endpoint(lab: Lab, key: Key) -> None:
    lab.simulator.client().delete_endpoint(EndpointName=lab.status(key)["endpointName"])


def flapping(lab: Lab) -> Key:
    """Corrected three times within the hour, and deleted again."""
    key = in_service(lab, annotated(hosting(), drift_mode="Correct"))
    for _ in range(3):
        delete_endpoint(lab, key)
        lab.run(until=lambda: not lab.is_ready(key), step_s=10)
        lab.run(until=lambda: lab.is_ready(key), step_s=10)
    delete_endpoint(lab, key)
    lab.run(until=lambda: lab.reason(key) == "ExternallyDeleted", step_s=10)
    return key


def left_so(lab: Lab) -> Key:
    """Deleted, where nobody wrote that it is to be corrected."""
    key = in_service(lab, hosting())
    delete_endpoint(lab, key)
    lab.run(until=lambda: lab.reason(key) == "ExternallyDeleted", step_s=10)
    return key


@pytest.mark.holds("D-5.19")
@pytest.mark.parametrize("why", [flapping, left_so], ids=["its correction flaps", "no GitSync, mode Warn"])
@pytest.mark.parametrize("word", ["a new commit", "retry"])
def test_new_content_and_a_persons_word_go_out(lab: Lab, why: object, word: str) -> None:
    assert callable(why)
    key, mode = why(lab), "Correct" if why is flapping else "Warn"
    mark = lab.simulator.mark()
    lab.run(300, step_s=30)
    assert lab.effects(mark) == {}, "what was wanted before is left as it is"
    if word == "retry":
        lab.cluster.annotate(key, retry="now")
    else:
        lab.cluster.apply(annotated(hosting(image="lab:2"), drift_mode=mode))
        lab.settle()
    lab.run(until=lambda: lab.is_ready(key), step_s=10)
    assert lab.effects(mark)["CreateEndpoint"] == 1
    entry = lab.status(key)["history"][0]
    assert (entry["initiatedBy"], entry["result"]) == ("manual" if word == "retry" else "git", "Succeeded")


@pytest.mark.holds("D-5.19")
@pytest.mark.parametrize("mode", ["Correct", "Warn"])
def test_what_served_last_comes_back_while_git_is_quarantined(lab: Lab, mode: str) -> None:
    key = rolled_back(lab)
    lab.cluster.annotate(key, drift_mode=mode)
    served, mark = lab.status(key)["endpointConfigName"], lab.simulator.mark()
    delete_endpoint(lab, key)
    lab.run(900, step_s=30)
    assert (lab.effects(mark)["CreateEndpoint"], lab.reason(key)) == (int(mode == "Correct"), "RevisionQuarantined")
    if mode == "Warn":
        assert "served last, back" in lab.condition(key, "Ready")["message"]
        lab.cluster.annotate(key, retry="now")
        lab.run(900, step_s=30)
    found = lab.simulator.client().describe_endpoint(EndpointName=lab.status(key)["endpointName"])
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", served)
    assert lab.types(key) == {"Stalled", "Healthy"}
    # The revert of the bad commit costs nothing: it serves already.
    mark = lab.simulator.mark()
    lab.cluster.apply(annotated(hosting(image=IMAGE), drift_mode=mode))
    lab.run(until=lambda: lab.is_ready(key), step_s=10)
    assert lab.effects(mark).keys() <= {"AddTags"}


@pytest.mark.parametrize(
    ("why", "ends", "tries"),
    [(NO_CAPACITY, "EndpointFailed", 3), ("bad image", "RevisionQuarantined", 1)],
    ids=["no capacity, which condemns nothing", "a reason of the content's"],
)
def test_a_correction_that_came_to_nothing_is_reported_as_none(lab: Lab, why: str, ends: str, tries: int) -> None:
    key = in_service(lab, annotated(hosting(), drift_mode="Correct", revision="main@sha1:600d"))
    outcome = {"type": "endpoint_outcome", "outcome": "fail", "reason": why}
    lab.simulator.rules({"match": {"op": "CreateEndpoint", "count": tries}, "action": outcome})
    delete_endpoint(lab, key)
    lab.run(7200, until=lambda: lab.reason(key) == ends, step_s=20)
    lab.run(7200, step_s=300)
    assert (lab.reason(key), lab.effects()["CreateEndpoint"]) == (ends, 1 + tries)
    assert ("quarantine" in lab.status(key)) == (ends == "RevisionQuarantined")
    lines = [line["event"] for line in lab.around.noted.values()]
    assert "DriftCorrected" not in (*lines, *(event for _, event, _ in lab.around.emitted))
    assert "corrected" not in lab.status(key)["drift"]
    quarantined = lab.status(key).get("quarantine") or [{"hash": "capacity again"}]
    lab.cluster.annotate(key, retry=quarantined[0]["hash"])
    lab.run(7200, until=lambda: lab.is_ready(key), step_s=20)
    assert lab.status(key)["history"][0]["result"] == "Succeeded"


def test_a_correction_that_serves_at_the_second_try_is_told_then(lab: Lab) -> None:
    key = in_service(lab, annotated(hosting(), drift_mode="Correct", revision="main@sha1:600d"))
    outcome = {"type": "endpoint_outcome", "outcome": "fail", "reason": NO_CAPACITY}
    lab.simulator.rules({"match": {"op": "CreateEndpoint", "count": 1}, "action": outcome})
    delete_endpoint(lab, key)
    lab.run(7200, until=lambda: lab.status(key)["endpointStatus"] == "Failed", step_s=20)
    assert "DriftCorrected" not in [event for _, event, _ in lab.around.emitted]
    lab.run(7200, until=lambda: lab.is_ready(key), step_s=20)
    assert lab.status(key)["drift"]["corrected"]["count"] == 1
    assert "DriftCorrected" in [event for _, event, _ in lab.around.emitted]
