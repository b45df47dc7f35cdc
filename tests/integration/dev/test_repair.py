"""What happens to an environment whose processes are killed."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.dev.kit import dev, gone, processes_naming, status
from tests.support.waiting import eventually


def repaired(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether all three that were killed run again, and etcd runs on."""
    if not after["ready"]:
        return False
    kept = {name for name, pid in after["pids"].items() if before["pids"][name] == pid}
    return kept == {"etcd"} and set(after["pids"]) == set(before["pids"])


@pytest.mark.holds("D-21.3")
@pytest.mark.endurance
def test_what_dies_comes_back_and_a_killed_owner_takes_all_with_it(directory: Path) -> None:
    up = dev("up", "--detach", "--run", "--dir", str(directory))
    assert up.returncode == 0, up.stderr
    before = status(directory)
    assert set(before["pids"]) == {"etcd", "kube-apiserver", "simulator", "service"}

    os.kill(before["pids"]["kube-apiserver"], signal.SIGKILL)
    os.kill(before["pids"]["simulator"], signal.SIGKILL)
    os.kill(before["pids"]["service"], signal.SIGKILL)
    eventually(lambda: repaired(before, status(directory)), 120, "it is repaired")
    after = status(directory)
    assert after["simulator"]["url"] == before["simulator"]["url"]

    os.kill(after["pid"], signal.SIGKILL)
    all_gone = lambda: gone(after["pids"]) and not processes_naming(directory)  # noqa: E731
    eventually(all_gone, message="the children die with their owner")
    assert not status(directory)["running"]

    up = dev("up", "--detach", "--dir", str(directory))
    assert up.returncode == 0, up.stderr
    assert status(directory)["ready"]
