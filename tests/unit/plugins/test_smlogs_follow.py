"""The loop over scripted ports: no clock, no network."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from reconciler.core.errors import DeniedError, NotFoundError, PreconditionError, TransientError
from reconciler.plugins.smlogs.follow import QUIET_POLLS, Following, LogReading
from reconciler.plugins.smlogs.kinds import Query, Subject
from reconciler.plugins.smlogs.lines import LogEvent, Printer

RUNNING = Subject(uid="1", name="job", region="us-west-2", status="InProgress")
OVER = Subject(uid="1", name="job", region="us-west-2", status="Completed", over=True)
NAMELESS = Subject(uid="1", name="", region="us-west-2", status="")


@dataclass
class Scene:
    """A log and a resource whose story is told in steps: each sleep is a step, and so is every page if wanted."""

    steps: list[Callable[[], None]] = field(default_factory=list)
    seen: Subject | None = RUNNING
    events: list[LogEvent] | None = None
    page: int = 100
    notes: list[str] = field(default_factory=list)
    out: io.StringIO = field(default_factory=io.StringIO)
    starts: list[int] = field(default_factory=list)
    look_error: Exception | None = None
    begun: int = 0

    def log(self, message: str, at: int, stream: str = "job/algo-1") -> None:
        self.events = [*(self.events or []), LogEvent(message, stream, at, message, at)]

    def pages(self, query: Query, start_ms: int) -> Iterator[list[LogEvent]]:
        assert query.group == "/group"
        self.starts.append(start_ms)
        if self.events is None:
            raise NotFoundError("no such group")
        found = sorted((event for event in self.events if event.timestamp_ms >= start_ms), key=lambda e: e.timestamp_ms)
        yield []  # an empty page with a token is no end
        for first in range(0, len(found), self.page):
            yield found[first : first + self.page]

    def sleep(self, _seconds: float) -> None:
        if self.steps:
            self.steps.pop(0)()
        else:
            self.seen = OVER
        assert len(self.starts) < 100, "it does not end"

    def look(self, _job: str) -> Subject | None:
        if self.look_error:
            raise self.look_error
        return self.seen

    def reading(self, tail: int | None = None) -> LogReading:
        printer = Printer(self.out, lambda event: event.message + "\n")
        return LogReading(self, Query("/group", "job/"), printer, self.notes.append, 0, tail)

    def begin(self, _seen: Subject) -> LogReading:
        self.begun += 1
        return self.reading()

    def follow(self) -> list[str]:
        Following(self.look, self.begin, self.notes.append, self.sleep, 2.0).run()
        return self.shown

    @property
    def shown(self) -> list[str]:
        return self.out.getvalue().split()


def test_every_line_once_also_late_ones_and_those_after_the_end() -> None:
    scene = Scene()
    scene.log("a", 100)

    def late() -> None:
        scene.log("c", 300)
        scene.log("b", 200, "job/algo-2")

    def end() -> None:
        scene.seen = OVER

    scene.steps = [late, end, lambda: scene.log("last", 250)]
    assert scene.follow() == ["a", "b", "c", "last"]
    assert scene.notes == ["job is over: Completed"]


def test_the_end_is_believed_after_some_quiet_polls() -> None:
    scene = Scene(seen=OVER, events=[])
    scene.follow()
    assert len(scene.starts) == QUIET_POLLS


def test_news_after_the_end_begin_the_quiet_anew() -> None:
    scene = Scene(seen=OVER, events=[])
    scene.steps = [lambda: scene.log("x", 1)]
    scene.follow()
    assert len(scene.starts) == 2 + QUIET_POLLS


def test_a_missing_group_is_said_once_and_waited_for() -> None:
    scene = Scene()
    scene.steps = [lambda: None, lambda: scene.log("first", 5)]
    assert scene.follow() == ["first"]
    assert [note for note in scene.notes if "no log yet" in note] == ["no log yet: there is no log group /group"]


def test_a_deleted_resource_ends_it() -> None:
    scene = Scene(events=[])

    def delete() -> None:
        scene.seen = None

    scene.steps = [delete, lambda: None, lambda: None]
    scene.follow()
    assert scene.notes == ["job was deleted"]


def test_a_resource_made_anew_under_its_name_is_another_one() -> None:
    scene = Scene(events=[])

    def replace() -> None:
        scene.seen = Subject(uid="2", name="job", region="us-west-2", status="InProgress")

    scene.steps = [replace, lambda: None, lambda: None]
    scene.follow()
    assert scene.notes == ["job was deleted"]


def test_it_waits_for_the_job_to_be_named() -> None:
    scene = Scene(seen=NAMELESS, events=[])

    def start() -> None:
        scene.seen = RUNNING

    scene.steps = [lambda: None, start]
    scene.follow()
    assert scene.begun == 1
    assert scene.notes[0] == "no SageMaker job yet; waiting for the controller to start it"


@pytest.mark.parametrize("seen", [None, Subject("1", "", "us-west-2", "", hopeless="Refused: no such image")])
def test_it_does_not_wait_for_a_job_that_will_never_be(seen: Subject | None) -> None:
    with pytest.raises(PreconditionError):
        Scene(seen=seen).follow()


def test_a_silent_api_server_is_no_end() -> None:
    scene = Scene(events=[])

    def fail() -> None:
        scene.look_error = TransientError("the Kubernetes API does not answer")

    def recover() -> None:
        scene.look_error = None

    scene.steps = [fail, lambda: None, recover]
    scene.follow()
    assert scene.notes == [
        "the Kubernetes API does not answer; the log goes on, its end may be noticed late",
        "job is over: Completed",
    ]


def test_a_right_that_is_taken_away_is_an_error() -> None:
    scene = Scene(events=[])

    def deny() -> None:
        scene.look_error = DeniedError("no")

    scene.steps = [deny]
    with pytest.raises(DeniedError):
        scene.follow()


def test_the_tail_is_of_what_there_is_at_first() -> None:
    scene = Scene(page=3)
    for number in range(10):
        scene.log(f"e{number}", number)
    polls = scene.reading(tail=2).polls()
    assert next(polls) == 10
    assert scene.shown == ["e8", "e9"]
    for number in range(10, 15):
        scene.log(f"e{number}", number)
    next(polls)
    assert scene.shown == [f"e{number}" for number in range(8, 15)]


def test_no_tail_at_all_shows_only_what_comes() -> None:
    scene = Scene()
    scene.log("old", 1)
    polls = scene.reading(tail=0).polls()
    next(polls)
    scene.log("new", 2)
    next(polls)
    assert scene.shown == ["new"]


def test_a_log_without_lines_is_said() -> None:
    scene = Scene(events=[])
    scene.reading().once()
    assert scene.notes == ["no log lines in /group with streams job/*"]
