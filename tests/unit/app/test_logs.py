"""The log as JSON: an object a line, with what it is about."""

from __future__ import annotations

import json
import logging
import sys

from reconciler.app.logs import JsonFormatter, about


def entry(message: str = "sent", **extra: str) -> logging.LogRecord:
    record = logging.LogRecord("reconciler.x", logging.WARNING, __file__, 1, "%s now", (message,), None)
    record.__dict__.update(extra)
    return record


def told(record: logging.LogRecord) -> dict[str, str]:
    line = JsonFormatter().format(record)
    assert "\n" not in line
    found: dict[str, str] = json.loads(line)
    return found


def test_an_entry_is_one_object_with_what_it_is_about() -> None:
    with about(object="Model a/b", commit="c" * 40):
        found = told(entry(requestId="r-1", object="Model a/own"))
    assert found["time"].endswith("Z")
    assert (found["level"], found["logger"], found["message"]) == ("warning", "reconciler.x", "sent now")
    assert (found["object"], found["commit"], found["requestId"]) == ("Model a/own", "c" * 40, "r-1")


def test_what_is_over_is_not_said_any_more() -> None:
    with about(object="Model a/b"):
        pass
    assert "object" not in told(entry())


def test_a_bug_has_its_traceback_on_the_same_line() -> None:
    record = entry()
    try:
        int("two\nlines")
    except ValueError:
        record.exc_info = sys.exc_info()
    assert "ValueError: invalid literal" in told(record)["error"]
