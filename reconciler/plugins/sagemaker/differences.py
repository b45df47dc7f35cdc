"""`diff` and `drift`: where Git, the resource and SageMaker differ, as status.drift shows. Pure.

Values that may hold secrets are digests in status already; nothing here could show them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import yaml

from reconciler.core.conditions import READY, find
from reconciler.core.drift.policy import SHOWN_FOR, UNKNOWN
from reconciler.core.records.rollout import HoldRecord, RolloutRecord
from reconciler.core.resource import Key, Resource
from reconciler.core.schema.declaration import SECRET_MEMBERS
from reconciler.core.values import Json, JsonObject
from reconciler.plugins.sagemaker.health import Health, look
from reconciler.plugins.sagemaker.kinds import HOSTING, SYNC
from reconciler.plugins.sagemaker.paint import Cell, Paint, ago, plain, when

_NOT_WHOLE = "the service may not read all of it in SageMaker; its log names the right that it lacks"
_READ = frozenset(
    {
        "Suspended",
        "PartiallyApplied",
        "AccessDenied",
        "EmptyRender",
        "PruneNeedsApproval",
        "TooManyObjects",
    }
)
"""Reasons why a GitSync is not Ready although it has read Git (`core/sync/status.py`)."""
_SIDES = {"git": ("git", "cluster"), "sagemaker": ("resource", "sagemaker")}


@dataclass(frozen=True)
class Drifted:
    """One object that is not as it should be."""

    key: Key
    drift: JsonObject

    @property
    def differences(self) -> Sequence[JsonObject]:
        return self.drift.get("differences") or ()

    def document(self) -> dict[str, Json]:
        return {**self.key._asdict(), **_chosen(self.drift, "mode", "state", "since", "differences")}


@dataclass(frozen=True)
class Corrected:
    """One object of which something was corrected within the hour."""

    key: Key
    corrected: JsonObject

    def document(self) -> dict[str, Json]:
        return {**self.key._asdict(), **_chosen(self.corrected, "at", "count", "paths", "by")}


@dataclass(frozen=True)
class Unknown:
    """One object of which nobody can say that nothing drifted."""

    key: Key
    reason: str

    def document(self) -> dict[str, Json]:
        return {**self.key._asdict(), "reason": self.reason}


@dataclass(frozen=True)
class Held:
    """An endpoint that people keep on an earlier rollout: what serves is not what Git says, on purpose."""

    key: Key
    hold: HoldRecord

    def document(self) -> dict[str, Json]:
        hold = self.hold
        known = {"commit": hold.source.commit, "since": hold.since, "until": hold.until}
        return {**self.key._asdict(), "id": hold.id, **{key: value for key, value in known.items() if value}}


def held(resources: Iterable[Resource]) -> list[Held]:
    found = ((one.key, RolloutRecord.parse(one.status.get("rollout")).hold) for one in resources if one.kind == HOSTING)
    return [Held(key, hold) for key, hold in found if hold]


def held_lines(found: Sequence[Held], now: datetime) -> list[str]:
    lines = []
    for one in found:
        until = f"until {plain(one.hold.until)} or " if one.hold.until else ""
        since = f", since {ago(one.hold.since, now)}" if one.hold.since else ""
        how = f"{until}until Git's content changes; end it: kubectl sagemaker rollback {one.key.name} --end"
        lines.append(f"  {_named(one.key, namespaced=True)}: {plain(one.hold.title)} is held against Git{since}, {how}")
    return lines


def _chosen(corrected: JsonObject, *keys: str) -> dict[str, Json]:
    return {key: corrected[key] for key in keys if corrected.get(key)}


def drifted(resources: Iterable[Resource]) -> list[Drifted]:
    """A GitSync counts what its objects report; whatever differs is in their own status."""
    found = (Drifted(one.key, one.status.get("drift") or {}) for one in resources)
    return [one for one in found if one.differences]


def unknown(resources: Iterable[Resource]) -> list[Unknown]:
    """What was not looked at, or not whole; and syncs that do not know what Git says now."""
    found = ((one, _why_unknown(one)) for one in resources)
    return [Unknown(one.key, why) for one, why in found if why]


def _why_unknown(resource: Resource) -> str:
    seen = look(resource)
    if seen.health is Health.UNKNOWN:
        return seen.message
    if resource.kind == SYNC:
        ready = find(resource.status.get("conditions") or (), READY) or {}
        unread = ready.get("status") == "False" and seen.reason not in _READ
        return f"{seen.reason}: {seen.message}" if unread else ""
    return _NOT_WHOLE if (resource.status.get("drift") or {}).get("state") == UNKNOWN else ""


def corrected(resources: Iterable[Resource], now: datetime) -> list[Corrected]:
    """What was corrected of late: no difference stands any more, and somebody may wonder."""
    found = []
    for resource in resources:
        latest = (resource.status.get("drift") or {}).get("corrected") or {}
        at = when(latest.get("at"))
        if at is not None and now - at < SHOWN_FOR:
            found.append(Corrected(resource.key, latest))
    return found


def table(
    found: Sequence[Drifted], paint: Paint, now: datetime, *, namespaced: bool = False, wide: bool = False
) -> list[str]:
    head = ["OBJECT", "PLANE", "PATH", "DESIRED", "LIVE", "SINCE", "BY", "MODE"]
    most = 400 if wide else 40
    rows: list[list[str | Cell]] = []
    for one in found:
        name = _named(one.key, namespaced=namespaced)
        for each in one.differences:
            since, by = ago(each.get("since") or one.drift.get("since"), now), plain(each.get("by"), most)
            sides = [Cell(plain(each.get("desired"), most), "good"), Cell(plain(each.get("live"), most), "bad")]
            rows.append(
                [name, plain(each.get("plane")), plain(each.get("path")), *sides, since, by, _mode(one.drift, each)]
            )
    return paint.table(head, rows)


def _mode(drift: JsonObject, difference: JsonObject) -> str:
    """What happens about it. In SageMaker not all is corrected in mode Correct: a job is never run again for drift, and counts and
    weights are left where the mode is only the default.
    """
    mode = plain(drift.get("mode"))
    reported = difference.get("plane") == "sagemaker" and difference.get("path") not in (drift.get("correcting") or ())
    return "Warn" if mode == "Correct" and reported else mode


def corrected_table(found: Sequence[Corrected], paint: Paint, now: datetime, *, namespaced: bool = False) -> list[str]:
    rows: list[list[str | Cell]] = []
    for one in found:
        latest = one.corrected
        paths = ", ".join(plain(path) for path in latest.get("paths") or ())
        name, at = _named(one.key, namespaced=namespaced), ago(latest["at"], now)
        rows.append([name, paths, at, str(latest.get("count", "")), plain(latest.get("by"), 40)])
    return paint.table(["OBJECT", "CORRECTED", "WHEN", "TIMES", "BY"], rows)


def unknown_lines(found: Sequence[Unknown]) -> list[str]:
    return [f"  {_named(one.key, namespaced=True)}: {plain(one.reason)}" for one in found]


def unified(found: Sequence[Drifted], paint: Paint, *, namespaced: bool = False) -> list[str]:
    """Drift in Git, then in SageMaker, of every object: a hunk for each path."""
    lines: list[str] = []
    for one in found:
        name = _named(one.key, namespaced=namespaced)
        for where in dict.fromkeys(str(each.get("plane", "")) for each in one.differences):
            wanted, live = _SIDES.get(where, ("wanted", "live"))
            lines += [paint(f"--- {name}  ({wanted})", "strong"), paint(f"+++ {name}  ({live})", "strong")]
            for each in one.differences:
                if each.get("plane") == where:
                    lines.append(paint(f"@@ {plain(each.get('path'))} @@", "paused"))
                    lines += [paint(f"-{line}", "bad") for line in _value(each.get("desired"))]
                    lines += [paint(f"+{line}", "good") for line in _value(each.get("live"))]
    return lines


def _value(value: Json) -> list[str]:
    return [] if value in (None, "") else [plain(value)]


def _named(key: Key, *, namespaced: bool) -> str:
    return f"{key.kind}/{f'{key.namespace}/' if namespaced else ''}{key.name}"


def git_spec(text: str, resource: Resource) -> Json:
    """The spec that a file states for an object, or None; what kustomize or substitution would make of it is not known."""
    try:
        documents = list(yaml.safe_load_all(text))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    for document in documents:
        metadata = document.get("metadata") if isinstance(document, dict) else None
        if (
            isinstance(metadata, dict)
            and document.get("kind") == resource.kind
            and metadata.get("name") == resource.name
        ):
            return document.get("spec")
    return None


_SECRET = frozenset(name.lower() for name in SECRET_MEMBERS)


def masked(spec: Json, *, secret: bool = False) -> Json:
    """The spec with digests for values that may be secret: what is printed ends up in the logs of a CI."""
    if isinstance(spec, Mapping):
        named = secret and {"name", "value"} >= set(spec)
        return {
            key: value if named and key == "name" else masked(value, secret=secret or str(key).lower() in _SECRET)
            for key, value in spec.items()
        }
    if isinstance(spec, list):
        return [masked(one, secret=secret) for one in spec]
    return f"sha256:{hashlib.sha256(str(spec).encode('utf-8', 'replace')).hexdigest()[:8]}" if secret else spec


def as_yaml(spec: Json) -> str:
    """For a diff: keys in order, secrets as digests."""
    return yaml.safe_dump(masked(spec), sort_keys=True, allow_unicode=True)
