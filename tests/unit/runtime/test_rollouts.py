from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.meters import Unmetered
from reconciler.core.resource import Key, Resource
from reconciler.runtime.rollouts import Rollouts

KEY = Key("HostingDeployment", "team", "serve")
OPEN = {"id": 2, "startedAt": "2026-01-01T00:00:00Z"}
DONE = {**OPEN, "result": "Succeeded", "finishedAt": "2026-01-01T00:05:00Z"}
ROLLED_BACK = {**DONE, "result": "RolledBack"}
OLD = {"id": 1, "result": "Failed", "startedAt": "2025-01-01T00:00:00Z", "finishedAt": "2025-01-01T01:00:00Z"}


class Told(Unmetered):
    def __init__(self) -> None:
        self.ended: list[tuple[str, float]] = []

    def rollout_ended(self, result: str, seconds: float) -> None:
        self.ended.append((result, seconds))


def with_history(*entries: dict[str, Any], uid: str = "u") -> Resource:
    metadata = {"name": "serve", "namespace": "team", "uid": uid}
    return Resource({"kind": "HostingDeployment", "metadata": metadata, "status": {"history": list(entries)}})


@pytest.mark.parametrize(
    ("old", "new", "ended"),
    [
        pytest.param(with_history(OPEN, OLD), with_history(DONE, OLD), [("Succeeded", 300.0)], id="one that ended"),
        pytest.param(with_history(OPEN), with_history(ROLLED_BACK), [("RolledBack", 300.0)], id="rolled back"),
        pytest.param(with_history(DONE), with_history(DONE), [], id="nothing new"),
        pytest.param(with_history(OLD), with_history(OPEN, OLD), [], id="one that began"),
        pytest.param(
            with_history(), with_history(DONE), [("Succeeded", 300.0)], id="begun and ended between two looks"
        ),
        pytest.param(None, with_history(DONE), [], id="what was there at the start ended long ago"),
        pytest.param(with_history(DONE), None, [], id="the object is gone"),
        pytest.param(with_history(uid="a"), with_history(DONE, uid="b"), [], id="another object of the name"),
    ],
)
def test_what_counts_as_ended(old: Resource | None, new: Resource | None, ended: list[tuple[str, float]]) -> None:
    told = Told()
    Rollouts(frozenset({"HostingDeployment"}), told).changed(KEY, old, new)
    assert told.ended == ended
