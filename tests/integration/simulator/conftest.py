from collections.abc import Iterator

import pytest

from reconciler.dev.simulator import Simulator
from tests.integration.simulator.given import Aws


@pytest.fixture(scope="session")
def _served() -> Iterator[Aws]:
    simulator = Simulator()
    simulator.start()
    yield Aws(simulator.url)
    simulator.stop()


@pytest.fixture
def aws(_served: Aws) -> Aws:
    """An empty account whose time stands still until it is advanced."""
    _served.control("POST", "throttle", {"enabled": False})
    _served.control("POST", "reset")
    _served.control("POST", "clock", {"mode": "manual"})
    return _served
