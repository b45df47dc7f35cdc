"""The demo without a stage: what a step that is not seen comes to, and tables that grow."""

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from reconciler.dev import rights
from reconciler.dev.demo import command
from reconciler.dev.demo.stage import NotSeenError, Stage
from reconciler.dev.demo.table import DemoTable

HEAD = "NAME    STATUS     AGE"


def test_the_demo_runs_under_the_shipped_policy(tmp_path: Path) -> None:
    assert Stage(tmp_path, 60)._environment.options.iam_policy == str(rights.shipped())


@pytest.mark.holds("D-21.4")
def test_a_step_that_is_not_seen_ends_the_demo_with_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    played: list[str] = []

    def fails(_: Stage) -> None:
        raise NotSeenError("the endpoint is in service was not seen within 60 s")

    story = (
        ("First", lambda _: played.append("first")),
        ("Second", fails),
        ("Third", lambda _: played.append("third")),
    )
    monkeypatch.setattr(command, "STORY", story)
    stage = Stage(tmp_path, 60)

    @click.command()
    def play() -> None:
        command._play(stage)

    ended = CliRunner().invoke(play)
    assert ended.exit_code == 1
    assert played == ["first"]
    assert "Step 2 was not seen: the endpoint is in service was not seen within 60 s" in ended.output
    assert "steps were seen" not in ended.output


@pytest.mark.parametrize(
    ("printed", "news"),
    [
        pytest.param([HEAD, "churn   Creating   9s"], [], id="ages are no change"),
        pytest.param([], [], id="nor is that it is gone"),
        pytest.param(
            ["NAME    STATUS      AGE", "churn   InService   9s"],
            ["churn   InService  9s"],
            id="a changed row stands below the head",
        ),
        pytest.param(
            ["NAME    STATUS        AGE", "churn   RollingBack   9s"],
            ["NAME    STATUS        AGE", "churn   RollingBack   9s"],
            id="a cell that needs room brings its own head",
        ),
        pytest.param(
            ["NAME    STATUS   AGE", "churn            9s"], ["churn              9s"], id="an empty cell stays empty"
        ),
    ],
)
def test_a_growing_table(printed: list[Any], news: list[str]) -> None:
    table = DemoTable()
    first = [HEAD, "churn   Creating   1s"]
    assert table.changed(first) == first
    assert table.changed(printed) == news
