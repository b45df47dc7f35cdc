"""Which GitSync says what an object's spec must be: the question a worker asks before it acts on a spec.

Answered from inventories alone, so it costs no request and holds right after a start, before any sync has run:
`SyncController` reports every GitSync in the cache and of every inventory it writes, always before the first apply of
that inventory. What a worker does with a claim:

    live hash == claim.hash           act: this is what Git holds
    differs, mode Correct             act on nothing of it and `report_edit`; it is reverted, and that is an event
    differs, mode Warn or Ignore      act on what is live (and, in Warn, report the drift)

The live hash is `live_hash(resource, claim)`. And the other way: what the sync has reverted is kept here until the object's
status shows it. Nobody has to confirm that, so neither a status write that fails nor the order of events loses or
doubles one; a crash may lose one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.core.decision import Difference
from reconciler.core.drift.git_drift import Reverted, edits_of, unexplained
from reconciler.core.drift.policy import SHOWN_FOR, DriftMode
from reconciler.core.errors import TerminalError
from reconciler.core.git import inventory as inventories
from reconciler.core.git.applied import Wanted, edited_metadata
from reconciler.core.git.inventory import Inventory
from reconciler.core.records.drift import DriftRecord
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.sync.spec import GitSyncSpec, OnChange, owner_id
from reconciler.runtime.sync.liveview import LiveView

_KEPT = 20
"""Of one object: more cannot be reverted before its paths flap, but for a worker that never comes."""


@dataclass(frozen=True)
class SyncClaim:
    sync: Key
    hash: str
    """What the spec must hash to. While a change is under way and either side may be live: the side that is."""
    mode: DriftMode
    ignore: tuple[str, ...] = ()
    """JSON Pointers that are not compared; already left out of `hash`."""
    mode_written: bool = False
    """Whether somebody wrote the mode out, in the GitSync or on the object."""
    on_change: OnChange = OnChange.RUN
    settled: bool = True
    """False while the sync is changing this object, and until its first pass since the process started."""
    wanted: Wanted | None = None
    """What hashes to `hash`; None until the first look at Git since the process started."""
    frozen: str = ""
    """Why the sync puts nothing back for now, if it does not on purpose."""
    in_git: bool = True
    """Whether Git holds the object, as far as it is known: what left Git and was kept is not."""
    read: bool = True
    """Whether Git was read since the process started, and this is what it holds or what is applied until a person helps. False
    too where the inventory was restored, from a backup, to something else than Git held when it was read last.
    """


@dataclass
class _Sync:
    spec: GitSyncSpec | None
    entries: list[str] = field(default_factory=list)
    inventory: Inventory = field(default_factory=dict)
    leftovers: frozenset[Key] = frozenset()
    """Objects that left Git and were kept: Git says nothing of their spec any more."""
    ran: bool = False
    read: bool = False
    """Git was looked at since the start of the process, and what follows from it is done."""
    wanted: Mapping[Key, Wanted] = field(default_factory=dict)
    known: bool = False
    """Whether `wanted` was read since the start."""


class SyncClaims:
    """Safe for threads. One for the process, given to `SyncController` and to the workers."""

    def __init__(self, live: LiveView) -> None:
        self._live = live
        self._lock = threading.Lock()
        self._syncs: dict[Key, _Sync] = {}
        self._claimants: dict[Key, tuple[Key, ...]] = {}
        self._reverts: dict[Key, tuple[Reverted, ...]] = {}
        self._waiting: set[Key] = set()
        self._on_edit: Callable[[Key], None] = lambda _sync: None
        self._wake: Callable[[Key], None] = lambda _key: None

    def claim(self, key: Key) -> SyncClaim | None:
        """None: no GitSync cares about this object."""
        live = self._live.get(key)
        with self._lock:
            sync_key = self._choose(key, live)
            sync = self._syncs.get(sync_key) if sync_key else None
            if sync_key is None or sync is None:
                return None
            hashes, spec = sync.inventory[key], sync.spec
            leftover, ran, wanted = key in sync.leftovers, sync.ran, sync.wanted.get(key)
            in_git = not leftover and (key in sync.wanted or not sync.known)
            suspended = spec is not None and spec.suspend
            read = suspended or (sync.read and (wanted is None or wanted.hash in hashes))
        ignore = spec.ignored(key) if spec else ()
        matching = self._matching(hashes, live, ignore)
        return SyncClaim(
            sync=sync_key,
            hash=matching,
            mode=DriftMode.IGNORE if leftover else _mode(spec, key, live),
            wanted=wanted if wanted and wanted.hash == matching else None,
            frozen=_frozen(sync_key, spec),
            mode_written=spec is not None and spec.mode_is_written(_said(live)),
            ignore=ignore,
            on_change=_on_change(spec, live),
            settled=ran and len(hashes) == 1,
            in_git=in_git,
            read=read,
        )

    def live_hash(self, resource: Resource, claim: SyncClaim) -> str:
        return self._live.hash(resource, claim.ignore)

    def edits(self, resource: Resource, claim: SyncClaim) -> tuple[Difference, ...]:
        """What differs from Git, by whom; nothing where nothing does or nobody cares."""
        edited = self.live_hash(resource, claim) != claim.hash
        if claim.mode is DriftMode.IGNORE or not (edited or (claim.wanted and edited_metadata(claim.wanted, resource))):
            return ()
        written = self._live.written(resource)
        return edits_of(claim.wanted, resource, written) if claim.wanted else unexplained(resource, written)

    def report_edit(self, key: Key) -> None:
        """Wake the sync that claims `key`; harmless when it knows already."""
        for sync in self.claimants(key):
            self._on_edit(sync)

    def reverted(self, key: Key, put: Reverted) -> None:
        """The sync has reverted an edit."""
        with self._lock:
            self._reverts[key] = (*self._reverts.get(key, ()), put)[-_KEPT:]
        self._wake(key)

    def uncounted_reverts(self, key: Key, now: datetime) -> tuple[Reverted, ...]:
        """What the status of this object does not show yet."""
        live = self._live.get(key)
        recent = DriftRecord.parse(live.status.get("drift")).recent if live else ()
        with self._lock:
            known = self._reverts.pop(key, ())
            left = tuple(put for put in known if live and not put.counted_in(recent) and now - put.at < SHOWN_FOR)
            if left:
                self._reverts[key] = left
            return left

    def wake_with(self, wake: Callable[[Key], None]) -> None:
        """Who shall be woken for objects about which something else is to be said or done now, though they did not move."""
        self._wake = wake

    def claimants(self, key: Key) -> tuple[Key, ...]:
        with self._lock:
            return self._claimants.get(key, ())

    def on_edit(self, wake: Callable[[Key], None]) -> None:
        self._on_edit = wake

    def hold(self, sync: Resource) -> None:
        """Take a GitSync's spec and inventory as they are in `sync`."""
        entries = list(sync.status.get("inventory") or ())
        try:
            spec = GitSyncSpec.parse(sync.spec, sync.namespace)
        except TerminalError:
            spec = None
        with self._lock:
            known = self._syncs.setdefault(sync.key, _Sync(spec))
            turned = list(known.inventory) if _attitude(known.spec) != _attitude(spec) else []
            known.spec = spec
            self._take(sync.key, known, entries)
        for key in turned:
            self._wake(key)

    def _take(self, sync: Key, known: _Sync, entries: list[str]) -> None:
        if known.entries != entries:
            before, known.entries, known.inventory = known.inventory, entries, inventories.read(entries)
            for key in before.keys() - known.inventory.keys():
                self._unindex(key, sync)
            for key in known.inventory.keys() - before.keys():
                self._claimants[key] = (*self._claimants.get(key, ()), sync)

    def want(self, sync: Key, wanted: Iterable[Wanted], edited: Iterable[Key]) -> None:
        """What Git holds, as this sync read it last, and which objects are something else and stay so for now: of those
        more can be said than before, if this is the first look.
        """
        with self._lock:
            known = self._syncs.get(sync)
            if known is None:
                return
            first, known.wanted = not known.wanted, {want.key: want for want in wanted}
            known.known = True
        for key in edited if first else ():
            self._wake(key)

    def finish(self, sync: Key, leftovers: Iterable[Key]) -> None:
        """A pass of this sync has ended; these objects stay although Git does not name them."""
        with self._lock:
            known = self._syncs.get(sync)
            if known:
                known.ran, known.leftovers = True, frozenset(leftovers)
        self.read(sync)

    def read(self, sync: Key) -> None:
        """Git was read, and what follows from it is done, though that may be nothing: what is applied stays in force."""
        with self._lock:
            known = self._syncs.get(sync)
            if known is None:
                return
            known.read, waiting = True, [key for key in self._waiting if sync in self._claimants.get(key, ())]
            self._waiting.difference_update(waiting)
        for key in waiting:
            self._wake(key)

    def await_read(self, key: Key) -> None:
        """Wake this object once Git was read: something waits to be sent for it."""
        with self._lock:
            self._waiting.add(key)

    def drop(self, sync: Key) -> None:
        """The GitSync is gone: what it applied belongs to nobody now."""
        with self._lock:
            known = self._syncs.pop(sync, None)
            for key in known.inventory if known else ():
                self._unindex(key, sync)

    def _unindex(self, key: Key, sync: Key) -> None:
        left = tuple(other for other in self._claimants.get(key, ()) if other != sync)
        if left:
            self._claimants[key] = left
        else:
            self._claimants.pop(key, None)

    def _choose(self, key: Key, live: Resource | None) -> Key | None:
        """Two inventories may name one object while it changes hands; its own annotation decides."""
        claimants = self._claimants.get(key, ())
        if len(claimants) > 1 and live is not None:
            owner = live.annotations.get(Annotation.OWNER)
            return next((sync for sync in claimants if owner_id(sync) == owner), claimants[0])
        return claimants[0] if claimants else None

    def _matching(self, hashes: tuple[str, ...], live: Resource | None, ignore: tuple[str, ...]) -> str:
        if len(hashes) > 1 and live is not None:
            found = self._live.hash(live, ignore)
            if found in hashes:
                return found
        return hashes[-1]


def _mode(spec: GitSyncSpec | None, key: Key, live: Resource | None) -> DriftMode:
    """Where nobody understands the sync's spec an edit is not acted on either: the mode that it has in mind may be Correct."""
    return DriftMode.read(_said(live), DriftMode.CORRECT) if spec is None else spec.mode(key, _said(live))


def _attitude(spec: GitSyncSpec | None) -> tuple[object, ...]:
    """What of a sync's spec decides how its workers take a difference."""
    return (spec.suspend, spec.drift_mode, spec.drift_written, spec.drift_ignore) if spec else ()


def _frozen(sync: Key, spec: GitSyncSpec | None) -> str:
    if spec is None:
        return f"the spec of GitSync {owner_id(sync)} is invalid"
    return f"GitSync {owner_id(sync)} is suspended" if spec.suspend else ""


def _said(live: Resource | None) -> str | None:
    return live.annotations.get(Annotation.DRIFT_MODE) if live else None


def _on_change(spec: GitSyncSpec | None, live: Resource | None) -> OnChange:
    default = spec.on_change if spec else OnChange.REJECT
    return OnChange.read(live.annotations.get(Annotation.ON_CHANGE) if live else None, default)
