"""What a big account at rest costs, by the simulator's own counters (D-15)."""

from __future__ import annotations

import math
import re
from collections import Counter

import pytest

from tests.support.fleet import SIZES, Fleet
from tests.support.simulator_control import SimControl


def requests(simulator: SimControl) -> Counter[str]:
    """By operation, from `/_sim/metrics`."""
    found = Counter[str]()
    for sample, count in simulator.metrics().items():
        if match := re.match(r'simulator_requests_total\{.*op(?:eration)?="(\w+)"', sample):
            found[match[1]] += int(count)
    return found


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, simulator: SimControl) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.url)


@pytest.mark.holds("D-15.2")
@pytest.mark.endurance
@pytest.mark.simulator(clock="manual")
def test_a_sweep_of_everything_at_rest_costs_its_pages_and_no_describe(
    simulator: SimControl, credentials: None
) -> None:
    fleet = Fleet(simulator)
    fleet.make()
    fleet.watch()
    fleet.pass_time(40)
    first = requests(simulator)
    pages = {f"List{remote}s": math.ceil(SIZES[remote] / 100) for remote in ("Model", "EndpointConfig", "Endpoint")}
    pages["GetResources"] = math.ceil(sum(SIZES.values()) / 100)
    assert first == pages, "jobs that ended are in no List we ask for, only in the pages of tags"
    assert {key.name for key in fleet.woken} == {key.name for key in fleet.observer._watches}, "each is news once"

    fleet.woken.clear()
    fleet.pass_time(400, step_s=400)  # everything is due again, once
    assert requests(simulator) - first == pages
    assert fleet.woken == [], "nothing moved"
    for remote, size in SIZES.items():
        seen = fleet.observer.freshness()[remote]
        assert (seen.watched, seen.unverified, seen.oldest) == (size, 0, fleet.clock.now()), remote
