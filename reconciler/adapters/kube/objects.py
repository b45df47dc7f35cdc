"""Reads and conditional writes of single objects (`Objects`), and what a sync does to a cluster (`Applier`).

Four field managers, so that managedFields tells who wrote what: `reconciler-sync` for what comes from Git,
`reconciler-status`, `reconciler-finalizer`, and what a caller names. No caller writes spec and status under one name.

Every write but `apply` and `create` carries the resourceVersion (and uid) of the object that it was decided on: the API
server refuses it with 409 when the object moved, and with 409 too when it was deleted and recreated under its name.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.adapters.kube.api import CORE_KINDS, Api, KindTable, api_of
from reconciler.adapters.kube.client import APPLY_PATCH, MERGE_PATCH, KubeClient, Query
from reconciler.adapters.kube.ownership import fold_updates
from reconciler.core.errors import NotFoundError, StaleError
from reconciler.core.resource import FINALIZER_MANAGER, STATUS_MANAGER, SYNC_MANAGER, Key, Resource

log = logging.getLogger(__name__)


class KubeObjects:
    """Implements the `Objects` port."""

    def __init__(self, client: KubeClient, kinds: KindTable) -> None:
        self._client = client
        self._kinds = {**CORE_KINDS, **kinds}

    def get(self, key: Key) -> Resource | None:
        """Read live; a kind that is not installed has no objects either."""
        api = api_of(self._kinds, key.kind)
        try:
            return Resource(self._client.request("GET", api.path(key.namespace, key.name)))
        except NotFoundError:
            return None

    def replace_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        return _put(self._client, self._api(resource), resource.with_status(status), STATUS_MANAGER, "status")

    def set_finalizers(self, resource: Resource, finalizers: Iterable[str]) -> Resource:
        """A patch instead of a PUT: a stored object that breaks a tightened schema can still be let go."""
        path = self._api(resource).path(resource.namespace, resource.name)
        metadata = {
            "uid": resource.uid,
            "resourceVersion": _version(resource),
            "finalizers": list(finalizers),
        }
        query = {"fieldManager": FINALIZER_MANAGER}
        return Resource(self._client.request("PATCH", path, query, {"metadata": metadata}, MERGE_PATCH))

    def replace(self, resource: Resource, manager: str) -> Resource:
        return _put(self._client, self._api(resource), resource, manager)

    def create(self, resource: Resource, manager: str = SYNC_MANAGER) -> Resource:
        """POST; a name that is taken raises ConflictError, so that of two who begin together one wins."""
        path = self._api(resource).path(resource.namespace)
        return Resource(self._client.request("POST", path, {"fieldManager": manager}, resource.body))

    def read_secret(self, namespace: str, name: str) -> dict[str, str]:
        """The decoded values of a Secret; bytes that are not UTF-8 are kept as surrogates."""
        secret = self._client.request("GET", CORE_KINDS["Secret"].path(namespace, name))
        encoded = secret.get("data") or {}
        return {key: base64.b64decode(text).decode(errors="surrogateescape") for key, text in encoded.items()}

    def _api(self, resource: Resource) -> Api:
        return api_of(self._kinds, resource.kind)


class KubeApplier:
    """Implements the `Applier` port with the rights of its client, which may impersonate."""

    def __init__(self, client: KubeClient, kinds: KindTable) -> None:
        self._client = client
        self._kinds = kinds

    def apply(self, body: Mapping[str, Any], *, force: bool = True) -> Resource:
        """ConflictError only without `force`, when another manager owns a field with another value."""
        resource = Resource(body)
        path = api_of(self._kinds, resource.kind).path(resource.namespace, resource.name)
        query: Query = {"fieldManager": SYNC_MANAGER, "force": force}
        return Resource(self._client.request("PATCH", path, query, body, APPLY_PATCH))

    def delete(self, resource: Resource) -> None:
        path = api_of(self._kinds, resource.kind).path(resource.namespace, resource.name)
        preconditions = {"uid": resource.uid, "resourceVersion": _version(resource)}
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        try:
            self._client.request("DELETE", path, {"propagationPolicy": "Background"}, options)
        except NotFoundError:
            return

    def replace(self, resource: Resource) -> Resource:
        """PUT, then see to it that what was put is owned by apply.

        A PUT is recorded as an update. Left so, a field reverted today would survive its removal from Git tomorrow,
        since an apply takes away only what an earlier apply owned.
        """
        api = api_of(self._kinds, resource.kind)
        written = _put(self._client, api, resource, SYNC_MANAGER)
        folded = fold_updates(written.metadata.get("managedFields") or (), SYNC_MANAGER)
        if folded is None:
            return written
        try:
            return _put(self._client, api, written.with_metadata(managedFields=folded), SYNC_MANAGER)
        except StaleError:
            # Someone wrote in between: the object is right, and the next correction will fold again.
            log.info("field ownership of %s is left as it is: the object moved", written.key)
            return written


def _put(client: KubeClient, api: Api, resource: Resource, manager: str, subresource: str = "") -> Resource:
    _version(resource)
    path = api.path(resource.namespace, resource.name, subresource)
    return Resource(client.request("PUT", path, {"fieldManager": manager}, resource.body))


def _version(resource: Resource) -> str:
    """An object that was never read has no version, and writing it would not be conditional."""
    if not resource.resource_version:
        raise StaleError(f"{resource.key} carries no resourceVersion: read it first")
    return resource.resource_version
