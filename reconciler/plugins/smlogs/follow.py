"""The two ways to read a log: once, and along with the job until it is over and its streams are drained.

Knows no AWS and no Kubernetes: what it reads comes by a port each, time by `sleep`. A job is over when its resource says so;
its last lines arrive seconds later, so reading goes on until several polls in a row brought nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.core.errors import CredentialsError, NotFoundError, PreconditionError, TransientError
from reconciler.plugins.smlogs.kinds import Query, Subject
from reconciler.plugins.smlogs.lines import LogEvent, Printer
from reconciler.plugins.smlogs.window import Window

QUIET_POLLS = 3
"""Polls without a new line after the end of a job: with two seconds between them, what CloudWatch usually takes to show a line."""


class Log(Protocol):
    def pages(self, query: Query, start_ms: int) -> Iterator[list[LogEvent]]: ...


Look = Callable[[str], Subject | None]
"""What the resource says about a job ("" for whichever it is), or None when the resource is gone."""


@dataclass
class LogReading:
    """One log on its way to a printer."""

    log: Log
    query: Query
    printer: Printer
    note: Callable[[str], None]
    start_ms: int = 0
    tail: int | None = None
    """Only so many of the newest lines of what there is at first."""
    _no_group_said: bool = False

    def once(self) -> None:
        seen = self._poll(self.start_ms, lambda _: True)
        if not seen and not self._no_group_said:
            self.note(f"no log lines in {self.query.group} with streams {self.query.prefix}*")

    def polls(self) -> Iterator[int]:
        """Show what is new each time the next item is asked for; the item is how many events were new."""
        window = Window(self.start_ms)
        while True:
            yield self._poll(
                window.start_ms, lambda event: window.admit(event.id, event.timestamp_ms, event.ingested_ms)
            )
            window.settle()
            self.tail = None

    def _poll(self, start_ms: int, admit: Callable[[LogEvent], bool]) -> int:
        newest = None if self.tail is None else deque[LogEvent](maxlen=self.tail)
        new = 0
        try:
            for page in self.log.pages(self.query, start_ms):
                events = [event for event in page if admit(event)]
                new += len(events)
                if newest is None:
                    self.printer.show(events)
                else:
                    newest.extend(events)
        except NotFoundError:
            if not self._no_group_said:
                self.note(f"no log yet: there is no log group {self.query.group}")
            self._no_group_said = True
        self.printer.show(newest or ())
        return new


@dataclass
class Following:
    """Reads along; `begin` makes the reading once it is known what the job is called."""

    look: Look
    begin: Callable[[Subject], LogReading]
    note: Callable[[str], None]
    sleep: Callable[[float], None]
    poll_s: float
    _unanswered: bool = field(default=False, init=False)

    def run(self) -> None:
        seen = self._named()
        reading = self.begin(seen)
        name, uid = seen.name, seen.uid
        quiet = 0
        found_more = reading.polls()
        while True:
            # Looked at before the poll: what the job wrote before it was seen to be over is then read at least once.
            seen_now = self._look(name, seen)
            gone = seen_now is None or seen_now.uid != uid
            seen = seen if seen_now is None or gone else seen_now
            quiet = 0 if next(found_more) or not (gone or seen.over) else quiet + 1
            if quiet >= QUIET_POLLS:
                self.note(f"{name} was deleted" if gone else f"{name} is over: {seen.status}")
                return
            self.sleep(self.poll_s)

    def _named(self) -> Subject:
        """Wait for the name of the job; not for ever when the resource says that there will be none."""
        said = False
        while True:
            seen = self._look("", None)
            if seen is None:
                raise PreconditionError("the resource was deleted before it had a job")
            if seen.hopeless:
                raise PreconditionError(f"no job was started and none will be by itself: {seen.hopeless}")
            if seen.name:
                return seen
            if not said:
                self.note("no SageMaker job yet; waiting for the controller to start it")
            said = True
            self.sleep(self.poll_s)

    def _look(self, job: str, last: Subject | None) -> Subject | None:
        """An API server that does not answer for a while says nothing about the job."""
        try:
            seen = self.look(job)
        except CredentialsError:
            raise
        except TransientError as error:
            if last is None:
                raise
            if not self._unanswered:
                self.note(f"{error}; the log goes on, its end may be noticed late")
            self._unanswered = True
            return last
        self._unanswered = False
        return seen
