"""Reads one open bare repository on this disk by object id, and runs local commands in it.

Objects come from `object_reader.py`, so nothing is checked out: no link is followed, and no filter, hook, attribute or
submodule has a place to act. Every size is bounded. Knows no remote: `bare_cache.py` opens and fills the repository.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from git import GitError

from reconciler.adapters.git.environment import GitHome
from reconciler.adapters.git.errors import translate
from reconciler.adapters.git.object_reader import BrokenReaderError, ObjectReader
from reconciler.adapters.processes import Bounds, Finished, run
from reconciler.core.git.source import RepositoryRejectedError, SourceError
from reconciler.core.lru import Lru

_LOCAL = Bounds(60)


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What one commit may make us read."""

    files: int = 20_000
    depth: int = 32
    tree_bytes: int = 8 * 1024 * 1024
    blob_bytes: int = 4 * 1024 * 1024
    commits: int = 2_000  # of one provenance walk
    walk_s: float = 10.0


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One entry of one tree object; the name may carry surrogate escapes."""

    mode: int
    name: str
    sha: str


class ObjectStore:
    """An open bare repository. Safe for many threads: the reader is used by one at a time."""

    def __init__(self, path: Path, home: GitHome, limits: ReadLimits) -> None:
        self.path = path
        self.limits = limits
        self.broken = False
        self._home = home
        self._lock = threading.RLock()
        self._trees: Lru[str, tuple[TreeEntry, ...]] = Lru(4_096)
        self._sizes: Lru[str, int] = Lru(100_000)
        self._reader = ObjectReader(path, home)

    def release(self) -> None:
        """End the reader processes; they start again when something is read."""
        with self._lock:
            self._reader.close()

    def git(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        bounds: Bounds = _LOCAL,
        consume: Callable[[bytes], bool] | None = None,
    ) -> Finished:
        """Run one local command; `environment` is added to what all of them get."""
        command = ["git", f"--git-dir={self.path}", *arguments]
        return run(command, {**self._home.local_environment, **(environment or {})}, self.path, bounds, consume=consume)

    def git_text(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """What a local command says that can only fail in a damaged repository; SourceError CacheCorrupted then."""
        return self.checked(self.git(*arguments, environment=environment)).stdout.decode("ascii", "replace").strip()

    def checked(self, done: Finished) -> Finished:
        """The command, unless it failed: no remote was asked, so that is the repository's fault."""
        if done.code != 0:
            raise self._corrupted(translate(done.stderr, ()).message)
        return done

    def size(self, sha: str) -> int | None:
        """Size of an object in bytes; None when it is not here. SourceError CacheCorrupted: it is damaged."""
        with self._lock:
            if (known := self._sizes.get(sha)) is not None:
                return known
            try:
                found = self._reader.info(sha)
            except (BrokenReaderError, GitError, OSError) as error:
                raise self.missing(sha) from error
            return self._sizes.put(sha, found[1]) if found else None

    def load(self, sha: str, kind: str, limit: int) -> bytes:
        """Contents of an object that must be here; SourceError CacheCorrupted when it is not.

        RepositoryRejectedError for one of another `kind` ("commit", "tree", "blob") or of more than `limit` bytes.
        """
        size = self.size(sha)
        if size is None:
            raise self.missing(sha)
        if size > limit:
            raise RepositoryRejectedError(
                f"the {kind} {sha[:12]} has {size} bytes, more than the {limit} allowed", "RepositoryTooLarge"
            )
        with self._lock:
            try:
                found = self._reader.contents(sha)
            except (BrokenReaderError, GitError, OSError) as error:
                raise self.missing(sha) from error
        if found is None:
            raise self.missing(sha)
        if found[0] != kind:
            raise RepositoryRejectedError(f"{sha[:12]} is not a {kind}")
        return found[1]

    def tree(self, sha: str) -> tuple[TreeEntry, ...]:
        """The entries of a tree that must be here, as `load`; RepositoryRejectedError for one that is malformed."""
        with self._lock:
            known = self._trees.get(sha)
        if known is not None:
            return known
        entries = tuple(_tree_entries(self.load(sha, "tree", self.limits.tree_bytes), len(sha) // 2))
        with self._lock:
            return self._trees.put(sha, entries)

    def is_ancestor(self, sha: str, head: str) -> bool:
        """Whether `sha` is `head` or before it; False for commits that are unknown here."""
        return self.git("merge-base", "--is-ancestor", sha, head).code == 0

    def missing(self, sha: str) -> SourceError:
        """An object that must be here cannot be read."""
        return self._corrupted(f"object {sha[:12]} cannot be read from the cache; it will be rebuilt")

    def _corrupted(self, message: str) -> SourceError:
        """The cache lies: forget its readers; whoever opens it next has it recreated."""
        self.broken = True
        self.release()
        return SourceError("CacheCorrupted", message)


def _tree_entries(data: bytes, id_length: int) -> Iterator[TreeEntry]:
    position = 0
    while position < len(data):
        space, end = data.find(b" ", position), data.find(b"\0", position)
        name = data[space + 1 : end]
        if not position < space < end or end + id_length >= len(data) or not name or b"/" in name:
            raise RepositoryRejectedError("a directory of the repository is malformed")
        try:
            mode = int(data[position:space], 8)
        except ValueError:
            raise RepositoryRejectedError("a directory of the repository is malformed") from None
        position = end + 1 + id_length
        yield TreeEntry(mode, name.decode("utf-8", "surrogateescape"), data[end + 1 : position].hex())
