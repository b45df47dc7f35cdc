"""A forge (GitHub, GitLab, Gitea, Forgejo) as far as commit statuses go: where they are posted, as what, and the port.

Knows no HTTP. `adapters/forges.py` implements `Forge`; `runtime/forge/reports.py` calls it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit

from reconciler.core.git.rules import RemoteUrl, UrlPolicy, parse_url
from reconciler.core.git.source import SourceError
from reconciler.core.values import JsonObject, Spec

PAUSE_S = 60.0
"""For a host that limits us and does not say for how long."""
_POLICY = UrlPolicy(allow_file=True)
"""A token goes over https, or over plain http to the loopback."""
_SSH_DOORS = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}
"""Hosts that speak ssh on port 443 for a forge of another name."""


class ForgeProvider(StrEnum):
    """Who takes commit statuses."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    """Forgejo too."""


class CommitState(StrEnum):
    """What a status says, in the order in which it may move: never back (see `core/sync/commit_status.py`)."""

    PENDING = "pending"
    SUPERSEDED = "superseded"
    ERROR = "error"
    FAILURE = "failure"
    SUCCESS = "success"


WORDS: Mapping[ForgeProvider, Mapping[CommitState, str]] = {
    ForgeProvider.GITHUB: {
        CommitState.PENDING: "pending",
        # Nothing closer exists; `success` would claim what never happened.
        CommitState.SUPERSEDED: "error",
        CommitState.ERROR: "error",
        CommitState.FAILURE: "failure",
        CommitState.SUCCESS: "success",
    },
    ForgeProvider.GITLAB: {
        CommitState.PENDING: "pending",
        CommitState.SUPERSEDED: "canceled",
        CommitState.ERROR: "failed",
        CommitState.FAILURE: "failed",
        CommitState.SUCCESS: "success",
    },
    ForgeProvider.GITEA: {
        CommitState.PENDING: "pending",
        CommitState.SUPERSEDED: "warning",
        CommitState.ERROR: "error",
        CommitState.FAILURE: "failure",
        CommitState.SUCCESS: "success",
    },
}


class Consequence(StrEnum):
    """Who acts next when a post failed."""

    RETRY = "retry"
    """It passes by itself."""
    UNKNOWN = "unknown"
    """It passes by itself, but the post may have been received: look before posting again."""
    SLOW_DOWN = "slow down"
    """The host limits us, all syncs alike."""
    HUMAN = "human"
    """Credentials, rights or addresses have to be fixed."""
    NEVER = "never"
    """This very status will not be taken, whoever asks."""


class ForgeError(Exception):
    """A status could not be posted. `reason` is CamelCase and stable; the text holds no secret."""

    def __init__(
        self, reason: str, message: str, consequence: Consequence, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message
        self.consequence = consequence
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


@dataclass(frozen=True)
class ForgeSecret:
    """The values of the Secret. None of them may appear in a repr, a message or a URL. Keys as Flux names them."""

    token: str = field(default="", repr=False)
    ca_crt: str = field(default="", repr=False)
    app_id: str = ""
    app_installation: str = ""
    app_owner: str = ""
    app_key: str = field(default="", repr=False)

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Self:
        """From the decoded keys of a Secret, as Flux names them. Nothing is judged yet: `check` does that."""
        return cls(
            token=(values.get("token") or values.get("password") or values.get("bearerToken") or "").strip(),
            ca_crt=values.get("ca.crt", ""),
            app_id=values.get("githubAppID", "").strip(),
            app_installation=values.get("githubAppInstallationID", "").strip(),
            app_owner=values.get("githubAppInstallationOwner", "").strip(),
            app_key=values.get("githubAppPrivateKey", ""),
        )

    def check(self, provider: ForgeProvider) -> None:
        """Say which key is missing, never what another holds."""
        if self.app_key or self.app_id:
            if provider is not ForgeProvider.GITHUB:
                raise _wrong("InvalidCredentials", "the Secret has githubApp keys, which only GitHub knows")
            if not (self.app_id.isascii() and self.app_id.isdigit()) or not self.app_key:
                raise _wrong("InvalidCredentials", "the Secret needs githubAppID (a number) and githubAppPrivateKey")
            if bool(self.app_installation) == bool(self.app_owner):
                keys = "githubAppInstallationID or githubAppInstallationOwner"
                raise _wrong("InvalidCredentials", f"the Secret needs exactly one of {keys}")
            if self.app_installation and not (self.app_installation.isascii() and self.app_installation.isdigit()):
                raise _wrong("InvalidCredentials", "githubAppInstallationID must be a number")
            return
        if not self.token:
            raise _wrong("InvalidCredentials", "the Secret has no token")
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise _wrong("InvalidCredentials", "the Secret's token must be one line of printable ASCII")


@dataclass(frozen=True)
class ForgeRepository:
    """A repository at a forge."""

    provider: ForgeProvider
    api: str
    """Root of the API, without a slash at the end."""
    project: str
    """`owner/name`; with GitLab any depth of groups."""
    host: str
    """Where the token goes."""
    repository_host: str

    def allowed_by(self, hosts: frozenset[str]) -> bool:
        """Whether a Secret for these hosts may be sent: api.github.com counts as github.com."""
        return self.host in hosts or (self.host == _public_api(self.repository_host) and self.repository_host in hosts)


@dataclass(frozen=True)
class Said:
    """A status as the forge knows it, in the forge's own word."""

    word: str
    description: str


@dataclass(frozen=True)
class Statement:
    """One status to post."""

    sha: str
    ref: str
    """Branch or tag, for GitLab, which otherwise picks a pipeline of its own choice; empty when not known."""
    state: CommitState
    context: str
    description: str
    target_url: str = ""


class Forge(Protocol):
    """Both raise ForgeError and nothing else."""

    def post(self, place: ForgeRepository, secret: ForgeSecret, statement: Statement) -> None:
        """Set the status. Raises ForgeError, classed by what to do next."""

    def latest(self, place: ForgeRepository, secret: ForgeSecret, sha: str, context: str) -> Said | None:
        """What the commit says in this context now."""
        ...


@dataclass(frozen=True)
class StatusTarget:
    """`spec.writeBack.commitStatus`, parsed."""

    place: ForgeRepository
    secret: str
    target_url: str = ""

    @classmethod
    def of(cls, spec: Spec) -> Self | None:
        """None when nothing is to be posted; ForgeError when a person has to correct the spec."""
        wanted = _mapping(_mapping(spec, "writeBack"), "commitStatus")
        provider = str(wanted.get("provider") or "none")
        if provider == "none":
            return None
        url = str(_mapping(spec, "repo").get("url") or "")
        return cls(
            place=place(ForgeProvider(provider), url, str(wanted.get("apiUrl") or "")),
            secret=str(_mapping(wanted, "secretRef").get("name") or ""),
            target_url=str(wanted.get("targetUrl") or ""),
        )


def place(provider: ForgeProvider, url: str, api_url: str = "") -> ForgeRepository:
    """Where the repository's statuses go: derived from its URL, or below `api_url`."""
    try:
        repository = parse_url(url, _POLICY)
    except SourceError as error:
        raise _wrong(error.reason, error.message) from None
    if repository.scheme == "file":
        raise _wrong("InvalidURL", "spec.repo.url names no forge")
    host = _SSH_DOORS.get(repository.host, repository.host)
    parts = [part for part in unquote(urlsplit(repository.text).path).split("/") if part]
    parts[-1] = parts[-1].removesuffix(".git")
    prefix: list[str] = []
    if provider is not ForgeProvider.GITLAB:
        # An owner and a name, always; what stands before is where the forge is mounted.
        prefix, parts = parts[:-2], parts[-2:]
    if len(parts) < 2 or not parts[-1]:
        raise _wrong("InvalidURL", "spec.repo.url does not end in owner/repository")
    if api_url:
        api, api_host = _given_api(api_url)
        parts = _below(parts, api, api_host, host) if provider is ForgeProvider.GITLAB else parts
    else:
        api = _derived_api(provider, repository, host, prefix)
        api_host = urlsplit(api).hostname or ""
    return ForgeRepository(provider, api, "/".join(parts), api_host, host)


def _derived_api(provider: ForgeProvider, repository: RemoteUrl, host: str, prefix: list[str]) -> str:
    # Of an ssh remote only the host tells of the forge: its port is sshd's.
    web = repository.scheme in ("https", "http")
    root = f"{repository.scheme}://{urlsplit(repository.text).netloc}" if web else f"https://{host}"
    match provider:
        case ForgeProvider.GITHUB if public := _public_api(host):
            return f"https://{public}"
        case ForgeProvider.GITHUB:
            path = "/api/v3"
        case ForgeProvider.GITLAB:
            path = "/api/v4"
        case ForgeProvider.GITEA:
            path = "/api/v1"
    # An ssh path may begin with a directory of the server; it says nothing about the web.
    mount = "".join(f"/{part}" for part in prefix) if web else ""
    return f"{root}{mount}{path}"


def _public_api(host: str) -> str:
    if host == "github.com" or host.endswith(".ghe.com"):
        return f"api.{host}"
    return ""


def _given_api(text: str) -> tuple[str, str]:
    try:
        url = parse_url(text.rstrip("/") + "/.", UrlPolicy())
    except SourceError as error:
        what = error.message.removeprefix("spec.repo.url: ")
        raise _wrong("InvalidURL", f"spec.writeBack.commitStatus.apiUrl: {what}") from None
    if url.scheme not in ("https", "http"):
        raise _wrong("InvalidURL", "spec.writeBack.commitStatus.apiUrl: the scheme must be https")
    return url.text.removesuffix("/."), url.host


def _below(parts: list[str], api: str, api_host: str, host: str) -> list[str]:
    """A GitLab under a path prefix: the prefix is part of the clone URL, but of no project's name."""
    mounted = [part for part in urlsplit(api).path.removesuffix("/api/v4").split("/") if part]
    if api_host == host and mounted and parts[: len(mounted)] == mounted and len(parts) - len(mounted) >= 2:
        return parts[len(mounted) :]
    return parts


def _mapping(parent: JsonObject, name: str) -> JsonObject:
    value = parent.get(name)
    return value if isinstance(value, Mapping) else {}


def _wrong(reason: str, message: str) -> ForgeError:
    return ForgeError(reason, message, Consequence.HUMAN)
