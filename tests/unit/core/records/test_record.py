"""Records in status: what is kept, what is dropped and what can be written."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.records.drift import DriftRecord
from reconciler.core.records.history import HistoryEntry
from reconciler.core.records.record import declared
from reconciler.core.records.rollout import ReleasedTarget, RolloutRecord
from reconciler.core.records.run import Run
from reconciler.core.schema.shapes import Opaque, Structure

OPEN: dict[str, Any] = {
    "phase": "Updating",
    "requested": {"hash": "2", "endpointConfigName": "c-2"},
    "requestedAt": "2026-11-30T10:00:00Z",
    "attempt": 1,
    "scaling": [{"target": "endpoint/e/variant/v|d", "token": "2"}],
}


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({**OPEN, "later": {"a": [1]}}, id="beside the members of the rollout and its open attempt"),
        pytest.param({**OPEN, "requested": {**OPEN["requested"], "later": "x"}}, id="in a record of a record"),
        pytest.param({**OPEN, "scaling": [{"target": "t", "token": "1", "later": 1}]}, id="in an entry of a list"),
    ],
)
def test_what_another_version_wrote_is_kept(status: dict[str, Any]) -> None:
    assert RolloutRecord.parse(status).record() == status


@pytest.mark.parametrize(
    "value",
    [pytest.param(value, id=repr(value)) for value in (None, "x", 1, True, [], ["x"], [None], {"a": "b"})],
)
def test_a_value_of_another_type_never_fails(value: Any) -> None:
    for record in (RolloutRecord, Run, HistoryEntry, DriftRecord):
        for name in declared(record):
            assert isinstance(record.parse({**OPEN, name: value}), record)
        assert isinstance(record.parse(value), record)


def test_a_member_that_is_not_declared_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="later"):
        RolloutRecord(later="x")  # type: ignore[call-arg]


def test_the_schema_names_each_member_once_and_leaves_room_for_later_versions() -> None:
    shape = RolloutRecord.shape()
    assert isinstance(shape, Opaque)
    assert isinstance(shape.known, Structure)
    names = [one.key for one in shape.known.fields]
    assert sorted(names) == sorted(declared(RolloutRecord))


@pytest.mark.parametrize(
    ("token", "number"),
    [
        pytest.param("7", 7, id="a number"),
        pytest.param("", 0, id="nothing"),
        pytest.param("-1", 0, id="below zero"),
        pytest.param("x", 0, id="a word"),
        pytest.param("²", 0, id="a digit that is no number"),
    ],
)
def test_a_token_that_is_no_number_counts_as_none(token: str, number: int) -> None:
    assert ReleasedTarget("t", token).number == number
