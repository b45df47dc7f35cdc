"""One control plane for all pytest processes of a run, started by whoever needs it first.

The pytest processes share a directory. A process of its own, in its own session, owns the control plane there; each user
holds the writing end of a FIFO. The kernel counts the users for us: when the last is gone, in whatever way, the owner
reads the end of the FIFO and stops. A file lock keeps arriving and leaving apart.
"""

import contextlib
import errno
import fcntl
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from reconciler.dev import binaries, crds
from reconciler.dev.control_plane import ControlPlane
from tests.support.cluster import Cluster
from tests.support.waiting import eventually

_FIRST_USER_WITHIN_MS = 30_000
_READY_WITHIN_S = 90


@contextlib.contextmanager
def joined(directory: Path) -> Iterator[Cluster]:
    """The shared cluster, for as long as the block lasts."""
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory):
        users = _join(directory)
        if users is None:
            users = _start(directory)
    try:
        yield _read(directory)
    finally:
        os.close(users)


def main(directory: Path) -> None:
    """The owner: serve until nobody uses it."""
    users = os.open(_fifo(directory), os.O_RDONLY | os.O_NONBLOCK)
    plane = ControlPlane(directory / "plane")
    try:
        plane.start()
        crds.install(binaries.kubectl(), plane.kubeconfig)
        about = {
            "kubeconfig": str(plane.kubeconfig),
            "port": plane.port,
            "token": plane.token,
            "ca": str(plane.ca_file),
        }
        partial = directory / "about.json.partial"
        partial.write_text(json.dumps(about))
        partial.replace(directory / "about.json")
        watch = select.poll()
        watch.register(users, select.POLLHUP)
        # A FIFO that never had a writer reports nothing, so the first wait is bounded; and one that has a user reports
        # nothing either, so what a read says decides.
        watch.poll(_FIRST_USER_WITHIN_MS)
        while True:
            with _locked(directory):
                if not _used(users):  # nobody came meanwhile, and now nobody can
                    (directory / "about.json").unlink()
                    os.close(users)
                    return
            watch.poll()
    finally:
        plane.apiserver.kill()  # nobody will look at its data again
        plane.etcd.kill()


def _used(users: int) -> bool:
    """Whether somebody holds the writing end: reading then finds nothing yet, and the end of file otherwise."""
    try:
        return bool(os.read(users, 1))
    except BlockingIOError:
        return True


def _join(directory: Path) -> int | None:
    try:
        return os.open(_fifo(directory), os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        os.mkfifo(_fifo(directory))
    except OSError as error:
        if error.errno != errno.ENXIO:  # a FIFO without a reader: the owner is gone
            raise
    return None


def _start(directory: Path) -> int:
    log = directory / "owner.log"
    (directory / "about.json").unlink(missing_ok=True)
    with log.open("wb") as written:
        owner = subprocess.Popen(
            [sys.executable, "-m", "tests.support.shared_control_plane", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def lives() -> bool:
        if owner.poll() is not None:
            raise RuntimeError(f"the shared control plane did not start:\n{log.read_text()}")
        return True

    users = eventually(lambda: lives() and _join(directory), _READY_WITHIN_S, "the owner opened the FIFO")
    eventually(
        lambda: lives() and (directory / "about.json").exists(), _READY_WITHIN_S, "the shared control plane is ready"
    )
    assert users
    return users


def _read(directory: Path) -> Cluster:
    about = json.loads((directory / "about.json").read_text())
    return Cluster(Path(about["kubeconfig"]), "127.0.0.1", about["port"], about["token"], Path(about["ca"]))


def _fifo(directory: Path) -> Path:
    return directory / "users"


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main(Path(sys.argv[1]))
