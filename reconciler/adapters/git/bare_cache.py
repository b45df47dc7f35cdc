"""Bare repositories on this disk, one per remote and object format, which may be lost, damaged or half written at any time.

All that keeps one usable is here: one writer at a time over threads and processes, whether what lies there can be trusted,
what it may cost in bytes and time, and recreating it. What is fetched into it, and what that is good for, is the affair
of `repositories.py` and `notes.py`. Nothing lives here that the remote or the outbox of the notes does not have.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from git import GitError

from reconciler.adapters.git.environment import GitHome, exclusive
from reconciler.adapters.git.errors import is_unclassed, translate
from reconciler.adapters.git.object_store import ObjectStore, ReadLimits
from reconciler.adapters.git.remotes import RemoteAccess
from reconciler.adapters.processes import Bounds, Finished, run
from reconciler.core.git.rules import RemoteUrl
from reconciler.core.git.source import RepositoryRejectedError, SourceError, is_sha
from reconciler.core.lru import Lru

_INIT = Bounds(30)
_CHECK = Bounds(120)
_SCRATCH = "scratch-"


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """What one repository of the cache may cost."""

    command_s: float
    """Of one command that talks to the remote, and of waiting for a turn."""
    repository_bytes: int
    tidy_after: int = 500
    """Commits written here."""
    open_repositories: int = 16
    """Whose readers go on running, two processes each, when another repository is asked for."""
    read: ReadLimits = field(default_factory=ReadLimits)


class CacheBusyError(SourceError):
    """Another thread or process did not end its turn in time."""

    def __init__(self, message: str) -> None:
        super().__init__("TimedOut", message)


class BareCaches:
    """All bare repositories below one directory. Safe for many threads; processes may share the directory."""

    def __init__(self, directory: Path, own_refs: str, home: GitHome, limits: CacheLimits) -> None:
        """`own_refs` is the prefix, `refs/snapshots/` say, below which a ref keeps what is complete here."""
        self.directory = directory
        self._own_refs = own_refs
        self._home = home
        self._limits = limits
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        self._caches: dict[str, BareCache] = {}

    @contextlib.contextmanager
    def on_disk(self) -> Iterator[None]:
        """The directory is there, also after somebody cleared it; what is wrong with the disk is a SourceError."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            yield
        except OSError as error:
            raise SourceError("GitOperationFailed", f"the cache cannot be used: {error.strerror or error}") from error

    @contextlib.contextmanager
    def turn(self, url: RemoteUrl) -> Iterator[int]:
        """The only writer for this URL, over all threads and processes; CacheBusyError when others go on for too long.

        Yields the descriptor of a file lock: a command that inherits it keeps the turn should this process be killed.
        """
        name, patience_s = _name(url), self._limits.command_s
        with self._lock:
            turn = self._turns.setdefault(name, threading.Lock())
        if not turn.acquire(timeout=patience_s):
            raise CacheBusyError("another fetch of this repository did not end in time")
        try:
            with contextlib.ExitStack() as stack:
                try:
                    descriptor = stack.enter_context(exclusive(self.directory / f"{name}.lock", patience_s))
                except TimeoutError:
                    raise CacheBusyError("another process fetches this repository") from None
                yield descriptor
        finally:
            turn.release()

    def cache(self, url: RemoteUrl, *, sha256: bool) -> BareCache:
        """The repository for this URL, not opened yet. Each object format needs one of its own."""
        name = _name(url) + ("-sha256" if sha256 else "")
        with self._lock:
            cache = self._caches.pop(name, None) or BareCache(
                self.directory / name, self._own_refs, self._home, self._limits, sha256=sha256
            )
            self._caches[name] = cache  # last used is last
            idle = list(self._caches.values())[: -self._limits.open_repositories]
        for other in idle:
            other.release()
        return cache

    def close(self) -> None:
        """End all reader processes; the repositories stay."""
        with self._lock:
            for cache in self._caches.values():
                cache.release()
            self._caches.clear()


class BareCache:
    """One bare repository. Whatever changes it, and `open`, only in a turn of its URL."""

    def __init__(self, path: Path, own_refs: str, home: GitHome, limits: CacheLimits, *, sha256: bool) -> None:
        self.path = path
        self.sha256 = sha256
        self._own_refs = own_refs
        self._home = home
        self._limits = limits
        self._store: ObjectStore | None = None
        self._complete: set[str] = set()
        # Commits that will be refused again: no interval downloads gigabytes to find that out again.
        self._refused: Lru[str, tuple[str, str]] = Lru(64)
        self._kept = 0

    @property
    def sound(self) -> ObjectStore | None:
        """The repository when it is open and nothing wrong was seen of it; for those who only read."""
        store = self._store
        return store if store is not None and not store.broken else None

    def open(self) -> ObjectStore:
        """The repository, recreated when it is not there or cannot be trusted."""
        if not self.path.exists() or (self._store is not None and self._store.broken):
            return self._rebuild()
        self._remove_leftovers()
        if self._store is None:
            self._store = self._judge()
        return self._store or self._rebuild()

    def release(self) -> None:
        """End the processes that read; they start again when something is read."""
        if self._store is not None:
            self._store.release()

    def own_ref(self, name: str) -> str:
        """Where we keep what `name` stands for. A digest: over time a remote may have both `a` and `a/b`, which no
        repository can hold at once.
        """
        return self._own_refs + hashlib.sha256(name.encode()).hexdigest()[:32]

    def holds(self, sha: str) -> bool:
        """Whether one of this cache's refs has the commit, and with it all of its history. An object alone proves nothing after a
        crash: such a ref is written when its commit is complete.
        """
        return sha in self._complete and self._store is not None and self._store.size(sha) is not None

    def holds_before(self, sha: str) -> bool:
        """Whether the commit is in the history of what one of this cache's refs has."""
        store = self._store
        return (
            store is not None
            and store.size(sha) is not None
            and any(store.is_ancestor(sha, tip) for tip in list(self._complete)[:20])
        )

    def fill(self, sha: str, download: Callable[[ObjectStore], None]) -> ObjectStore:
        """Have the commit here, below one of this cache's refs, which is what `download` does with `fetch`.

        Run once more, in a new repository, when it fails and the fault may be in this one. A commit that was refused as a
        whole stays refused: RepositoryRejectedError.
        """
        if refusal := self._refused.get(sha):
            raise RepositoryRejectedError(*refusal)
        store = self._opened
        try:
            download(store)
        except SourceError as error:
            if error.reason == "RepositoryTooLarge":
                self._rebuild()  # gives the disk back
            if not is_unclassed(error) or _healthy(store):
                if error.reason in ("RepositoryTooLarge", "RepositoryRejected"):
                    self._refused.put(sha, (error.message, error.reason))
                raise
            store = self._rebuild()
            download(store)
        self._complete.add(sha)
        return store

    def fetch(self, access: RemoteAccess, lock: int, *refspecs: str) -> None:
        """Run one fetch. `lock` is what the turn yielded. SourceError, also RepositoryTooLarge."""
        access.fetch(self.path, refspecs, self._bounds, lock)

    def push(self, access: RemoteAccess, refspec: str) -> Finished:
        """Run one push; see `RemoteAccess.push`."""
        return access.push(self.path, refspec, self._bounds)

    def commit_of(self, name: str) -> str:
        """The commit below our ref for `name`; "" when there is none."""
        done = self._opened.git("rev-parse", "--verify", "--quiet", self.own_ref(name))
        sha = done.stdout.decode("ascii", "replace").strip()
        return sha if is_sha(sha) else ""

    def keep(self, name: str, sha: str) -> None:
        """Have our ref for `name` at a commit that was written here. Each leaves loose objects behind: now and then
        they are cleared away.
        """
        store = self._opened
        store.git_text("update-ref", self.own_ref(name), sha)
        self._kept += 1
        if self._kept % self._limits.tidy_after == 0:
            store.git_text("gc", "--quiet", "--prune=now")

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A directory for files on their way into the repository; also gone after a crash, with the next turn."""
        with tempfile.TemporaryDirectory(dir=self.path, prefix=_SCRATCH) as name:
            yield Path(name)

    @property
    def _bounds(self) -> Bounds:
        limit = self._limits.repository_bytes
        return Bounds(self._limits.command_s, too_large=lambda: _object_bytes(self.path) > limit)

    @property
    def _opened(self) -> ObjectStore:
        assert self._store is not None  # noqa: S101 (by `open`)
        return self._store

    def _judge(self) -> ObjectStore | None:
        """What an earlier process left, if it can be opened. What our refs lack is then found out by reading."""
        try:
            store = ObjectStore(self.path, self._home, self._limits.read)
            refs = store.git("for-each-ref", "--format=%(objectname)", self._own_refs)
        except (GitError, OSError, ValueError):
            return None
        if refs.code != 0 or refs.stderr:
            return None
        self._complete = set(refs.stdout.decode("ascii", "replace").split())
        return store

    def _rebuild(self) -> ObjectStore:
        self.release()
        shutil.rmtree(self.path, ignore_errors=True)
        command = ["git", "init", "--quiet", "--bare", "--template="]
        command += ["--object-format=sha256"] if self.sha256 else []
        done = run([*command, "--", str(self.path)], self._home.local_environment, self.path.parent, _INIT)
        if done.code != 0:
            raise translate(done.stderr, ())
        self._complete = set()
        self._store = ObjectStore(self.path, self._home, self._limits.read)
        return self._store

    def _remove_leftovers(self) -> None:
        """What a killed git left: its locks would stop every later command. Nobody else works here: the turn is ours."""
        for pattern in ("*.lock", "refs/**/*.lock", "objects/**/*.lock", "objects/pack/tmp_*", "objects/tmp_*"):
            for leftover in self.path.glob(pattern):
                leftover.unlink(missing_ok=True)
        for leftover in self.path.glob(f"{_SCRATCH}*"):
            shutil.rmtree(leftover, ignore_errors=True)


def _name(url: RemoteUrl) -> str:
    return hashlib.sha256(url.text.encode()).hexdigest()[:32]


def _healthy(store: ObjectStore) -> bool:
    """Whether what our refs promise is all there: looked at only after a failure that has no other explanation."""
    try:
        return not store.broken and store.git("rev-list", "--objects", "--all", "--quiet", bounds=_CHECK).code == 0
    except SourceError:
        return False


def _object_bytes(path: Path) -> int:
    """Size of packs, loose objects and what is being received."""
    total = 0
    for file in (path / "objects").rglob("*"):
        with contextlib.suppress(OSError):  # git renames them under our eyes
            total += file.stat().st_size
    return total
