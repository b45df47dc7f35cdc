"""A rollback held against Git (D-6): one call there, one back, and nothing in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from reconciler.core.conditions import find, moment, stamp
from reconciler.core.resource import Key
from tests.integration.reconcile.test_rollouts import ALARM, CANARY, alarm, in_service, results, rolled_back, updates
from tests.support.lab import IMAGE, PREFIX, Lab, annotated, hosting


def two(lab: Lab, **spec: Any) -> Key:
    """#1 (lab:1) served, #2 (lab:2) serves."""
    in_service(lab, annotated(hosting(**spec), revision="main@sha1:1eabc9d2f0", author="Ada"))
    return in_service(lab, annotated(hosting(image="lab:2", **spec), revision="main@sha1:2badc0de11"))


def hold(lab: Lab, key: Key, to: str = "1", **more: str) -> None:
    lab.cluster.annotate(key, rollback_to=to, **more)
    lab.run(until=lambda: lab.reason(key) == "RollbackHeld", step_s=20)


def image(lab: Lab, key: Key) -> str:
    found = lab.simulator.client().describe_endpoint(EndpointName=lab.status(key)["endpointName"])
    return str(found["ProductionVariants"][0]["DeployedImages"][0]["SpecifiedImage"])


def told(lab: Lab, reason: str) -> list[str]:
    return [message for _, of, message in lab.around.emitted if of == reason]


@pytest.mark.holds("D-6.2")
def test_a_hold_is_one_call_and_reads_as_one(lab: Lab) -> None:
    key = two(lab)
    spec, mark = lab.cluster.objects[key]["spec"], lab.simulator.mark()
    hold(lab, key)
    assert lab.simulator.mutations(mark) == [("UpdateEndpoint", lab.status(key)["endpointName"])]
    assert image(lab, key) != "lab:2"
    assert lab.cluster.objects[key]["spec"] == spec
    assert lab.types(key) == {"Ready", "Healthy"}
    message = lab.condition(key, "Ready")["message"]
    assert "#1 (1eabc9d) is held against Git" in message
    assert "rollback-to is removed" in message
    status = lab.status(key)
    assert (status["rollout"]["phase"], status["drift"]["state"]) == ("Held", "Held")
    assert status["handled"]["rollbackTo"] == "1"
    newest = status["history"][0]
    assert (newest["id"], newest["initiatedBy"], newest["rollbackOf"], newest["result"]) == (
        3,
        "rollback",
        1,
        "Succeeded",
    )
    assert (newest["revision"], newest["author"]) == ("main@sha1:1eabc9d2f0", "Ada")
    [model] = status["modelNames"]
    config = next(one for one in status["configs"] if one["name"] == status["endpointConfigName"])
    assert [model["value"]] == config["models"]
    assert len(told(lab, "RollbackHeld")) == 1


def test_what_git_wants_and_what_serves_already_cannot_be_held(lab: Lab) -> None:
    key = two(lab)
    mark = lab.simulator.mark()
    lab.cluster.annotate(key, rollback_to="2")
    lab.run(300, step_s=30)
    assert (lab.reason(key), lab.simulator.mutations(mark)) == ("InService", [])
    assert "#2 serves already" in lab.condition(key, "Ready")["message"]
    assert (len(told(lab, "RollbackRefused")), told(lab, "RollbackHeld")) == (1, [])


def ringing(lab: Lab, **guards: Any) -> Key:
    """As `two`, guarded by an alarm that rings since #2 serves."""
    watch = alarm(lab)
    key = two(lab, **guards or {"deploymentConfig": CANARY})
    watch.set_alarm_state(AlarmName=ALARM, StateValue="ALARM", StateReason="test")
    return key


def guards_sent(lab: Lab) -> list[Any]:
    """The guard-rails of each UpdateEndpoint, as sent."""
    return [sent.call.params.get("DeploymentConfig") for sent in lab.sent if sent.call.operation == "UpdateEndpoint"]


WAYS_BACK: dict[str, Callable[[Lab, Key], object]] = {
    "held": hold,
    "git revert": lambda lab, _: in_service(lab, hosting(deploymentConfig=CANARY)),
}


@pytest.mark.holds("D-6.4")
@pytest.mark.parametrize("go_back", WAYS_BACK.values(), ids=WAYS_BACK.keys())
def test_the_way_back_works_while_the_alarm_rings(lab: Lab, go_back: Callable[[Lab, Key], object]) -> None:
    key = ringing(lab)
    go_back(lab, key)
    assert (image(lab, key), updates(lab), lab.status(key).get("quarantine")) == (IMAGE, 2, None)
    assert results(lab, key) == ["Succeeded"] * 3
    there, back = guards_sent(lab)
    assert back == {name: value for name, value in there.items() if name != "AutoRollbackConfiguration"}
    assert "without its alarms" in told(lab, "RolloutStarted")[-1]
    assert "withoutAlarms" not in lab.status(key)["rollout"]
    messages = [find(status["conditions"], "Ready") or {} for of, status in lab.cluster.written if of == key]
    assert any("without its alarms" in one["message"] for one in messages)


def test_the_way_back_works_with_guards_that_only_sagemaker_holds(lab: Lab) -> None:
    """RetainDeploymentConfig brings the alarms of the last update, which Git need not name."""
    key = ringing(lab)
    lab.cluster.apply(hosting(image="lab:2", retainDeploymentConfig=True))
    lab.settle()
    hold(lab, key)
    assert guards_sent(lab)[-1].keys() == {"BlueGreenUpdatePolicy"}
    assert "RetainDeploymentConfig" not in lab.sent[-1].call.params


def test_forward_again_is_guarded(lab: Lab) -> None:
    """Content that served once and was left for older content may be what rang the alarm."""
    key = ringing(lab)
    hold(lab, key)
    lab.cluster.annotate(key, rollback_to=None)
    lab.run(until=lambda: lab.reason(key) == "RevisionQuarantined", step_s=20)
    assert (image(lab, key), updates(lab)) == (IMAGE, 3)
    assert "AutoRollbackConfiguration" in guards_sent(lab)[-1]


@pytest.mark.holds("D-6.2")
def test_a_hold_survives_restarts_and_passes_for_nothing(lab: Lab) -> None:
    key = two(lab, revisionHistoryLimit=2)
    hold(lab, key)
    lab.run(120, step_s=60)  # the first pages tell when the parts were made
    mark, written = lab.simulator.mark(), lab.cluster.status_writes[key]
    for number in range(50):
        if number % 10 == 0:
            lab.begin()
        lab.reconcile(key)
    lab.run(86400, step_s=7200)
    assert lab.simulator.mutations(mark) == []
    assert lab.reason(key) == "RollbackHeld"
    assert lab.cluster.status_writes[key] == written


def test_commits_that_are_no_content_leave_the_hold_alone(lab: Lab) -> None:
    key = two(lab)
    hold(lab, key)
    before = updates(lab)
    lab.cluster.apply(
        annotated(
            hosting(image="lab:2", tags=[{"key": "team", "value": "x"}]), rollback_to="1", revision="main@sha1:f00"
        )
    )
    lab.run(600, step_s=60)
    assert (lab.reason(key), updates(lab)) == ("RollbackHeld", before)


@pytest.mark.holds("D-6.3")
def test_other_content_in_git_ends_the_hold_for_good(lab: Lab) -> None:
    key = two(lab)
    hold(lab, key)
    in_service(lab, annotated(hosting(image="lab:3"), rollback_to="1"))
    assert (lab.reason(key), image(lab, key), updates(lab)) == ("InService", "lab:3", 3)
    assert lab.status(key)["rollout"]["lastHold"]["reason"] == "Git's content changed"
    assert lab.status(key)["drift"]["state"] == "InSync"
    # The annotation is still there; back to what was held against does not begin it anew.
    in_service(lab, annotated(hosting(image="lab:2"), rollback_to="1"))
    lab.begin()
    lab.run(600, step_s=60)
    assert (lab.reason(key), updates(lab)) == ("InService", 4)
    lab.cluster.annotate(key, rollback_to=None)
    lab.settle()
    hold(lab, key)
    assert updates(lab) == 5


def test_reverting_in_git_to_what_is_held_costs_nothing(lab: Lab) -> None:
    key = two(lab)
    hold(lab, key)
    mark = lab.simulator.mark()
    in_service(lab, annotated(hosting(), rollback_to="1"))
    assert lab.simulator.mutations(mark) == []
    assert (lab.reason(key), lab.status(key)["rollout"]["phase"]) == ("InService", "Complete")


@pytest.mark.holds("D-6.3")
def test_a_hold_ends_by_time(lab: Lab) -> None:
    key = two(lab)
    until = stamp(lab.clock.now() + timedelta(hours=2))
    hold(lab, key, rollback_until=until)
    assert until in lab.condition(key, "Ready")["message"]
    mark = lab.simulator.mark()
    lab.run(6000, step_s=600)
    assert (lab.reason(key), lab.simulator.mutations(mark)) == ("RollbackHeld", [])
    lab.run(until=lambda: lab.reason(key) == "InService" and lab.is_ready(key), step_s=60)
    assert (
        moment(until)
        <= moment(lab.status(key)["rollout"]["lastHold"]["endedAt"])
        <= moment(until) + timedelta(minutes=1)
    )
    assert (image(lab, key), updates(lab)) == ("lab:2", 3)
    lab.begin()
    lab.run(3600, step_s=600)
    assert updates(lab) == 3
    assert [message.split(":")[0] for message in told(lab, "RollbackEnded")] == ["#1 (1eabc9d) is held no more"]


def test_taking_the_annotation_off_ends_it(lab: Lab) -> None:
    key = two(lab)
    hold(lab, key)
    lab.cluster.annotate(key, rollback_to=None)
    lab.run(until=lambda: lab.reason(key) == "InService" and image(lab, key) == "lab:2", step_s=20)
    assert updates(lab) == 3
    assert "rollbackTo" not in lab.status(key).get("handled", {})


def test_git_in_quarantine_is_held_without_a_call_and_stays_quarantined_after(lab: Lab) -> None:
    key = rolled_back(lab)
    mark = lab.simulator.mark()
    hold(lab, key)
    assert lab.types(key) == {"Ready", "Healthy"}
    lab.cluster.annotate(key, rollback_to=None)
    lab.run(600, step_s=60)
    assert lab.reason(key) == "RevisionQuarantined"
    assert lab.simulator.mutations(mark) == []


@pytest.mark.parametrize("to, why", [("99", "no entry 99"), ("2", "never served (RolledBack)")])
def test_what_cannot_be_held_is_said_and_not_sent(lab: Lab, to: str, why: str) -> None:
    key = rolled_back(lab)
    in_service(lab, hosting())
    mark = lab.simulator.mark()
    lab.cluster.annotate(key, rollback_to=to)
    lab.begin()
    lab.run(300, step_s=60)
    assert lab.simulator.mutations(mark) == []
    assert lab.is_ready(key)
    assert why in lab.condition(key, "Ready")["message"]
    assert [why in message for message in told(lab, "RollbackRefused")] == [True]
    lab.cluster.annotate(key, rollback_to=None)
    lab.run(60, step_s=60)
    assert why not in lab.condition(key, "Ready")["message"]


def test_content_that_went_into_quarantine_since_is_refused(lab: Lab) -> None:
    key = two(lab)
    bad = {"type": "endpoint_outcome", "outcome": "rollback", "reason": "alarm", "after": 60}
    lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": bad})
    lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.reason(key) == "RevisionQuarantined", step_s=20)
    in_service(lab, hosting(image="lab:2"))
    mark = lab.simulator.mark()
    lab.cluster.annotate(key, rollback_to="1")
    lab.run(300, step_s=60)
    assert lab.simulator.mutations(mark) == []
    assert "quarantine" in lab.condition(key, "Ready")["message"]


def test_a_hold_that_sagemaker_rolls_back_is_over(lab: Lab) -> None:
    key = two(lab)
    bad = {"type": "endpoint_outcome", "outcome": "rollback", "reason": "alarm", "after": 60}
    lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": bad})
    lab.cluster.annotate(key, rollback_to="1")
    lab.run(until=lambda: lab.status(key).get("quarantine") and lab.is_ready(key), step_s=20)
    lab.run(600, step_s=60)
    assert (lab.reason(key), image(lab, key), updates(lab)) == ("InService", "lab:2", 2)
    assert "quarantine" in lab.status(key)["rollout"]["lastHold"]["reason"]


def test_a_revert_of_a_revert(lab: Lab) -> None:
    key = two(lab)
    for manifest in (hosting(), hosting(image="lab:2"), hosting()):
        in_service(lab, manifest)
    assert updates(lab) == 4
    assert [entry.get("rollbackOf") for entry in lab.status(key)["history"]] == [3, 2, 1, None, None]
    assert lab.effects()["CreateEndpointConfig"] == 2


def test_an_abort_waits_for_the_update_that_runs(lab: Lab) -> None:
    key = in_service(lab, hosting())
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(20, step_s=20)
    lab.cluster.annotate(key, rollback_to="1")
    lab.run(20, step_s=20)
    assert updates(lab) == 1
    assert lab.reason(key) == "RolloutInProgress"
    assert "SageMaker cannot cancel an update" in lab.condition(key, "Ready")["message"]
    lab.begin()
    lab.run(until=lambda: lab.reason(key) == "RollbackHeld", step_s=20)
    assert updates(lab) == 2
    assert image(lab, key) != "lab:2"
    assert results(lab, key) == ["Succeeded", "Succeeded", "Succeeded"]


def test_with_no_status_a_token_is_recorded_and_not_acted_on(lab: Lab) -> None:
    key = in_service(lab, annotated(hosting(), rollback_to="1"))
    in_service(lab, annotated(hosting(image="lab:2"), rollback_to="1"))
    lab.run(600, step_s=60)
    assert (lab.reason(key), lab.status(key)["handled"]["rollbackTo"], updates(lab)) == ("InService", "1", 1)


def test_an_outage_does_not_eat_the_token(lab: Lab) -> None:
    key = two(lab)
    down = {"type": "error", "code": "ServiceUnavailable", "message": "later", "status": 503}
    lab.begin()
    lab.simulator.rules({"id": "down", "match": {"op": "[DL]*"}, "action": down})
    lab.cluster.annotate(key, rollback_to="1")
    lab.run(20, step_s=10)
    assert lab.reason(key) == "TransientError"
    lab.simulator.clear_rules("down")
    lab.run(until=lambda: lab.reason(key) == "RollbackHeld", step_s=20)
    assert updates(lab) == 2


def test_notes_tell_of_a_hold_and_of_its_rollout(lab: Lab) -> None:
    key = two(lab)
    lab.around.noted.clear()
    hold(lab, key)
    lab.begin()
    in_service(lab, annotated(hosting(image="lab:3"), rollback_to="1"))
    lines = list(lab.around.noted.values())
    assert [line["event"] for line in lines] == [
        *("RolloutStarted", "HoldStarted", "RolloutSucceeded"),
        *("HoldEnded", "RolloutStarted", "RolloutSucceeded"),
    ]
    assert (lines[0]["initiatedBy"], lines[0]["rollbackOf"]) == ("rollback", 1)
    assert (lines[3]["rollbackTo"], lines[3]["reason"]) == ("1", "Git's content changed")


@pytest.mark.endurance
def test_a_death_at_any_moment_of_a_hold_costs_no_second_call(lab: Lab) -> None:
    die_at, died = 0, True
    while died:
        lab.start_over()
        key = two(lab)
        mark = lab.simulator.mark()
        lab.begin()
        lab.cluster.annotate(key, rollback_to="1")
        died = bool(lab.run_and_die(die_at, lambda key=key: lab.reason(key) == "RollbackHeld"))  # type: ignore[misc]
        assert lab.effects(mark) == {"UpdateEndpoint": 1}, die_at
        assert [entry["id"] for entry in lab.status(key)["history"]] == [3, 2, 1]
        die_at += 1
    assert die_at > 3


def test_what_drifts_during_a_hold_is_put_back_to_what_is_held(lab: Lab) -> None:
    key = two(lab)
    lab.cluster.annotate(key, drift_mode="Correct")
    hold(lab, key)
    held = lab.status(key)["endpointConfigName"]
    other = next(one["name"] for one in lab.status(key)["configs"] if one["name"] != held)
    lab.simulator.client().update_endpoint(EndpointName=lab.status(key)["endpointName"], EndpointConfigName=other)
    lab.run(600, step_s=20)
    assert (lab.reason(key), lab.status(key)["endpointConfigName"]) == ("RollbackHeld", held)
    assert PREFIX + "rollback-to" in lab.condition(key, "Ready")["message"]


@pytest.mark.parametrize(
    ("strategy", "guards"),
    [
        pytest.param({"rollback_strategy": "AllAtOnce"}, set(), id="all at once where that was said"),
        pytest.param({}, {"steps"}, id="in the steps of the spec otherwise"),
    ],
)
def test_how_the_traffic_moves_to_what_is_held(lab: Lab, strategy: dict[str, str], guards: set[str]) -> None:
    alarm(lab)
    key = two(lab, deploymentConfig=CANARY)
    before = len(lab.sent)
    lab.cluster.annotate(key, rollback_to="1", **strategy)
    lab.settle()
    sent = next(one.call for one in lab.sent[before:] if one.call.operation == "UpdateEndpoint")
    assert {"steps" for name in sent.params if name == "DeploymentConfig"} == guards
    lab.run(until=lambda: lab.reason(key) == "RollbackHeld", step_s=20)
