"""Who sweeps next: fair between tenants, a page at a time.

A tenant has at most one page under way, so one whose account answers slowly, throttles or refuses its credentials takes
one thread and no more; whoever was served longest ago is next, among tenants and among the sweeps of each. A page that the
limiter holds back takes no thread at all: it is asked for again when its turn comes.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from reconciler.core.errors import RateLimitedError, ReconcileError, ThrottledError
from reconciler.core.health import Loop
from reconciler.core.ports import Clock
from reconciler.core.resource import Key
from reconciler.runtime.liveness import Busy
from reconciler.runtime.observe.sweep import Sweep

log = logging.getLogger(__name__)

_THREADS = 8
_FAREWELL_S = 0.5
DEADLINE_S = 300.0
"""Of one page, which is answered, or timed out, in half a minute."""


class Reads(Protocol):
    def read(self, tenant: Any, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]: ...


@dataclass
class _Lane:
    """One tenant's sweeps."""

    tenant: Any
    sweeps: list[Sweep] = field(default_factory=list)
    busy: bool = False
    turn: int = 0


class Sweeper:
    """`lock` guards the sweeps; it is not held while a page is asked for, nor while anybody is woken."""

    def __init__(self, aws: Reads, clock: Clock, lock: threading.RLock, wake: Callable[[Key], None]) -> None:
        self._aws = aws
        self._clock = clock
        self._wake = wake
        self._changed = threading.Condition(lock)
        self._lanes: dict[Any, _Lane] = {}
        self._turns = itertools.count(1)
        self._stopped = False
        self._threads: list[threading.Thread] = []
        self._busy = Busy(clock.monotonic)

    def add(self, tenant: Any, sweep: Sweep) -> None:
        self._lanes.setdefault(tenant, _Lane(tenant)).sweeps.append(sweep)

    def changed(self) -> None:
        """Something may be due earlier than it was. The lock is held."""
        self._changed.notify()

    def start(self) -> None:
        for number in range(_THREADS):
            thread = threading.Thread(target=self._run, name=f"sweep-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Nothing new is asked for. What a page under way would still show, nobody needs: an AWS that is silent holds up no stop."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        deadline = self._clock.monotonic() + _FAREWELL_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock.monotonic()))

    def loops(self) -> Iterator[Loop]:
        return self._busy.loops("observer", self._threads, DEADLINE_S)

    def run_due(self) -> None:
        """All that is due now, in this thread: what the others would do if time stood still."""
        while True:
            with self._changed:
                picked, _ = self._pick()
            if picked is None:
                return
            self._page(*picked)

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopped:
                    return
                picked, wait_s = self._pick()
                if picked is None:
                    self._changed.wait(wait_s)
            if picked is not None:
                self._busy.run("a page of a sweep", self._page, *picked)

    def _pick(self) -> tuple[tuple[_Lane, Sweep] | None, float | None]:
        """The next page's sweep, its lane taken; else how long nothing is due."""
        now = self._clock.monotonic()
        due: list[tuple[int, int, _Lane, Sweep]] = []
        nearest: float | None = None
        for lane in self._lanes.values():
            if lane.busy:
                continue  # its end is reported
            for sweep in lane.sweeps:
                at = sweep.due_at()
                if at is not None and at <= now:
                    due.append((lane.turn, sweep.turn, lane, sweep))
                elif at is not None:
                    nearest = at if nearest is None else min(nearest, at)
        if not due:
            return None, None if nearest is None else nearest - now
        *_, lane, sweep = min(due, key=lambda one: one[:2])
        lane.busy, lane.turn, sweep.turn = True, next(self._turns), next(self._turns)
        self._changed.notify()  # another thread takes the next lane, or waits for the next moment in this one's place
        return (lane, sweep), None

    def _page(self, lane: _Lane, sweep: Sweep) -> None:
        woken: set[Key] = set()
        try:
            with self._changed:
                asked_at, ask = self._clock.monotonic(), sweep.next_page()
            answer = self._aws.read(lane.tenant, ask.operation, ask.params)
            with self._changed:
                woken |= sweep.take(answer, asked_at)
            self._log_once(sweep, ask.operation, None)
        except RateLimitedError as error:
            with self._changed:
                sweep.postpone(error.retry_after_s)
        except ReconcileError as error:
            self._log_once(sweep, ask.operation, error)
            with self._changed:
                woken |= sweep.fail(error)
        except Exception as error:
            log.exception("bug in a sweep")
            with self._changed:
                woken |= sweep.fail(ReconcileError(f"bug in a sweep: {type(error).__name__}"))
        finally:
            with self._changed:
                lane.busy = False
                self._changed.notify()
        for key in woken:
            self._wake(key)

    def _log_once(self, sweep: Sweep, operation: str, error: ReconcileError | None) -> None:
        """Once when it begins to fail in a way, and once when it works again."""
        if isinstance(error, ThrottledError):
            return  # normal: the limiter learns from it
        if error is None and sweep.fault:
            log.info("%s works again", operation)
        elif error is not None and sweep.fault != error.reason:
            log.warning("%s does not work, nothing is concluded from it: %s", operation, error)
        sweep.fault = error.reason if error else ""
