"""A seeded random walk over real processes, then rest and audit. Prints each step in one line, and figures at the end.

A seed draws the same steps; what they meet depends on this machine's pace, so a finding is looked for again by walking its seed.
Where steps and minutes are both given, whichever is reached first ends the walk. The record stays in the directory:
`python -m tests.walk.auditor DIRECTORY/record.jsonl` audits it again.
"""

from __future__ import annotations

import argparse
import http.client
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.support.cluster import ApiStatusError
from tests.walk.auditor import Finding, audit
from tests.walk.recorder import Recorder, Sources
from tests.walk.rest import come_to_rest
from tests.walk.steps import STEPS
from tests.walk.steps.console import set_alarm
from tests.walk.steps.step import Step
from tests.walk.watching import ApiServer
from tests.walk.world import World

_PAUSES_S = (0.4, 0.6, 1.0, 2.0, 4.0, 8.0)
_REST_WITHIN_S = 300.0
_ROUND = 120
"""After so many steps a long walk comes to rest and is audited, so that a finding is near its cause."""


@dataclass
class Report:
    """What a walk was and what the audit found."""

    seed: int
    steps: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    restarts: int = 0
    rests: int = 0
    figures: dict[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def text(self) -> str:
        lines = [
            f"seed {self.seed}: {sum(self.steps.values())} steps, {self.refused} of them refused, {self.rests} rests"
        ]
        lines += [f"services that ended by themselves and were started again: {self.restarts}"]
        lines += [f"  {name:<28}{count}" for name, count in sorted(self.steps.items())]
        lines += [f"  {name:<28}{count}" for name, count in self.figures.items()]
        lines += [f"FINDING {finding}" for finding in self.findings]
        return "\n".join([*lines, f"findings: {len(self.findings)}"])


def walked(
    directory: Path, seed: int, *, minutes: float, steps: int = 10**9, say: Callable[[str], None] = print,
    only: Sequence[str] = (),
    pace: float = 1.0,
) -> Report:  # fmt: skip
    """`only` names the steps that may be drawn, all of them otherwise; `pace` stretches the pauses between them."""
    random, report = Random(seed), Report(seed)  # noqa: S311 - it must repeat, not be secret
    drawn = [step for step in STEPS if not only or step.name in only]
    with World(directory).running() as world:
        set_alarm(world, "OK")
        clusters = {team.name: (team.name, team.name) for team in world.teams}
        cluster = world.cluster
        server = ApiServer(cluster.host, cluster.port, cluster.token, cluster.ca_file)
        sources = Sources(world.simulator.url, server, world.repository.path)
        with Recorder(sources, clusters) as recorder:
            unrest = come_to_rest(world, _REST_WITHIN_S, fresh=False, say=say)
            ends = time.monotonic() + minutes * 60
            while not unrest and not report.findings:
                left = steps - sum(report.steps.values())
                _round(world, random, drawn, report, most=min(left, _ROUND), ends=ends, say=say, pace=pace)
                say("rest")
                unrest = come_to_rest(world, _REST_WITHIN_S, say=say)
                report.rests += 1
                recorder.look_at_rest()
                report.findings = (*audit(recorder.record), *(Finding("rest", what) for what in unrest))
                if sum(report.steps.values()) >= steps or time.monotonic() >= ends:
                    break
            report.restarts = world.restarts
        recorder.record.write(directory / "record.jsonl")
        record = recorder.record
        report.figures = {
            "calls that change something": len(record.calls), "with effect": sum(call.effect for call in record.calls),
            "versions of objects": len(record.seen), "lines of notes": len(record.lines), "commits": len(record.heads),
        }  # fmt: skip
    return report


def _round(
    world: World,
    random: Random,
    drawn: Sequence[Step],
    report: Report,
    *,
    most: int,
    ends: float,
    say: Callable[[str], None],
    pace: float,
) -> None:
    weights = [step.weight for step in drawn]
    for _ in range(most):
        if time.monotonic() >= ends:
            return
        world.keep()
        step = random.choices(drawn, weights)[0]
        report.steps[step.name] += 1
        # Drawn for itself, so that how often a step draws changes nothing of those that follow.
        own, pause = Random(random.random()), random.choice(_PAUSES_S)  # noqa: S311
        say(
            f"{time.strftime('%H:%M:%S')} {sum(report.steps.values()):>5} {step.name:<18} {_taken(step, world, own, report)}"
        )
        time.sleep(pause * pace)  # part of the walk, not a wait for something


def _taken(step: Step, world: World, random: Random, report: Report) -> str:
    """What a step says; what could not be done (an object that is not there, Git or a server away) is no fault."""
    try:
        return step.take(world, random)
    except (ApiStatusError, OSError, http.client.HTTPException) as error:
        report.refused += 1
        return f"refused: {error}"[:160]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.walk", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 10**6)
    parser.add_argument("--steps", type=int, default=10**9)
    parser.add_argument("--pace", type=float, default=1, help="Stretches the pauses between steps.")
    parser.add_argument("--only", action="append", default=[], choices=[step.name for step in STEPS])
    parser.add_argument(
        "--directory", type=Path, help="Kept; default: a temporary one, kept where something was found."
    )
    given = parser.parse_args(arguments)
    directory = given.directory or Path(tempfile.mkdtemp(prefix="walk-"))
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        parser.error(f"{directory} is not empty: a walk begins with nothing")
    report = walked(
        directory, given.seed, minutes=given.minutes, steps=given.steps, only=given.only, pace=given.pace, say=_say
    )
    _say(report.text())
    if report.findings or given.directory:
        _say(f"record and logs: {directory}")
    else:
        shutil.rmtree(directory)
    return 1 if report.findings else 0


def _say(text: str) -> None:
    print(text, flush=True)
