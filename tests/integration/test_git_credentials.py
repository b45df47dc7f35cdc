"""Logging in over HTTP and SSH, and that no secret shows anywhere: not in an error, not in /proc, not on disk afterwards."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from reconciler.adapters.git import GitLimits, GitRepositories
from reconciler.core.git.source import Credentials, GitRemote, Ref, SourceError
from tests.support.git_http import GitHttpServer
from tests.support.git_ssh import GitSshServer
from tests.support.waiting import eventually

CANARY = "wrong-canary-7f3a"


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[GitRepositories]:
    with GitRepositories(tmp_path / "cache", limits=GitLimits(resolve_s=20, fetch_s=20)) as made:
        yield made


def fails(repositories: GitRepositories, remote: GitRemote, reason: str, *secrets: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        repositories.resolve(remote, Ref(branch="main"))
    assert caught.value.reason == reason, caught.value
    shown = f"{caught.value} {caught.value!r} {caught.value.args} {remote!r}"
    assert not [secret for secret in (CANARY, *secrets) if secret in shown]
    return caught.value


class TestHttp:
    def test_a_password(self, repositories: GitRepositories, git_http_server: GitHttpServer) -> None:
        repository = git_http_server.repository()
        sha = repository.commit({"a.yaml": "1"})
        remote = GitRemote(
            git_http_server.url(repository),
            Credentials(username=git_http_server.user, password=git_http_server.password),
        )
        revision = repositories.resolve(remote, Ref(branch="main"))
        snapshot = repositories.fetch(remote, revision)
        assert (revision.sha, [file.path for file in snapshot.files("")]) == (sha, ["a.yaml"])

    def test_a_public_repository_needs_none(
        self, repositories: GitRepositories, git_http_server: GitHttpServer
    ) -> None:
        git_http_server.ask_password = False
        repository = git_http_server.repository()
        repository.commit({"a.yaml": "1"})
        remote = GitRemote(git_http_server.url(repository))
        assert repositories.fetch(remote, repositories.resolve(remote, Ref())).files("")

    def test_a_wrong_password(self, repositories: GitRepositories, git_http_server: GitHttpServer) -> None:
        repository = git_http_server.repository()
        remote = GitRemote(git_http_server.url(repository), Credentials(username="git-user", password=CANARY))
        fails(repositories, remote, "AuthenticationFailed")

    def test_no_password_where_one_is_needed(
        self, repositories: GitRepositories, git_http_server: GitHttpServer
    ) -> None:
        fails(repositories, GitRemote(git_http_server.url(git_http_server.repository())), "AuthenticationFailed")

    def test_a_wrong_token_is_sent_as_a_header_and_not_shown(
        self, repositories: GitRepositories, git_http_server: GitHttpServer
    ) -> None:
        repository = git_http_server.repository()
        remote = GitRemote(git_http_server.url(repository), Credentials(bearer_token=CANARY))
        fails(repositories, remote, "AuthenticationFailed")
        assert git_http_server.requests

    def test_what_one_sync_fetched_is_not_shown_to_another(
        self, repositories: GitRepositories, git_http_server: GitHttpServer
    ) -> None:
        repository = git_http_server.repository()
        repository.commit({"a.yaml": "1"})
        good = GitRemote(
            git_http_server.url(repository),
            Credentials(username=git_http_server.user, password=git_http_server.password),
        )
        revision = repositories.resolve(good, Ref(branch="main"))
        repositories.fetch(good, revision)
        for other in (Credentials(username=git_http_server.user, password=CANARY), None):
            with pytest.raises(SourceError, match="AuthenticationFailed"):
                repositories.fetch(replace(good, credentials=other), revision)

    def test_a_redirect_is_not_followed_with_credentials(
        self, repositories: GitRepositories, git_http_server: GitHttpServer, tmp_path: Path
    ) -> None:
        repository = git_http_server.repository()
        thief = GitHttpServer(tmp_path)
        with thief.serving():
            git_http_server.redirect_to = thief.base_url
            remote = GitRemote(git_http_server.url(repository), Credentials(username="u", password=CANARY))
            error = fails(repositories, remote, "GitOperationFailed")
        assert "redirect" in error.message
        assert thief.requests == []

    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            (HTTPStatus.NOT_FOUND, "RepositoryNotFound"),
            (HTTPStatus.FORBIDDEN, "AuthenticationFailed"),
            (HTTPStatus.SERVICE_UNAVAILABLE, "GitOperationFailed"),
            (HTTPStatus.TOO_MANY_REQUESTS, "GitOperationFailed"),
        ],
    )
    def test_what_the_server_answers(
        self, repositories: GitRepositories, git_http_server: GitHttpServer, status: HTTPStatus, reason: str
    ) -> None:
        remote = GitRemote(
            git_http_server.url(git_http_server.repository()), Credentials(username="u", password=CANARY)
        )
        git_http_server.answer = status
        fails(repositories, remote, reason)

    def test_a_server_that_is_not_there(self, repositories: GitRepositories) -> None:
        fails(
            repositories,
            GitRemote("http://127.0.0.1:9/x", Credentials(username="u", password=CANARY)),
            "GitOperationFailed",
        )


def _certificate(directory: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that signs itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(made)
        .not_valid_after(made + timedelta(days=36_500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = directory / "server.pem"
    path.write_bytes(private + certificate.public_bytes(pem))
    return path


def test_https_with_an_authority_of_one_s_own(
    repositories: GitRepositories, git_http_server: GitHttpServer, tmp_path: Path
) -> None:
    pem = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    assert git_http_server._server is not None
    listening = git_http_server._server.socket
    git_http_server._server.socket = context.wrap_socket(listening, server_side=True)
    repository = git_http_server.repository()
    repository.commit({"a.yaml": "1"})
    url = git_http_server.url(repository).replace("http:", "https:")
    login = Credentials(username=git_http_server.user, password=git_http_server.password)
    fails(repositories, GitRemote(url, login), "CertificateInvalid", git_http_server.password)
    known = GitRemote(url, replace(login, ca_crt=pem.read_text().partition("-----END PRIVATE KEY-----\n")[2]))
    assert repositories.fetch(known, repositories.resolve(known, Ref())).files("")


class TestSsh:
    def test_a_key(self, repositories: GitRepositories, git_ssh_server: GitSshServer) -> None:
        repository = git_ssh_server.repository()
        repository.commit({"a.yaml": "1"})
        # As a YAML block scalar with `|-` leaves it.
        credentials = Credentials(
            identity=git_ssh_server.identity.rstrip("\n"), known_hosts=git_ssh_server.known_hosts.rstrip("\n")
        )
        remote = GitRemote(git_ssh_server.url(repository), credentials)
        assert [file.path for file in repositories.fetch(remote, repositories.resolve(remote, Ref())).files("")] == [
            "a.yaml"
        ]

    def test_another_host_key(self, repositories: GitRepositories, git_ssh_server: GitSshServer) -> None:
        repository = git_ssh_server.repository()
        secret = git_ssh_server.identity.splitlines()[1]
        for known_hosts in (
            git_ssh_server.wrong_known_hosts,
            "elsewhere.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA\n",
        ):
            remote = GitRemote(
                git_ssh_server.url(repository), Credentials(identity=git_ssh_server.identity, known_hosts=known_hosts)
            )
            fails(repositories, remote, "HostKeyMismatch", secret)

    @pytest.mark.parametrize(
        "identity",
        [f"{CANARY}\n", "-----BEGIN OPENSSH PRIVATE KEY-----\nd3Jvbmc=\n-----END OPENSSH PRIVATE KEY-----\n"],
    )
    def test_a_key_that_is_none(
        self, repositories: GitRepositories, git_ssh_server: GitSshServer, identity: str
    ) -> None:
        remote = GitRemote(
            git_ssh_server.url(git_ssh_server.repository()),
            Credentials(identity=identity, known_hosts=git_ssh_server.known_hosts),
        )
        fails(repositories, remote, "AuthenticationFailed", "d3Jvbmc")

    def test_a_key_with_a_passphrase(
        self, repositories: GitRepositories, git_ssh_server: GitSshServer, tmp_path: Path
    ) -> None:
        repository = git_ssh_server.repository()
        repository.commit({"a.yaml": "1"})
        key = tmp_path / "locked"
        key.write_text(git_ssh_server.identity)
        key.chmod(0o600)
        subprocess.run(
            ["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", key], check=True, stdout=subprocess.DEVNULL
        )
        login = Credentials(identity=key.read_text(), known_hosts=git_ssh_server.known_hosts, password="open sesame")
        remote = GitRemote(git_ssh_server.url(repository), login)
        assert repositories.fetch(remote, repositories.resolve(remote, Ref())).files("")
        for password in (CANARY, ""):
            fails(
                repositories,
                replace(remote, credentials=replace(login, password=password)),
                "AuthenticationFailed",
                "open sesame",
            )

    def test_the_user_s_own_keys_are_not_used(
        self, repositories: GitRepositories, git_ssh_server: GitSshServer
    ) -> None:
        fails(repositories, GitRemote(git_ssh_server.url(git_ssh_server.repository())), "InvalidCredentials")


@dataclass
class Spy:
    """Looks at the processes of this machine while the server answers a request."""

    seen: list[str] = field(default_factory=list)

    def look(self) -> None:
        for process in Path("/proc").iterdir():
            try:
                command = (process / "cmdline").read_bytes()
                if process.name.isdigit() and b"git" in command:
                    self.seen.append((command + (process / "environ").read_bytes()).decode("utf-8", "replace"))
            except OSError:  # it ended meanwhile, or is another's
                continue


@pytest.mark.holds("D-14.5")
@pytest.mark.parametrize("secret", ["password", "bearer_token"])
def test_the_secret_is_in_no_argument_no_environment_and_no_file_left(
    tmp_path: Path, git_http_server: GitHttpServer, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    spy, permits = Spy(), GitHttpServer.permits

    def watched(server: GitHttpServer, header: str | None) -> bool:
        spy.look()
        return permits(server, header)

    monkeypatch.setattr(GitHttpServer, "permits", watched)
    remote = GitRemote(
        git_http_server.url(git_http_server.repository()), Credentials(username="git-user", **{secret: CANARY})
    )
    with GitRepositories(tmp_path / "cache") as repositories:
        fails(repositories, remote, "AuthenticationFailed")
        assert any("ls-remote" in text for text in spy.seen)
        assert not any(CANARY in text for text in spy.seen)
        left = [
            file for file in (tmp_path / "cache").rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()
        ]
        assert left == []


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    old = tmp_path / "cache" / "home-dead" / "login-x"
    old.mkdir(parents=True)
    (old / "password").write_text(CANARY)
    with GitRepositories(tmp_path / "cache"):
        assert not old.exists()
        with GitRepositories(tmp_path / "cache"):  # a second process leaves the first one's alone
            pass
        assert len(list((tmp_path / "cache").glob("home-*"))) == 1


def test_a_server_that_never_answers_is_given_up_and_its_processes_die(
    tmp_path: Path, git_http_server: GitHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(GitHttpServer, "permits", lambda *_: release.wait(30))
    url = git_http_server.url(git_http_server.repository())
    with GitRepositories(tmp_path / "cache", limits=GitLimits(resolve_s=0.5)) as repositories:
        try:
            fails(repositories, GitRemote(url), "TimedOut")
        finally:
            release.set()

        def gone() -> bool:
            spy = Spy()
            spy.look()
            return not any(url in text for text in spy.seen)

        eventually(gone, message="the killed processes are gone")


def test_a_repository_that_is_too_large_is_not_downloaded_to_its_end(
    tmp_path: Path, git_http_server: GitHttpServer
) -> None:
    git_http_server.ask_password = False
    repository = git_http_server.repository()
    noise = b"".join(
        bytes([(n * n * 31 + n * 7) % 251, (n * 17) % 256, n % 256, (n >> 8) % 256]) for n in range(200_000)
    )
    repository.commit({"big.bin": noise})
    limits = replace(GitLimits(), repository_bytes=1_000)
    with GitRepositories(tmp_path / "cache", limits=limits) as repositories:
        remote = GitRemote(git_http_server.url(repository))
        revision = repositories.resolve(remote, Ref())
        with pytest.raises(SourceError, match="RepositoryTooLarge"):
            repositories.fetch(remote, revision)
        asked = len(git_http_server.requests)
        with pytest.raises(SourceError, match="RepositoryTooLarge"):
            repositories.fetch(remote, revision)
        assert len(git_http_server.requests) == asked
