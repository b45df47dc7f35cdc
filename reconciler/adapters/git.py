"""All Git sources of the service: resolves refs by `ls-remote` and keeps one bare cache per URL.

A cache is filled by one fetch at a time, always by commit id and with full history, because provenance and the
fast-forward rule need it. A cache that was half written, locked by a dead process or damaged is built anew by itself.
`runtime/sync/loop.py` uses it through `core.git.source.Repositories`.
"""

import contextlib
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Self

from git import GitError

from reconciler.adapters.git_environment import GitHome, exclusive
from reconciler.adapters.git_errors import is_unclassed, translate
from reconciler.adapters.git_remote import Line
from reconciler.adapters.git_store import ReadLimits, Store, StoreSnapshot
from reconciler.adapters.processes import Bounds, Finished, run
from reconciler.core.git.rules import RemoteUrl, UrlPolicy, check_credentials, check_ref, newest_tag, parse_url
from reconciler.core.git.source import Ref, Remote, RepositoryRejectedError, Revision, Snapshot, SourceError, is_sha
from reconciler.core.lru import Lru
from reconciler.core.meters import UNMETERED, GitMeter


@dataclass(frozen=True, slots=True)
class GitLimits:
    """Bounds of what a remote may cost."""

    resolve_s: float = 30.0
    fetch_s: float = 300.0
    repository_bytes: int = 2 * 1024 * 1024 * 1024
    stores_with_readers: int = 16  # two processes each
    read: ReadLimits = field(default_factory=ReadLimits)


class GitRepositories:
    """`core.git.source.Repositories` over the git command. One for the whole process; safe for many threads."""

    def __init__(
        self,
        cache: Path,
        policy: UrlPolicy | None = None,
        limits: GitLimits | None = None,
        *,
        meter: GitMeter = UNMETERED,
    ) -> None:
        self._policy = policy or UrlPolicy()
        self._limits = limits or GitLimits()
        cache = cache.absolute()
        self._home = GitHome(cache, allow_file=self._policy.allow_file)
        self._line = Line(self._home, meter)
        self._directory = cache / "repositories"
        self._lock = threading.Lock()
        self._caches: dict[str, _Cache] = {}
        # A commit that one sync fetched is not shown to another that never proved that it may read the repository.
        self._proven: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the reader processes and remove what held credentials; the caches stay."""
        with self._lock:
            for cache in self._caches.values():
                cache.close()
            self._caches.clear()
        self._home.close()

    def resolve(self, remote: Remote, ref: Ref) -> Revision:
        url = self._judge(remote)
        patterns = _patterns(check_ref(ref))
        with self._on_disk():
            return _choose(ref, self._ls_remote(url, remote, patterns))

    def fetch(self, remote: Remote, revision: Revision) -> Snapshot:
        url = self._judge(remote)
        if not is_sha(revision.sha):
            raise SourceError("InvalidRef", "a revision needs a full object id")
        with self._on_disk():
            if _identity(url, remote) not in self._proven:
                self._ls_remote(url, remote, ["HEAD"])
            download = _Download(self, url, remote, revision)
            return StoreSnapshot(self._cache(url, revision).have(revision, download), revision)

    @contextlib.contextmanager
    def _on_disk(self) -> Iterator[None]:
        """The cache's directory is there, also after somebody cleared it; what is wrong with the disk is our error."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            yield
        except OSError as error:
            raise SourceError("GitOperationFailed", f"the cache cannot be used: {error.strerror or error}") from error

    def _judge(self, remote: Remote) -> RemoteUrl:
        url = parse_url(remote.url, self._policy)
        if remote.credentials is not None:
            check_credentials(url, remote.credentials)
        elif url.scheme == "ssh":
            raise SourceError(
                "InvalidCredentials", "ssh needs identity and known_hosts in a Secret (spec.repo.secretRef)"
            )
        return url

    def _cache(self, url: RemoteUrl, revision: Revision) -> "_Cache":
        # Each object format needs a repository of its own.
        name = hashlib.sha256(url.text.encode()).hexdigest()[:32] + ("" if len(revision.sha) == 40 else "-sha256")
        with self._lock:
            cache = self._caches.pop(name, None) or _Cache(self._directory / name, self._home, self._limits)
            self._caches[name] = cache  # last used is last
            idle = list(self._caches.values())[: -self._limits.stores_with_readers]
        for other in idle:
            other.release()
        return cache

    def _ls_remote(self, url: RemoteUrl, remote: Remote, patterns: list[str]) -> Mapping[str, str]:
        bounds = Bounds(self._limits.resolve_s)
        done = self.run_remote(url, remote, ["git", "ls-remote", "--symref", "--", url.text, *patterns], bounds)
        heads: dict[str, str] = {}
        for line in done.stdout.decode("utf-8", "replace").split("\n"):
            value, _, name = line.partition("\t")
            # "ref: refs/heads/main<TAB>HEAD" comes before HEAD's own id.
            heads[f"symref {name}" if value.startswith("ref: ") else name] = value.removeprefix("ref: ")
        return heads

    def run_remote(
        self,
        url: RemoteUrl,
        remote: Remote,
        command: list[str],
        bounds: Bounds,
        *,
        inherited: tuple[int, ...] = (),
        cwd: Path | None = None,
    ) -> Finished:
        """Run one command that logs in to `url`; SourceError when it fails, free of secrets."""
        identity = _identity(url, remote)
        done = self._line.run(url, remote, command, bounds, cwd or self._directory, inherited=inherited)
        if done.code == 0:
            self._proven.add(identity)
            return done
        self._proven.discard(identity)
        raise translate(done.stderr, remote.credentials.secrets if remote.credentials else ())


@dataclass(frozen=True, slots=True)
class _Download:
    """Brings one revision into a store, by id: the ref may have moved since it was resolved."""

    repositories: GitRepositories
    url: RemoteUrl
    remote: Remote
    revision: Revision

    def __call__(self, store: Store, bounds: Bounds, lock: int) -> None:
        own_ref = _own_ref(self.revision)
        try:
            self._fetch(store, bounds, lock, f"+{self.revision.sha}:{own_ref}")
        except SourceError as error:
            if error.reason != "RefNotFound":
                raise
            # A server that serves no bare ids, or a commit that left the branch: look whether any branch or tag has it.
            self._fetch(store, bounds, lock, "+refs/heads/*:refs/mirror/heads/*", "+refs/tags/*:refs/mirror/tags/*")
            if store.git("update-ref", own_ref, self.revision.sha).code != 0:
                raise SourceError(
                    "RefNotFound", f"commit {self.revision.short} is on no branch or tag of the repository"
                ) from None

    def _fetch(self, store: Store, bounds: Bounds, lock: int, *refspecs: str) -> None:
        options = [
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-show-forced-updates",
            "--force",
        ]
        command = ["git", f"--git-dir={store.path}", "fetch", *options, "--", self.url.text, *refspecs]
        self.repositories.run_remote(self.url, self.remote, command, bounds, inherited=(lock,), cwd=store.path)


class _Cache:
    """One bare repository in the cache, and who may change it when."""

    def __init__(self, path: Path, home: GitHome, limits: GitLimits) -> None:
        self._path = path
        self._home = home
        self._limits = limits
        self._turn = threading.Lock()
        self._store: Store | None = None
        self._here: set[str] = set()
        # Commits that will be refused again: no interval downloads gigabytes to find that out anew.
        self._refused: Lru[str, tuple[str, str]] = Lru(64)

    def have(self, revision: Revision, download: Callable[[Store, Bounds, int], None]) -> Store:
        """Return the store with the revision in it. Whoever waits for another's fetch looks again first."""
        store = self._store
        if store is not None and not store.broken and self._holds(store, revision):
            return store
        with self._turns() as lock:
            store = self._open()
            if self._holds(store, revision):
                return store
            if refusal := self._refused.get(revision.sha):
                raise RepositoryRejectedError(*refusal)
            _remove_leftovers(self._path)
            try:
                download(store, self._bounds(), lock)
            except SourceError as error:
                if error.reason == "RepositoryTooLarge":
                    self._rebuild()  # gives the disk back
                if not is_unclassed(error) or _healthy(store):
                    if error.reason in ("RepositoryTooLarge", "RepositoryRejected"):
                        self._refused.put(revision.sha, (error.message, error.reason))
                    raise
                store = self._rebuild()
                download(store, self._bounds(), lock)
            self._here.add(revision.sha)
            return store

    def release(self) -> None:
        if self._store is not None:
            self._store.release()

    close = release

    @contextlib.contextmanager
    def _turns(self) -> Iterator[int]:
        """One fetch at a time, over all threads and processes."""
        patience_s = self._limits.fetch_s
        if not self._turn.acquire(timeout=patience_s):
            raise SourceError("TimedOut", "another fetch of this repository did not end in time")
        try:
            with exclusive(self._path.with_suffix(".lock"), patience_s) as descriptor:
                yield descriptor
        except TimeoutError:
            raise SourceError("TimedOut", "another process fetches this repository") from None
        finally:
            self._turn.release()

    def _open(self) -> Store:
        if self._store is not None and not self._store.broken:
            return self._store
        if self._store is not None or not self._path.exists():
            return self._rebuild()
        try:
            store = Store(self._path, self._home, self._limits.read)
            refs = store.git("for-each-ref", "--format=%(objectname)", "refs/snapshots/")
        except (GitError, OSError, ValueError):
            return self._rebuild()
        if refs.code != 0 or refs.stderr:
            return self._rebuild()
        # A ref of ours was written after its commit was complete; an object alone proves nothing after a crash.
        self._here = set(refs.stdout.decode("ascii", "replace").split())
        self._store = store
        return store

    def _rebuild(self) -> Store:
        if self._store is not None:
            self._store.release()
        shutil.rmtree(self._path, ignore_errors=True)
        command = ["git", "init", "--quiet", "--bare", "--template="]
        command += ["--object-format=sha256"] if self._path.name.endswith("-sha256") else []
        done = run([*command, "--", str(self._path)], self._home.local_environment, self._path.parent, Bounds(30))
        if done.code != 0:
            raise translate(done.stderr, ())
        self._here = set()
        self._store = Store(self._path, self._home, self._limits.read)
        return self._store

    def _holds(self, store: Store, revision: Revision) -> bool:
        if revision.sha in self._here:
            return store.size(revision.sha) is not None
        # An older commit of what is here: pinned, or the base of a comparison.
        return (
            not revision.ref
            and store.size(revision.sha) is not None
            and any(store.is_ancestor(revision.sha, tip) for tip in list(self._here)[:20])
        )

    def _bounds(self) -> Bounds:
        limit = self._limits.repository_bytes
        return Bounds(self._limits.fetch_s, too_large=lambda: _object_bytes(self._path) > limit)


def _identity(url: RemoteUrl, remote: Remote) -> str:
    """Who asks where. A digest, so that no second copy of a secret lies about."""
    who = "\0".join(astuple(remote.credentials)) if remote.credentials else ""
    return hashlib.sha256(f"{url.text}\0{who}".encode("utf-8", "replace")).hexdigest()


def _own_ref(revision: Revision) -> str:
    """Where we keep it. A digest: over time a remote may have both `a` and `a/b`, which no repository can hold at once."""
    return "refs/snapshots/" + hashlib.sha256((revision.ref or revision.sha).encode()).hexdigest()[:32]


def _patterns(ref: Ref) -> list[str]:
    if ref.commit:
        return ["HEAD"]  # nothing to find out, but the right to read is proven
    if ref.semver:
        return ["refs/tags/*"]
    if ref.tag:
        return [f"refs/tags/{ref.tag}", f"refs/tags/{ref.tag}^{{}}"]
    return [f"refs/heads/{ref.branch}"] if ref.branch else ["HEAD"]


def _choose(ref: Ref, heads: Mapping[str, str]) -> Revision:
    if ref.commit:
        return Revision(ref.branch, ref.commit)
    if ref.semver or ref.tag:
        tags = {
            name.removeprefix("refs/tags/")
            for name in heads
            if name.startswith("refs/tags/") and not name.endswith("^{}")
        }
        tag = newest_tag(ref.semver, tags) if ref.semver else ref.tag
        if tag is None or tag not in tags:
            raise SourceError(
                "RefNotFound", f"no tag matches {ref.semver!r}" if ref.semver else f"there is no tag {ref.tag!r}"
            )
        return _revision(tag, heads.get(f"refs/tags/{tag}^{{}}") or heads[f"refs/tags/{tag}"])
    if ref.branch:
        if f"refs/heads/{ref.branch}" not in heads:
            raise SourceError("RefNotFound", f"there is no branch {ref.branch!r}")
        return _revision(ref.branch, heads[f"refs/heads/{ref.branch}"])
    if "HEAD" not in heads:
        raise SourceError("RefNotFound", "the repository is empty, or its HEAD points nowhere")
    return _revision(heads.get("symref HEAD", "HEAD").removeprefix("refs/heads/"), heads["HEAD"])


def _revision(ref: str, sha: str) -> Revision:
    if not is_sha(sha):
        raise SourceError("GitOperationFailed", "the remote named no valid commit")
    return Revision(ref, sha)


def _remove_leftovers(path: Path) -> None:
    """What a killed git left: its locks would stop every later fetch. Nobody else works here: the file lock is ours."""
    for pattern in ("*.lock", "refs/**/*.lock", "objects/**/*.lock", "objects/pack/tmp_*", "objects/tmp_*"):
        for leftover in path.glob(pattern):
            leftover.unlink(missing_ok=True)


def _healthy(store: Store) -> bool:
    """Whether what our refs promise is all there: looked at only after a failure that has no other explanation."""
    try:
        return not store.broken and store.git("rev-list", "--objects", "--all", "--quiet", bounds=Bounds(120)).code == 0
    except SourceError:
        return False


def _object_bytes(path: Path) -> int:
    """Size of packs, loose objects and what is being received."""
    total = 0
    for file in (path / "objects").rglob("*"):
        with contextlib.suppress(OSError):  # git renames them under our eyes
            total += file.stat().st_size
    return total
