"""What a HostingDeployment's status remembers: what we made in SageMaker, what was rolled out, what must not come back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from reconciler.core.conditions import clip, stamp
from reconciler.core.kind import Pass
from reconciler.core.rollout import Content
from reconciler.core.status import source

_REASON_LIMIT = 256
_QUARANTINE_KEPT = 50
_DEFAULT_LIMIT = 10


@dataclass(frozen=True)
class Made:
    """A Model or EndpointConfig of ours. Without an ARN the create was about to go out and nobody knows more."""

    name: str
    hash: str
    arn: str = ""
    models: tuple[str, ...] = ()
    """Of a configuration: the models its variants name."""
    taken: bool = False
    """Made by the archived operator for resources of its own: used, never deleted from here."""
    requested: str = ""
    """When the create went out."""
    created: str = ""
    """CreationTime, once a List told it: another one is another thing."""
    replaced: bool = False
    """Deleted, and made anew under its name by somebody else: used, never deleted from here."""

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Made:
        return cls(
            str(record["name"]),
            str(record.get("hash") or ""),
            str(record.get("arn") or ""),
            tuple(record.get("models") or ()),
            bool(record.get("taken")),
            str(record.get("requestedAt") or ""),
            str(record.get("creationTime") or ""),
            bool(record.get("replaced")),
        )

    def record(self) -> dict[str, Any]:
        known = {
            "name": self.name,
            "hash": self.hash,
            "arn": self.arn,
            "models": list(self.models),
            "requestedAt": self.requested,
            "creationTime": self.created,
        }
        return known | {key: True for key in ("taken", "replaced") if getattr(self, key)}

    @property
    def deletable(self) -> bool:
        return not (self.taken or self.replaced)


NOTHING = Made("", "")


@dataclass(frozen=True)
class PartSeen:
    """A model or configuration that serves, as far as it is known."""

    created: str = ""
    """CreationTime; empty where it is gone."""
    replaced: bool = False
    """Another one than we made, and somebody else's."""

    @property
    def gone(self) -> bool:
        return not self.created


def made(records: Iterable[Mapping[str, Any]] | None) -> dict[str, Made]:
    return {item.name: item for item in map(Made.parse, records or ())}


def quarantined(past: Mapping[str, Any], content: Content) -> Mapping[str, Any] | None:
    return next((entry for entry in past.get("quarantine") or () if entry["hash"] == content.hash), None)


def quarantine(past: Mapping[str, Any], content: Content, reason: str, this: Pass) -> list[dict[str, Any]]:
    """Keyed by content, bounded on its own, independent of history."""
    others = [dict(entry) for entry in past.get("quarantine") or () if entry["hash"] != content.hash]
    # What it was asked for by; the object may be at a newer commit by now.
    asked = next((entry for entry in past.get("history") or () if entry["hash"] == content.hash), None)
    told = asked or source(this.resource) or {}
    entry = {
        **content.record(),
        "revision": told.get("revision"),
        "commit": told.get("commit"),
        "since": stamp(this.now),
        "reason": clip(reason, _REASON_LIMIT),
    }
    return [entry, *others][:_QUARANTINE_KEPT]


def opened(
    past: Mapping[str, Any],
    content: Content,
    this: Pass,
    initiated_by: str,
    limit: int,
    *,
    commit: Mapping[str, Any] | None = None,
    rollback_of: int | None = None,
) -> list[dict[str, Any]]:
    """History with an entry for a rollout that starts now. Ids only grow; what was still open is superseded, unless it
    is the same content that was asked for before and not taken on. `commit` tells where content came from that is not the
    object's own.
    """
    newest = next(iter(past.get("history") or ()), None)
    if newest and newest["hash"] == content.hash and not newest.get("result"):
        return [dict(entry) for entry in past["history"]]
    history = closed(past, this.now, "Superseded", "newer content was asked for")
    number = max((int(entry.get("id", 0)) for entry in history), default=0) + 1
    good = [entry for entry in history if entry.get("result") == "Succeeded"]
    # Of what served last it would not be a way back: that is a repair.
    rollback_of = rollback_of or next((entry["id"] for entry in good[1:] if entry["hash"] == content.hash), None)
    commit = source(this.resource) or {} if commit is None else commit
    entry = {
        "id": number,
        **content.record(),
        "revision": commit.get("revision"),
        "commit": commit.get("commit"),
        "author": commit.get("author"),
        "subject": commit.get("subject"),
        "path": commit.get("path"),
        "initiatedBy": initiated_by,
        "startedAt": stamp(this.now),
        "rollbackOf": rollback_of,
    }
    return trimmed([entry, *history], limit)


def trimmed(history: Sequence[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """The newest entries; the one that serves is among them however many failed since."""
    kept = list(history[:limit])
    serving = next((entry for entry in history if entry.get("result") == "Succeeded"), None)
    return kept if serving is None or serving in kept else [*kept[:-1], serving]


def closed(past: Mapping[str, Any], now: datetime, result: str, reason: str = "") -> list[dict[str, Any]]:
    """History with the newest entry ended, when it was open."""
    history = [dict(entry) for entry in past.get("history") or ()]
    if history and not history[0].get("result"):
        history[0] |= {"result": result, "reason": clip(reason, _REASON_LIMIT), "finishedAt": stamp(now)}
    return history


def is_behind(past: Mapping[str, Any], content: Content, serving: Content) -> bool:
    """Whether content served before what serves now did: to go there is a way back. What serves unknown to history was
    brought there by others.
    """
    first, now = (_first_served(past, one) for one in (content, serving))
    return first is not None and (now is None or first < now)


def _first_served(past: Mapping[str, Any], content: Content) -> int | None:
    served = [e for e in past.get("history") or () if e["hash"] == content.hash and e.get("result") == "Succeeded"]
    return min((int(entry.get("rollbackOf") or entry["id"]) for entry in served), default=None)


def limit_of(spec: Mapping[str, Any]) -> int:
    return int(spec.get("revisionHistoryLimit") or _DEFAULT_LIMIT)


def garbage(
    configs: Mapping[str, Made],
    models: Mapping[str, Made],
    status: Mapping[str, Any],
    live_config: str,
    desired: Content,
) -> tuple[list[Made], list[Made]]:
    """Configurations and models that nothing serves, wants or may roll back to.

    A quarantined configuration is kept: its tag is the mirror of the quarantine.
    """
    hashes = {entry["hash"] for entry in status.get("history") or () if entry.get("result") in (None, "Succeeded")}
    hashes |= {entry["hash"] for entry in status.get("quarantine") or ()} | {desired.hash}
    kept = {name for name, config in configs.items() if config.hash in hashes or name == live_config}
    needed = {model for name in kept for model in configs[name].models}
    return (
        [config for name, config in configs.items() if name not in kept and config.deletable],
        [model for name, model in models.items() if name not in needed and model.deletable],
    )


def with_arns(known: dict[str, Made], found: Mapping[str, str]) -> dict[str, Made]:
    return {name: replace(item, arn=found.get(name, item.arn)) for name, item in known.items()}


def with_looks(known: Mapping[str, Made], looks: Mapping[str, PartSeen]) -> dict[str, Made]:
    """With what a look tells of what is there. The CreationTime of what somebody else made is not taken for ours."""
    return {name: _looked_at(item, looks.get(name)) for name, item in known.items()}


def _looked_at(item: Made, look: PartSeen | None) -> Made:
    if look is None or look.gone:
        return item
    return replace(item, replaced=look.replaced, created=item.created if look.replaced else look.created)


def without(known: Mapping[str, Made], gone: Sequence[str]) -> dict[str, Made]:
    return {name: item for name, item in known.items() if name not in gone}
