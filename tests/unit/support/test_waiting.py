from collections.abc import Iterator

import pytest

from tests.support.waiting import eventually, never


def test_the_failure_shows_the_last_answer() -> None:
    with pytest.raises(AssertionError, match=r"not within 0 s: it is nine; last: \[\]"):
        eventually(list, 0, "it is nine")


def test_asserting_and_indexing_mean_not_yet() -> None:
    answers: Iterator[int | Exception] = iter([AssertionError("no"), KeyError("k"), 7])

    def ask() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert eventually(ask, 5) == 7


def test_other_errors_are_not_waited_out() -> None:
    with pytest.raises(ZeroDivisionError):
        eventually(lambda: 1 / 0, 5)


def test_never_says_what_happened() -> None:
    never(lambda: False, 0.02)
    with pytest.raises(AssertionError, match="no restart: True"):
        never(lambda: True, 1, "no restart")
