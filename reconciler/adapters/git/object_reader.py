"""Objects by id from two `cat-file` processes that stay: one tells type and size, one the contents.

GitPython starts and ends them. Its own reading of their answers knows ids of 40 digits only and loses step at others, so
the few lines of that protocol are here. Not for several threads at once: `object_store.py` holds a lock.
"""

import contextlib
from pathlib import Path
from subprocess import PIPE
from typing import IO, cast

from git import Git

from reconciler.adapters.git.environment import GitHome

_Process = Git.AutoInterrupt


class BrokenReaderError(Exception):
    """An object is damaged, or git died over it."""


class ObjectReader:
    """Reads one repository. Starts its processes when first asked."""

    def __init__(self, path: Path, home: GitHome) -> None:
        # Not `Repo`: that looks around in our environment and in parent directories for a repository.
        self._git = Git(str(path))
        # GitPython hands our whole environment down; these win over what may have come in with it, say from a git hook.
        objects = {"GIT_OBJECT_DIRECTORY": str(path / "objects"), "GIT_ALTERNATE_OBJECT_DIRECTORIES": ""}
        self._git.update_environment(GIT_DIR=str(path), **home.local_environment, **objects)
        self._running: dict[str, _Process] = {}

    def close(self) -> None:
        """End the processes; they start again when something is asked."""
        for process in self._running.values():
            with contextlib.suppress(OSError):
                cast("IO[bytes]", process.stdin).close()  # their end of file
            process.wait()
        self._running.clear()

    def info(self, sha: str) -> tuple[str, int] | None:
        """Type and size; None when the object is not here."""
        return self._ask("batch_check", sha)[0]

    def contents(self, sha: str) -> tuple[str, bytes] | None:
        """Type and contents. Ask for the size first: all of it is read."""
        head, stdout = self._ask("batch", sha)
        if head is None:
            return None
        kind, size = head
        data = stdout.read(size)
        if len(data) != size or stdout.read(1) != b"\n":
            raise BrokenReaderError(sha)
        return kind, data

    def _ask(self, mode: str, sha: str) -> tuple[tuple[str, int] | None, IO[bytes]]:
        process = self._running.get(mode)
        if process is None:
            process = self._running[mode] = self._git.cat_file(istream=PIPE, as_process=True, **{mode: True})
        stdin, stdout = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        try:
            stdin.write(sha.encode() + b"\n")
            stdin.flush()
            words = stdout.readline().split()
        except OSError as error:
            raise BrokenReaderError(sha) from error
        if words == [sha.encode(), b"missing"]:
            return None, stdout
        if len(words) != 3 or words[0] != sha.encode():
            raise BrokenReaderError(sha)
        return (words[1].decode("ascii", "replace"), int(words[2])), stdout
