"""A big account at rest: models, configurations, endpoints and jobs that ended, all tagged by us, and an observer that
watches them as the kinds would. For budgets, which are counted (D-15).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.adapters.aws import AwsClients, Sessions, Tenant
from reconciler.core.decision import Pace, Watch
from reconciler.core.naming import OWNER_TAG, owner_tag
from reconciler.core.resource import Key
from reconciler.dev.envfile import REGION
from reconciler.kinds import CATALOG
from reconciler.runtime.observe.observer import Observer
from tests.support.clock import LabClock
from tests.support.lab import IMAGE, LOADER, ROLE
from tests.support.simulator_control import SimControl

SIZES: Mapping[str, int] = {"Model": 1000, "EndpointConfig": 1000, "Endpoint": 300, "TrainingJob": 2000}


def name_of(remote: str, number: int) -> str:
    return f"{remote.lower()}-{number:04}"


class Fleet:
    def __init__(self, simulator: SimControl, region: str = REGION) -> None:
        self.simulator = simulator
        self.sizes = SIZES
        self.woken: list[Key] = []
        self.tenant = Tenant(region, simulator.url)
        self.clock = LabClock()
        self.observer = Observer(
            AwsClients(Sessions(LOADER), self.clock.monotonic), self.clock, CATALOG.remotes, self.woken.append
        )

    def make(self) -> None:
        """The simulator's clock is moved by hand; every endpoint is in service and every job has ended afterwards."""
        for remote, size in self.sizes.items():
            self.simulator.seed([_create(remote, number) for number in range(size)], self.tenant.region)
        self.simulator.advance(3600)
        self.simulator.advance(3600)

    def watch(self) -> None:
        """All at the slow pace: nothing is about to move."""
        for remote, number in self.things():
            name = name_of(remote, number)
            self.observer.watch(Key(remote, "team", name), self.tenant, (Watch(remote, name, Pace.SLOW),))

    def things(self) -> Iterator[tuple[str, int]]:
        return ((remote, number) for remote, size in self.sizes.items() for number in range(size))

    def pass_time(self, seconds: float, step_s: float = 5.0) -> None:
        end = self.clock.elapsed_s + seconds
        while self.clock.elapsed_s < end:
            self.clock.elapsed_s = min(end, self.clock.elapsed_s + step_s)
            self.observer.sweep_due()


def _create(remote: str, number: int) -> tuple[str, dict[str, Any]]:
    name = name_of(remote, number)
    tags = [{"Key": OWNER_TAG, "Value": owner_tag("lab", "team", remote, name)}]
    return f"Create{remote}", {f"{remote}Name": name, "Tags": tags, **_PARAMS[remote](number)}


_PARAMS: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "Model": lambda _number: {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}},
    "EndpointConfig": lambda number: {
        "ProductionVariants": [
            {
                "VariantName": "all",
                "ModelName": name_of("Model", number),
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ]
    },
    "Endpoint": lambda number: {"EndpointConfigName": name_of("EndpointConfig", number)},
    "TrainingJob": lambda _number: {
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://lab/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    },
}
