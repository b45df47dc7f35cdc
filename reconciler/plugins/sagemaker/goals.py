"""`wait`: whether an object is where it was waited for, is on its way, or will not get there by itself. Pure.

Nothing is concluded from a status that is about an older generation, or that was written before an annotation of the caller
was taken up: a stall from before a retry must not end the wait for that retry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from reconciler.core.conditions import HEALTHY, READY, find
from reconciler.core.records.history import SUCCEEDED
from reconciler.core.records.source import SourceRecord
from reconciler.core.records.sync_entry import sync_history
from reconciler.core.resource import Annotation, Resource
from reconciler.plugins.sagemaker.health import condition_is_true, look, seen, stalled, suspended, unheard
from reconciler.plugins.sagemaker.kinds import HOSTING, SYNC, one_of
from reconciler.plugins.sagemaker.paint import commit_in, plain

_SHA = re.compile(r"[0-9a-f]{7,64}")
_REVISION = "revision="


@dataclass(frozen=True)
class Goal:
    condition: str = READY
    revision: str = ""
    """The commit whose content is waited for; then `condition` is about that content."""

    @classmethod
    def parse(cls, text: str) -> Goal:
        """ValueError for what is none."""
        if text.lower().startswith(_REVISION):
            sha = commit_in(text[len(_REVISION) :]).lower()
            if not _SHA.fullmatch(sha):
                raise ValueError(f"{text!r} names no commit; write revision= and at least seven digits of its id")
            return cls(READY, sha)
        for condition in (READY, HEALTHY):
            if text.lower() == condition.lower():
                return cls(condition)
        raise ValueError(f"{text!r} cannot be waited for; there are Ready, Healthy and revision=SHA")

    def __str__(self) -> str:
        return f"revision {self.revision[:7]}" if self.revision else self.condition


class GoalState(Enum):
    DONE = "done"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True)
class GoalVerdict:
    state: GoalState
    text: str


def judge(goal: Goal, resource: Resource | None, syncs: Iterable[Resource] = ()) -> GoalVerdict:
    """`syncs` are those that may hold the object: their status says which revisions were applied."""
    if resource is None:
        # Git may bring it yet.
        return GoalVerdict(GoalState.PENDING if goal.revision else GoalState.FAILED, "is not there")
    if resource.deleting:
        return GoalVerdict(GoalState.FAILED, "is being deleted")
    if goal.revision:
        owner = next((one for one in syncs if _owner(resource) == (one.namespace, one.name)), None)
        waited = _not_yet(goal.revision, resource, owner)
        if waited is not None:
            return waited
    if goal.condition == HEALTHY and resource.kind != HOSTING:
        return GoalVerdict(
            GoalState.FAILED, f"is {one_of(resource.kind)}, which serves nothing; wait for Ready instead"
        )
    return _condition(goal.condition, resource)


def _condition(condition: str, resource: Resource) -> GoalVerdict:
    seen_as = look(resource)
    reason = ": ".join(filter(None, (seen_as.reason, plain(seen_as.message))))
    asked = unheard(resource)
    if suspended(resource):
        if condition_is_true(resource, condition) and not asked:
            return GoalVerdict(GoalState.DONE, f"is {condition}, and suspended")
        return GoalVerdict(
            GoalState.FAILED, f"is suspended: kubectl sagemaker resume {resource.kind.lower()}/{resource.name}"
        )
    if not seen(resource):
        return GoalVerdict(GoalState.PENDING, f"generation {resource.generation} was not looked at yet")
    if asked:
        return GoalVerdict(
            GoalState.PENDING, f"{', '.join(one.rpartition('/')[2] for one in asked)} was not taken up yet"
        )
    if condition_is_true(resource, condition):
        return GoalVerdict(GoalState.DONE, f"is {condition}" + (f" ({reason})" if reason else ""))
    if stalled(resource):
        return GoalVerdict(GoalState.FAILED, f"is stalled, {reason}")
    found = find(resource.status.get("conditions") or (), condition)
    return GoalVerdict(
        GoalState.PENDING, reason or (f"has no condition {condition} yet" if found is None else f"is not {condition}")
    )


def _not_yet(revision: str, resource: Resource, owner: Resource | None) -> GoalVerdict | None:
    """None once the object is as the revision says; then its conditions count."""
    if resource.kind == SYNC:
        return None if applied(resource, revision) else _sync_behind(resource, revision, "")
    if any(commit.startswith(revision) for commit in commits_of(resource)):
        return None
    if owner is None:
        commits = ", ".join(sorted(commit[:7] for commit in commits_of(resource))) or "no commit"
        return GoalVerdict(GoalState.PENDING, f"is from {commits}")
    for found in owner.status.get("rejected") or ():
        mine = found.get("kind") == resource.kind and found.get("name") == resource.name
        if mine and _attempts(owner, revision):
            return GoalVerdict(GoalState.FAILED, f"was rejected: {found.get('path')}: {plain(found.get('message'))}")
    return (
        None if applied(owner, revision) else _sync_behind(owner, revision, f"waits for GitSync {owner.name}, which ")
    )


def applied(sync: Resource, revision: str) -> bool:
    """Whether the sync has applied this commit, now or before: then what it holds is that commit's or newer."""
    if commit_in(sync.status.get("lastAppliedRevision")).startswith(revision):
        return True
    return any(
        entry.result == SUCCEEDED
        and any(commit.startswith(revision) for commit in (commit_in(entry.revision), entry.commit))
        for entry in sync_history(sync.status)
    )


def _attempts(sync: Resource, revision: str) -> bool:
    return commit_in(sync.status.get("lastAttemptedRevision")).startswith(revision)


def _sync_behind(sync: Resource, revision: str, begin: str) -> GoalVerdict:
    seen_as = look(sync)
    reason = f"{seen_as.reason}: {plain(seen_as.message)}"
    if suspended(sync):
        return GoalVerdict(GoalState.FAILED, f"{begin}is suspended: kubectl sagemaker resume {sync.name}")
    if _attempts(sync, revision) and stalled(sync) and not unheard(sync):
        return GoalVerdict(GoalState.FAILED, f"{begin}stalled at {revision[:7]}, {reason}")
    at = commit_in(sync.status.get("lastAppliedRevision"))[:7] or "nothing"
    return GoalVerdict(GoalState.PENDING, f"{begin}has applied {at}, {reason}")


def commits_of(resource: Resource) -> set[str]:
    """The commit that changed the object last, and the head it came with: the annotations of its syncer, and status."""
    source, said = SourceRecord.parse(resource.status.get("source")), resource.annotations
    found = (
        source.commit,
        commit_in(source.revision),
        said.get(Annotation.COMMIT),
        commit_in(said.get(Annotation.REVISION)),
    )
    return {str(commit) for commit in found if commit}


def _owner(resource: Resource) -> tuple[str, str]:
    namespace, _, name = resource.annotations.get(Annotation.OWNER, "").partition("/")
    return namespace, name
