import pytest

from tests.integration.plugins.kit import Desk
from tests.support.cluster import Cluster
from tests.support.simulator_control import SimControl


@pytest.fixture
def desk(control_plane: Cluster, simulator: SimControl, namespace: str) -> Desk:
    return Desk(control_plane, simulator, namespace)
