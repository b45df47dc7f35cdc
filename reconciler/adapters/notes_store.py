"""A bare repository of our own with note refs and nothing else: what `notes.py` fetches into and pushes from.

Apart from the read cache, so that nothing here can disturb a sync, and without the commits that are annotated: a note
names its object by id alone. Nothing lives here that the remote or the outbox does not have; damaged, it is made anew.

Trees are written through a private index by git's own plumbing, and read flat: so every fan-out that git or anybody else
has written is understood, and what is no note stays as it is.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git_environment import GitHome
from reconciler.adapters.git_errors import translate
from reconciler.adapters.git_store import ReadLimits, Store
from reconciler.adapters.processes import Bounds, Finished, run
from reconciler.core.git.source import SourceError, is_sha

_LOCAL = Bounds(60)
_GREP_BYTES = 16 * 1024 * 1024
_AT_ONCE = 500
"""Paths in one argument list."""
_FILE = "100644"
_MODES = (b"100644", b"100755")
_ID = re.compile(rb"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class Found:
    """The note on one commit as a tree holds it: usually one blob, two when two fan-outs were mixed."""

    paths: tuple[str, ...]
    blobs: tuple[str, ...]


class NotesStore:
    """Not for several threads at once: `notes.py` holds a lock."""

    def __init__(self, path: Path, home: GitHome, *, sha256: bool, note_bytes: int) -> None:
        self.path = path
        self._home = home
        self._sha256 = sha256
        self._note_bytes = note_bytes
        self._store: Store | None = None

    def open(self) -> None:
        """Have a repository. What a killed process left locked is not worth repairing."""
        if self._store is not None and self.path.exists():
            return
        if not self.path.exists() or any(self.path.rglob("*.lock")):
            self.rebuild()
            return
        self._store = self._opened()

    def rebuild(self) -> None:
        self.release()
        shutil.rmtree(self.path, ignore_errors=True)
        command = ["git", "init", "--quiet", "--bare", "--template="]
        command += ["--object-format=sha256"] if self._sha256 else []
        done = run([*command, "--", str(self.path)], self._home.local_environment, self.path.parent, Bounds(30))
        if done.code != 0:
            raise translate(done.stderr, ())
        self._store = self._opened()

    def release(self) -> None:
        if self._store is not None:
            self._store.release()
            self._store = None

    def rest(self) -> None:
        """End the processes that read; they start again when something is read."""
        if self._store is not None:
            self._store.release()

    def tidy(self) -> None:
        """Every push leaves some loose objects behind."""
        self._git("gc", "--quiet", "--prune=now")

    def tracked(self, ref: str) -> str:
        """The commit of a note ref as last seen at the remote; empty when it never was."""
        done = self._run(["rev-parse", "--verify", "--quiet", tracking_ref(ref)])
        sha = done.stdout.decode("ascii", "replace").strip()
        return sha if is_sha(sha) else ""

    def track(self, ref: str, sha: str) -> None:
        self._git("update-ref", tracking_ref(ref), sha)

    def find(self, tip: str, commits: Iterable[str]) -> dict[str, Found]:
        """The notes on these commits. All paths are looked through, in whatever fan-out, without keeping the others."""
        wanted = {commit.encode() for commit in commits}
        found: dict[str, Found] = {}
        rest = b""

        def take(piece: bytes) -> bool:
            nonlocal rest
            *entries, rest = (rest + piece).split(b"\0")
            for entry in entries:
                about, _, path = entry.partition(b"\t")
                commit = path.replace(b"/", b"")
                if commit in wanted and _ID.match(commit):
                    mode, _, blob = about.split(b" ")
                    before = found.get(commit.decode(), Found((), ()))
                    blobs = (*before.blobs, blob.decode()) if mode in _MODES else before.blobs
                    found[commit.decode()] = Found((*before.paths, path.decode()), blobs)
            return True

        if tip:
            command = ["git", f"--git-dir={self.path}", "ls-tree", "-r", "-z", "--full-tree", tip]
            done = run(command, self._home.local_environment, self.path, _LOCAL, consume=take)
            self._check(done)
        return found

    def grep(self, tip: str, texts: Sequence[str]) -> list[str]:
        """The lines with one of these texts in all notes, up to a bound: more would be no help that is worth the memory."""
        found = bytearray()

        def take(piece: bytes) -> bool:
            found.extend(piece)
            return len(found) < _GREP_BYTES

        command = ["git", f"--git-dir={self.path}", "grep", "-h", "-a", "-F", "--no-color"]
        command += [*(word for text in texts for word in ("-e", text)), tip]
        done = run(command, self._home.local_environment, self.path, _LOCAL, consume=take)
        if done.code > 1:  # 1: nothing found
            self._check(done)
        return found.decode("utf-8", "replace").splitlines()

    def read(self, found: Found) -> str | None:
        """The text; None when it is too large to be looked at. Bytes that are no UTF-8 survive the way back."""
        assert self._store is not None  # noqa: S101 (opened)
        texts = []
        for blob in found.blobs:
            size = self._store.size(blob)
            if size is not None and size > self._note_bytes:
                return None
            texts.append(self._store.load(blob, "blob", self._note_bytes).decode("utf-8", "surrogateescape"))
        return "\n".join(texts)

    def write(self, tip: str, notes: Mapping[str, str], old: Mapping[str, Found], message: str) -> str:
        """Commit notes on top of `tip` ("" begins a history) and return the commit; no ref moves."""
        with tempfile.TemporaryDirectory(dir=self.path, prefix="write-") as name:
            scratch = Path(name)
            extra = {
                "GIT_INDEX_FILE": str(scratch / "index"),
                "GIT_WORK_TREE": str(scratch),  # removing from an index asks for one
                **{f"GIT_{who}_NAME": "sagemaker-gitops" for who in ("AUTHOR", "COMMITTER")},
                **{f"GIT_{who}_EMAIL": "sagemaker-gitops@localhost" for who in ("AUTHOR", "COMMITTER")},
            }
            blobs = self._blobs(scratch, list(notes.values()))
            if tip:
                self._git("read-tree", tip, extra=extra)
            gone = [path for commit in notes if commit in old for path in old[commit].paths]
            for paths in _chunks(gone):
                self._git("update-index", "--force-remove", "--", *paths, extra=extra)
            entries = [f"{_FILE},{blob},{commit[:2]}/{commit[2:]}" for commit, blob in zip(notes, blobs, strict=True)]
            for chunk in _chunks(entries):
                added = [word for entry in chunk for word in ("--cacheinfo", entry)]
                self._git("update-index", "--add", *added, extra=extra)
            tree = self._git("write-tree", extra=extra)
            parents = ["-p", tip] if tip else []
            return self._git("commit-tree", *parents, "-m", message, tree, extra=extra)

    def _blobs(self, scratch: Path, texts: Sequence[str]) -> list[str]:
        files = []
        for number, text in enumerate(texts):
            file = scratch / str(number)
            file.write_bytes(text.encode("utf-8", "surrogateescape"))
            files.append(str(file))
        shas: list[str] = []
        for chunk in _chunks(files):
            shas += self._git("hash-object", "-w", "--no-filters", "--", *chunk).split()
        return shas

    def _opened(self) -> Store:
        return Store(self.path, self._home, ReadLimits())

    def _git(self, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
        done = self._run(arguments, extra)
        self._check(done)
        return done.stdout.decode("ascii", "replace").strip()

    def _run(self, arguments: Sequence[str], extra: Mapping[str, str] | None = None) -> Finished:
        environment = {**self._home.local_environment, **(extra or {})}
        return run(["git", f"--git-dir={self.path}", *arguments], environment, self.path, _LOCAL)

    def _check(self, done: Finished) -> None:
        """Whatever fails here is the fault of the store: no remote was asked."""
        if done.code != 0:
            raise SourceError("CacheCorrupted", translate(done.stderr, ()).message)


def tracking_ref(ref: str) -> str:
    """Where a remote's note ref is remembered. A digest: two remotes may have both `a` and `a/b`."""
    return "refs/tracked/" + hashlib.sha256(ref.encode()).hexdigest()[:32]


def _chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
