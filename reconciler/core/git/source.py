"""Where manifests come from: the words of a Git source, and the port the sync loop reads it through.

Knows what a ref, a revision and a commit are to us. Does not know how they are fetched (`adapters/git`) nor what the
files mean (`core/manifests/parse.py`). What may be asked for at all is in `core/git/rules.py`.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, Self

_SHA = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_TEXT_LIMIT = 200

REGULAR, EXECUTABLE, SYMLINK, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o160000


class SourceError(Exception):
    """The source cannot be read. `reason` is CamelCase and stable; `message` holds no secret and fits a condition.

    Reasons: InvalidURL, InvalidRef, InvalidPath, InvalidCredentials, AuthenticationFailed, HostKeyMismatch,
    CertificateInvalid, RepositoryNotFound, RefNotFound, TimedOut, RepositoryTooLarge, RepositoryRejected,
    CacheCorrupted, GitOperationFailed.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class RepositoryRejectedError(SourceError):
    """The content as a whole cannot be trusted: too many files, a broken tree, objects that git itself refuses."""

    def __init__(self, message: str, reason: str = "RepositoryRejected") -> None:
        super().__init__(reason, message)


@dataclass(frozen=True, slots=True)
class Ref:
    """What to follow. Precedence as in Flux: commit, semver, tag, branch; none of them is the remote's HEAD."""

    branch: str = ""
    tag: str = ""
    semver: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The values of a source Secret. None of them may appear in a repr, a message, an argument list or a URL.

    `password` is the passphrase of `identity` when that is set.
    """

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)
    ca_crt: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    known_hosts: str = field(default="", repr=False)

    @classmethod
    def from_secret(cls, values: Mapping[str, str]) -> Self:
        """Take decoded Secret data, with the keys Flux uses."""
        return cls(
            username=values.get("username", ""),
            password=values.get("password", ""),
            bearer_token=values.get("bearerToken", ""),
            ca_crt=values.get("ca.crt", "") or values.get("caFile", ""),
            identity=values.get("identity", ""),
            known_hosts=values.get("known_hosts", ""),
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown; the user name is not among it."""
        return tuple(value for value in (self.password, self.bearer_token, self.identity) if value)


@dataclass(frozen=True, slots=True)
class GitRemote:
    """One repository as one sync reaches it."""

    url: str
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """A ref and the commit it stood for when we looked: `main@sha1:<sha>`; without a ref `sha1:<sha>`."""

    ref: str
    sha: str

    def __str__(self) -> str:
        digest = f"{'sha1' if len(self.sha) == 40 else 'sha256'}:{self.sha}"
        return f"{self.ref}@{digest}" if self.ref else digest

    @property
    def short(self) -> str:
        """The commit's first seven digits."""
        return self.sha[:7]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str()` wrote; ValueError otherwise. Ref names may hold `@` and `/`, so the last `@` counts."""
        ref, _, digest = text.rpartition("@")
        algorithm, _, sha = digest.partition(":")
        if not is_sha(sha) or algorithm != ("sha1" if len(sha) == 40 else "sha256"):
            raise ValueError(f"not a revision: {text[:100]!r}")
        return cls(ref, sha)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as shown to people: both texts are already cleaned, the e-mail address is left behind."""

    sha: str
    author: str
    subject: str
    when: datetime

    @classmethod
    def of(cls, sha: str, author: str, subject: str, when: datetime) -> Self:
        """Build from untrusted text."""
        return cls(sha, clean_text(author), clean_text(subject), when)


@dataclass(frozen=True, slots=True)
class Provenance:
    """The newest non-merge commit that changed a file; `approximate` when the search ended at its bound."""

    commit: Commit
    approximate: bool = False


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One entry of a tree that is not a directory. Undecodable names carry surrogate escapes and are refused later."""

    path: str
    blob: str
    size: int
    mode: int = REGULAR

    @property
    def regular(self) -> bool:
        """Whether it is a plain file: no symbolic link, no submodule."""
        return self.mode not in (SYMLINK, SUBMODULE)


class TreeSnapshot(Protocol):
    """Files as one tree of Git holds them: all that rendering needs of a commit.

    Any method raises SourceError; with `RepositoryRejected` and `RepositoryTooLarge` as RepositoryRejectedError.
    """

    def tree_id(self, path: str) -> str | None:
        """Id of the directory at `path` ("" is the root); None when nothing is there. A link or file is an error."""
        ...

    def entry(self, path: str) -> TreeFile | None:
        """The one file, link or submodule at `path`; None for a directory and for nothing."""
        ...

    def files(self, path: str) -> Sequence[TreeFile]:
        """All entries below `path`, sorted by full path. Links, submodules and oversize blobs come as they are:
        `core/manifests/parse.py` turns them into rejections.
        """
        ...

    def read(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Contents by blob id. A blob over the size limit is an error: look at `TreeFile.size` first."""
        ...


class CommitSnapshot(TreeSnapshot, Protocol):
    """One commit, immutable: everything is read from the object store by id, never from a work tree."""

    @property
    def revision(self) -> Revision:
        """The ref and commit that was asked for."""

    @property
    def commit(self) -> Commit:
        """Author, subject and time of the head."""

    def contains(self, sha: str) -> bool:
        """Whether `sha` is this commit or one of its ancestors; False for a commit that is unknown here."""
        ...

    def provenance(self, since: str | None, paths: Iterable[str]) -> Mapping[str, Provenance]:
        """Who changed each path last. `since` is the commit of the sync before, where the walk first stops."""
        ...


class Repositories(Protocol):
    """All Git sources, shared by all syncs and safe for many threads."""

    def resolve(self, remote: GitRemote, ref: Ref) -> Revision:
        """Ask the remote once where the ref stands."""
        ...

    def fetch(self, remote: GitRemote, revision: Revision) -> CommitSnapshot:
        """Have the commit here; no network when it already is and this remote was reached before."""
        ...


def is_sha(text: str) -> bool:
    """A full, lower-case object id."""
    return _SHA.match(text) is not None


def clean_text(text: str, limit: int = _TEXT_LIMIT) -> str:
    """One line of untrusted text made fit for a terminal, a log and a status: no control, no direction overrides."""
    visible = "".join(" " if c in "\t\n\r" else c for c in text if c in "\t\n\r" or unicodedata.category(c)[0] != "C")
    return " ".join(visible.split())[:limit]
