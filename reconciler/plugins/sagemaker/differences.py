"""`diff` and `drift`: where Git, the resource and SageMaker differ, as status.drift tells. Pure.

Values that may hold secrets are digests in status already; nothing here could show them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from reconciler.core.conditions import DRIFTED, find
from reconciler.core.resource import Key, Resource
from reconciler.core.schema import SECRET_MEMBERS
from reconciler.plugins.sagemaker.kinds import SYNC
from reconciler.plugins.sagemaker.paint import Cell, Paint, ago, plain, when

_SIDES = {"git": ("git", "cluster"), "sagemaker": ("resource", "sagemaker")}


@dataclass(frozen=True)
class Drifted:
    """One object that is not as it should be."""

    key: Key
    mode: str
    state: str
    since: str
    differences: tuple[Mapping[str, Any], ...]
    message: str = ""
    """What the condition says, when status lists no difference."""

    def document(self) -> dict[str, Any]:
        told = {
            **self.key._asdict(),
            "mode": self.mode,
            "state": self.state,
            "since": self.since,
            "differences": [dict(one) for one in self.differences],
            "message": self.message,
        }
        return {key: value for key, value in told.items() if value not in ("", [])}


def drifted(resources: Iterable[Resource]) -> list[Drifted]:
    return [found for resource in resources if (found := of(resource)) is not None]


def of(resource: Resource) -> Drifted | None:
    """None for what is as it should be, put back meanwhile included."""
    drift = resource.status.get("drift") or {}
    condition = find(resource.status.get("conditions") or (), DRIFTED)
    stands = condition is not None and condition.get("status") == "True"
    differences = tuple(drift.get("differences") or ())
    if not stands and drift.get("state") != "Drifted" and not differences:
        return None
    mode = drift.get("mode") or (resource.spec.get("drift") or {}).get("mode") or ""
    if resource.kind == SYNC:
        mode = mode or "Correct"
    since = str(drift.get("since") or (condition or {}).get("lastTransitionTime") or "")
    message = "" if differences else str((condition or {}).get("message") or "")
    return Drifted(resource.key, str(mode), str(drift.get("state") or "Drifted"), since, differences, message)


def table(
    found: Sequence[Drifted], paint: Paint, now: datetime, *, namespaced: bool = False, wide: bool = False
) -> list[str]:
    head = ["OBJECT", "PLANE", "PATH", "DESIRED", "LIVE", "MODE", "SINCE"]
    most = 400 if wide else 40
    rows: list[list[str | Cell]] = []
    for one in found:
        name = _named(one.key, namespaced=namespaced)
        for each in one.differences:
            since = ago(each.get("since") or one.since, now)
            sides = [Cell(plain(each.get("desired"), most), "good"), Cell(plain(each.get("live"), most), "bad")]
            rows.append([name, str(each.get("plane", "")), plain(each.get("path")), *sides, one.mode, since])
        if not one.differences:
            said = Cell(plain(one.message, most), "bad")
            rows.append([name, "git" if one.key.kind == SYNC else "", "", "", said, one.mode, ago(one.since, now)])
    return paint.table(head, rows)


def unified(found: Sequence[Drifted], paint: Paint, *, namespaced: bool = False) -> list[str]:
    """Every plane of every object as a hunk for each path."""
    lines: list[str] = []
    for one in found:
        name = _named(one.key, namespaced=namespaced)
        for plane in dict.fromkeys(str(each.get("plane", "")) for each in one.differences):
            wanted, live = _SIDES.get(plane, ("wanted", "live"))
            lines += [paint(f"--- {name}  ({wanted})", "strong"), paint(f"+++ {name}  ({live})", "strong")]
            for each in one.differences:
                if each.get("plane") == plane:
                    lines.append(paint(f"@@ {plain(each.get('path'))} @@", "paused"))
                    lines += [paint(f"-{line}", "bad") for line in _value(each.get("desired"))]
                    lines += [paint(f"+{line}", "good") for line in _value(each.get("live"))]
        if not one.differences:
            lines += [paint(f"--- {name}", "strong"), f"  {plain(one.message)}"]
    return lines


def _value(value: Any) -> list[str]:
    return [] if value in (None, "") else [plain(value)]


def _named(key: Key, *, namespaced: bool) -> str:
    return f"{key.kind}/{f'{key.namespace}/' if namespaced else ''}{key.name}"


def corrected(resources: Iterable[Resource], now: datetime) -> list[str]:
    """What was put back of late, for people: no difference stands any more, and somebody may wonder."""
    lines = []
    for resource in resources:
        told = (resource.status.get("drift") or {}).get("corrected") or {}
        at = when(told.get("at"))
        if at is not None and (now - at).total_seconds() < 3600:
            paths = ", ".join(plain(path) for path in told.get("paths") or ())
            lines.append(f"{_named(resource.key, namespaced=False)}: put back {ago(told['at'], now)}: {paths}")
    return lines


def git_spec(text: str, resource: Resource) -> Any:
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


def masked(spec: Any, *, secret: bool = False) -> Any:
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


def as_yaml(spec: Any) -> str:
    """For a diff: keys in order, secrets as digests."""
    return yaml.safe_dump(masked(spec), sort_keys=True, allow_unicode=True)
