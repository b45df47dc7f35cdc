"""Deletions: nothing that serves goes, and what goes was pruned, deleted by a person, or is needed no more."""

from __future__ import annotations

from collections.abc import Iterator

from tests.walk.audit.books import LATE_S, Books, about, is_of
from tests.walk.audit.finding import Finding
from tests.walk.audit.traffic import MOVES
from tests.walk.record import Call, Name

_PRUNED_WITHIN_S = 60.0


def _deleted(books: Books, *ops: str) -> list[Call]:
    return [call for call in books.ours if call.op in ops and call.effect]


def endpoints(books: Books) -> Iterator[Finding]:
    """An endpoint goes with its object, or because its first create failed."""
    for call in _deleted(books, "DeleteEndpoint", "DeregisterScalableTarget", "DeleteScalingPolicy"):
        owner = books.owner.get(call.key)
        if owner is None or going(books, owner, call.at):
            continue
        if call.op == "DeregisterScalableTarget" and _updated(books, call):
            continue
        failed = [line for line in books.of("RolloutFailed", owner) if line.when < call.at + _PRUNED_WITHIN_S]
        if call.op != "DeleteEndpoint" or not failed:
            yield Finding("delete-reason", f"{call.op} {call.key}: {owner} was not being deleted", call.at)


def _updated(books: Books, call: Call) -> bool:
    """An update was asked for right after: SageMaker refuses one that takes instances from under a scalable target."""
    endpoint = call.key.split("/")[1] if call.key.startswith("endpoint/") else ""
    return any(
        one.op == "UpdateEndpoint" and one.key == endpoint and abs(one.at - call.at) < _PRUNED_WITHIN_S
        for one in books.ours
    )


def jobs(books: Books) -> Iterator[Finding]:
    """A job is stopped with its object."""
    for call in _deleted(books, "StopTrainingJob", "StopProcessingJob", "StopTransformJob"):
        owner = books.owner.get(call.key)
        if owner is not None and not going(books, owner, call.at):
            yield Finding("stop-reason", f"{call.op} {call.key}: {owner} was not being deleted", call.at)


def parts(books: Books) -> Iterator[Finding]:
    """A configuration that serves, or may serve again before anything else was asked for, stays; and so do its models."""
    for call in _deleted(books, "DeleteEndpointConfig", "DeleteModel"):
        owner = books.owner.get(call.key)
        if owner is None or going(books, owner, call.at):
            continue
        for config in _needed(books, owner, call.at):
            models = {one.get("ModelName") for one in books.configs.get(config, {}).get("ProductionVariants") or ()}
            if call.key == config or call.key in models:
                yield Finding(
                    "delete-serving", f"{call.op} {call.key} of {owner}, of which {config} serves or may serve", call.at
                )


def _needed(books: Books, owner: Name, at: float) -> set[str]:
    """Of an endpoint that is there: the configuration of the newest move, and of the newest that succeeded."""
    moved = ""
    for call in books.record.calls:
        if call.id and call.at <= at and call.effect and books.owner.get(call.key) == owner:
            if call.op in MOVES:
                moved = str(call.input.get("EndpointConfigName"))
            elif call.op == "DeleteEndpoint":
                moved = ""
    good = [line for line in books.of("RolloutSucceeded", owner) if line.when < at]
    ended = [
        line
        for event in ("RolloutRolledBack", "RolloutFailed", "RolloutSucceeded", "RolloutSuperseded")
        for line in books.of(event, owner)
        if line.when < at + _PRUNED_WITHIN_S
    ]
    bad = {line.said.get("endpointConfig") for line in ended if line.said.get("event") != "RolloutSucceeded"}
    found = {str(max(good, key=lambda line: line.when).said.get("endpointConfig"))} if good and moved else set()
    return (found | {moved}) - {""} - ({moved} & bad)


def pruned(books: Books) -> Iterator[Finding]:
    """What was pruned was gone in Git, and its line is told once."""
    for line in books.of("ObjectPruned"):
        owner = about(line)
        if all(
            any(is_of(body, owner) for _, body in head.manifests)
            for head in books.record.heads
            if head.at <= line.when + LATE_S
        ):
            yield Finding("prune-reason", f"{owner} was pruned and never left Git", line.when)
        if not any(
            not one.body or (one.body["metadata"].get("deletionTimestamp")) for one in books.seen.get(owner, ())
        ):
            yield Finding("prune-lines", f"{owner} is told as pruned and was never deleted", line.when)


def going(books: Books, owner: Name, at: float) -> bool:
    """Whether the object was being deleted, or gone, at that moment."""
    versions = list(books.seen_between(owner, at - LATE_S, at + LATE_S))
    if not versions:
        return True
    return any(not one.body or one.body["metadata"].get("deletionTimestamp") for one in versions)


RULES = (endpoints, jobs, parts, pruned)
