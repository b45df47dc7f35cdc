from __future__ import annotations

import pytest

from reconciler.core.resource import Resource, went_back
from reconciler.runtime.reconcile.loop import is_our_status


def at(version: str) -> Resource:
    return Resource({"metadata": {"resourceVersion": version}, "status": {"conditions": [{"type": "Ready"}]}})


CASES = {
    "written again": ("9", "10", False),
    "the same": ("10", "10", False),
    "restored from a backup": ("10", "9", True),
    "versions that are no numbers are not compared": ("b", "a", False),
}


@pytest.mark.parametrize(("before", "now", "back"), CASES.values(), ids=CASES.keys())
def test_an_object_that_is_older_than_before_was_restored(before: str, now: str, *, back: bool) -> None:
    assert went_back(at(before), at(now)) is back
    assert is_our_status(at(before), at(now)) is not back


def test_what_came_or_went_did_not_go_back() -> None:
    assert not went_back(None, at("1"))
    assert not went_back(at("1"), None)
