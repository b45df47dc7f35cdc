"""The log: a line of text an entry, or an object of JSON, with what an entry is about.

What a pass logs is about the object of the pass: `about` says so for all that is logged in its thread, whoever logs it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

__all__ = ["JsonFormatter", "about", "set_up"]

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_MEMBERS = ("object", "commit", "reason", "operation", "requestId")
"""What an entry may be about (`extra`), in this order."""

_about: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)


def set_up(level: str, form: str) -> None:
    """Of the whole process. `form` is text or json."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for chatty in ("apscheduler", "botocore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


@contextmanager
def about(**members: str) -> Iterator[None]:
    """What is logged within is about this object and commit, where the entry itself says nothing else."""
    token = _about.set({key: value for key, value in members.items() if value})
    try:
        yield
    finally:
        _about.reset(token)


class JsonFormatter(logging.Formatter):
    """One object a line: `time`, `level`, `logger`, `message`; `object`, `commit`, `reason`, `operation`, `requestId` where known;
    `error` with the traceback of a bug.
    """

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        known = {
            **(_about.get() or {}),
            **{key: str(record.__dict__[key]) for key in _MEMBERS if key in record.__dict__},
        }
        entry |= {key: known[key] for key in _MEMBERS if known.get(key)}
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)
