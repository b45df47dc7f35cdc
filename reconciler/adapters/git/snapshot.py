"""One commit of a cached repository as the sync reads it: its files, its ancestors and who changed what.

Everything is counted and bounded, because the author of a repository may wish us ill. Knows no remote.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath

from reconciler.adapters.git.object_store import ObjectStore, TreeEntry
from reconciler.adapters.processes import Bounds
from reconciler.core.git.source import (
    SUBMODULE,
    Commit,
    Provenance,
    RepositoryRejectedError,
    Revision,
    SourceError,
    TreeFile,
    is_sha,
)

_DIRECTORY = 0o040000
_COMMIT_BYTES = 1024 * 1024
_LATIN = frozenset({"latin-1", "latin1", "iso-8859-1", "iso8859-1"})


class CachedSnapshot:
    """`core.git.source.CommitSnapshot` over an ObjectStore."""

    def __init__(self, store: ObjectStore, revision: Revision) -> None:
        self._store = store
        self._limits = store.limits
        self.revision = revision
        self._root, self.commit = _commit(revision.sha, store.load(revision.sha, "commit", _COMMIT_BYTES))

    def tree_id(self, path: str) -> str | None:
        found = self._root
        for position, part in enumerate(parts := PurePosixPath(path).parts):
            entry = next((entry for entry in self._store.tree(found) if entry.name == part), None)
            if entry is None:
                return None
            if entry.mode != _DIRECTORY:
                raise SourceError("InvalidPath", f"{'/'.join(parts[: position + 1])} is not a directory")
            found = entry.sha
        return found

    def entry(self, path: str) -> TreeFile | None:
        above, _, name = path.rpartition("/")
        tree = self.tree_id(above)
        found = next((entry for entry in self._store.tree(tree) if entry.name == name), None) if tree else None
        return TreeFile(path, found.sha, self._size(found), found.mode) if found and found.mode != _DIRECTORY else None

    def files(self, path: str) -> Sequence[TreeFile]:
        root = self.tree_id(path)
        found: list[TreeFile] = []
        pending = [(PurePosixPath(path).as_posix().removeprefix("."), root, 0)] if root else []
        seen = 0
        while pending:
            above, tree, depth = pending.pop()
            if depth > self._limits.depth:
                raise RepositoryRejectedError(f"directories are nested more than {self._limits.depth} levels deep")
            for entry in self._store.tree(tree):
                # Directories count too: trees that share subtrees are small in Git and endless when walked.
                seen += 1
                if seen > self._limits.files:
                    raise RepositoryRejectedError(f"more than {self._limits.files} files", "RepositoryTooLarge")
                name = f"{above}/{entry.name}" if above else entry.name
                if entry.mode == _DIRECTORY:
                    pending.append((name, entry.sha, depth + 1))
                else:
                    found.append(TreeFile(name, entry.sha, self._size(entry), entry.mode))
        return sorted(found, key=lambda file: file.path)

    def _size(self, entry: TreeEntry) -> int:
        if entry.mode == SUBMODULE:  # a commit of another repository
            return 0
        size = self._store.size(entry.sha)
        if size is None:
            raise self._store.missing(entry.sha)
        return size

    def read(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        for blob in blobs:
            yield blob, self._store.load(blob, "blob", self._limits.blob_bytes)

    def contains(self, sha: str) -> bool:
        if not is_sha(sha):
            return False
        return sha == self.revision.sha or self._store.is_ancestor(sha, self.revision.sha)

    def provenance(self, since: str | None, paths: Iterable[str]) -> Mapping[str, Provenance]:
        """See `CommitSnapshot`. What did not change since `since` is looked for before it, within the same bounds."""
        wanted = dict.fromkeys(paths)
        found: dict[str, str] = {}
        if since and since != self.revision.sha and is_sha(since) and self._store.size(since) is not None:
            found = _HistoryWalk(self._store, wanted).newest(self.revision.sha, f"^{since}")
        missing = [path for path in wanted if path not in found]
        if missing:
            found |= _HistoryWalk(self._store, missing).newest(self.revision.sha)
        commits = {sha: self._load_commit(sha) for sha in set(found.values())}
        head = Provenance(self.commit, approximate=True)
        return {path: Provenance(commits[found[path]]) if path in found else head for path in wanted}

    def _load_commit(self, sha: str) -> Commit:
        return _commit(sha, self._store.load(sha, "commit", _COMMIT_BYTES))[1]


class _HistoryWalk:
    """One `git log`, read while it runs and ended as soon as every path was met."""

    _PATHS = 100  # more make git slower than looking at everything

    def __init__(self, store: ObjectStore, paths: Iterable[str]) -> None:
        self._store = store
        self._paths = list(paths)
        self._missing = set(self._paths)
        self._found: dict[str, str] = {}
        self._tail = b""
        self._commit = ""
        self._path_follows = False

    def newest(self, *revisions: str) -> dict[str, str]:
        """Path to commit. Raw output: a path always follows a line that starts with a colon, so no name can pose as a commit."""
        if not self._missing:
            return {}
        limits = self._store.limits
        narrowed = self._paths if len(self._paths) <= self._PATHS else []
        command = [
            "log",
            "-z",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            "--no-merges",
            "--format=%H",
            f"--max-count={limits.commits}",
        ]
        # Out of time is out of bounds: what was found counts, the rest is approximate.
        with contextlib.suppress(SourceError):
            self._store.git(*command, *revisions, "--", *narrowed, bounds=Bounds(limits.walk_s), consume=self._take)
        return self._found

    def _take(self, piece: bytes) -> bool:
        *tokens, self._tail = (self._tail + piece).split(b"\0")
        for token in tokens:
            if self._path_follows:
                self._path_follows = False
                path = token.decode("utf-8", "surrogateescape")
                if path in self._missing:
                    self._missing.discard(path)
                    self._found[path] = self._commit
            elif token.lstrip(b"\n").startswith(b":"):
                self._path_follows = True
            else:
                self._commit = token.strip().decode("ascii", "replace")
        return bool(self._missing)


def _commit(sha: str, data: bytes) -> tuple[str, Commit]:
    """Root tree and the commit. Parsed here, because a commit names its own text encoding and some of those are traps."""
    head, _, message = data.partition(b"\n\n")
    fields: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        fields.setdefault(key, value)
    tree = fields.get(b"tree", b"").decode("ascii", "replace")
    if not is_sha(tree):
        raise RepositoryRejectedError(f"the commit {sha[:12]} is malformed")
    encoding = "latin-1" if fields.get(b"encoding", b"").decode("ascii", "replace").lower() in _LATIN else "utf-8"
    author = fields.get(b"author", b"").partition(b"<")[0].decode(encoding, "replace")
    subject = message.strip().partition(b"\n")[0].decode(encoding, "replace")
    return tree, Commit.of(sha, author, subject, _when(fields.get(b"committer", b"")))


def _when(committer: bytes) -> datetime:
    """The committer's time. A time that no calendar has becomes the epoch."""
    try:
        return datetime.fromtimestamp(int(committer.rpartition(b">")[2].split()[0]), UTC)
    except (ValueError, IndexError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
