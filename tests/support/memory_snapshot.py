"""A commit in memory: `core.git.source.CommitSnapshot` without git, for rules that only read."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from reconciler.core.git.source import REGULAR, Commit, Provenance, Revision, TreeFile

_SHA = "a" * 40


@dataclass
class MemorySnapshot:
    """`modes` marks links (0o120000) and submodules (0o160000). `reads` counts the blobs that were asked for."""

    contents: Mapping[str, str | bytes]
    modes: Mapping[str, int] = field(default_factory=dict)
    reads: int = 0
    revision: Revision = field(default_factory=lambda: Revision("main", _SHA))
    commit: Commit = field(default_factory=lambda: Commit.of(_SHA, "Ada", "Change", datetime(2026, 1, 1, tzinfo=UTC)))

    def tree_id(self, path: str) -> str | None:
        below = sorted(
            (file.path, file.blob, file.mode) for file in self._all() if not path or file.path.startswith(path + "/")
        )
        return hashlib.sha1(repr(below).encode(), usedforsecurity=False).hexdigest() if below else None

    def entry(self, path: str) -> TreeFile | None:
        return next((file for file in self._all() if file.path == path), None)

    def files(self, path: str) -> Sequence[TreeFile]:
        return [file for file in self._all() if not path or file.path.startswith(path + "/")]

    def read(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        by_blob = {_blob(content): content for content in map(_bytes, self.contents.values())}
        for blob in blobs:
            self.reads += 1
            yield blob, by_blob[blob]

    def contains(self, sha: str) -> bool:
        return sha == _SHA

    def provenance(self, since: str | None, paths: Iterable[str]) -> Mapping[str, Provenance]:  # noqa: ARG002 # the port's signature
        return {path: Provenance(self.commit) for path in paths}

    def _all(self) -> list[TreeFile]:
        files = ((path, _bytes(content)) for path, content in self.contents.items())
        return sorted(
            (TreeFile(path, _blob(data), len(data), self.modes.get(path, REGULAR)) for path, data in files),
            key=lambda file: file.path,
        )


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _blob(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
