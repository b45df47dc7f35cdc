"""The demo is the newcomer's first command: it ends well, and what it prints is what happened."""

import os
import subprocess
import sys

import pytest

from reconciler.dev.demo.story import STORY


@pytest.mark.holds("D-21.4")
@pytest.mark.endurance
def test_every_step_of_the_demo_is_seen() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "reconciler", "demo", "--speed=300"],
        capture_output=True, text=True, timeout=280, check=False, env=os.environ | {"NO_COLOR": "1"},
    )  # fmt: skip
    assert ended.returncode == 0, f"{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
    for title, _ in STORY:
        assert title in ended.stdout
    assert f"All {len(STORY)} steps were seen" in ended.stdout
    for shown in (
        "canary on 1 of 4 instances, baking until",
        '"event":"RolloutRolledBack"',
        "Stalled=True RevisionQuarantined",
    ):
        assert shown in ended.stdout, "kubectl and git tell of the rollback"
    assert "\x1b[" not in ended.stdout, "colours are for terminals"
