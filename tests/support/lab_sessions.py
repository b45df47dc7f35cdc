"""boto3's sessions on the bench: clients without a role are made once per process, for each costs 15 ms of CPU and a test
on the bench asks for two or three. Every test has the same static credentials (`bench.credentials`).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import Loader

from reconciler.adapters.aws import Sessions, Tenant

LOADER = Loader()


class BenchSessions(Sessions):
    """For the simulator at that URL. What is assumed is each test's own: the simulator forgets it between tests."""

    def __init__(self, url: str) -> None:
        super().__init__(LOADER)
        self._shared = _shared(url)

    def client(self, tenant: Tenant, service: str) -> Any:
        return super().client(tenant, service) if tenant.role else self._shared.client(tenant, service)

    def renew(self, tenant: Tenant) -> None:
        super().renew(tenant)
        self._shared.renew(tenant)


@cache
def _shared(url: str) -> Sessions:
    del url  # what AWS_ENDPOINT_URL held when a client was made is kept in it
    return Sessions(LOADER)
