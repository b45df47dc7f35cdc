"""What to do about a Model or an EndpointConfig: one decision per pass, from what it made, what was seen of that, and its spec."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

from reconciler.core.conditions import stamp
from reconciler.core.decision import REFUSAL_MESSAGE, Call, Decision, Difference, Notice, Phase
from reconciler.core.drift import projection
from reconciler.core.drift.edits import shown
from reconciler.core.drift.policy import DriftMode
from reconciler.core.errors import ReconcileError
from reconciler.core.kind import Kind, Pass
from reconciler.core.naming import OWNER_TAG
from reconciler.core.ownership import adoption_refusal, own_tag, tags_for
from reconciler.core.pointers import child
from reconciler.core.records.remote_object import ImmutableObject
from reconciler.core.references import NOT_READY
from reconciler.core.resource import Resource
from reconciler.core.schema.declaration import Schema
from reconciler.core.schema.shapes import to_request
from reconciler.core.values import Json, JsonObject, Status
from reconciler.kinds import awaited
from reconciler.kinds.immutable import declaration
from reconciler.kinds.immutable.ending import end
from reconciler.kinds.immutable.immutable_pass import IN_USE_LOOK, ImmutablePass, in_use
from reconciler.kinds.immutable.immutable_type import ImmutableType
from reconciler.kinds.immutable.objects import FAILING, desired_object, recorded_objects, reply_to
from reconciler.kinds.immutable.observed import ImmutableObserved, observe
from reconciler.kinds.shared import FOREIGN_LOOK, SYNCHRONIZING, resolved, unchangeable

__all__ = ["decide", "failing", "immutable_kind"]


def decide(kind: ImmutableType, this: Pass, seen: ImmutableObserved) -> Decision:
    given = ImmutablePass(kind, this, seen, resolved(this))
    desired = desired_object(kind, this, given.refs)
    made = tuple(
        _with_replies(given, one)
        for one in recorded_objects(kind, this, desired)
        if not reply_to(kind, this, kind.delete, one.name) and not _was_never_made(given, one)
    )
    if this.resource.deleting:
        return end(given, made)
    if desired is None:
        return Decision(Phase.WAITING, NOT_READY, given.refs.why, given.status(made), watches=given.watches(made))
    region = next((one.region for one in made if one.region), desired.region)
    if region != desired.region:
        why = unchangeable(f"/spec/region was {region}")
        return given.stalled(made, "IdentityChanged", why)
    current = next((one for one in made if one.hash == desired.hash), None)
    if current is None:
        return _make(given, desired, made)
    others = tuple(one for one in made if one is not current)
    if given.is_foreign(current):
        return _not_ours(given, current, made)
    if not current.arn:
        return _make(given, current, others)
    if seen.misses(current):
        return _gone(given, current, others)
    return _created(given, current, others)


def _was_never_made(given: ImmutablePass, made: ImmutableObject) -> bool:
    """The name that the archived operator would have used, and nothing is there."""
    past, kind = given.this.past, given.kind
    unnamed = not (past.get(kind.records) or past.get(kind.status_name))
    return unnamed and given.seen.found.get(made.name) is None


def _with_replies(given: ImmutablePass, made: ImmutableObject) -> ImmutableObject:
    """The record as a reply of this pass says, else as it was found."""
    kind, seen = given.kind, given.seen
    if reply := reply_to(kind, given.this, kind.create, made.name):
        return replace(made, arn=str(reply.answer[kind.remote.arn_key]), creation_time="")
    made = replace(made, used_by=seen.users.get(made.name, made.used_by))
    found = seen.found.get(made.name)
    if found is None or given.is_foreign(made):
        return made
    arn = str(found.get(kind.remote.arn_key) or made.arn)
    return replace(made, arn=arn, creation_time=stamp(found["CreationTime"]))


# --- made -------------------------------------------------------------------------------------------------------------


def _make(given: ImmutablePass, desired: ImmutableObject, others: tuple[ImmutableObject, ...]) -> Decision:
    """Another one under its own name. While nothing may be sent the archived operator's words for an error are shown."""
    decision = _await_models(given, desired, others) if given.seen.lacks else _create(given, desired, others)
    failure, known = given.this.failure, given.this.past.get("additional")
    # By this text it is known whether lastUpdateTime moves; the refusal's own takes its place.
    unsent = given.stalled(others, "", str(failure.error) if failure else str(known or "refused"))
    unsent = replace(unsent, message="", status={**unsent.status, "additional": REFUSAL_MESSAGE})
    return replace(decision, unsent=unsent)


def _create(given: ImmutablePass, desired: ImmutableObject, others: tuple[ImmutableObject, ...]) -> Decision:
    """The record goes to status first, then the create goes out."""
    kind, this, refs = given.kind, given.this, given.refs
    desired = replace(desired, arn="", creation_time="", requested_at=stamp(this.now))
    params = {
        **to_request(this.shape, refs.spec, kind.create),
        kind.remote.name_key: desired.name,
        "Tags": tags_for(this),
    }
    fields = {**given.carried(), "references": refs.records()}
    if not fields.get(kind.status_arn):
        fields |= {"status": SYNCHRONIZING}
    made = (desired, *others)
    return Decision(
        Phase.ACTING,
        "Creating",
        f"asking SageMaker for {desired.name}",
        given.status(made, fields),
        calls=(Call(kind.create, params),),
        watches=given.watches(made),
    )


def _await_models(given: ImmutablePass, desired: ImmutableObject, others: tuple[ImmutableObject, ...]) -> Decision:
    failure, names = given.this.failure, given.seen.lacks
    refused = failure is not None and not failure.maybe_received
    made = (desired, *others) if desired.requested and not refused else others
    return Decision(
        Phase.WAITING,
        NOT_READY,
        awaited.why(names),
        given.status(made),
        watches=(*given.watches(made), *awaited.watches(names)),
        look_again=awaited.AGAIN,
    )


def _created(given: ImmutablePass, current: ImmutableObject, others: tuple[ImmutableObject, ...]) -> Decision:
    """It is there. What was made before goes, in a pass of its own, once nothing uses it."""
    kind, this, seen = given.kind, given.this, given.seen
    others = tuple(one for one in others if not given.is_foreign(one) and _may_be_left(given, one))
    unused = [one for one in others if one.arn and seen.is_unused(one)]
    unlike = _unlike(given, current)
    if current.name in seen.contents:
        current = replace(current, differs="yes" if unlike else "")
    fields = {
        **given.carried(),
        "status": "Created",
        kind.status_name: current.name,
        kind.status_arn: current.arn,
        "additional": "",
        "references": given.refs.records(),
        "collecting": bool(others) or None,
    }
    again = None
    if others and not unused:
        again = IN_USE_LOOK if this.past.get("collecting") else timedelta(seconds=1)
    stands = this.drift.sift(unlike).stands
    made = (current, *others)
    decision = Decision(
        Phase.READY,
        "Created",
        in_use(others) or f"{current.name} is there",
        given.status(made, fields),
        calls=tuple(Call(kind.delete, {kind.remote.name_key: one.name}) for one in unused),
        notices=_notices(given, current),
        watches=given.watches(made),
        look_again=again,
        differences=stands,
    )
    if not stands:
        return decision
    # What Correct promises cannot be kept; everywhere else it was only to be reported.
    phase = Phase.STALLED if this.drift.mode is DriftMode.CORRECT else Phase.READY
    why = f"{current.name} is not as the spec says: {shown(one.path for one in stands)}"
    return replace(decision, phase=phase, reason=stands[0].reason, message=why)


def _may_be_left(given: ImmutablePass, made: ImmutableObject) -> bool:
    return not given.seen.misses(made) or bool(given.unseen_for(made))


def _notices(given: ImmutablePass, current: ImmutableObject) -> tuple[Notice, ...]:
    past = given.this.past
    if past.get(given.kind.status_name) == current.name and past.get("status") == "Created":
        return ()
    return (Notice("Normal", f"{given.kind.remote.name}Created", f"{current.name} was made"),)


# --- changed from outside ---------------------------------------------------------------------------------------------


def _not_ours(given: ImmutablePass, current: ImmutableObject, made: tuple[ImmutableObject, ...]) -> Decision:
    """Somebody else's object goes by its name: it is left alone until it may be taken."""
    this = given.this
    reason, why = adoption_refusal(this, current.name, given.seen.owners[current.name])
    replaced: list[Difference] = []
    if current.arn:
        owner = Difference("sagemaker", child("/spec/tags", OWNER_TAG), own_tag(this), "", stuck=why)
        replaced = _unlike(given, current) or [owner]
    stands = this.drift.sift(replaced).stands
    return replace(given.stalled(made, reason, why), look_again=FOREIGN_LOOK, differences=stands)


def _unlike(given: ImmutablePass, made: ImmutableObject) -> list[Difference]:
    """Where something that we did not make ourselves is not as the spec says."""
    described = given.seen.contents.get(made.name)
    if described is None:
        return []
    stuck = (
        f"SageMaker never changes {made.name}: change the spec, or delete it there, and in mode {DriftMode.CORRECT} "
        "it is made again"
    )
    return projection.differences(given.this.shape, given.refs.spec, described, stuck)


def _gone(given: ImmutablePass, current: ImmutableObject, others: tuple[ImmutableObject, ...]) -> Decision:
    """Deleted behind our back: made again under its name, or reported."""
    kind, this, made = given.kind, given.this, (current, *others)
    if left := given.unseen_for(current):
        why = f"SageMaker does not show {current.name} yet"
        return Decision(
            Phase.WAITING, "Confirming", why, given.status(made), watches=given.watches(made), look_again=left
        )
    drift = this.drift.sift([Difference("sagemaker", kind.path, current.name, "(deleted)", gone=True)])
    if drift.correct:
        again = _make(given, current, others).each(lambda one: replace(one, differences=drift.stands))
        return replace(again, corrects=drift.paths if again.calls else ())
    return Decision(
        Phase.STALLED,
        "ExternallyDeleted",
        f"{current.name} was deleted from outside; mode {this.drift.mode} leaves it so",
        given.status(made, {**given.carried(), "status": "Deleted"}),
        watches=given.watches(made),
        differences=drift.stands,
    )


# --- the kind ---------------------------------------------------------------------------------------------------------


def failing(past: Status, error: ReconcileError) -> dict[str, Json]:
    """The archived operator's word while an error stands in the way; the name stays, whoever uses the object needs it."""
    return {**past, "additional": str(error), "status": FAILING}


def _as_written(resource: Resource) -> JsonObject:
    """What the archived operator wrote back cannot be distinguished from what a user wrote: `ImmutableType.content` leaves it out."""
    return resource.spec


def immutable_kind(schema: Schema, kind: ImmutableType) -> Kind[ImmutableObserved]:
    """A custom resource whose life is this one."""
    return Kind(
        schema,
        observe=partial(observe, kind),
        decide=partial(decide, kind),
        failing=failing,
        as_written=_as_written,
        remotes=(kind.remote,),
        keys=kind.keys,
        records=partial(declaration.records, kind),
        shown=partial(declaration.shown, kind),
        owners=lambda seen: seen.owners,
    )
