"""A status that cannot be read: nothing is sent, nothing of it is lost, and a person is told the way out (docs/operate.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.reconcile.test_rollouts import in_service, rolled_back
from tests.support.lab import Lab, hosting, job
from tests.support.lab_scaling import endpoint, scaling


def without_its_hash(status: dict[str, Any]) -> None:
    del status["quarantine"][0]["hash"]


def without_a_name(status: dict[str, Any]) -> None:
    del status["configs"][0]["name"]


def as_text(status: dict[str, Any]) -> None:
    status["endpoint"] = "x"


def emptied(status: dict[str, Any]) -> None:
    status["history"] = ""


DAMAGES = [
    pytest.param(
        without_its_hash, "/status/quarantine/0: hash must be set", id="a quarantined content without its hash"
    ),
    pytest.param(without_a_name, "/status/configs/0: name must be set", id="a configuration without its name"),
    pytest.param(as_text, "/status/endpoint: must be an object, not a string", id="a record of a wrong type"),
    pytest.param(emptied, "/status/history: must be a list, not a string", id="an empty text instead of a list"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGES)
def test_nothing_is_sent_and_nothing_lost_until_it_is_corrected(
    lab: Lab, damage: Callable[[dict[str, Any]], None], told: str
) -> None:
    key = rolled_back(lab)
    healthy = lab.status(key)
    damaged, mark = lab.cluster.rewrite(key, damage), lab.simulator.mark()
    lab.cluster.annotate(key, requestedAt="now")
    lab.run(3600, step_s=300)
    assert (lab.reason(key), "Stalled" in lab.types(key)) == ("StatusUnreadable", True)
    assert told in lab.condition(key, "Ready")["message"]
    memory = {"quarantine", "configs", "endpoint", "history", "rollout", "models"}
    assert {name: lab.status(key)[name] for name in memory} == {name: damaged[name] for name in memory}
    assert lab.effects(mark) == {}
    lab.cluster.rewrite(key, lambda status: status.update(healthy))
    lab.run(600, step_s=60)
    assert lab.reason(key) == healthy["conditions"][0]["reason"]
    assert lab.effects(mark) == {}


def test_a_run_whose_record_cannot_be_read_is_not_started_again(lab: Lab) -> None:
    key = lab.cluster.apply(job())
    lab.run(until=lambda: lab.is_ready(key))
    mark = lab.simulator.mark()
    lab.cluster.rewrite(key, lambda status: status["run"].update(startedAt=[1]))
    lab.begin()
    lab.run(3600, step_s=300)
    assert (lab.reason(key), lab.effects(mark)) == ("StatusUnreadable", {})


def test_a_deleted_object_waits_and_names_the_way_to_let_go_of_it(lab: Lab) -> None:
    key = in_service(lab, hosting())
    mark = lab.simulator.mark()
    lab.cluster.rewrite(key, without_a_name)
    lab.cluster.delete(key)
    lab.run(3600, step_s=300)
    assert lab.reason(key) == "StatusUnreadable"
    assert "deletion-policy=retain" in lab.condition(key, "Ready")["message"]
    lab.cluster.annotate(key, **{"deletion-policy": "retain"})
    lab.settle()
    assert key not in lab.cluster.objects
    assert lab.effects(mark) == {}


def test_parts_without_their_endpoint_are_not_taken_for_the_archived_operators(lab: Lab) -> None:
    key = rolled_back(lab)
    mark = lab.simulator.mark()
    lab.cluster.rewrite(key, lambda status: status.pop("endpoint"))
    lab.begin()
    lab.run(600, step_s=60)
    assert (lab.reason(key), lab.effects(mark)) == ("StatusUnreadable", {})


def test_a_condition_that_is_none_is_written_anew(lab: Lab) -> None:
    key = in_service(lab, hosting())

    def damaged(status: dict[str, Any]) -> None:
        status["conditions"] = [
            {**one, "lastTransitionTime": "2026-01-01T00:00:00+99:99"} for one in status["conditions"]
        ]

    lab.cluster.rewrite(key, damaged)
    lab.cluster.annotate(key, requestedAt="now")
    lab.run(120, step_s=30)
    assert lab.is_ready(key)
    assert "+99:99" not in str(lab.status(key)["conditions"])


@pytest.mark.parametrize("ending", ["", "suspended", "deleted"])
def test_a_correction_without_its_time_ends_no_pass_in_an_exception(lab: Lab, ending: str) -> None:
    key = in_service(lab, hosting())
    mark = lab.simulator.mark()
    lab.cluster.rewrite(
        key,
        lambda status: status.update(
            drift={"state": "Corrected", "corrected": {"count": 1, "recent": [{"path": "/a"}]}}
        ),
    )
    match ending:
        case "suspended":
            lab.cluster.annotate(key, suspend="true")
        case "deleted":
            lab.cluster.delete(key)
    lab.run(600, step_s=60)
    assert lab.reason(key) == ("Suspended" if ending == "suspended" else "StatusUnreadable")
    assert lab.status(key)["drift"]["corrected"] == {"count": 1, "recent": [{"path": "/a"}]}
    assert lab.effects(mark) == {}


@pytest.mark.parametrize("targets", ["x", [5], [{"policyArn": [1]}]])
def test_a_deployment_waits_for_a_policy_whose_targets_cannot_be_read(lab: Lab, targets: Any) -> None:
    key = lab.cluster.apply(endpoint("a"))
    policy = lab.cluster.apply(scaling("a"))
    lab.run(until=lambda: lab.is_ready(key) and lab.is_ready(policy), step_s=30)
    mark = lab.simulator.mark()
    lab.cluster.rewrite(
        policy,
        lambda status: status.update(
            targets=targets
            if isinstance(targets, str)
            else [{**status["targets"][0], **one} if isinstance(one, dict) else one for one in targets]
        ),
    )
    lab.cluster.apply(endpoint("a", instanceType="ml.m5.xlarge"))
    lab.run(600, step_s=60)
    assert lab.reason(key) == "ScaledByAnother"
    assert "UpdateEndpoint" not in lab.effects(mark)
