"""Remotes that need credentials, refuse them, or are away."""

from __future__ import annotations

import base64
from http import HTTPStatus

import pytest

from tests.integration.sync.kit import Engine, Team, files
from tests.support.cluster import Cluster
from tests.support.git_http import GitHttpServer
from tests.support.git_repository import BareRepository
from tests.support.git_ssh import GitSshServer
from tests.support.waiting import eventually

HOSTS = "sagemaker-gitops.dev/allowed-hosts"


def secret(cluster: Cluster, namespace: str, hosts: str | None = "127.0.0.1", **values: str) -> None:
    keys = {name.replace("_", "-") if name == "x" else name: value for name, value in values.items()}
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "git", "namespace": namespace, "annotations": {HOSTS: hosts} if hosts else {}},
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in keys.items()},
    }
    cluster.apply(body)


@pytest.mark.holds("D-19.1")
def test_https_with_a_password(
    engine: Engine, control_plane: Cluster, namespace: str, git_http_server: GitHttpServer
) -> None:
    repository = git_http_server.repository()
    sha = repository.commit(files("a"))
    secret(control_plane, namespace, username=git_http_server.user, password=git_http_server.password)
    team = Team(control_plane, namespace, git_http_server.url(repository))

    team.sync(repo={"secretRef": {"name": "git"}})

    team.wait_applied(sha)


@pytest.mark.holds("D-19.1")
def test_ssh_with_a_key(engine: Engine, control_plane: Cluster, namespace: str, git_ssh_server: GitSshServer) -> None:
    repository = git_ssh_server.repository()
    sha = repository.commit(files("a"))
    secret(control_plane, namespace, identity=git_ssh_server.identity, known_hosts=git_ssh_server.known_hosts)
    team = Team(control_plane, namespace, git_ssh_server.url(repository))

    team.sync(repo={"secretRef": {"name": "git"}})

    team.wait_applied(sha)


def test_wrong_credentials_stall_until_the_secret_is_right_and_are_never_shown(
    engine: Engine, control_plane: Cluster, namespace: str, git_http_server: GitHttpServer
) -> None:
    repository = git_http_server.repository()
    sha = repository.commit(files("a"))
    canary = "canary-of-the-test"
    secret(control_plane, namespace, username=git_http_server.user, password=canary)
    team = Team(control_plane, namespace, git_http_server.url(repository))
    team.sync(repo={"secretRef": {"name": "git"}})

    team.wait_reason("AuthenticationFailed")
    assert team.condition("Stalled")["status"] == "True"
    assert canary not in str(team.seen()) + str(engine.events.told)

    secret(control_plane, namespace, username=git_http_server.user, password=git_http_server.password)
    engine.controller.wake(team.key)
    team.wait_applied(sha)


@pytest.mark.holds("D-14.9")
def test_a_secret_goes_only_to_hosts_it_names(
    engine: Engine, control_plane: Cluster, namespace: str, git_http_server: GitHttpServer
) -> None:
    repository = git_http_server.repository()
    repository.commit(files("a"))
    secret(control_plane, namespace, hosts="git.example.com", username="u", password="secret-word")
    team = Team(control_plane, namespace, git_http_server.url(repository))

    team.sync(repo={"secretRef": {"name": "git"}})

    message = team.wait_reason("SecretNotAllowed")["message"]
    assert HOSTS in message
    assert "127.0.0.1" in message
    assert git_http_server.requests == []


def test_a_secret_that_is_missing_is_named(
    engine: Engine, control_plane: Cluster, namespace: str, git_http_server: GitHttpServer
) -> None:
    team = Team(control_plane, namespace, git_http_server.url(git_http_server.repository()))

    team.sync(repo={"secretRef": {"name": "git"}})

    assert "Secret git does not exist" in team.wait_reason("SecretNotFound")["message"]


def test_a_remote_that_was_away_is_read_when_it_is_back(
    engine: Engine, control_plane: Cluster, namespace: str, git_http_server: GitHttpServer
) -> None:
    git_http_server.ask_password = False
    repository = git_http_server.repository()
    first = repository.commit(files("a"))
    team = Team(control_plane, namespace, git_http_server.url(repository))
    team.sync()
    team.wait_applied(first)

    git_http_server.answer = HTTPStatus.SERVICE_UNAVAILABLE
    engine.controller.wake(team.key)
    eventually(lambda: team.condition()["status"] == "False")
    assert team.condition("Stalled") == {}
    assert team.condition("Reconciling")["reason"] == "ProgressingWithRetry"
    assert team.models() == {"a"}
    second = repository.commit(files("b"))
    git_http_server.answer = None

    team.wait_applied(second)  # nobody calls: the queue tries again by itself


def test_a_url_that_is_not_allowed_stalls(
    engine: Engine, control_plane: Cluster, namespace: str, bare_repository: BareRepository
) -> None:
    team = Team(control_plane, namespace, "ext::sh -c touch% /tmp/pwned")

    team.sync()

    team.wait_reason("InvalidURL")
    assert team.condition("Stalled")["status"] == "True"
