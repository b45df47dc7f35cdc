"""`make conformance`: it holds on the simulator, says what differs, leaves nothing behind, and its transcripts can be judged again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reconciler.dev.cli import dev
from reconciler.dev.conformance import runner
from reconciler.dev.conformance.account import Account, AccountPlace, Answer, NotAsBelievedError
from reconciler.dev.conformance.check import CHECKS
from reconciler.dev.conformance.command import MOST_USD, _image
from reconciler.dev.conformance.places import SimulatorPlace, TranscriptPlace
from reconciler.dev.conformance.recording import read
from reconciler.dev.envfile import REGION
from tests.support import beliefs
from tests.support.evidence import FACTS
from tests.support.simulator_control import SimControl

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
TRANSCRIPTS = Path(__file__).parents[2] / "data" / "conformance"


def account(place: AccountPlace) -> Account:
    return Account(place, "123456789012", REGION, ROLE, "bucket", _image(REGION), "conf-12345678")


@pytest.fixture
def place(simulator: SimControl) -> SimulatorPlace:
    simulator.client("s3").create_bucket(Bucket="bucket")
    return SimulatorPlace(simulator.url, REGION)


def left(simulator: SimControl) -> list[str]:
    """What is still there once all that was asked for has been carried out."""
    simulator.advance(3600)
    objects = simulator.client("s3").list_objects_v2(Bucket="bucket").get("Contents", [])
    return [row["kind"] for row in simulator.state()["resources"]] + [row["Key"] for row in objects]


def silent(_line: str) -> None:
    pass


def test_every_row_holds_on_the_simulator_and_nothing_is_left_and_the_transcripts_say_the_same_again(
    simulator: SimControl, place: SimulatorPlace, tmp_path: Path
) -> None:
    outcomes = runner.run(account(place), CHECKS, tmp_path, silent)
    assert {outcome.check.name: outcome.differs for outcome in outcomes if outcome.differs} == {}
    assert left(simulator) == ["TransformJob"], "which has no Delete"
    assert json.loads((tmp_path / "left-behind.json").read_text()) == []
    judged = {file.stem: judge(file) for file in tmp_path.glob("*.*.json")}
    assert (len(judged), set(judged.values())) == (len(CHECKS), {"holds"})


def judge(file: Path) -> str:
    """What a check finds in a transcript."""
    told = read(file)
    (check,) = (each for each in CHECKS if each.name == told["check"])
    try:
        check.act(Account(TranscriptPlace(told["calls"]), **told["account"], kept=told["kept"]))
    except Exception as problem:  # noqa: BLE001 -- as a run does
        return f"{type(problem).__name__}: {problem}"
    return "holds"


@pytest.mark.parametrize(
    "file", sorted(TRANSCRIPTS.rglob("*.*.json")), ids=lambda file: f"{file.parent.name}/{file.stem}"
)
def test_what_an_account_answered_is_judged_as_it_was(file: Path) -> None:
    assert judge(file) == read(file)["result"]


def test_a_transcript_that_was_changed_is_not_believed(place: SimulatorPlace, tmp_path: Path) -> None:
    runner.run(account(place), runner.chosen(["SM-75"]), tmp_path, silent)
    (file,) = tmp_path.glob("missing.*.json")
    told = read(file)
    told["calls"][0]["error"]["message"] = "There is no such job."
    file.write_text(json.dumps(told))
    assert "is not in 'There is no such job.'" in judge(file)


def test_what_differs_is_said_and_the_other_checks_go_on(
    simulator: SimControl, place: SimulatorPlace, tmp_path: Path
) -> None:
    message = {"type": "error", "code": "ValidationException", "message": "Nothing here."}
    simulator.rules({"match": {"op": "DescribeTrainingJob"}, "action": message})
    said: list[str] = []
    outcomes = runner.run(account(place), runner.chosen(["missing"]), tmp_path, said.append)
    assert [outcome.check.name for outcome in outcomes if outcome.differs] == [
        "missing.what_is_described_and_not_there"
    ]
    assert len(outcomes) == len(runner.chosen(["missing"]))
    assert any("'Requested resource not found.' is not in 'Nothing here.'" in line for line in said)


class Interrupted:
    """Another place, where a person presses Ctrl-C right after one of the calls."""

    def __init__(self, place: SimulatorPlace, after: Callable[[str, Mapping[str, Any]], bool]) -> None:
        self._place, self._after = place, after

    def send(self, service: str, operation: str, params: Mapping[str, Any]) -> Answer:
        answer = self._place.send(service, operation, params)
        if self._after(operation, params):
            raise KeyboardInterrupt
        return answer

    def pause(self, seconds: float) -> None:
        self._place.pause(seconds)

    def missing(self, *globs: str) -> None:
        self._place.missing(*globs)


@pytest.mark.parametrize(
    ("rows", "after"),
    [
        ("jobs", "CreateTrainingJob"),
        ("jobs", "CreateHyperParameterTuningJob"),
        ("jobs", "CreateTransformJob"),
        ("jobs", "CreateProcessingJob"),
        ("rollouts", "CreateEndpoint"),
        ("rollouts", "UpdateEndpoint"),
        ("scaling", "RegisterScalableTarget"),
        ("scaling", "PutScalingPolicy"),
    ],
)
def test_nothing_that_costs_is_left_after_ctrl_c(
    simulator: SimControl, place: SimulatorPlace, tmp_path: Path, rows: str, after: str
) -> None:
    interrupted = account(Interrupted(place, lambda operation, _params: operation == after))
    with pytest.raises(KeyboardInterrupt):
        runner.run(interrupted, runner.chosen([rows]), tmp_path, silent)
    assert left(simulator) == (["TransformJob"] if after == "CreateTransformJob" else [])
    scaling = simulator.client("application-autoscaling")
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []


def test_what_a_lost_reply_made_is_taken_away_too(simulator: SimControl, place: SimulatorPlace, tmp_path: Path) -> None:
    simulator.rules({"match": {"op": "CreateModel"}, "action": {"type": "drop_after"}})
    outcomes = runner.run(account(place), runner.chosen(["SM-4"]), tmp_path, silent)
    assert all(outcome.differs for outcome in outcomes)
    assert left(simulator) == []


@pytest.mark.parametrize(
    ("answer", "code", "made"), [("n\n", 1, False), ("y\n", 0, True)], ids=["declined", "confirmed"]
)
def test_an_account_is_told_of_beforehand_and_asked_about(
    simulator: SimControl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str, code: int, *, made: bool
) -> None:
    simulator.client("s3").create_bucket(Bucket="bucket")
    for name, value in (("ENDPOINT_URL", simulator.url), ("ACCESS_KEY_ID", "console"), ("SECRET_ACCESS_KEY", "-")):
        monkeypatch.setenv(f"AWS_{name}", value)
    arguments = ["conformance", "--region", REGION, "--role", ROLE, "--bucket", "bucket", "--only", "SM-17"]
    ended = CliRunner().invoke(dev, [*arguments, "--only", "SM-94", "--record", str(tmp_path)], input=answer)
    assert ended.exit_code == code, ended.output
    assert "in account 123456789012, region us-east-1" in ended.output
    assert "immutable.tags: a model" in ended.output
    assert "It costs at most 0.00 USD" in ended.output
    assert ("CreateModel" in simulator.counts()) == made


def test_a_run_costs_less_than_five_dollars_at_most() -> None:
    assert 0 < runner.cost_usd(CHECKS) < MOST_USD
    assert all(each.cost_usd for each in CHECKS if "ml." in " ".join(each.makes) and each.family == "jobs")


def test_a_row_that_no_check_has_is_an_error() -> None:
    with pytest.raises(ValueError, match="no check has SM-none"):
        runner.chosen(["SM-none"])


def test_every_row_of_the_facts_has_a_check_or_a_reason_why_not() -> None:
    assert list(beliefs.problems(beliefs.rows(FACTS.read_text(encoding="utf-8")))) == []


def test_a_call_that_the_transcript_does_not_have_is_not_answered() -> None:
    with pytest.raises(NotAsBelievedError, match="the transcript has no ListModels here"):
        TranscriptPlace([]).send("sagemaker", "ListModels", {})
