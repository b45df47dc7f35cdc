"""At the start: who else looks after our resources, and what a Namespace says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.kube.client import KubeClient
from reconciler.adapters.kube.namespaces import KubeNamespaces
from reconciler.adapters.kube.neighbours import neighbours
from reconciler.core.errors import DeniedError
from reconciler.core.resource import Annotation
from reconciler.dev import binaries
from tests.support.cluster import Cluster
from tests.support.service import ServiceProcess, environment, free_port, running
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually

OPERATOR = "sagemaker-k8s-operator-controller-manager"
DEFINITION = "gadgets.tenancy.example.com"


@pytest.fixture
def client(kubeconfig: Path) -> Iterator[KubeClient]:
    client = KubeClient(str(kubeconfig))
    yield client
    client.close()


def operator(cluster: Cluster, namespace: str, replicas: int) -> None:
    labels = {"control-plane": "controller-manager"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "manager", "image": "registry.example/amazon-sagemaker-operator-for-k8s:v1"}]},
    }
    cluster.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": OPERATOR, "namespace": namespace},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
        }
    )


def definition(cluster: Cluster, **annotations: str) -> None:
    """A definition of the test's own: those of the shared cluster are everybody's."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object"}},
    }
    names = {"plural": "gadgets", "singular": "gadget", "kind": "Gadget"}
    cluster.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": DEFINITION, "annotations": annotations},
            "spec": {
                "group": "tenancy.example.com",
                "scope": "Namespaced",
                "names": names,
                "versions": [version],
            },
        }
    )


def reasons(client: KubeClient, *namespaces: str) -> list[str]:
    return [warned.reason for warned in neighbours(client, [DEFINITION], namespaces)]


@pytest.mark.holds("D-3.4")
def test_the_archived_operator_is_told_of_until_it_is_scaled_to_nothing(
    control_plane: Cluster, namespace: str, client: KubeClient
) -> None:
    definition(control_plane)
    assert reasons(client, namespace) == []
    operator(control_plane, namespace, 1)
    assert reasons(client, namespace) == ["ArchivedOperatorRuns"]
    operator(control_plane, namespace, 0)
    assert reasons(client, namespace) == []


@pytest.mark.holds("D-3.4")
def test_definitions_of_a_helm_release_are_told_of_unless_helm_keeps_them(
    control_plane: Cluster, client: KubeClient
) -> None:
    helm = {"meta.helm.sh/release-name": "operator", "meta.helm.sh/release-namespace": "ml"}
    definition(control_plane, **helm)
    (warned,) = neighbours(client, [DEFINITION, "absent.example.com"], [])
    assert warned.reason == "DefinitionsOfHelmRelease"
    assert "ml/operator" in warned.message
    definition(control_plane, **helm, **{"helm.sh/resource-policy": "keep"})
    assert reasons(client) == []


def test_the_service_says_so_at_its_start(
    control_plane: Cluster, namespace: str, simulator: SimControl, tmp_path: Path
) -> None:
    operator(control_plane, namespace, 1)
    port = free_port()
    env = environment(
        control_plane.kubeconfig,
        binaries.kubectl(),
        simulator.url,
        RECONCILER_NAMESPACE=namespace,
        RECONCILER_CONTROLLER_NAMESPACE=namespace,
        RECONCILER_PORT=str(port),
        RECONCILER_CACHE_DIR=str(tmp_path / "cache"),
    )
    with running(ServiceProcess(tmp_path / "log", env), f"http://127.0.0.1:{port}/readyz") as service:

        def told() -> list[str]:
            events = control_plane.list("v1", "Event", namespace)
            return [one["reason"] for one in events if one["involvedObject"]["kind"] == "ConfigMap"]

        eventually(lambda: "ArchivedOperatorRuns" in told(), message="an Event on the service's own ConfigMap")
        assert OPERATOR in service.log()


def test_a_namespaces_annotations_are_read_once_a_minute(
    control_plane: Cluster, namespace: str, client: KubeClient
) -> None:
    now = [0.0]
    known = KubeNamespaces(client, lambda: now[0], required=True)
    assert Annotation.ROLE not in known.annotations(namespace)
    metadata = {"name": namespace, "annotations": {Annotation.ROLE: "arn:aws:iam::222233334444:role/a"}}
    control_plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    assert Annotation.ROLE not in known.annotations(namespace)
    now[0] += 61
    assert known.annotations(namespace)[Annotation.ROLE].endswith("role/a")
    assert known.annotations("no-such-namespace") == {}


def test_without_the_right_to_read_a_namespace_no_role_is_guessed(
    control_plane: Cluster, namespace: str, client: KubeClient
) -> None:
    stranger = client.as_service_account(namespace, "nobody")
    assert KubeNamespaces(stranger, lambda: 0.0, required=False).annotations(namespace) == {}
    with pytest.raises(DeniedError):
        KubeNamespaces(stranger, lambda: 0.0, required=True).annotations(namespace)
