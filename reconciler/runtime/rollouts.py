"""Roll-outs that ended, as informers tell of `status.history`: for metrics alone. What ended while nobody watched is not counted."""

from __future__ import annotations

from reconciler.core.conditions import moment
from reconciler.core.meters import RolloutMeter
from reconciler.core.notes.status import ended
from reconciler.core.resource import Key, Resource


class Rollouts:
    def __init__(self, kinds: frozenset[str], meter: RolloutMeter) -> None:
        """`kinds` have roll-outs in their history."""
        self._kinds = kinds
        self._meter = meter

    def changed(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        if key.kind not in self._kinds or old is None or new is None or old.uid != new.uid:
            return
        past = {entry.get("id"): entry for entry in old.status.get("history") or ()}
        for entry in new.status.get("history") or ():
            if ended(past.get(entry.get("id")), entry) and entry.get("startedAt") and entry.get("finishedAt"):
                seconds = (moment(entry["finishedAt"]) - moment(entry["startedAt"])).total_seconds()
                self._meter.rollout_ended(entry["result"], max(0.0, seconds))
