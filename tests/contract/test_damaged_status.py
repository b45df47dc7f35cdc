"""Whatever stands in a status, no pass ends in an exception, and none trains, serves or deletes what it would not have otherwise.

Recorded passes (tests/support/recorded.py) with one member of their status removed or replaced by another value: by an editor with
rights on the status, an older version's CRD, or a backup.
"""

from __future__ import annotations

import copy
import re
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from reconciler.core.errors import ReconcileError
from reconciler.core.status import undecided
from reconciler.kinds import KINDS
from reconciler.runtime.reconcile.guards import unreadable_status
from reconciler.runtime.reconcile.outcome import shown
from reconciler.runtime.reconcile.past import as_before
from tests.contract.test_recorded_passes import told_again
from tests.support import recorded
from tests.support.lab import PARTITIONS, loaded_kinds

_KINDS = {kind.name: kind for kind in KINDS}
_REMOVED = object()
_VALUES: tuple[Any, ...] = (
    _REMOVED, "", "x", "\u00e9 ", 0, -1, 1.5, 2**63, True, [], [None], [{}], ["x"], {}, {"a": 1},
    "9" * 5000, "2026-01-01t00:00:00z", "2026-01-01T00:00:00+99:99", "0001-01-01T00:00:00+14:00",
)  # fmt: skip
_COSTLY = re.compile(r"(Create|Update|Delete|Stop|Deregister).*")
_FREE = re.compile(r"Create(Model|EndpointConfig)")
"""Under a name made of its content: where it exists it is answered with a refusal."""
_TRIES = 3
"""Passes per member: the same member stands in rollouts, jobs and histories of every state."""

Place = tuple[str | int, ...]


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


@pytest.mark.parametrize("kind", sorted({line["kind"] for line in recorded.recorded()}))
def test_a_damaged_status_starts_changes_and_deletes_nothing(kind: str) -> None:
    wrong, decided, refused = [], 0, 0
    for line, at in _cases(kind):
        meant = _costly(line)
        for value in _VALUES:
            damaged = _with_status(line, _damaged(line["past"], at, value))
            try:
                came = _costly(damaged)
            except _NotRecordedError:
                continue
            refused += came is None
            decided += came is not None
            if more := (came or Counter()) - (meant or Counter()):
                wrong.append((at, value, dict(more)))
    assert decided
    assert refused
    assert [one for one in wrong if (*one[0], *one[2]) not in _EXPECTED] == []


_EXPECTED = {
    # Nothing says any more that a create was answered: SageMaker was asked, and has no such endpoint.
    ("rollout", "CreateEndpoint"),
    ("rollout", "foreign", "CreateEndpoint"),
}


class _NotRecordedError(Exception):
    """SageMaker was asked what the recorded pass did not ask: there is no answer to decide by."""


def _costly(line: Mapping[str, Any]) -> Counter[str] | None:
    """Calls of a pass that cost money or move traffic; None where its status is refused, which is shown in status instead."""
    kind, shape = _KINDS[line["kind"]], loaded_kinds().shapes[line["kind"]]
    this = recorded.the_pass(kind, line, shape, PARTITIONS)
    try:
        if error := unreadable_status(this):
            failed = shown(kind, this, error, as_before(this.past), this.past)
            status = undecided(this.resource, failed, this.now)
            assert {"Stalled", "Ready"} <= {one["type"] for one in status["conditions"]}
            assert {key: status.get(key) for key in _MEMORY} == {key: this.past.get(key) for key in _MEMORY}
            return None
        decision = told_again(line)
    except ReconcileError:
        return Counter()
    except AssertionError as error:
        if "was not asked then" in str(error):
            raise _NotRecordedError from error
        raise
    except KeyError as error:
        if traceback.extract_tb(error.__traceback__)[-1].filename == recorded.__file__:
            raise _NotRecordedError from error
        raise
    found = Counter(call.operation for call in decision.calls) if decision else Counter()
    return Counter({one: n for one, n in found.items() if _COSTLY.fullmatch(one) and not _FREE.fullmatch(one)})


_MEMORY = (
    "rollout",
    "history",
    "quarantine",
    "configs",
    "models",
    "endpoint",
    "run",
    "runs",
    "targets",
    "intent",
    "refused",
)
"""What a pass that refuses to decide leaves as it stands."""
