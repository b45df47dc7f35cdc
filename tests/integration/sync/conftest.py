from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.sync.kit import Engine, Team
from tests.support.cluster import Cluster
from tests.support.git_repository import BareRepository

Start = Callable[..., Engine]


@pytest.fixture
def team(control_plane: Cluster, namespace: str, bare_repository: BareRepository) -> Team:
    return Team(control_plane, namespace, bare_repository.url)


@pytest.fixture
def start(control_plane: Cluster, namespace: str, tmp_path: Path) -> Iterator[Start]:
    """Start a controller for the test's namespace; several, one after the other, share nothing but the cluster."""
    engines: list[Engine] = []

    def begin(*more_namespaces: str, workers: int = 2) -> Engine:
        engine = Engine(control_plane, (namespace, *more_namespaces), tmp_path / f"engine-{len(engines)}")
        engines.append(engine)
        return engine.start(workers)

    yield begin
    for engine in engines:
        engine.stop()


@pytest.fixture
def engine(start: Start) -> Engine:
    return start()
