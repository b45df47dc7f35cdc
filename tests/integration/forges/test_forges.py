"""Each forge's API over a real socket, with the limits that the real ones enforce."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from reconciler.adapters.forge_http import Http
from reconciler.adapters.forges import Forges
from reconciler.core.git.forge import (
    WORDS,
    CommitState,
    Consequence,
    ForgeError,
    ForgeProvider,
    ForgeRepository,
    ForgeSecret,
    Said,
    Statement,
    place,
)
from tests.support.forge import FakeForge, Fault

SHA = "a" * 40
CONTEXT = "sagemaker-gitops/dev/team/models"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
MOUNTS = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/git/api/v1"}
each_forge = pytest.mark.parametrize("forge", ["github", "gitlab", "gitea"], indirect=True)


class Clock:
    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forge(request: pytest.FixtureRequest) -> Iterator[FakeForge]:
    kind = getattr(request, "param", "github")
    project = "group/sub group/team" if kind == "gitlab" else "org/team"
    with FakeForge(kind, MOUNTS[kind], frozenset({project})).serving() as serving:
        yield serving


@pytest.fixture
def forges(clock: Clock) -> Forges:
    return Forges(clock, Http(clock, timeout_s=30))


def at(forge: FakeForge) -> ForgeRepository:
    """From the repository's URL alone."""
    path = {"github": "org/team.git", "gitlab": "group/sub%20group/team.git", "gitea": "git/org/team"}[forge.kind]
    return place(ForgeProvider(forge.kind), f"{forge.url}/{path}")


def secret(forge: FakeForge) -> ForgeSecret:
    return ForgeSecret.of({"token": forge.token})


def saying(state: CommitState = CommitState.PENDING, description: str = "Applying", **more: Any) -> Statement:
    return replace(Statement(SHA, "main", state, CONTEXT, description), **more)


def failure(act: Callable[[], object]) -> ForgeError:
    with pytest.raises(ForgeError) as raised:
        act()
    return raised.value


@each_forge
@pytest.mark.parametrize("state", list(CommitState))
def test_every_state_is_taken_and_can_be_looked_up(forge: FakeForge, forges: Forges, state: CommitState) -> None:
    statement = saying(state, "x" * 140, target_url="https://example.com/x")
    forges.post(at(forge), secret(forge), statement)

    posted = forge.statuses[SHA, CONTEXT][0]
    assert posted["target_url"] == "https://example.com/x"
    assert posted.get("ref") == ("main" if forge.kind == "gitlab" else None)
    assert forges.latest(at(forge), secret(forge), SHA, CONTEXT) == Said(
        WORDS[ForgeProvider(forge.kind)][state], "x" * 140
    )


@each_forge
def test_nothing_was_said_yet(forge: FakeForge, forges: Forges) -> None:
    assert forges.latest(at(forge), secret(forge), SHA, CONTEXT) is None


def test_gitlab_refuses_to_repeat_a_state_and_that_is_no_fault(clock: Clock) -> None:
    with FakeForge("gitlab", "/api/v4").serving() as forge:
        forges, where = Forges(clock), place(ForgeProvider.GITLAB, f"{forge.url}/org/team")
        forges.post(where, secret(forge), saying())
        forges.post(where, secret(forge), saying(description="again"))

        assert forge.words(SHA) == ["pending"]


@each_forge
@pytest.mark.parametrize(
    ("fault", "reason", "consequence"),
    [
        pytest.param(Fault(401), "AuthenticationFailed", Consequence.HUMAN, id="401"),
        pytest.param(Fault(403, message="Resource not accessible"), "AccessDenied", Consequence.HUMAN, id="403"),
        pytest.param(Fault(404, message="Not Found"), "RepositoryNotFound", Consequence.HUMAN, id="404"),
        pytest.param(Fault(404, message="404 Commit Not Found"), "CommitNotFound", Consequence.NEVER, id="404 of a commit"),
        pytest.param(Fault(410), "RepositoryNotFound", Consequence.HUMAN, id="410"),
        pytest.param(Fault(422, message="Validation Failed"), "Refused", Consequence.NEVER, id="422"),
        pytest.param(Fault(301, {"Location": "http://127.0.0.1:1/"}), "Moved", Consequence.HUMAN, id="a redirect"),
        pytest.param(Fault(307, {"Location": "http://127.0.0.1:1/"}), "Moved", Consequence.HUMAN, id="a redirect of a POST"),
        pytest.param(Fault(418), "Refused", Consequence.HUMAN, id="an unknown 4xx"),
        pytest.param(Fault(409), "ForgeUnavailable", Consequence.UNKNOWN, id="409"),
        pytest.param(Fault(500), "ForgeUnavailable", Consequence.UNKNOWN, id="500"),
        pytest.param(Fault(502, message="\x00\x1b[31m"), "ForgeUnavailable", Consequence.UNKNOWN, id="502"),
        pytest.param(Fault(429), "RateLimited", Consequence.SLOW_DOWN, id="429"),
        pytest.param(Fault(cut=True), "ForgeUnavailable", Consequence.UNKNOWN, id="the connection is cut"),
        pytest.param(Fault(cut=True, after=True), "ForgeUnavailable", Consequence.UNKNOWN, id="the answer is lost"),
    ],
)  # fmt: skip
def test_what_an_answer_means(
    forge: FakeForge, forges: Forges, fault: Fault, reason: str, consequence: Consequence
) -> None:
    forge.faults.append(fault)

    error = failure(lambda: forges.post(at(forge), secret(forge), saying()))

    assert (error.reason, error.consequence) == (reason, consequence)
    assert str(error).isprintable()
    assert len(forge.requests) == 1


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        pytest.param(Fault(429, {"Retry-After": "7"}), 7, id="429 in seconds"),
        pytest.param(Fault(403, {"Retry-After": "90"}), 90, id="a secondary limit"),
        pytest.param(Fault(429, {"Retry-After": "Thu, 01 Jan 2026 00:02:00 GMT", "Date": DATE}), 120, id="a date"),
        pytest.param(
            Fault(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 300), "Date": DATE}),
            300, id="the primary limit, by the forge's own clock",
        ),
        pytest.param(Fault(403, message="You have exceeded a secondary rate limit"), 60, id="only words"),
        pytest.param(Fault(429, {"Retry-After": "soon"}), 60, id="nonsense"),
        pytest.param(Fault(429, {"Retry-After": "-5"}), 60, id="a negative number"),
        pytest.param(Fault(429, {"Retry-After": "0"}), 1, id="none at all is still a pause"),
        pytest.param(Fault(429, {"Retry-After": "9" * 40}), 3600, id="an hour at most"),
        pytest.param(Fault(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 99}), 60, id="a reset that is no time"),
    ],
)  # fmt: skip
def test_how_long_to_hold_back(clock: Clock, fault: Fault, seconds: float) -> None:
    clock.moment += timedelta(days=1)  # ours is wrong: only the forge's times are compared with each other
    forges = Forges(clock)
    with FakeForge("github", "/api/v3").serving() as forge:
        if "Date" not in fault.headers:
            clock.moment = NOW
        forge.faults.append(fault)

        error = failure(lambda: forges.post(at(forge), secret(forge), saying()))

    assert (error.consequence, error.retry_after_s) == (Consequence.SLOW_DOWN, seconds)


@each_forge
def test_no_error_and_no_log_quotes_the_token(
    forge: FakeForge, forges: Forges, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = ForgeSecret.of({"token": "canary-of-someone-else"})  # the forge quotes what it got in its 401

    error = failure(lambda: forges.post(at(forge), wrong, saying()))

    assert error.reason == "AuthenticationFailed"
    assert "canary" not in str(error) + repr(error) + caplog.text


@each_forge
def test_an_unknown_project_is_a_persons_affair(forge: FakeForge, forges: Forges) -> None:
    where = replace(at(forge), project="org/other")

    assert failure(lambda: forges.post(where, secret(forge), saying())).reason == "RepositoryNotFound"


@each_forge
def test_an_unknown_commit_is_given_up(forge: FakeForge, forges: Forges) -> None:
    forge.commits = frozenset()

    error = failure(lambda: forges.post(at(forge), secret(forge), saying()))

    assert (error.reason, error.consequence) == ("CommitNotFound", Consequence.NEVER)


def test_the_limits_of_github(forge: FakeForge, forges: Forges) -> None:
    long = failure(lambda: forges.post(at(forge), secret(forge), saying(description="x" * 141)))
    forge.statuses[SHA, CONTEXT] = [{}] * 1000
    full = failure(lambda: forges.post(at(forge), secret(forge), saying()))

    assert (long.consequence, full.consequence) == (Consequence.NEVER, Consequence.NEVER)
    assert "maximum number of statuses" in full.message


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="closed at once"),
        pytest.param(b"\x16\x03\x01nonsense\r\n\r\n", id="not HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", id="half an answer"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", id="two hundred headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (1024 * 1024 + 1), id="a huge body"),
    ],
)
def test_a_server_that_is_none(forges: Forges, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = place(ForgeProvider.GITEA, f"http://127.0.0.1:{server.getsockname()[1]}/org/team")

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        error = failure(lambda: forges.post(where, ForgeSecret(token="t0ken"), saying()))
        thread.join()

    assert error.consequence is Consequence.UNKNOWN


def test_nobody_listens(forges: Forges) -> None:
    where = place(ForgeProvider.GITEA, "http://127.0.0.1:1/org/team")

    assert failure(lambda: forges.post(where, ForgeSecret(token="t0ken"), saying())).reason == "ForgeUnavailable"


@pytest.mark.parametrize("answer", ["[]", "{}", '{"statuses": 3}', '{"statuses": [3]}', "null", "{", "[" * 5000])
def test_a_look_that_makes_no_sense_finds_nothing(forge: FakeForge, forges: Forges, answer: str) -> None:
    forge.answer = lambda *_: (200, answer)  # type: ignore[method-assign]

    assert forges.latest(at(forge), secret(forge), SHA, CONTEXT) is None


# GitHub Apps


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def app(key: rsa.RSAPrivateKey, **more: str) -> ForgeSecret:
    values = {"githubAppID": "4711", "githubAppPrivateKey": pem(key), "githubAppInstallationID": "42", **more}
    return ForgeSecret.of({name: value for name, value in values.items() if value})


def test_an_installation_token_is_asked_for_once_and_kept_until_five_minutes_before_its_end(
    forge: FakeForge, forges: Forges, key: rsa.RSAPrivateKey, clock: Clock
) -> None:
    forge.app_key = key.public_key()
    forge.installation_life = (datetime.now(UTC) + timedelta(hours=1)).isoformat()  # noqa: TID251 - the fake's Date header is real

    for _ in range(3):
        forges.post(at(forge), app(key), saying())
    clock.moment += timedelta(minutes=54)
    forges.post(at(forge), app(key), saying())
    assert len(forge.token_requests) == 1

    clock.moment += timedelta(minutes=2)
    forges.post(at(forge), app(key), saying())

    assert [request["installation"] for request in forge.token_requests] == ["42", "42"]
    assert forge.token_requests[0]["permissions"] == {"statuses": "write"}
    assert forge.token_requests[0]["repositories"] == ["team"]


def test_an_installation_is_found_by_its_owner(forge: FakeForge, forges: Forges, key: rsa.RSAPrivateKey) -> None:
    forge.app_key = key.public_key()

    forges.post(at(forge), app(key, githubAppInstallationID="", githubAppInstallationOwner="ada"), saying())
    missing = failure(
        lambda: forges.post(at(forge), app(key, githubAppInstallationID="", githubAppInstallationOwner="bob"), saying())
    )

    assert forge.token_requests[0]["installation"] == "77"
    assert (missing.reason, missing.consequence) == ("AccessDenied", Consequence.HUMAN)


def test_a_revoked_token_is_replaced_once(forge: FakeForge, forges: Forges, key: rsa.RSAPrivateKey) -> None:
    forge.app_key = key.public_key()
    forges.post(at(forge), app(key), saying())
    forge.revoked.add("ghs-installation-1")

    forges.post(at(forge), app(key), saying(CommitState.SUCCESS))
    assert forge.words(SHA) == ["pending", "success"]

    forge.revoked |= {f"ghs-installation-{number}" for number in range(10)}
    assert failure(lambda: forges.post(at(forge), app(key), saying())).reason == "AuthenticationFailed"
    assert len(forge.token_requests) == 3


def test_a_key_of_another_app_is_refused(forge: FakeForge, forges: Forges, key: rsa.RSAPrivateKey) -> None:
    forge.app_key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()

    assert failure(lambda: forges.post(at(forge), app(key), saying())).reason == "AuthenticationFailed"


@pytest.mark.parametrize("text", ["canary", "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----", "ec"])
def test_a_private_key_that_is_none_is_not_quoted(forge: FakeForge, forges: Forges, text: str) -> None:
    text = pem(ec.generate_private_key(ec.SECP256R1())) if text == "ec" else text
    values = {"githubAppID": "4711", "githubAppPrivateKey": text, "githubAppInstallationID": "42"}

    error = failure(lambda: forges.post(at(forge), ForgeSecret.of(values), saying()))

    assert error.reason == "InvalidCredentials"
    assert "canary" not in repr(error)
    assert forge.requests == []


@pytest.mark.parametrize("answer", [{}, {"token": "x"}, {"token": "a\nb", "expires_at": "2030-01-01T00:00:00Z"}, []])
def test_an_answer_without_a_token(forge: FakeForge, forges: Forges, key: rsa.RSAPrivateKey, answer: object) -> None:
    forge.answer = lambda *_: (201, answer)  # type: ignore[method-assign]

    assert failure(lambda: forges.post(at(forge), app(key), saying())).consequence is Consequence.RETRY
