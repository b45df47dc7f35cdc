"""A real SSH server with a key of its own, for one account: the one that runs the tests."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.dev.children import Child, free_port
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually

_TRIES = 3
_PRIVILEGE_SEPARATION = Path("/run/sshd")  # compiled in; wanted when root runs the server


@dataclass(frozen=True)
class GitSshServer:
    """Serves every repository under `root` to whoever has the private key."""

    root: Path
    port: int
    identity: str
    """The private key, as a Secret holds it under `identity`."""
    identity_pub: str
    known_hosts: str
    """The line that names this server's host key, as a Secret holds it under `known_hosts`."""
    wrong_known_hosts: str
    """The same with another server's key: a client that checks must refuse."""

    def url(self, repository: BareRepository | str) -> str:
        path = self.root / repository if isinstance(repository, str) else repository.path
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    def repository(self, name: str = "team.git") -> BareRepository:
        return BareRepository(self.root / name)


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[GitSshServer]:
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if sshd is None:
        raise AssertionError(
            "tests over ssh need an SSH server: `make setup` as root installs it, else install openssh-server"
        )
    if os.geteuid() == 0:
        _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    root = directory / "repositories"
    root.mkdir(parents=True)
    for name in ("host", "other-host", "client"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(directory / name)], check=True
        )
    shutil.copyfile(directory / "client.pub", directory / "authorized_keys")
    child = Child("sshd", directory / "sshd.log")
    for _ in range(_TRIES):
        port = free_port()
        (directory / "config").write_text(_config(directory, port))
        child.start([sshd, "-D", "-e", "-f", str(directory / "config")], {"PATH": os.environ["PATH"]})
        eventually(lambda: _listens(port) or not child.alive, message="sshd listens")  # noqa: B023 # asked at once
        if child.alive:
            break
    assert child.alive, child.last_words()
    keys = {name: (directory / f"{name}.pub").read_text().rsplit(" ", 1)[0] for name in ("host", "other-host")}
    try:
        yield GitSshServer(
            root,
            port,
            identity=(directory / "client").read_text(),
            identity_pub=(directory / "client.pub").read_text(),
            known_hosts=f"[127.0.0.1]:{port} {keys['host']}\n",
            wrong_known_hosts=f"[127.0.0.1]:{port} {keys['other-host']}\n",
        )
    finally:
        child.stop(grace_s=2)


def _config(directory: Path, port: int) -> str:
    return f"""\
Port {port}
ListenAddress 127.0.0.1
HostKey {directory / "host"}
AuthorizedKeysFile {directory / "authorized_keys"}
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PermitUserRC no
X11Forwarding no
LogLevel VERBOSE
ForceCommand git-shell -c "$SSH_ORIGINAL_COMMAND"
"""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
