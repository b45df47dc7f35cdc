"""When a request that was refused is sent again, and what a person is told (D-10.4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core.aws.evidence import TABLE
from reconciler.core.errors import PreconditionError, ReconcileError, TerminalError, UnknownRefusalError
from reconciler.core.kind import Pass
from reconciler.core.refusals import due_in, refused
from reconciler.kinds import training_job
from tests.support import passes
from tests.support.passes import NOW

UNKNOWN = UnknownRefusalError("ValidationException: who knows")


def test_what_nobody_knows_is_sent_again_ever_more_slowly_up_to_an_hour() -> None:
    this, delays = a_pass(), []
    for _ in range(11):
        known = refused(this, UNKNOWN, "call")
        assert known is not None
        delays.append(due_in(known, this.now).total_seconds())
        this = replace(this, past={"refused": known.record()}, now=this.now + due_in(known, this.now))
    assert delays == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_the_message_says_when_and_how_it_is_sent_again() -> None:
    known = refused(a_pass(), UNKNOWN, "call")
    assert known is not None
    assert known.message == (
        "ValidationException: who knows; what is meant by it is not known: tried 1 times, again at 2026-03-01T12:00:15Z, "
        "or now by: kubectl sagemaker retry trainingjob/churn"
    )


@pytest.mark.parametrize(
    ("call", "generation", "attempts"),
    [
        pytest.param("call", 1, 3, id="the same again counts on"),
        pytest.param("another", 1, 1, id="another request begins anew"),
        pytest.param("call", 2, 1, id="another spec begins anew"),
    ],
)
def test_what_counts_as_the_same_refusal(call: str, generation: int, attempts: int) -> None:
    before = {"call": "call", "generation": 1, "attempts": 2, "retryAt": "2026-03-01T11:59:00Z"}
    known = refused(a_pass(generation, refused=before), UNKNOWN, call)
    assert known is not None
    assert known.attempts == attempts


def test_a_look_that_something_else_woke_early_counts_for_nothing() -> None:
    before = {"generation": 1, "attempts": 2, "retryAt": "2026-03-01T12:01:00Z", "message": "as before"}
    known = refused(a_pass(refused=before), UNKNOWN)
    assert known is not None
    assert (known.attempts, due_in(known, NOW), known.message) == (2, timedelta(minutes=1), "as before")


def test_a_refusal_for_good_names_its_way_out() -> None:
    known = refused(a_pass(), TerminalError("no"), "call")
    assert known is not None
    assert (known.message, known.retry_at) == (
        "no; to send it again as it is: kubectl sagemaker retry trainingjob/churn",
        "",
    )


@pytest.mark.parametrize("error", [PreconditionError("role"), ReconcileError("any")])
def test_what_passes_is_no_refusal(error: ReconcileError) -> None:
    assert refused(a_pass(), error, "call") is None


def test_each_row_of_the_table_is_met_before_a_wider_one() -> None:
    """A row whose codes, text and operations an earlier one has as well would never be asked."""
    said = [(row.codes, row.text, row.of) for row in TABLE]
    assert len(set(said)) == len(said)
    assert all(row.codes or row.text for row in TABLE)


def a_pass(generation: int = 1, **past: object) -> Pass:
    manifest = {"kind": "TrainingJob", "metadata": {"name": "churn", "generation": generation}, "spec": {}}
    return passes.a_pass(training_job.KIND, manifest, past)
