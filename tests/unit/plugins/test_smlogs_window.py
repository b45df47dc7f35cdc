"""Nothing twice, nothing left out, and a bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.plugins.smlogs.window import Window


def poll(window: Window, events: list[tuple[str, int]]) -> list[str]:
    """What one poll shows of the log as the service has it then."""
    shown = [
        name
        for name, at in sorted(events, key=lambda event: event[1])
        if at >= window.start_ms and window.admit(name, at, at)
    ]
    window.settle()
    return shown


def test_what_was_shown_is_not_shown_again() -> None:
    window = Window()
    assert poll(window, [("a", 1), ("b", 2)]) == ["a", "b"]
    assert poll(window, [("a", 1), ("b", 2), ("c", 2)]) == ["c"]


def test_a_line_that_arrives_late_is_shown() -> None:
    window = Window(overlap_ms=100)
    poll(window, [("a", 1000)])
    assert window.start_ms == 900
    assert poll(window, [("late", 950), ("a", 1000)]) == ["late"]


def test_the_window_never_begins_before_what_was_asked_for() -> None:
    window = Window(start_ms=990, overlap_ms=100)
    poll(window, [("a", 1000)])
    assert window.start_ms == 990


def test_a_clock_that_is_ahead_leaves_no_other_stream_behind() -> None:
    window = Window(overlap_ms=100)
    assert window.admit("ahead", 9000, 1000)
    window.settle()
    assert window.start_ms == 900
    assert poll(window, [("b", 950), ("ahead", 9000)]) == ["b"]


def test_a_quiet_poll_moves_nothing() -> None:
    window = Window(overlap_ms=100)
    poll(window, [("a", 1000)])
    assert poll(window, []) == []
    assert poll(window, [("a", 1000)]) == []


def test_a_busy_log_narrows_the_window_instead_of_filling_the_memory() -> None:
    window = Window(overlap_ms=1_000_000, most=10)
    log = [(f"e{at}", at) for at in range(1, 1001)]
    assert len(poll(window, log)) == 1000
    assert window.start_ms == 991
    assert len(window._before) == 10
    assert poll(window, [*log, ("new", 1000)]) == ["new"]


def test_one_millisecond_with_more_lines_than_the_memory_is_kept_whole() -> None:
    window = Window(most=2)
    log = [(f"e{number}", 5) for number in range(20)]
    assert len(poll(window, log)) == 20
    assert poll(window, log) == []


@given(
    st.lists(st.lists(st.integers(0, 60), max_size=12), max_size=8),
    st.integers(1, 6),
    st.integers(0, 20),
)
def test_no_line_is_ever_shown_twice_and_none_in_the_window_is_lost(
    arrivals: list[list[int]], most: int, overlap_ms: int
) -> None:
    window = Window(overlap_ms=overlap_ms, most=most)
    log: list[tuple[str, int]] = []
    shown: list[str] = []
    for number, times in enumerate(arrivals):
        new = [(f"{number}.{index}", at) for index, at in enumerate(times)]
        reachable = {name for name, at in new if at >= window.start_ms}
        log += new
        told = poll(window, log)
        assert reachable <= set(told)
        shown += told
    assert len(shown) == len(set(shown))
