"""The harness's process: it starts, pauses, dies and speaks, whatever command of ours runs in it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.dev.kit import lives
from tests.support.service import ServiceProcess, free_port, running
from tests.support.waiting import eventually

SORTS = pytest.mark.parametrize("forked", [False, True], ids=["python -m reconciler", "forked"])


@SORTS
def test_a_process_is_killed_paused_and_restarted(tmp_path: Path, forked: bool) -> None:
    port = free_port()
    command = ("dev", "simulator", f"--port={port}")
    with running(
        ServiceProcess(tmp_path / "log", {}, command=command, forked=forked), f"http://127.0.0.1:{port}/_sim/metrics"
    ) as process:
        first = process.pid
        process.pause()
        eventually(lambda: "T" in Path(f"/proc/{first}/stat").read_text().split()[2], message="it is stopped")
        process.resume()
        process.kill()
        assert (process.alive, process.exit_code) == (False, -9)
        process.restart()
        assert process.pid != first
        eventually(lambda: str(port) in process.log(), message="the restarted process spoke")
    assert not process.alive


@SORTS
def test_a_process_that_ends_early_fails_with_its_last_words(tmp_path: Path, forked: bool) -> None:
    process = ServiceProcess(tmp_path / "log", {}, "--nonsense", command=("dev",), forked=forked).start()
    with pytest.raises(AssertionError, match="No such option"):
        process.wait_ready("http://127.0.0.1:1/")
    assert process.exit_code == 2


TEST = """
import sys, time
from pathlib import Path
from tests.integration.dev.kit import lives
from tests.support.service import ServiceProcess

if __name__ == "__main__":
    child = ServiceProcess(Path(sys.argv[1]), {}, "--port=0", command=("dev", "simulator"), forked=True).start()
    while "ready" not in child.log():
        time.sleep(0.1)
    child.pause()
    print(child.pid, flush=True)
    time.sleep(600)
"""


def test_a_forked_process_leaves_with_a_killed_test_process_even_if_it_is_paused(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", TEST, tmp_path / "log"], stdout=subprocess.PIPE, text=True) as test:
        assert test.stdout
        try:
            forked = int(test.stdout.readline())
            eventually(lambda: "T" in Path(f"/proc/{forked}/stat").read_text().split()[2], message="it is stopped")
        finally:
            os.kill(test.pid, signal.SIGKILL)
    eventually(lambda: not lives(forked), message="it is gone")
