"""What the service's threads report of themselves to `/healthz` and to metrics; `core/health.py` judges it.

`Vitals` holds whom to ask. Most threads work a queue, which knows what is being worked on and since when: a `Pool` runs them
and says all there is to say of them. For the others there is `Busy`, which is called when something begins and ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, ParamSpec, TypeVar

from reconciler.core.health import Loop, ailing
from reconciler.core.resource import Key
from reconciler.runtime.queue import WorkQueue

P = ParamSpec("P")
T = TypeVar("T")


class Vitals:
    """All that must live, from its start on: a replica that waits for its Lease has little to show."""

    def __init__(self) -> None:
        self._watched: list[Callable[[], Iterable[Loop]]] = []

    def watch(self, *loops: Callable[[], Iterable[Loop]]) -> None:
        self._watched.extend(loops)

    def loops(self) -> Iterator[Loop]:
        """All that is watched now, well or not."""
        return (loop for describe in tuple(self._watched) for loop in describe())

    def problems(self) -> list[str]:
        return ailing(self.loops())


class Pool(NamedTuple):
    """Threads that work a queue."""

    name: str
    queue: WorkQueue[Key]
    threads: list[threading.Thread]
    deadline_s: float
    """What one pass may take."""

    def start(self, work: Callable[[Key], None], *names: str) -> None:
        """A thread for each name. What `work` raises ends the thread, which `loops` then reports."""
        for name in names:
            thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
            thread.start()
            self.threads.append(thread)

    def stop(self, timeout_s: float | None = None) -> None:
        """Nothing new starts; passes under way are waited for, so long for each thread."""
        self.queue.close()
        for thread in self.threads:
            thread.join(timeout_s)

    def _run(self, work: Callable[[Key], None]) -> None:
        while (key := self.queue.get()) is not None:
            try:
                work(key)
            finally:
                self.queue.done(key)

    def loops(self) -> Iterator[Loop]:
        yield from _ended(self.threads)
        key, seconds = self.queue.longest_pass() or ("", 0.0)
        yield Loop(self.name, True, seconds, self.deadline_s, str(key))
        yield Loop(self.name, True, self.queue.stalled_s(), self.deadline_s, "nothing is taken from its queue")


class Busy:
    """What is being done in threads that work no queue, and since when. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._doing: dict[object, tuple[str, float]] = {}

    def run(self, what: str, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        mark = object()
        with self._lock:
            self._doing[mark] = what, self._monotonic()
        try:
            return work(*args, **kwargs)
        finally:
            with self._lock:
                del self._doing[mark]

    def loops(self, name: str, threads: Sequence[threading.Thread], deadline_s: float) -> Iterator[Loop]:
        """`threads` are those that must live; what is busy may be others, of a pool of theirs."""
        yield from _ended(threads)
        with self._lock:
            what, since = min(self._doing.values(), key=lambda entry: entry[1], default=("", self._monotonic()))
        yield Loop(name, True, self._monotonic() - since, deadline_s, what)


def _ended(threads: Sequence[threading.Thread]) -> Iterator[Loop]:
    return (Loop(thread.name, alive=False) for thread in threads if not thread.is_alive())
