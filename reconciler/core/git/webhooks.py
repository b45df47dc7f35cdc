"""What a webhook delivery says, and whether it is believed. It is believed to say "look", never what to find.

Order of use, by `runtime/forge/hooks.py`: `path_of` finds the GitSync, `provider_of` and `verify` judge the raw bytes,
only then `read` parses them, and `concerns` drops what is not about the watched ref: other branches, other
repositories, and the notes that we push ourselves.

| provider  | proof | delivery id |
| --------- | ----- | ----------- |
| github    | X-Hub-Signature-256: sha256=HMAC | X-GitHub-Delivery |
| gitea     | X-Gitea-Signature, X-Forgejo-Signature: HMAC, or as GitHub | X-Gitea-Delivery |
| gitlab    | X-Gitlab-Token: the secret itself | Idempotency-Key, X-Gitlab-Event-UUID |
| bitbucket | X-Hub-Signature: sha256=HMAC | X-Request-UUID, X-Request-Id |
| generic   | X-Signature: sha256=HMAC, or sha512 | X-Delivery-Id |

SHA-1 is not taken, not even beside a better one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from reconciler.core.git.rules import UrlPolicy, parse_url
from reconciler.core.git.source import Ref, SourceError
from reconciler.core.resource import Resource
from reconciler.core.values import JsonObject, Spec

PREFIX = "/hook/"
BODY_LIMIT = 1024 * 1024
SHORTEST_TOKEN = 16
"""Characters. A shorter secret can be guessed from one captured delivery."""
_REFS = 100
_HEADS, _TAGS, _NOTES = "refs/heads/", "refs/tags/", "refs/notes/"

Headers = Mapping[str, str]
"""Names in lower case."""


class WebhookProvider(StrEnum):
    """Who sends deliveries, as `spec.webhook` names them."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"
    GENERIC = "generic"


class MalformedError(Exception):
    """The body is not what its provider sends; the text quotes nothing of it."""


@dataclass(frozen=True)
class Push:
    """What a delivery is about. Nothing known: anything may have moved."""

    refs: tuple[str, ...] | None = None
    """Full names, such as refs/heads/main; None when it does not say."""
    repository: str = ""
    """`owner/name`; empty when it does not say."""
    default_branch: str = ""


def path_of(sync: Resource) -> str:
    """Where deliveries for this GitSync arrive.

    From its UID, which is random, and not from the secret: so the secret can be changed without a word to the forge, the
    path tells nothing about it, and no Secret is read before somebody knocks.
    """
    text = f"sagemaker-gitops hook\n{sync.uid}\n{sync.namespace}\n{sync.name}"
    return PREFIX + hashlib.sha256(text.encode()).hexdigest()


def provider_of(headers: Headers) -> WebhookProvider:
    """By the headers. Gitea also sends GitHub's, so it is asked for first."""
    for provider, names in _TELLS.items():
        if any(name in headers for name in names):
            return provider
    return WebhookProvider.GENERIC


_TELLS = {
    WebhookProvider.GITEA: ("x-gitea-event", "x-forgejo-event"),
    WebhookProvider.GITLAB: ("x-gitlab-event",),
    WebhookProvider.GITHUB: ("x-github-event",),
    WebhookProvider.BITBUCKET: ("x-event-key",),
}

_DELIVERIES = {
    WebhookProvider.GITEA: ("x-gitea-delivery", "x-forgejo-delivery"),
    WebhookProvider.GITLAB: ("idempotency-key", "x-gitlab-event-uuid"),
    WebhookProvider.GITHUB: ("x-github-delivery",),
    WebhookProvider.BITBUCKET: ("x-request-uuid", "x-request-id"),
    WebhookProvider.GENERIC: ("x-delivery-id",),
}


def verify(provider: WebhookProvider, headers: Headers, body: bytes, secret: str) -> bool:
    """Whether the sender knows the secret. Compares in constant time, over the bytes as they came."""
    if len(secret) < SHORTEST_TOKEN:
        return False
    key = secret.encode()
    match provider:
        case WebhookProvider.GITLAB:
            return _same(headers.get("x-gitlab-token", ""), key)
        case WebhookProvider.GITEA:
            bare = headers.get("x-gitea-signature") or headers.get("x-forgejo-signature")
            return _signed(f"sha256={bare}" if bare else headers.get("x-hub-signature-256", ""), key, body)
        case WebhookProvider.GITHUB:
            return _signed(headers.get("x-hub-signature-256", ""), key, body)
        case WebhookProvider.BITBUCKET:
            return _signed(headers.get("x-hub-signature", ""), key, body)
        case WebhookProvider.GENERIC:
            return _signed(headers.get("x-signature", ""), key, body)


def delivery_ids(provider: WebhookProvider, headers: Headers, body: bytes) -> tuple[str, ...]:
    """By which a repetition is known. The id is not signed, so the body counts as well: two pushes never have the same."""
    given = next((headers[name] for name in _DELIVERIES[provider] if headers.get(name)), "")
    return tuple(
        hashlib.sha256(part).hexdigest()
        for part in (b"id" + given.encode(errors="replace") if given else b"", b"body" + body)
        if part
    )


def read(provider: WebhookProvider, headers: Headers, body: bytes) -> Push | None:
    """What a verified delivery is about; None for a ping and for events that move no ref. MalformedError otherwise."""
    event = _event(provider, headers)
    if provider is not WebhookProvider.GENERIC and event not in _PUSHES[provider]:
        return None
    if provider is WebhookProvider.GENERIC and not body.strip():
        return Push()
    value = _parsed(headers, body)
    match provider:
        case WebhookProvider.BITBUCKET:
            return _bitbucket(event, value)
        case WebhookProvider.GITLAB:
            project = _object(value, "project")
            return Push(_ref(value), _text(project, "path_with_namespace"), _text(project, "default_branch"))
        case WebhookProvider.GITHUB | WebhookProvider.GITEA:
            refs = (_created(value),) if event in ("create", "delete") else _ref(value)
            repository = _object(value, "repository")
            return Push(refs, _text(repository, "full_name"), _text(repository, "default_branch"))
        case WebhookProvider.GENERIC:
            repository = _object(value, "repository") if isinstance(value.get("repository"), Mapping) else {}
            return Push(_ref(value) if "ref" in value else None, _text(repository, "full_name"))


_PUSHES = {
    WebhookProvider.GITHUB: frozenset({"push", "create", "delete"}),
    WebhookProvider.GITEA: frozenset({"push", "create", "delete"}),
    WebhookProvider.GITLAB: frozenset({"push hook", "tag push hook"}),
    WebhookProvider.BITBUCKET: frozenset({"repo:push", "repo:refs_changed"}),
}


def concerns(push: Push, spec: Spec) -> bool:
    """Whether the watched ref of a GitSync's spec may have moved."""
    repo = spec.get("repo") or {}
    if push.repository and not _is_repository(str(repo.get("url") or ""), push.repository):
        return False
    if push.refs is None:
        return True
    wanted = repo.get("ref") or {}
    ref = Ref(**{name: str(wanted.get(name) or "") for name in ("branch", "tag", "semver", "commit")})
    return any(_watched(name, ref, push.default_branch) for name in push.refs)


def _watched(name: str, ref: Ref, default_branch: str) -> bool:
    """In the order of precedence of a spec. A commit that was missing may have come with any push but one of notes."""
    if name.startswith(_NOTES):
        return False
    if ref.commit:
        return True
    if ref.semver:
        return name.startswith(_TAGS)
    if ref.tag:
        return name == _TAGS + ref.tag
    branch = ref.branch or default_branch
    return name == _HEADS + branch if branch else name.startswith(_HEADS)


def _is_repository(url: str, name: str) -> bool:
    """By the end of the path: the same repository has an https, an ssh and maybe an internal address."""
    try:
        found = parse_url(url, UrlPolicy(allow_file=True, allow_http=True))
    except SourceError:
        return True
    if found.scheme == "file":
        return True
    path = urlsplit(found.text).path.rstrip("/").removesuffix(".git").lower()
    return f"{path}/".endswith(f"/{name.strip('/').removesuffix('.git').lower()}/")


def _same(given: str, wanted: bytes) -> bool:
    return hmac.compare_digest(given.encode("latin-1", "replace"), wanted)


def _signed(given: str, key: bytes, body: bytes) -> bool:
    name, _, signature = given.partition("=")
    make = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}.get(name)
    if make is None:
        return False
    wanted = hmac.new(key, body, make).hexdigest()
    return hmac.compare_digest(signature.lower().encode("latin-1", "replace"), wanted.encode())


def _event(provider: WebhookProvider, headers: Headers) -> str:
    name = next((headers[name] for name in _TELLS.get(provider, ()) if name in headers), "")
    return name.strip().lower()


def _parsed(headers: Headers, body: bytes) -> JsonObject:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        text = body.decode()
        if kind == "application/x-www-form-urlencoded":
            text = parse_qs(text, max_num_fields=10).get("payload", [""])[0]
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedError("the body is not JSON") from None
    if not isinstance(value, Mapping):
        raise MalformedError("the body is not a JSON object")
    return value


def _bitbucket(event: str, value: JsonObject) -> Push:
    repository = _object(value, "repository")
    if event == "repo:push":
        changes = _items(_object(value, "push"), "changes")
        names = [_cloud_ref(change) for change in changes]
        return Push(_known(names), _text(repository, "full_name"))
    refs = [_text(_object(change, "ref"), "id") for change in _items(value, "changes")]
    owner, slug = _text(_object(repository, "project"), "key"), _text(repository, "slug")
    return Push(_known(refs), f"{owner}/{slug}" if owner and slug else "")


def _cloud_ref(change: JsonObject) -> str:
    moved = change.get("new") or change.get("old")
    if not isinstance(moved, Mapping):
        return ""
    return {"branch": _HEADS, "tag": _TAGS}.get(_text(moved, "type"), "") + _text(moved, "name")


def _created(value: JsonObject) -> str:
    """Of a branch or tag that was made or deleted: its short name and what it is."""
    return (_TAGS if value.get("ref_type") == "tag" else _HEADS) + _text(value, "ref")


def _ref(value: JsonObject) -> tuple[str, ...] | None:
    return _known([_text(value, "ref")])


def _known(names: list[str]) -> tuple[str, ...] | None:
    """None as soon as one is missing or there are too many: then anything may have moved."""
    return tuple(names) if names and all(names) and len(names) <= _REFS else None


def _object(value: JsonObject, key: str) -> JsonObject:
    found = value.get(key)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise MalformedError(f"{key} is not an object")
    return found


def _items(value: JsonObject, key: str) -> list[JsonObject]:
    found = value.get(key)
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise MalformedError(f"{key} is not a list of objects")
    return found


def _text(value: JsonObject, key: str) -> str:
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise MalformedError(f"{key} is not text")
    return found
