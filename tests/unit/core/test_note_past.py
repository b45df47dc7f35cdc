"""Which lines of notes tell that a job ran: ours, whole, of this cluster; the first one counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.core.note import About, job_started, render
from reconciler.core.note_past import NEEDLE, Started, started
from reconciler.core.resource import Key

KEY = Key("TrainingJob", "ml", "train")
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINE = render(job_started(About("prod", *KEY), AT, job="train-abc", content="abc", arn="arn:job", token="again"))
TOLD = Started("train-abc", "2026-03-01T12:00:00Z", "arn:job", "again")


def changed(**members: Any) -> str:
    return json.dumps(json.loads(LINE) | members)


def test_a_rendered_line_is_found_and_read() -> None:
    assert NEEDLE in LINE
    assert started([LINE], "prod") == {KEY: {"abc": TOLD}}


def test_the_first_line_of_a_content_counts() -> None:
    later = changed(at="2026-03-02T12:00:00Z", job="other")
    assert started([LINE, later, changed(content="xyz")], "prod")[KEY].keys() == {"abc", "xyz"}
    assert started([LINE, later], "prod")[KEY]["abc"] == TOLD


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(changed(cluster="staging"), id="of another cluster"),
        pytest.param(changed(event="JobFinished"), id="of another event"),
        pytest.param(changed(content=None), id="without content"),
        pytest.param(changed(job=""), id="without a name"),
        pytest.param(changed(at="yesterday"), id="without a time"),
        pytest.param(LINE[:-5], id="cut off"),
        pytest.param(f"somebody wrote {NEEDLE} here", id="a person's words"),
    ],
)
def test_others_are_passed_over(line: str) -> None:
    assert started([line], "prod") == {}
