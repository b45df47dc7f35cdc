"""The door to AWS. One client per (role, region, endpoint, service), all over one loader (a loader each costs
17-24 MiB), one attempt per call: retrying is the queue's business, so that no thread sleeps inside botocore.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import boto3
import botocore.config
import botocore.session
from botocore.loaders import Loader

from reconciler.adapters.aws.errors import translate
from reconciler.adapters.aws.limiter import Bucket
from reconciler.core.decision import Call
from reconciler.core.errors import CredentialsError, ThrottledError

_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S = 20
_PATIENCE_S = 2.0
_CREDENTIALS_PAUSE_S = 15.0
_USER_AGENT = "sagemaker-on-kubernetes"
"""What the archived operator sent with its creates; cost reports are grouped by it."""

_SERVICE_OF = {
    "GetResources": "resourcegroupstaggingapi",
    "GetCallerIdentity": "sts",
    **dict.fromkeys(
        (
            "RegisterScalableTarget",
            "DeregisterScalableTarget",
            "DescribeScalableTargets",
            "PutScalingPolicy",
            "DeleteScalingPolicy",
            "DescribeScalingPolicies",
            "TagResource",
            "UntagResource",
            "ListTagsForResource",
        ),
        "application-autoscaling",
    ),
}


class Tenant(NamedTuple):
    """Whose SageMaker: everything that selects credentials and a host."""

    region: str
    endpoint: str = ""
    """Effective URL of SageMaker; empty: botocore's own choice, `AWS_ENDPOINT_URL*` included."""
    role: str = ""


class Aws:
    """`read` and `write` raise only errors of `core.errors`."""

    def __init__(
        self,
        loader: Loader,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # Its debug lines hold whole requests, and with them secrets and credentials.
        logging.getLogger("botocore").setLevel(logging.INFO)
        self._monotonic = monotonic
        self._sleep = sleep
        self._loader = loader
        self._boto3 = self._session()
        self._clients: dict[tuple[Tenant, str], Any] = {}
        self._buckets: dict[tuple[Tenant, str], Bucket] = {}
        self._paused_until: dict[Tenant, float] = {}
        self._lock = threading.Lock()

    def _session(self) -> boto3.Session:
        session = botocore.session.Session()
        session.register_component("data_loader", self._loader)
        return boto3.Session(botocore_session=session)

    def read(self, tenant: Tenant, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if not operation.startswith(("Describe", "List", "Get")):
            raise ValueError(f"{operation} changes something: reading cannot write")
        return self._call(tenant, operation, params)

    def write(self, tenant: Tenant, call: Call) -> Mapping[str, Any]:
        return self._call(tenant, call.operation, call.params)

    def _call(self, tenant: Tenant, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self._refuse_while_paused(tenant)
        bucket = self._bucket(tenant, operation)
        if wait := bucket.take(_PATIENCE_S):
            self._sleep(wait)
        try:
            client = self._client(tenant, _SERVICE_OF.get(operation, "sagemaker"))
            answer: Mapping[str, Any] = client._make_api_call(operation, dict(params))  # noqa: SLF001 - botocore's one door by operation name
        except Exception as error:
            translated = translate(error, operation, params)
            if isinstance(translated, ThrottledError):
                bucket.throttled()
            if isinstance(translated, CredentialsError):
                self._pause(tenant)
            raise translated from None
        bucket.succeeded()
        self._paused_until.pop(tenant, None)
        return answer

    def _client(self, tenant: Tenant, service: str) -> Any:
        with self._lock:
            client = self._clients.get((tenant, service))
            if client is None:
                client = self._clients[(tenant, service)] = self._boto3.client(
                    service,
                    region_name=tenant.region,
                    endpoint_url=(tenant.endpoint or None) if service == "sagemaker" else None,
                    config=botocore.config.Config(
                        retries={"total_max_attempts": 1, "mode": "standard"},
                        connect_timeout=_CONNECT_TIMEOUT_S,
                        read_timeout=_READ_TIMEOUT_S,
                        max_pool_connections=16,
                        user_agent_extra=_USER_AGENT,
                    ),
                )
            return client

    def _bucket(self, tenant: Tenant, operation: str) -> Bucket:
        with self._lock:
            return self._buckets.setdefault((tenant, operation), Bucket(self._monotonic))

    def _refuse_while_paused(self, tenant: Tenant) -> None:
        """Bad credentials concern the whole account: one probe per pause instead of one failure per object."""
        with self._lock:
            until = self._paused_until.get(tenant, 0.0)
            if self._monotonic() < until:
                raise CredentialsError("waiting for valid AWS credentials")
            # The next caller probes; the others go on waiting until it succeeded or failed.
            if until:
                self._paused_until[tenant] = self._monotonic() + _CREDENTIALS_PAUSE_S

    def _pause(self, tenant: Tenant) -> None:
        with self._lock:
            self._paused_until[tenant] = self._monotonic() + _CREDENTIALS_PAUSE_S
            # A session reads static keys once: a rotated file needs a new session, and that new clients.
            self._boto3 = self._session()
            self._clients = {key: client for key, client in self._clients.items() if key[0] != tenant}
