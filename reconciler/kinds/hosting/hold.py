"""A roll-back that people hold against Git: whether one begins, goes on or is over. Pure; table-tested.

    rollback-to: <history id>   (rollback-until: <time>)   ──>  `status.rollout.hold`  ──>  over, told in `lastHold`

While it holds, the entry's content is what is wanted instead of Git's; spec is never written. It is over when Git's content is
another than when it began, at `rollback-until`, or when the annotation is taken off. A token acts once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from reconciler.core.conditions import moment, stamp
from reconciler.core.kind import Pass
from reconciler.core.resource import Annotation
from reconciler.core.rollout import Content

HOLD, LAST, REFUSED = "hold", "lastHold", "holdRefused"
KEYS = (HOLD, LAST, REFUSED)
"""Members of `status.rollout` that outlive a rollout."""
TOKEN = "rollbackTo"  # noqa: S105 - the name in status.handled
_OF_THE_ENTRY = ("revision", "commit", "author", "subject", "path")


@dataclass(frozen=True)
class Hold:
    id: int
    content: Content
    git: str
    """Hash of what Git wanted when it began; empty while a reference kept that from being known."""
    since: str
    until: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Where the content came from, copied: the entry may leave history before the hold is over."""

    @classmethod
    def parse(cls, record: Mapping[str, Any] | None) -> Self | None:
        if not record:
            return None
        content = Content(str(record["hash"]), str(record["endpointConfigName"]))
        told = {key: record[key] for key in _OF_THE_ENTRY if record.get(key)}
        git, since, until = (str(record.get(key) or "") for key in ("gitHash", "since", "until"))
        return cls(int(record["id"]), content, git, since, until, told)

    def record(self) -> dict[str, Any]:
        return {
            "id": self.id,
            **self.content.record(),
            **self.told,
            "gitHash": self.git,
            "since": self.since,
            "until": self.until,
        }

    @property
    def name(self) -> str:
        commit = str(self.told.get("commit") or self.told.get("revision") or "").rpartition(":")[2][:7]
        return f"#{self.id} ({commit})" if commit else f"#{self.id}"

    @property
    def says(self) -> str:
        until = f" until {self.until}" if self.until else ""
        return (
            f"{self.name} is held against Git{until}: {self.content.config} serves; it ends when Git's content changes"
            f"{', at that time' if self.until else ''} or when {Annotation.ROLLBACK_TO} is removed"
        )

    def left(self, now: datetime) -> timedelta | None:
        return moment(self.until) - now if self.until else None


@dataclass(frozen=True)
class Ask:
    """What people ask for by annotation."""

    to: str = ""
    until: str = ""
    new: bool = False
    """Whether `to` was not acted on yet."""

    @classmethod
    def of(cls, this: Pass) -> Self:
        said = this.resource.annotations
        to = said.get(Annotation.ROLLBACK_TO, "")
        acted_on = (this.past.get("handled") or {}).get(TOKEN)
        new = bool(to) and this.tokens.get(TOKEN) == to and acted_on != to
        return cls(to, said.get(Annotation.ROLLBACK_UNTIL, ""), new)


@dataclass(frozen=True)
class Known:
    """What status knows that may be held."""

    history: Sequence[Mapping[str, Any]]
    configs: Collection[str]
    """Names of the configurations that exist."""
    quarantined: Collection[str]
    """Hashes."""

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> Self:
        return cls(
            status.get("history") or (),
            {str(config["name"]) for config in status.get("configs") or () if config.get("arn")},
            {str(entry["hash"]) for entry in status.get("quarantine") or ()},
        )


@dataclass(frozen=True)
class Verdict:
    hold: Hold | None = None
    """What is held from here on."""
    begun: bool = False
    ended: str = ""
    """Why what was held before is held no more."""
    refused: str = ""
    """Why what is newly asked for is not held: nothing changes then."""


def verdict(this: Pass, records: Mapping[str, Any], git: str) -> Verdict:
    """`records` as in status, of this pass or the one before."""
    held = Hold.parse((records.get("rollout") or {}).get(HOLD))
    return weigh(held, Ask.of(this), Known.of(records), git, this.now)


def weigh(held: Hold | None, ask: Ask, known: Known, git: str, now: datetime) -> Verdict:
    """`git` is the hash of what Git wants now; empty: a reference is waited for, so nobody knows."""
    if ask.new:
        found = _asked_for(ask, known, git, now)
        if isinstance(found, str):
            return replace(
                _going_on(held, Ask(ask.to, held.until), known, git, now) if held else Verdict(), refused=found
            )
        return Verdict(found, begun=True, ended=f"{found.name} is held instead" if held else "")
    return _going_on(held, ask, known, git, now) if held else Verdict()


def _going_on(held: Hold, ask: Ask, known: Known, git: str, now: datetime) -> Verdict:
    until = _time(ask.until)
    if isinstance(until, datetime):
        held = replace(held, until=stamp(until))
    elif not ask.until:
        held = replace(held, until="")
    left = held.left(now)
    if not ask.to:
        return Verdict(ended=f"{Annotation.ROLLBACK_TO} was removed")
    if held.git and git and git != held.git:
        return Verdict(ended="Git's content changed")
    if left is not None and left <= timedelta(0):
        return Verdict(ended=f"it was to end at {held.until}")
    if why := _unfit(held.content, known):
        return Verdict(ended=why)
    return Verdict(replace(held, git=held.git or git))


def _asked_for(ask: Ask, known: Known, git: str, now: datetime) -> Hold | str:
    """The hold, or why there can be none."""
    entry = next((entry for entry in known.history if str(entry.get("id")) == ask.to.removeprefix("#")), None)
    until = _time(ask.until)
    if entry is None:
        return f"history has no entry {ask.to}"
    if entry.get("result") != "Succeeded":
        return f"#{entry['id']} never served ({entry.get('result') or 'it is under way'})"
    content = Content(str(entry["hash"]), str(entry["endpointConfigName"]))
    if why := _unfit(content, known):
        return f"#{entry['id']}: {why}"
    if ask.until and until is None:
        return f"{Annotation.ROLLBACK_UNTIL} is no time with a zone as in RFC 3339: {ask.until}"
    if until is not None and until <= now:
        return f"{Annotation.ROLLBACK_UNTIL} is over: {ask.until}"
    told = {key: entry[key] for key in _OF_THE_ENTRY if entry.get(key)}
    return Hold(int(entry["id"]), content, git, stamp(now), stamp(until) if until else "", told)


def _unfit(content: Content, known: Known) -> str:
    if content.hash in known.quarantined:
        return f"its content {content.hash} is in quarantine"
    return "" if content.config in known.configs else f"its configuration {content.config} is not kept any more"


def _time(text: str) -> datetime | None:
    try:
        found = moment(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def told(rollout: Mapping[str, Any], ask: Ask, verdict: Verdict, now: datetime) -> dict[str, Any]:
    """`status.rollout` with the verdict: what is held, what was held last, and what was asked for in vain."""
    held = Hold.parse(rollout.get(HOLD))
    after = {key: value for key, value in rollout.items() if key != HOLD}
    if verdict.hold:
        after[HOLD] = verdict.hold.record()
    if held and verdict.ended:
        last = {"id": held.id, "since": held.since, "until": held.until}
        after[LAST] = {**last, "endedAt": stamp(now), "reason": verdict.ended}
    if verdict.refused:
        after[REFUSED] = {"rollbackTo": ask.to, "message": verdict.refused}
    elif (after.get(REFUSED) or {}).get("rollbackTo") != ask.to or verdict.begun:
        after.pop(REFUSED, None)
    return after


def moves(this: Pass) -> bool:
    """Whether what is held is about to begin, or may be over, whatever Git says."""
    held, ask = Hold.parse((this.past.get("rollout") or {}).get(HOLD)), Ask.of(this)
    if ask.new or held is None:
        return ask.new
    until = _time(ask.until)
    return not ask.to or (until is not None and until <= this.now)
