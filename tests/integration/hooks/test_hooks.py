"""Deliveries over a real socket: who is believed, who is refused, and that nothing brings the server down."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest

from reconciler.core.errors import TransientError
from reconciler.core.git.webhooks import BODY_LIMIT, path_of
from reconciler.core.resource import Key, Resource
from reconciler.runtime.forge.hooks import BURST, SEEN, SEEN_S, Hooks
from reconciler.runtime.web import Answer, CannotListenError, Request, Web
from tests.support.small_cluster import SetClock, SmallCluster
from tests.support.waiting import eventually

KEY = Key("GitSync", "team", "models")
SECRET = "canary-of-sixteen-or-more"
PUSH = {"ref": "refs/heads/main", "repository": {"full_name": "org/team", "default_branch": "main"}}


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class WebhookSender:
    """Sends deliveries to a service's port."""

    def __init__(self) -> None:
        self.cluster, self.clock, self.woken = SmallCluster(), SetClock(), list[Key]()
        self.cluster.secret("hook", "github.com", token=SECRET)
        self.sync()
        self.hooks = Hooks(self.cluster.ports(self.clock), self.woken.append, gap_s=0)
        self.hooks.start()
        self.web = Web("127.0.0.1", 0, {"/healthz": list}, {"/hook/": self.hooks.receive}, request_s=1)
        self.web.start()
        self.number = 0

    def sync(self, **spec: Any) -> None:
        repo = {"url": "https://github.com/org/team.git", "ref": {"branch": "main"}}
        spec = {"repo": repo, "webhook": {"secretRef": {"name": "hook"}}, **spec}
        self.cluster.put({"kind": "GitSync", "metadata": {"name": "models"}, "spec": spec})

    @property
    def path(self) -> str:
        return path_of(self.cluster.objects[KEY])

    def send(
        self, body: bytes | dict[str, Any] = PUSH, *, path: str = "", event: str = "push", method: str = "POST",
        **headers: str,
    ) -> tuple[int, str]:  # fmt: skip
        """As GitHub does, every delivery with a number of its own; headers given go before (`X_Y` for X-Y)."""
        self.number += 1
        if isinstance(body, dict):
            body = json.dumps({**body, "number": self.number}).encode()
        given = {"X-GitHub-Event": event, "X-GitHub-Delivery": str(self.number), "X-Hub-Signature-256": sign(body)}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=10)
        try:
            sent = {name: value for name, value in given.items() if value}
            connection.request(method, path or self.path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def raw(self, data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.web.port), timeout=10) as connection:
            connection.sendall(data)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
            return answer

    def lives(self) -> bool:
        return self.send(method="GET", path="/healthz") == (200, "ok\n")

    def stop(self) -> None:
        self.web.stop()
        self.hooks.stop()


@pytest.fixture
def forge() -> Iterator[WebhookSender]:
    forge = WebhookSender()
    yield forge
    forge.stop()


def test_a_push_wakes_the_sync(forge: WebhookSender) -> None:
    assert forge.send() == (202, "the sync will look\n")
    eventually(lambda: forge.woken == [KEY])


@pytest.mark.parametrize(
    ("send", "says"),
    [
        pytest.param(lambda f: f.send({"zen": "x"}, event="ping"), "not a push", id="a ping"),
        pytest.param(lambda f: f.send(event="issues"), "not a push", id="another event"),
        pytest.param(lambda f: f.send({**PUSH, "ref": "refs/heads/dev"}), "not the watched", id="another branch"),
        pytest.param(lambda f: f.send({**PUSH, "ref": "refs/notes/sagemaker-gitops/dev"}), "not the watched", id="our own notes"),
        pytest.param(lambda f: f.send({**PUSH, "repository": {"full_name": "evil/team"}}), "not the watched", id="another repository"),
    ],
)  # fmt: skip
def test_fine_and_nothing_to_do(
    forge: WebhookSender, send: Callable[[WebhookSender], tuple[int, str]], says: str
) -> None:
    status, text = send(forge)

    assert (status, forge.woken) == (200, [])
    assert says in text


ATTACKS = [
    pytest.param(lambda f: f.send(X_Hub_Signature_256=sign(b"{}")), 401, id="the signature of another body"),
    pytest.param(lambda f: f.send(X_Hub_Signature_256=sign(b"", "another-secret-of-length")), 401, id="another secret"),
    pytest.param(lambda f: f.send(X_Hub_Signature_256=""), 401, id="no signature"),
    pytest.param(lambda f: f.send(b"{}", X_Hub_Signature_256=sign(b"{}")[:-2]), 401, id="a signature cut short"),
    pytest.param(
        lambda f: f.send(b"{}", X_Hub_Signature_256="", X_Hub_Signature="sha1=" + hmac.new(SECRET.encode(), b"{}", "sha1").hexdigest()),
        401, id="sha1 alone",
    ),
    pytest.param(lambda f: f.send(b"{}", X_Hub_Signature_256="", X_GitHub_Event="", X_Gitlab_Event="Push Hook", X_Gitlab_Token="x"), 401,
                 id="GitLab's way with a wrong token"),
    pytest.param(lambda f: f.send(path="/hook/" + "0" * 64), 404, id="an unknown path"),
    pytest.param(lambda f: f.send(path="/hook/"), 404, id="no path"),
    pytest.param(lambda f: f.send(path=f.path + "/"), 404, id="more of a path"),
    pytest.param(lambda f: f.send(path=f.path.upper()), 404, id="the path in capitals"),
    pytest.param(lambda f: f.send(path="/hook/../hook/x"), 404, id="dots"),
    pytest.param(lambda f: f.send(method="GET"), 405, id="GET of a hook"),
    pytest.param(lambda f: f.send(method="GET", path="/hook/unknown"), 405, id="GET of an unknown hook, the same"),
    pytest.param(lambda f: f.send(method="PUT"), 501, id="PUT"),
    pytest.param(lambda f: f.send(b"x" * (BODY_LIMIT + 1)), 413, id="one byte over 1 MiB"),
    pytest.param(lambda f: f.send(Content_Length="99999999999999999999999"), 413, id="a body of 10^23 bytes"),
    pytest.param(lambda f: f.send(b"{}", Content_Length="-1"), 400, id="a negative length"),
    pytest.param(lambda f: f.send(b"{}", Content_Length="0x2"), 400, id="a length that is no number"),
    pytest.param(lambda f: f.send(b"\xff\xfe"), 400, id="signed, not UTF-8"),
    pytest.param(lambda f: f.send(b"[" * 100_000), 400, id="signed, and very deep"),
    pytest.param(lambda f: f.send(b'{"ref": 1}'), 400, id="signed, of the wrong type"),
    pytest.param(lambda f: f.send(**{f"X_{n}": "y" for n in range(70)}), 431, id="seventy headers"),
]  # fmt: skip


@pytest.mark.holds("D-14.6")
@pytest.mark.parametrize(("attack", "status"), ATTACKS)
def test_attacks(
    forge: WebhookSender,
    attack: Callable[[WebhookSender], tuple[int, str]],
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    got, text = attack(forge)

    assert got == status
    assert forge.woken == []
    assert "canary" not in text + caplog.text + str(forge.cluster.events)
    assert forge.lives()
    assert forge.send()[0] == 202


def test_an_unknown_path_is_answered_as_any_other_page(forge: WebhookSender) -> None:
    known_absent = forge.send(path="/hook/" + "0" * 64)

    assert known_absent == forge.send(path="/nothing/here") == (404, "Not Found\n")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"POST %s HTTP/1.1\r\nContent-Length: 100\r\n\r\n{}", id="a body that never comes"),
        pytest.param(b"POST %s HTTP/1.1\r\nContent-Le", id="headers that never end"),
        pytest.param(b"POST ", id="a line that never ends"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_hangs_is_cut(forge: WebhookSender, data: bytes) -> None:
    start = time.monotonic()

    forge.raw(data.replace(b"%s", forge.path.encode()))

    assert time.monotonic() - start < 5
    assert forge.lives()


def test_a_drip_of_bytes_gains_no_time(forge: WebhookSender) -> None:
    with socket.create_connection(("127.0.0.1", forge.web.port), timeout=10) as connection:
        connection.sendall(b"POST %s HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" % forge.path.encode())
        start, answer = time.monotonic(), b""
        connection.settimeout(0.05)

        def drip() -> bytes:
            nonlocal answer
            try:
                connection.sendall(b"x")
                answer += connection.recv(65536)
            except TimeoutError:
                return b""
            return answer

        assert b" 408 " in eventually(drip)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(
            b"POST %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b"411", id="chunked"
        ),
        pytest.param(b"POST %s HTTP/1.1\r\n\r\n", b"411", id="no length"),
        pytest.param(b"POST %s HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", b"411", id="two lengths"),
        pytest.param(b"POST %s HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431", id="two hundred headers"),
        pytest.param(b"POST /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414", id="a very long line"),
        pytest.param(b"\x16\x03\x01\x00\xff\r\n\r\n", b"400", id="TLS to a plain port"),
        pytest.param(b"POST %s\r\n\r\n", b"400", id="no version"),
    ],
)
def test_requests_that_are_none(forge: WebhookSender, data: bytes, status: bytes) -> None:
    answer = forge.raw(data.replace(b"%s", forge.path.encode()))

    assert status in answer[:400]
    assert forge.lives()


def test_an_address_that_is_taken_is_named_with_the_way_out(forge: WebhookSender) -> None:
    port = forge.web.port
    with pytest.raises(
        CannotListenError, match=f"127.0.0.1:{port}: Address already in use; choose another --listen or"
    ):
        Web("127.0.0.1", port, {})


def test_more_connections_than_the_bound_are_closed_and_the_rest_is_served() -> None:
    web = Web("127.0.0.1", 0, {"/healthz": list}, request_s=30, connections=4)
    web.start()
    held = [socket.create_connection(("127.0.0.1", web.port), timeout=10) for _ in range(4)]
    try:
        eventually(
            lambda: (
                sum(t.name.startswith("Thread-") and "process_request" in t.name for t in threading.enumerate()) >= 4
            )
        )
        with socket.create_connection(("127.0.0.1", web.port), timeout=10) as over:
            assert over.recv(1) == b""
        for connection in held:
            connection.close()

        def served() -> bool:
            connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=5)
            try:
                connection.request("GET", "/healthz")
                return connection.getresponse().status == HTTPStatus.OK
            except (http.client.HTTPException, OSError):
                return False
            finally:
                connection.close()

        eventually(served)
    finally:
        web.stop()


def test_a_fault_in_a_handler_is_a_500_and_the_process_lives(forge: WebhookSender) -> None:
    def broken(_: Request) -> Answer:
        raise ZeroDivisionError

    web = Web("127.0.0.1", 0, {"/healthz": list}, {"/hook/": broken})
    web.start()
    forge.web, whole = web, forge.web
    try:
        assert forge.send()[0] == 500
        assert forge.lives()
    finally:
        web.stop()
        forge.web = whole


def test_probes_and_pages_answer_as_they_find() -> None:
    def broken() -> list[str]:
        raise ZeroDivisionError

    page = Answer(HTTPStatus.OK, "up 1", {"Content-Type": "text/plain; version=0.0.4"})
    probes = {"/healthz": list, "/readyz": lambda: ["starting", "still"], "/broken": broken}
    web = Web("127.0.0.1", 0, probes, pages={"/metrics": lambda: page})
    web.start()
    try:
        found = {}
        for path in ("/healthz", "/readyz?verbose", "/broken", "/metrics", "/x"):
            connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
            connection.request("GET", path)
            answer = connection.getresponse()
            found[path] = answer.status, answer.read().decode(), answer.headers["Content-Type"].partition(";")[2]
            connection.close()
    finally:
        web.stop()

    assert found == {
        "/healthz": (200, "ok\n", " charset=utf-8"),
        "/readyz?verbose": (503, "starting\nstill\n", " charset=utf-8"),
        "/broken": (500, "Internal Server Error\n", " charset=utf-8"),
        "/metrics": (200, "up 1\n", " version=0.0.4"),
        "/x": (404, "no such page\n", " charset=utf-8"),
    }


def test_a_repetition_is_seen(forge: WebhookSender) -> None:
    body = json.dumps(PUSH).encode()

    assert [forge.send(body)[0], forge.send(body)[0], forge.send(X_GitHub_Delivery="1")[0]] == [202, 200, 200]

    forge.clock.pass_s(SEEN_S)
    assert forge.send(body)[0] == 202


def test_a_refused_delivery_is_not_remembered(forge: WebhookSender) -> None:
    body = json.dumps(PUSH).encode()

    assert forge.send(body, X_Hub_Signature_256="sha256=0")[0] == 401
    assert forge.send(body)[0] == 202


def test_the_memory_of_deliveries_is_bounded(forge: WebhookSender) -> None:
    door = next(iter(forge.hooks._doors.values()))
    for number in range(SEEN * 2):
        forge.hooks._first(door, (f"id-{number}", f"body-{number}"))

    assert len(door.seen) <= SEEN + 2


def test_a_rate_limit_per_path(forge: WebhookSender) -> None:
    answers = [forge.send(X_Hub_Signature_256="")[0] for _ in range(BURST + 5)]
    assert answers.count(429) == 5

    forge.clock.pass_s(2)
    assert [forge.send()[0] for _ in range(3)] == [202, 202, 429]


def test_a_changed_secret_is_taken_up(forge: WebhookSender) -> None:
    assert forge.send()[0] == 202
    forge.cluster.secret("hook", "github.com", token="another-secret-of-length\n")
    body = json.dumps({**PUSH, "n": 1}).encode()
    forge.clock.pass_s(6)

    assert forge.send(body, X_Hub_Signature_256=sign(body, "another-secret-of-length"))[0] == 202
    assert forge.send()[0] == 401


def test_another_secret_in_spec_counts_at_once(forge: WebhookSender) -> None:
    assert forge.send()[0] == 202
    forge.cluster.secret("other", "github.com", token="another-secret-of-length")
    forge.sync(webhook={"secretRef": {"name": "other"}})
    body = forge.cluster.objects[KEY].body
    forge.cluster.put({**body, "metadata": {**body["metadata"], "generation": 2}})

    assert forge.send()[0] == 401


def test_a_stranger_makes_us_read_the_secret_seldom(forge: WebhookSender) -> None:
    for _ in range(20):
        forge.send(X_Hub_Signature_256="sha256=0")

    assert forge.cluster.reads.count(Key("Secret", "team", "hook")) == 1


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda c: c.drop(Key("Secret", "team", "hook")), "SecretNotFound", id="gone"),
        pytest.param(lambda c: c.secret("hook", "github.com", token="short"), "InvalidCredentials", id="too short"),
        pytest.param(lambda c: c.secret("hook", "github.com", password=SECRET), "InvalidCredentials", id="no token"),
        pytest.param(lambda c: c.secret("hook", "elsewhere.example", token=SECRET), "SecretNotAllowed", id="for another host"),
    ],
)  # fmt: skip
def test_a_secret_that_cannot_be_used_lets_nobody_in_and_is_said_once(
    forge: WebhookSender, spoil: Callable[[SmallCluster], None], reason: str
) -> None:
    spoil(forge.cluster)

    assert [forge.send()[0] for _ in range(5)] == [401] * 5
    assert [(event[1], reason in event[2]) for event in forge.cluster.events] == [("WebhookRefused", True)]
    assert "canary" not in str(forge.cluster.events)


def test_what_is_switched_off_is_not_there(forge: WebhookSender) -> None:
    path = forge.path
    forge.sync(webhook=None)
    assert forge.send(path=path)[0] == 404

    forge.sync(suspend=True)
    assert forge.send(path=path) == (200, "ignored: the sync is suspended\n")

    forge.cluster.drop(KEY)
    assert forge.send(path=path)[0] == 404
    assert forge.woken == []


def test_a_gitsync_made_anew_has_another_path(forge: WebhookSender) -> None:
    path = forge.path
    forge.cluster.drop(KEY)
    forge.sync()
    body = forge.cluster.objects[KEY].body
    forge.cluster.put({**body, "metadata": {**body["metadata"], "uid": "another"}})

    assert forge.send(path=path)[0] == 404
    assert forge.send()[0] == 202


def test_a_replica_that_does_not_lead_says_so(forge: WebhookSender) -> None:
    forge.cluster.leads = False

    assert [forge.send()[0], forge.send(path="/hook/x")[0]] == [503, 503]


def test_an_api_server_that_is_away_is_503(forge: WebhookSender, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = forge.cluster.get

    def away(key: Key) -> Resource | None:
        if key.kind == "Secret":  # read from the API server; all else is in the cache
            raise TransientError("away")
        return cached(key)

    monkeypatch.setattr(forge.cluster, "get", away)

    assert forge.send()[0] == 503


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"X_Gitlab_Event": "Push Hook", "X_Gitlab_Token": SECRET}, 202, id="GitLab"),
        pytest.param({"X_Gitea_Event": "push", "X_Gitea_Signature": sign(b'{"ref": "refs/heads/main"}')[7:]}, 202, id="Gitea"),
        pytest.param({"X_Signature": sign(b'{"ref": "refs/heads/main"}')}, 202, id="generic"),
        pytest.param({"X_Event_Key": "diagnostics:ping", "X_Hub_Signature": sign(b'{"ref": "refs/heads/main"}')}, 200, id="Bitbucket's ping"),
    ],
)  # fmt: skip
def test_the_other_forges(forge: WebhookSender, headers: dict[str, Any], status: int) -> None:
    none: dict[str, Any] = {"X_GitHub_Event": "", "X_GitHub_Delivery": "", "X_Hub_Signature_256": ""}

    assert forge.send(b'{"ref": "refs/heads/main"}', **none, **headers)[0] == status


def test_a_named_provider_takes_no_other_proof(forge: WebhookSender) -> None:
    forge.sync(webhook={"secretRef": {"name": "hook"}, "provider": "github"})
    headers: dict[str, Any] = {
        "X_GitHub_Event": "",
        "X_Hub_Signature_256": "",
        "X_Gitlab_Event": "Push Hook",
        "X_Gitlab_Token": SECRET,
    }

    assert forge.send(**headers)[0] == 401


def test_many_pushes_are_two_looks() -> None:
    """A clock of its own: the second look is due when the gap is over, however many asked."""
    cluster, clock, woken = SmallCluster(), SetClock(), list[Key]()
    hooks = Hooks(cluster.ports(clock), woken.append)
    for _ in range(50):
        hooks._queue.add(KEY)
        if hooks._queue.get(0) is not None:
            hooks._pass_on(KEY)
            hooks._queue.done(KEY)
        clock.pass_s(0.02)
    assert woken == [KEY]

    clock.pass_s(2)
    assert hooks._queue.get(0) == KEY
    hooks._pass_on(KEY)
    assert woken == [KEY, KEY]
