from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from reconciler.runtime.tally import Tally


class Counts(NamedTuple):
    apples: int = 0
    pears: int = 0


def test_what_many_threads_add_is_all_there() -> None:
    tally = Tally(Counts())
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda _: tally.add(Counts(apples=1, pears=2)), range(2000)):
            pass
    assert tally.read() == Counts(2000, 4000)
