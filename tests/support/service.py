"""The service as users run it: a process with an environment and a log, which can be killed, stopped and looked at."""

import contextlib
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from reconciler.dev import envfile
from reconciler.dev.children import Child, free_port, spawn
from tests.support.forked import Forked
from tests.support.waiting import eventually

_READY_WITHIN_S = 90


class ServiceProcess:
    """`python -m reconciler run`, or another command of ours. Leaves with the test process in any case.

    `forked` is the same for half the CPU (see `forked.py`), for tests that are not about the command line or the start.
    """

    def __init__(
        self,
        log: Path,
        env: Mapping[str, str],
        *arguments: str,
        command: Sequence[str] = ("run",),
        forked: bool = False,
    ) -> None:
        self._child = Child("service", log, Forked if forked else spawn)
        self._command = [*(() if forked else (sys.executable, "-m", "reconciler")), *command, *arguments]
        # Settings of the developer's shell must not steer a test.
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "RECONCILER_", "KUBECONFIG"))}
        self._env = {**inherited, "PYTHONUNBUFFERED": "1", **env}
        self.log_path = log

    def start(self) -> "ServiceProcess":
        self._child.start(self._command, self._env)
        return self

    def stop(self, grace_s: float = 15) -> int:
        """SIGTERM and the exit code; a process that does not go is killed (-9)."""
        self._child.stop(grace_s)
        return self._child.exit_code or 0

    def kill(self) -> None:
        """SIGKILL: the crash."""
        self._child.kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: the process that does not know it lost its lease."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @property
    def pid(self) -> int:
        assert self._child.pid is not None, f"the service has ended:\n{self._child.last_words(40)}"
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.alive

    @property
    def exit_code(self) -> int | None:
        return self._child.exit_code

    def log(self) -> str:
        """What it wrote since its last start."""
        return self._child.said()

    def wait_ready(self, url: str, timeout: float = _READY_WITHIN_S) -> None:
        """Wait until a probe's URL answers 200; a process that ended meanwhile fails at once, with its last words."""

        def ready() -> bool:
            if not self.alive:  # no AssertionError: that would mean "not yet"
                raise RuntimeError(f"the service ended with code {self.exit_code}")
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
            return False

        try:
            eventually(ready, timeout, f"{url} answers 200")
        except (AssertionError, RuntimeError) as error:
            raise AssertionError(f"{error}\n{self._child.last_words(40)}") from None


def environment(kubeconfig: Path, kubectl: Path, simulator_url: str, **more: str) -> dict[str, str]:
    """What `dev up` writes into its env file, for a cluster and a simulator of the test's own."""
    return envfile.variables(kubeconfig, kubectl, simulator_url) | more


@contextlib.contextmanager
def running(service: ServiceProcess, ready_url: str | None = None) -> Iterator[ServiceProcess]:
    service.start()
    try:
        if ready_url:
            service.wait_ready(ready_url)
        yield service
    finally:
        service.stop(grace_s=5)


__all__ = ["ServiceProcess", "environment", "free_port", "running"]
