"""What the observer's List pages show of a settled deployment: whether what it serves from is there, and what scales it.

At rest it costs nothing but the pages. A page proves no absence: what is not listed is confirmed by one Describe, unless status
says so already; and after a restart, when nothing is listed yet, what status says holds until a page says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from reconciler.core.conditions import stamp
from reconciler.core.decision import Difference
from reconciler.core.drift.policy import DriftMode, DriftVerdict
from reconciler.core.errors import CredentialsError, DeniedError, ReconcileError, ThrottledError, TransientError
from reconciler.core.kind import Pass, View
from reconciler.core.ownership import Owner, judge, may_adopt
from reconciler.core.records.drift import DriftRecord
from reconciler.core.records.remote_object import Part, read_lag
from reconciler.core.values import Answer
from reconciler.kinds.hosting import drift
from reconciler.kinds.hosting.desired import DesiredHosting
from reconciler.kinds.hosting.drift import ServedPart
from reconciler.kinds.hosting.observed import scaling
from reconciler.kinds.hosting.records import HostingRecords


@dataclass(frozen=True)
class PartObserved:
    """A model or configuration that serves, as far as it is known."""

    created: str = ""
    """CreationTime; empty where it is gone."""
    replaced: bool = False
    """Another one than we made, and somebody else's."""

    @property
    def gone(self) -> bool:
        return not self.created

    def seen_of(self, record: Part) -> Part:
        """The record with what was seen. The CreationTime of what somebody else made is not taken for ours."""
        if self.gone:
            return record
        created = record.creation_time if self.replaced else self.created
        return replace(record, replaced=self.replaced, creation_time=created)


@dataclass(frozen=True)
class PartsObserved:
    """A name that is no key is not known about."""

    parts: Mapping[str, PartObserved] = field(default_factory=dict)
    scaled: Mapping[str, bool | None] = field(default_factory=dict)
    """By variant whose count is not its content's, or was not: whether it is a scalable target. None: nobody can say."""
    unknown: str = ""
    """Why drift of something cannot be seen."""


def look(view: View, this: Pass, records: HostingRecords, want: DesiredHosting, endpoint: Answer) -> PartsObserved:
    """`want` is what serves, and the endpoint is not changing."""
    unknown: list[str] = []
    seen: dict[str, PartObserved] = {}
    parts = drift.served_parts(want, records)
    for part in () if this.drift.mode is DriftMode.IGNORE else parts:
        try:
            found = _part(view, this, part)
        except DeniedError as error:
            unknown.append(str(error))
        else:
            seen |= {part.record.name: found} if found else {}
    scaled: dict[str, bool | None] = {}
    for variant, difference in _to_ask_about(this, records, want, endpoint).items():
        remembered = variant in records.endpoint.scaled
        try:
            scaled[variant] = _is_scaled(
                view, this, str(endpoint["EndpointName"]), variant, difference, remembered=remembered
            )
        except (DeniedError, TransientError) as error:
            if isinstance(error, (ThrottledError, CredentialsError)):
                raise
            # A network without Application Auto Scaling, or no right to ask.
            scaled[variant] = None
            unknown.append(str(error))
    return PartsObserved(seen, scaled, "; ".join(dict.fromkeys(unknown)))


def young_for(this: Pass, part: Part) -> timedelta | None:
    """How much longer one look is not enough to say that it is gone."""
    return read_lag(part.requested_at, this.now) or None


# --- models and configurations ----------------------------------------------------------------------------------------


def _part(view: View, this: Pass, part: ServedPart) -> PartObserved | None:
    item, remote = part.record, part.remote
    if not item.exists:
        return None
    summary = _summary(view, remote, item.name)
    if summary is not None:
        return _identified(view, this, part, summary)
    known = _in_status(this, part.gone)
    listed_not = view.unlisted(remote, item.name)
    if not (known or listed_not) or young_for(this, item):
        return None
    if known and this.drift.verdict(part.gone) is not DriftVerdict.CORRECT:
        return PartObserved()
    described = view.describe(remote, item.name, fresh=True)
    return PartObserved() if described is None else _identified(view, this, part, described)


def _identified(view: View, this: Pass, part: ServedPart, found: Answer) -> PartObserved:
    """Another CreationTime is another object: it is ours only if its tags say so, or if it may be adopted."""
    item, created = part.record, stamp(found["CreationTime"])
    if item.creation_time in ("", created):
        return PartObserved(created)
    if item.replaced and not may_adopt(this):
        return PartObserved(created, replaced=True)
    owner = judge(this, item.name, view.tags(str(found[f"{part.remote}Arn"])), identity=item.hash)
    owned = owner is Owner.US or (may_adopt(this) and owner in (Owner.NOBODY, Owner.UNKNOWN))
    return PartObserved(created, replaced=not owned)


def _summary(view: View, remote: str, name: str) -> Answer | None:
    """A List that does not work for a while says nothing, and keeps nothing else from going on."""
    try:
        return view.summary(remote, name)
    except DeniedError:
        raise
    except ReconcileError:
        return None


def _in_status(this: Pass, difference: Difference) -> bool:
    """Whether status reports it already."""
    reported = DriftRecord.parse(this.past.get("drift")).differences
    return any(one.place == (difference.plane, difference.path) for one in reported)


# --- scalable targets -------------------------------------------------------------------------------------------------


def _to_ask_about(
    this: Pass, records: HostingRecords, want: DesiredHosting, endpoint: Answer
) -> dict[str, Difference | None]:
    """Variants whose count is off and would be reported or set, and those that were scaled when it was asked last."""
    ignored = this.drift.mode is DriftMode.IGNORE
    found: dict[str, Difference | None] = dict.fromkeys(() if ignored else records.endpoint.scaled)
    for off in drift.unbalanced(this, want, endpoint):
        reported = off.is_count and this.drift.verdict(off.difference) is not DriftVerdict.IGNORE
        if reported or drift.is_resize(this.drift, off, records.rollout.resize):
            found[off.variant] = off.difference
    return found


def _is_scaled(
    view: View, this: Pass, endpoint: str, variant: str, difference: Difference | None, *, remembered: bool
) -> bool:
    """`remembered`: it was when it was asked last."""
    name = scaling.instances_of(endpoint, variant).target
    if name in scaling.owned(this, endpoint) or _summary(view, "ScalableTarget", name) is not None:
        return True
    if remembered and not view.unlisted("ScalableTarget", name):
        return True
    if not remembered and difference is not None and _in_status(this, difference):
        return False
    return view.describe("ScalableTarget", name) is not None
