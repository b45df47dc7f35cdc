"""What SageMaker rolled back, or what failed, is not sent again unless somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.walk.audit.books import LATE_S, Books, about
from tests.walk.audit.finding import Finding
from tests.walk.audit.traffic import moves
from tests.walk.record import Line, Name

_PASSING = ("Request to service failed", "capacity")
"""Reasons that are SageMaker's own: the same content is tried three times."""


def stays_away(books: Books) -> Iterator[Finding]:
    """A move to a configuration after the line that condemned it needs a `retry` seen since."""
    for line in (*books.of("RolloutRolledBack"), *books.of("RolloutFailed")):
        if line.said.get("initiatedBy") == "drift" or any(text in str(line.said.get("reason")) for text in _PASSING):
            continue
        if (found := _sent_again(books, line, about(line))) is not None:
            yield found


def _sent_again(books: Books, line: Line, owner: Name) -> Finding | None:
    config = line.said.get("endpointConfig")
    for call in moves(books):
        same = books.owner.get(call.key) == owner and call.input.get("EndpointConfigName") == config
        if not same or call.at <= line.when + LATE_S or _marked_no_more(books, str(config), call.at):
            continue
        asked = books.annotations(owner, "retry", call.at) - books.annotations(owner, "retry", _began(books, line))
        if not asked:
            return Finding("quarantine", f"{owner}: {config} was sent again after {line.said.get('event')}", call.at)
    return None


def _began(books: Books, line: Line) -> float:
    """When the rollout that was condemned was sent: what people wrote before that does not speak of its end."""
    sent = [
        call.at
        for call in moves(books)
        if call.at < line.when and call.input.get("EndpointConfigName") == line.said.get("endpointConfig")
    ]
    return max(sent, default=0.0) - 5.0


def _marked_no_more(books: Books, config: str, at: float) -> bool:
    """Somebody at the console deleted what bore the mark, which forgets it when status is lost as well (docs/hosting.md)."""
    return any(
        call.op == "DeleteEndpointConfig" and call.key == config and call.effect and call.at < at
        for call in books.record.calls
        if call.caller not in books.record.clusters
    )


RULES = (stays_away,)
