"""Who is woken when something changes."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.adapters.service_model import load_shape
from reconciler.core.resource import Key, Resource
from reconciler.kinds import CATALOG
from reconciler.runtime.reconcile.dependents import Dependents
from tests.support.lab_kinds import config, model, transform
from tests.support.passes import ready, resource

REF = {"kind": "Model", "name": "net"}
NET = Key("Model", "team", "net")
SCORE = Key("BatchTransformJob", "team", "score")
SPLIT = Key("EndpointConfig", "team", "split")
SHAPES = {kind.name: load_shape(kind.schema) for kind in CATALOG.kinds}
MADE = ready(model(), sageMakerModelName="net-1")


class Watched:
    def __init__(self) -> None:
        self.woken: list[Key] = []
        self.index = Dependents(CATALOG, SHAPES, self.woken.append)

    def after(self, old: Resource | None, new: Resource | None) -> list[Key]:
        self.woken.clear()
        key = (new or old or MADE).key
        self.index.changed(key, old, new)
        return sorted(self.woken)


@pytest.fixture
def watched() -> Watched:
    found = Watched()
    found.after(None, resource(transform(modelRef=REF)))
    found.after(None, resource(config(modelRef=REF)))
    return found


def other(status: dict[str, Any]) -> Resource:
    return ready(model(), sageMakerModelName="net-1", **status)


@pytest.mark.parametrize(
    ("old", "new", "woken"),
    [
        pytest.param(None, resource(model()), [SCORE, SPLIT], id="it appears"),
        pytest.param(resource(model()), MADE, [SCORE, SPLIT], id="it becomes ready"),
        pytest.param(MADE, ready(model(), sageMakerModelName="net-2"), [SCORE, SPLIT], id="it gives something else"),
        pytest.param(MADE, None, [SCORE, SPLIT], id="it goes"),
        pytest.param(MADE, other({"additional": "news"}), [], id="it tells news"),
        pytest.param(ready(model("else")), None, [], id="another one goes"),
    ],
)
def test_who_refers_to_it_is_woken(
    watched: Watched, old: Resource | None, new: Resource | None, woken: list[Key]
) -> None:
    assert watched.after(old, new) == woken


def test_a_reference_that_was_taken_out_is_forgotten(watched: Watched) -> None:
    before, after = resource(transform(modelRef=REF)), resource(transform(modelName="theirs"), generation=2)
    watched.after(before, after)
    assert watched.index.of(NET) == {SPLIT}


def test_what_is_let_go_of_is_woken(watched: Watched) -> None:
    assert watched.after(resource(config(modelRef=REF)), None) == [NET]
    assert watched.index.of(NET) == {SCORE}
