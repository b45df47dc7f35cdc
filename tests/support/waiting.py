"""The only place of the tests that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PATIENCE_S = 60.0
"""What takes one second alone may take twenty on a machine that does much else; waiting long costs only failures time."""
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.25


def eventually(predicate: Callable[[], T], timeout: float = _PATIENCE_S, message: str = "") -> T:
    """Ask until the answer is true and return it; the failure shows the last answer or the last exception.

    An `AssertionError` or `LookupError` out of the predicate means "not yet", so that it may assert or index freely.
    """
    deadline = time.monotonic() + timeout
    pause, answer, raised = _FIRST_PAUSE_S, "nothing", ""
    while True:
        try:
            value = predicate()
        except (AssertionError, LookupError) as error:
            raised = f"{type(error).__name__}: {error}"
        else:
            if value:
                return value
            answer, raised = repr(value), ""
        if time.monotonic() > deadline:
            wanted = message or getattr(predicate, "__name__", "the condition")
            raise AssertionError(f"not within {timeout:g} s: {wanted}; last: {raised or answer}")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)


def never(predicate: Callable[[], object], during: float, message: str = "") -> None:
    """Fail as soon as the predicate is true; pass when it never was for that long. Keep `during` short."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        value = predicate()
        assert not value, f"{message or 'it happened'}: {value!r}"
        time.sleep(_FIRST_PAUSE_S)
