"""How many objects of which kind are in which state, counted from the informer's cache when somebody asks for metrics.

Everything counted comes out of status, which anybody with the right to write it may fill with anything: no count has more
than `MOST` different words of a kind, and the rest are `Other`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.core.conditions import DRIFTED, READY, well_formed
from reconciler.core.meters import Sample
from reconciler.core.records.run import Run
from reconciler.core.resource import Resource

MOST = 20
OTHER = "Other"
_READY = ("True", "False", "Unknown")
_NOT_STARTED = "NotStarted"


def census(kind: str, objects: Iterable[Resource], *, job: bool = False) -> Iterator[Sample]:
    """Readings of one kind; of a job's also what its newest run does."""
    ready: Counter[str] = Counter(dict.fromkeys(_READY, 0))
    drifted: Counter[str] = Counter()
    states: Counter[str] = Counter()
    for one in objects:
        status = one.status
        said = {found["type"]: found for found in well_formed(status.get("conditions"))}
        word = said[READY].get("status") if READY in said else None
        ready[word if word in _READY else "Unknown"] += 1
        if DRIFTED in said and said[DRIFTED].get("status") == "True":
            drifted[str(said[DRIFTED].get("reason"))] += 1
        if job:
            states[Run.parse(status.get("run")).status or _NOT_STARTED] += 1
    yield from _samples("objects", kind, ready)
    yield from _samples("drifted_objects", kind, drifted)
    yield from _samples("jobs", kind, states)


def _samples(metric: str, kind: str, counted: Counter[str]) -> Iterator[Sample]:
    ordered = counted.most_common()
    for word, number in ordered[:MOST]:
        yield Sample(metric, number, (kind, word))
    if rest := sum(number for _, number in ordered[MOST:]):
        yield Sample(metric, rest, (kind, OTHER))
