"""When the notes are read, what they tell before and after, and that they are never in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.core.git.source import GitRemote, SourceError
from reconciler.core.notes.note import About, Rollout, job_started, render, rollout_ended
from reconciler.core.notes.target import NotesRefusedError, NotesTarget
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.runtime.notes.run_memory import PATIENCE_S, RunMemory

SYNC = Key("GitSync", "ml", "team")
JOB = Key("TrainingJob", "ml", "train")
LINE = render(job_started(About("prod", *JOB), datetime(2026, 3, 1, tzinfo=UTC), job="train-abc", content="abc"))


def resource(kind: str, name: str, spec: dict[str, Any] | None = None, owner: str = "") -> Resource:
    annotations = {Annotation.OWNER: owner} if owner else {}
    return Resource(
        {"kind": kind, "metadata": {"namespace": "ml", "name": name, "annotations": annotations}, "spec": spec}
    )


OWNED = resource("TrainingJob", "train", owner="ml/team")


@dataclass
class World:
    """The ports of `RunMemory`, and the clock."""

    sync: Resource | None = field(default_factory=lambda: resource("GitSync", "team", {}))
    want: bool = True
    answer: Callable[[], Sequence[str]] = lambda: [LINE]
    reads: int = 0
    now: float = 0.0
    ref: str = "refs/notes/sagemaker-gitops/prod"

    def wanted(self, _: Key) -> bool:
        return self.want

    def target(self, _: Key) -> NotesTarget | None:
        return NotesTarget(GitRemote("https://git.example.com/team.git"), self.ref)

    def find(self, _target: NotesTarget, *_texts: str) -> Sequence[str]:
        self.reads += 1
        return self.answer()

    def append(self, *_: Any) -> Any:
        raise AssertionError("reading does not write")

    def begin(self) -> RunMemory:
        return RunMemory(
            targets=self, notes=self, syncs=lambda _: self.sync, cluster="prod", monotonic=lambda: self.now
        )


def refused() -> Sequence[str]:
    raise NotesRefusedError("somebody is in the way")


def unreachable() -> Sequence[str]:
    raise SourceError("Unreachable", "no route")


def test_once_read_they_tell_what_ran() -> None:
    world = World()
    memory = world.begin()
    assert memory.runs(OWNED) is None
    memory.read(SYNC)
    assert {content: one.job for content, one in (memory.runs(OWNED) or {}).items()} == {"abc": "train-abc"}
    memory.read(SYNC)
    assert world.reads == 1


def test_what_is_told_later_is_known_too() -> None:
    world = World(answer=list)
    memory = world.begin()
    job = job_started(About("prod", *JOB), datetime(2026, 3, 2, tzinfo=UTC), job="train-def", content="def")
    memory.hear(SYNC, [job])
    assert memory.runs(OWNED) is None  # the notes may tell more
    memory.read(SYNC)
    served = resource("HostingDeployment", "serve", owner="ml/team")
    ended = [
        rollout_ended(
            About("prod", *served.key),
            datetime(2026, 3, number, tzinfo=UTC),
            Rollout(number, "abc", "serve-abc"),
            "Succeeded",
        )
        for number in (1, 2)
    ]
    memory.hear(SYNC, [job, ended[0]])
    memory.hear(SYNC, [ended[1]])
    memory.read(SYNC)
    assert (memory.runs(OWNED) or {}).keys() == {"def"}
    assert [entry["id"] for entry in memory.rollouts(served)] == [2, 1]


def test_another_ref_is_read_too() -> None:
    world = World()
    memory = world.begin()
    memory.read(SYNC)
    world.ref, world.answer = "refs/notes/other/prod", list
    memory.read(SYNC)
    assert (world.reads, memory.runs(OWNED)) == (2, {})


@pytest.mark.parametrize("asked_first", [True, False], ids=["asked before", "asked after"])
@pytest.mark.parametrize("fails", [refused, unreachable])
def test_what_cannot_be_read_is_not_known_until_it_is_read_or_patience_ends(
    fails: Callable[[], Sequence[str]], asked_first: bool
) -> None:
    world = World(answer=fails)
    memory = world.begin()
    if asked_first:
        assert memory.runs(OWNED) is None
    assert (memory.read(SYNC), memory.runs(OWNED)) == (False, None)
    world.now = PATIENCE_S - 1
    assert (memory.read(SYNC), memory.runs(OWNED)) == (False, None)
    world.answer = lambda: [LINE]
    assert memory.read(SYNC)
    assert (memory.runs(OWNED) or {}).keys() == {"abc"}


@pytest.mark.parametrize("fails", [refused, unreachable])
def test_after_its_patience_what_cannot_be_read_tells_nothing_and_is_tried_at_the_next_look(
    fails: Callable[[], Sequence[str]],
) -> None:
    world = World(answer=fails)
    memory = world.begin()
    memory.read(SYNC)
    world.now = PATIENCE_S
    assert memory.runs(OWNED) == {}
    assert (memory.read(SYNC), memory.runs(OWNED)) == (True, {})
    world.answer = lambda: [LINE]
    assert memory.read(SYNC)
    assert (memory.runs(OWNED) or {}).keys() == {"abc"}


def test_a_failure_takes_nothing_away_that_is_known() -> None:
    world = World()
    memory = world.begin()
    memory.read(SYNC)
    world.ref, world.answer = "refs/notes/other/prod", unreachable
    assert memory.read(SYNC)
    assert (memory.runs(OWNED) or {}).keys() == {"abc"}


@pytest.mark.parametrize(
    ("world", "asked"),
    [
        pytest.param(World(want=False), OWNED, id="nobody wants notes"),
        pytest.param(World(sync=None), OWNED, id="the sync is gone"),
        pytest.param(World(sync=resource("GitSync", "team", {"suspend": True})), OWNED, id="it is suspended"),
        pytest.param(World(), resource("TrainingJob", "train"), id="no sync owns the object"),
    ],
)
def test_nothing_is_waited_for_where_nothing_will_be_read(world: World, asked: Resource) -> None:
    assert world.begin().runs(asked) == {}


def test_patience_ends() -> None:
    world = World()
    memory = world.begin()
    assert memory.runs(OWNED) is None
    world.now = PATIENCE_S
    assert memory.runs(OWNED) == {}
