"""A directory on disk as the tree that a commit of it would be: for `reconciler validate`, before anything is committed.

Implements `core.git.source.TreeSnapshot`. In a work tree of git only what git would commit is there: tracked files and new
ones that no `.gitignore` names. A directory that git ignores, or outside any work tree, is taken as it is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from reconciler.adapters.processes import Bounds, run
from reconciler.core.git.source import EXECUTABLE, REGULAR, SUBMODULE, SYMLINK, SourceError, TreeFile

__all__ = ["DirectorySnapshot", "work_tree"]

_LIST_TIMEOUT_S = 60.0


def work_tree(path: Path) -> Path | None:
    """The root of the work tree that a directory is in; None outside of one."""
    return next((there for there in (path, *path.parents) if (there / ".git").exists()), None)


class DirectorySnapshot:
    """Paths are those below `root`. A blob's id is its path: nothing is hashed that nobody reads."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def tree_id(self, path: str) -> str | None:
        """Equal for equal names, sizes and times below; for the one pass of a check that is enough."""
        there = self._root / path
        return hashlib.sha256(str(there).encode()).hexdigest() if there.is_dir() and not there.is_symlink() else None

    def entry(self, path: str) -> TreeFile | None:
        there = self._root / path
        if there.is_symlink() or there.is_file():
            return self._file(path)
        return None

    def files(self, path: str) -> Sequence[TreeFile]:
        names = self._committed(path) or sorted(self._walked(path))
        return [file for name in names if (file := self._file(name)) is not None]

    def read(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        for blob in sorted(set(blobs)):
            try:
                yield blob, (self._root / blob).read_bytes()
            except OSError as error:
                raise SourceError("RepositoryRejected", f"{blob}: {error.strerror}") from None

    def _file(self, path: str) -> TreeFile | None:
        try:
            found = (self._root / path).lstat()
        except OSError:  # tracked, and deleted in the work tree
            return None
        if stat.S_ISLNK(found.st_mode):
            return TreeFile(path, path, found.st_size, SYMLINK)
        if stat.S_ISDIR(found.st_mode):
            return TreeFile(path, path, 0, SUBMODULE)
        return TreeFile(path, path, found.st_size, EXECUTABLE if found.st_mode & stat.S_IXUSR else REGULAR)

    def _committed(self, path: str) -> list[str]:
        """What git would have in a commit; nothing where there is no git, no work tree, or all of it is ignored."""
        git = shutil.which("git")
        if git is None or work_tree(self._root / path) != self._root:
            return []
        command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", path or "."]
        try:
            done = run(command, os.environ, self._root, Bounds(_LIST_TIMEOUT_S))
        except SourceError:
            return []
        names = os.fsdecode(done.stdout).split("\0") if done.code == 0 else []
        return sorted({name.rstrip("/") for name in names if name})

    def _walked(self, path: str) -> Iterator[str]:
        for directory, below, files in os.walk(self._root / path):
            here = Path(directory)
            links = [name for name in below if (here / name).is_symlink()]
            below[:] = [name for name in below if name != ".git" and name not in links]
            for name in (*files, *links):
                yield str(PurePosixPath((here / name).relative_to(self._root)))
