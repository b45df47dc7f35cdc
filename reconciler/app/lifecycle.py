"""Parts that run: one list says in which order they start, and they stop in the reverse."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import NamedTuple

from reconciler.core.health import Loop


def _nothing() -> None:
    pass


def _no_loops() -> Iterable[Loop]:
    return ()


class ServicePart(NamedTuple):
    start: Callable[[], object] = _nothing
    stop: Callable[[], object] = _nothing
    loops: Callable[[], Iterable[Loop]] = _no_loops
    """Its threads, for `/healthz`; asked once it has started."""


class StoppedError(Exception):
    """Nothing starts any more."""


class Lifecycle:
    """Safe for threads: a stop waits for the part that is being started, and is the end of starting."""

    def __init__(self, watch: Callable[[Callable[[], Iterable[Loop]]], None]) -> None:
        """`watch` is given the loops of every part that has started."""
        self._watch = watch
        self._lock = threading.Lock()
        self._started = ExitStack()
        self._stopped = False

    def start(self, parts: Iterable[ServicePart]) -> None:
        """In order. A part that raises ends it: `stop` then stops those before it. StoppedError: a stop came first."""
        for part in parts:
            with self._lock:
                if self._stopped:
                    raise StoppedError
                part.start()
                self._started.callback(part.stop)
            self._watch(part.loops)

    def stop(self) -> None:
        """Everything that was started, the last first, whatever one of them raises."""
        with self._lock:
            self._stopped = True
        self._started.close()
