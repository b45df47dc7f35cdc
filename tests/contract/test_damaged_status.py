"""Whatever the API server lets people write into a status, no pass ends in an exception.

Recorded passes (tests/support/recorded.py) with one member of their status removed or replaced by another value that the CRD's
schema allows: by an editor with rights on the status, an older version, or a backup.
"""

from __future__ import annotations

import copy
import traceback
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from reconciler.core.errors import ReconcileError
from reconciler.kinds import KINDS
from tests.contract.test_recorded_passes import told_again
from tests.support import recorded

_CRDS = Path(__file__).parents[2] / "crds"
_REMOVED = object()
_VALUES: tuple[Any, ...] = (_REMOVED, "", "x", "\u00e9 ", 0, -1, 1.5, 10**15, True, [], [{}], ["x"], {}, {"a": 1})
_TRIES = 3
"""Passes per member: the same member stands in rollouts, jobs and histories of every state."""

Place = tuple[str | int, ...]


@cache
def _validator(kind: str) -> jsonschema.Draft7Validator:
    for path in _CRDS.glob("*.yaml"):
        crd = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
        if crd["spec"]["names"]["kind"] == kind:
            schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
            checks = jsonschema.FormatChecker(formats=())
            checks.checks("date-time", raises=(ValueError, TypeError))(_is_time)
            return jsonschema.Draft7Validator(schema, format_checker=checks)
    raise AssertionError(f"no CRD of {kind}")


def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _members(value: Any, at: Place = ()) -> Iterator[Place]:
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from _members(item, (*at, name))


def _damaged(status: Mapping[str, Any], at: Place, value: Any) -> dict[str, Any]:
    damaged: Any = copy.deepcopy(dict(status))
    parent = damaged
    for name in at[:-1]:
        parent = parent[name]
    if value is _REMOVED:
        del parent[at[-1]]
    else:
        parent[at[-1]] = value
    return damaged  # type: ignore[no-any-return]


def _with_status(line: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
    resource = {**line["resource"], "status": status}
    before = {**(line.get("atLook") or {})}
    before |= {"past": status} if "past" in before else {}
    before |= {"resource": {**before["resource"], "status": status}} if "resource" in before else {}
    return {**line, "past": status, "resource": resource, "atLook": before}


@cache
def _cases(kind: str) -> list[tuple[Mapping[str, Any], Place]]:
    """A few passes for each member of the status, list entries counted as one."""
    found: defaultdict[Place, list[tuple[Mapping[str, Any], Place]]] = defaultdict(list)
    for line in recorded.recorded():
        if line["kind"] == kind and isinstance(line.get("past"), dict):
            for at in _members(line["past"]):
                seen = found[tuple("*" if isinstance(name, int) else name for name in at)]
                if len(seen) < _TRIES:
                    seen.append((line, at))
    return [case for cases in found.values() for case in cases]


@pytest.mark.parametrize("kind", sorted(kind.name for kind in KINDS))
def test_a_damaged_status_ends_no_pass_in_an_exception(kind: str) -> None:
    wrong, tried = [], 0
    for line, at in _cases(kind):
        for value in _VALUES:
            status = _damaged(line["past"], at, value)
            if not _validator(kind).is_valid(status):
                continue
            tried += 1
            try:
                told_again(_with_status(line, status))
            except ReconcileError:
                continue
            except Exception as error:  # noqa: BLE001 - any other one would end the pass, over and over
                frames = traceback.extract_tb(error.__traceback__)
                if (
                    frames[-1].filename != recorded.__file__
                ):  # else another question than was asked then: no answer is recorded
                    where = next(one for one in reversed(frames) if "/reconciler/" in one.filename)
                    wrong.append(f"{at} = {value!r}: {error!r} at {where.filename}:{where.lineno}")
    assert tried > len(_cases(kind))
    assert wrong == []
