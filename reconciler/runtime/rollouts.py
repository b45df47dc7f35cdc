"""Rollouts that ended, as informers show them in `status.history`: for metrics alone. What ended while nobody watched is not counted."""

from __future__ import annotations

from reconciler.core.conditions import moment
from reconciler.core.meters import RolloutMeter
from reconciler.core.notes.status import ended
from reconciler.core.records.history import History
from reconciler.core.resource import Key, Resource


class Rollouts:
    def __init__(self, kinds: frozenset[str], meter: RolloutMeter) -> None:
        """`kinds` have rollouts in their history."""
        self._kinds = kinds
        self._meter = meter

    def changed(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        if key.kind not in self._kinds or old is None or new is None or old.uid != new.uid:
            return
        past = {entry.id: entry for entry in History.parse(old.status.get("history")).entries}
        for entry in History.parse(new.status.get("history")).entries:
            if ended(past.get(entry.id), entry) and entry.started_at and entry.finished_at:
                seconds = (moment(entry.finished_at) - moment(entry.started_at)).total_seconds()
                self._meter.rollout_ended(entry.result, max(0.0, seconds))
