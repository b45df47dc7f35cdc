"""Tags of what exists already: one step for every kind, beside what its own decision asks for (D-18).

What is created carries its tags from the create. Afterwards the tags that SageMaker shows are compared with those that the
spec wants, on everything that the kind calls its own: an edit of the spec is carried out, and what differs without one is
drift at `/spec/tags/<key>`, the key escaped as JSON Pointers want it, whatever its place in the list. Ours are the spec's
tags and the owner tag; a key that we set once (`status.managedTags`) and nobody wants now is taken away. Keys that others
set, and the tags that are no mark of ownership (commit, run, quarantine), are left alone.

Tags are never a reason to stop. What cannot be read is unknown; a refusal is reported by an Event and remembered, and the same
tags are not tried again until they change or `retry` is set. Another owner's tag is never overwritten where it is seen.
A HostingAutoscalingPolicy carries out its own edits, for its targets come and go; their tags are in no bulk read, so they
are compared when somebody asks for a look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property

from reconciler.core.aws.remote import RemoteKinds
from reconciler.core.conditions import stamp
from reconciler.core.decision import Call, Decision, Difference, Notice, Phase, Reply, sooner
from reconciler.core.drift.policy import DriftMode
from reconciler.core.errors import NotFoundError, ReconcileError, TerminalError
from reconciler.core.kind import Kind, Observed, Pass, View
from reconciler.core.naming import COMMIT_TAG, OWNER_TAG, RUN_TAG, TAG_PREFIX, digest
from reconciler.core.ownership import Owner, may_adopt, tags_for
from reconciler.core.pointers import child
from reconciler.core.records.drift import DriftRecord
from reconciler.core.records.remote_object import RemoteObject
from reconciler.core.records.request import Handled
from reconciler.core.records.run import Run
from reconciler.core.records.tags import TagsRecord
from reconciler.core.resource import Annotation
from reconciler.core.values import Json, Status

__all__ = ["TagsSeen", "asked", "look", "set_tags", "tagged", "take_tags", "with_tags"]

_AGAIN = timedelta(minutes=1)
_BULK, _ONE = "tag:GetResources", "sagemaker:ListTags"
_OTHERS = "another owner's tag is there, and stays until that owner releases it"


@dataclass(frozen=True)
class TagsSeen:
    """The tags of what an object recorded."""

    live: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By ARN; nothing is known of one that is not there."""
    denied: str = ""
    """What we have no right to ask for, where that keeps us from knowing."""
    again: bool = False
    """A look that did not get through is worth another."""


def set_tags(arn: str, tags: Mapping[str, str]) -> Call:
    """The call that sets these tags on what the ARN names; best effort."""
    if _is_target(arn):
        return Call("TagResource", {"ResourceARN": arn, "Tags": dict(tags)}, best_effort=True)
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return Call("AddTags", {"ResourceArn": arn, "Tags": pairs}, best_effort=True)


def take_tags(arn: str, keys: Sequence[str]) -> Call:
    """The call that takes these keys off what the ARN names; best effort."""
    if _is_target(arn):
        return Call("UntagResource", {"ResourceARN": arn, "TagKeys": list(keys)}, best_effort=True)
    return Call("DeleteTags", {"ResourceArn": arn, "TagKeys": list(keys)}, best_effort=True)


def _is_target(arn: str) -> bool:
    """Application Auto Scaling tags its own resources by its own operations."""
    return ":application-autoscaling:" in arn


# --- what is wanted ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Tags:
    """What the spec wants, and what status remembers."""

    this: Pass
    owners: Mapping[str, Owner]

    @cached_property
    def wanted(self) -> dict[str, str]:
        """Without the commit tag: that says from which commit a remote object was made, so it never changes afterwards."""
        return {tag["Key"]: tag["Value"] for tag in tags_for(self.this) if tag["Key"] != COMMIT_TAG}

    @cached_property
    def hash(self) -> str:
        return digest([[{"Key": key, "Value": value} for key, value in self.wanted.items()]])

    @property
    def keys(self) -> list[str]:
        return sorted(key for key in self.wanted if key != OWNER_TAG)

    @cached_property
    def past(self) -> TagsRecord:
        return TagsRecord() if self.taking_over else TagsRecord.parse(self.this.past.get("tags"))

    @property
    def taking_over(self) -> bool:
        """Something without our owner tag is being adopted in this pass, whatever was meant to be created in its place."""
        nobodys = (Owner.NOBODY, Owner.UNKNOWN)
        return may_adopt(self.this) and any(owner in nobodys for owner in self.owners.values())

    @property
    def before(self) -> list[str]:
        return list(self.this.past.get("managedTags") or ())

    @property
    def gone(self) -> list[str]:
        return [key for key in self.before if key not in self.wanted]

    @property
    def edited(self) -> bool:
        """The spec's tags are not those that were set last. Of targets their kind keeps count itself."""
        return self.past.hash != self.hash and not self.this.past.get("targets")

    @property
    def pending(self) -> bool:
        """An edit that is still to be carried out: what was refused is not tried again by itself, nor looked at for that."""
        return self.edited and (self.past.failed != self.hash or bool(self.this.tokens.get("retry")))

    def wrong(self, live: Mapping[str, str]) -> dict[str, str]:
        return {key: value for key, value in self.wanted.items() if live.get(key) != value}

    def to_set(self, live: Mapping[str, str] | None) -> dict[str, str]:
        """What to set on a remote object with these tags; None: nobody knows them. Never over another owner's tag: where nobody knows,
        ours was set before, or is set now for the first time.
        """
        anothers = bool(self.past.hash) if live is None else self.is_anothers(live)
        return {key: value for key, value in self.wrong(live or {}).items() if key != OWNER_TAG or not anothers}

    def is_anothers(self, live: Mapping[str, str]) -> bool:
        return live.get(OWNER_TAG) not in (None, self.wanted[OWNER_TAG])


# --- looking ----------------------------------------------------------------------------------------------------------


def look(view: View, this: Pass, owners: Mapping[str, Owner], before: TagsSeen) -> TagsSeen:
    """The tags of everything recorded, from what is known in bulk; what is not as wanted, or is about to be set, is confirmed
    by one read of its own, for the index behind the bulk read lags. `owners` and `before` are from the look before in this
    pass: what its calls did to the tags is known from there.
    """
    tags = _Tags(this, owners)
    ignored = this.drift.mode is DriftMode.IGNORE and not tags.pending
    if this.resource.deleting or this.resource.spawned or ignored:
        return TagsSeen()
    seen = TagsSeen()
    for record in tagged(this.kind, this.past):
        replies = [reply for reply in this.replies if _is_about(reply.call, record.arn)]
        if replies:
            live: Mapping[str, str] | None = _after(before.live.get(record.arn), replies)
        else:
            live, seen = _known(view, tags, record, seen)
        if live is not None:
            seen = replace(seen, live={**seen.live, record.arn: live})
    return seen


def tagged(kind: Kind[Observed], status: Status) -> tuple[RemoteObject, ...]:
    """What carries the object's tags; an intent has no ARN yet."""
    return tuple(record for record in kind.records(status) if record.ours)


def _known(view: View, tags: _Tags, record: RemoteObject, seen: TagsSeen) -> tuple[Mapping[str, str] | None, TagsSeen]:
    arn = record.arn
    known = view.known_tags(arn)
    as_wanted = known is not None and not tags.wrong(known) and not known.keys() & set(tags.gone)
    if as_wanted or (tags.edited and not tags.pending):
        return known, seen
    if known is None and not (tags.pending or view.tags_missing(arn) or (_is_target(arn) and asked(tags.this))):
        return None, replace(seen, denied=_BULK) if view.tags_denied() and not _is_target(arn) else seen
    try:
        live = view.tags(arn)
        if live is not None and OWNER_TAG not in live and not _is_recorded(view, tags.this.kind, record):
            return None, seen
    except (NotFoundError, TerminalError):
        return None, seen  # gone, which is its kind's affair
    except ReconcileError:
        return None, replace(seen, again=True)
    return live, seen if live is not None else replace(seen, denied=_ONE)


def _is_recorded(view: View, kind: Kind[Observed], record: RemoteObject) -> bool:
    """Whether what has no owner tag is what was recorded, and not somebody's own object that was made under its name since."""
    named = RemoteKinds(kind.remotes).named_by(record.arn)
    if named is None or not record.creation_time:
        return True
    found = view.describe(named.remote, record.name, fresh=True)
    return found is not None and stamp(found["CreationTime"]) == record.creation_time


def asked(this: Pass) -> bool:
    """Somebody wants a look now."""
    annotations = this.resource.annotations
    token = annotations.get(Annotation.REQUESTED_AT) or annotations.get(Annotation.FLUX_REQUESTED_AT)
    return bool(token) and token != Handled.parse(this.past.get("handled")).requested_at


def _is_about(call: Call, arn: str) -> bool:
    """Whether a call is this step's: tags that a kind sets itself (quarantine, run) are not."""
    said = call.params.get("Tags") or call.params.get("TagKeys") or ()
    keys = [tag if isinstance(tag, str) else tag["Key"] for tag in said]
    ours = any(key == OWNER_TAG or not key.startswith(TAG_PREFIX) for key in keys)
    return ours and arn in (call.params.get("ResourceArn"), call.params.get("ResourceARN"))


def _after(live: Mapping[str, str] | None, replies: Sequence[Reply]) -> dict[str, str] | None:
    """What was seen before this pass's calls, with what came of them; no sweep could tell it as well."""
    found = None if live is None else dict(live)
    for reply in replies:
        if reply.refused:
            continue
        said = reply.call.params.get("Tags") or {}
        found = (found or {}) | (
            dict(said) if isinstance(said, Mapping) else {one["Key"]: one["Value"] for one in said}
        )
        for key in reply.call.params.get("TagKeys") or ():
            found.pop(key, None)
    return found


# --- deciding ---------------------------------------------------------------------------------------------------------


def with_tags(decision: Decision, this: Pass, owners: Mapping[str, Owner], seen: TagsSeen) -> Decision:
    """The decision with what is to be done, and said, about tags; and likewise what is shown when its calls may not go out."""
    tags = _Tags(this, owners)
    sent = _laid_over(tags, seen, decision, sending=True)
    if not sent.calls and decision.unsent is None:
        return sent
    return replace(sent, unsent=_laid_over(tags, seen, decision.unsent or decision, sending=False))


def _laid_over(tags: _Tags, seen: TagsSeen, decision: Decision, *, sending: bool) -> Decision:
    this = tags.this
    if this.resource.deleting or decision.phase is Phase.RELEASED or this.resource.spawned:
        return _remembering(decision, TagsRecord.parse(this.past.get("tags")), this.past.get("managedTags"))
    arns = _ours(tags, [record.arn for record in tagged(this.kind, decision.status)])
    if not arns:
        creating = any(call.operation.startswith("Create") for call in decision.calls)
        remembered = (TagsRecord(tags.hash), tags.keys) if creating else (tags.past, tags.before)
        return _remembering(decision, *remembered)
    if seen.again:
        decision = replace(decision, look_again=sooner(decision.look_again, _AGAIN))
    lay = _edited if tags.edited else _compared
    return lay(tags, seen, arns, decision, sending=sending and not decision.calls)  # first what the content needs


def _ours(tags: _Tags, arns: Sequence[str]) -> tuple[str, ...]:
    """Without what was made under a recorded name by somebody else: the kind asks first whether it may take it."""
    owners = {} if may_adopt(tags.this) else tags.owners
    strangers = {name.lower() for name, owner in owners.items() if owner is not Owner.US}
    return tuple(arn for arn in arns if arn.rpartition("/")[2].lower() not in strangers)


def _edited(tags: _Tags, seen: TagsSeen, arns: Sequence[str], decision: Decision, *, sending: bool) -> Decision:
    """Other tags are wanted than were set last."""
    this, past = tags.this, tags.past
    if not tags.pending:
        return _remembering(decision, past, tags.before)
    answered = [reply for reply in this.replies if any(_is_about(reply.call, arn) for arn in arns)]
    if any(reply.refused for reply in answered):
        shown = replace(decision, notices=(*decision.notices, _REFUSED))
        return _remembering(shown, TagsRecord(failed=tags.hash), sorted({*tags.before, *tags.keys}))
    marks = _marks(this, decision)
    calls = tuple(call for arn in arns for call in _calls(tags, arn, seen.live.get(arn), marks.get(arn, {})))
    if answered or not calls:
        return _remembering(decision, TagsRecord(tags.hash), tags.keys)
    decision = _remembering(decision, past, sorted({*tags.before, *tags.keys}))
    return replace(decision, calls=calls) if sending else decision


def _marks(this: Pass, decision: Decision) -> Mapping[str, Mapping[str, str]]:
    """By ARN: of a job that was taken over, the run tag that it would have from its create. By it the job is found again when
    its object was made anew.
    """
    records = this.kind.records(decision.status) if this.taken else ()
    return {one.arn: {RUN_TAG: one.digest} for one in records if isinstance(one, Run)}


def _calls(tags: _Tags, arn: str, live: Mapping[str, str] | None, marks: Mapping[str, str]) -> Iterator[Call]:
    if wrong := tags.to_set(live):
        yield set_tags(arn, {**wrong, **(marks if OWNER_TAG in wrong else {})})
    if gone := [key for key in tags.gone if live is None or key in live]:
        yield take_tags(arn, gone)


def _compared(tags: _Tags, seen: TagsSeen, arns: Sequence[str], decision: Decision, *, sending: bool) -> Decision:
    """The tags of the spec were set: what is not so any more was changed from outside."""
    this = tags.this
    if decision.differences is None:
        return _remembering(decision, tags.past, tags.before)
    drift = this.drift.sift(_differences(tags, seen, arns))
    unseen = tuple(_unseen(tags, seen, arns))
    denied = f"tags cannot be read: no right to, or they are not shown ({seen.denied})" if seen.denied else ""
    decision = replace(
        decision,
        differences=(*decision.differences, *drift.stands),
        unseen=(*decision.unseen, *unseen),
        unknown_drift=decision.unknown_drift or denied,
    )
    calls = tuple(
        set_tags(arn, wrong)
        for arn in arns
        if arn in seen.live
        and (wrong := {key: value for key, value in tags.to_set(seen.live[arn]).items() if _path(key) in drift.paths})
    )
    asked = digest([[call.identity, list(call.params.items())] for call in calls])
    if any(reply.refused for reply in this.replies if any(_is_about(reply.call, arn) for arn in arns)):
        shown = replace(decision, notices=(*decision.notices, _REFUSED))
        return _remembering(shown, replace(tags.past, failed=asked), tags.before)
    tried = tags.past.failed == asked and not this.tokens.get("retry")
    if tried or not calls or not sending:
        return _remembering(decision, tags.past if tried or unseen else TagsRecord(tags.hash), tags.before)
    shown = replace(decision, calls=calls, corrects=(*decision.corrects, *drift.paths))
    return _remembering(shown, TagsRecord(tags.hash), tags.before)


def _differences(tags: _Tags, seen: TagsSeen, arns: Sequence[str]) -> tuple[Difference, ...]:
    """One per path, though several remote objects may carry the tag: the first that does not tells."""
    found: dict[str, Difference] = {}
    for arn in arns:
        live = seen.live.get(arn)
        if live is None:
            continue
        for key, value in tags.wrong(live).items():
            there = f"{_whose(arn)}: {live.get(key, 'nothing')}" if len(arns) > 1 else live.get(key, "")
            stuck = _OTHERS if key == OWNER_TAG and tags.is_anothers(live) else ""
            if stuck or _path(key) not in found:
                found[_path(key)] = Difference("sagemaker", _path(key), value, there, stuck=stuck)
    return tuple(found.values())


def _unseen(tags: _Tags, seen: TagsSeen, arns: Sequence[str]) -> Iterator[str]:
    """The paths that were reported of remote objects whose tags are not known now: after a start, or after a change of this controller."""
    unknown = [arn for arn in arns if arn not in seen.live]
    for known in DriftRecord.parse(tags.this.past.get("drift")).differences:
        of_one = any(len(arns) == 1 or known.live.startswith(f"{_whose(arn)}: ") for arn in unknown)
        if of_one and known.path.startswith(_path("")):
            yield known.path


def _whose(arn: str) -> str:
    return arn.rpartition(":")[2]


def _path(key: str) -> str:
    return child("/spec/tags", key)


_REFUSED = Notice("Warning", "TagsRefused", "SageMaker refused to set the tags; see the log for its answer")


def _remembering(decision: Decision, tags: TagsRecord, managed: Json) -> Decision:
    return replace(decision, status={**decision.status, "tags": tags.record(), "managedTags": managed})
