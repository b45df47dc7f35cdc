"""Where a kind lives in the Kubernetes API: group, version, plural, and the paths that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from reconciler.core.errors import TerminalError


class Api(NamedTuple):
    group: str
    """Empty for the core group."""
    version: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path of one object, or of a collection when `name` is empty (of all namespaces without `namespace`).

        Names come from Git and are quoted: a slash in one must not select another object.
        """
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


KindTable = Mapping[str, Api]

CORE_KINDS: KindTable = {
    "ConfigMap": Api("", "v1", "configmaps"),
    "Deployment": Api("apps", "v1", "deployments"),
    "Namespace": Api("", "v1", "namespaces", namespaced=False),
    "Secret": Api("", "v1", "secrets"),
    "ServiceAccount": Api("", "v1", "serviceaccounts"),
    "CustomResourceDefinition": Api("apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False),
}
"""What is read by name beside our own kinds: credentials, identities, and who else looks after our CRDs."""

EVENTS = Api("", "v1", "events")
LEASES = Api("coordination.k8s.io", "v1", "leases")


def api_of(kinds: KindTable, kind: str) -> Api:
    """Look a kind up; one that is not in the table is the manifest's fault."""
    try:
        return kinds[kind]
    except KeyError:
        raise TerminalError(f"kind {kind} is not known here") from None
