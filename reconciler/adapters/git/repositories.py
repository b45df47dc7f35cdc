"""All Git sources of the service: resolves refs by `ls-remote` and fetches commits into a bare cache per URL.

A commit is fetched by its id and with full history, because provenance and the fast-forward rule need it.
`runtime/sync/loop.py` uses it through `core.git.source.Repositories`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from reconciler.adapters.git.bare_cache import BareCache, BareCaches, CacheLimits
from reconciler.adapters.git.environment import GitHome
from reconciler.adapters.git.object_store import ObjectStore, ReadLimits
from reconciler.adapters.git.refs import choose, patterns
from reconciler.adapters.git.remotes import RemoteAccess, RemoteCommands
from reconciler.adapters.git.snapshot import CachedSnapshot
from reconciler.core.git.rules import UrlPolicy, check_ref
from reconciler.core.git.source import CommitSnapshot, GitRemote, Ref, Revision, SourceError, is_sha
from reconciler.core.meters import UNMETERED, GitMeter


@dataclass(frozen=True, slots=True)
class GitLimits:
    """Bounds of what a remote may cost."""

    resolve_s: float = 30.0
    fetch_s: float = 300.0
    repository_bytes: int = 2 * 1024 * 1024 * 1024
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
        policy, limits, cache = policy or UrlPolicy(), limits or GitLimits(), cache.absolute()
        self._resolve_s = limits.resolve_s
        self._home = GitHome(cache, allow_file=policy.allow_file)
        self._commands = RemoteCommands(self._home, policy, meter, login_field="spec.repo.secretRef")
        cost = CacheLimits(limits.fetch_s, limits.repository_bytes, read=limits.read)
        self._caches = BareCaches(cache / "repositories", "refs/snapshots/", self._home, cost)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the reader processes and remove what held credentials; the caches stay."""
        self._caches.close()
        self._home.close()

    def resolve(self, remote: GitRemote, ref: Ref) -> Revision:
        """See `core.git.source.Repositories`."""
        access = self._commands.access(remote)
        asked = patterns(check_ref(ref))
        with self._caches.on_disk():
            return choose(ref, access.ls_remote(asked, self._resolve_s, self._caches.directory))

    def fetch(self, remote: GitRemote, revision: Revision) -> CommitSnapshot:
        """See `core.git.source.Repositories`."""
        access = self._commands.access(remote)
        if not is_sha(revision.sha):
            raise SourceError("InvalidRef", "a revision needs a full object id")
        with self._caches.on_disk():
            # A commit that one sync fetched is not shown to another that never proved that it may read the repository.
            if not access.admitted:
                access.ls_remote(["HEAD"], self._resolve_s, self._caches.directory)
            return CachedSnapshot(self._have(access, revision), revision)

    def _have(self, access: RemoteAccess, revision: Revision) -> ObjectStore:
        """The repository with the revision in it. Whoever waits for another's fetch looks again first."""
        cache = self._caches.cache(access.url, sha256=len(revision.sha) == 64)
        if (store := cache.sound) and _holds(cache, revision):
            return store
        with self._caches.turn(access.url) as lock:
            store = cache.open()
            if _holds(cache, revision):
                return store
            return cache.fill(revision.sha, lambda store: _download(cache, store, access, lock, revision))


def _holds(cache: BareCache, revision: Revision) -> bool:
    if cache.holds(revision.sha):
        return True
    # An older commit of what is here: pinned, or the base of a comparison.
    return not revision.ref and cache.holds_before(revision.sha)


def _download(cache: BareCache, store: ObjectStore, access: RemoteAccess, lock: int, revision: Revision) -> None:
    """Fetch one revision by id: the ref may have moved since it was resolved."""
    own_ref = cache.own_ref(revision.ref or revision.sha)
    try:
        cache.fetch(access, lock, f"+{revision.sha}:{own_ref}")
    except SourceError as error:
        if error.reason != "RefNotFound":
            raise
        # A server that serves no bare ids, or a commit that left the branch: look whether any branch or tag has it.
        cache.fetch(access, lock, "+refs/heads/*:refs/mirror/heads/*", "+refs/tags/*:refs/mirror/tags/*")
        if store.git("update-ref", own_ref, revision.sha).code != 0:
            raise SourceError(
                "RefNotFound", f"commit {revision.short} is on no branch or tag of the repository"
            ) from None
