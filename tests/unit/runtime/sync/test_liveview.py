"""Our own writes count until the cache has caught up, and no longer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from reconciler.core.resource import Key, Resource
from reconciler.runtime.sync.liveview import AHEAD_S, LiveView

A = Key("Model", "team", "a")


def made(version: int, uid: str = "1", generation: int = 1, image: str = "x") -> Resource:
    metadata = {"name": "a", "namespace": "team", "uid": uid, "resourceVersion": str(version), "generation": generation}
    return Resource({"apiVersion": "v1", "kind": "Model", "metadata": metadata, "spec": {"image": image}})


class Shelf:
    """Implements `Cache` with one object."""

    def __init__(self) -> None:
        self.resource: Resource | None = None

    def get(self, key: Key) -> Resource | None:
        return self.resource if key == A else None

    def items(self, kind: str) -> Iterable[Resource]:
        return [self.resource] if self.resource and self.resource.kind == kind else []

    def synced(self) -> bool:
        return True

    def subscribe(self, handler: Callable[[Key, Resource | None, Resource | None], None]) -> None: ...


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def live(shelf: Shelf, now: list[float]) -> LiveView:
    return LiveView(shelf, lambda resource: resource.spec, lambda: now[0])


def test_what_we_wrote_is_seen_before_the_cache_knows(shelf: Shelf, live: LiveView) -> None:
    shelf.resource = made(1)
    live.wrote(made(5))
    assert live.get(A) == made(5)

    shelf.resource = made(5)
    live.saw(A, made(1), made(5))
    shelf.resource = None
    live.saw(A, made(5), None)
    assert live.get(A) is None


def test_the_cache_wins_when_it_is_newer(shelf: Shelf, live: LiveView) -> None:
    live.wrote(made(5))
    shelf.resource = made(6)

    assert live.get(A) == made(6)


def test_the_end_of_an_earlier_object_does_not_hide_the_new_one(live: LiveView) -> None:
    live.wrote(made(5, uid="2"))

    live.saw(A, made(3, uid="1"), None)

    assert live.get(A) == made(5, uid="2")


def test_the_end_of_what_we_wrote_is_believed(live: LiveView) -> None:
    live.wrote(made(5))

    live.saw(A, made(5), None)

    assert live.get(A) is None


def test_a_write_that_no_event_ever_confirms_is_forgotten(live: LiveView, now: list[float]) -> None:
    live.wrote(made(5))

    now[0] = AHEAD_S + 1

    assert live.get(A) is None


def test_a_spec_is_hashed_once_per_generation(shelf: Shelf) -> None:
    asked: list[str] = []

    def as_written(resource: Resource) -> Mapping[str, Any]:
        asked.append(resource.resource_version)
        return resource.spec

    live = LiveView(shelf, as_written)

    assert live.hash(made(1)) == live.hash(made(2))
    assert live.hash(made(3, generation=2, image="y")) != live.hash(made(1, uid="2"))
    assert len(asked) == 3
