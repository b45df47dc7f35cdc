"""The simulator's own time: real, scaled, or moved by hand.

Life cycles are timers on one heap. Whoever serves a call first runs what is due, so a client never sees a state that
time has already left; in the real and scaled modes a background thread runs them as well, because events must fire
without anybody reading. A callback gets the moment it was due, not the moment it ran: every time stamp is then
exact, however coarse the steps of a manual clock are.
"""

import heapq
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["real", "scaled", "manual"]
Callback = Callable[[float], None]

_LONGEST_NAP_S = 0.5  # a timer added by a call wakes the ticker anyway; this bounds a missed wake-up


def _ms(moment: float) -> float:
    return round(moment, 3)


@dataclass(order=True)
class _Timer:
    due: float
    order: int
    callback: Callback = field(compare=False)


class SimulatedClock:
    """Not locked by itself: `lock` is the world's, and every method but `now` wants it held."""

    def __init__(self, lock: threading.RLock, factor: float = 1.0) -> None:
        self._changed = threading.Condition(lock)
        self._timers: list[_Timer] = []
        self._added = 0
        self._stopped = True
        self._wall = time.monotonic()
        self._virtual = _ms(time.time())
        self.factor = factor
        self.mode: Mode = "real" if factor == 1.0 else "scaled"

    @property
    def pending(self) -> int:
        return len(self._timers)

    def now(self) -> float:
        """In whole milliseconds, as the service's time stamps are: sums of steps then compare equal."""
        if self.mode == "manual":
            return self._virtual
        return _ms(self._virtual + (time.monotonic() - self._wall) * self.factor)

    def set(self, mode: Mode, factor: float = 1.0) -> None:
        """Time goes on from where it is: it never jumps, and never back."""
        with self._changed:
            self._virtual, self._wall = self.now(), time.monotonic()
            self.mode, self.factor = mode, factor if mode == "scaled" else 1.0
            self._changed.notify_all()

    def after(self, at: float, seconds: float, callback: Callback) -> None:
        """Run the callback `seconds` after `at`, the moment its caller was due itself."""
        with self._changed:
            self._added += 1
            heapq.heappush(self._timers, _Timer(_ms(at + seconds), self._added, callback))
            self._changed.notify_all()

    def run_due(self) -> None:
        with self._changed:
            self._run_until(self.now())

    def advance(self, seconds: float) -> float:
        """Jump; timers in between run in order, each at its own moment."""
        with self._changed:
            target = _ms(self.now() + seconds)
            self._run_until(target)
            self._virtual, self._wall = target, time.monotonic()
            self._changed.notify_all()
            return target

    def clear(self) -> None:
        with self._changed:
            self._timers.clear()

    def _run_until(self, moment: float) -> None:
        while self._timers and self._timers[0].due <= moment:
            timer = heapq.heappop(self._timers)
            timer.callback(timer.due)

    def start(self) -> None:
        self._stopped = False
        threading.Thread(target=self._tick, name="simulator-clock", daemon=True).start()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _tick(self) -> None:
        with self._changed:
            while not self._stopped:
                if self.mode != "manual":
                    self._run_until(self.now())
                self._changed.wait(self._nap_s())

    def _nap_s(self) -> float:
        if self.mode == "manual" or not self._timers:
            return _LONGEST_NAP_S
        return min(_LONGEST_NAP_S, max(0.001, (self._timers[0].due - self.now()) / self.factor))
