"""Events as wake-ups: a thread of its own that waits for messages and passes on what they hint at.

Nothing depends on it. A queue that is away, denied or full of nonsense costs a warning and is asked again later; the
sweeps find everything without it, only later. A message is deleted after its hints were passed on, whatever was in it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from reconciler.core.aws.remote import RemoteKinds
from reconciler.core.aws.wakeups import Hint, hints
from reconciler.core.errors import ReconcileError
from reconciler.core.health import Loop
from reconciler.runtime.liveness import Busy
from reconciler.runtime.observe.sweep import jitter

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 300.0
DEADLINE_S = 300.0
"""Of one poll, which SQS holds for 20 s, and of deleting what it brought."""
_FAREWELL_S = 0.5
"""How long a stop waits for a poll under way; what it still brings is neither passed on nor deleted."""


class Queue(Protocol):
    def receive(self) -> Sequence[Any]:
        """Messages with a `body`."""

    def delete(self, messages: Sequence[Any]) -> None: ...


class EventsListener:
    def __init__(self, queue: Queue, remotes: RemoteKinds, hint: Callable[[Hint], None]) -> None:
        self._queue = queue
        self._remotes = remotes
        self._hint = hint
        self._stopping = threading.Event()
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="events-queue", daemon=True)
        self._busy = Busy(time.monotonic)

    def start(self) -> None:
        self._thread.start()

    def loops(self) -> Iterator[Loop]:
        return self._busy.loops("events-queue", [self._thread], DEADLINE_S)

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_FAREWELL_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._busy.run("a poll", self._poll)
                if self._failures:
                    log.info("the queue of events answers again")
                self._failures = 0
            except ReconcileError as error:
                self._failed(error)
            except Exception as error:
                log.exception("bug while listening to events")
                self._failed(error)

    def _poll(self) -> None:
        messages = self._queue.receive()
        if not messages or self._stopping.is_set():
            return
        for hint in {hint for message in messages for hint in hints(message.body, self._remotes)}:
            self._hint(hint)
        self._queue.delete(messages)

    def _failed(self, error: Exception) -> None:
        if not self._failures:
            log.warning("the queue of events cannot be read, changes are found by sweeps alone: %s", error)
        pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(self._failures, 16))
        self._failures += 1
        self._stopping.wait(pause * jitter(0.2))
