"""What git says, as reasons of conditions. The one place that reads git's texts; they are asked for in English (LC_ALL=C)."""

import re
from collections.abc import Iterable

from reconciler.core.git.rules import scrub
from reconciler.core.git.source import RepositoryRejectedError, SourceError

# First match wins: a changed host key also ends in "Could not read from remote repository".
_REASONS = tuple(
    (reason, re.compile(pattern, re.IGNORECASE))
    for reason, pattern in (
        ("HostKeyMismatch", r"host key verification failed|host identification has changed|no \S+ host key is known"),
        (
            "CertificateInvalid",
            r"ssl certificate|certificate verif|unable to get local issuer|ssl peer|certificate subject name",
        ),
        (
            "AuthenticationFailed",
            (
                r"authentication failed|could not read (?:username|password)|terminal prompts disabled|permission denied"
                r"|returned error: 40[13]|access denied|invalid credentials|incorrect passphrase|error in libcrypto|invalid format"
            ),
        ),
        (
            "RepositoryNotFound",
            r"repository .*not found|returned error: 404|does not appear to be a git repository|does not exist",
        ),
        ("RefNotFound", r"couldn't find remote ref|not our ref|no such remote ref|unadvertised object"),
        (
            "RepositoryRejected",
            r"fsck error|pack has bad object",
        ),
        ("TimedOut", r"operation timed out|connection timed out|too slow|timeout"),
    )
)
_REDIRECT = re.compile(r"redirect|returned error: 30[1278]", re.IGNORECASE)
_CLASSLESS = "GitOperationFailed"


def translate(stderr: str, secrets: Iterable[str]) -> SourceError:
    """Class what a failed command wrote. An unknown text is GitOperationFailed: worth another try."""
    reason = next((reason for reason, pattern in _REASONS if pattern.search(stderr)), _CLASSLESS)
    message = scrub(_informative(stderr), secrets) or "git failed without saying why"
    if reason == _CLASSLESS and _REDIRECT.search(stderr):
        message = "the server redirects to another address, and credentials do not follow: write that address into spec.repo.url"
    if reason == "RepositoryRejected":
        return RepositoryRejectedError(message)
    return SourceError(reason, message)


def is_unclassed(error: SourceError) -> bool:
    """Whether the fault may as well be in our own cache."""
    return error.reason in (_CLASSLESS, "RepositoryRejected")


_NOISE = re.compile(
    r"^(?:remote: (?:Enumerating|Counting|Compressing|Total)|hint:|warning: redirecting|@+|Please make sure|and the repository exists|$)"
)


def _informative(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if not _NOISE.match(line.strip())]
    return "\n".join(lines[:6])
