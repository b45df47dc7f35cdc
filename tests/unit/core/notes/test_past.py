"""Which lines of notes tell that a job ran: ours, whole, of this cluster; the first one counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.core.notes.note import About, Rollout, job_started, render, rollout_ended, rollout_started
from reconciler.core.notes.past import NEEDLES, Started, of_cluster, rollouts, started
from reconciler.core.resource import Key

KEY = Key("TrainingJob", "ml", "train")
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINE = render(job_started(About("prod", *KEY), AT, job="train-abc", content="abc", arn="arn:job", token="again"))
TOLD = Started("train-abc", "2026-03-01T12:00:00Z", "arn:job", "again")


def changed(**members: Any) -> str:
    return json.dumps(json.loads(LINE) | members)


def test_a_rendered_line_is_found_and_read() -> None:
    assert NEEDLES[0] in LINE
    assert started(of_cluster([LINE], "prod")) == {KEY: {"abc": TOLD}}


def test_the_first_line_of_a_content_counts() -> None:
    later = changed(at="2026-03-02T12:00:00Z", job="other")
    assert started(of_cluster([LINE, later, changed(content="xyz")], "prod"))[KEY].keys() == {"abc", "xyz"}
    assert started(of_cluster([LINE, later], "prod"))[KEY]["abc"] == TOLD


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(changed(cluster="staging"), id="of another cluster"),
        pytest.param(changed(event="JobFinished"), id="of another event"),
        pytest.param(changed(content=None), id="without content"),
        pytest.param(changed(job=""), id="without a name"),
        pytest.param(changed(at="yesterday"), id="without a time"),
        pytest.param(LINE[:-5], id="cut off"),
        pytest.param(f"somebody wrote {NEEDLES[0]} here", id="a person's words"),
    ],
)
def test_others_are_passed_over(line: str) -> None:
    assert started(of_cluster([line], "prod")) == {}


SERVED = Key("HostingDeployment", "ml", "churn")


def ended(number: int, result: str = "Succeeded", hours: int = 0, content: str = "abc") -> str:
    rollout = Rollout(number, content, f"churn-{content}", "git")
    return render(rollout_ended(About("prod", *SERVED), AT + timedelta(hours=hours), rollout, result, duration_s=60))


def test_rollouts_that_ended_are_history_newest_first() -> None:
    begun = render(rollout_started(About("prod", *SERVED), AT, Rollout(3, "xyz", "churn-xyz", "git")))
    lines = [ended(1), ended(2, "RolledBack", 1), begun]
    assert all(NEEDLES[1] in line for line in lines)
    newest, oldest = rollouts(of_cluster([*lines, LINE, "words", lines[0][:-5]], "prod"))[SERVED]
    assert (newest["id"], newest["result"], newest["endpointConfigName"]) == (2, "RolledBack", "churn-abc")
    assert (oldest["startedAt"], oldest["finishedAt"]) == ("2026-03-01T11:59:00Z", "2026-03-01T12:00:00Z")
    assert rollouts(of_cluster(lines, "another")) == {}


def test_of_a_number_that_was_given_twice_the_later_counts() -> None:
    (entry,) = rollouts(of_cluster([ended(1, hours=5, content="new"), ended(1)], "prod"))[SERVED]
    assert entry["hash"] == "new"
