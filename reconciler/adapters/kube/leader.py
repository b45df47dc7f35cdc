"""Leader election by a Lease, and the answer to "may I still write?" at any moment: the `Leader` port.

Why not `kubernetes.leaderelection` (looked at in 37.0): it measures its deadlines with the wall clock, which jumps; it
offers no answer to "am I leader now" beside its callback, and notices a lost Lease only when its own thread gets to run,
so a process that was stopped and woken goes on as leader for a moment; it never releases the Lease, cannot be stopped
but by ending the process, and its requests have no time-out, so that one hanging renewal outlives the Lease.

The rules here. A candidate takes a Lease only when its holder let go, or when the record was seen unchanged for the whole
`lease_s`: nobody's wall clock is compared with another's. The leader counts itself leader until `renew_s` after the
*sending* of its last successful renewal, which is at least `lease_s - renew_s` before anyone else may take over; that
margin covers a write that was checked just before. Every write to the Lease is conditional on its resourceVersion.

The clock is CLOCK_BOOTTIME where there is one: like CLOCK_MONOTONIC it goes on while the process is stopped by a signal,
and unlike it also while the machine sleeps.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from reconciler.adapters.kube.api import LEASES
from reconciler.adapters.kube.client import KubeClient
from reconciler.core.errors import ConflictError, NotFoundError, ReconcileError, StaleError
from reconciler.core.health import Loop
from reconciler.core.ports import Clock

log = logging.getLogger(__name__)

LEASE_S = 15.0
RENEW_S = 10.0
RETRY_S = 2.0
DEADLINE_S = 300.0
"""Of one try: two requests that end after half of RENEW_S, and what is reported of the outcome."""

Callback = Callable[[], None]


def boottime() -> float:
    """Seconds that pass whatever happens to this process."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # Linux
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class LeaseName(NamedTuple):
    namespace: str
    name: str


@dataclass(frozen=True)
class LeaseTimes:
    """Raises ValueError unless retry_s < renew_s < lease_s: two could lead at once."""

    lease_s: float = LEASE_S
    renew_s: float = RENEW_S
    retry_s: float = RETRY_S
    seconds: Callable[[], float] = boottime
    """What they are measured by."""

    def __post_init__(self) -> None:
        if not self.retry_s < self.renew_s < self.lease_s:
            raise ValueError("retry_s < renew_s < lease_s must hold, or two could lead at once")


USUAL = LeaseTimes()


class AlwaysLeader:
    """For one replica without a Lease: development, and tests."""

    def is_leader(self) -> bool:
        return True


@dataclass(frozen=True)
class _Sighting:
    """A Lease as last read, and since when it has looked like that."""

    lease: dict[str, Any]
    since_s: float

    @property
    def holder(self) -> str:
        return str((self.lease.get("spec") or {}).get("holderIdentity") or "")

    @property
    def version(self) -> str:
        return str(self.lease["metadata"]["resourceVersion"])


class LeaderElector:
    """Runs from `start` to `stop`, once. `identity` must differ between replicas: a pod name, or host and process.

    Both callbacks run on the elector's thread. `on_started` must return at once. `on_stopped` may wait for passes to
    end: the Lease is lost by then, or on a graceful stop still held, and it is released only after.
    """

    def __init__(
        self,
        client: KubeClient,
        lease: LeaseName,
        identity: str,
        clock: Clock,
        *,
        times: LeaseTimes = USUAL,
        on_started: Callback = lambda: None,
        on_stopped: Callback = lambda: None,
    ) -> None:
        self._client = client
        self._namespace = lease.namespace
        self._name = lease.name
        self._identity = identity
        self._clock = clock
        self._lease_s = times.lease_s
        self._renew_s = times.renew_s
        self._retry_s = times.retry_s
        self._on_started = on_started
        self._on_stopped = on_stopped
        self._seconds = times.seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"leader-{lease.name}", daemon=True)
        self._leader_until_s = float("-inf")
        """Written by the thread alone; a float is replaced in one step, so readers need no lock."""
        self._leading = False
        self._seen: _Sighting | None = None
        self._beaten_at_s = 0.0

    def start(self) -> None:
        self._beaten_at_s = self._seconds()
        self._thread.start()

    def loops(self) -> tuple[Loop, ...]:
        silent_s = self._seconds() - self._beaten_at_s
        return (Loop(self._thread.name, self._thread.is_alive(), silent_s, DEADLINE_S),)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Step down, wait for `on_stopped`, let go of the Lease so that the next need not wait for its end."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def is_leader(self) -> bool:
        return self._seconds() < self._leader_until_s

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._beaten_at_s = self._seconds()
            if self._leading and not self.is_leader():
                self._step_down("the Lease could not be renewed in time")
            self._try()
            # Spread, so that candidates that started together do not keep colliding.
            self._stopping.wait(self._retry_s * random.uniform(1.0, 1.2))  # noqa: S311 - spreads load, guards nothing
        if self._leading:
            self._step_down("stopping")
            self._release()

    def _try(self) -> None:
        sent_s = self._seconds()
        try:
            mine = self._acquire_or_renew()
        except ReconcileError as error:
            log.warning("lease %s/%s: %s", self._namespace, self._name, error)
            return
        except Exception:
            log.exception("bug in the election for %s/%s", self._namespace, self._name)
            return
        if mine:
            self._leader_until_s = sent_s + self._renew_s
            if not self._leading:
                self._leading = True
                log.info("%s leads %s/%s", self._identity, self._namespace, self._name)
                self._tell(self._on_started)
        elif self._leading:
            self._step_down(f"the Lease is held by {self._seen.holder if self._seen else 'another'}")

    def _acquire_or_renew(self) -> bool:
        """Whether the Lease is ours now. A leader renews without reading: the PUT fails when anything moved."""
        if self._leading and self._seen is not None:
            try:
                self._write(self._seen)
            except (StaleError, NotFoundError):
                # Perhaps only the reply to our last renewal was lost; the Lease itself says.
                self._seen = None
            else:
                return True
        self._look()
        if self._seen is not None and not self._free(self._seen):
            return False
        try:
            self._write(self._seen)
        except (StaleError, ConflictError):
            self._seen = None  # another candidate was faster
            return False
        return True

    def _free(self, seen: _Sighting) -> bool:
        """Let go, ours, or standing still for as long as its holder asked for."""
        asked_s = float((seen.lease.get("spec") or {}).get("leaseDurationSeconds") or 0)
        stale = self._seconds() >= seen.since_s + max(self._lease_s, asked_s)
        return seen.holder in {"", self._identity} or stale

    def _write(self, seen: _Sighting | None) -> None:
        if seen is None:
            body = {"metadata": {"name": self._name}, "spec": self._spec(None)}
            self._saw(self._request("POST", "", body))
        else:
            self._saw(self._request("PUT", self._name, {**seen.lease, "spec": self._spec(seen)}))

    def _look(self) -> None:
        try:
            lease = self._request("GET", self._name, None)
        except NotFoundError:
            self._seen = None
            return
        if self._seen is None or self._seen.version != lease["metadata"]["resourceVersion"]:
            self._saw(lease)

    def _saw(self, lease: dict[str, Any]) -> None:
        self._seen = _Sighting(lease, self._seconds())

    def _spec(self, seen: _Sighting | None) -> dict[str, Any]:
        before = (seen.lease.get("spec") or {}) if seen else {}
        now = micro(self._clock.now())
        kept = seen is not None and seen.holder == self._identity
        return {
            **before,
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._lease_s)),
            "acquireTime": before.get("acquireTime", now) if kept else now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (0 if kept or seen is None else 1),
        }

    def _release(self) -> None:
        if self._seen is None:
            return
        spec = {**self._seen.lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            self._request("PUT", self._name, {**self._seen.lease, "spec": spec})
        except ReconcileError as error:
            log.info("lease %s/%s was not released: %s", self._namespace, self._name, error)

    def _step_down(self, why: str) -> None:
        log.warning("%s no longer leads %s/%s: %s", self._identity, self._namespace, self._name, why)
        self._leader_until_s = float("-inf")
        self._leading = False
        self._tell(self._on_stopped)

    def _tell(self, callback: Callback) -> None:
        try:
            callback()
        except Exception:
            log.exception("bug in a callback of the election for %s/%s", self._namespace, self._name)

    def _request(self, verb: Any, name: str, body: dict[str, Any] | None) -> dict[str, Any]:
        # Half of what a renewal may take, so that one that hangs leaves time for another; a throttled one is not waited for.
        answer: dict[str, Any] = self._client.request(
            verb, LEASES.path(self._namespace, name), None, body, timeout_s=self._renew_s / 2, patience_s=0.0
        )
        return answer


def micro(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
