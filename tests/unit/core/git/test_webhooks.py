"""Deliveries as the forges document them, and what attackers make of them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.git.webhooks import (
    MalformedError,
    Push,
    WebhookProvider,
    concerns,
    delivery_ids,
    path_of,
    provider_of,
    read,
    verify,
)
from reconciler.core.resource import Resource

SECRET = "canary-of-sixteen-or-more"
BODY = b'{"ref": "refs/heads/main"}'
GITHUB, GITLAB, GITEA = WebhookProvider.GITHUB, WebhookProvider.GITLAB, WebhookProvider.GITEA
BITBUCKET, GENERIC = WebhookProvider.BITBUCKET, WebhookProvider.GENERIC


def mac(body: bytes = BODY, secret: str = SECRET, name: str = "sha256") -> str:
    return hmac.new(secret.encode(), body, name).hexdigest()


GOOD: dict[WebhookProvider, dict[str, str]] = {
    GITHUB: {"x-hub-signature-256": f"sha256={mac()}"},
    GITEA: {"x-gitea-signature": mac()},
    GITLAB: {"x-gitlab-token": SECRET},
    BITBUCKET: {"x-hub-signature": f"sha256={mac()}"},
    GENERIC: {"x-signature": f"sha256={mac()}"},
}


@pytest.mark.parametrize(
    ("provider", "headers"),
    [
        *(pytest.param(provider, headers, id=provider.value) for provider, headers in GOOD.items()),
        pytest.param(GITEA, {"x-hub-signature-256": f"sha256={mac()}"}, id="Gitea signs as GitHub too"),
        pytest.param(GITEA, {"x-forgejo-signature": mac()}, id="Forgejo"),
        pytest.param(GENERIC, {"x-signature": f"sha512={mac(name='sha512')}"}, id="SHA-512"),
        pytest.param(GITHUB, {"x-hub-signature-256": f"sha256={mac().upper()}"}, id="capital digits"),
    ],
)
def test_a_good_signature(provider: WebhookProvider, headers: Mapping[str, str]) -> None:
    assert verify(provider, headers, BODY, SECRET)


@pytest.mark.parametrize("provider", list(WebhookProvider))
def test_every_provider_refuses(provider: WebhookProvider) -> None:
    (name, value), other = next(iter(GOOD[provider].items())), "another-secret-of-length"
    signed = {
        "a signature by another secret": {name: other if provider is GITLAB else value.replace(mac(), mac(secret=other))},
        "none": {},
        "an empty one": {name: ""},
        "one cut short": {name: value[:-1]},
        "one with more": {name: value + "0"},
        "twice": {name: f"{value}, {value}"},
        "not ASCII": {name: "sha256=\xff\xfe"},
        "of another alphabet": {name: "sha256=" + "\u0661" * 64},
        "sha1 alone": {"x-hub-signature": f"sha1={mac(name='sha1')}", "x-signature": f"sha1={mac(name='sha1')}"},
        "no algorithm": {"x-hub-signature-256": "=" + mac(), "x-signature": mac(), "x-hub-signature": mac()},
        "md5": {name: f"md5={mac(name='md5')}"},
        "of another provider": {key: text for p, h in GOOD.items() for key, text in h.items() if key not in GOOD[provider]
                                and not (provider is GITEA and key.startswith("x-hub-signature-256"))},
    }  # fmt: skip

    assert [case for case, headers in signed.items() if verify(provider, headers, BODY, SECRET)] == []


@pytest.mark.parametrize("provider", [GITHUB, GITEA, BITBUCKET, GENERIC])
def test_a_signature_is_of_these_very_bytes(provider: WebhookProvider) -> None:
    assert not verify(provider, GOOD[provider], BODY + b" ", SECRET)
    assert not verify(provider, GOOD[provider], b"", SECRET)


@pytest.mark.parametrize("provider", list(WebhookProvider))
@pytest.mark.parametrize("secret", ["", "short"])
def test_a_secret_that_is_none_verifies_nothing(provider: WebhookProvider, secret: str) -> None:
    headers = {"x-gitlab-token": secret, "x-gitea-signature": mac(secret=secret)}
    headers |= dict.fromkeys(("x-hub-signature-256", "x-hub-signature", "x-signature"), f"sha256={mac(secret=secret)}")

    assert not verify(provider, headers, BODY, secret)


@given(
    st.dictionaries(
        st.sampled_from(["x-gitlab-token", "x-hub-signature", "x-signature", "x-gitea-signature"]), st.text()
    )
)
def test_no_header_breaks_the_check(headers: dict[str, str]) -> None:
    assert not any(verify(provider, headers, BODY, SECRET) for provider in WebhookProvider)


@pytest.mark.parametrize(
    ("headers", "provider"),
    [
        ({"x-github-event": "push"}, GITHUB),
        ({"x-gitea-event": "push", "x-github-event": "push", "x-gogs-event": "push"}, GITEA),
        ({"x-forgejo-event": "push", "x-gitea-event": "push", "x-github-event": "push"}, GITEA),
        ({"x-gitlab-event": "Push Hook"}, GITLAB),
        ({"x-event-key": "repo:push"}, BITBUCKET),
        ({}, GENERIC),
    ],
)
def test_who_sends(headers: dict[str, str], provider: WebhookProvider) -> None:
    assert provider_of(headers) is provider


REPOSITORY = {"full_name": "org/team", "default_branch": "main"}
CLOUD = {"repository": {"full_name": "org/team"}}


def change(kind: str, name: str, side: str = "new") -> dict[str, Any]:
    return {"push": {"changes": [{side: {"type": kind, "name": name}, "old" if side == "new" else "new": None}]}}


@pytest.mark.parametrize(
    ("provider", "event", "body", "push"),
    [
        pytest.param(GITHUB, "push", {"ref": "refs/heads/main", "repository": REPOSITORY},
                     Push(("refs/heads/main",), "org/team", "main"), id="GitHub push"),
        pytest.param(GITHUB, "create", {"ref": "v1", "ref_type": "tag", "repository": REPOSITORY},
                     Push(("refs/tags/v1",), "org/team", "main"), id="GitHub makes a tag"),
        pytest.param(GITEA, "create", {"ref": "dev", "ref_type": "branch", "repository": REPOSITORY},
                     Push(("refs/heads/dev",), "org/team", "main"), id="Gitea makes a branch"),
        pytest.param(GITHUB, "ping", {"zen": "Design for failure."}, None, id="GitHub ping"),
        pytest.param(GITHUB, "issues", {}, None, id="GitHub, another event"),
        pytest.param(GITLAB, "Push Hook",
                     {"ref": "refs/heads/main", "project": {"path_with_namespace": "g/s/team", "default_branch": "main"}},
                     Push(("refs/heads/main",), "g/s/team", "main"), id="GitLab push"),
        pytest.param(GITLAB, "Tag Push Hook", {"ref": "refs/tags/v1"}, Push(("refs/tags/v1",)), id="GitLab tag"),
        pytest.param(GITLAB, "Merge Request Hook", {}, None, id="GitLab, another event"),
        pytest.param(BITBUCKET, "repo:push", {**CLOUD, **change("branch", "main")},
                     Push(("refs/heads/main",), "org/team"), id="Bitbucket Cloud push"),
        pytest.param(BITBUCKET, "repo:push", {**CLOUD, **change("tag", "v1", "old")},
                     Push(("refs/tags/v1",), "org/team"), id="Bitbucket Cloud deletes a tag"),
        pytest.param(BITBUCKET, "repo:refs_changed",
                     {"changes": [{"ref": {"id": "refs/heads/main"}}], "repository": {"slug": "team", "project": {"key": "ORG"}}},
                     Push(("refs/heads/main",), "ORG/team"), id="Bitbucket Server push"),
        pytest.param(BITBUCKET, "diagnostics:ping", {"test": True}, None, id="Bitbucket Server ping"),
        pytest.param(GENERIC, "", {"anything": 1}, Push(), id="generic, no ref: look"),
        pytest.param(GENERIC, "", {"ref": "refs/heads/main", "repository": "text"}, Push(("refs/heads/main",)), id="generic, ref"),
        pytest.param(GITHUB, "push", {}, Push(), id="a push that does not say of what"),
    ],
)  # fmt: skip
def test_what_deliveries_say(provider: WebhookProvider, event: str, body: Any, push: Push | None) -> None:
    name = {GITHUB: "x-github-event", GITEA: "x-gitea-event", GITLAB: "x-gitlab-event"}.get(provider, "x-event-key")

    assert read(provider, {name: event}, json.dumps(body).encode()) == push


def test_forms_and_empty_bodies() -> None:
    form = {"x-github-event": "push", "content-type": "application/x-www-form-urlencoded"}
    body = urlencode({"payload": BODY.decode()}).encode()

    assert read(GITHUB, form, body) == Push(("refs/heads/main",))
    assert read(GENERIC, {}, b"") == Push()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut short"),
        pytest.param(b"\xff\xfe{}", id="not UTF-8"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[" * 200_000, id="200,000 lists deep"),
        pytest.param(b'{"a":' * 100_000, id="100,000 objects deep"),
        pytest.param(b"1" * 10_000, id="a number of 10,000 digits"),
        pytest.param(b'{"ref": 5}', id="a ref that is a number"),
        pytest.param(b'{"ref": {"a": 1}}', id="a ref that is an object"),
        pytest.param(b'{"repository": [1]}', id="a repository that is a list"),
        pytest.param(b'{"repository": {"full_name": 1}}', id="a name that is a number"),
    ],
)
def test_malformed_bodies_are_said_to_be_so(body: bytes) -> None:
    with pytest.raises(MalformedError):
        read(GITHUB, {"x-github-event": "push"}, body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["ref", "ref_type", "repository", "project", "push", "changes", "new", "old", "type", "name", "id"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(_JSON)
def test_no_json_breaks_the_reader(value: Any) -> None:
    body = json.dumps(value).encode()
    for provider, name, event in (
        (GITHUB, "x-github-event", "push"),
        (GITEA, "x-gitea-event", "create"),
        (GITLAB, "x-gitlab-event", "Push Hook"),
        (BITBUCKET, "x-event-key", "repo:push"),
        (BITBUCKET, "x-event-key", "repo:refs_changed"),
        (GENERIC, "x", ""),
    ):
        try:
            push = read(provider, {name: event}, body)
        except MalformedError:
            continue
        assert push is not None
        concerns(push, {"repo": {"url": "https://github.com/org/team"}})


@pytest.mark.parametrize(
    ("ref", "moved", "expected"),
    [
        pytest.param({"branch": "main"}, "refs/heads/main", True, id="the branch"),
        pytest.param({"branch": "main"}, "refs/heads/main2", False, id="another branch"),
        pytest.param({"branch": "main"}, "refs/tags/main", False, id="a tag of that name"),
        pytest.param({"branch": "main"}, "main", False, id="no full name"),
        pytest.param({"tag": "v1"}, "refs/tags/v1", True, id="the tag"),
        pytest.param({"tag": "v1", "branch": "main"}, "refs/heads/main", False, id="tag before branch"),
        pytest.param({"semver": ">=1"}, "refs/tags/anything", True, id="any tag for a range"),
        pytest.param({"semver": ">=1", "tag": "v1"}, "refs/heads/main", False, id="no branch for a range"),
        pytest.param({"commit": "a" * 40}, "refs/heads/x", True, id="the commit may have come just now"),
        pytest.param({}, "refs/heads/trunk", True, id="the default branch"),
        pytest.param({}, "refs/heads/dev", False, id="not the default branch"),
        pytest.param({}, "refs/notes/sagemaker-gitops/dev", False, id="our own notes"),
        pytest.param({"commit": "a" * 40}, "refs/notes/sagemaker-gitops/dev", False, id="our own notes, with a commit"),
    ],
)
def test_which_refs_matter(ref: dict[str, str], moved: str, expected: bool) -> None:
    spec = {"repo": {"url": "https://github.com/org/team.git", "ref": ref}}

    assert concerns(Push((moved,), "org/team", "trunk"), spec) is expected


@pytest.mark.parametrize(
    ("url", "name", "expected"),
    [
        pytest.param("https://github.com/org/team.git", "org/team", True, id="the same"),
        pytest.param("git@github.com:Org/Team.git", "org/team", True, id="over ssh, other capitals"),
        pytest.param("https://h/git/org/team", "org/team", True, id="under a prefix"),
        pytest.param("https://bb.corp/scm/org/team.git", "ORG/team", True, id="Bitbucket Server"),
        pytest.param("https://github.com/org/team.git", "org/other", False, id="another repository"),
        pytest.param("https://github.com/org/team.git", "evil/team", False, id="a fork"),
        pytest.param("https://github.com/theorg/team.git", "org/team", False, id="the end of another name"),
        pytest.param("file:///srv/x.git", "org/team", True, id="a mirror on disk has no name"),
        pytest.param("https://github.com/org/team.git", "", True, id="not told"),
    ],
)
def test_which_repositories_matter(url: str, name: str, expected: bool) -> None:
    assert concerns(Push(None, name), {"repo": {"url": url}}) is expected


def test_a_repetition_is_known_by_its_id_and_by_its_body() -> None:
    first = delivery_ids(GITHUB, {"x-github-delivery": "1"}, BODY)

    assert set(first) & set(delivery_ids(GITHUB, {"x-github-delivery": "1"}, b"other"))
    assert set(first) & set(delivery_ids(GITHUB, {"x-github-delivery": "2"}, BODY))
    assert not set(first) & set(delivery_ids(GITHUB, {"x-github-delivery": "2"}, b"other"))
    assert not set(first) & set(delivery_ids(GITHUB, {}, b"id1"))


def test_a_path_is_one_gitsyncs_alone_and_hides_its_origin() -> None:
    def sync(uid: str = "u1", name: str = "a", namespace: str = "b") -> Resource:
        return Resource({"kind": "GitSync", "metadata": {"uid": uid, "name": name, "namespace": namespace}})

    paths = {path_of(found) for found in (sync(), sync("u2"), sync(name="c"), sync(name="b", namespace="a"))}

    assert len(paths) == 4
    assert all(path.startswith("/hook/") and len(path) == 6 + 64 for path in paths)
    assert path_of(sync()) == path_of(sync())
    assert hashlib.sha256(b"u1").hexdigest() not in path_of(sync())
