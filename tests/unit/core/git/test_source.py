"""What may be asked of Git, as tables of attacks and of what must keep working."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.git.rules import (
    UrlPolicy,
    check_credentials,
    check_ref,
    clean_path,
    newest_tag,
    parse_url,
    scrub,
)
from reconciler.core.git.source import Commit, Credentials, Ref, Revision, SourceError, clean_text

SHA1, SHA256 = "1eabc9" + "0" * 34, "b" * 64
STRICT, DEVELOPER = UrlPolicy(), UrlPolicy(allow_file=True, allow_http=True)


@pytest.mark.parametrize(
    ("text", "git_gets"),
    [
        ("https://github.com/org/repo", "https://github.com/org/repo"),
        ("https://GitHub.com:8443/org/repo.git", "https://github.com:8443/org/repo.git"),
        ("https://dev.azure.com/org/My%20Project/_git/repo", "https://dev.azure.com/org/My%20Project/_git/repo"),
        ("ssh://git@github.com/org/repo", "ssh://git@github.com/org/repo"),
        ("ssh://github.com:2222/org/repo", "ssh://git@github.com:2222/org/repo"),
        ("git@github.com:org/repo.git", "ssh://git@github.com/org/repo.git"),
        (
            "APKAEIBAERJR2EXAMPLE@git-codecommit.eu-west-1.amazonaws.com:v1/repos/x",
            "ssh://APKAEIBAERJR2EXAMPLE@git-codecommit.eu-west-1.amazonaws.com/v1/repos/x",
        ),
        ("http://127.0.0.1:3000/a", "http://127.0.0.1:3000/a"),
        ("http://[::1]:3000/a", "http://[::1]:3000/a"),
    ],
)
def test_an_honest_url_is_accepted(text: str, git_gets: str) -> None:
    assert parse_url(text, STRICT).text == git_gets


@pytest.mark.holds("D-14.4")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("ext::sh -c touch% /tmp/pwned", id="helper that runs a shell"),
        pytest.param("fd::17/foo", id="helper that reads a descriptor"),
        pytest.param("https::ext::x", id="helper in a helper"),
        pytest.param("--upload-pack=touch /tmp/pwned", id="an option"),
        pytest.param("-oProxyCommand=x@host:path", id="an option of ssh"),
        pytest.param("ssh://-oProxyCommand=touch%20x/path", id="an option of ssh as the host"),
        pytest.param("ssh://-oProxyCommand=x@host/path", id="an option of ssh as the user"),
        pytest.param("ssh://host/-oops", id="a path that is an option"),
        pytest.param("https://user:hunter2@host/repo", id="a password in the URL"),
        pytest.param("https://token@host/repo", id="a token in the URL"),
        pytest.param("ssh://git:hunter2@host/repo", id="a password for ssh"),
        pytest.param("https://host/repo?access_token=hunter2", id="a token in the query"),
        pytest.param("https://host/repo#hunter2", id="a fragment"),
        pytest.param("https://host/%0ahost=evil", id="an encoded line break of the credential protocol"),
        pytest.param("https://host/a%00b", id="an encoded NUL"),
        pytest.param("https://host/a\nb", id="a line break"),
        pytest.param("https://host/\x1b[2J", id="a control character"),
        pytest.param("https://h\u043est/repo", id="a letter that looks like another"),
        pytest.param("https://host/../../etc", id="a path that climbs"),
        pytest.param("https://host/%2e%2e/etc", id="a path that climbs, encoded"),
        pytest.param("https:///repo", id="no host"),
        pytest.param("https://host", id="no path"),
        pytest.param("https://host:0/x", id="port 0"),
        pytest.param("https://host:99999/x", id="no such port"),
        pytest.param("https://ho..st/x", id="an empty label"),
        pytest.param("http://host/repo", id="not encrypted"),
        pytest.param("http://127.0.0.1.evil.example/repo", id="only looks like the loopback"),
        pytest.param("git://host/repo", id="the unauthenticated protocol"),
        pytest.param("ftp://host/repo", id="an old protocol"),
        pytest.param("file:///etc", id="a local repository"),
        pytest.param("/etc", id="a local path"),
        pytest.param("./x", id="a relative path"),
        pytest.param("../x", id="a relative path upwards"),
        pytest.param("$HOME/x", id="a variable"),
        pytest.param("https://host/" + "a" * 3000, id="too long"),
    ],
)
def test_a_url_that_could_do_something_else_is_refused(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_url(text, STRICT)
    assert caught.value.reason == "InvalidURL"
    assert "hunter2" not in f"{caught.value}{caught.value!r}"


def test_file_and_plain_http_are_for_developers() -> None:
    assert parse_url("file:///srv/repo.git", DEVELOPER).text == "file:///srv/repo.git"
    assert parse_url("http://gitea.internal/a", DEVELOPER).text == "http://gitea.internal/a"
    with pytest.raises(SourceError):
        parse_url("file://other-host/srv", DEVELOPER)


@given(st.text(max_size=80))
def test_any_text_is_a_url_or_an_error(text: str) -> None:
    try:
        url = parse_url(text, DEVELOPER)
    except SourceError:
        return
    assert url.text.startswith(("https://", "ssh://", "http://", "file:///"))
    assert parse_url(url.text, DEVELOPER) == url


@pytest.mark.parametrize(
    "ref",
    [
        Ref(),
        Ref(branch="main"),
        Ref(branch="feature/x@y"),
        Ref(tag="v1.2.0+build"),
        Ref(semver=">=1.0.0 <2.0.0 || ^3.1"),
        Ref(commit=SHA1),
        Ref(commit=SHA256),
    ],
)
def test_an_honest_ref_is_accepted(ref: Ref) -> None:
    assert check_ref(ref) == ref


@pytest.mark.holds("D-14.4")
@pytest.mark.parametrize(
    "name",
    [
        "-b",
        "--upload-pack=x",
        "a..b",
        "a b",
        "a\nb",
        "a~1",
        "a^",
        "a:b",
        "a*",
        "a?",
        "a[",
        "a\\b",
        "@",
        "a@{1}",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a/.b",
        "a.lock",
        "a.lock/b",
        "a.",
        "a\x7f",
        "a" * 201,
    ],
)
def test_a_ref_that_git_would_read_otherwise_is_refused(name: str) -> None:
    for ref in (Ref(branch=name), Ref(tag=name)):
        with pytest.raises(SourceError, match="InvalidRef"):
            check_ref(ref)


@pytest.mark.parametrize(
    "ref",
    [
        Ref(commit="main"),
        Ref(commit=SHA1[:12]),
        Ref(commit=SHA1.upper()),
        Ref(commit=SHA1 + "\n"),
        Ref(semver="latest please"),
        Ref(semver="$(x)"),
    ],
)
def test_only_full_ids_and_real_ranges_are_accepted(ref: Ref) -> None:
    with pytest.raises(SourceError, match="InvalidRef"):
        check_ref(ref)


@pytest.mark.parametrize(
    ("wanted", "newest"),
    [
        ("1.x", "v1.10.0"),
        ("~1.2.0", "1.2.3"),
        (">=1.0.0", "v2.0.0"),
        (">=2.1.0-rc.1 <2.2.0", "v2.1.0-rc.1"),
        ("3.x", None),
    ],
)
def test_the_newest_tag_in_a_range(wanted: str, newest: str | None) -> None:
    tags = ["v1.10.0", "1.2.3", "v1.9.0", "v2.0.0", "v2.1.0-rc.1", "nightly", "v1", "v1.2.3.4", "--v1.99.0"]
    assert newest_tag(wanted, tags) == newest


@pytest.mark.parametrize(
    "text",
    [f"main@sha1:{SHA1}", f"feature/a@b@sha1:{SHA1}", f"v1.2.0@sha256:{SHA256}", f"sha1:{SHA1}"],
)
def test_a_revision_is_read_as_it_is_written(text: str) -> None:
    assert str(Revision.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "main", f"main@{SHA1}", f"main@sha1:{SHA256}", f"main@sha256:{SHA1}", "main@sha1:xyz"]
)
def test_other_text_is_no_revision(text: str) -> None:
    with pytest.raises(ValueError, match="not a revision"):
        Revision.parse(text)


@pytest.mark.parametrize(
    ("path", "clean"), [("./clusters/prod/", "clusters/prod"), ("", ""), ("./", ""), ("/", ""), ("a//b/./c", "a/b/c")]
)
def test_paths_are_normalised(path: str, clean: str) -> None:
    assert clean_path(path) == clean


@pytest.mark.parametrize("path", ["..", "a/../../b", "a\nb", "a\x00", "a\\b", "a" * 600])
def test_paths_that_leave_are_refused(path: str) -> None:
    with pytest.raises(SourceError, match="InvalidPath"):
        clean_path(path)


def test_commit_text_is_cleaned() -> None:
    commit = Commit.of(SHA1, "Eve\x1b[31m\u202e\x00", "a\tb\r\n" + "x" * 500, datetime(2026, 1, 1, tzinfo=UTC))
    assert commit.author == "Eve[31m"
    assert commit.subject.startswith("a b x")
    assert len(commit.subject) == 200
    assert clean_text("\ud800\u2066ok") == "ok"


SECRET = Credentials(username="me", password="p@ss/w0rd", bearer_token="tok-123456", identity="-----BEGIN KEY-----")


def test_credentials_do_not_show_themselves() -> None:
    shown = f"{SECRET!r} {SECRET}"
    assert not any(secret in shown for secret in SECRET.secrets)


@pytest.mark.parametrize(
    "text",
    [
        "fatal: unable to access 'https://me:p@ss/w0rd@host/r?x=tok-123456': failed",
        "remote: bad password p%40ss%2Fw0rd",
        "Authorization: Bearer tok-123456 refused",
        "Authorization: Basic bWU6cEBzcy93MHJk",
        "token ghp_abcdefghijklmnopqrstuvwxyz0123456789 expired",
        "https://host/repo?private_token=glpat-abc",
    ],
)
def test_messages_are_scrubbed(text: str) -> None:
    clean = scrub(text, SECRET.secrets)
    for leak in ("p@ss", "p%40ss", "tok-123456", "bWU6", "ghp_", "glpat-", "me:"):
        assert leak not in clean


def test_a_message_is_one_short_line() -> None:
    assert scrub("a\nb\x1b[0m\n\n" + "x" * 999).startswith("a b[0m x")
    assert len(scrub("x" * 999)) <= 300
    assert "ab" not in scrub("the password ab is wrong", ["ab"])


def test_a_secret_that_cannot_work_is_named_by_its_key() -> None:
    https, ssh = parse_url("https://h/r", STRICT), parse_url("ssh://h/r", STRICT)
    for url, credentials, key in (
        (https, Credentials(password="hunter2\nhost=evil"), "password"),
        (https, Credentials(bearer_token="hunter2\r\nX-Evil: 1"), "bearerToken"),
        (ssh, Credentials(identity="hunter2"), "known_hosts"),
        (ssh, Credentials(known_hosts="h ssh-ed25519 AAAA"), "identity"),
    ):
        with pytest.raises(SourceError, match=key) as caught:
            check_credentials(url, credentials)
        assert "hunter2" not in str(caught.value)
