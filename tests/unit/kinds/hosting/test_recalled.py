"""What the notes' last verdict on a content makes of the quarantine, row by row."""

from __future__ import annotations

from datetime import datetime

import pytest

from reconciler.core.conditions import moment
from reconciler.core.records.content import Content
from reconciler.core.records.history import History, HistoryEntry
from reconciler.core.records.quarantine import Quarantine
from reconciler.kinds.hosting.situation.recalled import recalled

LIMIT = 2
BAD, GOOD = Content("bad", "serve-bad"), Content("good", "serve-good")
NO_CAPACITY = "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."


def at(minute: int) -> str:
    return f"2026-03-01T00:{minute:02}:00Z"


def entry(number: int, result: str, content: Content = BAD, reason: str = "") -> HistoryEntry:
    return HistoryEntry(
        number,
        content.hash,
        content.config,
        started_at=at(number),
        finished_at=at(number),
        result=result,
        reason=reason,
    )


def condemned(when: datetime) -> Quarantine:
    return Quarantine().added(BAD, "an alarm", when)


NOTHING, OURS = History(), History((entry(1, "Succeeded", GOOD),))
EMPTY = Quarantine()
ROWS: dict[str, tuple[Quarantine, History, list[HistoryEntry], set[str]]] = {
    "rolled back": (EMPTY, NOTHING, [entry(1, "RolledBack")], {"bad"}),
    "failed for a reason of its own": (EMPTY, NOTHING, [entry(1, "Failed", reason="bad image")], {"bad"}),
    "failed for want of capacity": (EMPTY, NOTHING, [entry(1, "Failed", reason=NO_CAPACITY)], set()),
    "rolled back, and served later": (EMPTY, NOTHING, [entry(2, "Succeeded"), entry(1, "RolledBack")], set()),
    "served, and was rolled back later": (EMPTY, NOTHING, [entry(2, "RolledBack"), entry(1, "Succeeded")], {"bad"}),
    "rolled back, and overtaken later": (EMPTY, NOTHING, [entry(2, "Superseded"), entry(1, "RolledBack")], {"bad"}),
    "rolled back longer ago than history has room for": (
        EMPTY,
        NOTHING,
        [entry(4, "Succeeded", GOOD), entry(3, "Succeeded", GOOD), entry(2, "Succeeded", GOOD), entry(1, "RolledBack")],
        {"bad"},
    ),
    "released by a person since status has the entry": (
        EMPTY,
        History((entry(2, "RolledBack"), entry(1, "Succeeded", GOOD))),
        [entry(2, "RolledBack"), entry(1, "Succeeded", GOOD)],
        set(),
    ),
    "served after what status knows, which is older": (
        condemned(moment(at(1))),
        OURS,
        [entry(3, "Succeeded"), entry(2, "Superseded", GOOD)],
        set(),
    ),
    "rolled back after what status knows, which is older": (EMPTY, OURS, [entry(3, "RolledBack")], {"bad"}),
}


@pytest.mark.parametrize(("quarantine", "before", "notes", "hashes"), ROWS.values(), ids=ROWS.keys())
def test_the_last_verdict_counts(
    quarantine: Quarantine, before: History, notes: list[HistoryEntry], hashes: set[str]
) -> None:
    records = [one.record() for one in notes]
    after = before.remembered(records, LIMIT)
    assert recalled(quarantine, before, after, records).hashes == hashes
