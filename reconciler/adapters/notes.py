"""Writes git notes to a remote, and looks through them: `core.notes.target.Notes` over the git command.

One round: look (`ls-remote`), fetch the note ref when it moved, merge our lines into the notes in it, push. Never forced.
A push that is turned away is answered by another round, whatever the server's words were: they vary, and none is relied on.
Only where the ref stands tells the two cases apart: it moved, so another writer was faster; or it did not, and then the
server does not want it (a hook, a protected ref): `NotesRefusedError`.

Whether an annotated commit exists is not asked. A note names its object by id, so one on a commit that was rebased away
stays, harmless, for whoever still has that commit; `git notes prune` in a clone removes such notes.

A remote on this machine (file://) runs none of its hooks for our pushes: `git_environment.py` switches them off for every
child, since a URL out of a manifest must not choose a program that runs as the service.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from reconciler.adapters.git_environment import GitHome, exclusive
from reconciler.adapters.git_errors import is_unclassed, translate
from reconciler.adapters.git_remote import Line
from reconciler.adapters.notes_store import NotesStore, tracking_ref
from reconciler.adapters.processes import Bounds, Finished
from reconciler.core.git.rules import RemoteUrl, UrlPolicy, check_credentials, parse_url, scrub
from reconciler.core.git.source import Remote, SourceError, is_sha
from reconciler.core.meters import UNMETERED, GitMeter
from reconciler.core.notes.target import NotesContendedError, NotesRefusedError, Target, Written, note_ref
from reconciler.core.notes.text import merge

_MESSAGE = "Notes added by sagemaker-gitops"


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
        self._policy = policy or UrlPolicy()
        self._limits = limits or NotesLimits()
        self._directory = cache.absolute() / "notes"
        self._home = GitHome(self._directory, allow_file=self._policy.allow_file)
        self._line = Line(self._home, meter)
        self._pause = pause
        self._jitter = jitter
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        self._stores: dict[str, NotesStore] = {}
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the reader processes and remove what held credentials; the stores stay."""
        with self._lock:
            for store in self._stores.values():
                store.release()
            self._stores.clear()
        self._home.close()

    def append(
        self, target: Target, lines: Mapping[str, Sequence[str]], may_write: Callable[[], bool] = lambda: True
    ) -> Written:
        with self._round(target, lines, may_write) as one:
            return one.run()

    def find(self, target: Target, *texts: str) -> Sequence[str]:
        with self._round(target, {}, lambda: False) as one:
            return one.find(texts)

    @contextlib.contextmanager
    def _round(
        self, target: Target, lines: Mapping[str, Sequence[str]], may_write: Callable[[], bool]
    ) -> Iterator[_Round]:
        url = self._judge(target.remote)
        note_ref("", target.ref)  # it may not come from a GitSync's parsed spec
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)  # somebody may have cleared the cache
            with self._turn(url):
                try:
                    yield _Round(self, url, target, lines, may_write)
                finally:
                    self._rest(_name(url))
        except OSError as error:
            raise SourceError("GitOperationFailed", f"the cache cannot be used: {error.strerror or error}") from error

    def _rest(self, name: str) -> None:
        """No processes between two batches, however many repositories there are."""
        with self._lock:
            stores = [self._stores.get(name), self._stores.get(f"{name}-sha256")]
        for store in filter(None, stores):
            store.rest()

    def _judge(self, remote: Remote) -> RemoteUrl:
        url = parse_url(remote.url, self._policy)
        if remote.credentials is not None:
            check_credentials(url, remote.credentials)
        elif url.scheme == "ssh":
            raise SourceError("InvalidCredentials", "notes over ssh need identity and known_hosts in a Secret")
        return url

    @contextlib.contextmanager
    def _turn(self, url: RemoteUrl) -> Iterator[None]:
        """One writer per repository, over all threads and over processes that share the cache."""
        name = _name(url)
        with self._lock:
            turn = self._turns.setdefault(name, threading.Lock())
        if not turn.acquire(timeout=self._limits.push_s):
            raise NotesContendedError("another push of notes to this repository did not end in time")
        try:
            with exclusive(self._directory / f"{name}.lock", self._limits.push_s):
                yield
        except TimeoutError:
            raise NotesContendedError("another process pushes notes to this repository") from None
        finally:
            turn.release()

    def store(self, url: RemoteUrl, *, sha256: bool) -> NotesStore:
        name = _name(url) + ("-sha256" if sha256 else "")
        with self._lock:
            if name not in self._stores:
                path = self._directory / name
                self._stores[name] = NotesStore(path, self._home, sha256=sha256, note_bytes=self._limits.note_bytes)
            store = self._stores[name]
        store.open()
        return store

    def remote(self, url: RemoteUrl, remote: Remote, command: list[str], timeout_s: float, cwd: Path) -> Finished:
        limit = self._limits.store_bytes
        bounds = Bounds(timeout_s, too_large=lambda: _bytes(cwd / "objects") > limit)
        return self._line.run(url, remote, command, bounds, cwd)

    @property
    def directory(self) -> Path:
        return self._directory

    @property
    def limits(self) -> NotesLimits:
        return self._limits

    def wait(self, attempt: int) -> None:
        self._pause(min(0.05 * 2.0**attempt, 2.0) * (0.5 + self._jitter()))

    def wrote(self, store: NotesStore) -> None:
        self._written += 1
        if self._written % self._limits.tidy_after == 0:
            store.tidy()


class _Round:
    """One batch on its way to one ref, over as many attempts as it takes."""

    def __init__(
        self,
        notes: GitNotes,
        url: RemoteUrl,
        target: Target,
        lines: Mapping[str, Sequence[str]],
        may_write: Callable[[], bool],
    ) -> None:
        self._notes = notes
        self._url = url
        self._remote = target.remote
        self._ref = target.ref
        self._lines = lines
        self._may_write = may_write
        self._secrets = target.remote.credentials.secrets if target.remote.credentials else ()

    def run(self) -> Written:
        limits = self._notes.limits
        rejected_at: list[str] = []
        rebuilt = False
        for attempt in range(limits.attempts):
            if attempt:
                self._notes.wait(attempt)
            heads = self._look()
            tip = heads.get(self._ref, "")
            store = self._notes.store(self._url, sha256=self._is_sha256(heads))
            try:
                base = self._have(store, tip)
                new, skipped = self._merged(store, base)
            except SourceError as error:
                if error.reason != "CacheCorrupted" or rebuilt:
                    raise
                store.rebuild()
                rebuilt = True
                continue
            if not new:
                return Written(pushed=False, skipped=skipped)
            if not self._may_write():
                raise NotesContendedError("the Lease of the notes was lost")
            refusal = self._push(store, new)
            if not refusal:
                store.track(self._ref, new)
                self._notes.wrote(store)
                return Written(pushed=True, skipped=skipped)
            rejected_at = [*rejected_at, base] if base in rejected_at else [base]
            if len(rejected_at) >= limits.refusals:
                raise NotesRefusedError(f"the server does not take {self._ref}: {scrub(refusal, self._secrets)}")
        raise NotesContendedError(f"{self._ref} moved before each of {limits.attempts} pushes")

    def find(self, texts: Sequence[str]) -> Sequence[str]:
        heads = self._look()
        if not (tip := heads.get(self._ref, "")):
            return ()
        store = self._notes.store(self._url, sha256=self._is_sha256(heads))
        return store.grep(self._have(store, tip), texts)

    def _look(self) -> Mapping[str, str]:
        parents = _parents(self._ref)
        command = ["git", "ls-remote", "--", self._url.text, "HEAD", self._ref, f"{self._ref}/*", *parents]
        done = self._talk(command, self._notes.limits.look_s, self._notes.directory)
        if done.code != 0:
            raise translate(done.stderr, self._secrets)
        heads = {}
        for line in done.stdout.decode("utf-8", "replace").split("\n"):
            sha, _, name = line.partition("\t")
            if is_sha(sha):
                heads[name] = sha
        for name in heads:
            if name in parents or name.startswith(f"{self._ref}/"):
                raise NotesRefusedError(
                    f"{name} exists, and Git cannot have {self._ref} beside it: move it, or set spec.writeBack.notes.ref"
                )
        return heads

    def _is_sha256(self, heads: Mapping[str, str]) -> bool:
        """The repository's own ids tell; an empty repository is taken for what the commits are."""
        return len(next(iter(heads.values()), next(iter(self._lines), ""))) == 64

    def _have(self, store: NotesStore, tip: str) -> str:
        """The remote's notes as a commit that is here: `tip`, or what took its place meanwhile."""
        if not tip:
            return ""
        if store.tracked(self._ref) == tip:
            return tip
        try:
            self._fetch(store)
        except SourceError as error:
            if not is_unclassed(error):
                raise
            # Damaged; or the ref was rewritten, and what is not forced cannot follow. Nothing is here that is not there
            # or pending.
            store.rebuild()
            self._fetch(store)
        return store.tracked(self._ref)

    def _fetch(self, store: NotesStore) -> None:
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
        refspec = f"{self._ref}:{tracking_ref(self._ref)}"
        command = ["git", f"--git-dir={store.path}", "fetch", *options, "--", self._url.text, refspec]
        done = self._talk(command, self._notes.limits.push_s, store.path)
        if done.code != 0:
            raise translate(done.stderr, self._secrets)

    def _merged(self, store: NotesStore, base: str) -> tuple[str, Mapping[str, str]]:
        """A commit with our lines in it, "" when they all are there; and the commits that can have none."""
        found = store.find(base, self._lines)
        notes, skipped = {}, {}
        length = 64 if store.path.name.endswith("-sha256") else 40
        for commit, lines in self._lines.items():
            if not is_sha(commit) or len(commit) != length:
                skipped[commit[:64]] = "not an object id of this repository"
                continue
            before = store.read(found[commit]) if commit in found else ""
            if before is None:
                skipped[commit] = f"its note was made larger than {self._notes.limits.note_bytes} bytes"
                continue
            after = merge(before, lines)
            if after != before:
                notes[commit] = after
        return (store.write(base, notes, found, _MESSAGE) if notes else ""), skipped

    def _push(self, store: NotesStore, new: str) -> str:
        """Why this ref was rejected, in the server's words; "" when it was taken. Other failures raise."""
        options = ["--porcelain", "--no-verify", "--no-follow-tags", "--no-recurse-submodules", "--no-signed"]
        command = ["git", f"--git-dir={store.path}", "push", *options, "--", self._url.text, f"{new}:{self._ref}"]
        done = self._talk(command, self._notes.limits.push_s, store.path)
        said = _verdict(done.stdout.decode("utf-8", "replace"))
        if said and said[0] != "!":
            return ""
        if said:
            hook = " ".join(line[8:].strip() for line in done.stderr.splitlines() if line.startswith("remote: "))
            return f"{said[1]} {hook}".strip()
        if done.code == 0:
            raise SourceError("GitOperationFailed", "git did not say whether the notes were taken")
        raise translate(done.stderr, self._secrets)

    def _talk(self, command: list[str], timeout_s: float, cwd: Path) -> Finished:
        return self._notes.remote(self._url, self._remote, command, timeout_s, cwd)


_PORCELAIN = re.compile(r"([ +*=!-])\t[^\t]*\t(.*)\Z")


def _verdict(stdout: str) -> tuple[str, str] | None:
    """Flag and summary of the one ref that was pushed."""
    found = next((match for line in stdout.split("\n") if (match := _PORCELAIN.match(line))), None)
    return (found[1], found[2]) if found else None


def _parents(ref: str) -> tuple[str, ...]:
    """`refs/notes/a/b/c` has `refs/notes/a` and `refs/notes/a/b`: as refs, they would be in its way."""
    parts = ref.split("/")
    return tuple("/".join(parts[:end]) for end in range(3, len(parts)))


def _name(url: RemoteUrl) -> str:
    return hashlib.sha256(url.text.encode()).hexdigest()[:32]


def _bytes(path: Path) -> int:
    total = 0
    for file in path.rglob("*"):
        with contextlib.suppress(OSError):  # git renames them under our eyes
            total += file.stat().st_size
    return total
