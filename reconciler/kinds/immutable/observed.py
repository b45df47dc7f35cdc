"""What a pass over a Model or EndpointConfig looks at in SageMaker: what stands as recorded costs no request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.conditions import stamp
from reconciler.core.kind import Pass, View
from reconciler.core.ownership import Owner, judge
from reconciler.core.records.remote_object import ImmutableObject
from reconciler.core.values import Answer, JsonObject
from reconciler.kinds import awaited
from reconciler.kinds.immutable.immutable_type import ImmutableType
from reconciler.kinds.immutable.objects import desired_object, recorded_objects, reply_to
from reconciler.kinds.immutable.users import user_of
from reconciler.kinds.shared import resolved

__all__ = ["ImmutableObserved", "observe"]


@dataclass(frozen=True)
class ImmutableObserved:
    """All by name. A name that is no key was not looked at."""

    found: Mapping[str, JsonObject | None] = field(default_factory=dict)
    """Descriptions, or summaries of what stands as recorded; None: the service says it is not there."""
    owners: Mapping[str, Owner] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    """Who uses it; empty: nobody."""
    contents: Mapping[str, JsonObject] = field(default_factory=dict)
    """Descriptions of what may not be as the spec says."""
    lacks: tuple[str, ...] = ()
    """Models that the spec names and that are not there."""

    def misses(self, made: ImmutableObject) -> bool:
        """Whether it was looked for and is not there."""
        return made.name in self.found and self.found[made.name] is None

    def is_unused(self, made: ImmutableObject) -> bool:
        """Whether it was asked who uses it, and nobody does."""
        return self.users.get(made.name) == ""


def observe(kind: ImmutableType, view: View, this: Pass) -> ImmutableObserved:
    refs = resolved(this)
    desired = desired_object(kind, this, refs)
    found: dict[str, JsonObject | None] = {}
    owners: dict[str, Owner] = {}
    contents: dict[str, JsonObject] = {}
    users: dict[str, str] = {}
    for made in recorded_objects(kind, this, desired):
        name = made.name
        if reply_to(kind, this, kind.create, name) or reply_to(kind, this, kind.delete, name):
            continue
        if _stands(kind, view, this, made):
            found[name] = view.summary(kind.remote.name, name)
        elif _to_describe(kind, view, this, made):
            described = found[name] = view.describe(kind.remote.name, name, fresh=True)
            if described is not None and not _as_recorded(made, described):
                tags = view.tags(str(described[kind.remote.arn_key]))
                owners[name] = judge(this, name, tags, identity=made.hash)
                if made.arn or owners[name] is not Owner.US:
                    contents[name] = described  # else it is our own, whose create nobody saw answered
        if made.differs and name not in contents and (described := view.describe(kind.remote.name, name)):
            contents[name] = described
        gone = name in found and found[name] is None
        if not gone and (this.resource.deleting or _collecting(this, made, desired)):
            users[name] = user_of(kind, view, this, made)
    lacks = awaited.lacking(view, this, refs, kind.create, kind.needs)
    return ImmutableObserved(found, owners, users, contents, lacks)


def _stands(kind: ImmutableType, view: View, this: Pass, made: ImmutableObject) -> bool:
    """The sweep's summary is enough for what stands as recorded; anything else is described, and its owner asked for."""
    if not made.arn or this.doubt or this.resource.deleting:
        return False
    summary = view.summary(kind.remote.name, made.name)
    return summary is not None and _as_recorded(made, summary)


def _to_describe(kind: ImmutableType, view: View, this: Pass, made: ImmutableObject) -> bool:
    remote = kind.remote.name
    known_gone = this.past.get("status") == "Deleted" and made.name == this.past.get(kind.status_name)
    close = not made.arn or this.doubt or this.resource.deleting or known_gone
    return close or view.summary(remote, made.name) is not None or view.unlisted(remote, made.name)


def _as_recorded(made: ImmutableObject, found: Answer) -> bool:
    return bool(made.arn) and made.creation_time in ("", stamp(found["CreationTime"]))


def _collecting(this: Pass, made: ImmutableObject, desired: ImmutableObject | None) -> bool:
    return bool(this.past.get("collecting")) and desired is not None and made.hash != desired.hash
