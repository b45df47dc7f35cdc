"""Churn: one and the same call is not sent again and again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.walk.audit.books import Books, digest
from tests.walk.audit.finding import Finding
from tests.walk.record import Call

_WITHIN_S = 60.0
_MOST = 6
_THROTTLED = "ThrottlingException"
"""What was told to wait is sent again, of course."""


def again_and_again(books: Books) -> Iterator[Finding]:
    """More than so many equal calls within a minute, whatever else came of them, is a loop: told once for each call."""
    sent: dict[tuple[str, str, str, str], list[Call]] = defaultdict(list)
    for call in (call for call in books.ours if call.code != _THROTTLED):
        sent[call.caller, call.op, call.key, digest(call.input)].append(call)
    for (caller, op, key, _), calls in sent.items():
        for first, last in zip(calls, calls[_MOST:], strict=False):
            if last.at - first.at < _WITHIN_S:
                yield Finding(
                    "churn", f"{caller} sent {op} {key} {len(calls)} times, last answer {calls[-1].code}", last.at
                )
                break


RULES = (again_and_again,)
