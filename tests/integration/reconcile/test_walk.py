"""Nothing is done to SageMaker that history or notes do not tell, whatever happens in whatever order: see `ledger.py`.

A walk that fails is walked again by its seed, from a Python prompt or with another number in the table.
"""

from __future__ import annotations

import pytest

from tests.support.lab import Lab
from tests.support.ledger import Ledger
from tests.support.walk import walked


@pytest.mark.parametrize(
    ("seed", "pushes", "losses"),
    [
        pytest.param(6, 300, False, id="a long walk", marks=pytest.mark.endurance),
        pytest.param(1, 40, True, id="status is lost"),
    ],
)
def test_every_call_is_told_and_everything_told_was_called(lab: Lab, seed: int, pushes: int, losses: bool) -> None:
    ledger = Ledger(walked(lab, seed, pushes, losses=losses))
    assert ledger.wrong() == [], f"seed {seed}"
    told = {line["event"] for line in lab.around.noted.values()}
    assert told >= {"RolloutSucceeded", "RolloutRolledBack", "RolloutFailed", "JobStarted"}, (
        "it met nothing worth a book"
    )
