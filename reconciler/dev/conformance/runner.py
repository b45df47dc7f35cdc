"""A run: said beforehand, recorded, and cleaned up after, whatever ends it."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.dev.conformance import families as _families  # noqa: F401 -- registers the checks
from reconciler.dev.conformance.account import Account
from reconciler.dev.conformance.check import CHECKS, BeliefCheck
from reconciler.dev.conformance.cleaning import clean
from reconciler.dev.conformance.recording import RecordingPlace, write

Say = Callable[[str], None]


@dataclass(frozen=True)
class CheckOutcome:
    check: BeliefCheck
    differs: str
    """Empty where the rows hold."""
    learned: tuple[str, ...]


def chosen(rows: Sequence[str]) -> list[BeliefCheck]:
    """The checks of these rows, or families, or all; raises ValueError for what none has."""
    known = {row for each in CHECKS for row in (*each.rows, each.family)}
    if unknown := set(rows) - known:
        raise ValueError(f"no check has {', '.join(sorted(unknown))}")
    wanted = [each for each in CHECKS if not rows or set(rows) & {*each.rows, each.family}]
    needed = {before for each in wanted for before in _NEEDS.get(each.family, ())}
    return [each for each in CHECKS if each in wanted or each.name in needed]


_TRAINED, _SERVED = "jobs.a_training_job", "rollouts.an_endpoint"
_NEEDS = {
    "jobs": (_TRAINED,),
    "rollouts": (_TRAINED, _SERVED),
    "scaling": (_TRAINED, _SERVED, "rollouts.an_update", "scaling.a_target"),
}
"""Checks that make what others of a family use."""


def cost_usd(checks: Sequence[BeliefCheck]) -> float:
    """An upper bound."""
    return round(sum(each.cost_usd for each in checks), 2)


def forecast(account: Account, checks: Sequence[BeliefCheck]) -> str:
    made = [f"  {each.name}: {', '.join(each.makes)}" for each in checks if each.makes]
    return "\n".join(
        [
            f"{len(checks)} checks in account {account.id}, region {account.region}.",
            f"All that is made is named {account.prefix}-* and tagged, and is taken away at the end:",
            *made,
            "The record of a transform job stays, as it has no Delete; so do the logs.",
            f"It costs at most {cost_usd(checks):.2f} USD, and takes up to an hour and a half.",
        ]
    )


def run(account: Account, checks: Sequence[BeliefCheck], directory: Path, say: Say) -> list[CheckOutcome]:
    """Run the checks; a transcript of each is in the directory. What could not be cleaned up is said."""
    recording = RecordingPlace(account.place)
    account.place = recording
    directory.mkdir(parents=True, exist_ok=True)
    outcomes = []
    try:
        for each in checks:
            outcome = _run(account, recording, each, directory)
            outcomes.append(outcome)
            say(f"  {'differs' if outcome.differs else 'holds  '}  {each.name} ({', '.join(each.rows)})")
            for line in (outcome.differs, *outcome.learned):
                if line:
                    say(f"           {line}")
    finally:
        say("Cleaning up")
        with _undisturbed():
            left = list(clean(account, recording.made))
        for line in left:
            say(f"  LEFT BEHIND: {line}")
        (directory / "left-behind.json").write_text(json.dumps(left, indent=1) + "\n", encoding="utf-8")
    return outcomes


def _run(account: Account, recording: RecordingPlace, check: BeliefCheck, directory: Path) -> CheckOutcome:
    began, account.learned, kept = len(recording.calls), [], dict(account.kept)
    differs = ""
    try:
        check.act(account)
    except Exception as problem:  # noqa: BLE001 -- whatever it is, the row is not shown to hold, and the next check goes on
        differs = f"{type(problem).__name__}: {problem}"
    account.place.missing()
    write(directory, account, check, differs or "holds", calls=recording.calls[began:], kept=kept)
    return CheckOutcome(check, differs, tuple(account.learned))


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C does not end the cleaning: what is left behind costs money."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not the main thread: no signal arrives here
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
