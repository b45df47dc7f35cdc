"""The service, forked from a process that has imported it: Python's imports are more than half of what a start costs.

One such process per test process, `multiprocessing`'s own fork server, which has no thread and has run nothing of ours. What
is forked is a process like any other, with its own environment, log, signals and exit code; only its command line is not the
service's. When the test process is gone, in whatever way, the fork server reads the end of its pipe and goes, and the kernel
kills what it forked.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import multiprocessing.forkserver as server
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from io import FileIO
from typing import Any

from reconciler.cli import main
from reconciler.dev.leash import PR_SET_PDEATHSIG

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__, "reconciler.cli_run", "reconciler.app.service"])


class Forked:
    """As much of `subprocess.Popen` as `Child` uses; `command` are the arguments of `reconciler`."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], stdout: FileIO, **_: Any) -> None:
        self._process = _context.Process(target=_serve, args=(tuple(command), dict(env), str(stdout.name)))
        self._process.start()
        assert self._process.pid
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("reconciler", timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


def _serve(arguments: Sequence[str], env: Mapping[str, str], log: str) -> None:
    os.close(server._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined] # holding it would keep the server alive
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    test = multiprocessing.parent_process()
    if test is None or not test.is_alive():  # it went before the kernel knew of our wish
        return
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(env)
    out = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    main(arguments, prog_name="reconciler")
