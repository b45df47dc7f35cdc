"""User tags of what exists already: one step for every kind, beside what its own decision asks for (design 3.3).

What is created carries its tags from the create. When the tags of the spec change, or when a thing was taken over without
our owner tag, AddTags sets them on everything that the kind calls its own, and DeleteTags takes away the keys that we set
once (`status.managedTags`) and nobody wants now. Keys that others set are left alone.

Tags are never a reason to stop: a refusal is told by an Event and remembered, and the same tags are not tried again until
they change or `retry` is set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.core.decision import Call, Decision, Notice, Phase
from reconciler.core.kind import Pass
from reconciler.core.naming import COMMIT_TAG, OWNER_TAG, digest
from reconciler.core.ownership import Owner, may_adopt, tags_for

__all__ = ["recorded_arns", "with_tags"]


def with_tags(this: Pass, decision: Decision) -> Decision:
    """The decision with what is to be done about tags.

    The commit tag says from which commit a thing was made, so it is never changed afterwards.
    """
    if this.resource.deleting or decision.phase is Phase.RELEASED or this.resource.spawned:
        return _remembering(decision, this.past.get("tags"), this.past.get("managedTags"))
    arns = recorded_arns(decision.status)
    tags = [tag for tag in tags_for(this) if tag["Key"] != COMMIT_TAG]
    keys = sorted(tag["Key"] for tag in tags if tag["Key"] != OWNER_TAG)
    wanted = digest([tags])
    past = {} if _taking_over(this) else this.past.get("tags") or {}
    before = list(this.past.get("managedTags") or ())
    if not arns:
        creating = any(call.operation.startswith("Create") for call in decision.calls)
        return _remembering(decision, {"hash": wanted} if creating else past, keys if creating else before)
    if past.get("hash") == wanted or (past.get("failed") == wanted and not this.tokens.get("retry")):
        return _remembering(decision, past, before)
    calls = _calls(tags, [key for key in before if key not in keys], arns)
    answered = [reply for reply in this.replies if reply.call in calls]
    if answered:
        return _settled(decision, wanted, keys, before, [bool(one.answer) for one in answered if _adds(one.call)])
    decision = _remembering(decision, past, sorted({*before, *keys}))
    if decision.calls or this.refused is not None:
        return decision  # first what the content needs
    return replace(decision, calls=calls)


def _taking_over(this: Pass) -> bool:
    """Something without our owner tag is being adopted in this pass, whatever was meant to be created in its place."""
    owners: Mapping[str, Owner] = getattr(this.seen, "owners", {})
    return may_adopt(this) and any(owner in (Owner.NOBODY, Owner.UNKNOWN) for owner in owners.values())


def recorded_arns(status: Mapping[str, Any]) -> tuple[str, ...]:
    """Of everything in status that is ours and still there; an intent has no ARN yet."""
    records = [status.get("run"), status.get("endpoint"), *(status.get("models") or ()), *(status.get("configs") or ())]
    return tuple(one["arn"] for one in records if one and one.get("arn") and one.get("status") != "Missing")


def _calls(tags: Sequence[dict[str, str]], gone: Sequence[str], arns: Sequence[str]) -> tuple[Call, ...]:
    add = [Call("AddTags", {"ResourceArn": arn, "Tags": list(tags)}, best_effort=True) for arn in arns]
    take = [Call("DeleteTags", {"ResourceArn": arn, "TagKeys": list(gone)}, best_effort=True) for arn in arns if gone]
    return (*add, *take)


def _adds(call: Call) -> bool:
    return call.operation == "AddTags"


def _settled(decision: Decision, wanted: str, keys: list[str], before: list[str], accepted: list[bool]) -> Decision:
    if all(accepted):
        return _remembering(decision, {"hash": wanted}, keys)
    notice = Notice("Warning", "TagsRefused", "SageMaker refused to set the tags; see the log for its answer")
    told = replace(decision, notices=(*decision.notices, notice))
    return _remembering(told, {"failed": wanted}, sorted({*before, *keys}))


def _remembering(decision: Decision, tags: Any, managed: Any) -> Decision:
    return replace(decision, status={**decision.status, "tags": tags, "managedTags": managed})
