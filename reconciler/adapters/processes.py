"""Children of the service: bounded in time and output, in a process group that dies as a whole, with a chosen environment.

Serves the adapters that start programs (git, kustomize); knows neither. Nothing here goes through a shell.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.git.source import SourceError

_LOOK_INTERVAL_S = 0.2
_LATE = "the command did not finish in time"


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended by itself."""

    code: int
    stdout: bytes
    stderr: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a command is stopped. `too_large` is asked several times a second, so a download ends soon after its bound."""

    timeout_s: float
    output_bytes: int = 16 * 1024 * 1024
    too_large: Callable[[], bool] = lambda: False

    def check_size(self) -> None:
        if self.too_large():
            raise SourceError("RepositoryTooLarge", "the repository is larger than allowed")


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
    bounds: Bounds,
    *,
    consume: Callable[[bytes], bool] | None = None,
    inherited: Sequence[int] = (),
) -> Finished:
    """Run a program in a process group of its own; a crossed bound kills the whole group and raises SourceError.

    `consume` takes the output piece by piece instead of `Finished.stdout` and ends the command by answering False.
    """
    deadline = time.monotonic() + bounds.timeout_s
    try:
        child = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
            pass_fds=tuple(inherited),
        )
    except OSError as error:
        raise SourceError(
            "GitOperationFailed", f"{Path(arguments[0]).name} cannot be started: {error.strerror}"
        ) from None
    output = _Output(child, consume)
    try:
        output.collect(deadline, bounds)
        code = child.wait(max(0.1, deadline - time.monotonic())) if output.ended else 0
        bounds.check_size()
    except subprocess.TimeoutExpired:
        raise SourceError("TimedOut", _LATE) from None
    finally:
        _end(child)
    return Finished(code, bytes(output.stdout), output.stderr.decode("utf-8", "replace"))


class _Output:
    """Reads both pipes of a child with one thread, so that neither can block it nor outgrow its bound."""

    def __init__(self, child: subprocess.Popen[bytes], consume: Callable[[bytes], bool] | None) -> None:
        assert child.stdout is not None  # noqa: S101 (both are pipes)
        assert child.stderr is not None  # noqa: S101
        self._files = (child.stdout, child.stderr)
        self._consume = consume
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.ended = True

    def collect(self, deadline: float, bounds: Bounds) -> None:
        looked = time.monotonic()
        with selectors.DefaultSelector() as selector:
            for file in self._files:
                selector.register(file, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select(_LOOK_INTERVAL_S):
                    piece = os.read(key.fd, 65536)
                    if not piece:
                        selector.unregister(key.fileobj)
                    elif not self._take(key.fileobj is self._files[0], piece):
                        self.ended = False
                        return
                now = time.monotonic()
                if now > deadline:
                    raise SourceError("TimedOut", _LATE)
                if len(self.stdout) + len(self.stderr) > bounds.output_bytes:
                    raise SourceError(
                        "RepositoryTooLarge", f"the command answered with more than {bounds.output_bytes} bytes"
                    )
                if now - looked > _LOOK_INTERVAL_S:
                    looked = now
                    bounds.check_size()

    def _take(self, is_stdout: bool, piece: bytes) -> bool:
        if is_stdout and self._consume is not None:
            return self._consume(piece)
        (self.stdout if is_stdout else self.stderr).extend(piece)
        return True


def _end(child: subprocess.Popen[bytes]) -> None:
    """Leave nobody of the group behind: ssh and the http helper outlive a killed git otherwise.

    A child that was waited for is gone with its helpers, and its id may be another's by now.
    """
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()
