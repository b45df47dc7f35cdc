"""How lines join a note: each once, nothing lost without saying so."""

from __future__ import annotations

import json
import random

import pytest

from reconciler.core.notes.text import MOST_AT_ONCE, NOTE_BYTES, merge, parse, parse_line


def line(number: int, event: str = "RolloutStarted", **more: object) -> str:
    at = f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
    return json.dumps({"v": 1, "id": f"id-{number}", "at": at, "event": event, **more}, separators=(",", ":"))


def ids(text: str) -> list[str]:
    return [record.id for record in parse(text)]


A, B, C = line(1), line(2), line(3)
B_LATER = line(2, at_second_sight="x").replace("2026", "2027")


@pytest.mark.parametrize(
    ("existing", "new", "expected"),
    [
        pytest.param("", [A], [A], id="the first line"),
        pytest.param(A, [A], [A], id="a line that is there is not added"),
        pytest.param(B, [A], [A, B], id="lines are in order of time"),
        pytest.param(B, [B_LATER], [B], id="of one event told twice the first telling stays"),
        pytest.param(f"{A}\n{B}\n{A}\n", [], [A, B], id="what a merge by hand doubled is one again"),
        pytest.param("seen by ops\n\nsee TICKET-1", [A], ["seen by ops", "", "see TICKET-1", A], id="a person's words stay"),
        pytest.param(f"{A}\nseen by ops\n", [B], ["seen by ops", A, B], id="words stand above"),
        pytest.param('{"half', [A], ['{"half', A], id="a broken line is somebody's words"),
        pytest.param("[" * 100_000, [A], ["[" * 100_000, A], id="nesting is no way to stop us"),
        pytest.param('{"a":' * 100_000, [A], ['{"a":' * 100_000, A], id="nor nested objects"),
        pytest.param('{"id":1,"at":"x","event":"y"}', [A], ['{"id":1,"at":"x","event":"y"}', A], id="nor wrong types"),
        pytest.param(line(2, v=9, new={"a": 1}), [A], [A, line(2, v=9, new={"a": 1})], id="a later version's line is kept whole"),
    ],
)  # fmt: skip
def test_merge(existing: str, new: list[str], expected: list[str]) -> None:
    merged = merge(existing, new)
    assert merged == "\n".join(expected) + "\n"
    assert merge(merged, new) == merged


def test_the_order_in_which_writers_came_does_not_show() -> None:
    lines = [line(number) for number in range(50)]
    mixed = lines[:]
    random.Random(1).shuffle(mixed)  # noqa: S311 - the same mess on every run
    one_way = merge(merge("", mixed[:30]), mixed[20:])
    assert one_way == merge(merge("", mixed[20:]), mixed[:30]) == "\n".join(lines) + "\n"


class TestBound:
    def test_a_note_is_bounded_and_says_what_is_gone(self) -> None:
        text = ""
        for number in range(0, 2000, 100):
            text = merge(text, [line(n, pad="p" * 100) for n in range(number, number + 100)])
        assert len(text.encode()) <= NOTE_BYTES
        summary, *kept = parse(text)
        assert (summary.event, summary.data["count"]) == ("NoteTrimmed", 2000 - len(kept))
        assert kept[-1].id == "id-1999"
        assert summary.data["since"] == "2026-01-01T00:00:00Z"
        assert summary.at < kept[0].at

    def test_a_repeated_merge_counts_nothing_twice(self) -> None:
        full = merge("", [line(n, pad="p" * 100) for n in range(1000, 1450)])
        batch = [line(n, pad="p" * 100) for n in range(MOST_AT_ONCE)]
        once = merge(full, batch)
        assert merge(once, batch) == once

    def test_that_a_job_started_goes_last_and_drift_goes_first(self) -> None:
        pad = "p" * 200
        jobs = [line(n, "JobStarted", pad=pad) for n in range(50)]
        drift = [line(n, "DriftFound", pad=pad) for n in range(100, 200)]
        rollouts = [line(n, pad=pad) for n in range(50, 100)]
        text = merge("", [*jobs, *drift, *rollouts], limit=40_000)
        events = [record.event for record in parse(text)]
        assert (events.count("JobStarted"), events.count("RolloutStarted")) == (50, 50)
        assert 0 < events.count("DriftFound") < 100

    def test_other_people_s_words_are_not_dropped_for_ours(self) -> None:
        words = "w" * NOTE_BYTES
        assert merge(words, [A]) == f"{words}\n{A}\n"

    def test_two_summaries_of_a_merge_by_hand_become_one(self) -> None:
        def trimmed(count: int, *recent: str) -> str:
            return line(1, "NoteTrimmed", count=count, since="2026-01-01T00:00:00Z", recent=recent)

        text = merge(f"{trimmed(3, 'x')}\n{trimmed(5, 'y')}\n", [B])
        summary, *others = parse(text)
        assert (summary.data["count"], summary.data["recent"], [other.id for other in others]) == (
            5,
            ["x", "y"],
            ["id-2"],
        )

    def test_a_summary_that_somebody_wrote_breaks_nothing(self) -> None:
        evil = line(1, "NoteTrimmed", count="many", recent={"a": 1}, since=7)
        assert "id-2" in ids(merge(f"{evil}\n{evil}", [B]))


def test_bytes_that_are_no_text_survive() -> None:
    words = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert merge(words, [A]).encode("utf-8", "surrogateescape") == b"caf\xe9\n" + A.encode() + b"\n"


@pytest.mark.parametrize("text", ["", "x", "{}", "[]", "null", '{"id":"a","at":"b"}'])
def test_no_record(text: str) -> None:
    assert parse_line(text) is None
