"""From a signed delivery to an applied commit: real API server, real git over HTTP, the sync's own threads."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Iterator

import pytest

from reconciler.core.git.webhooks import path_of
from reconciler.runtime.forge.hooks import GAP_S, Hooks
from reconciler.runtime.web import Web
from tests.integration.sync.kit import Engine, Team, files
from tests.support.cluster import Cluster
from tests.support.git_http import GitHttpServer
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually

SECRET = "canary-of-sixteen-or-more"


@pytest.fixture
def repository(git_http_server: GitHttpServer) -> BareRepository:
    git_http_server.ask_password = False
    return git_http_server.repository("org/team.git")


@pytest.fixture
def team(control_plane: Cluster, namespace: str, git_http_server: GitHttpServer, repository: BareRepository) -> Team:
    control_plane.apply({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hook", "namespace": namespace, "annotations": {"sagemaker-gitops.dev/allowed-hosts": "127.0.0.1"}},
        "stringData": {"token": SECRET},
    })  # fmt: skip
    return Team(control_plane, namespace, git_http_server.url(repository))


@pytest.fixture
def web(engine: Engine) -> Iterator[Web]:
    controller = engine.controller
    hooks = Hooks(
        cache=engine.cache, objects=controller._pass._objects, events=engine.events, leader=engine.leader,
        clock=controller._pass._clock, wake=controller.wake,
    )  # fmt: skip
    hooks.start()
    web = Web("127.0.0.1", 0, {}, {"/hook/": hooks.receive})
    web.start()
    yield web
    web.stop()
    hooks.stop()


def deliver(web: Web, path: str, sha: str, number: int) -> int:
    body = json.dumps(
        {"ref": "refs/heads/main", "after": sha, "n": number, "repository": {"full_name": "org/team"}}
    ).encode()
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
    try:
        signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        connection.request("POST", path, body, {"X-GitHub-Event": "push", "X-Hub-Signature-256": signature})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.holds("D-14.6", "D-19.3")
def test_fifty_pushes_in_a_second_are_at_most_two_fetches(
    engine: Engine, web: Web, team: Team, repository: BareRepository, git_http_server: GitHttpServer
) -> None:
    first = repository.commit(files("m"))
    team.sync(webhook={"secretRef": {"name": "hook"}})
    team.wait_applied(first)
    eventually(engine.idle)
    sync = engine.cache.get(team.key)
    assert sync
    before, resolves, start = len(git_http_server.requests), engine.stats.resolves, time.monotonic()

    for number in range(50):
        sha = repository.commit(files("m", primaryContainer={"image": f"team:{number}"}))
        assert deliver(web, path_of(sync), sha, number) == 202
    gaps = int((time.monotonic() - start) / GAP_S)
    """0, but on a machine that took longer than a second or two for all this."""
    team.wait_applied(sha)

    looks = engine.stats.resolves - resolves
    processes = sum(line.startswith("GET") and "git-upload-pack" in line for line in git_http_server.requests[before:])
    assert looks <= 2 + gaps
    assert processes - looks <= 2 + gaps  # each git asks for the refs once, be it ls-remote or fetch
    assert team.model("m")["spec"]["primaryContainer"]["image"] == "team:49"


@pytest.mark.holds("D-14.6")
def test_a_commit_named_by_a_delivery_is_never_trusted(
    engine: Engine, web: Web, team: Team, repository: BareRepository
) -> None:
    good = repository.commit(files("m"))
    team.sync(webhook={"secretRef": {"name": "hook"}})
    team.wait_applied(good)
    other = repository.commit(files("evil"), branch="dev")
    sync = engine.cache.get(team.key)
    assert sync

    assert deliver(web, path_of(sync), other, 1) == 202
    eventually(engine.idle)

    described = team.cluster.kubectl("describe", "gitsync", sync.name, "-n", sync.namespace)
    assert any(line.split() == ["Webhook", "Path:", path_of(sync)] for line in described.splitlines())
    assert team.status()["lastAppliedRevision"].endswith(good)
    assert team.models() == {"m"}
