"""An endpoint that others scale, while nobody can say so: unknown is not none, and a rollout takes no instance away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.reconcile.test_rollouts import in_service
from tests.support.lab import Lab, hosting
from tests.support.lab_scaling import SERVICE, Console, resource

LEAST = 6


def refuse(lab: Lab, code: str, **more: Any) -> None:
    error = {"type": "error", "code": code, "message": "not authorized to perform: that"}
    action = {**error, **({"status": 500} if code == "InternalServiceException" else {})}
    match = {"service": SERVICE, "op": "DescribeScalableTargets", **more}
    lab.simulator.rules({"match": match, "action": action})


@pytest.mark.parametrize(
    ("code", "more"),
    [
        pytest.param("AccessDeniedException", {}, id="without the right to ask, the update keeps every count"),
        pytest.param("InternalServiceException", {"count": 8}, id="a fault of the service is waited out"),
    ],
)
def test_no_instance_is_lost(lab: Lab, code: str, more: dict[str, Any]) -> None:
    key = in_service(lab, hosting(image="lab:1"))
    name = lab.status(key)["endpointName"]
    Console(lab.simulator).register(resource(name), LEAST, 9)
    lab.run(600, step_s=30)
    refuse(lab, code, **more)
    mark = lab.simulator.mark()
    in_service(lab, hosting(image="lab:2"))
    lab.run(300, step_s=30)
    sent = [row["input"] for row in lab.simulator.requests(mark, op="UpdateEndpoint")]
    assert [one.get("RetainAllVariantProperties") for one in sent] == [True]
    found = lab.simulator.client().describe_endpoint(EndpointName=name)["ProductionVariants"]
    assert [variant["DesiredInstanceCount"] for variant in found] == [LEAST]
    told = [message for _, reason, message in lab.around.emitted if reason == "RolloutStarted"][-1]
    assert ("DescribeScalableTargets" in told) == (code == "AccessDeniedException"), told


def test_a_fault_that_lasts_sends_no_update(lab: Lab) -> None:
    key = in_service(lab, hosting(image="lab:1"))
    refuse(lab, "InternalServiceException")
    mark = lab.simulator.mark()
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(600, step_s=30)
    assert "UpdateEndpoint" not in lab.effects(mark)
    assert not lab.is_ready(key)
    lab.simulator.clear_rules()
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
