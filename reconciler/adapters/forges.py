"""Commit statuses at GitHub, GitLab, Gitea and Forgejo (`core.git.forge.Forge`): addresses, headers, bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from reconciler.adapters.forge_app import AppTokens
from reconciler.adapters.forge_http import ForgeReply, Http
from reconciler.core.git.forge import WORDS, ForgeError, ForgeProvider, ForgeRepository, ForgeSecret, Said, Statement
from reconciler.core.ports import Clock

_NO_TRANSITION = "Cannot transition status"
"""GitLab's 400 for a state that the status has already, or cannot have any more."""


class Forges:
    """Implements `Forge`; safe for threads."""

    def __init__(self, clock: Clock, http: Http | None = None) -> None:
        self._http = http or Http(clock)
        self._apps = AppTokens(self._http, clock)

    def post(self, place: ForgeRepository, secret: ForgeSecret, statement: Statement) -> None:
        try:
            self._send("POST", place, secret, _address(place, statement.sha), _body(place, statement))
        except ForgeError as error:
            if place.provider is not ForgeProvider.GITLAB or _NO_TRANSITION not in error.message:
                raise
            found = self.latest(place, secret, statement.sha, statement.context)
            if found is None or found.word != WORDS[place.provider][statement.state]:
                raise

    def latest(self, place: ForgeRepository, secret: ForgeSecret, sha: str, context: str) -> Said | None:
        """Only the first hundred contexts of a commit are looked at."""
        reply = self._send("GET", place, secret, _look(place, sha, context))
        value = reply.value
        entries = value.get("statuses") if isinstance(value, Mapping) else value
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping) and context in (entry.get("context"), entry.get("name")):
                # Gitea calls `status` what it takes as `state`; so does GitLab.
                word = entry.get("state") or entry.get("status") or ""
                return Said(str(word), str(entry.get("description") or ""))
        return None

    def _send(
        self, method: str, place: ForgeRepository, secret: ForgeSecret, url: str, value: Any = None
    ) -> ForgeReply:
        secret.check(place.provider)
        if not secret.app_id:
            return self._once(method, place, secret, url, token=secret.token, value=value)
        try:
            return self._once(method, place, secret, url, token=self._apps.token(place, secret), value=value)
        except ForgeError as error:
            if error.reason != "AuthenticationFailed":
                raise
        # Revoked before its time: one more, fresh.
        self._apps.forget(place, secret)
        return self._once(method, place, secret, url, token=self._apps.token(place, secret), value=value)

    def _once(
        self, method: str, place: ForgeRepository, secret: ForgeSecret, url: str, *, token: str, value: Any
    ) -> ForgeReply:
        return self._http.send(method, url, _headers(place, token), value, ca_crt=secret.ca_crt, secrets=(token,))


def _headers(place: ForgeRepository, token: str) -> dict[str, str]:
    match place.provider:
        case ForgeProvider.GITHUB:
            return {
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            }
        case ForgeProvider.GITLAB:
            return {"PRIVATE-TOKEN": token}
        case ForgeProvider.GITEA:
            return {"Authorization": f"token {token}"}


def _project(place: ForgeRepository) -> str:
    """GitLab takes the whole path as one segment; the others an owner and a name."""
    return quote(place.project, safe="" if place.provider is ForgeProvider.GITLAB else "/")


def _address(place: ForgeRepository, sha: str) -> str:
    root = "projects" if place.provider is ForgeProvider.GITLAB else "repos"
    return f"{place.api}/{root}/{_project(place)}/statuses/{sha}"


def _look(place: ForgeRepository, sha: str, context: str) -> str:
    match place.provider:
        case ForgeProvider.GITLAB:
            query = urlencode({"name": context})
            return f"{place.api}/projects/{_project(place)}/repository/commits/{sha}/statuses?{query}"
        case ForgeProvider.GITHUB:
            return f"{place.api}/repos/{_project(place)}/commits/{sha}/status?per_page=100"
        case ForgeProvider.GITEA:
            return f"{place.api}/repos/{_project(place)}/commits/{sha}/status?limit=100"


def _body(place: ForgeRepository, statement: Statement) -> dict[str, str]:
    body = {
        "state": WORDS[place.provider][statement.state],
        "context": statement.context,
        "description": statement.description,
    }
    if statement.target_url:
        body["target_url"] = statement.target_url
    if place.provider is ForgeProvider.GITLAB and statement.ref:
        body["ref"] = statement.ref
    return body
