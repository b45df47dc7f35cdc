"""What the sync's threads remember between passes, and what a pass returns to its caller."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler.core.manifests.parse import Rejection
from reconciler.core.manifests.render import RenderCache
from reconciler.core.resource import Key, Resource
from reconciler.core.sync.spec import GitSyncSpec
from reconciler.core.sync.status import SyncOutcome
from reconciler.runtime.sync.source import Found, Wants


@dataclass
class Memory:
    """What the process remembers of one sync. Lost at a restart, and then found again by one full pass."""

    key: Key
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held by the cluster half; the source half reads Git without it."""
    render: RenderCache = field(default_factory=RenderCache)
    wants: Wants = field(default_factory=Wants)
    spec: GitSyncSpec | None = None
    generation: int = 0
    """Of `spec`."""
    found: Found | None = None
    problem: SyncOutcome | None = None
    """Why Git could not be looked at; what was found before is kept true meanwhile."""
    refused: dict[Key, tuple[str, Rejection]] = field(default_factory=dict)
    """Hash and refusal: not tried again before the next look at Git."""
    status: Resource | None = None
    """The GitSync as our last write left it, ahead of the cache."""
    tokens: frozenset[str] = frozenset()
    settled: object = None
    """What the last pass without open ends had looked at; equal means that there is nothing to do."""


@dataclass(frozen=True)
class Result:
    """What the controller does next."""

    retry: bool = False
    complete: bool = True
    """False when something was refused that another try may find accepted."""
    again_s: float | None = None


class SyncCounts(NamedTuple):
    """What the passes have done since the start, or what one more has: for metrics and tests."""

    resolves: int = 0
    passes: int = 0
    applied: int = 0
    reverted: int = 0
    pruned: int = 0
    status_writes: int = 0
