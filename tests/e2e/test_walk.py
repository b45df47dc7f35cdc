"""A brief random walk from outside over real processes (`make walk` walks longer): nothing is found, and it met something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.walk.walk import walked

_SEED = 14


@pytest.mark.endurance
@pytest.mark.timeout(900)
def test_a_random_walk_over_real_processes_leaves_nothing_that_does_not_add_up(tmp_path: Path) -> None:
    report = walked(tmp_path, _SEED, minutes=1, pace=0.3)
    assert report.findings == (), report.text()
    assert report.figures["with effect"] > 40
    assert report.figures["lines of notes"] > 20
