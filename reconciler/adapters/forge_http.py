"""One request to a forge's API, and what its answer means. No redirects, bounded in size and time, nothing secret in errors.

| answer | consequence |
| --- | --- |
| 2xx | done |
| 3xx | HUMAN: a credential follows no redirect |
| 401; 403; 404, 410 | HUMAN: AuthenticationFailed; AccessDenied; RepositoryNotFound |
| 404, 422 that miss the commit: CommitNotFound; 400, 413, 422 | NEVER: this status will not be taken |
| 429, and 403 that speaks of a limit | SLOW_DOWN until Retry-After or X-RateLimit-Reset, else a minute |
| 408, 409, 425, 5xx, no answer | UNKNOWN: it may have been received |
| a certificate that does not verify | HUMAN: CertificateInvalid |
"""

from __future__ import annotations

import functools
import http.client
import json
import re
import ssl
import time
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import IO, Any
from urllib.error import HTTPError, URLError

from reconciler.core.git.forge import PAUSE_S, Consequence, ForgeError
from reconciler.core.git.rules import scrub
from reconciler.core.ports import Clock

TIMEOUT_S = 10.0
_WHOLE_S = 30.0
_BODY_LIMIT = 1024 * 1024
_CHUNK = 64 * 1024
_LONGEST_PAUSE_S = 3600.0
_SAID_LIMIT = 150

_NO_COMMIT = re.compile(r"no commit found|commit not found|references for commit|commit does not exist", re.IGNORECASE)
"""GitHub's, GitLab's (also of a ref that no longer holds the commit) and Gitea's words."""

_AGENT = "sagemaker-gitops"


@dataclass(frozen=True)
class ForgeReply:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def value(self) -> Any:
        """The JSON that came, None when it was none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """A redirect is an answer like any other."""


class Http:
    """Safe for threads. A proxy is taken from the environment, as everywhere else in this process."""

    def __init__(self, clock: Clock, timeout_s: float = TIMEOUT_S) -> None:
        self._clock = clock
        self._timeout_s = timeout_s

    def send(
        self, method: str, url: str, headers: Mapping[str, str], value: Any = None, *, ca_crt: str = "",
        secrets: Iterable[str] = (),
    ) -> ForgeReply:  # fmt: skip
        """The answer to a request that was taken; ForgeError for all others."""
        body = None if value is None else json.dumps(value).encode()
        said = {"User-Agent": _AGENT, "Accept": "application/json", **headers}
        if body is not None:
            said["Content-Type"] = "application/json"
        # Schemes are judged where the address is made (core/git/forge.py).
        request = urllib.request.Request(url, body, said, method=method)  # noqa: S310
        reply = self._reply(request, ca_crt)
        if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            raise _refusal(reply, tuple(secrets), self._clock.now())
        return reply

    def now(self, reply: ForgeReply) -> datetime:
        """The forge's own clock where it tells: its times are compared with nothing else."""
        return _date(reply.headers.get("date", "")) or self._clock.now()

    def _reply(self, request: urllib.request.Request, ca_crt: str) -> ForgeReply:
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=_trust(ca_crt)))
        try:
            with opener.open(request, timeout=self._timeout_s) as answer:
                return ForgeReply(answer.status, _lower(answer.headers), _read(answer))
        except HTTPError as error:
            with error:
                return ForgeReply(error.code, _lower(error.headers), _read_what_comes(error))
        except URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise _untrusted(error.reason) from None
            raise _unknown(error.reason) from None
        except ssl.SSLCertVerificationError as error:
            raise _untrusted(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise _unknown(error) from None
        except ValueError:
            # http.client refuses what cannot stand in a request line or a header.
            raise ForgeError(
                "InvalidURL", "the address or the credentials hold forbidden characters", Consequence.HUMAN
            ) from None


@functools.lru_cache(maxsize=32)
def _trust(ca_crt: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=ca_crt or None)
    except (ssl.SSLError, ValueError):
        raise ForgeError("InvalidCredentials", "the Secret's ca.crt holds no certificate", Consequence.HUMAN) from None


def _read(answer: IO[bytes]) -> bytes:
    """At most the limit; what drips in slower than the deadline is cut."""
    give_up, body = time.monotonic() + _WHOLE_S, b""
    while chunk := answer.read(_CHUNK):
        body += chunk
        if len(body) > _BODY_LIMIT or time.monotonic() > give_up:
            raise _unknown("the answer is too long")
    if getattr(answer, "length", None):
        raise _unknown("the answer broke off")
    return body


def _read_what_comes(answer: IO[bytes]) -> bytes:
    try:
        return _read(answer)
    except (OSError, http.client.HTTPException, ForgeError):
        return b""


def _refusal(reply: ForgeReply, secrets: tuple[str, ...], now: datetime) -> ForgeError:
    said = _said(reply, secrets)
    status, text = reply.status, f"the forge answered {reply.status}" + (f": {said}" if said else "")
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.FORBIDDEN and _limited(reply, said)):
        return ForgeError("RateLimited", text, Consequence.SLOW_DOWN, retry_after_s=_pause_s(reply, now))
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return ForgeError("AuthenticationFailed", text, Consequence.HUMAN)
        case HTTPStatus.FORBIDDEN:
            return ForgeError("AccessDenied", text, Consequence.HUMAN)
        case HTTPStatus.NOT_FOUND | HTTPStatus.UNPROCESSABLE_ENTITY if _NO_COMMIT.search(said):
            return ForgeError("CommitNotFound", text, Consequence.NEVER)
        case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
            hint = "; the repository is not there, or the credentials may not see it"
            return ForgeError("RepositoryNotFound", text + hint, Consequence.HUMAN)
        case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.CONFLICT | HTTPStatus.TOO_EARLY:
            return ForgeError("ForgeUnavailable", text, Consequence.UNKNOWN)
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ForgeError("ForgeUnavailable", text, Consequence.UNKNOWN, retry_after_s=_given_pause_s(reply, now))
        case HTTPStatus.BAD_REQUEST | HTTPStatus.REQUEST_ENTITY_TOO_LARGE | HTTPStatus.UNPROCESSABLE_ENTITY:
            return ForgeError("Refused", text, Consequence.NEVER)
        case _ if status < HTTPStatus.BAD_REQUEST:
            hint = "; correct spec.repo.url or spec.writeBack.commitStatus.apiUrl"
            return ForgeError("Moved", text + hint, Consequence.HUMAN)
        case _:
            return ForgeError("Refused", text, Consequence.HUMAN)


def _said(reply: ForgeReply, secrets: tuple[str, ...]) -> str:
    """The forge's own words, which may quote what it was sent."""
    value = reply.value
    if not isinstance(value, Mapping):
        return ""
    text = value.get("message") or value.get("error") or ""
    details = [entry.get("message", "") for entry in value.get("errors") or () if isinstance(entry, Mapping)]
    words = " ".join(part if isinstance(part, str) else json.dumps(part) for part in (text, *details) if part)
    return scrub(words, secrets)[:_SAID_LIMIT] if words else ""


def _limited(reply: ForgeReply, said: str) -> bool:
    return (
        "retry-after" in reply.headers
        or reply.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in said.lower()
    )


def _pause_s(reply: ForgeReply, now: datetime) -> float:
    given = _given_pause_s(reply, now)
    if given is not None:
        return given
    reset = reply.headers.get("x-ratelimit-reset", "")
    if reply.headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit() and len(reset) < 12:
        there = _date(reply.headers.get("date", "")) or now
        return _bounded(float(reset) - there.timestamp())
    return PAUSE_S


def _given_pause_s(reply: ForgeReply, now: datetime) -> float | None:
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return _bounded(float(text[:9]))
    until = _date(text)
    if until is None:
        return None
    return _bounded((until - (_date(reply.headers.get("date", "")) or now)).total_seconds())


def _bounded(seconds: float) -> float:
    return min(max(seconds, 1.0), _LONGEST_PAUSE_S)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _unknown(why: object) -> ForgeError:
    return ForgeError("ForgeUnavailable", f"no answer: {scrub(str(why))}", Consequence.UNKNOWN)


def _untrusted(why: ssl.SSLCertVerificationError) -> ForgeError:
    return ForgeError("CertificateInvalid", scrub(why.verify_message), Consequence.HUMAN)
