"""Child processes: started on a leash, stopped in order, their last words at hand.

Knows processes and log files. Refuses to know what runs in them. Called by `control_plane`, `environment` and `builds`.
"""

import contextlib
import functools
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Protocol, Self

from reconciler.dev.errors import DevError

_LEASH = Path(__file__).with_name("leash.py")
_SILENCE_S = 0.2


@functools.cache
def _spawner(_pid: int) -> ThreadPoolExecutor:
    """The one thread that starts children.

    The kernel ties a leash to the thread that forked, not to the process: a child that a short-lived thread starts would
    die with that thread. Keyed by process, since a forked copy of this process has no such thread.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


def spawn(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """`subprocess.Popen`, but the child is killed when this process ends in any way."""
    leashed = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *command]
    # A group of its own keeps the terminal's Ctrl-C to us: we decide the order in which children stop.
    return _spawner(os.getpid()).submit(_popen, leashed, options).result()


def _popen(command: Sequence[str], options: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, process_group=0, **options)


class Process(Protocol):
    """What a `Child` asks of a process: a part of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: signal.Signals, /) -> None: ...


class Child:
    """One long-running process with a log file, which may be started again after it ended."""

    def __init__(self, name: str, log: Path, spawn: Callable[..., Process] = spawn) -> None:
        self.name = name
        self.log = log
        self._spawn = spawn
        self._process: Process | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.alive else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def start(self, command: Sequence[str], env: Mapping[str, str], cwd: Path | None = None) -> None:
        if self.alive:
            raise DevError(f"{self.name} runs already (process {self.pid})")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = self._spawn(
                command, env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=cwd
            )

    def stop(self, grace_s: float = 10) -> None:
        """End the child, at first politely; return when it is gone. One that is gone already is fine."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # a stopped process would not hear the first
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def said(self) -> str:
        """What it has written since its last start."""
        with contextlib.suppress(FileNotFoundError), self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")
        return ""

    def last_words(self, lines: int = 12) -> str:
        return "\n".join(f"  | {line[:300]}" for line in self.said().splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def free_port() -> int:
    """A port of the loopback address that nobody listens on now; somebody else may still be faster."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Running:
    """A command under way, whose stderr is read line by line; leaving the block ends it."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path | None) -> None:
        self._command, self._env, self._cwd = command, env, cwd
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        self._process = spawn(
            self._command,
            env=dict(self._env),
            cwd=self._cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait()
        self._errors.close()

    def lines(self) -> Iterator[str]:
        """What it writes to stderr until it ends; an empty line whenever it has been silent for a moment."""
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._errors, selectors.EVENT_READ)
            while True:
                if not selector.select(_SILENCE_S):
                    yield ""
                    continue
                read = os.read(self._errors.fileno(), 65536)
                *whole, pending = (pending + read).split(b"\n")
                yield from (line.decode(errors="replace") for line in whole)
                if not read:
                    return

    @property
    def exit_code(self) -> int:
        return self._process.wait()

    @property
    def _errors(self) -> IO[bytes]:
        if self._process.stderr is None:
            raise DevError("the command was started without a pipe")
        return self._process.stderr
