"""How `status.drift` remembers drift, and what is reported of it: the record, the Drifted condition, Events.

Called by `core/status.py` and the worker; nothing else writes there. What may be a secret is masked here, so whatever is shown
from status is fit to leave the cluster.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.core.conditions import DRIFTED, READY, Condition, clip, find, moment, stamp
from reconciler.core.decision import Decision, Difference, Notice, Phase
from reconciler.core.drift.edits import shown
from reconciler.core.drift.git_drift import GitDrift, Reverted, editor
from reconciler.core.drift.policy import (
    CORRECTED,
    CORRECTIONS_MAX,
    EDITED,
    FLAPPING,
    HELD,
    IN_SYNC,
    MODIFIED,
    SHOWN_FOR,
    STANDS,
    UNKNOWN,
    DriftMode,
    DriftVerdict,
    Policy,
    recent,
    rests,
)
from reconciler.core.pointers import within
from reconciler.core.records.drift import Correction, Corrections, DriftDifference, DriftRecord
from reconciler.core.resource import Annotation
from reconciler.core.schema.shapes import Shape, masked_at
from reconciler.core.values import Json, JsonObject, Status

VERIFIED_EVERY = timedelta(days=1)
"""How old `lastVerified` may grow where nothing else is written: a metric tells the age at any time, status costs a write."""
_LISTED = 20
_RECENT = 60
_VALUE = 200
_NOTHING = GitDrift()
_CAREFUL = f"weights and counts are corrected where Correct is written out: spec.drift.mode, or annotate {Annotation.DRIFT_MODE}: Correct"


@dataclass(frozen=True)
class _Listing:
    """The differences as status lists them, and which of them are being corrected."""

    standing: tuple[DriftDifference, ...] = ()
    correcting: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()


def record(
    past: DriftRecord,
    decision: Decision,
    policy: Policy,
    *,
    shape: Shape,
    now: datetime,
    git: GitDrift = _NOTHING,
    made: bool = True,
) -> DriftRecord:
    """`status.drift` after a decision; `past` is the record before it. `made`: whether anything of the object is in SageMaker,
    or was: what was never made is not in sync with anything, and has no state.

    A decision that waits or acts and found nothing says nothing about drift in SageMaker: what was known stands until
    something settles. What differs from Git is known in every pass. A correction counts once what it brought is in place: where
    the object is stalled and nothing of it serves, it came to nothing.
    """
    listed = _listed(past, decision, git.edits, policy, shape=shape, now=now)
    corrected = _corrected(past, listed.fixed, git.reverted, now)
    if listed.standing:
        state = STANDS
    elif decision.held:
        state = HELD
    elif decision.unknown_drift:
        state = UNKNOWN
    elif corrected and corrected.at and now - moment(corrected.at) < SHOWN_FOR:
        state = CORRECTED
    else:
        state = IN_SYNC if made else ""
    since = past.since if past.state == STANDS else ""
    return DriftRecord(
        str(policy.mode),
        state,
        (since or stamp(now)) if state == STANDS else "",
        listed.standing[:_LISTED],
        listed.correcting,
        corrected,
        past.last_verified,
    )


def _listed(
    past: DriftRecord,
    decision: Decision,
    edits: Sequence[Difference],
    policy: Policy,
    *,
    shape: Shape,
    now: datetime,
) -> _Listing:
    before = past.differences
    edited = tuple(_rendered(one, before, shape, now) for one in edits)
    if not _looked(decision):
        known = tuple(one for one in before if one.plane != "git")
        return _Listing((*edited, *known), decision.corrects or past.correcting)
    found = tuple(_rendered(one, before, shape, now) for one in decision.differences or ())
    seen = {one.path for one in found}
    kept = tuple(one for one in before if one.path not in seen and _stands_unseen(one, decision, policy))
    paths = {one.path for one in (*found, *kept)}
    going_on = tuple(path for path in past.correcting if path in {one.path for one in kept})
    in_vain = decision.phase is Phase.STALLED and not decision.healthy
    fixed = () if in_vain else tuple(path for path in past.correcting if path not in paths)
    return _Listing((*edited, *found, *kept), (*decision.corrects, *going_on), fixed)


def _stands_unseen(one: DriftDifference, decision: Decision, policy: Policy) -> bool:
    if one.plane != "sagemaker" or not within(one.path, decision.unseen):
        return False
    return policy.verdict(Difference("sagemaker", one.path, "", "")) is not DriftVerdict.IGNORE


def _looked(decision: Decision) -> bool:
    """Whether this decision knows how things stand."""
    if decision.differences is None:
        return False
    return bool(decision.differences) or decision.phase not in (Phase.ACTING, Phase.WAITING)


def _rendered(
    difference: Difference, before: Iterable[DriftDifference], shape: Shape, now: datetime
) -> DriftDifference:
    known = next((one for one in before if one.place == (difference.plane, difference.path)), DriftDifference())
    return DriftDifference(
        difference.plane,
        difference.path,
        _value(shape, difference.path, difference.desired),
        _value(shape, difference.path, difference.live),
        clip(difference.by, _VALUE),
        difference.at,
        known.since or stamp(now),
    )


def _value(shape: Shape, path: str, value: Json) -> str:
    """What status may hold of a value, and so whatever is shown of it."""
    if value is None or value == "":
        return ""
    if path.startswith("/spec"):
        value = masked_at(shape, path.removeprefix("/spec"), value)
    return clip(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), _VALUE)


def _corrected(
    drift: DriftRecord, fixed: Sequence[str], reverted: Sequence[Reverted], now: datetime
) -> Corrections | None:
    """What was corrected: the last time and its paths, how often ever, and each path of the last hour."""
    new = [put for put in reverted if not put.counted_in(drift.recent)]
    if not fixed and not new:
        return drift.corrected
    every = (*recent(drift, now, new), *(Correction(path, stamp(now)) for path in fixed))
    return Corrections(
        stamp(now if fixed else max(put.at for put in new)),
        (drift.corrected.count if drift.corrected else 0) + len(new) + bool(fixed),
        tuple(sorted({*fixed, *(path for put in new for path in put.paths)})[:_LISTED]),
        clip(new[-1].by, _VALUE) if new else "",
        every[-_RECENT:],
    )


def verified(status: Status, past: Status, at: datetime | None) -> dict[str, Json]:
    """`status` with `drift.lastVerified`, which moves with whatever else moves and else once a day. `past` is the status
    before; `at` is when SageMaker was seen last, None where nothing is watched.
    """
    ready = find(status["conditions"], READY) or {}
    since = status["drift"].get("lastVerified") or ready["lastTransitionTime"]
    if at is None or (status == past and at - moment(str(since)) < VERIFIED_EVERY):
        return dict(status)
    return {**status, "drift": {**status["drift"], "lastVerified": stamp(at)}}


def condition(
    drift: DriftRecord,
    decision: Decision,
    policy: Policy,
    past: Iterable[JsonObject],
    git: GitDrift = _NOTHING,
) -> Condition | None:
    """`Drifted`, abnormal-true; `drift` is the record just made, `past` the conditions before."""
    if not drift.differences:
        return None
    paths = [one.path for one in drift.differences]
    known, found = find(past, DRIFTED) or {}, decision.differences or ()
    count = "1 path differs" if len(paths) == 1 else f"{len(paths)} paths differ"
    message = f"{count}: {shown(paths)}"
    if not (git.edits or found) and known.get("reason") != EDITED and str(known.get("message")).startswith(message):
        return Condition(DRIFTED, "True", str(known["reason"]), str(known["message"]))  # nothing new is known of them
    reason = EDITED if git.edits else found[0].reason if found else MODIFIED
    more = [f"edited by {who}"] if (who := editor(git.edits)) else []
    if policy.frozen:
        more.append(f"nothing is corrected: {policy.frozen}")
    if any(path in policy.flapping for path in paths):
        reason = FLAPPING
        more.append(f"corrected {CORRECTIONS_MAX} times within the hour and changed again; left as it is for now")
    else:
        more += dict.fromkeys(one.stuck for one in found if one.stuck)
    if policy.mode is DriftMode.CORRECT and not policy.written and any(one.careful for one in found):
        more.append(_CAREFUL)
    return Condition(DRIFTED, "True", reason, "; ".join((message, *more)))


def notices(past: DriftRecord, drift: DriftRecord, reason: str) -> Iterator[Notice]:
    """Events on change only: a path that was not reported yet, and what was corrected. `past` is the record before, `reason`
    that of the Drifted condition, if any.
    """
    known = {one.place for one in past.differences}
    new = [one for one in drift.differences if one.place not in known]
    if new and reason:
        places = "; ".join(map(_place, new[:3]))
        more = f" and {len(new) - 3} more" if len(new) > 3 else ""
        yield Notice("Warning", reason, f"{places}{more} (mode {drift.mode})")
    before = past.corrected.count if past.corrected else 0
    corrected = drift.corrected
    if corrected and corrected.count != before and any(path in past.correcting for path in corrected.paths):
        yield Notice("Normal", "DriftCorrected", f"corrected: {shown(corrected.paths)}")


def _place(one: DriftDifference) -> str:
    values = f": {one.live or 'nothing'} instead of {one.desired or 'nothing'}" if one.live or one.desired else ""
    who = f" (by {one.by})" if one.by else ""
    return f"{one.path}{values}{who}"


def look_again(drift: DriftRecord, now: datetime) -> timedelta | None:
    """When `record` would say something else though nothing moved: a correction is an hour old, a path may be corrected again."""
    if drift.state == CORRECTED and drift.corrected and drift.corrected.at:
        return SHOWN_FOR - (now - moment(drift.corrected.at))
    return min(rests(drift, now).values(), default=None) if drift.state == STANDS else None
