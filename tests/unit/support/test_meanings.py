"""Where the meaning of a status member comes from: the CRD, the kind's declaration, or a docstring of its record."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from reconciler.core.records.record import INLINED, Record, member
from reconciler.core.schema.shapes import Field, Structure
from reconciler.core.schema.status import many, pairs, record, string
from tests.support.meanings import meanings


@dataclass(frozen=True)
class Fruit(Record):
    """What grows on a tree. It is eaten."""

    kind_of: str = member("kind", default="")
    """Apple
    or pear (D-4.1).
    """
    weight: int = 0


@dataclass(frozen=True)
class Apple(Fruit):
    core: Fruit | None = None
    attempt: Fruit | None = field(default=None, metadata=INLINED)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        pytest.param(record(a=(string(), "An a."), b=string()), {"a": "An a.", "b": ""}, id="a kind's declaration"),
        pytest.param(Structure((Field("a", string(), doc="An a."),)), {"a": "An a."}, id="what the CRD says"),
        pytest.param(
            record(fruits=many(Fruit.shape())),
            {"fruits": "What grows on a tree.", "fruits[].kind": "Apple or pear.", "fruits[].weight": ""},
            id="a record: its docstring, and those of its fields under their JSON names",
        ),
        pytest.param(
            record(apple=(Apple.shape(), "One.")),
            {
                "apple": "One.",
                "apple.kind": "Apple or pear.",
                "apple.weight": "",
                "apple.core": "What grows on a tree.",
                "apple.core.kind": "Apple or pear.",
                "apple.core.weight": "",
            },
            id="inherited and inlined fields",
        ),
        pytest.param(
            record(names=(pairs(), "Names.")),
            {"names": "Names.", "names[].name": "Name of the pair.", "names[].value": "Its value."},
            id="pairs",
        ),
    ],
)
def test_meaning(status: Structure, said: dict[str, str]) -> None:
    assert dict(meanings(status)) == said
