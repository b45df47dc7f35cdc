"""The name of this cluster, kept in a ConfigMap from the first start on: it is in every digest and owner tag, so under
another name everything made so far would be disowned.
"""

from __future__ import annotations

from typing import Protocol

from reconciler.core.errors import ConflictError, PreconditionError
from reconciler.core.resource import Key, Resource

_NAME = "sagemaker-gitops"


class IdentityMaps(Protocol):
    """`adapters.kube.objects.KubeObjects` does this."""

    def get(self, key: Key) -> Resource | None: ...
    def create(self, resource: Resource) -> Resource: ...


def identity_map(namespace: str) -> Key:
    return Key("ConfigMap", namespace, _NAME)


def claim_cluster_name(maps: IdentityMaps, namespace: str, name: str) -> None:
    """Record the name at the first start; refuse to run under another one later."""
    key = identity_map(namespace)
    found = maps.get(key)
    if found is None:
        metadata = {"name": _NAME, "namespace": namespace}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"clusterName": name}}
        try:
            maps.create(Resource(body))
        except ConflictError:
            found = maps.get(key)
    recorded = (found.body.get("data") or {}).get("clusterName") if found else name
    if recorded != name:
        raise PreconditionError(
            f"this cluster was named {recorded!r} (ConfigMap {namespace}/{_NAME}); started as {name!r} everything "
            "made so far would be disowned. Start with the recorded name, or delete the ConfigMap if you mean it"
        )
