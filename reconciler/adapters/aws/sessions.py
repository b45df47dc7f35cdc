"""boto3's sessions and clients. Credentials come from the controller's own chain, or from a role assumed with it and refreshed
before it ends.

One session per role and one client per (role, region, endpoint, service), all over one loader of service models: a session and
its clients then cost about 1 MiB instead of 20.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import botocore.config
import botocore.session
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.loaders import Loader

from reconciler.adapters.aws.errors import RoleNotAssumableError, translate
from reconciler.core.errors import TransientError
from reconciler.core.tenancy import Tenant

_SESSION_NAME = "sagemaker-gitops"
"""What CloudTrail shows beside the role."""
_REFRESHING = "Get credentials of a role"
"""For `translate`: it changes nothing, so it may be repeated whatever became of it."""
_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S = 20
_ANYWHERE = "aws-global"
"""For who we are, which is asked without a region. Everything else has one."""
_USER_AGENT = "sagemaker-on-kubernetes"
"""What the archived operator sent with its creates; cost reports are grouped by it."""

_CONFIG = botocore.config.Config(
    retries={"total_max_attempts": 1, "mode": "standard"},
    connect_timeout=_CONNECT_TIMEOUT_S,
    read_timeout=_READ_TIMEOUT_S,
    max_pool_connections=16,
    user_agent_extra=_USER_AGENT,
)


class Sessions:
    """Thread-safe."""

    def __init__(self, loader: Loader) -> None:
        # botocore logs a traceback for each refresh that fails; the conditions of all that waits for it tell the same.
        logging.getLogger("botocore.credentials").setLevel(logging.ERROR)
        self._loader = loader
        self._own: boto3.Session | None = None
        self._assumed: dict[tuple[str, str], boto3.Session] = {}
        self._clients: dict[tuple[Tenant, str], Any] = {}
        self._lock = threading.RLock()

    def client(self, tenant: Tenant, service: str) -> Any:
        with self._lock:
            client = self._clients.get((tenant, service))
            if client is None:
                session = self.of(tenant)
                client = self._clients[(tenant, service)] = session.client(
                    service,
                    region_name=tenant.region or session.region_name or _ANYWHERE,
                    endpoint_url=(tenant.endpoint or None) if service == "sagemaker" else None,
                    config=_CONFIG,
                )
            return client

    def of(self, tenant: Tenant) -> boto3.Session:
        with self._lock:
            if not tenant.role:
                return self._ours()
            key = (tenant.role, tenant.external_id)
            if key not in self._assumed:
                self._assumed[key] = self._session(_Assumed(self._refresher(tenant)))
            return self._assumed[key]

    def renew(self, tenant: Tenant) -> None:
        """Read credentials again: a session reads static keys once, and what was assumed with them is as old. The tenant's
        clients hold them too.
        """
        with self._lock:
            self._own = None
            self._assumed.clear()
            self._clients = {key: client for key, client in self._clients.items() if key[0] != tenant}

    def _ours(self) -> boto3.Session:
        if self._own is None:
            self._own = self._session()
        return self._own

    def _session(self, provider: _Assumed | None = None) -> boto3.Session:
        session = botocore.session.Session()
        session.register_component("data_loader", self._loader)
        if provider:
            session.register_component("credential_provider", provider)
        return boto3.Session(botocore_session=session)

    def _refresher(self, tenant: Tenant) -> Callable[[], Mapping[str, Any]]:
        """Asks the STS of the tenant's region, so that nothing leaves its partition."""
        own = self._ours()

        def client(service: str, **credentials: Any) -> Any:
            return own.client(service, region_name=tenant.region, config=_CONFIG, **credentials)

        extra = {"RoleSessionName": _SESSION_NAME} | ({"ExternalId": tenant.external_id} if tenant.external_id else {})

        def refresh() -> Mapping[str, Any]:
            try:
                source = own.get_credentials()
                if source is None:
                    raise NoCredentialsError
                found: Mapping[str, Any] = AssumeRoleCredentialFetcher(
                    client, source, tenant.role, extra_args=extra
                ).fetch_credentials()
            except (ClientError, BotoCoreError) as error:
                classed = translate(error, _REFRESHING)
                if isinstance(classed, TransientError):
                    raise classed from None  # nothing is wrong with the role: STS is away, or our own credentials are bad
                raise RoleNotAssumableError(f"{tenant.role}: {classed}") from None
            return found

        return refresh


class _Assumed:
    """In the place of botocore's chain of credential providers."""

    def __init__(self, refresh: Callable[[], Mapping[str, Any]]) -> None:
        self._credentials = DeferredRefreshableCredentials(refresh_using=refresh, method="assume-role")

    def load_credentials(self) -> DeferredRefreshableCredentials:
        return self._credentials
