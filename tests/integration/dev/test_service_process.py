"""The harness's process: it starts, pauses, dies and speaks, whatever command of ours runs in it."""

from pathlib import Path

import pytest

from tests.support.service import ServiceProcess, free_port, running
from tests.support.waiting import eventually


def test_a_process_is_killed_paused_and_restarted(tmp_path: Path) -> None:
    port = free_port()
    command = ("dev", "simulator", f"--port={port}")
    with running(
        ServiceProcess(tmp_path / "log", {}, command=command), f"http://127.0.0.1:{port}/_sim/metrics"
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


def test_a_process_that_ends_early_fails_with_its_last_words(tmp_path: Path) -> None:
    process = ServiceProcess(tmp_path / "log", {}, "--nonsense", command=("dev",)).start()
    with pytest.raises(AssertionError, match="No such option"):
        process.wait_ready("http://127.0.0.1:1/")
