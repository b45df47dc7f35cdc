"""A local clone, read with git's plumbing: files and notes at commits. Nothing is fetched, checked out or written.

The repository and its configuration are the caller's own; plumbing runs neither hooks nor external diffs.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.errors import PreconditionError
from reconciler.core.notes.text import ParsedLine, parse

FETCH_NOTES = "git fetch origin 'refs/notes/*:refs/notes/*'"
_LONGEST_S = 60
_BATCH = 1000
_COMMIT = re.compile("[0-9a-f]{7,64}")


@dataclass(frozen=True)
class CommitSummary:
    """What a clone says of a commit."""

    commit: str
    author: str
    at: str
    subject: str


class Clone:
    def __init__(self, directory: str) -> None:
        self._directory = directory
        if self._git("rev-parse", "--git-dir") is None:
            raise PreconditionError(f"{directory} is no clone of a Git repository; name one with --repo")

    def resolve(self, revision: str) -> str:
        """The full id of a commit by whatever git takes for it; empty when there is none."""
        found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return found.decode().strip() if found else ""

    def file(self, commit: str, path: str) -> str | None:
        """None when the commit or the file is not there. The commit comes from annotations, so it might be anything."""
        if not _COMMIT.fullmatch(commit):
            return None
        found = self._git("cat-file", "blob", f"{commit}:{path}")
        return None if found is None else found.decode("utf-8", "replace")

    def summary(self, commit: str) -> CommitSummary | None:
        found = self._git(
            "show", "--no-patch", "--no-notes", "--no-show-signature", "--format=%H%x00%an%x00%aI%x00%s", commit
        )
        parts = found.decode("utf-8", "replace").rstrip("\n").split("\0") if found else []
        return CommitSummary(*parts) if len(parts) == 4 else None

    def notes(self) -> dict[str, tuple[ParsedLine, ...]]:
        """The lines of this project in every note ref, by commit, oldest first."""
        blobs: list[tuple[str, str]] = []
        for ref in self._lines("for-each-ref", "--format=%(refname)", "refs/notes/"):
            for entry in self._lines("notes", f"--ref={ref}", "list"):
                blob, _, commit = entry.partition(" ")
                blobs.append((blob, commit))
        texts = self._blobs({blob for blob, _ in blobs})
        found: dict[str, dict[str, ParsedLine]] = {}
        for blob, commit in blobs:
            lines = found.setdefault(commit, {})
            lines |= {line.id: line for line in parse(texts.get(blob, ""))}
        ordered = {commit: sorted(lines.values(), key=lambda line: line.at) for commit, lines in found.items()}
        return {commit: tuple(lines) for commit, lines in ordered.items() if lines}

    def _blobs(self, ids: Iterable[str]) -> Mapping[str, str]:
        """Their texts, a process for a thousand of them: what is asked for fits into the pipe while answers are read."""
        wanted = sorted(ids)
        return dict(
            pair for start in range(0, len(wanted), _BATCH) for pair in self._batch(wanted[start : start + _BATCH])
        )

    def _batch(self, ids: list[str]) -> Iterator[tuple[str, str]]:
        answer = self._git("cat-file", "--batch", stdin="".join(f"{id_}\n" for id_ in ids).encode()) or b""
        while answer:
            head, _, answer = answer.partition(b"\n")
            words = head.decode().split()
            if len(words) == 3:
                size = int(words[2])
                yield words[0], answer[:size].decode("utf-8", "replace")
                answer = answer[size + 1 :]

    def _lines(self, *arguments: str) -> list[str]:
        return (self._git(*arguments) or b"").decode("utf-8", "replace").splitlines()

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes | None:
        try:
            ended = subprocess.run(
                ["git", "-C", self._directory, *arguments],
                input=stdin,
                capture_output=True,
                timeout=_LONGEST_S,
                check=False,
            )
        except FileNotFoundError:
            raise PreconditionError("git is not in PATH; --repo needs it") from None
        except subprocess.TimeoutExpired:
            raise PreconditionError(
                f"git {arguments[0]} took longer than {_LONGEST_S} s in {self._directory}"
            ) from None
        return ended.stdout if ended.returncode == 0 else None
