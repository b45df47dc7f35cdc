"""Tags: what is set was wanted by Git or a person, has a line where it corrects, and quarantine's mark has its rollout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.walk.audit.books import OWNER, PREFIX, Books, is_of, tags
from tests.walk.audit.finding import Finding
from tests.walk.record import Call, Name

_MARK = f"{PREFIX}quarantined"
_OWN = (OWNER, f"{PREFIX}commit", f"{PREFIX}run")
_OPS = ("AddTags", "DeleteTags")
_TOLD_WITHIN_S = 60.0


def had_a_reason(books: Books) -> Iterator[Finding]:
    for call in books.ours:
        if not call.effect or call.op not in (*_OPS, "TagResource", "UntagResource"):
            continue
        owner = books.owner.get(_named(books, call))
        if owner is None:
            yield Finding("tag-owner", f"{call.op} {call.key} belongs to nobody", call.at)
        elif why := (_set(books, call, owner) if tags(call.input) else _taken(books, call, owner)):
            yield Finding("tag-reason", f"{call.op} {call.key} of {owner}: {why}", call.at)


def _named(books: Books, call: Call) -> str:
    """A scalable target is tagged by its ARN: there is one in a cluster of a walk."""
    if call.service == "sagemaker":
        return call.key
    namespace = books.namespace(call)
    return next(
        (key for key, of in books.owner.items() if key.startswith("endpoint/") and of.namespace == namespace), ""
    )


def _set(books: Books, call: Call, owner: Name) -> str:
    given = tags(call.input)
    if _MARK in given:
        bad = [line for event in ("RolloutRolledBack", "RolloutFailed") for line in books.of(event, owner)]
        told = any(line.said.get("endpointConfig") == call.key for line in bad)
        return "" if told else "marked as quarantined, and no line says that it was rolled back or failed"
    user = {key: value for key, value in given.items() if key not in _OWN}
    if not any(user.items() <= wanted.items() for wanted in _wanted(books, owner, call.at)):
        return f"nobody wanted {user}"
    if _corrects(books, call, given) and not _told(books, call, owner):
        return "it corrects what somebody changed, and no DriftCorrected line tells"
    return ""


def _corrects(books: Books, call: Call, given: Mapping[str, str]) -> bool:
    """Whether all that the call sets was changed by somebody else since tags were set here last: then it is no edit of Git's."""
    ours = [one.at for one in books.ours if one.key == call.key and one.effect and one.op in _OPS and one.at < call.at]
    since = max(ours, default=0.0)
    changed = {key for one in _others(books, call) if since <= one.at <= call.at for key in _keys(one)}
    return bool(given) and given.keys() <= changed


def _keys(call: Call) -> set[str]:
    return {*tags(call.input), *(call.input.get("TagKeys") or ())}


def _taken(books: Books, call: Call, owner: Name) -> str:
    keys = set(call.input.get("TagKeys") or ())
    if keys == {_MARK}:
        return "" if books.annotations(owner, "retry", call.at) else "released from quarantine, and nobody asked"
    known = {key for wanted in _wanted(books, owner, call.at) for key in wanted}
    return "" if keys <= known else f"{sorted(keys - known)} were never wanted"


def _wanted(books: Books, owner: Name, until: float) -> Iterator[dict[str, str]]:
    """The user tags that Git, or the object in the cluster, ever wanted."""
    for head in books.heads_between(0.0, until):
        yield from (_said(body) for _, body in head.manifests if is_of(body, owner))
    yield from (_said(one.body) for one in books.seen_between(owner, 0.0, until))


def _said(body: Mapping[str, Any]) -> dict[str, str]:
    found = (body.get("spec") or {}).get("tags") or ()
    return {one["key"]: one["value"] for one in found if isinstance(one, Mapping) and "key" in one and "value" in one}


def _others(books: Books, call: Call) -> list[Call]:
    calls = (one for one in books.record.calls if one.caller not in books.record.clusters)
    return [one for one in calls if one.effect and one.key == call.key and one.op in _OPS]


def _told(books: Books, call: Call, owner: Name) -> bool:
    lines = books.of("DriftCorrected", owner)
    return any(
        call.at - _TOLD_WITHIN_S <= line.when <= call.at + _TOLD_WITHIN_S
        and any(str(path).startswith("/spec/tags") for path in line.said.get("paths") or ())
        for line in lines
    )


RULES = (had_a_reason,)
