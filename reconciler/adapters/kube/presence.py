"""That one reconciler acts where no replicas are meant: without `--leader-election` a second one refuses to start.

The Lease is that of the election, so both ways of running see each other. Unlike an elected leader the one that is here goes on
while the API server is away: there is nobody who would take over. A Lease that nobody renews is taken, at once where its holder
was a process of this machine that is gone, else after it was watched for longer than a holder needs to renew it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from reconciler.adapters.kube.api import LEASES
from reconciler.adapters.kube.client import KubeClient
from reconciler.adapters.kube.leader import RETRY_S, LeaseName, boottime, micro
from reconciler.core.errors import (
    ConflictError,
    DeniedError,
    NotFoundError,
    PreconditionError,
    ReconcileError,
    StaleError,
)
from reconciler.core.health import Loop
from reconciler.core.ports import Clock

log = logging.getLogger(__name__)

WATCH_S = 3 * RETRY_S
_LOOK_S = 0.3
_DEADLINE_S = 300.0

Lease = dict[str, Any]


class Presence:
    """A `Leader` that leads from `start` on. `identity` is host and process; `on_lost` is called when another one took over."""

    def __init__(
        self, client: KubeClient, lease: LeaseName, identity: str, clock: Clock, on_lost: Callable[[], None]
    ) -> None:
        self._client = client
        self._lease = lease
        self._identity = identity
        self._clock = clock
        self._on_lost = on_lost
        self._lost = False
        self._ended = threading.Event()
        self._beaten_at_s = boottime()
        self._thread = threading.Thread(target=self._renew, name="presence", daemon=True)

    def is_leader(self) -> bool:
        return not self._lost

    def start(self) -> None:
        """Raise PreconditionError when another reconciler is here."""
        try:
            self._claim()
        except DeniedError as error:
            log.info("whether another reconciler is here is not known: %s", error)
            return
        self._thread.start()

    def stop(self) -> None:
        """Let go, so that the next one need not watch."""
        self._ended.set()
        if self._thread.ident is None:
            return
        self._thread.join(10)
        try:
            found = self._read()
            if found is not None and holder(found) == self._identity:
                self._write(found, "")
        except ReconcileError as error:
            log.info("lease %s/%s was not released: %s", *self._lease, error)

    def loops(self) -> tuple[Loop, ...]:
        if self._thread.ident is None:
            return ()
        return (Loop("presence", self._thread.is_alive(), boottime() - self._beaten_at_s, _DEADLINE_S),)

    def _claim(self) -> None:
        first: Lease | None = None
        since_s = boottime()
        while not self._ended.is_set():
            found = self._read()
            if found is None or self._is_free(found) or boottime() - since_s > WATCH_S:
                if self._take(found):
                    return
            elif first is None:
                first = found
                log.info("the Lease is held by %s; whether it is still here is seen in %.0f s", holder(found), WATCH_S)
            elif version(found) != version(first):
                raise PreconditionError(
                    f"another reconciler ({holder(found)}) works on this cluster, by the Lease {'/'.join(self._lease)}: this one "
                    "refuses to act beside it. End the other one, or run all of them with --leader-election"
                )
            self._ended.wait(_LOOK_S)

    def _is_free(self, lease: Lease) -> bool:
        return holder(lease) in ("", self._identity) or self._is_gone(holder(lease))

    def _is_gone(self, other: str) -> bool:
        """Whether it was a process of this machine that has ended; of other machines nobody knows."""
        host, _, pid = other.rpartition("-")
        if host != self._identity.rpartition("-")[0] or not pid.isdigit():
            return False
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    def _take(self, found: Lease | None) -> bool:
        try:
            self._write(found, self._identity)
        except (StaleError, ConflictError):
            return False  # somebody else was faster: look again
        return True

    def _renew(self) -> None:
        while not self._ended.wait(RETRY_S):
            self._beaten_at_s = boottime()
            try:
                found = self._read()
                if found is None or self._is_free(found):
                    self._take(found)
                    continue
            except ReconcileError:
                continue  # nobody else can come meanwhile either
            log.error("another reconciler (%s) took the Lease %s/%s: this one ends", holder(found), *self._lease)
            self._lost = True
            self._on_lost()
            return

    def _read(self) -> Lease | None:
        try:
            found: Lease = self._client.request("GET", LEASES.path(self._lease.namespace, self._lease.name))
        except NotFoundError:
            return None
        return found

    def _write(self, found: Lease | None, identity: str) -> None:
        spec = {"holderIdentity": identity, "leaseDurationSeconds": 15, "renewTime": micro(self._clock.now())}
        if found is None:
            body = {"metadata": {"name": self._lease.name}, "spec": spec}
            self._client.request("POST", LEASES.path(self._lease.namespace), None, body)
            return
        path = LEASES.path(self._lease.namespace, self._lease.name)
        self._client.request("PUT", path, None, {**found, "spec": {**(found.get("spec") or {}), **spec}})


def holder(lease: Lease) -> str:
    return str((lease.get("spec") or {}).get("holderIdentity") or "")


def version(lease: Lease) -> str:
    return str(lease["metadata"]["resourceVersion"])
