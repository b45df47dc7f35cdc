"""A pass that has sent its calls and cannot look again: what was answered is remembered, and nothing is sent twice (D-10.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.support.lab import Lab, hosting, job
from tests.support.lab_kinds import model

SLOWEST = {"DescribeEndpoint": 0.5}
"""Of a bucket of two seconds' worth this is the smallest rate at which anything goes: one request at a time."""


def sent(lab: Lab, since: int = 0) -> Counter[tuple[str, str]]:
    """How often each call was answered with anything but a throttle."""
    rows = lab.simulator.requests(since, service="sagemaker")
    changing = ("Create", "Update", "Delete", "AddTags")
    said = [row for row in rows if row["op"].startswith(changing) and row["code"] != "ThrottlingException"]
    return Counter((row["op"], row["key"]) for row in said)


def most(lab: Lab, since: int = 0) -> int:
    return max(sent(lab, since).values(), default=0)


def error(code: str) -> dict[str, Any]:
    return {"type": "error", "code": code, "message": "Rate exceeded?"}


def every_second(lab: Lab, operation: str, failure: dict[str, Any]) -> None:
    """`failure` ends a call, so a rule counts only those that no rule before it has ended."""
    lab.simulator.rules(*({"match": {"op": operation, "nth": nth}, "action": failure} for nth in range(2, 102)))


def slowed(lab: Lab) -> None:
    """Another deployment's looks were throttled until the rate was as low as it gets; nothing is throttled any more."""
    lab.simulator.rules({"match": {"op": "DescribeEndpoint"}, "action": error("ThrottlingException")})
    other = lab.cluster.apply(hosting("other"))
    lab.run(60, step_s=1)
    lab.simulator.clear_rules()
    lab.cluster.delete(other)


def serving(lab: Lab, key: Key) -> Callable[[], bool]:
    return lambda: lab.is_ready(key) and lab.status(key)["rollout"]["phase"] == "Complete"


@pytest.mark.holds("D-10.2")
def test_at_the_slowest_rate_a_deployment_is_made_moved_and_deleted_with_each_call_sent_once(lab: Lab) -> None:
    lab.simulator.throttle(SLOWEST, clock="simulated")
    key = lab.cluster.apply(hosting())
    lab.run(1800, until=serving(lab, key), step_s=1)
    assert most(lab) == 1, sent(lab)
    for image in ("lab:2", "lab:3"):
        before = lab.simulator.mark()
        lab.cluster.apply(hosting(image=image))
        lab.run(20, step_s=1)
        lab.run(1800, until=serving(lab, key), step_s=1)
        assert most(lab, before) == 1, sent(lab, before)
    before = lab.simulator.mark()
    lab.cluster.delete(key)
    lab.run(900, until=lambda: key not in lab.cluster.objects, step_s=1)
    assert most(lab, before) == 1, sent(lab, before)
    assert not lab.exists()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda lab, key: lab.cluster.delete(key), id="a deletion"),
        pytest.param(lambda lab, _: lab.cluster.apply(hosting(image="lab:2")), id="another image"),
        pytest.param(lambda lab, _: lab.cluster.apply(hosting(tags=[{"key": "a", "value": "b"}])), id="other tags"),
    ],
)
def test_after_a_throttled_time_each_call_is_sent_once(lab: Lab, change: Callable[[Lab, Key], Any]) -> None:
    key = lab.cluster.apply(hosting())
    lab.run(1800, until=serving(lab, key), step_s=5)
    slowed(lab)
    before = lab.simulator.mark()
    change(lab, key)
    lab.run(900, step_s=1)
    assert key not in lab.cluster.objects or lab.is_ready(key), lab.summary()
    assert most(lab, before) == 1, sent(lab, before)


@pytest.mark.parametrize("operation", ["CreateModel", "CreateEndpointConfig", "CreateEndpoint", "AddTags"])
def test_at_the_slowest_rate_what_a_lost_reply_was_about_is_found_again(lab: Lab, operation: str) -> None:
    """The name is taken: by whom is for a close look, and the first look of a pass leaves no request for it."""
    lab.simulator.throttle(SLOWEST, clock="simulated")
    lab.simulator.rules({"match": {"op": operation, "count": 1}, "action": {"type": "drop_after"}})
    key = lab.cluster.apply(hosting())
    lab.run(1800, until=serving(lab, key), step_s=1)
    lab.cluster.apply(hosting(tags=[{"key": "a", "value": "b"}]))
    lab.run(300, step_s=1)
    assert lab.is_ready(key)
    assert most(lab) <= 2, sent(lab)


FAILURES = [
    pytest.param(error("ThrottlingException"), id="a throttle"),
    pytest.param({"type": "error", "code": "InternalFailure", "message": "x", "status": 500}, id="a fault"),
    pytest.param({"type": "drop_before"}, id="a lost connection"),
    pytest.param({"type": "expired_token"}, id="expired credentials"),
    pytest.param(error("AccessDeniedException"), id="a missing right"),
    pytest.param(error("ValidationException"), id="an unknown refusal"),
]


@pytest.mark.holds("D-10.2")
@pytest.mark.parametrize("failure", FAILURES)
def test_a_deployment_whose_every_second_look_fails_is_made_moved_and_deleted_with_each_call_sent_once(
    lab: Lab, failure: dict[str, Any]
) -> None:
    every_second(lab, "DescribeEndpoint", failure)
    key = lab.cluster.apply(hosting())
    lab.run(1800, until=serving(lab, key))
    assert most(lab) == 1, sent(lab)
    before = lab.simulator.mark()
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(10)
    lab.run(3600, until=serving(lab, key))
    assert most(lab, before) == 1, sent(lab, before)
    before = lab.simulator.mark()
    lab.cluster.delete(key)
    lab.run(3600, until=lambda: key not in lab.cluster.objects)
    assert most(lab, before) == 1, sent(lab, before)
    assert not lab.exists()


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(
    ("operation", "made"),
    [
        pytest.param("DescribeModel", model(), id="a model"),
        pytest.param("DescribeTrainingJob", job(), id="a job"),
    ],
)
def test_what_else_is_made_and_deleted_while_every_second_look_fails_is_so_once(
    lab: Lab, operation: str, made: dict[str, Any], failure: dict[str, Any]
) -> None:
    every_second(lab, operation, failure)
    key = lab.cluster.apply(made)
    lab.run(120)
    lab.cluster.delete(key)
    lab.run(3600, until=lambda: key not in lab.cluster.objects)
    assert most(lab) == 1, sent(lab)
