"""One embedded environment in one directory: control plane, simulator, CRDs and, if wanted, the service.

Knows which processes there are, in which order they start and stop, and what the directory says about them. The process
that calls `Environment.up` owns all of them: they end with it. Others look at the directory: `look` tells what runs there
and `stop` ends it. Called by `cli`; the demo and tests may call it directly.

    D/env  D/kubeconfig        for clients           D/state.json     what runs, for `status`
    D/etcd  D/certs            kept by `down`        D/supervisor.lock  held by the process that owns the others
    D/log/*.log                one file per process
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from reconciler.dev import crds, envfile
from reconciler.dev.binaries import Binaries, find
from reconciler.dev.children import Child, free_port, port_is_free
from reconciler.dev.control_plane import ControlPlane
from reconciler.dev.errors import DevError, PortTakenError
from reconciler.dev.files import Lock, write_private
from reconciler.dev.progress import Progress, elapsed

_SIMULATOR_WITHIN_S = 60.0
_SERVICE_WITHIN_S = 60.0
_STOPPED_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.5
_POLL_S = 0.05
_TRIES = 5
_LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True)
class Options:
    """What `dev up` was asked for."""

    speed: float = 60.0
    kubeconfig: str = ""  # an existing cluster instead of an own control plane
    run: bool = False
    iam_policy: str = ""  # a file: what the simulator lets callers do


@dataclass(frozen=True)
class EnvironmentRecord:
    """What the owner of a directory last wrote about it; `pid` is 0 when it was stopped."""

    pid: int = 0
    phase: str = "Stopped"  # Starting, Ready, Stopped
    options: Options = Options()
    kubeconfig: str = ""
    kubectl: str = ""
    simulator: str = ""
    apiserver_port: int = 0
    simulator_port: int = 0
    service: str = ""
    service_port: int = 0
    pids: dict[str, int] | None = None

    @classmethod
    def read(cls, directory: Path) -> "EnvironmentRecord":
        try:
            found = json.loads((directory / "state.json").read_text())
            return cls(**found | {"options": Options(**found["options"])})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return cls()  # never started here, or by another version: nothing that we know of

    def write(self, directory: Path) -> None:
        write_private(directory / "state.json", json.dumps(asdict(self), indent=2).encode())


@dataclass(frozen=True)
class EnvironmentStatus:
    """What runs in a directory now, asked and not remembered."""

    state: EnvironmentRecord
    pid: int  # of the owner; 0 when nothing runs
    control_plane: bool
    simulator: bool
    service: bool | None  # None: not asked for

    @property
    def running(self) -> bool:
        return self.pid != 0

    @property
    def ready(self) -> bool:
        return (
            self.running
            and self.state.phase == "Ready"
            and self.control_plane
            and self.simulator
            and self.service is not False
        )


class Environment:
    """Starts and keeps the processes of one directory; a context that has ended leaves none."""

    def __init__(self, directory: Path, options: Options, progress: Progress | None = None) -> None:
        self.directory = directory.resolve()
        self.options = options
        self._progress = progress or Progress()
        self._lock = Lock(self.directory / "supervisor.lock")
        self._plane: ControlPlane | None = None
        self._simulator = Child("simulator", self.directory / "log" / "simulator.log")
        self._service = Child("service", self.directory / "log" / "service.log")
        self._service_fell = 0
        self._service_due = 0.0
        self._state = EnvironmentRecord()
        self._binaries: Binaries | None = None

    def up(self) -> EnvironmentRecord:
        """Start everything and return when it is ready; raises `DevError` when another process has the directory."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._acquire():
            raise DevError(f"another process ({self._lock.holder()}) runs an environment in {self.directory}")
        before = EnvironmentRecord.read(self.directory)
        self._state = EnvironmentRecord(
            pid=os.getpid(), phase="Starting", options=self.options,
            apiserver_port=before.apiserver_port, simulator_port=before.simulator_port,
            service_port=before.service_port,
        )  # fmt: skip
        self._state.write(self.directory)
        try:
            self._start()
        except BaseException:
            self.down()
            raise
        return self._state

    def down(self) -> None:
        """Stop everything; data and certificates stay. The lock too, until this process has gone: `stop` waits for that."""
        self._service.stop()
        self._simulator.stop(grace_s=3)
        if self._plane is not None:
            self._plane.stop()
        self._state = replace(self._state, pid=0, phase="Stopped", pids=None)
        self._state.write(self.directory)

    def keep(self, stopping: threading.Event) -> None:
        """Start again what dies, until asked to stop."""
        while not stopping.wait(_LOOK_EVERY_S):
            try:
                self.repair()
            except DevError as error:
                self._progress.say(f"Repair failed, trying again: {error}")

    def repair(self) -> None:
        """Start again what died since."""
        dead = self._plane.repair() if self._plane is not None else []
        if not self._simulator.alive:
            self._run_simulator(self._state.simulator_port)
            dead.append("simulator (what it held is gone)")
        if self.options.run:
            dead += self._repair_service()
        if dead:
            self._progress.say(f"Started again, since it had ended: {', '.join(dead)}")
            self._remember()

    def _start(self) -> None:
        self._binaries = find(self._progress)
        kubeconfig = self._start_cluster(self._binaries)
        self._start_simulator()
        installed = crds.install(self._binaries.kubectl, kubeconfig)
        if not installed:
            self._progress.say(f"No CRDs in {crds.directory()}: none are installed")
        values = envfile.variables(kubeconfig, self._binaries.kubectl, self._state.simulator)
        write_private(self.directory / "env", envfile.render(values).encode())
        if self.options.run:
            self._start_service()
        self._state = replace(
            self._state, phase="Ready", kubeconfig=str(kubeconfig), kubectl=str(self._binaries.kubectl)
        )
        self._remember()

    def _start_cluster(self, binaries: Binaries) -> Path:
        if self.options.kubeconfig:
            kubeconfig = Path(self.options.kubeconfig).absolute()
            crds.server_version(binaries.kubectl, kubeconfig)  # fails here, with kubectl's own words, rather than later
            return kubeconfig
        self._plane = ControlPlane(self.directory, binaries)
        self._plane.start(self._state.apiserver_port)
        self._state = replace(self._state, apiserver_port=self._plane.port)
        return self._plane.kubeconfig

    def _start_simulator(self) -> None:
        wanted = self._state.simulator_port
        port = wanted if wanted and port_is_free(wanted) else free_port()
        for _ in range(_TRIES):
            try:
                self._run_simulator(port)
            except PortTakenError:
                port = free_port()
            else:
                self._state = replace(self._state, simulator_port=port, simulator=f"http://127.0.0.1:{port}")
                return
        raise DevError("the simulator found no free port")

    def _run_simulator(self, port: int) -> None:
        command = [
            sys.executable,
            "-m",
            "reconciler",
            "dev",
            "simulator",
            f"--port={port}",
            f"--speed={self.options.speed:g}",
            *([f"--iam-policy={self.options.iam_policy}"] if self.options.iam_policy else []),
        ]
        # Its own boto3 must never be pointed at an endpoint by our caller's shell.
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RECONCILER_"))}
        self._simulator.start(command, env)
        deadline = time.monotonic() + _SIMULATOR_WITHIN_S
        while time.monotonic() < deadline:
            if answers(f"http://127.0.0.1:{port}/_sim/metrics") and self._simulator.alive:
                return
            if not self._simulator.alive:
                if "address already in use" in self._simulator.said().lower():
                    raise PortTakenError("the simulator lost its port to another process")
                raise DevError(
                    f"the simulator ended; it wrote to {self._simulator.log}:\n{self._simulator.last_words()}"
                )
            time.sleep(_POLL_S)
        self._simulator.stop()
        raise DevError(f"the simulator was not ready within {_SIMULATOR_WITHIN_S:.0f} s; see {self._simulator.log}")

    def _start_service(self) -> None:
        wanted = self._state.service_port
        port = wanted if wanted and port_is_free(wanted) else free_port()
        self._state = replace(self._state, service_port=port, service=f"http://127.0.0.1:{port}")
        self._run_service()
        deadline = time.monotonic() + _SERVICE_WITHIN_S
        while not answers(f"{self._state.service}/readyz"):
            if not self._service.alive or time.monotonic() > deadline:
                raise DevError(
                    f"the service {'was not ready in time' if self._service.alive else 'ended'}; "
                    f"it wrote to {self._service.log}:\n{self._service.last_words()}"
                )
            time.sleep(_POLL_S)

    def _run_service(self) -> None:
        values = envfile.parse((self.directory / "env").read_text())
        # Environments beside one another share neither port nor caches.
        own = {"RECONCILER_PORT": str(self._state.service_port), "RECONCILER_CACHE_DIR": str(self.directory / "cache")}
        self._service.start([sys.executable, "-m", "reconciler", "run"], os.environ | values | own)

    def _repair_service(self) -> list[str]:
        """Start the service again after a pause that doubles with each fall."""
        now = time.monotonic()
        if self._service.alive:
            return []
        if not self._service_due:
            pause = min(2.0**self._service_fell, _LONGEST_PAUSE_S)
            self._service_fell += 1
            self._service_due = now + pause
            self._progress.say(
                f"The service ended with code {self._service.exit_code}; next try in {elapsed(pause)}; "
                f"its log is {self._service.log}:\n{self._service.last_words(5)}"
            )
        if now < self._service_due:
            return []
        self._service_due = 0.0
        self._run_service()
        return ["service"]

    def _remember(self) -> None:
        children = [self._simulator, self._service]
        if self._plane is not None:
            children += [self._plane.apiserver, self._plane.etcd]
        self._state = replace(self._state, pids={child.name: child.pid for child in children if child.pid is not None})
        self._state.write(self.directory)

    def _acquire(self) -> bool:
        for _ in range(_TRIES):  # someone who only looks holds the lock for a moment
            if self._lock.try_acquire():
                return True
            time.sleep(_POLL_S)
        return False


def look(directory: Path) -> EnvironmentStatus:
    """Ask what runs in a directory."""
    directory = directory.resolve()
    state = EnvironmentRecord.read(directory)
    pid = Lock(directory / "supervisor.lock").holder() or 0
    if not pid or not state.kubeconfig:
        return EnvironmentStatus(state, pid, control_plane=False, simulator=False, service=None)
    service = answers(f"{state.service}/readyz") if state.options.run else None
    return EnvironmentStatus(
        state,
        pid,
        control_plane=crds.ready(Path(state.kubectl), Path(state.kubeconfig)),
        simulator=answers(f"{state.simulator}/_sim/metrics"),
        service=service,
    )


def stop(directory: Path) -> bool:
    """End what runs in a directory; False when nothing did."""
    lock = Lock(directory.resolve() / "supervisor.lock")
    pid = lock.holder()
    if not pid:
        return False
    _signal(pid, signal.SIGTERM)
    _signal(pid, signal.SIGCONT)
    if not _wait_until(lambda: lock.holder() != pid, _STOPPED_WITHIN_S):
        _signal(pid, signal.SIGKILL)  # its children are on a leash
        _wait_until(lambda: lock.holder() != pid, _STOPPED_WITHIN_S)
    return True


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def _wait_until(holds: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
