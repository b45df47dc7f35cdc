"""What may be asked of Git at all: URLs, refs, paths and credentials, judged before any process starts.

Everything here comes from people or from remotes, and git reads some of it as options, helpers (`ext::`), commands of a
shell on the other side or lines of a protocol. So the rule is a list of what is allowed, never of what is forbidden.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, unquote, urlsplit

from semantic_version import NpmSpec, Version

from reconciler.core.git.source import Credentials, Ref, SourceError, clean_text, is_sha

_MESSAGE_LIMIT = 300


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """What the installer allows beyond https and ssh. Plain http to the loopback is always allowed: nobody listens in."""

    allow_file: bool = False
    allow_http: bool = False


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """A URL that was judged. `text` is what git gets; it holds no password, no query and no fragment."""

    scheme: str
    host: str
    text: str


_SCP = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>[^/:][^:]*|/[^/:][^:]*)\Z"
)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\Z")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}\Z")
_PATH = re.compile(r"/[A-Za-z0-9._~%!$&'()*+,;=:@/ -]*\Z")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_URL_LIMIT = 2048


def parse_url(text: str, policy: UrlPolicy) -> RemoteUrl:
    """Judge a repository URL; SourceError InvalidURL says what is wrong without repeating what may be secret."""
    if not text or len(text) > _URL_LIMIT:
        raise _bad_url(f"a URL has 1 to {_URL_LIMIT} characters")
    if not text.isascii() or not text.isprintable():
        raise _bad_url("only printable ASCII is allowed; percent-encode the rest")
    if text[0] in "-/." and not _SCHEME.match(text):
        raise _bad_url("give a full URL: https://, ssh:// or user@host:path")
    if "::" in text.partition("/")[0]:
        raise _bad_url("remote helpers (helper::address) are not allowed")
    if not _SCHEME.match(text):
        text = _from_scp(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _bad_url("not a valid URL") from None
    scheme = parts.scheme.lower()
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise _bad_url("no query and no fragment are allowed; credentials belong into the Secret")
    _check_url_path(parts.path)
    if scheme == "file":
        return _file_url(parts.netloc, parts.path, policy)
    if scheme not in ("https", "ssh", "http"):
        raise _bad_url("the scheme must be https or ssh")
    if port == 0 or parts.netloc.endswith(":"):
        raise _bad_url("the port is not valid")
    host = _host(parts.hostname or "")
    if scheme == "http" and not (policy.allow_http or _loopback(host)):
        raise _bad_url("http is not encrypted; use https")
    user = _url_user(scheme, parts.netloc)
    shown_host = f"[{host}]" if ":" in host else host
    return RemoteUrl(scheme, host, f"{scheme}://{user}{shown_host}{f':{port}' if port else ''}{parts.path}")


def _bad_url(why: str) -> SourceError:
    return SourceError("InvalidURL", f"spec.repo.url: {why}")


def _from_scp(text: str) -> str:
    """`git@host:org/repo` as ssh://. A relative path is taken from the root, as every git host serves it."""
    found = _SCP.match(text)
    if not found:
        raise _bad_url("give a full URL: https://, ssh:// or user@host:path")
    return f"ssh://{found['user'] or 'git'}@{found['host']}/{found['path'].lstrip('/')}"


def _check_url_path(path: str) -> None:
    if not _PATH.match(path) or not path.strip("/"):
        raise _bad_url("the path is missing or holds characters that must be percent-encoded")
    plain = unquote(path, errors="replace")
    if not plain.isprintable():
        # A newline would become a line of the credential protocol (CVE-2020-5260).
        raise _bad_url("encoded control characters are not allowed")
    segments = plain.split("/")
    if ".." in segments or any(segment.startswith("-") for segment in segments[:2]):
        raise _bad_url("the path may neither hold .. nor start with a dash")


def _file_url(netloc: str, path: str, policy: UrlPolicy) -> RemoteUrl:
    if not policy.allow_file:
        raise _bad_url("file remotes are off; they are for development (--allow-file-remotes)")
    if netloc not in ("", "localhost"):
        raise _bad_url("a file URL names no host")
    return RemoteUrl("file", "", f"file://{path}")


def _host(host: str) -> str:
    if ":" in host:
        try:
            return ip_address(host).compressed
        except ValueError:
            raise _bad_url("the host is not valid") from None
    if not _HOST.match(host) or ".." in host:
        raise _bad_url("the host is missing or not valid")
    return host.lower()


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _url_user(scheme: str, netloc: str) -> str:
    user, at, _ = netloc.rpartition("@")
    if scheme != "ssh":
        if at:
            raise _bad_url("no user or password is allowed in the URL; they belong into the Secret")
        return ""
    if at and not _USER.match(user):
        raise _bad_url("the user is not valid, and a password belongs into the Secret")
    return f"{user or 'git'}@"


_REF_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)")
_SEMVER = re.compile(r"[0-9A-Za-z .*<>=~^|+-]{1,100}\Z")


def check_ref(ref: Ref) -> Ref:
    """Judge a ref by git's own rules (check-ref-format), plus ours: never an option, full object ids only."""
    for field, name in (("branch", ref.branch), ("tag", ref.tag)):
        if name and not _is_ref_name(name):
            raise SourceError("InvalidRef", f"spec.repo.ref.{field}: not a valid name")
    if ref.commit and not is_sha(ref.commit):
        raise SourceError("InvalidRef", "spec.repo.ref.commit: give the full id in lower case, 40 or 64 hex digits")
    if ref.semver:
        _npm_spec(ref.semver)
    return ref


def _is_ref_name(name: str) -> bool:
    return (
        len(name) <= 200
        and name.isprintable()
        and name != "@"
        and name[0] not in "-./"
        and name[-1] not in "./"
        and not _REF_FORBIDDEN.search(name)
    )


def _npm_spec(text: str) -> NpmSpec:
    if _SEMVER.match(text):
        try:
            return NpmSpec(text)
        except ValueError:
            pass
    raise SourceError("InvalidRef", "spec.repo.ref.semver: not a range of versions, such as >=1.2.0 <2.0.0 or 1.x")


def newest_tag(range_text: str, tags: Iterable[str]) -> str | None:
    """The tag with the highest version in the range. A leading `v` is allowed; other tags are passed over.

    Of two tags for one version (`1.2.0` and `v1.2.0`) the first in the alphabet wins, so the choice is stable.
    """
    spec = _npm_spec(range_text)
    best: tuple[Version, str] | None = None
    for tag in sorted(tags):
        try:
            version = Version(tag.removeprefix("v")) if len(tag) <= 100 else None
        except ValueError:
            continue
        if version and _is_ref_name(tag) and version in spec and (best is None or version > best[0]):
            best = version, tag
    return best[1] if best else None


_PATH_LIMIT = 512


def clean_path(path: str) -> str:
    """`./clusters/prod/` as `clusters/prod`; "" is the root of the repository. SourceError InvalidPath otherwise."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if len(path) > _PATH_LIMIT or ".." in parts or not path.isprintable() or "\\" in path:
        raise SourceError(
            "InvalidPath", "spec.repo.path: a path inside the repository, without .. and control characters"
        )
    return "/".join(parts)


_TOKEN = re.compile(r"[\x21-\x7e]+\Z")


def check_credentials(url: RemoteUrl, credentials: Credentials) -> None:
    """Refuse a Secret that cannot work for this URL. Says which key is wrong, never what it holds."""
    for key, value in (("username", credentials.username), ("password", credentials.password)):
        if any(c in value for c in "\n\r\0"):
            raise SourceError("InvalidCredentials", f"the Secret's {key} holds a line break")
    if credentials.bearer_token and not _TOKEN.match(credentials.bearer_token):
        raise SourceError("InvalidCredentials", "the Secret's bearerToken must be one line of printable ASCII")
    if url.scheme == "ssh":
        missing = [
            key
            for key, value in (("identity", credentials.identity), ("known_hosts", credentials.known_hosts))
            if not value.strip()
        ]
        if missing:
            raise SourceError("InvalidCredentials", f"ssh needs {' and '.join(missing)} in the Secret")


_USER_INFO = re.compile(r"(?<=://)[^/\s@'\"]*@")
_QUERY = re.compile(r"(?<=[A-Za-z0-9/])\?[^\s'\"]*")
_KNOWN_TOKENS = re.compile(
    r"\b(?:gh[pousr]_\w+|github_pat_\w+|glpat-[\w-]+|xox[a-z]-[\w-]+|AKIA\w{16}|(?:Bearer|Basic)\s+[\w.~+/=-]{6,})",
    re.IGNORECASE,
)
_SHORT = 4


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """One line for a condition or a log: without the given secrets, user-info, queries and what looks like a token."""
    for secret in secrets:
        if len(secret) < _SHORT:
            return "the command failed; its output is withheld because the secret is too short to be masked"
        for form in {secret, quote(secret, safe=""), quote(secret)}:
            text = text.replace(form, "***")
    text = _USER_INFO.sub("***@", text)
    text = _QUERY.sub("?***", text)
    text = _KNOWN_TOKENS.sub("***", text)
    return " ".join(clean_text(piece) for piece in text.splitlines() if piece.strip())[:_MESSAGE_LIMIT]
