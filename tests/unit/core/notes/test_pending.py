"""What waits in a ConfigMap: bounded, and what is dropped is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.core.notes import note
from reconciler.core.notes.note import About
from reconciler.core.notes.pending import PendingLine, bounded, by_commit, decode, encode, oldest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SYNC = About("prod", "GitSync", "ml", "team")


def entry(number: int, commit: str = "a" * 40) -> PendingLine:
    about = About("prod", "TrainingJob", "ml", f"job-{number}")
    at = NOW + timedelta(seconds=number)
    return PendingLine.of(commit, note.job_finished(about, at, job=f"job-{number}", content="c", status="Completed"))


def drift(number: int) -> PendingLine:
    about = About("prod", "HostingDeployment", "ml", f"drift-{number}")
    return PendingLine.of("d" * 40, note.drift_corrected(about, NOW + timedelta(hours=1), ["/spec"], since=str(number)))


def keyed(*entries: PendingLine) -> dict[str, PendingLine]:
    return {each.id: each for each in entries}


def test_what_is_stored_is_read_back() -> None:
    entries = keyed(entry(1), entry(2, "b" * 64))
    assert decode(encode(entries)) == entries


def test_what_was_damaged_is_passed_over() -> None:
    stored = encode(keyed(entry(1)))
    assert decode({**stored, "a": "", "b": "x", "c": "--exec {}", "d": "a" * 40 + " {}"}) == keyed(entry(1))
    assert decode(None) == {}


def test_the_oldest_go_first_and_to_their_commits() -> None:
    entries = oldest(keyed(entry(3, "b" * 40), entry(1), entry(2, "b" * 40)), 2)
    assert by_commit(entries) == {"a" * 40: [entry(1).record.text], "b" * 40: [entry(2).record.text]}


class TestBound:
    def test_what_fits_is_kept(self) -> None:
        entries = keyed(*(entry(n) for n in range(10)))
        assert bounded(entries, SYNC, frozenset()) == entries

    def test_the_oldest_make_room_and_are_counted(self) -> None:
        entries = keyed(*(entry(n) for n in range(100)))
        kept = bounded(entries, SYNC, frozenset(), limit=entry(1).size * 50)
        (summary,) = (kept[id_] for id_ in kept if id_ not in entries)
        assert summary.record.data["count"] == 100 - (len(kept) - 1)
        assert entry(99).id in kept
        assert entry(0).id not in kept
        assert sum(each.size for each in kept.values()) <= entry(1).size * 50

    def test_drift_goes_before_an_older_job(self) -> None:
        entries = keyed(entry(0), *(drift(n) for n in range(50)))
        kept = bounded(entries, SYNC, frozenset(), limit=drift(1).size * 20)
        assert entry(0).id in kept

    def test_what_is_on_its_way_is_not_said_to_be_dropped(self) -> None:
        entries = keyed(*(entry(n) for n in range(100)))
        held = {entry(n).id for n in range(20)}
        assert held <= bounded(entries, SYNC, held, limit=entry(1).size * 50).keys()

    def test_nothing_is_lost_from_the_count_when_summaries_are_dropped_too(self) -> None:
        waiting: dict[str, PendingLine] = {}
        for number in range(400):
            waiting = bounded({**waiting, **keyed(entry(number))}, SYNC, frozenset(), limit=entry(1).size * 20)
        counted = sum(int(each.record.data.get("count", 1)) for each in waiting.values())
        assert counted == 400

    def test_the_summary_is_the_same_event_for_the_same_lines(self) -> None:
        entries = keyed(*(entry(n) for n in range(100)))
        limit = entry(1).size * 50
        assert bounded(entries, SYNC, frozenset(), limit).keys() == bounded(entries, SYNC, frozenset(), limit).keys()
