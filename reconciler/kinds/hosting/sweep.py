"""What the observer's List pages tell about a settled deployment: whether what it serves from is there, and what scales it.

At rest it costs nothing but the pages. A page proves no absence: what is not listed is confirmed by one Describe, unless it was
told before; and after a restart, when nothing is listed yet, what status tells holds until a page says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from reconciler.core.aws.remote import REMOTES
from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Difference, Pace, Watch
from reconciler.core.drift.policy import DriftMode, DriftVerdict
from reconciler.core.errors import CredentialsError, DeniedError, ReconcileError, ThrottledError, TransientError
from reconciler.core.kind import Pass, View
from reconciler.core.ownership import Owner, judge, may_adopt
from reconciler.kinds.hosting import drift, scaling
from reconciler.kinds.hosting.content import Wanted
from reconciler.kinds.hosting.drift import Part
from reconciler.kinds.hosting.records import Made, PartSeen, made

_YOUNG = timedelta(seconds=60)
"""Younger things may be missing from a read that came too early (design 4, "Reading SageMaker")."""


@dataclass(frozen=True)
class Sweep:
    """A name that is no key is not known about."""

    parts: Mapping[str, PartSeen] = field(default_factory=dict)
    scaled: Mapping[str, bool | None] = field(default_factory=dict)
    """By variant whose count is not its content's, or was not: whether it is a scalable target. None: nobody can say."""
    unknown: str = ""
    """Why drift of something cannot be seen."""


def look(view: View, this: Pass, want: Wanted, endpoint: Mapping[str, Any]) -> Sweep:
    """`want` is what serves, and the endpoint is not changing."""
    unknown: list[str] = []
    seen: dict[str, PartSeen] = {}
    parts = drift.parts(want, made(this.past.get("configs")), made(this.past.get("models")))
    for part in () if this.drift.mode is DriftMode.IGNORE else parts:
        try:
            found = _part(view, this, part)
        except DeniedError as error:
            unknown.append(str(error))
        else:
            seen |= {part.made.name: found} if found else {}
    scaled: dict[str, bool | None] = {}
    for variant, difference in _to_ask_about(this, want, endpoint).items():
        try:
            scaled[variant] = _is_scaled(view, this, str(endpoint["EndpointName"]), variant, difference)
        except (DeniedError, TransientError) as error:
            if isinstance(error, (ThrottledError, CredentialsError)):
                raise
            # A network without Application Auto Scaling, or no right to ask.
            scaled[variant] = None
            unknown.append(str(error))
    return Sweep(seen, scaled, "; ".join(dict.fromkeys(unknown)))


def watches(this: Pass, parts: tuple[Part, ...], endpoint: str, variants: Iterable[str]) -> list[Watch]:
    if this.drift.mode is DriftMode.IGNORE:
        return []
    found = [Watch(part.remote, part.made.name, Pace.SLOW) for part in parts if part.made.arn]
    return found + [
        Watch("ScalableTarget", scaling.instances_of(endpoint, variant).target, Pace.SLOW) for variant in variants
    ]


def young_for(this: Pass, item: Made) -> timedelta | None:
    """How much longer one look is not enough to say that it is gone."""
    left = _YOUNG - (this.now - moment(item.requested)) if item.requested else timedelta(0)
    return left if left > timedelta(0) else None


# --- models and configurations ----------------------------------------------------------------------------------------


def _part(view: View, this: Pass, part: Part) -> PartSeen | None:
    item, remote = part.made, REMOTES[part.remote]
    if not item.arn:
        return None
    summary = _summary(view, remote.name, item.name)
    if summary is not None:
        return _identified(view, this, part, summary)
    known = _known(this, part.gone)
    listed_not = view.unlisted(remote.name, item.name)
    if not (known or listed_not) or young_for(this, item):
        return None
    if known and this.drift.verdict(part.gone) is not DriftVerdict.CORRECT:
        return PartSeen()
    described = view.describe(remote.name, item.name, fresh=True)
    return PartSeen() if described is None else _identified(view, this, part, described)


def _identified(view: View, this: Pass, part: Part, found: Mapping[str, Any]) -> PartSeen:
    """Another CreationTime is another thing: it is ours only if its tags say so, or if it may be adopted."""
    item, created = part.made, stamp(found["CreationTime"])
    if item.created in ("", created):
        return PartSeen(created)
    if item.replaced and not may_adopt(this):
        return PartSeen(created, replaced=True)
    owner = judge(this, item.name, view.tags(str(found[REMOTES[part.remote].arn_key])), identity=item.hash)
    ours = owner is Owner.US or (may_adopt(this) and owner in (Owner.NOBODY, Owner.UNKNOWN))
    return PartSeen(created, replaced=not ours)


def _summary(view: View, remote: str, name: str) -> Mapping[str, Any] | None:
    """A List that does not work for a while says nothing, and keeps nothing else from going on."""
    try:
        return view.summary(remote, name)
    except DeniedError:
        raise
    except ReconcileError:
        return None


def _known(this: Pass, difference: Difference) -> bool:
    """Whether status tells of it."""
    told = (this.past.get("drift") or {}).get("differences") or ()
    return any((one["plane"], one["path"]) == (difference.plane, difference.path) for one in told)


# --- scalable targets -------------------------------------------------------------------------------------------------


def _to_ask_about(this: Pass, want: Wanted, endpoint: Mapping[str, Any]) -> dict[str, Difference | None]:
    """Variants whose count is off and would be told or set, and those that were scaled when it was asked last."""
    ignored = this.drift.mode is DriftMode.IGNORE
    remembered = () if ignored else (this.past.get("endpoint") or {}).get("scaled") or ()
    found: dict[str, Difference | None] = dict.fromkeys(map(str, remembered))
    for off in drift.unbalanced(this, want, endpoint):
        told = off.is_count and this.drift.verdict(off.difference) is not DriftVerdict.IGNORE
        if told or drift.is_unset(this, off):
            found[off.variant] = off.difference
    return found


def _is_scaled(view: View, this: Pass, endpoint: str, variant: str, difference: Difference | None) -> bool:
    name = scaling.instances_of(endpoint, variant).target
    if name in scaling.owned(this, endpoint) or _summary(view, "ScalableTarget", name) is not None:
        return True
    remembered = variant in ((this.past.get("endpoint") or {}).get("scaled") or ())
    if remembered and not view.unlisted("ScalableTarget", name):
        return True
    if not remembered and difference is not None and _known(this, difference):
        return False
    return view.describe("ScalableTarget", name) is not None
