"""Waiting for a lock of another process, and saying so."""

import contextlib
import time
from collections.abc import Iterator

from reconciler.dev.files import Lock
from reconciler.dev.progress import Progress

_POLL_S = 0.2


@contextlib.contextmanager
def until_acquired(lock: Lock, doing: str, progress: Progress) -> Iterator[None]:
    """Hold the lock for the block, after whoever has it now is done; `doing` says what that one does."""
    said = False
    while not lock.try_acquire():
        holder = lock.holder()
        if holder and not said:
            progress.say(f"Another process ({holder}) {doing} already; waiting for it")
            progress.begin()
            said = True
        progress.update(f"Waiting for process {holder}, which {doing}")
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        lock.release()
