"""Writes git notes to a remote, and looks through them: `core.notes.target.Notes` over the git command.

One round: look (`ls-remote`), fetch the note ref when it moved, merge our lines into the notes in it, push. Never forced.
A line that stands on any commit of the ref already is left out: an id is unique per ref.
A push that is turned away is answered by another round, whatever the server's words were: they vary, and none is relied on.
Only where the ref stands tells the two cases apart: it moved, so another writer was faster; or it did not, and then the
server does not want it (a hook, a protected ref): `NotesRefusedError`.

Whether an annotated commit exists is not asked. A note names its object by id, so one on a commit that was rebased away
stays, harmless, for whoever still has that commit; `git notes prune` in a clone removes such notes.

The cache is apart from the one that syncs read, so that nothing here can disturb a sync. A remote on this machine (file://)
runs none of its hooks for our pushes: `environment.py` switches them off for every child, since a URL out of a manifest must
not choose a program that runs as the service.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from reconciler.adapters.git.bare_cache import BareCache, BareCaches, CacheBusyError, CacheLimits
from reconciler.adapters.git.environment import GitHome
from reconciler.adapters.git.note_tree import find_notes, grep_notes, read_note, write_notes
from reconciler.adapters.git.object_store import ObjectStore
from reconciler.adapters.git.remotes import RemoteAccess, RemoteCommands
from reconciler.core.git.rules import UrlPolicy, scrub
from reconciler.core.git.source import SourceError, is_sha
from reconciler.core.meters import UNMETERED, GitMeter
from reconciler.core.notes.target import NotesContendedError, NotesRefusedError, NotesTarget, Written, note_ref
from reconciler.core.notes.text import merge, parse_line


@dataclass(frozen=True, slots=True)
class NotesLimits:
    """Bounds of what a remote may cost."""

    look_s: float = 30.0
    push_s: float = 120.0
    attempts: int = 12
    refusals: int = 3
    """Rejections in a row by a ref that stands still: one or two may have been a lock that somebody held for a moment."""
    store_bytes: int = 512 * 1024 * 1024
    note_bytes: int = 1024 * 1024
    """A note that others made larger is left alone."""
    tidy_after: int = 500


class GitNotes:
    """One for the whole process; safe for many threads, one at a time per repository."""

    def __init__(
        self,
        cache: Path,
        policy: UrlPolicy | None = None,
        limits: NotesLimits | None = None,
        *,
        pause: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        meter: GitMeter = UNMETERED,
    ) -> None:
        """`cache` may be the directory of the read cache: notes have a directory of their own in it."""
        policy, self._limits, directory = policy or UrlPolicy(), limits or NotesLimits(), cache.absolute() / "notes"
        self._home = GitHome(directory, allow_file=policy.allow_file)
        self._commands = RemoteCommands(self._home, policy, meter, login_field="spec.writeBack.notes.secretRef")
        cost = CacheLimits(self._limits.push_s, self._limits.store_bytes, tidy_after=self._limits.tidy_after)
        self._caches = BareCaches(directory, "refs/tracked/", self._home, cost)
        self._pause = pause
        self._jitter = jitter

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the reader processes and remove what held credentials; the caches stay."""
        self._caches.close()
        self._home.close()

    def append(
        self, target: NotesTarget, lines: Mapping[str, Sequence[str]], may_write: Callable[[], bool] = lambda: True
    ) -> Written:
        """See `core.notes.target.Notes`."""
        rejected_at: list[str] = []
        corrupted = False
        with self._note_ref(target) as notes:
            for attempt in range(self._limits.attempts):
                if attempt:
                    self._pause(min(0.05 * 2.0**attempt, 2.0) * (0.5 + self._jitter()))
                try:
                    base, new, skipped = notes.merged(lines)
                except SourceError as error:
                    if error.reason != "CacheCorrupted" or corrupted:
                        raise
                    corrupted = True
                    continue
                if not new:
                    return Written(pushed=False, skipped=skipped)
                if not may_write():
                    raise NotesContendedError("the Lease of the notes was lost")
                if not (refusal := notes.push(new)):
                    return Written(pushed=True, skipped=skipped)
                rejected_at = [*rejected_at, base] if base in rejected_at else [base]
                if len(rejected_at) >= self._limits.refusals:
                    raise NotesRefusedError(f"the server does not take {target.ref}: {refusal}")
        raise NotesContendedError(f"{target.ref} moved before each of {self._limits.attempts} pushes")

    def find(self, target: NotesTarget, *texts: str) -> Sequence[str]:
        """See `core.notes.target.Notes`."""
        with self._note_ref(target) as notes:
            return notes.grep(texts)

    @contextlib.contextmanager
    def _note_ref(self, target: NotesTarget) -> Iterator[_NoteRef]:
        """The target's ref in a turn of its repository: one writer, over all threads and processes with this cache."""
        access = self._commands.access(target.remote)
        note_ref("", target.ref)  # it may not come from a GitSync's parsed spec
        with self._caches.on_disk(), contextlib.ExitStack() as stack:
            try:
                lock = stack.enter_context(self._caches.turn(access.url))
            except CacheBusyError:
                raise NotesContendedError("another push of notes to this repository did not end in time") from None
            yield stack.enter_context(_NoteRef(self._caches, access, lock, target.ref, self._limits))


class _NoteRef:
    """One note ref of one remote, in a turn of its repository: each call of `merged` looks again where it stands."""

    def __init__(self, caches: BareCaches, access: RemoteAccess, lock: int, ref: str, limits: NotesLimits) -> None:
        self._caches = caches
        self._access = access
        self._lock = lock
        self._ref = ref
        self._limits = limits
        self._cache: BareCache | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """No processes between two batches, however many repositories there are."""
        if self._cache is not None:
            self._cache.release()

    def merged(self, lines: Mapping[str, Sequence[str]]) -> tuple[str, str, Mapping[str, str]]:
        """Where the ref stands, a commit on top of it with these lines in it, "" when they all are there; and the commits
        that can have none, each with its reason.
        """
        heads = self._look()
        # The repository's own ids tell its format; an empty repository is taken for what the commits are.
        some_id = next(iter(heads.values()), next(iter(lines), ""))
        cache = self._opened(some_id)
        store, base = self._fetched(cache, heads)
        lines = _unrecorded(store, base, lines)
        found = find_notes(store, base, lines)
        notes, skipped = {}, {}
        for commit, added in lines.items():
            if not is_sha(commit) or (len(commit) == 64) != cache.sha256:
                skipped[commit[:64]] = "not an object id of this repository"
                continue
            before = read_note(store, found[commit], self._limits.note_bytes) if commit in found else ""
            if before is None:
                skipped[commit] = f"its note was made larger than {self._limits.note_bytes} bytes"
                continue
            after = merge(before, added)
            if after != before:
                notes[commit] = after
        return base, write_notes(cache, store, base, notes, found) if notes else "", skipped

    def grep(self, texts: Sequence[str]) -> Sequence[str]:
        """The lines with one of these texts in the notes of all commits."""
        heads = self._look()
        if not (tip := heads.get(self._ref, "")):
            return ()
        return grep_notes(*self._fetched(self._opened(tip), heads), texts)

    def push(self, new: str) -> str:
        """Why the commit was rejected, in the server's words; "" when it was taken. Other failures raise."""
        assert self._cache is not None  # noqa: S101 (`merged` wrote into it)
        done = self._cache.push(self._access, f"{new}:{self._ref}")
        said = _verdict(done.stdout.decode("utf-8", "replace"))
        if said and said[0] != "!":
            self._cache.keep(self._ref, new)
            return ""
        if said:
            hook = " ".join(line[8:].strip() for line in done.stderr.splitlines() if line.startswith("remote: "))
            return scrub(f"{said[1]} {hook}".strip(), self._access.secrets)
        if done.code == 0:
            raise SourceError("GitOperationFailed", "git did not say whether the notes were taken")
        raise self._access.error(done)

    def _look(self) -> Mapping[str, str]:
        """Ref to object id of HEAD and our ref; NotesRefusedError when another ref leaves it no room."""
        parents = _parents(self._ref)
        asked = ["HEAD", self._ref, f"{self._ref}/*", *parents]
        found = self._access.ls_remote(asked, self._limits.look_s, self._caches.directory)
        heads = {name: sha for name, sha in found.items() if is_sha(sha)}
        for name in heads:
            if name in parents or name.startswith(f"{self._ref}/"):
                raise NotesRefusedError(
                    f"{name} exists, and Git cannot have {self._ref} beside it: move it, or set spec.writeBack.notes.ref"
                )
        return heads

    def _opened(self, some_id: str) -> BareCache:
        self._cache = self._caches.cache(self._access.url, sha256=len(some_id) == 64)
        return self._cache

    def _fetched(self, cache: BareCache, heads: Mapping[str, str]) -> tuple[ObjectStore, str]:
        """The remote's notes as a commit that is here: where the ref stood, or what took its place meanwhile."""
        store = cache.open()
        tip = heads.get(self._ref, "")
        if tip and cache.commit_of(self._ref) != tip:
            # The ref may have been rewritten: ours follows wherever it went.
            refspec = f"+{self._ref}:{cache.own_ref(self._ref)}"
            store = cache.fill(tip, lambda _: cache.fetch(self._access, self._lock, refspec))
            tip = cache.commit_of(self._ref)
        return store, tip


def _unrecorded(store: ObjectStore, tip: str, lines: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """Without lines whose id stands in some note of the ref, whatever the commit: one event is recorded once."""
    if not tip:
        return lines
    ids = {text: f'"{record.id}"' for of in lines.values() for text in of if (record := parse_line(text))}
    known = "\n".join(grep_notes(store, tip, tuple(set(ids.values())))) if ids else ""
    new = {commit: [text for text in of if text not in ids or ids[text] not in known] for commit, of in lines.items()}
    return {commit: of for commit, of in new.items() if of}


_PORCELAIN = re.compile(r"([ +*=!-])\t[^\t]*\t(.*)\Z")


def _verdict(stdout: str) -> tuple[str, str] | None:
    """Flag and summary of the one ref that was pushed."""
    found = next((match for line in stdout.split("\n") if (match := _PORCELAIN.match(line))), None)
    return (found[1], found[2]) if found else None


def _parents(ref: str) -> tuple[str, ...]:
    """`refs/notes/a/b/c` has `refs/notes/a` and `refs/notes/a/b`: as refs, they would be in its way."""
    parts = ref.split("/")
    return tuple("/".join(parts[:end]) for end in range(3, len(parts)))
