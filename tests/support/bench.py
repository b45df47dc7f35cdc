"""Fixtures of loop 2's bench (`lab.py`), for the conftest of a directory that wants them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.lab import Lab
from tests.support.reference import explained
from tests.support.simulator_control import SimControl


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Static ones, so that no chain of the machine's is searched."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def lab(simulator: SimControl, credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """The bench; whatever reason its story shows has to have a sentence in the reference."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.url)  # for what is beside SageMaker: STS, Application Auto Scaling
    simulator.clock("manual")
    lab = Lab(simulator)
    yield lab
    shown = {condition["reason"] for _, status in lab.cluster.written for condition in status.get("conditions") or ()}
    assert shown | {reason for _, reason, _ in lab.around.emitted} <= explained()
