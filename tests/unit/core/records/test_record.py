"""Records in status: what is kept, what is dropped and what can be written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.records.drift import DriftRecord
from reconciler.core.records.history import HistoryEntry
from reconciler.core.records.record import declared, unreadable
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


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({}, [], id="a rollout under way"),
        pytest.param({"later": [1]}, [], id="a member of a later version"),
        pytest.param({"requested": {"hash": "2"}}, ["/requested: endpointConfigName must be set"], id="content without its name"),
        pytest.param({"requestedAt": ""}, ["/requestedAt: must be a time as RFC 3339 writes it", ": requested needs requestedAt"], id="a request without its time"),
        pytest.param({"requested": {}}, ["/requested: endpointConfigName must be set", ": requestedAt needs requested"],
                     id="a time of no request"),
        pytest.param({"attempt": "1"}, ["/attempt: must be an integer, not a string"], id="a text for a number"),
        pytest.param({"attempt": 2**63}, ["/attempt: must fit 64 bits"], id="a number that no 64 bits hold"),
        pytest.param({"startedAt": "2026-01-01T00:00:00+99:99"}, ["/startedAt: must be a time as RFC 3339 writes it"],
                     id="a time with an offset that no zone has"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(changed: dict[str, Any], said: list[str]) -> None:
    found = unreadable(RolloutRecord.shape(), {**OPEN, **changed}, "")
    assert [f"{one.path}: {one.message}" for one in found] == said


@pytest.mark.parametrize("token", ["9" * 5000, "-1", "x", "²"])
def test_a_token_that_no_service_wrote_counts_as_none(token: str) -> None:
    assert ReleasedTarget("t", token).number == 0


@pytest.mark.parametrize(
    "changes",
    [{"phase": 3}, {"resize": "v"}, {"resize": (3,)}, {"collecting": "yes"}, {"attempt": {}}, {"scaling": ({},)}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_value_of_another_type_is_not_written(changes: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="is not of the field's type"):
        replace(RolloutRecord.parse(OPEN), **changes).record()
