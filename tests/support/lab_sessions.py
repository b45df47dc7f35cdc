"""boto3's sessions on the bench: clients without a role are made once per process, for each costs 15 ms of CPU and a test
on the bench asks for two or three. Every test has the same static credentials (`bench.credentials`).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.loaders import Loader

from reconciler.adapters.aws import Sessions, Tenant
from tests.support.in_process import answering
from tests.support.simulator_control import SimControl

LOADER = Loader()


class _Direct(Sessions):
    """The simulator answers in this thread, where it is in this process."""

    def __init__(self, simulator: SimControl) -> None:
        super().__init__(LOADER)
        self._simulator = simulator

    def _session(self, *provider: Any) -> boto3.Session:
        session = super()._session(*provider)
        if self._simulator.application:
            session.events.register("before-send", answering(self._simulator.application))
        return session


class BenchSessions(_Direct):
    """What is assumed is each test's own: the simulator forgets it between tests."""

    def __init__(self, simulator: SimControl) -> None:
        super().__init__(simulator)
        self._shared = _shared(simulator)

    def client(self, tenant: Tenant, service: str) -> Any:
        return super().client(tenant, service) if tenant.role else self._shared.client(tenant, service)

    def renew(self, tenant: Tenant) -> None:
        super().renew(tenant)
        self._shared.renew(tenant)


@cache
def _shared(simulator: SimControl) -> Sessions:
    """Of one simulator: what AWS_ENDPOINT_URL held when a client was made is kept in it."""
    return _Direct(simulator)
