"""The one life of what SageMaker never changes: a Model or an EndpointConfig is made once per content, under a name made of it.

    missing ──intent──> asked for ──created, or found ours──> Created ──content changes──> another one is made beside it
       ^                                                         │                             │
       └── deleted behind our back: by drift mode ───────────────┤      the old one goes when nothing uses it any more
                                                                 │
           made anew behind our back, or adopted: taken only when it is ours or may be; other content is reported

What is not as the spec says is never put right: nothing changes it, and whatever serves from it would lose it.

SageMaker deletes a model that a configuration names, and a configuration that an endpoint serves from, without a word
(facts of its API, section 2, "In use?"); so before anything is deleted, reads tell that nothing uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from reconciler.core import references
from reconciler.core.aws.remote import REMOTES, Remote
from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Call, Decision, Difference, Notice, Pace, Phase, Watch
from reconciler.core.drift import projection
from reconciler.core.drift.edits import shown
from reconciler.core.drift.policy import DriftMode
from reconciler.core.errors import ReconcileError
from reconciler.core.kind import Pass, View
from reconciler.core.naming import OWNER_TAG, digest, remote_name
from reconciler.core.ownership import Owner, adoption_refusal, generated_name, judge, may_adopt, own_tag, tags_for
from reconciler.core.pointers import child
from reconciler.core.references import NOT_READY, Resolved
from reconciler.core.rollout import CHANGING
from reconciler.core.schema.shapes import canonical, to_request
from reconciler.kinds import awaited

SYNCHRONIZING = "SynchronizingK8sJobWithSageMaker"
_ERROR = "Error"
_SECOND_LOOK = timedelta(seconds=60)
"""Younger things may be missing from a read that came too early (design 4, "Reading SageMaker")."""
_IN_USE_LOOK = timedelta(minutes=1)
_FOREIGN_LOOK = timedelta(minutes=10)
_KEPT = 20
"""Records in status. Older ones that are still in use are forgotten, never deleted."""


@dataclass(frozen=True)
class ThingType:
    """What tells one of these kinds from another."""

    remote: Remote
    status_name: str
    """Legacy status key of the name."""
    status_arn: str
    records: str
    """Status key of what was made, newest first."""
    user: str
    """Whose descriptions tell that it is used."""
    user_filter: Literal["CreationTimeAfter", "LastModifiedTimeAfter"]
    """List parameter that leaves out users too old to know it."""
    used: Callable[[Mapping[str, Any]], Collection[str]]
    """The names that a user's description mentions."""
    content: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda spec: spec
    """Canonical spec -> what counts."""
    needs: awaited.Needs = lambda _request: ()

    @property
    def create(self) -> str:
        return f"Create{self.remote.name}"

    @property
    def delete(self) -> str:
        return f"Delete{self.remote.name}"

    @property
    def path(self) -> str:
        return f"/status/{self.status_name}"


def models_of(config: Mapping[str, Any]) -> frozenset[str]:
    """The models that an endpoint configuration names."""
    variants = [*(config.get("ProductionVariants") or ()), *(config.get("ShadowProductionVariants") or ())]
    pools = [pool for variant in variants for pool in variant.get("InstancePools") or ()]
    named = [variant.get("ModelName") for variant in variants] + [pool.get("ModelNameOverride") for pool in pools]
    return frozenset(name for name in named if name)


@dataclass(frozen=True)
class Thing:
    """One entry of status.models or status.configs. Without an ARN the create went out and nobody knows more."""

    name: str
    hash: str
    region: str = ""
    arn: str = ""
    requestedAt: str = ""  # noqa: N815 - fields are spelled as in status
    creationTime: str = ""  # noqa: N815
    usedBy: str = ""  # noqa: N815
    """The user that kept it from being deleted."""
    differs: str = ""
    """That it was not made by us, and is not as the spec says."""

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Thing:
        return cls(**{key: str(record.get(key) or "") for key in cls.__dataclass_fields__})

    def record(self) -> dict[str, str]:
        return {key: value for key in self.__dataclass_fields__ if (value := getattr(self, key))}


@dataclass(frozen=True)
class Seen:
    """A name that is no key was not looked at."""

    found: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """Descriptions, or summaries of what stands as recorded; None: the service says it is not there."""
    owners: Mapping[str, Owner] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    """Who uses it; empty: nobody."""
    contents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Descriptions of what may not be as the spec says."""
    lacks: tuple[str, ...] = ()
    """Models that the spec names and that are not there."""


def things(kind: ThingType, this: Pass, target: Thing | None) -> tuple[Thing, ...]:
    """What was made, newest first. An object of the archived operator has one name, which is taken for its spec's; while an
    error stood in its way that name was not told, but only its object's UID and name make it.
    """
    past = this.past
    if past.get(kind.records):
        return tuple(Thing.parse(record) for record in past[kind.records])
    name = str(past.get(kind.status_name) or "")
    # The archived operator always told the time; we tell it once something was made or a call of ours was refused.
    if not name and past.get("status") == _ERROR and past.get("lastUpdateTime") and "intent" not in past:
        name = generated_name(this.resource)
    if not name:
        return ()
    made_of = target or Thing("", "", str(this.spec.get("region") or ""))
    return (replace(made_of, name=name, arn=str(past.get(kind.status_arn) or "")),)


def wanted(kind: ThingType, this: Pass, refs: Resolved) -> Thing | None:
    """What the spec asks for; None while a reference is waited for."""
    if refs.waits:
        return None
    key = this.resource.key
    content = kind.content(canonical(this.shape, refs.spec))
    identity = digest([this.identity.cluster, key.namespace, key.kind, key.name, content])
    return Thing(remote_name(key.name, identity), identity, str(this.spec.get("region") or ""))


def _resolved(this: Pass) -> Resolved:
    return references.resolve(this.shape, this.spec, this.resource.namespace, this.others)


def observe(kind: ThingType, view: View, this: Pass) -> Seen:
    refs = _resolved(this)
    target = wanted(kind, this, refs)
    found: dict[str, Mapping[str, Any] | None] = {}
    owners: dict[str, Owner] = {}
    contents: dict[str, Mapping[str, Any]] = {}
    users: dict[str, str] = {}
    for thing in things(kind, this, target):
        if _just_made(kind, this, thing) or _just_deleted(kind, this, thing):
            continue
        if _stands(kind, view, this, thing):
            found[thing.name] = view.summary(kind.remote.name, thing.name)
        elif _to_describe(kind, view, this, thing):
            described = found[thing.name] = view.describe(kind.remote.name, thing.name, fresh=True)
            if described is not None and not _as_recorded(thing, described):
                tags = view.tags(str(described[kind.remote.arn_key]))
                owners[thing.name] = judge(this, thing.name, tags, identity=thing.hash)
                if thing.arn or owners[thing.name] is not Owner.US:
                    contents[thing.name] = described  # else it is our own, whose create nobody saw answered
        if thing.differs and thing.name not in contents and (described := view.describe(kind.remote.name, thing.name)):
            contents[thing.name] = described
        if found.get(thing.name, thing) is not None and (this.resource.deleting or _collecting(this, thing, target)):
            users[thing.name] = _used_inside(this, thing) or _used_outside(kind, view, thing)
    return Seen(found, owners, users, contents, awaited.lacking(view, this, refs, kind.create, kind.needs))


def _stands(kind: ThingType, view: View, this: Pass, thing: Thing) -> bool:
    """The sweep's summary is enough for what stands as recorded; anything else is described, and its owner asked for."""
    if not thing.arn or this.doubt or this.resource.deleting:
        return False
    summary = view.summary(kind.remote.name, thing.name)
    return summary is not None and thing.creationTime in ("", stamp(summary["CreationTime"]))


def _to_describe(kind: ThingType, view: View, this: Pass, thing: Thing) -> bool:
    remote = kind.remote.name
    told_gone = this.past.get("status") == "Deleted" and thing.name == this.past.get(kind.status_name)
    close = not thing.arn or this.doubt or this.resource.deleting or told_gone
    return close or view.summary(remote, thing.name) is not None or view.unlisted(remote, thing.name)


def _as_recorded(thing: Thing, found: Mapping[str, Any]) -> bool:
    return bool(thing.arn) and thing.creationTime in ("", stamp(found["CreationTime"]))


def _collecting(this: Pass, thing: Thing, target: Thing | None) -> bool:
    return bool(this.past.get("collecting")) and target is not None and thing.hash != target.hash


def _used_inside(this: Pass, thing: Thing) -> str:
    """A transform job of ours that runs on it: SageMaker itself does not tell which jobs use a model."""
    for other in this.others.items("BatchTransformJob"):
        uses = any(one.get("value") == thing.name for one in other.status.get("references") or ())
        if uses and other.status.get("transformJobStatus") not in REMOTES["TransformJob"].over:
            return str(other.key)
    return ""


def _used_outside(kind: ThingType, view: View, thing: Thing) -> str:
    remote = REMOTES[kind.user]
    if (
        thing.usedBy
        and " " not in thing.usedBy
        and (known := view.describe(kind.user, thing.usedBy, fresh=True))
        and _uses(kind, known, thing)
    ):
        return thing.usedBy
    # Whole seconds were recorded, and a user is never older than what it uses.
    since = moment(thing.creationTime) - timedelta(seconds=1) if thing.creationTime else None
    for summary in view.listing(kind.user, {kind.user_filter: since} if since else {}):
        name = str(summary[remote.name_key])
        described = view.describe(kind.user, name, fresh=bool(remote.status_key))
        if described is not None and _uses(kind, described, thing):
            return name
    return ""


def _uses(kind: ThingType, user: Mapping[str, Any], thing: Thing) -> bool:
    """While an endpoint changes, it may still go back to what its description does not mention."""
    status = user.get(REMOTES[kind.user].status_key or " ")
    return thing.name in kind.used(user) or status in CHANGING - {"Creating", "Deleting"}


def _young(this: Pass, thing: Thing) -> bool:
    return bool(thing.requestedAt) and this.now - moment(thing.requestedAt) < _SECOND_LOOK


def _just_made(kind: ThingType, this: Pass, thing: Thing) -> bool:
    return any(_is(reply.call, kind.create, kind, thing) for reply in this.replies)


def _just_deleted(kind: ThingType, this: Pass, thing: Thing) -> bool:
    return any(_is(reply.call, kind.delete, kind, thing) for reply in this.replies)


def _was_never_made(kind: ThingType, this: Pass, thing: Thing) -> bool:
    """The name that the archived operator would have used, and nothing is there."""
    untold = not (this.past.get(kind.records) or this.past.get(kind.status_name))
    return untold and this.seen.found.get(thing.name) is None


def _is(call: Call, operation: str, kind: ThingType, thing: Thing) -> bool:
    return call.operation == operation and call.params[kind.remote.name_key] == thing.name


def decide(kind: ThingType, this: Pass) -> Decision:
    refs = _resolved(this)
    target = wanted(kind, this, refs)
    made = tuple(
        _told(kind, this, thing)
        for thing in things(kind, this, target)
        if not _just_deleted(kind, this, thing) and not _was_never_made(kind, this, thing)
    )
    if this.resource.deleting:
        return _end(kind, this, made)
    if target is None:
        status = _status(kind, this, made, _carried(kind, this))
        return Decision(Phase.WAITING, NOT_READY, refs.why, status, watches=_watches(kind, made))
    region = next((thing.region for thing in made if thing.region), target.region)
    if region != target.region:
        why = f"/spec/region was {region} and cannot change: put it back, or delete this object and make a new one"
        return _stalled(kind, this, made, "IdentityChanged", why)
    current = next((thing for thing in made if thing.hash == target.hash), None)
    if current is None:
        return _make(kind, this, refs, target, made)
    others = tuple(thing for thing in made if thing is not current)
    if _foreign(this, current):
        reason, why = adoption_refusal(this, current.name, this.seen.owners[current.name])
        found = this.drift.sift(_made_anew(this, refs, current, why) if current.arn else ())
        return replace(_stalled(kind, this, made, reason, why), look_again=_FOREIGN_LOOK, differences=found.stands)
    if not current.arn:
        return _make(kind, this, refs, current, others)
    if current.name in this.seen.found and this.seen.found[current.name] is None:
        return _gone(kind, this, refs, current, others)
    return _created(kind, this, refs, current, others)


def _told(kind: ThingType, this: Pass, thing: Thing) -> Thing:
    """The record with what a reply of this pass, or a look, says of it."""
    for reply in this.replies:
        if _is(reply.call, kind.create, kind, thing):
            return replace(thing, arn=str(reply.answer[kind.remote.arn_key]), creationTime="")
    seen: Seen = this.seen
    thing = replace(thing, usedBy=seen.users.get(thing.name, thing.usedBy))
    found = seen.found.get(thing.name)
    if found is None or _foreign(this, thing):
        return thing
    arn = str(found.get(kind.remote.arn_key) or thing.arn)
    return replace(thing, arn=arn, creationTime=stamp(found["CreationTime"]))


def _foreign(this: Pass, thing: Thing) -> bool:
    """Looked at because it is not known to be ours, and it is not."""
    owner = this.seen.owners.get(thing.name, Owner.US)
    return owner is Owner.OTHER or (owner is not Owner.US and not may_adopt(this))


def _make(kind: ThingType, this: Pass, refs: Resolved, target: Thing, others: tuple[Thing, ...]) -> Decision:
    if this.refused:
        return _stalled(kind, this, others, this.refused.reason, this.refused.message)
    if this.seen.lacks:
        return _await_models(kind, this, target, others)
    target = replace(target, arn="", creationTime="", requestedAt=stamp(this.now))
    params = {
        **to_request(this.shape, refs.spec, kind.create),
        kind.remote.name_key: target.name,
        "Tags": tags_for(this),
    }
    fields = {**_carried(kind, this), "references": refs.records()}
    if not fields.get(kind.status_arn):
        fields |= {"status": SYNCHRONIZING}
    return Decision(
        Phase.ACTING,
        "Creating",
        f"asking SageMaker for {target.name}",
        _status(kind, this, (target, *others), fields),
        calls=(Call(kind.create, params),),
        watches=_watches(kind, (target, *others)),
    )


def _await_models(kind: ThingType, this: Pass, target: Thing, others: tuple[Thing, ...]) -> Decision:
    refused = this.failure is not None and not this.failure.maybe_received
    made = (target, *others) if target.requestedAt and not refused else others
    names = this.seen.lacks
    return Decision(
        Phase.WAITING,
        NOT_READY,
        awaited.why(names),
        _status(kind, this, made, _carried(kind, this)),
        watches=(*_watches(kind, made), *awaited.watches(names)),
        look_again=awaited.AGAIN,
    )


def _created(kind: ThingType, this: Pass, refs: Resolved, current: Thing, others: tuple[Thing, ...]) -> Decision:
    """It is there. What was made before goes, in a pass of its own, once nothing uses it."""
    seen: Seen = this.seen
    others = tuple(
        thing
        for thing in others
        if not _foreign(this, thing) and (seen.found.get(thing.name, thing) is not None or _young(this, thing))
    )
    unused = [thing for thing in others if thing.arn and seen.users.get(thing.name) == ""]
    looked = bool(this.past.get("collecting"))
    unlike = _unlike(this, refs, current)
    if current.name in seen.contents:
        current = replace(current, differs="yes" if unlike else "")
    drift = this.drift.sift(unlike)
    calls = tuple(Call(kind.delete, {kind.remote.name_key: thing.name}) for thing in unused)
    fields = {
        **_carried(kind, this),
        "status": "Created",
        kind.status_name: current.name,
        kind.status_arn: current.arn,
        "additional": "",
        "references": refs.records(),
        "collecting": bool(others) or None,
    }
    again = None
    if others and not calls:
        again = _IN_USE_LOOK if looked else timedelta(seconds=1)
    decision = Decision(
        Phase.READY,
        "Created",
        _in_use_text(others) or f"{current.name} is there",
        _status(kind, this, (current, *others), fields),
        calls=calls,
        notices=_news(kind, this, current),
        watches=_watches(kind, (current, *others)),
        look_again=again,
        differences=drift.stands,
    )
    if not drift.stands:
        return decision
    # What Correct promises cannot be kept; everywhere else it was only to be told.
    phase = Phase.STALLED if this.drift.mode is DriftMode.CORRECT else Phase.READY
    why = f"{current.name} is not as the spec says: {shown(one.path for one in drift.stands)}"
    return replace(decision, phase=phase, reason=drift.stands[0].reason, message=why)


def _unlike(this: Pass, refs: Resolved, thing: Thing) -> list[Difference]:
    """Where something that we did not make ourselves is not as the spec says."""
    described = this.seen.contents.get(thing.name)
    if described is None:
        return []
    stuck = (
        f"SageMaker never changes {thing.name}: change the spec, or delete it there, and in mode {DriftMode.CORRECT} "
        "it is made again"
    )
    return projection.differences(this.shape, refs.spec, described, stuck)


def _made_anew(this: Pass, refs: Resolved, thing: Thing, why: str) -> list[Difference]:
    """What is told of somebody's own thing under the name of a recorded one that is gone."""
    owner = Difference("sagemaker", child("/spec/tags", OWNER_TAG), own_tag(this), "", stuck=why)
    return _unlike(this, refs, thing) or [owner]


def _news(kind: ThingType, this: Pass, current: Thing) -> tuple[Notice, ...]:
    if this.past.get(kind.status_name) == current.name and this.past.get("status") == "Created":
        return ()
    return (Notice("Normal", f"{kind.remote.name}Created", f"{current.name} was made"),)


def _gone(kind: ThingType, this: Pass, refs: Resolved, current: Thing, others: tuple[Thing, ...]) -> Decision:
    """Deleted behind our back: made again under its name, or told."""
    if _young(this, current):
        left = _SECOND_LOOK - (this.now - moment(current.requestedAt))
        status = _status(kind, this, (current, *others), _carried(kind, this))
        why = f"{current.name} cannot be seen yet"
        return Decision(
            Phase.WAITING, "Confirming", why, status, watches=_watches(kind, (current, *others)), look_again=left
        )
    drift = this.drift.sift([Difference("sagemaker", kind.path, current.name, "(deleted)", gone=True)])
    if drift.correct:
        again = _make(kind, this, refs, current, others)
        return replace(again, differences=drift.stands, corrects=drift.paths if again.calls else ())
    return Decision(
        Phase.STALLED,
        "ExternallyDeleted",
        f"{current.name} was deleted from outside; mode {this.drift.mode} leaves it so",
        _status(kind, this, (current, *others), {**_carried(kind, this), "status": "Deleted"}),
        watches=_watches(kind, (current, *others)),
        differences=drift.stands,
    )


def _end(kind: ThingType, this: Pass, made: tuple[Thing, ...]) -> Decision:
    """Delete what nothing uses and let go when all of it is gone. What is not ours is not ours to delete."""
    seen: Seen = this.seen
    calls: list[Call] = []
    left: list[Thing] = []
    for thing in made:
        if _foreign(this, thing):
            continue
        if seen.found.get(thing.name) is None:
            # The create may have gone out a moment ago with nobody seeing it arrive.
            left += [thing] if not thing.arn and _young(this, thing) else []
            continue
        left.append(thing)
        if seen.users.get(thing.name) == "":
            calls.append(Call(kind.delete, {kind.remote.name_key: thing.name}))
    if not left:
        return Decision(Phase.RELEASED, "Deleted", "", _status(kind, this, (), {"status": "Deleted"}))
    in_use = _in_use_text(left)
    return Decision(
        Phase.ACTING if calls else Phase.WAITING,
        "InUse" if in_use and not calls else "Deleting",
        in_use or f"deleting {', '.join(thing.name for thing in left)}",
        _status(kind, this, left, _carried(kind, this)),
        calls=tuple(calls),
        watches=_watches(kind, left),
        look_again=_IN_USE_LOOK if in_use else timedelta(seconds=10),
    )


def _in_use_text(made: Sequence[Thing]) -> str:
    return "; ".join(f"{thing.name} is kept while {thing.usedBy} uses it" for thing in made if thing.usedBy)


def _stalled(kind: ThingType, this: Pass, made: Sequence[Thing], reason: str, why: str) -> Decision:
    fields = {**_carried(kind, this), "additional": why}
    if not fields.get(kind.status_arn):
        fields |= {"status": _ERROR}
    return Decision(Phase.STALLED, reason, why, _status(kind, this, made, fields), watches=_watches(kind, made))


def _carried(kind: ThingType, this: Pass) -> dict[str, Any]:
    """Legacy fields as they stand in status."""
    past = this.past
    keys = ("status", kind.status_name, kind.status_arn, "additional", "lastUpdateTime", "references", "collecting")
    carried = {key: past[key] for key in keys if past.get(key)}
    return {"status": SYNCHRONIZING, **carried}


def _status(kind: ThingType, this: Pass, made: Sequence[Thing], fields: Mapping[str, Any]) -> dict[str, Any]:
    """LastUpdateTime moves when one of the archived operator's other fields does, not with every look."""
    legacy = ("status", kind.status_name, kind.status_arn, "additional")
    moved = any((fields.get(key) or None) != (this.past.get(key) or None) for key in legacy)
    return {
        **fields,
        "lastUpdateTime": stamp(this.now) if moved else this.past.get("lastUpdateTime"),
        kind.records: [thing.record() for thing in made[:_KEPT]],
    }


def _watches(kind: ThingType, made: Sequence[Thing]) -> tuple[Watch, ...]:
    return tuple(Watch(kind.remote.name, thing.name, Pace.SLOW) for thing in made if thing.arn)


def failing(past: Mapping[str, Any], error: ReconcileError) -> dict[str, Any]:
    """The archived operator's word while an error stands in the way; the name stays, whoever uses the thing needs it."""
    message = str(error)
    return {**past, "additional": message, "status": _ERROR}
