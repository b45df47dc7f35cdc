"""What drift may lead to, and how `status.drift` remembers it (design 4, "Drift, two planes").

    found ──Correct──> being put right ──seen to be gone──> Corrected, for an hour ──> InSync
      └── Warn, Ignore, or put right three times within the hour (DriftFlapping): left as it is

A kind asks the pass's `Policy` what a difference means before it plans anything, and hands what it found, and which of it
its calls put right, to its `Decision`. `record` renders that into status; nothing else writes there. Paths are JSON Pointers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any

from reconciler.core.conditions import DRIFTED, Condition, clip, find, moment, stamp
from reconciler.core.decision import Decision, Difference, Notice, Phase
from reconciler.core.edits import shown
from reconciler.core.shapes import Shape, is_secret, mask

IN_SYNC = "InSync"
STANDS = "Drifted"
CORRECTED = "Corrected"
HELD = "Held"
UNKNOWN = "Unknown"

FLAPPING = "DriftFlapping"
EDITED = "EditedInCluster"
_MODIFIED = "ExternallyModified"

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
    ) -> Policy:
        """`past` is the object's status. What was adopted is somebody's work: it is not changed unless that was written out."""
        if adopted and not written and mode is DriftMode.CORRECT:
            mode = DriftMode.WARN
        written = written and mode is DriftMode.CORRECT
        return cls(mode, written, tuple(ignored), flapping(past.get("drift") or {}, now))

    def verdict(self, difference: Difference) -> Verdict:
        if self.mode is DriftMode.IGNORE or any(_within(difference.path, path) for path in self.ignored):
            return Verdict.IGNORE
        allowed = self.mode is DriftMode.CORRECT and (self.written or not difference.careful) and not difference.stuck
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


def _recent(drift: Mapping[str, Any], now: datetime) -> list[Mapping[str, Any]]:
    known = (drift.get("corrected") or {}).get("recent") or ()
    return [one for one in known if now - moment(str(one["at"])) < SHOWN_FOR]


def flapping(drift: Mapping[str, Any], now: datetime) -> frozenset[str]:
    """Paths that `status.drift` says were put right three times within the hour."""
    often = Counter(str(one["path"]) for one in _recent(drift, now))
    return frozenset(path for path, times in often.items() if times >= CORRECTIONS_MAX)


# --- what status keeps ------------------------------------------------------------------------------------------------


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
    put_back: Sequence[str] = (),
) -> dict[str, Any]:
    """`status.drift` after a decision; `past` is `status.drift` before it. `put_back` are edits in the cluster that the sync
    has put back since.

    A decision that waits or acts and found nothing says nothing about drift: what was known stands until something settles.
    """
    told = _told(past, decision, policy, shape, now)
    corrected = _corrected(past.get("corrected") or {}, (*told.fixed, *put_back), now)
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


def _told(past: Mapping[str, Any], decision: Decision, policy: Policy, shape: Shape, now: datetime) -> _Told:
    before, correcting = past.get("differences") or (), tuple(past.get("correcting") or ())
    if not _looked(decision):
        return _Told(before, tuple(decision.corrects) or correcting)
    found = [_rendered(one, before, shape, now) for one in decision.differences or ()]
    known = {one["path"] for one in found}
    kept = [one for one in before if one["path"] not in known and _stands_unseen(one, decision, policy)]
    standing = [*found, *kept]
    paths = {one["path"] for one in standing}
    going_on = tuple(path for path in correcting if path in {one["path"] for one in kept})
    return _Told(standing, (*decision.corrects, *going_on), tuple(path for path in correcting if path not in paths))


def _stands_unseen(one: Mapping[str, Any], decision: Decision, policy: Policy) -> bool:
    path = str(one["path"])
    counts = policy.verdict(Difference(one["plane"], path, "", "")) is not Verdict.IGNORE
    return counts and one["plane"] == "sagemaker" and any(_within(path, pointer) for pointer in decision.unseen)


def _looked(decision: Decision) -> bool:
    """Whether this decision knows how things stand."""
    if decision.differences is None:
        return False
    return bool(decision.differences) or decision.phase not in (Phase.ACTING, Phase.WAITING)


def _rendered(
    difference: Difference, before: Iterable[Mapping[str, Any]], shape: Shape, now: datetime
) -> dict[str, Any]:
    known = next((one for one in before if (one["plane"], one["path"]) == (difference.plane, difference.path)), {})
    secret = is_secret(shape, difference.path.removeprefix("/spec"))
    desired, live = (mask(text) if secret and text else text for text in (difference.desired, difference.live))
    return {
        "plane": difference.plane,
        "path": difference.path,
        "desired": clip(desired, _VALUE),
        "live": clip(live, _VALUE),
        "since": known.get("since") or stamp(now),
    }


def _corrected(past: Mapping[str, Any], paths: Sequence[str], now: datetime) -> dict[str, Any] | None:
    """What was put right: the last time and its paths, how often ever, and each path of the last hour."""
    if not paths:
        return dict(past) or None
    recent = [*_recent({"corrected": past}, now), *({"path": path, "at": stamp(now)} for path in paths)]
    return {
        "at": stamp(now),
        "count": int(past.get("count") or 0) + 1,
        "paths": sorted(set(paths))[:_LISTED],
        "recent": recent[-_RECENT:],
    }


def condition(
    drift: Mapping[str, Any], decision: Decision, policy: Policy, past: Iterable[Mapping[str, Any]]
) -> Condition | None:
    """`Drifted`, abnormal-true; `drift` is the record just made, `past` the conditions before."""
    standing = drift.get("differences") or ()
    if not standing:
        return None
    paths = [str(one["path"]) for one in standing]
    known = find(past, DRIFTED)
    if not _looked(decision) and known is not None:
        return Condition(DRIFTED, "True", str(known["reason"]), str(known["message"]))
    found = decision.differences or ()
    message = f"{len(standing)} differ: {shown(iter(paths))}"
    if not found and known is not None and str(known["message"]).startswith(message):
        return Condition(DRIFTED, "True", str(known["reason"]), str(known["message"]))  # nothing new is known of them
    if any(path in policy.flapping for path in paths):
        why = f"put right {CORRECTIONS_MAX} times within the hour and changed again; left as it is for now"
        return Condition(DRIFTED, "True", FLAPPING, f"{message}; {why}")
    stuck = "; ".join(dict.fromkeys(one.stuck for one in found if one.stuck))
    reason = found[0].reason if found else _MODIFIED if standing[0]["plane"] == "sagemaker" else EDITED
    return Condition(DRIFTED, "True", reason, f"{message}; {stuck}" if stuck else message)


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
    return f"{one['path']}{values if one.get('live') or one.get('desired') else ''}"


def look_again(drift: Mapping[str, Any], now: datetime) -> timedelta | None:
    """When `record` would say something else though nothing moved: a correction is an hour old, a path may be put right again."""
    times = [moment(str(one["at"])) for one in _recent(drift, now)] if drift.get("state") == STANDS else []
    if drift.get("state") == CORRECTED:
        times = [moment(str(drift["corrected"]["at"]))]
    return min((SHOWN_FOR - (now - at) for at in times), default=None)
