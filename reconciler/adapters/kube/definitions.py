"""Whether one of our CustomResourceDefinitions is being deleted: its objects go with it, what they stand for must not."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.adapters.kube.api import CORE_KINDS
from reconciler.adapters.kube.client import KubeClient
from reconciler.core.errors import NotFoundError


class KubeDefinitions:
    """`names` are the definitions' own, by kind."""

    def __init__(self, client: KubeClient, names: Mapping[str, str]) -> None:
        self._client = client
        self._names = names

    def terminating(self, kind: str) -> bool:
        """Read live, always: the API server marks the definition before it deletes the first object, so an answer from a
        moment ago could take the definition's end for somebody's wish to delete an endpoint.
        """
        path = CORE_KINDS["CustomResourceDefinition"].path(name=self._names[kind])
        try:
            found = self._client.request("GET", path)
        except NotFoundError:
            return True
        return bool(found["metadata"].get("deletionTimestamp"))
