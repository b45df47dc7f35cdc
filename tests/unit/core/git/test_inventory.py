from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.git.inventory import carried, read, union, without, write, written_hash
from reconciler.core.resource import Key

names = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
hashes = st.lists(st.from_regex(r"[a-z2-7]{12}", fullmatch=True), min_size=1, max_size=2, unique=True).map(tuple)


@pytest.mark.holds("D-12.2")
@given(st.dictionaries(st.builds(Key, st.sampled_from(["Model", "TrainingJob"]), names, names), hashes))
def test_what_is_written_is_read(inventory: dict[Key, tuple[str, ...]]) -> None:
    assert read(write(inventory)) == inventory


def test_what_is_no_entry_is_left_out() -> None:
    assert read(["", "x", "a/b@c", "a/b/c", "a/b/c/d@e", "Model/ns/a@h"]) == {Key("Model", "ns", "a"): ("h",)}


def test_the_union_keeps_the_newest_last() -> None:
    a = Key("Model", "ns", "a")

    assert union({a: ("1", "2")}, {a: "1"}) == {a: ("2", "1")}


@pytest.mark.parametrize(
    ("spec", "pointer", "expected"),
    [
        ({"a": {"b": 1, "c": 2}}, "/spec/a/b", {"a": {"c": 2}}),
        ({"a": [{"b": 1}, {"b": 2}]}, "/spec/a/1/b", {"a": [{"b": 1}, {}]}),
        ({"a": [1, 2, 3]}, "/spec/a/1", {"a": [1, None, 3]}),
        ({"a/b": 1}, "/spec/a~1b", {}),
        ({"a": 1}, "/spec/x/y", {"a": 1}),
        ({"a": 1}, "/metadata/labels", {"a": 1}),
        ({"a": [1]}, "/spec/a/7", {"a": [1]}),
        ({"a": 1}, "/spec/a/b", {"a": 1}),
    ],
)
def test_without(spec: dict[str, Any], pointer: str, expected: dict[str, Any]) -> None:
    assert without(spec, [pointer]) == expected
    assert written_hash(spec, [pointer]) == written_hash(expected)


@pytest.mark.parametrize(
    ("wanted", "live", "pointer", "expected"),
    [
        ({"a": 1, "b": 1}, {"a": 2, "b": 2}, "/spec/a", {"a": 2, "b": 1}),
        ({"a": 1}, {}, "/spec/a", {}),
        ({}, {"a": 2}, "/spec/a", {"a": 2}),
        ({"v": [{"n": 1}]}, {"v": [{"n": 5}]}, "/spec/v/0/n", {"v": [{"n": 5}]}),
        ({"v": [1, 2]}, {"v": [7, 8]}, "/spec/v/1", {"v": [1, 8]}),
        ({"v": [1, 2]}, {"v": [7]}, "/spec/v/1", {"v": [1, 2]}),
    ],
)
def test_values_of_others_are_carried(
    wanted: dict[str, Any], live: dict[str, Any], pointer: str, expected: dict[str, Any]
) -> None:
    assert carried(wanted, live, [pointer]) == expected


@given(st.dictionaries(st.text(max_size=3), st.integers() | st.lists(st.integers())), st.text(max_size=10))
def test_any_pointer_is_harmless(spec: dict[str, Any], pointer: str) -> None:
    without(spec, [f"/spec/{pointer}"])
    carried(spec, spec, [f"/spec/{pointer}"])
