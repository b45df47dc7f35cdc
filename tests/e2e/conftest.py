from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.kit import Site
from tests.support.cluster import Cluster
from tests.support.service import ServiceProcess, running
from tests.support.simulator_control import SimControl


@pytest.fixture
def site(control_plane: Cluster, simulator: SimControl, namespace: str, tmp_path: Path) -> Site:
    simulator.clock("scaled", 600)
    return Site(control_plane, simulator, namespace, tmp_path)


@pytest.fixture
def service(site: Site) -> Iterator[ServiceProcess]:
    process, page = site.service()
    with running(process, page):
        yield process
