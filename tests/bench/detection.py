"""How soon a change in the console is seen, by looking and by an event, and what looking at everything costs.

Seen is when the service describes what moved: from then on it knows. The change is made right after a look, so by looking
alone it takes about a whole interval.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.dev.envfile import REGION
from tests.support.cluster import Cluster
from tests.support.fleet import Fleet
from tests.support.lab import hosting
from tests.support.service import ServiceProcess
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually

_SLOW_S = 60
_ANOTHER_REGION = "eu-west-1"
Row = Callable[[str, str], None]


class Detection:
    def __init__(self, cluster: Cluster, aws: SimControl, row: Row) -> None:
        self._cluster = cluster
        self._aws = aws
        self._row = row

    def measure(self, service: Callable[[Mapping[str, str]], ServiceProcess]) -> None:
        """`service` starts one with more variables, and answers when it is ready."""
        paced = {"RECONCILER_POLL_SLOW": str(_SLOW_S)}
        endpoint = self._deploy(service(paced))
        self._row(f"endpoint changed in the console, seen by a look every {_SLOW_S} s", self._change(endpoint, 100))
        self._row("... and by an event", self._by_event(service, paced, endpoint))

    def _deploy(self, running: ServiceProcess) -> str:
        self._cluster.apply(hosting("seen", "default"))

        def served() -> Any:
            assert running.alive
            found = self._cluster.get("sagemaker.aws.amazon.com/v1", "HostingDeployment", "seen", "default")
            return found["status"]["endpointStatus"] == "InService" and found["status"]["endpointName"]

        name: str = eventually(served, 60, "the endpoint is in service")
        return name

    def _change(self, endpoint: str, copies: int) -> str:
        mark = self._aws.mark()
        eventually(lambda: self._aws.requests(mark, op="ListEndpoints"), 2 * _SLOW_S, "a look")
        console, mark, began = self._aws.client(), self._aws.mark(), time.monotonic()
        variant = {"VariantName": "variant-model-0", "DesiredInstanceCount": copies}
        console.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=[variant])
        eventually(lambda: self._aws.requests(mark, op="DescribeEndpoint"), 2 * _SLOW_S, "it is seen")
        return f"{time.monotonic() - began:.1f} s"

    def _by_event(
        self, service: Callable[[Mapping[str, str]], ServiceProcess], paced: Mapping[str, str], endpoint: str
    ) -> str:
        url = self._aws.client("sqs").create_queue(QueueName="bench")["QueueUrl"]
        events = self._aws.client("events")
        events.put_rule(Name="bench", EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
        events.put_targets(Rule="bench", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:{REGION}:123456789012:bench"}])
        service({**paced, "RECONCILER_EVENTS_QUEUE": url})
        return self._change(endpoint, 50)


def sweep_of_everything(aws: SimControl, row: Row) -> None:
    """Its calls, beside those of one Describe and one ListTags per object."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_ENDPOINT_URL": aws.url}
    fleet = Fleet(aws, _ANOTHER_REGION)
    fleet.make()
    fleet.watch()
    fleet.pass_time(40)
    mark = aws.mark()
    fleet.pass_time(400, step_s=400)
    calls = Counter(each["op"] for each in aws.requests(mark) if each["region"] == _ANOTHER_REGION)
    things = sum(fleet.sizes.values())
    row(f"AWS calls to verify {things} things at rest", ", ".join(f"{op} {n}" for op, n in sorted(calls.items())))
    row("... in all, beside a Describe and a ListTags for each", f"{calls.total()} beside {2 * things}")
