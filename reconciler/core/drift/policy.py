"""What drift may lead to (D-7).

    found ──Correct──> being corrected ──seen to be gone──> Corrected, for an hour ──> InSync
      └── Warn, Ignore, or corrected three times within the hour (DriftFlapping): left as it is

A kind asks the pass's `Policy` what a difference in SageMaker means before it plans anything, and hands what it found, and
which of it its calls correct, to its `Decision`. What differs from Git, and what the sync reverted, comes as a `GitDrift`.
`core/drift/record.py` renders both into status. Paths are JSON Pointers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum

from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Difference
from reconciler.core.drift.edits import shown
from reconciler.core.drift.git_drift import GitDrift, Reverted, editor
from reconciler.core.pointers import within
from reconciler.core.records.drift import Correction, DriftRecord
from reconciler.core.resource import Annotation
from reconciler.core.values import Status

IN_SYNC = "InSync"
STANDS = "Drifted"
CORRECTED = "Corrected"
HELD = "Held"
UNKNOWN = "Unknown"

FLAPPING = "DriftFlapping"
EDITED = "EditedInCluster"
MODIFIED = "ExternallyModified"

SHOWN_FOR = timedelta(hours=1)
"""How long a correction stays in the Drift column, and the time in which so many of one path are enough."""
CORRECTIONS_MAX = 3


class DriftMode(StrEnum):
    """What happens to what is not as Git says."""

    CORRECT = "Correct"
    WARN = "Warn"
    IGNORE = "Ignore"

    @classmethod
    def read(cls, text: str | None, default: DriftMode) -> DriftMode:
        """Of an annotation: anything unknown counts as not said."""
        return next((mode for mode in cls if text is not None and mode.value.lower() == text.lower()), default)


class DriftVerdict(Enum):
    """What happens to one difference."""

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
    """Paths that were corrected too often lately."""
    frozen: str = ""
    """Why nothing is corrected for now, though the mode says so: whoever wrote it wants the freeze to be seen."""

    @classmethod
    def of(
        cls,
        mode: DriftMode,
        past: Status,
        now: datetime,
        *,
        written: bool = False,
        adopted: bool = False,
        ignored: Iterable[str] = (),
        frozen: str = "",
        reverted: Iterable[Reverted] = (),
    ) -> Policy:
        """`past` is the object's status. What was adopted is somebody's work: it is not changed unless that was written out."""
        frozen = frozen if mode is DriftMode.CORRECT else ""
        if frozen or (adopted and not written and mode is DriftMode.CORRECT):
            mode = DriftMode.WARN
        written = written and mode is DriftMode.CORRECT
        often = flapping(DriftRecord.parse(past.get("drift")), now, reverted)
        return cls(mode, written, tuple(ignored), often, frozen)

    def verdict(self, difference: Difference) -> DriftVerdict:
        """What this pass may do about a difference: the mode, unless the place is ignored, flaps, or needs `Correct` written out."""
        if self.mode is DriftMode.IGNORE or self.leaves(difference.path):
            return DriftVerdict.IGNORE
        allowed = self.mode is DriftMode.CORRECT and (self.written or not difference.careful) and not difference.stuck
        return DriftVerdict.CORRECT if allowed and difference.path not in self.flapping else DriftVerdict.REPORT

    def leaves(self, path: str) -> bool:
        """Whether somebody wrote that this place is of others."""
        return within(path, self.ignored)

    def sift(self, found: Iterable[Difference]) -> Sifted:
        """Without what is ignored."""
        kept = [(difference, self.verdict(difference)) for difference in found]
        return Sifted(
            tuple(difference for difference, verdict in kept if verdict is not DriftVerdict.IGNORE),
            tuple(difference for difference, verdict in kept if verdict is DriftVerdict.CORRECT),
        )


@dataclass(frozen=True)
class Sifted:
    """Differences that count, and those of them that are to be corrected."""

    stands: tuple[Difference, ...] = ()
    correct: tuple[Difference, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """For `Decision.corrects`."""
        return tuple(difference.path for difference in self.correct)


def recent(drift: DriftRecord, now: datetime, reverted: Iterable[Reverted] = ()) -> list[Correction]:
    """Each path that was corrected within the hour, each time: what `status.drift` remembers, and what it does not hold yet."""
    known = list(drift.recent)
    for put in reverted:
        if not put.counted_in(known):
            known += [Correction(path, stamp(put.at), put.edit) for path in put.paths]
    return [one for one in known if one.at and now - moment(one.at) < SHOWN_FOR]


def flapping(drift: DriftRecord, now: datetime, reverted: Iterable[Reverted] = ()) -> frozenset[str]:
    """Paths that were corrected three times within the hour."""
    return frozenset(rests(drift, now, reverted))


def rests(drift: DriftRecord, now: datetime, reverted: Iterable[Reverted] = ()) -> dict[str, timedelta]:
    """For how long each path that flaps is left alone."""
    times: dict[str, list[datetime]] = {}
    for one in recent(drift, now, reverted):
        times.setdefault(one.path, []).append(moment(one.at))
    often = {path: sorted(every) for path, every in times.items() if len(every) >= CORRECTIONS_MAX}
    return {path: SHOWN_FOR - (now - every[-CORRECTIONS_MAX]) for path, every in often.items()}


def not_acted_on(git: GitDrift, policy: Policy, sync: str, trouble: str) -> tuple[str, str]:
    """Reason and message of Ready while nothing of an edit is acted on, since Git never held it. `trouble` is what keeps the
    GitSync `sync` from reverting it, in its own words.
    """
    paths, who = [edit.path for edit in git.edits], editor(git.edits)
    what = f"edited in the cluster{f' by {who}' if who else ''}: {shown(paths)}; nothing of it is acted on"
    if not policy.flapping.isdisjoint(paths):
        why = f"reverted {CORRECTIONS_MAX} times within the hour and changed again, so it is left alone until that is over"
        return FLAPPING, f"{what}; {why}"
    if policy.frozen:
        return EDITED, f"{what}; {policy.frozen}: annotate {Annotation.DRIFT_MODE}=Warn to accept the edit meanwhile"
    return EDITED, f"{what}; {f'GitSync {sync} cannot revert it: {trouble}' if trouble else 'it is not reverted yet'}"
