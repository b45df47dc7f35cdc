"""How long to leave an API server alone that does not answer."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 0.2
LONGEST_S = 30.0


class Backoff:
    """Delays that double from `first_s` to `longest_s`, spread by up to a half so that many clients do not march in step.

    Not locked: each belongs to one thread.
    """

    def __init__(
        self,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._jitter = jitter
        self._failures = 0

    def next_s(self) -> float:
        nominal = min(self._longest_s, self._first_s * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return nominal * (1.0 - 0.5 * self._jitter())

    def reset(self) -> None:
        self._failures = 0
