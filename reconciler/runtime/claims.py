"""Which GitSync says what an object's spec must be: the question a worker asks before it acts on a spec.

Answered from inventories alone, so it costs no request and holds right after a start, before any sync has run:
`SyncController` tells of every GitSync in the cache and of every inventory it writes, always before the first apply of
that inventory. What a worker does with a claim:

    live hash == claim.hash           act: this is what Git holds
    differs, mode Correct             do nothing but `report_edit`; it is put back, and that is an event
    differs, mode Warn or Ignore      act on what is live (and, in Warn, report the drift)

The live hash is `live_hash(resource, claim)`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from reconciler.core import inventory as inventories
from reconciler.core.drift import DriftMode
from reconciler.core.errors import TerminalError
from reconciler.core.gitsync import GitSyncSpec, OnChange, owner_id
from reconciler.core.inventory import Inventory
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.runtime.liveview import LiveView


@dataclass(frozen=True)
class Claim:
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


@dataclass
class _Sync:
    spec: GitSyncSpec | None
    entries: list[str] = field(default_factory=list)
    inventory: Inventory = field(default_factory=dict)
    leftovers: frozenset[Key] = frozenset()
    """Objects that left Git and were kept: Git says nothing of their spec any more."""
    ran: bool = False


class Claims:
    """Safe for threads. One for the process, given to `SyncController` and to the workers."""

    def __init__(self, live: LiveView) -> None:
        self._live = live
        self._lock = threading.Lock()
        self._syncs: dict[Key, _Sync] = {}
        self._claimants: dict[Key, tuple[Key, ...]] = {}
        self._on_edit: Callable[[Key], None] = lambda _sync: None

    def claim(self, key: Key) -> Claim | None:
        """None: no GitSync cares about this object."""
        live = self._live.get(key)
        with self._lock:
            sync_key = self._choose(key, live)
            sync = self._syncs.get(sync_key) if sync_key else None
            if sync_key is None or sync is None:
                return None
            hashes, spec = sync.inventory[key], sync.spec
            leftover, ran = key in sync.leftovers, sync.ran
        ignore = spec.ignored(key) if spec else ()
        return Claim(
            sync=sync_key,
            hash=self._matching(hashes, live, ignore),
            mode=DriftMode.IGNORE if leftover else _mode(spec, key, live),
            mode_written=spec is not None and spec.mode_is_written(_said(live)),
            ignore=ignore,
            on_change=_on_change(spec, live),
            settled=ran and len(hashes) == 1,
        )

    def live_hash(self, resource: Resource, claim: Claim) -> str:
        return self._live.hash(resource, claim.ignore)

    def report_edit(self, key: Key) -> None:
        """Wake the sync that claims `key`; harmless when it knows already."""
        for sync in self.claimants(key):
            self._on_edit(sync)

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
            known.spec = spec
            if known.entries == entries:
                return
            before, known.entries, known.inventory = known.inventory, entries, inventories.read(entries)
            for key in before.keys() - known.inventory.keys():
                self._unindex(key, sync.key)
            for key in known.inventory.keys() - before.keys():
                self._claimants[key] = (*self._claimants.get(key, ()), sync.key)

    def finish(self, sync: Key, leftovers: Iterable[Key]) -> None:
        """A pass of this sync has ended; these objects stay although Git does not name them."""
        with self._lock:
            known = self._syncs.get(sync)
            if known:
                known.ran, known.leftovers = True, frozenset(leftovers)

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
    """A sync that is suspended, or whose spec nobody understands, puts nothing back, so nothing waits for it."""
    if spec is None or spec.suspend:
        return DriftMode.WARN
    return spec.mode(key, _said(live))


def _said(live: Resource | None) -> str | None:
    return live.annotations.get(Annotation.DRIFT_MODE) if live else None


def _on_change(spec: GitSyncSpec | None, live: Resource | None) -> OnChange:
    default = spec.on_change if spec else OnChange.REJECT
    return OnChange.read(live.annotations.get(Annotation.ON_CHANGE) if live else None, default)
