"""Where a commit's status goes, from what people write into spec."""

from __future__ import annotations

import pytest

from reconciler.core.git.forge import Consequence, ForgeError, ForgeProvider, ForgeSecret, StatusTarget, place

GITHUB, GITLAB, GITEA = ForgeProvider.GITHUB, ForgeProvider.GITLAB, ForgeProvider.GITEA


@pytest.mark.parametrize(
    ("provider", "url", "api_url", "api", "project"),
    [
        pytest.param(GITHUB, "https://github.com/o/r.git", "", "https://api.github.com", "o/r", id="github.com"),
        pytest.param(GITHUB, "git@github.com:o/r.git", "", "https://api.github.com", "o/r", id="github.com over ssh"),
        pytest.param(
            GITHUB, "ssh://git@ssh.github.com:443/o/r.git", "", "https://api.github.com", "o/r", id="ssh on port 443"
        ),
        pytest.param(GITHUB, "https://team.ghe.com/o/r", "", "https://api.team.ghe.com", "o/r", id="Enterprise Cloud"),
        pytest.param(GITHUB, "https://ghe.corp/o/r.git", "", "https://ghe.corp/api/v3", "o/r", id="Enterprise Server"),
        pytest.param(
            GITHUB,
            "ssh://git@ghe.corp:7999/o/r.git",
            "",
            "https://ghe.corp/api/v3",
            "o/r",
            id="sshd's port is not the web's",
        ),
        pytest.param(
            GITHUB, "https://mirror/o/r", "https://ghe.corp/api/v3/", "https://ghe.corp/api/v3", "o/r", id="override"
        ),
        pytest.param(
            GITLAB, "https://gitlab.com/a/b/c/r.git", "", "https://gitlab.com/api/v4", "a/b/c/r", id="GitLab subgroups"
        ),
        pytest.param(
            GITLAB, "https://h:8443/a/r.git", "", "https://h:8443/api/v4", "a/r", id="a port of the web is kept"
        ),
        pytest.param(
            GITLAB,
            "https://h/git/a/r",
            "https://h/git/api/v4",
            "https://h/git/api/v4",
            "a/r",
            id="GitLab under a prefix",
        ),
        pytest.param(GITEA, "https://h/o/r.git", "", "https://h/api/v1", "o/r", id="Gitea"),
        pytest.param(GITEA, "https://h/x/git/o/r", "", "https://h/x/git/api/v1", "o/r", id="Gitea under a prefix"),
        pytest.param(GITEA, "ssh://git@h/srv/o/r", "", "https://h/api/v1", "o/r", id="a path of sshd is no prefix"),
        pytest.param(GITEA, "https://h/o/a%20b.git", "", "https://h/api/v1", "o/a b", id="decoded once"),
        pytest.param(GITEA, "http://127.0.0.1:3000/o/r", "", "http://127.0.0.1:3000/api/v1", "o/r", id="loopback"),
    ],
)
def test_the_api_is_derived(provider: ForgeProvider, url: str, api_url: str, api: str, project: str) -> None:
    found = place(provider, url, api_url)

    assert (found.api, found.project) == (api, project)


@pytest.mark.parametrize(
    ("url", "api_url"),
    [
        pytest.param("file:///srv/o/r", "", id="a file is at no forge"),
        pytest.param("http://h/o/r", "", id="a token in the clear"),
        pytest.param("https://h/o/r", "http://h/api", id="a token in the clear to a given API"),
        pytest.param("https://h/r.git", "", id="no owner"),
        pytest.param("https://h/o/r", "https://u:p@h/api", id="credentials in the API's address"),
        pytest.param("https://h/o/r", "https://h/api?x=1", id="a query in the API's address"),
        pytest.param("https://h/o/r", "ssh://h/api", id="an API over ssh"),
        pytest.param("https://h/o/r", "https:///api", id="no host"),
    ],
)
def test_what_is_refused(url: str, api_url: str) -> None:
    with pytest.raises(ForgeError) as refused:
        place(GITEA, url, api_url)

    assert (refused.value.reason, refused.value.consequence) == ("InvalidURL", Consequence.HUMAN)
    assert "u:p" not in str(refused.value)


def test_a_secret_for_github_com_may_go_to_its_api_and_nowhere_else() -> None:
    public, other = (
        place(GITHUB, "https://github.com/o/r"),
        place(GITHUB, "https://github.com/o/r", "https://evil.example"),
    )

    assert public.allowed_by(frozenset({"github.com"}))
    assert public.allowed_by(frozenset({"api.github.com"}))
    assert not other.allowed_by(frozenset({"github.com", "api.github.com"}))
    assert not public.allowed_by(frozenset({""}))


@pytest.mark.parametrize(
    "write_back",
    [
        pytest.param({}, id="nothing said"),
        pytest.param({"commitStatus": {"secretRef": {"name": "s"}}}, id="no provider"),
        pytest.param({"commitStatus": {"provider": "none"}}, id="none"),
        pytest.param({"commitStatus": "github"}, id="not an object"),
    ],
)
def test_no_target(write_back: object) -> None:
    assert StatusTarget.of({"repo": {"url": "https://github.com/o/r"}, "writeBack": write_back}) is None


@pytest.mark.parametrize(
    ("values", "provider", "good"),
    [
        pytest.param({"token": "t"}, GITEA, True, id="a token"),
        pytest.param({"token": "t\n"}, GITEA, True, id="a token with a line break at its end"),
        pytest.param({"username": "git", "password": "t"}, GITLAB, True, id="the key of a git Secret"),
        pytest.param({}, GITHUB, False, id="nothing"),
        pytest.param({"token": "a\nX-Other: b"}, GITHUB, False, id="a token that would be two headers"),
        pytest.param({"token": "ä"}, GITHUB, False, id="not ASCII"),
        pytest.param({"githubAppID": "1", "githubAppPrivateKey": "k", "githubAppInstallationID": "2"}, GITHUB, True, id="app"),
        pytest.param({"githubAppID": "1", "githubAppPrivateKey": "k", "githubAppInstallationOwner": "o"}, GITHUB, True, id="app, owner"),
        pytest.param({"githubAppID": "1", "githubAppPrivateKey": "k"}, GITHUB, False, id="app without installation"),
        pytest.param(
            {"githubAppID": "1", "githubAppPrivateKey": "k", "githubAppInstallationID": "2", "githubAppInstallationOwner": "o"},
            GITHUB, False, id="app with both",
        ),
        pytest.param({"githubAppID": "1", "githubAppPrivateKey": "k", "githubAppInstallationID": "../2"}, GITHUB, False, id="no number"),
        pytest.param({"githubAppID": "1"}, GITHUB, False, id="app without key"),
        pytest.param({"githubAppID": "1", "githubAppPrivateKey": "k", "githubAppInstallationID": "2"}, GITLAB, False, id="app at GitLab"),
    ],
)  # fmt: skip
def test_secrets(values: dict[str, str], provider: ForgeProvider, good: bool) -> None:
    secret = ForgeSecret.of(values)

    if good:
        secret.check(provider)
        return
    with pytest.raises(ForgeError, match="InvalidCredentials"):
        secret.check(provider)


def test_a_secret_shows_nothing() -> None:
    assert "canary" not in repr(
        ForgeSecret.of({"token": "canary", "githubAppPrivateKey": "canary", "ca.crt": "canary"})
    )
