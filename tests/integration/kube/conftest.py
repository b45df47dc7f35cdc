from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.kube.client import KubeClient
from reconciler.adapters.kube.objects import KubeApplier, KubeObjects
from tests.integration.kube.kit import KINDS, Wire, wired


@pytest.fixture(scope="session")
def client(kubeconfig: Path) -> Iterator[KubeClient]:
    client = KubeClient(str(kubeconfig))
    yield client
    client.close()


@pytest.fixture
def objects(client: KubeClient) -> KubeObjects:
    return KubeObjects(client, KINDS)


@pytest.fixture
def applier(client: KubeClient) -> KubeApplier:
    return KubeApplier(client, KINDS)


@pytest.fixture
def wire(kubeconfig: Path, tmp_path: Path) -> Iterator[Wire]:
    with wired(kubeconfig, tmp_path) as wire:
        yield wire
