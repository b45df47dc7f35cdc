"""The rollout of one endpoint, live: where it comes from, where it goes, how far it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.records.history import History, HistoryEntry
from reconciler.core.records.quarantine import Quarantine
from reconciler.core.records.rollout import RolloutRecord
from reconciler.core.resource import Resource
from reconciler.core.values import Answer
from reconciler.kinds.hosting.declaration import serving_entry
from reconciler.plugins.sagemaker import health
from reconciler.plugins.sagemaker.health import ROLLBACK_UNTIL
from reconciler.plugins.sagemaker.paint import between, commit_of, plain, so_far
from reconciler.plugins.sagemaker.tree import TreeStyle


def lines(resource: Resource, how: TreeStyle) -> list[str]:
    rows = [*_rows(resource, how)]
    width = max((len(title) for title, _ in rows), default=0)
    return [f"{how.paint(title.ljust(width), 'dim')}   {text}" for title, text in rows]


def _rows(resource: Resource, how: TreeStyle) -> Iterator[tuple[str, str]]:
    status, paint = resource.status, how.paint
    rollout = RolloutRecord.parse(status.get("rollout"))
    serving = serving_entry(status)
    if serving is not None:
        yield "serving", _entry(serving)
    newest = History.parse(status.get("history")).newest
    if newest is not None and newest.open:
        lasts = so_far(rollout.started_at or newest.started_at, how.now)
        for_ = f", {lasts}" if lasts else ""
        yield "rollout", paint(f"{rollout.phase or 'under way'} to {_entry(newest)}{for_}", "busy")
        if rollout.attempt and rollout.attempt.stage:
            yield "stage", plain(rollout.attempt.stage)
        if rollout.desired_hash not in ("", newest.hash):
            yield "next", f"{plain(rollout.desired_hash)} is queued; what lies between is skipped"
    elif newest is not None:
        took = between(newest.started_at, newest.finished_at)
        yield "last", f"{_entry(newest)}: {plain(newest.result)}{f' after {took}' if took else ''}{_because(newest)}"
    for variant in status.get("productionVariants") or ():
        yield "variant", _variant(variant, paint.arrow)
    if held := health.held(resource):
        until = resource.annotations.get(ROLLBACK_UNTIL)
        end = f"until {plain(until)} or " if until else ""
        yield "held", paint(f"#{plain(held)}, {end}until Git's content changes", "paused")
    for bad in Quarantine.parse(status.get("quarantine")).entries:
        commit = commit_of(bad)[:7]
        text = f"{plain(bad.hash)}{f' from {commit}' if commit else ''}: {plain(bad.reason)}"
        yield "quarantine", paint(text, "bad")


def _entry(entry: HistoryEntry) -> str:
    subject = f'"{plain(entry.subject, 60)}"' if entry.subject else ""
    return " ".join(filter(None, (f"#{entry.id}", commit_of(entry)[:7], plain(entry.config), subject)))


def _because(entry: HistoryEntry) -> str:
    return f" ({plain(entry.reason)})" if entry.reason else ""


def _variant(variant: Answer, arrow: str) -> str:
    parts = [plain(variant.get("variantName"))]
    for title, now, wanted in (
        ("instances", variant.get("currentInstanceCount"), variant.get("desiredInstanceCount")),
        ("weight", variant.get("currentWeight"), variant.get("desiredWeight")),
    ):
        if now is not None:
            moving = f" {arrow} {wanted:g}" if wanted is not None and wanted != now else ""
            parts.append(f"{title} {now:g}{moving}")
    return "   ".join(parts)
