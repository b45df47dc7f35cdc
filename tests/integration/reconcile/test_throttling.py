"""An account that allows one call a second of each operation, on the bench's time (D-15.8)."""

from __future__ import annotations

import threading
import time

import pytest

from tests.support.lab import Lab
from tests.support.lab_kinds import model

N = 500


@pytest.mark.holds("D-15.8")
@pytest.mark.endurance
def test_five_hundred_objects_converge_at_one_call_a_second_and_none_starves(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, sleep, slept = threading.get_ident(), time.sleep, []

    def noted(seconds: float) -> None:
        if threading.get_ident() == here:
            slept.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", noted)
    lab.simulator.throttle({"*": 1.0}, clock="simulated")
    keys = [lab.cluster.apply(model(f"model-{number:03}")) for number in range(N)]
    done: dict[str, float] = {}

    def all_done() -> bool:
        done.update({key.name: lab.clock.elapsed_s for key in keys if key.name not in done and lab.is_ready(key)})
        return len(done) == N

    lab.run(3600, until=all_done, step_s=2)  # no longer than a burst lasts
    rows = lab.simulator.requests(service="sagemaker", op="CreateModel")
    refused = sum(row["code"] == "ThrottlingException" for row in rows)
    print(f"at 1 call/s: the last of {N} was ready after {max(done.values()):.0f} s; {refused} calls were throttled")
    assert max(done.values()) < 1.6 * N
    assert len(rows) - refused == N, "each was made once"
    assert refused < N / 10
    assert slept == [], "who waits, waits in the queue"
