"""Whether the threads that must live do. A loop that waits is well for ever; one that works is well until its deadline.

Whoever owns a thread describes it as a `Loop`; `/healthz` shows `ailing`. Deadlines are several times what the slowest
honest step may take with its own time-outs, since an answer of 503 makes the kubelet kill the pod. Nothing outside is
judged here: AWS, Git and the API server being away is waited for, and waiting is no illness.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Loop(NamedTuple):
    """A thread that must not stand still, as `/healthz` asks it."""

    name: str
    alive: bool
    """Whether its thread runs."""
    busy_s: float = 0.0
    """Since the last sign of progress; 0 while it waits for something to do."""
    deadline_s: float = 0.0
    doing: str = ""


def ailing(loops: Iterable[Loop]) -> list[str]:
    """Of those whose thread died or is stuck, what to say."""
    return [line for loop in loops if (line := _judged(loop))]


def _judged(loop: Loop) -> str:
    if not loop.alive:
        return f"{loop.name}: its thread has ended"
    if loop.busy_s <= loop.deadline_s:
        return ""
    what = f" ({loop.doing})" if loop.doing else ""
    return f"{loop.name}: no progress for {loop.busy_s:.0f} s{what}, {loop.deadline_s:.0f} s are allowed"
