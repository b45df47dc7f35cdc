"""Connections, credentials, and answers that a healthy API server does not give."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from reconciler.adapters.kube.client import KubeClient
from reconciler.adapters.kube.connection import Connection
from reconciler.adapters.kube.objects import KubeApplier
from reconciler.core.errors import (
    CredentialsError,
    LostReplyError,
    PreconditionError,
    ReconcileError,
    ThrottledError,
    TransientError,
)
from tests.integration.kube.kit import KINDS, Wire, model

Answer = tuple[int, dict[str, str], bytes]


def test_the_server_is_new_enough(client: KubeClient) -> None:
    client.require_version()
    assert client.version() >= (1, 30)


@pytest.mark.parametrize("content", ["", "[]", "a: b: c", "current-context: nowhere\ncontexts: []\nclusters: []\n"])
def test_an_unusable_kubeconfig_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "config").write_text(content)
    with pytest.raises(PreconditionError, match="no usable Kubernetes configuration"):
        KubeClient(str(tmp_path / "config"))
    with pytest.raises(PreconditionError, match="no usable Kubernetes configuration"):
        KubeClient(str(tmp_path / "absent"))


def test_a_context_is_chosen_by_name(kubeconfig: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(kubeconfig.read_text())
    good = config["contexts"][0]["name"]
    config["contexts"].append({"name": "other", "context": {"cluster": "absent", "user": "absent"}})
    config["current-context"] = "other"
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    assert KubeClient(str(tmp_path / "config"), context=good).version() >= (1, 30)
    with pytest.raises(PreconditionError):
        KubeClient(str(tmp_path / "config"))


def test_a_token_that_changed_on_disk_is_read_again(kubeconfig: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(kubeconfig.read_text())
    token = config["users"][0]["user"]["token"]
    config["users"][0]["user"] = {"tokenFile": str(tmp_path / "token")}
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    (tmp_path / "token").write_text("expired")
    client = KubeClient(connection=Connection(str(tmp_path / "config"), reload_every_s=0.0))
    with pytest.raises(CredentialsError):
        client.request("GET", "/api")
    (tmp_path / "token").write_text(token)
    assert client.request("GET", "/api")["kind"] == "APIVersions"


@pytest.mark.parametrize(
    ("expires", "runs"),
    [
        pytest.param("2999-01-01T00:00:00Z", 1, id="while it is good"),
        pytest.param("2001-01-01T00:00:00Z", 4, id="expired"),
    ],
)
def test_an_exec_plugin_is_asked_as_often_as_needed(kubeconfig: Path, tmp_path: Path, expires: str, runs: int) -> None:
    config = yaml.safe_load(kubeconfig.read_text())
    status = {"token": config["users"][0]["user"]["token"], "expirationTimestamp": expires}
    version = "client.authentication.k8s.io/v1"
    said = json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})
    (tmp_path / "plugin").write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\ncat <<'EOF'\n{said}\nEOF\n")
    (tmp_path / "plugin").chmod(0o755)
    config["users"][0]["user"] = {
        "exec": {"apiVersion": version, "command": str(tmp_path / "plugin"), "interactiveMode": "Never"}
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    client = KubeClient(str(tmp_path / "config"))
    for _ in range(3):
        client.request("GET", "/api")
    assert len((tmp_path / "runs").read_text().splitlines()) == runs


def test_a_server_that_is_away_and_a_reply_that_is_lost(wire: Wire, namespace: str) -> None:
    client = KubeClient(wire.kubeconfig)
    applier = KubeApplier(client, KINDS)
    wire.swallow_replies()
    with pytest.raises(TransientError) as unanswered:
        client.request("GET", "/api")
    assert not isinstance(unanswered.value, LostReplyError)
    wire.mend()
    client.request("GET", "/api")  # leaves an open connection, over which the next request does arrive
    wire.swallow_replies()
    with pytest.raises(LostReplyError):
        applier.apply(model(namespace, "arrived"))
    wire.mend()
    assert applier.apply(model(namespace, "arrived")).generation == 1
    wire.close()
    with pytest.raises(TransientError, match="does not answer"):
        applier.apply(model(namespace, "away"))


class Puppet:
    """A server that answers what it is told to, in order, the last answer for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.heard: list[str] = []
        self.release = threading.Event()
        puppet = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                puppet.heard.append(f"{self.command} {self.path}")
                answers = puppet.answers
                status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
                if status == 0:
                    puppet.release.wait(10)
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = answer  # noqa: N815 - the library's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def puppet() -> Iterator[Puppet]:
    puppet = Puppet()
    yield puppet
    puppet.release.set()
    puppet.server.shutdown()
    puppet.server.server_close()


@pytest.fixture
def puppeteer(puppet: Puppet, tmp_path: Path) -> Callable[..., KubeClient]:
    config = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{puppet.server.server_address[1]}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))

    def client_of(*answers: Answer) -> KubeClient:
        puppet.answers = list(answers)
        return KubeClient(str(tmp_path / "config"))

    return client_of


GOOD: Answer = (200, {}, b"{}")


@pytest.mark.parametrize(
    ("answers", "raised", "asked"),
    [
        pytest.param([(429, {"Retry-After": "0"}, b""), GOOD], None, 2, id="a short throttle is waited out"),
        pytest.param([(503, {"Retry-After": "0"}, b""), GOOD], None, 2, id="a server that starts, too"),
        pytest.param([(429, {"Retry-After": "60"}, b"")], ThrottledError, 1, id="a long one is the queue's"),
        pytest.param([(429, {}, b"")], ThrottledError, 1, id="without a time there is nothing to wait for"),
        pytest.param([(503, {}, b"")], TransientError, 1, id="a 503 that asks for nothing"),
        pytest.param([(504, {"Retry-After": "0"}, b"")], TransientError, 1, id="a 504 may have been carried out"),
        pytest.param([(302, {"Location": "/x"}, b"")], ReconcileError, 1, id="credentials follow no redirect"),
        pytest.param([(200, {}, b"<html>")], TransientError, 1, id="a login page of a proxy"),
        pytest.param([(502, {}, b"\xff<html>")], TransientError, 1, id="an error page of a proxy"),
    ],
)
def test_unusual_answers(
    puppeteer: Callable[..., KubeClient],
    puppet: Puppet,
    answers: list[Answer],
    raised: type[ReconcileError] | None,
    asked: int,
) -> None:
    client = puppeteer(*answers)
    if raised is None:
        assert client.request("PUT", "/x", None, {}) == {}
    else:
        with pytest.raises(raised):
            client.request("PUT", "/x", None, {})
    assert len(puppet.heard) == asked


def test_closing_ends_the_wait_for_a_throttled_server(puppeteer: Callable[..., KubeClient]) -> None:
    client = puppeteer((429, {"Retry-After": "9"}, b""))
    threading.Timer(0.05, client.close).start()
    began = time.monotonic()
    with pytest.raises(ThrottledError):
        client.request("GET", "/x")
    assert time.monotonic() - began < 5


def test_a_silent_server_is_given_up(puppeteer: Callable[..., KubeClient]) -> None:
    client = puppeteer((0, {}, b""))
    with pytest.raises(TransientError):
        client.request("GET", "/x", timeout_s=0.1)
    with pytest.raises(LostReplyError):
        client.request("PUT", "/x", None, {}, timeout_s=0.1)


@pytest.mark.holds("D-11.7")
def test_an_old_server_is_refused_with_both_versions(puppeteer: Callable[..., KubeClient]) -> None:
    old = json.dumps({"major": "1", "minor": "29+"}).encode()
    with pytest.raises(PreconditionError, match=r"1\.29 is too old: 1\.30"):
        puppeteer((200, {}, old)).require_version()
