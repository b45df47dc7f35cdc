"""Traffic: every move of an endpoint has its line, and a reason that others can see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.walk.audit.books import PREFIX, Books, about, hosted, is_of
from tests.walk.audit.finding import Finding
from tests.walk.record import Call, Line, Name

MOVES = ("CreateEndpoint", "UpdateEndpoint")


def moves(books: Books) -> list[Call]:
    """What moved traffic, or may have: with effect, by the services under audit."""
    return [call for call in books.ours if call.op in MOVES and call.effect]


def told_once(books: Books) -> Iterator[Finding]:
    """Per object and configuration: as many moves as rollouts that were told of; one more for each fault of SageMaker's own."""
    made: dict[tuple[Name, str], list[Call]] = defaultdict(list)
    told: dict[tuple[Name, str], list[Line]] = defaultdict(list)
    for call in moves(books):
        if (owner := books.owner.get(call.key)) is None:
            yield Finding("move-owner", f"{call.op} {call.key} belongs to nobody", call.at)
        else:
            made[owner, str(call.input.get("EndpointConfigName"))].append(call)
    for line in books.of("RolloutStarted"):
        if line.said.get("initiatedBy") != "manual":
            told[about(line), str(line.said.get("endpointConfig"))].append(line)
    for what in sorted(made.keys() | told.keys()):
        calls, lines = made[what], told[what]
        if len(calls) > len(lines) + _faults(books, what[0]):
            yield Finding(
                "move-lines",
                f"{what[0]} to {what[1]}: {len(calls)} moves, {len(lines)} RolloutStarted lines",
                calls[-1].at,
            )
        if len(calls) < len(lines) - _unsent(books, *what):
            yield Finding(
                "line-moves", f"{what[0]} to {what[1]}: {len(lines)} RolloutStarted lines, {len(calls)} moves"
            )


def _faults(books: Books, name: Name) -> int:
    """How often status told of a fault of SageMaker's own, after which the same content is sent again."""
    told = (((one.body.get("status") or {}).get("rollout") or {}).get("faultedAt") for one in books.seen.get(name, ()))
    return len({at for at in told if at})


def _unsent(books: Books, name: Name, config: str) -> int:
    """Rollouts that ended before SageMaker took them on: refused, or overtaken."""
    ended = [*books.of("RolloutFailed", name), *books.of("RolloutSuperseded", name)]
    return len([line for line in ended if line.said.get("endpointConfig") == config])


def had_a_reason(books: Books) -> Iterator[Finding]:
    """Since an endpoint was moved last, somebody wanted what it is moved to now: Git, a person, or a correction of drift."""
    before: dict[str, float] = {}
    for call in moves(books):
        owner, since = books.owner.get(call.key), before.get(call.key, 0.0)
        before[call.key] = call.at
        if owner is None:
            continue
        content = books.content(str(call.input.get("EndpointConfigName")))
        if not (
            _in_git(books, owner, content, since, call.at)
            or _asked(books, owner, content, since, call.at)
            or _drifted(books, call, since)
        ):
            wanted = f"{call.key} to {call.input.get('EndpointConfigName')} {content}"
            yield Finding(
                "move-reason",
                f"{owner}: {wanted}: neither in Git since the last move, nor asked for, nor drift",
                call.at,
            )


def _in_git(books: Books, owner: Name, content: object, since: float, until: float) -> bool:
    heads = books.heads_between(since, until)
    return any(
        hosted(body.get("spec") or {}) == content for head in heads for _, body in head.manifests if is_of(body, owner)
    )


def _asked(books: Books, owner: Name, content: object, since: float, until: float) -> bool:
    """A person held an earlier rollout, ended a hold, or edited the object: then its content is none that Git ever held."""
    edited = not _in_git(books, owner, content, 0.0, until)
    for one in books.seen_between(owner, since, until):
        annotations = (one.body.get("metadata") or {}).get("annotations") or {}
        if f"{PREFIX}rollback-to" in annotations or (edited and hosted(one.body.get("spec") or {}) == content):
            return True
    return False


def _drifted(books: Books, call: Call, since: float) -> bool:
    """Somebody else changed the endpoint or what it needs since it was moved last."""
    names = {call.key, str(call.input.get("EndpointConfigName"))}
    others = (one for one in books.record.calls if one.caller not in books.record.clusters and one.effect)
    return any(one.key in names and since <= one.at <= call.at for one in others)


RULES = (told_once, had_a_reason)
