"""The notes in one commit of a note ref: found, read, rewritten on top of it.

A note names its object by id alone, so the commits that are annotated need not be here. Trees are written through a private
index by git's own plumbing, and read flat: so every fan-out that git or anybody else has written is understood, and what is
no note stays as it is. A command that fails here is the fault of the cache: SourceError CacheCorrupted, and whoever opens
the cache next has it recreated. Called by `notes.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git.bare_cache import BareCache
from reconciler.adapters.git.object_store import ObjectStore

_MESSAGE = "Notes added by sagemaker-gitops"
_GREP_BYTES = 16 * 1024 * 1024
_AT_ONCE = 500
"""Paths in one argument list."""
_FILE = "100644"
_MODES = (b"100644", b"100755")
_ID = re.compile(rb"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class NoteFiles:
    """The note on one commit as a tree holds it: usually one blob, two when two fan-outs were mixed."""

    paths: tuple[str, ...]
    blobs: tuple[str, ...]


def find_notes(store: ObjectStore, tip: str, commits: Iterable[str]) -> dict[str, NoteFiles]:
    """The notes on these commits. All paths are looked through, in whatever fan-out, without keeping the others."""
    wanted = {commit.encode() for commit in commits}
    found: dict[str, NoteFiles] = {}
    rest = b""

    def take(piece: bytes) -> bool:
        nonlocal rest
        *entries, rest = (rest + piece).split(b"\0")
        for entry in entries:
            about, _, path = entry.partition(b"\t")
            commit = path.replace(b"/", b"")
            if commit in wanted and _ID.match(commit):
                mode, _, blob = about.split(b" ")
                before = found.get(commit.decode(), NoteFiles((), ()))
                blobs = (*before.blobs, blob.decode()) if mode in _MODES else before.blobs
                found[commit.decode()] = NoteFiles((*before.paths, path.decode()), blobs)
        return True

    if tip:
        store.checked(store.git("ls-tree", "-r", "-z", "--full-tree", tip, consume=take))
    return found


def grep_notes(store: ObjectStore, tip: str, texts: Sequence[str]) -> list[str]:
    """The lines with one of these texts in all notes, up to a bound: more would be no help that is worth the memory."""
    found = bytearray()

    def take(piece: bytes) -> bool:
        found.extend(piece)
        return len(found) < _GREP_BYTES

    patterns = [word for text in texts for word in ("-e", text)]
    done = store.git("grep", "-h", "-a", "-F", "--no-color", *patterns, tip, consume=take)
    if done.code > 1:  # 1: nothing found
        store.checked(done)
    return found.decode("utf-8", "replace").splitlines()


def read_note(store: ObjectStore, note: NoteFiles, limit: int) -> str | None:
    """The text; None when it has more than `limit` bytes. Bytes that are no UTF-8 survive being written again."""
    texts = []
    for blob in note.blobs:
        size = store.size(blob)
        if size is not None and size > limit:
            return None
        texts.append(store.load(blob, "blob", limit).decode("utf-8", "surrogateescape"))
    return "\n".join(texts)


def write_notes(
    cache: BareCache, store: ObjectStore, tip: str, notes: Mapping[str, str], old: Mapping[str, NoteFiles]
) -> str:
    """Commit notes on top of `tip` ("" begins a history) and return the commit; no ref moves."""
    with cache.scratch() as scratch:
        environment = {
            "GIT_INDEX_FILE": str(scratch / "index"),
            "GIT_WORK_TREE": str(scratch),  # removing from an index asks for one
            **{f"GIT_{who}_NAME": "sagemaker-gitops" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "sagemaker-gitops@localhost" for who in ("AUTHOR", "COMMITTER")},
        }

        def git(*arguments: str) -> str:
            return store.git_text(*arguments, environment=environment)

        blobs = _write_blobs(store, scratch, list(notes.values()))
        if tip:
            git("read-tree", tip)
        gone = [path for commit in notes if commit in old for path in old[commit].paths]
        for paths in _chunks(gone):
            git("update-index", "--force-remove", "--", *paths)
        entries = [f"{_FILE},{blob},{commit[:2]}/{commit[2:]}" for commit, blob in zip(notes, blobs, strict=True)]
        for chunk in _chunks(entries):
            added = [word for entry in chunk for word in ("--cacheinfo", entry)]
            git("update-index", "--add", *added)
        parents = ["-p", tip] if tip else []
        return git("commit-tree", *parents, "-m", _MESSAGE, git("write-tree"))


def _write_blobs(store: ObjectStore, scratch: Path, texts: Sequence[str]) -> list[str]:
    files = []
    for number, text in enumerate(texts):
        file = scratch / str(number)
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        files.append(str(file))
    shas: list[str] = []
    for chunk in _chunks(files):
        shas += store.git_text("hash-object", "-w", "--no-filters", "--", *chunk).split()
    return shas


def _chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
