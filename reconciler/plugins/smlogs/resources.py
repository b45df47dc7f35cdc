"""The resource whose logs are wanted, read from the cluster with the caller's own rights."""

from __future__ import annotations

from datetime import timedelta

from reconciler.adapters.kube.api import Api
from reconciler.adapters.kube.client import READ_TIMEOUT_S, KubeClient
from reconciler.core.errors import DeniedError, NotFoundError, PreconditionError, TransientError
from reconciler.core.resource import LEGACY_GROUP, Resource
from reconciler.plugins.connection import ConnectionFlags
from reconciler.plugins.kubeconfig import UserConnection
from reconciler.plugins.smlogs.kinds import LogKind


class Resources:
    """All resources of one kind in the namespace of the flags or the context."""

    def __init__(self, kind: LogKind, flags: ConnectionFlags) -> None:
        connection = UserConnection(flags)
        self.kind = kind
        self.namespace = connection.namespace
        self._client = KubeClient(connection=connection)
        self._api = Api(LEGACY_GROUP, "v1", kind.plural)
        # As in kubectl nought means no limit; ours is then the one that every read here has.
        self._timeout_s = (flags.request_timeout or timedelta()).total_seconds() or READ_TIMEOUT_S

    def find(self, name: str) -> Resource | None:
        """None when it is not there; an error when it can never be, for its kind is not installed."""
        try:
            found = self._client.request("GET", self._api.path(self.namespace, name), timeout_s=self._timeout_s)
        except NotFoundError as error:
            if f'"{name}"' in str(error):
                return None
            raise PreconditionError(
                f"this cluster does not know {self._api.plural}.{self._api.group}; "
                "install the definitions with: reconciler crds | kubectl apply --server-side -f -"
            ) from None
        except DeniedError as error:
            raise DeniedError(f"{error}. Ask for the right to get {self._api.plural} in {self.namespace}") from None
        return Resource(found)

    def get(self, name: str) -> Resource:
        try:
            found = self.find(name)
        except TransientError as error:
            raise type(error)(f"{error}. Is it the right cluster and user? See: kubectl config view --minify") from None
        if found is None:
            raise PreconditionError(
                f'{self.kind.kind} "{name}" is not in namespace {self.namespace}; '
                f"see: kubectl get {self._api.plural} --namespace {self.namespace}, or choose another with -n"
            )
        return found

    def names(self) -> list[str]:
        listed = self._client.request("GET", self._api.path(self.namespace), timeout_s=self._timeout_s)
        return [str(item["metadata"]["name"]) for item in listed["items"]]
