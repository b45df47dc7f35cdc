"""One writer per repository and ref, by a Lease that is held only while there is something to write: an idle service
renews nothing. Two clusters write to two refs, so only replicas of one service ever wait for one another here.

Correctness does not hang on it: pushes are never forced and lines carry ids, so two writers cost rejected pushes alone.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from reconciler.core.ports import Leader

LEASE_PREFIX = "sagemaker-gitops-notes-"
PATIENCE_S = 25.0
"""Longer than a dead replica's Lease lasts."""


class Leases(Protocol):
    def held(self, digest: str) -> AbstractContextManager[Leader | None]:
        """Hold the Lease of a target for the block; None when another kept it."""
        ...


class Elector(Protocol):
    """`adapters.kube.leader.LeaderElector` does this."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def is_leader(self) -> bool: ...


class HeldLeases:
    """Implements `Leases`: an election for each use, begun by `make(lease name, what to call when it is won)`."""

    def __init__(self, make: Callable[[str, Callable[[], None]], Elector], patience_s: float = PATIENCE_S) -> None:
        self._make = make
        self._patience_s = patience_s

    @contextlib.contextmanager
    def held(self, digest: str) -> Iterator[Leader | None]:
        won = threading.Event()
        elector = self._make(LEASE_PREFIX + digest, won.set)
        elector.start()
        try:
            yield elector if won.wait(self._patience_s) else None
        finally:
            elector.stop()


class _Alone:
    def is_leader(self) -> bool:
        return True


class NoLeases:
    """Implements `Leases` for a service of one replica."""

    @contextlib.contextmanager
    def held(self, digest: str) -> Iterator[Leader | None]:  # noqa: ARG002 - nobody to tell apart
        yield _Alone()
