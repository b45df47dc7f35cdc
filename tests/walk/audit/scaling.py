"""Scaling: bounds that are set were wanted, and counts are set where a line or a rollout says why; clusters keep to their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.walk.audit.books import Books, is_of
from tests.walk.audit.finding import Finding
from tests.walk.audit.traffic import MOVES
from tests.walk.record import Call, Name

_WITHIN_S = 60.0


def bounds(books: Books) -> Iterator[Finding]:
    """Since they were set last, Git or the object in the cluster wanted these bounds; or somebody else changed them."""
    before: dict[str, float] = {}
    for call in books.ours:
        if call.op != "RegisterScalableTarget" or not call.effect or "MaxCapacity" not in call.input:
            continue
        owner, since = books.owner.get(call.key), before.get(call.key, 0.0)
        before[call.key] = call.at
        given = (call.input.get("MinCapacity"), call.input["MaxCapacity"])
        if (
            owner is not None
            and owner.kind == "HostingAutoscalingPolicy"
            and given not in _wanted(books, owner, since, call.at)
        ):
            yield Finding(
                "bounds-reason", f"{owner} {call.key}: nobody wanted {given} since they were set last", call.at
            )


def _wanted(books: Books, owner: Name, since: float, until: float) -> set[tuple[Any, Any]]:
    bodies = [body for head in books.heads_between(since, until) for _, body in head.manifests if is_of(body, owner)]
    bodies += [one.body for one in books.seen_between(owner, since, until)]
    specs = [body.get("spec") or {} for body in bodies]
    return {(spec.get("minCapacity"), spec.get("maxCapacity")) for spec in specs}


def counts(books: Books) -> Iterator[Finding]:
    """Counts and weights are set to correct drift, which has its line, or after an update."""
    for call in books.ours:
        if call.op != "UpdateEndpointWeightsAndCapacities" or not call.effect:
            continue
        owner = books.owner.get(call.key)
        moved = any(_moves(one, call.key) and 0 <= call.at - one.at <= _WITHIN_S for one in books.ours)
        told = owner is not None and any(
            abs(line.when - call.at) < _WITHIN_S for line in books.of("DriftCorrected", owner)
        )
        if not moved and not told:
            yield Finding("counts-reason", f"{call.key}: neither an update nor a DriftCorrected line says why", call.at)


def _moves(call: Call, endpoint: str) -> bool:
    return call.op in MOVES and call.key == endpoint and call.effect


def own(books: Books) -> Iterator[Finding]:
    """No service changes what belongs to another cluster."""
    for call in books.ours:
        owner = books.owner.get(call.key)
        if call.effect and owner is not None and owner.namespace != books.namespace(call):
            yield Finding("foreign", f"{call.caller} sent {call.op} {call.key}, which is {owner}'s", call.at)


def registered(books: Books) -> Iterator[Finding]:
    """At rest what a Ready policy scales is registered: by whomever, and not taken away since."""
    there = _targets(books)
    for name, versions in books.seen.items():
        status = versions[-1].body.get("status") or {}
        if (
            name.kind != "HostingAutoscalingPolicy"
            or not books.record.remotes
            or status.get("hostingAutoscalingPolicyStatus") != "Created"
        ):
            continue
        for target in status.get("resourceIDList") or ():
            if target not in there:
                yield Finding("truth", f"{name} says Created, and {target} is not registered")


def _targets(books: Books) -> set[str]:
    """The scalable targets that the calls left; an endpoint takes its own along when it is deleted."""
    there: set[str] = set()
    for call in (call for call in books.record.calls if call.effect):
        match call.op:
            case "RegisterScalableTarget":
                there.add(call.key)
            case "DeregisterScalableTarget":
                there.discard(call.key)
            case "DeleteEndpoint":
                there = {key for key in there if not key.startswith(f"endpoint/{call.key}/")}
    return there


RULES = (bounds, counts, own, registered)
