"""An event as a line: the archived plugin's text, or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import NamedTuple, TextIO

from reconciler.plugins.times import go_time, rfc3339


class LogEvent(NamedTuple):
    id: str
    stream: str
    timestamp_ms: int
    message: str
    ingested_ms: int
    """When CloudWatch took it in, by CloudWatch's clock."""


Line = Callable[[LogEvent], str]


def text_line(*, hide_stream: bool) -> Line:
    def line(event: LogEvent) -> str:
        stream = "" if hide_stream else f"{event.stream} "
        return f"{stream}{go_time(event.timestamp_ms)} {event.message.rstrip(_ENDS)}\n"

    return line


def json_line(*, hide_stream: bool) -> Line:
    def line(event: LogEvent) -> str:
        stream = {} if hide_stream else {"logStream": event.stream}
        fields = {
            "timestamp": rfc3339(event.timestamp_ms),
            **stream,
            "message": event.message.rstrip(_ENDS),
            "eventId": event.id,
        }
        return json.dumps(fields, ensure_ascii=False) + "\n"

    return line


_ENDS = "\r\n"


class Printer:
    """Writes to a stream whose encoding is whatever the terminal has; what it cannot show is escaped."""

    def __init__(self, stream: TextIO, line: Line) -> None:
        self._stream = stream
        self._line = line
        self.printed = 0

    def show(self, events: Iterable[LogEvent]) -> None:
        for event in events:
            self._stream.write(self._line(event))
            self.printed += 1
        self._stream.flush()
