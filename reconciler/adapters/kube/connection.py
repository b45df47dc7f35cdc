"""Where the API server is and who we are there: kube config, credentials, TLS, connections.

All of it is the kubernetes package's: loading (exec plugins, OIDC, in-cluster), token refresh and the urllib3 pool that
it sets up. Its generated API classes and its dynamic client are left out, because building and tearing down models costs
2-3.6 ms of CPU per request where raw JSON over the same pool costs 1.3-2.3 ms, and our objects are JSON anyway.

Two gaps of the package (37.0) are closed here: neither a `tokenFile` in a kube config nor a client certificate from an
exec plugin is ever read again, so an answer 401 makes `reload` load everything again, at most every ten seconds.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import Any

import kubernetes.client
import kubernetes.config
import urllib3
import yaml
from kubernetes.config.incluster_config import SERVICE_HOST_ENV_NAME, SERVICE_TOKEN_FILENAME

from reconciler.core.errors import CredentialsError, PreconditionError

log = logging.getLogger(__name__)

POOL_SIZE = 32
"""Idle connections that are kept: eight parallel applies, workers, and one watch per kind, each with room to come back."""

_DEFAULT = "~/.kube/config"
"""Expanded by the package."""

_RELOAD_EVERY_S = 10.0


@dataclass(frozen=True)
class _Loaded:
    configuration: Any
    pool: urllib3.PoolManager


class Connection:
    """`kubeconfig` names a file; without it KUBECONFIG, then the pod's own service account, then ~/.kube/config."""

    def __init__(
        self, kubeconfig: str | None = None, context: str | None = None, *, reload_every_s: float = _RELOAD_EVERY_S
    ) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._reload_every_s = reload_every_s
        self._lock = threading.Lock()
        self._loaded_at = time.monotonic()
        self._loaded = self._load()

    @property
    def host(self) -> str:
        return str(self._loaded.configuration.host).rstrip("/")

    @property
    def pool(self) -> urllib3.PoolManager:
        return self._loaded.pool

    def authorization(self) -> str | None:
        """The Authorization header, refreshed when it is about to expire.

        Behind a lock, since a refresh may run a plugin and one run is enough for all threads.
        """
        with self._lock:
            try:
                setting = self._loaded.configuration.auth_settings().get("BearerToken")
            except Exception as error:
                # Whatever a plugin or a provider does wrong: the package promises no type of exception here.
                raise CredentialsError(f"cannot refresh the Kubernetes credentials: {error}") from error
            return str(setting["value"]) if setting and setting["value"] else None

    def reload(self) -> bool:
        """After a 401: load configuration and credentials again; False when that was done a moment ago."""
        with self._lock:
            if time.monotonic() - self._loaded_at < self._reload_every_s:
                return False
            self._loaded_at = time.monotonic()
            try:
                self._loaded = self._load()
            except PreconditionError:
                log.warning("the kube config cannot be read again; going on with the old one", exc_info=True)
                return False
            return True

    def close(self) -> None:
        self._loaded.pool.clear()

    def _load(self) -> _Loaded:
        configuration = kubernetes.client.Configuration()
        try:
            self._fill(configuration)
        except (kubernetes.config.ConfigException, OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            said = " ".join(str(error).split())
            raise PreconditionError(
                f"no usable Kubernetes configuration in {self._chosen() or _DEFAULT}: {said}; "
                f"name another file with --kubeconfig or KUBECONFIG"
            ) from error
        configuration.connection_pool_maxsize = POOL_SIZE
        configuration.retries = False  # one attempt per request; who may repeat what is decided above this module
        configuration.keep_alive = True  # a watch whose peer vanished without a word ends after a minute and a half
        return _Loaded(configuration, kubernetes.client.ApiClient(configuration).rest_client.pool_manager)

    def _chosen(self) -> str | None:
        return self._kubeconfig or os.environ.get("KUBECONFIG")

    def _fill(self, configuration: Any) -> None:
        chosen = self._chosen()
        in_pod = SERVICE_HOST_ENV_NAME in os.environ and os.path.isfile(SERVICE_TOKEN_FILENAME)  # noqa: PTH113 - the package's own test
        if in_pod and not chosen and not self._context:
            kubernetes.config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        else:
            kubernetes.config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=chosen or _DEFAULT,
                context=self._context,
                client_configuration=configuration,
                persist_config=False,  # refreshed tokens stay in memory: the file is the user's
            )
