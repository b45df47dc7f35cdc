"""Tokens of GitHub App installations: one JWT and one POST, then nothing for most of an hour."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from reconciler.adapters.forge_http import Http
from reconciler.core.git.forge import Consequence, ForgeError, ForgeRepository, ForgeSecret
from reconciler.core.ports import Clock

_MARGIN = timedelta(minutes=5)
_BACKDATED = timedelta(seconds=60)
"""GitHub refuses a JWT from the future, and clocks differ."""
_JWT_LIFE = timedelta(minutes=9)
_KEPT = 256


@dataclass(frozen=True)
class _Token:
    value: str = field(repr=False)
    until: float
    """Monotonic."""


class AppTokens:
    """Safe for threads."""

    def __init__(self, http: Http, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, ...], _Token] = {}

    def token(self, place: ForgeRepository, secret: ForgeSecret) -> str:
        """A token for this repository's statuses and nothing else."""
        key = _key(place, secret)
        with self._lock:
            known = self._tokens.get(key)
        if known and known.until > self._clock.monotonic():
            return known.value
        fresh = self._ask(place, secret)
        with self._lock:
            if len(self._tokens) >= _KEPT:
                self._tokens.clear()
            self._tokens[key] = fresh
        return fresh.value

    def forget(self, place: ForgeRepository, secret: ForgeSecret) -> None:
        """The forge no longer takes it."""
        with self._lock:
            self._tokens.pop(_key(place, secret), None)

    def _ask(self, place: ForgeRepository, secret: ForgeSecret) -> _Token:
        jwt = _jwt(secret, self._clock.now())
        installation = secret.app_installation or self._installation(place, secret, jwt)
        wanted = {"repositories": [place.project.rpartition("/")[2]], "permissions": {"statuses": "write"}}
        url = f"{place.api}/app/installations/{installation}/access_tokens"
        try:
            reply = self._http.send(
                "POST", url, _headers(jwt), wanted, ca_crt=secret.ca_crt, secrets=(jwt, secret.app_key)
            )
        except ForgeError as error:
            if error.consequence is not Consequence.NEVER:
                raise
            text = f"{error.message}; the App needs `statuses: write` on this repository"
            raise ForgeError("AccessDenied", text, Consequence.HUMAN) from None
        answer = reply.value if isinstance(reply.value, Mapping) else {}
        value, expires = str(answer.get("token") or ""), _moment(answer.get("expires_at"))
        if not value.isascii() or not value.isprintable() or not value or expires is None:
            raise ForgeError("ForgeUnavailable", "the forge's answer holds no installation token", Consequence.RETRY)
        life = expires - self._http.now(reply) - _MARGIN
        return _Token(value, self._clock.monotonic() + life.total_seconds())

    def _installation(self, place: ForgeRepository, secret: ForgeSecret, jwt: str) -> str:
        """The installation of an owner: organisations and people stand under different addresses."""
        for kind in ("orgs", "users"):
            url = f"{place.api}/{kind}/{secret.app_owner}/installation"
            try:
                reply = self._http.send("GET", url, _headers(jwt), ca_crt=secret.ca_crt, secrets=(jwt, secret.app_key))
            except ForgeError as error:
                if error.reason == "RepositoryNotFound":
                    continue
                raise
            found = reply.value.get("id") if isinstance(reply.value, Mapping) else None
            if isinstance(found, int):
                return str(found)
        raise ForgeError("AccessDenied", f"the GitHub App is not installed for {secret.app_owner}", Consequence.HUMAN)


def _jwt(secret: ForgeSecret, now: datetime) -> str:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only GitHub Apps need it
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415
    except ImportError:
        text = "a GitHub App needs the Python package `cryptography` beside the service"
        raise ForgeError("InvalidCredentials", text, Consequence.HUMAN) from None
    try:
        key = serialization.load_pem_private_key(secret.app_key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        # Never the library's own text: it may quote the key.
        raise ForgeError(
            "InvalidCredentials", "githubAppPrivateKey is no unencrypted RSA key in PEM", Consequence.HUMAN
        )
    claims = {
        "iat": int((now - _BACKDATED).timestamp()),
        "exp": int((now + _JWT_LIFE).timestamp()),
        "iss": secret.app_id,
    }
    signed = f"{_encoded({'alg': 'RS256', 'typ': 'JWT'})}.{_encoded(claims)}"
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_base64(signature)}"


def _headers(jwt: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {jwt}", "Accept": "application/vnd.github+json"}


def _encoded(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else None


def _key(place: ForgeRepository, secret: ForgeSecret) -> tuple[str, ...]:
    key = hashlib.sha256(secret.app_key.encode()).hexdigest()
    return (place.api, place.project, secret.app_id, secret.app_installation, secret.app_owner, key)
