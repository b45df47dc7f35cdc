"""The rollout of one endpoint, live: where it comes from, where it goes, how far it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.resource import Resource
from reconciler.kinds.hosting.declaration import serving_entry
from reconciler.plugins.sagemaker import health
from reconciler.plugins.sagemaker.health import ROLLBACK_UNTIL
from reconciler.plugins.sagemaker.paint import commit_of, plain, so_far, span, when
from reconciler.plugins.sagemaker.tree import TreeStyle


def lines(resource: Resource, how: TreeStyle) -> list[str]:
    rows = [*_rows(resource, how)]
    width = max((len(title) for title, _ in rows), default=0)
    return [f"{how.paint(title.ljust(width), 'dim')}   {text}" for title, text in rows]


def _rows(resource: Resource, how: TreeStyle) -> Iterator[tuple[str, str]]:
    status, rollout, paint = resource.status, resource.status.get("rollout") or {}, how.paint
    serving = serving_entry(status)
    if serving is not None:
        yield "serving", _entry(serving)
    newest = next(iter(status.get("history") or ()), None)
    under_way = newest is not None and not newest.get("result")
    if under_way and newest is not None:
        lasts = so_far(rollout.get("startedAt") or newest.get("startedAt"), how.now)
        for_ = f", {lasts}" if lasts else ""
        yield "rollout", paint(f"{rollout.get('phase') or 'under way'} to {_entry(newest)}{for_}", "busy")
        if rollout.get("stage"):
            yield "stage", plain(rollout["stage"])
        desired = rollout.get("desiredHash")
        if desired and desired != newest.get("hash"):
            yield "next", f"{plain(desired)} is queued; what lies between is skipped"
    elif newest is not None:
        took = _took(newest)
        yield "last", f"{_entry(newest)}: {plain(newest['result'])}{f' after {took}' if took else ''}{_because(newest)}"
    for variant in status.get("productionVariants") or ():
        yield "variant", _variant(variant, paint.arrow)
    if held := health.held(resource):
        until = resource.annotations.get(ROLLBACK_UNTIL)
        end = f"until {plain(until)} or " if until else ""
        yield "held", paint(f"#{plain(held)}, {end}until Git's content changes", "paused")
    for bad in status.get("quarantine") or ():
        commit = commit_of(bad)[:7]
        text = f"{plain(bad.get('hash'))}{f' from {commit}' if commit else ''}: {plain(bad.get('reason'))}"
        yield "quarantine", paint(text, "bad")


def _entry(entry: Mapping[str, Any]) -> str:
    commit, config = commit_of(entry)[:7], plain(entry.get("endpointConfigName"))
    subject = f'"{plain(entry["subject"], 60)}"' if entry.get("subject") else ""
    return " ".join(filter(None, (f"#{entry.get('id')}", commit, config, subject)))


def _took(entry: Mapping[str, Any]) -> str:
    begun, ended = when(entry.get("startedAt")), when(entry.get("finishedAt"))
    return span(ended - begun) if begun and ended else ""


def _because(entry: Mapping[str, Any]) -> str:
    return f" ({plain(entry['reason'])})" if entry.get("reason") else ""


def _variant(variant: Mapping[str, Any], arrow: str) -> str:
    parts = [plain(variant.get("variantName"))]
    for title, now, wanted in (
        ("instances", variant.get("currentInstanceCount"), variant.get("desiredInstanceCount")),
        ("weight", variant.get("currentWeight"), variant.get("desiredWeight")),
    ):
        if now is not None:
            moving = f" {arrow} {wanted:g}" if wanted is not None and wanted != now else ""
            parts.append(f"{title} {now:g}{moving}")
    return "   ".join(parts)
