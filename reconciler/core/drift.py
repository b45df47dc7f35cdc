"""What drift may lead to, and how `status.drift` remembers it (design 4, "Drift, two planes").

    found ──Correct──> being put right ──seen to be gone──> Corrected, for an hour ──> InSync
      └── Warn, Ignore, or put right three times within the hour (DriftFlapping): left as it is

A kind asks the pass's `Policy` what a difference in SageMaker means before it plans anything, and hands what it found, and
which of it its calls put right, to its `Decision`. What differs from Git, and what the sync put back, comes as a `GitPlane`.
`record` renders both into status; nothing else writes there. Paths are JSON Pointers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any

from reconciler.core.conditions import DRIFTED, Condition, clip, find, moment, stamp
from reconciler.core.decision import Decision, Difference, Notice, Phase
from reconciler.core.edits import shown
from reconciler.core.gitplane import GitPlane, PutBack, editor
from reconciler.core.resource import Annotation
from reconciler.core.shapes import Shape, masked_at

IN_SYNC = "InSync"
STANDS = "Drifted"
CORRECTED = "Corrected"
HELD = "Held"
UNKNOWN = "Unknown"

FLAPPING = "DriftFlapping"
EDITED = "EditedInCluster"
MODIFIED = "ExternallyModified"
DELETED = "ExternallyDeleted"

SHOWN_FOR = timedelta(hours=1)
"""How long a correction stays in the Drift column, and the time in which so many of one path are enough."""
CORRECTIONS_MAX = 3
_LISTED = 20
_RECENT = 60
_VALUE = 200


class DriftMode(StrEnum):
    """What happens to what is not as Git says."""

    CORRECT = "Correct"
    WARN = "Warn"
    IGNORE = "Ignore"

    @classmethod
    def read(cls, text: str | None, default: DriftMode) -> DriftMode:
        """Of an annotation: anything unknown counts as not said."""
        return next((mode for mode in cls if text is not None and mode.value.lower() == text.lower()), default)


class Verdict(Enum):
    CORRECT = "Correct"
    REPORT = "Report"
    IGNORE = "Ignore"


@dataclass(frozen=True)
class Policy:
    """What one pass may do about drift."""

    mode: DriftMode = DriftMode.WARN
    written: bool = False
    """Whether somebody wrote Correct out: without that, capacities and weights are only reported."""
    ignored: tuple[str, ...] = ()
    """JSON Pointers that are nobody's business, with all that is below them."""
    flapping: frozenset[str] = frozenset()
    """Paths that were put right too often lately."""
    frozen: str = ""
    """Why nothing is put right for now, though the mode says so: whoever wrote it wants the freeze to be seen."""

    @classmethod
    def of(
        cls,
        mode: DriftMode,
        past: Mapping[str, Any],
        now: datetime,
        *,
        written: bool = False,
        adopted: bool = False,
        ignored: Iterable[str] = (),
        frozen: str = "",
        put_back: Iterable[PutBack] = (),
    ) -> Policy:
        """`past` is the object's status. What was adopted is somebody's work: it is not changed unless that was written out."""
        frozen = frozen if mode is DriftMode.CORRECT else ""
        if frozen or (adopted and not written and mode is DriftMode.CORRECT):
            mode = DriftMode.WARN
        written = written and mode is DriftMode.CORRECT
        often = flapping(past.get("drift") or {}, now, put_back)
        return cls(mode, written, tuple(ignored), often, frozen)

    def verdict(self, difference: Difference) -> Verdict:
        if self.mode is DriftMode.IGNORE or any(_within(difference.path, path) for path in self.ignored):
            return Verdict.IGNORE
        allowed = self.mode is DriftMode.CORRECT and (self.written or not difference.careful)
        return Verdict.CORRECT if allowed and difference.path not in self.flapping else Verdict.REPORT

    def sift(self, found: Iterable[Difference]) -> Sifted:
        kept = [(difference, self.verdict(difference)) for difference in found]
        return Sifted(
            tuple(difference for difference, verdict in kept if verdict is not Verdict.IGNORE),
            tuple(difference for difference, verdict in kept if verdict is Verdict.CORRECT),
        )


@dataclass(frozen=True)
class Sifted:
    """Differences that count, and those of them that are to be put right."""

    stands: tuple[Difference, ...] = ()
    correct: tuple[Difference, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """For `Decision.corrects`."""
        return tuple(difference.path for difference in self.correct)


def _within(path: str, pointer: str) -> bool:
    return path == pointer or path.startswith(pointer.rstrip("/") + "/")


def recent(drift: Mapping[str, Any], now: datetime, put_back: Iterable[PutBack] = ()) -> list[Mapping[str, Any]]:
    """Each path that was put right within the hour, each time: what `status.drift` remembers, and what it is not told yet."""
    known = [*((drift.get("corrected") or {}).get("recent") or ())]
    for put in put_back:
        if not put.told_by(known):
            known += [{"path": path, "at": stamp(put.at), "edit": put.edit} for path in put.paths]
    return [one for one in known if now - moment(str(one["at"])) < SHOWN_FOR]


def flapping(drift: Mapping[str, Any], now: datetime, put_back: Iterable[PutBack] = ()) -> frozenset[str]:
    """Paths that were put right three times within the hour."""
    return frozenset(rests(drift, now, put_back))


def rests(drift: Mapping[str, Any], now: datetime, put_back: Iterable[PutBack] = ()) -> dict[str, timedelta]:
    """For how long each path that flaps is left alone."""
    times: dict[str, list[datetime]] = {}
    for one in recent(drift, now, put_back):
        times.setdefault(str(one["path"]), []).append(moment(str(one["at"])))
    often = {path: sorted(every) for path, every in times.items() if len(every) >= CORRECTIONS_MAX}
    return {path: SHOWN_FOR - (now - every[-CORRECTIONS_MAX]) for path, every in often.items()}


def held(git: GitPlane, policy: Policy, sync: str, trouble: str) -> tuple[str, str]:
    """Reason and message of Ready while nothing of an edit is acted on, since Git never held it. `trouble` is what keeps the
    GitSync `sync` from putting it back, in its own words.
    """
    paths, who = [edit.path for edit in git.edits], editor(git.edits)
    what = f"edited in the cluster{f' by {who}' if who else ''}: {shown(paths)}; nothing of it is acted on"
    if not policy.flapping.isdisjoint(paths):
        why = f"put back {CORRECTIONS_MAX} times within the hour and changed again, so it is left alone until that is over"
        return FLAPPING, f"{what}; {why}"
    if policy.frozen:
        return EDITED, f"{what}; {policy.frozen}: annotate {Annotation.DRIFT_MODE}=Warn to have it acted on"
    return EDITED, f"{what}; {f'GitSync {sync} cannot put it back: {trouble}' if trouble else 'it is not put back yet'}"


# --- what status keeps ------------------------------------------------------------------------------------------------

_NOTHING = GitPlane()


@dataclass(frozen=True)
class _Told:
    """The differences as status lists them, and which of them are being put right."""

    standing: Sequence[Mapping[str, Any]] = ()
    correcting: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()


def record(
    past: Mapping[str, Any],
    decision: Decision,
    policy: Policy,
    *,
    shape: Shape,
    now: datetime,
    git: GitPlane = _NOTHING,
) -> dict[str, Any]:
    """`status.drift` after a decision; `past` is `status.drift` before it.

    A decision that waits or acts and found nothing says nothing about drift in SageMaker: what was known stands until
    something settles. What differs from Git is known in every pass.
    """
    told = _told(past, decision, git.edits, shape, now)
    corrected = _corrected(past, told.fixed, git.put_back, now)
    if told.standing:
        state = STANDS
    elif decision.held:
        state = HELD
    elif decision.unknown_drift:
        state = UNKNOWN
    elif corrected and now - moment(corrected["at"]) < SHOWN_FOR:
        state = CORRECTED
    else:
        state = IN_SYNC
    since = str(past.get("since") or "") if past.get("state") == STANDS else ""
    return {
        "mode": str(policy.mode),
        "state": state,
        "since": (since or stamp(now)) if state == STANDS else None,
        "differences": list(told.standing[:_LISTED]),
        "correcting": list(told.correcting),
        "corrected": corrected,
    }


def _told(
    past: Mapping[str, Any], decision: Decision, edits: Sequence[Difference], shape: Shape, now: datetime
) -> _Told:
    before, correcting = past.get("differences") or (), tuple(past.get("correcting") or ())
    edited = [_rendered(one, before, shape, now) for one in edits]
    if not _looked(decision):
        known = [one for one in before if one["plane"] != "git"]
        return _Told([*edited, *known], tuple(decision.corrects) or correcting)
    standing = [_rendered(one, before, shape, now) for one in decision.differences or ()]
    paths = {one["path"] for one in standing}
    return _Told([*edited, *standing], decision.corrects, tuple(path for path in correcting if path not in paths))


def _looked(decision: Decision) -> bool:
    """Whether this decision knows how things stand."""
    if decision.differences is None:
        return False
    return bool(decision.differences) or decision.phase not in (Phase.ACTING, Phase.WAITING)


def _rendered(
    difference: Difference, before: Iterable[Mapping[str, Any]], shape: Shape, now: datetime
) -> dict[str, Any]:
    known = next((one for one in before if (one["plane"], one["path"]) == (difference.plane, difference.path)), {})
    return {
        "plane": difference.plane,
        "path": difference.path,
        "desired": _value(shape, difference.path, difference.desired),
        "live": _value(shape, difference.path, difference.live),
        "by": clip(difference.by, _VALUE),
        "at": difference.at,
        "since": known.get("since") or stamp(now),
    }


def _value(shape: Shape, path: str, value: Any) -> str:
    """What status may hold of a value, and so whatever is told from it."""
    if value is None or value == "":
        return ""
    if path.startswith("/spec"):
        value = masked_at(shape, path.removeprefix("/spec"), value)
    return clip(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), _VALUE)


def _corrected(
    drift: Mapping[str, Any], fixed: Sequence[str], put_back: Sequence[PutBack], now: datetime
) -> dict[str, Any] | None:
    """What was put right: the last time and its paths, how often ever, and each path of the last hour."""
    past = drift.get("corrected") or {}
    news = [put for put in put_back if not put.told_by(past.get("recent") or ())]
    if not fixed and not news:
        return dict(past) or None
    at = now if fixed else max(put.at for put in news)
    every = [*recent(drift, now, news), *({"path": path, "at": stamp(now)} for path in fixed)]
    return {
        "at": stamp(at),
        "count": int(past.get("count") or 0) + len(news) + bool(fixed),
        "paths": sorted({*fixed, *(path for put in news for path in put.paths)})[:_LISTED],
        "by": clip(news[-1].by, _VALUE) if news else "",
        "recent": every[-_RECENT:],
    }


def condition(
    drift: Mapping[str, Any],
    decision: Decision,
    policy: Policy,
    past: Iterable[Mapping[str, Any]],
    git: GitPlane = _NOTHING,
) -> Condition | None:
    """`Drifted`, abnormal-true; `drift` is the record just made, `past` the conditions before."""
    standing = drift.get("differences") or ()
    if not standing:
        return None
    paths = [str(one["path"]) for one in standing]
    message = f"{len(standing)} differ: {shown(paths)}"
    if who := editor(git.edits):
        message += f"; edited by {who}"
    if policy.frozen:
        message += f"; nothing is put right: {policy.frozen}"
    if any(path in policy.flapping for path in paths):
        why = f"put right {CORRECTIONS_MAX} times within the hour and changed again; left as it is for now"
        return Condition(DRIFTED, "True", FLAPPING, f"{message}; {why}")
    if git.edits:
        return Condition(DRIFTED, "True", EDITED, message)
    if _looked(decision):
        return Condition(DRIFTED, "True", next(iter(decision.differences or ())).reason, message)
    known = (find(past, DRIFTED) or {}).get("reason")
    return Condition(DRIFTED, "True", DELETED if known == DELETED else MODIFIED, message)


def notices(past: Mapping[str, Any], drift: Mapping[str, Any], reason: str) -> Iterator[Notice]:
    """Events on change only: a path that was not told yet, and what was put right. `past` is `status.drift` before, `reason`
    that of the Drifted condition, if any.
    """
    known = {(one["plane"], one["path"]) for one in past.get("differences") or ()}
    new = [one for one in drift.get("differences") or () if (one["plane"], one["path"]) not in known]
    if new and reason:
        places = "; ".join(_place(one) for one in new[:3])
        more = f" and {len(new) - 3} more" if len(new) > 3 else ""
        yield Notice("Warning", reason, f"{places}{more} (mode {drift['mode']})")
    corrected, before = drift.get("corrected") or {}, past.get("corrected") or {}
    if corrected.get("count") != before.get("count") and any(
        path in (past.get("correcting") or ()) for path in corrected.get("paths") or ()
    ):
        yield Notice("Normal", "DriftCorrected", f"put right: {shown(iter(corrected['paths']))}")


def _place(one: Mapping[str, Any]) -> str:
    values = f": {one.get('live') or 'nothing'} instead of {one.get('desired') or 'nothing'}"
    who = f" (by {one['by']})" if one.get("by") else ""
    return f"{one['path']}{values if one.get('live') or one.get('desired') else ''}{who}"


def look_again(drift: Mapping[str, Any], now: datetime) -> timedelta | None:
    """When `record` would say something else though nothing moved: a correction is an hour old, a path may be put right again."""
    if drift.get("state") == CORRECTED:
        return SHOWN_FOR - (now - moment(str(drift["corrected"]["at"])))
    return min(rests(drift, now).values(), default=None) if drift.get("state") == STANDS else None
