"""Another live endpoint serves from a configuration of ours: it is deleted only when that one does so no more."""

from __future__ import annotations

from tests.integration.reconcile.test_rollouts import in_service
from tests.support.lab import Lab, hosting


def deleted(lab: Lab, since: int) -> set[str]:
    return {name for op, name in lab.simulator.mutations(since) if op in ("DeleteEndpointConfig", "DeleteModel")}


def test_garbage_that_another_endpoint_serves_from_is_kept_and_goes_afterwards(lab: Lab) -> None:
    key = in_service(lab, hosting(image="lab:1", revisionHistoryLimit=2))
    config, model = lab.status(key)["endpointConfigName"], lab.status(key)["models"][0]["name"]
    lab.simulator.client().create_endpoint(EndpointName="clone", EndpointConfigName=config)
    mark = lab.simulator.mark()
    for number in (2, 3, 4, 5):
        in_service(lab, hosting(image=f"lab:{number}", revisionHistoryLimit=2))
        lab.run(120, step_s=30)
    gone = deleted(lab, mark)
    assert gone, "garbage that nobody uses goes"
    assert not gone & {config, model}
    assert f"{config} is kept while clone uses it" in lab.condition(key, "Ready")["message"]
    mark = lab.simulator.mark()
    lab.run(1200, step_s=60)
    assert lab.simulator.counts(mark).get("DescribeEndpoint", 0) <= 1, "who uses it is not asked all the time"
    lab.simulator.client().delete_endpoint(EndpointName="clone")
    lab.run(until=lambda: deleted(lab, mark) >= {config, model}, seconds=3 * 3600, step_s=120)


def test_the_end_waits_for_another_endpoint_that_serves_from_its_configuration(lab: Lab) -> None:
    key = in_service(lab, hosting())
    config = lab.status(key)["endpointConfigName"]
    lab.simulator.client().create_endpoint(EndpointName="clone", EndpointConfigName=config)
    lab.simulator.advance(900)
    mark = lab.simulator.mark()
    lab.cluster.delete(key)
    lab.run(900, step_s=30)
    assert deleted(lab, mark) == set()
    assert lab.reason(key) == "InUse"
    assert "clone uses it" in lab.condition(key, "Ready")["message"]
    lab.simulator.client().delete_endpoint(EndpointName="clone")
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=30)
    assert config in deleted(lab, mark)
