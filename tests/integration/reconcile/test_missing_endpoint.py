"""The endpoint is gone and may not be corrected: what goes out all the same (D-5.19)."""

from __future__ import annotations

import pytest

from reconciler.core.resource import Key
from tests.integration.reconcile.test_rollouts import in_service, rolled_back
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
