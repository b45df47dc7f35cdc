"""What a worker asks before it acts on a spec: is this what Git holds, and if not, what follows from that?

    as Git says, or no GitSync owns it   act
    edited, mode Warn or Ignore          act, and in Warn report what differs
    edited, mode Correct                 wait a moment: the sync reverts the edit
    ... and still there after that       blocked: act on nothing of it, and the object says why
    Git was not read since the start     look and decide, and send nothing: the spec, and status, may be older than what serves

Answered from memory alone: claims, the informers' cache and the object's own status. Writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from reconciler.core.conditions import READY, find
from reconciler.core.decision import Difference, Refusal
from reconciler.core.drift.edits import Author, author
from reconciler.core.drift.git_drift import GitDrift, Reverted, editor, remembered
from reconciler.core.drift.policy import DriftMode, Policy, not_acted_on
from reconciler.core.git.applied import Wanted
from reconciler.core.ports import Cache, Clock
from reconciler.core.records.drift import DriftRecord
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.status import SUSPENDED
from reconciler.core.sync.spec import owner_id

_PATIENCE = timedelta(seconds=10)
"""An edit in the cluster is reverted within a second as a rule; later than this the object says that it is not."""


_STARTING = timedelta(seconds=30)
"""Git is read within seconds of a start as a rule; later than this the object says that it is waited for."""


class Claim(Protocol):
    """What Git says about an object, according to the GitSync that owns it."""

    @property
    def sync(self) -> Key: ...
    @property
    def hash(self) -> str: ...
    @property
    def mode(self) -> DriftMode: ...
    @property
    def mode_written(self) -> bool: ...
    @property
    def ignore(self) -> tuple[str, ...]: ...
    @property
    def on_change(self) -> str: ...
    @property
    def wanted(self) -> Wanted | None: ...
    @property
    def frozen(self) -> str: ...
    @property
    def in_git(self) -> bool: ...
    @property
    def read(self) -> bool: ...


ClaimT = TypeVar("ClaimT", bound=Claim)
"""A claim as the syncs keep it: handed back to them as they gave it."""


class Claims(Protocol[ClaimT]):
    """What the syncs know of an object. Answers from memory; `runtime/sync/claims` implements it."""

    def claim(self, key: Key) -> ClaimT | None:
        """None: no GitSync owns the object."""

    def live_hash(self, resource: Resource, claim: ClaimT) -> str:
        """What `claim.hash` is compared with: the live spec without write-backs and without ignored paths."""

    def edits(self, resource: Resource, claim: ClaimT) -> tuple[Difference, ...]:
        """What differs from Git, by whom; without values while nobody knows what Git holds."""

    def uncounted_reverts(self, key: Key, now: datetime) -> tuple[Reverted, ...]:
        """Edits of the last hour that the sync reverted and the object's status does not count yet."""

    def await_read(self, key: Key) -> None:
        """Wake the object once Git was read: something waits to be sent for it."""

    def report_edit(self, key: Key) -> None:
        """Wake the sync that owns the object; harmless when it knows of the edit already."""


@dataclass(frozen=True)
class Unread:
    """Git was not read since the process started: nothing is sent for the object until it was (D-5.18)."""

    refusal: Refusal
    unsaid: timedelta | None
    """For so long nothing is said of it."""


@dataclass(frozen=True)
class GitVerdict:
    """Whether the spec of an object may be acted on, by what Git holds of it."""

    git: GitDrift
    policy: Policy
    on_change: str
    reverting: timedelta | None = None
    """For so long nothing is said or done: the sync is about to revert an edit."""
    blocked: Refusal | None = None
    """Why nothing of the spec is acted on."""
    wanted: Wanted | None = None
    """What Git holds, where that is known."""
    unread: Unread | None = None
    in_git: bool = False
    """Whether Git holds the object, as far as it is known."""


class GitSide(Generic[ClaimT]):
    def __init__(self, claims: Claims[ClaimT], cache: Cache, clock: Clock) -> None:
        self._claims = claims
        self._cache = cache
        self._clock = clock
        self._edited: dict[Key, float] = {}
        """Since when an object is seen to be edited, by the monotonic clock. One key is never in two workers."""
        self._unread: dict[Key, float] = {}
        """Since when something waits to be sent for an object, likewise."""

    def forget(self, key: Key) -> None:
        self._edited.pop(key, None)
        self._unread.pop(key, None)

    def await_read(self, key: Key) -> None:
        """Something is to be sent for an object whose `GitVerdict` is `unread`."""
        self._unread.setdefault(key, self._clock.monotonic())
        self._claims.await_read(key)

    def verdict(self, resource: Resource, now: datetime) -> GitVerdict:
        claim = self._claims.claim(resource.key)
        git = self._plane(resource, claim, now)
        if claim is not None and not claim.frozen:
            git = replace(git, read=claim.read, awaited=not claim.read)
        policy = _policy(resource, claim, git, now)
        on_change = claim.on_change if claim else resource.annotations.get(Annotation.ON_CHANGE, "Reject")
        unread = self._unread_by(resource.key, claim)
        in_git = claim is not None and claim.in_git
        if claim is None or resource.deleting or not self._is_edited(resource, claim):
            self._edited.pop(resource.key, None)
            return GitVerdict(git, policy, on_change, unread=unread, in_git=in_git)
        self._claims.report_edit(resource.key)
        if wait := self._wait(resource, git, policy):
            return GitVerdict(git, policy, on_change, reverting=wait)
        blocked = self._blocked(git, policy, claim)
        return GitVerdict(git, policy, on_change, blocked=blocked, wanted=claim.wanted, unread=unread)

    def _unread_by(self, key: Key, claim: ClaimT | None) -> Unread | None:
        if claim is None or claim.read:
            self._unread.pop(key, None)
            return None
        since = self._unread.get(key)
        left = _STARTING - timedelta(seconds=self._clock.monotonic() - since) if since is not None else _STARTING
        trouble = self._trouble(claim)
        what = f"GitSync {owner_id(claim.sync)} did not read Git since the controller started, so nothing is sent"
        message = f"{what}: {trouble}" if trouble else f"{what} yet"
        return Unread(Refusal("GitNotRead", message), left if left > timedelta(0) else None)

    def _is_edited(self, resource: Resource, claim: ClaimT) -> bool:
        return claim.mode is DriftMode.CORRECT and self._claims.live_hash(resource, claim) != claim.hash

    def _plane(self, resource: Resource, claim: ClaimT | None, now: datetime) -> GitDrift:
        if claim is None:
            return GitDrift()
        edits = self._claims.edits(resource, claim)
        if edits and claim.wanted is None:
            edits = remembered(DriftRecord.parse(resource.status.get("drift"))) or edits
        reverts = self._claims.uncounted_reverts(resource.key, now)
        if claim.mode is DriftMode.CORRECT or not claim.in_git or self._claims.live_hash(resource, claim) == claim.hash:
            return GitDrift(edits, reverts)
        by = editor(edits) or author(resource.metadata.get("managedFields") or (), "/spec") or Author("somebody")
        return GitDrift(edits, reverts, by, claim.wanted.written if claim.wanted else None)

    def _wait(self, resource: Resource, git: GitDrift, policy: Policy) -> timedelta | None:
        now = self._clock.monotonic()
        since = self._edited.setdefault(resource.key, now)
        said = remembered(DriftRecord.parse(resource.status.get("drift")))
        if said or policy.frozen or not policy.flapping.isdisjoint(edit.path for edit in git.edits):
            return None
        left = _PATIENCE - timedelta(seconds=now - since)
        return left if left > timedelta(0) else None

    def _blocked(self, git: GitDrift, policy: Policy, claim: Claim) -> Refusal:
        return Refusal(*not_acted_on(git, policy, owner_id(claim.sync), self._trouble(claim)))

    def _trouble(self, claim: Claim) -> str:
        """What keeps the sync from its work, in its own words."""
        sync = self._cache.get(claim.sync)
        ready = find((sync.status.get("conditions") or ()) if sync else (), READY)
        return f"{ready['reason']}: {ready['message']}" if ready and ready["status"] != "True" else ""


def _policy(resource: Resource, claim: Claim | None, git: GitDrift, now: datetime) -> Policy:
    """A claim has weighed the object's own annotation already."""
    said = resource.annotations.get(Annotation.DRIFT_MODE)
    return Policy.of(
        claim.mode if claim else DriftMode.read(said, DriftMode.WARN),
        resource.status,
        now,
        written=claim.mode_written if claim else said is not None,
        adopted=resource.annotations.get(Annotation.ADOPT) == "true",
        ignored=claim.ignore if claim else (),
        frozen=SUSPENDED if resource.suspended else claim.frozen if claim else "",
        reverted=git.reverted,
    )
