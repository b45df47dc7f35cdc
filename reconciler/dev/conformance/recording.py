"""Every call of a check with its answer, and everything it made, so that it can be taken away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.dev.conformance.account import Account, AccountPlace, Answer, ServiceRefusal
from reconciler.dev.conformance.check import BeliefCheck

_MADE = ("Create", "RegisterScalableTarget", "PutObject", "PutMetricAlarm")
_NOBODY = "123456789012"


class Made(NamedTuple):
    operation: str
    params: Mapping[str, Any]


class RecordingPlace:
    """Another place, and what was said there."""

    def __init__(self, place: AccountPlace) -> None:
        self._place = place
        self.calls: list[Answer] = []
        self.made: list[Made] = []
        """Before it is sent: an answer that is lost leaves something behind, too."""

    def send(self, service: str, operation: str, params: Mapping[str, Any]) -> Answer:
        entry: Answer = {"service": service, "operation": operation, "params": dict(params)}
        self.calls.append(entry)
        if operation.startswith(_MADE):
            self.made.append(Made(operation, params))
        try:
            entry["answer"] = self._place.send(service, operation, params)
        except ServiceRefusal as refusal:
            entry["error"] = {"code": refusal.code, "message": refusal.message, "status": refusal.status}
            raise
        answer: Answer = entry["answer"]
        return answer

    def pause(self, seconds: float) -> None:
        self._place.pause(seconds)

    def missing(self, *globs: str) -> None:
        self._place.missing(*globs)


def write(
    directory: Path, account: Account, check: BeliefCheck, result: str, *, calls: list[Answer], kept: Mapping[str, str]
) -> Path:
    """One transcript; `kept` is what the check began with. The account's number is replaced, as it says whose it was."""
    where = {name: getattr(account, name) for name in ("id", "region", "role", "bucket", "image", "prefix")}
    document = {"check": check.name, "rows": check.rows, "result": result, "account": where, "kept": dict(kept)}
    text = json.dumps({**document, "calls": calls}, indent=1, default=str, ensure_ascii=False)
    file = directory / f"{check.name}.json"
    file.write_text(text.replace(account.id, _NOBODY) + "\n", encoding="utf-8")
    return file


def read(file: Path) -> Answer:
    document: Answer = json.loads(file.read_text(encoding="utf-8"))
    return document
