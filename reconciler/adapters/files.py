"""Watches the refs of local bare repositories (`file://` remotes), so that a push is seen at once in development.

A hint and no more: the interval looks anyway, and what the hint leads to is an ordinary look at the remote. One push writes
several files; they become one call.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

log = logging.getLogger(__name__)

DEBOUNCE_S = 0.05
_INTERESTING = ("HEAD", "packed-refs")
_WRITES = frozenset({"created", "modified", "moved", "deleted"})


class LocalRefWatcher:
    """Implements `runtime.sync.ports.RefWatcher`. `wake` is called from a thread of its own and must only enqueue."""

    def __init__(self, debounce_s: float = DEBOUNCE_S) -> None:
        self._debounce_s = debounce_s
        self._lock = threading.Lock()
        self._observer: BaseObserver | None = None
        self._followed: dict[str, tuple[str, list[ObservedWatch], _DirectoryHandler]] = {}

    def stop(self) -> None:
        with self._lock:
            for _, _, handler in self._followed.values():
                handler.debounced.cancel()
            self._followed.clear()
            observer, self._observer = self._observer, None
        if observer:
            observer.stop()
            observer.join(5)

    def follow(self, name: str, url: str, wake: Callable[[], None]) -> None:
        """Replace what `name` follows. A URL that is not a local directory is followed by nobody."""
        with self._lock:
            known = self._followed.get(name)
            if known and known[0] == url:
                return
            self._drop(name)
            directory = _git_directory(url)
            if directory is None:
                return
            handler = _DirectoryHandler(directory, _Debounced(wake, self._debounce_s))
            try:
                watches = [
                    self._running().schedule(handler, str(directory), recursive=False),
                    self._running().schedule(handler, str(directory / "refs"), recursive=True),
                ]
            except OSError as error:
                # Out of inotify watches: the interval still looks.
                log.warning("%s is not watched: %s", directory, error)
                return
            self._followed[name] = (url, watches, handler)

    def unfollow(self, name: str) -> None:
        with self._lock:
            self._drop(name)

    def _drop(self, name: str) -> None:
        known = self._followed.pop(name, None)
        if known is None:
            return
        _, watches, handler = known
        handler.debounced.cancel()
        # watchdog shares one watch per path: another sync of the same repository would lose it with us.
        others = {watch for _, theirs, _ in self._followed.values() for watch in theirs}
        for watch in watches:
            if self._observer is None:
                return
            if watch in others:
                self._observer.remove_handler_for_watch(handler, watch)
            else:
                self._observer.unschedule(watch)

    def _running(self) -> BaseObserver:
        if self._observer is None:
            self._observer = Observer()
            self._observer.daemon = True
            self._observer.start()
        return self._observer


class _DirectoryHandler(FileSystemEventHandler):
    def __init__(self, directory: Path, debounced: _Debounced) -> None:
        self._directory = directory
        self.debounced = debounced

    def on_any_event(self, event: FileSystemEvent) -> None:
        # Reading a ref is an event too (opened, closed): our own ls-remote must not wake us.
        if event.event_type not in _WRITES:
            return
        for text in filter(None, (event.src_path, event.dest_path)):
            path = Path(str(text))
            refs = self._directory / "refs"
            # Notes are what we write ourselves: they must not wake us.
            ours = refs / "notes" in (path, *path.parents)
            if path.name in _INTERESTING or (refs in path.parents and not ours and path.suffix != ".lock"):
                self.debounced.call()
                return


class _Debounced:
    def __init__(self, wake: Callable[[], None], delay_s: float) -> None:
        self._wake = wake
        self._delay_s = delay_s
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def call(self) -> None:
        """The first event of a burst starts the clock; later ones do not push it away."""
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(self._delay_s, self._fire)
                self._timer.daemon = True
                self._timer.start()

    def cancel(self) -> None:
        with self._lock:
            if self._timer:
                self._timer.cancel()

    def _fire(self) -> None:
        with self._lock:
            self._timer = None
        self._wake()


def _git_directory(url: str) -> Path | None:
    parts = urlsplit(url)
    if parts.scheme != "file":
        return None
    path = Path(unquote(parts.path))
    for candidate in (path, path / ".git"):
        if (candidate / "refs").is_dir() and (candidate / "HEAD").is_file():
            return candidate.resolve()
    return None
