"""A pass that has sent its calls and cannot look again: what was answered is remembered, and nothing is sent twice (D-10.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.support.lab import CrashError, Lab, annotated, hosting
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


def slowed(lab: Lab) -> None:
    """DescribeEndpoint is throttled for so long that its rate is as low as it gets, and is not throttled any more."""
    rule = lab.simulator.rules(
        {"match": {"op": "DescribeEndpoint"}, "action": {"type": "error", "code": "ThrottlingException", "message": "x"}}
    )
    lab.run(90, step_s=1)
    for one in rule:
        lab.simulator.clear_rules(one)


def serving(lab: Lab, key: Key, image: str = "") -> Callable[[], bool]:
    return lambda: lab.is_ready(key) and (not image or lab.status(key)["rollout"]["phase"] == "Complete")


@pytest.mark.holds("D-10.2")
def test_at_the_slowest_rate_a_deployment_is_made_moved_and_deleted_with_each_call_sent_once(lab: Lab) -> None:
    lab.simulator.throttle(SLOWEST, clock="simulated")
    key = lab.cluster.apply(hosting())
    lab.run(1800, until=serving(lab, key), step_s=1)
    for image in ("lab:2", "lab:3"):
        lab.cluster.apply(hosting(image=image))
        lab.run(20, step_s=1)
        lab.run(1800, until=serving(lab, key, image), step_s=1)
    assert most(lab) == 1, sent(lab)
    before = lab.simulator.mark()
    lab.cluster.delete(key)
    lab.run(900, until=lambda: key not in lab.cluster.objects, step_s=1)
    assert most(lab, before) == 1, sent(lab, before)
    assert not lab.exists()


@pytest.mark.holds("D-10.2")
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
    before = lab.simulator.mark()
    change(lab, key)
    slowed(lab)
    lab.run(900, step_s=1)
    assert key not in lab.cluster.objects or lab.is_ready(key), lab.summary()
    assert most(lab, before) == 1, sent(lab, before)
