"""Who else looks after our custom resources: the archived operator, or a Helm release that owns their definitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.adapters.kube.api import CORE_KINDS
from reconciler.adapters.kube.client import KubeClient
from reconciler.core.errors import DeniedError, NotFoundError

_DEPLOYMENT = "sagemaker-k8s-operator-controller-manager"
_NAMESPACE = "sagemaker-k8s-operator-system"
_RELEASE, _RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
_POLICY = "helm.sh/resource-policy"
"""Helm reads it in the chart: a definition that carries it came from a chart that keeps it."""


class Warned(NamedTuple):
    reason: str
    message: str


def neighbours(client: KubeClient, definitions: Iterable[str], namespaces: Iterable[str]) -> Iterator[Warned]:
    """What an installer should know. `namespaces` are those of our objects: the archived operator may run in any of them.

    What may not be read is not reported: these are warnings, and nothing waits for them.
    """
    for namespace in sorted({_NAMESPACE, *namespaces}):
        found = _read(client, CORE_KINDS["Deployment"].path(namespace, _DEPLOYMENT))
        if found and (found.get("spec") or {}).get("replicas", 1):
            yield Warned(
                "ArchivedOperatorRuns",
                f"Deployment {namespace}/{_DEPLOYMENT} runs: the archived operator and this one would both act on the same "
                "objects. Scale it to 0 before objects are taken over",
            )
    releases: dict[str, list[str]] = {}
    for name in definitions:
        found = _read(client, CORE_KINDS["CustomResourceDefinition"].path(name=name))
        annotations = ((found or {}).get("metadata") or {}).get("annotations") or {}
        if annotations.get(_RELEASE) and annotations.get(_POLICY) != "keep":
            release = f"{annotations.get(_RELEASE_NAMESPACE, '')}/{annotations[_RELEASE]}"
            releases.setdefault(release, []).append(name)
    for release, names in releases.items():
        yield Warned(
            "DefinitionsOfHelmRelease",
            f"{len(names)} CustomResourceDefinitions ({names[0]}, ...) belong to Helm release {release}: uninstalling it "
            "deletes them and every object with them. Make Helm forget it, as docs/migrate.md says",
        )


def _read(client: KubeClient, path: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = client.request("GET", path)
    except (NotFoundError, DeniedError):
        return None
    return found
