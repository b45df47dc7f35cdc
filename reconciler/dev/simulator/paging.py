"""The List operations: filters, sort orders, and pages as the service cuts them (SM-58 to SM-63).

A page is cut from what the name and creation filters leave, and only *then* filtered by status and modification:
pages may be short, or empty with a NextToken. Tokens hold the sort key of the last row looked at, so rows that come
or go meanwhile neither repeat nor hide others.
"""

import base64
import bisect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from reconciler.dev.simulator.errors import unverified
from reconciler.dev.simulator.store import Answer, SimulatedResource, SimulatedTable

DEFAULT_PAGE = 10

_Key = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class ListOperation:
    op: str
    result: str
    """The member of the answer that holds the summaries."""
    order: str
    """SortOrder when the caller names none; SortBy is then CreationTime for every kind here but HPO."""
    sort: str = "CreationTime"
    equals: dict[str, Callable[[Answer], Any]] = field(default_factory=dict)
    """Filters on the summary beyond the common ones, applied after the cut: parameter to value."""
    sorts: dict[str, Callable[[SimulatedResource], Any]] = field(default_factory=dict)
    """Sort keys beyond the common ones; what has no value, that is None, is not listed."""


def page(
    table: SimulatedTable,
    listing: ListOperation,
    request: Answer,
    view: Callable[[SimulatedResource], tuple[Answer, float] | None],
) -> Answer:
    """One page; `view` gives a resource's summary and modification time, or None when it is not to be seen."""
    descending = request.get("SortOrder", listing.order) == "Descending"
    sort = request.get("SortBy", listing.sort)
    limit = request.get("MaxResults", DEFAULT_PAGE)
    start = _decode(request["NextToken"], sort, descending) if request.get("NextToken") else None
    shown: list[tuple[Answer, float]] = []
    looked_at, last = 0, ()  # type: int, _Key
    token = None
    for key, resource in _ordered(table, listing, sort, start, descending):
        seen = view(resource) if _passes(resource, request) else None
        if seen is None:
            continue
        if looked_at == limit:
            token = _encode(last, sort, descending)
            break
        looked_at, last = looked_at + 1, key
        if _kept(*seen, listing, request):
            shown.append(seen)
    answer: Answer = {listing.result: [summary for summary, _ in shown]}
    return {**answer, "NextToken": token} if token else answer


def _ordered(
    table: SimulatedTable, listing: ListOperation, sort: str, start: _Key | None, descending: bool
) -> Iterator[tuple[_Key, SimulatedResource]]:
    keys: list[Any]
    if sort == "CreationTime":
        keys = table.creation
    elif sort == "Name":
        keys = table.names
    else:
        value = listing.sorts.get(sort, _status)
        rows = table.by_name.values()
        keys = sorted((found, row.order, row.name) for row in rows if (found := value(row)) is not None)
    if descending:
        begin = len(keys) if start is None else bisect.bisect_left(keys, start)
        indexes = range(begin - 1, -1, -1)
    else:
        indexes = range(0 if start is None else bisect.bisect_right(keys, start), len(keys))
    for index in indexes:
        yield keys[index], table.by_name[keys[index][-1]]


def _status(resource: SimulatedResource) -> str:
    return resource.status


def _passes(resource: SimulatedResource, request: Answer) -> bool:
    """The filters that come before the cut. NameContains ignores case; bounds are taken as exclusive."""
    wanted = request.get("NameContains")
    return (
        (wanted is None or wanted.lower() in resource.name.lower())
        and resource.created > request.get("CreationTimeAfter", float("-inf"))
        and resource.created < request.get("CreationTimeBefore", float("inf"))
    )


def _kept(summary: Answer, modified: float, listing: ListOperation, request: Answer) -> bool:
    return (
        modified > request.get("LastModifiedTimeAfter", float("-inf"))
        and modified < request.get("LastModifiedTimeBefore", float("inf"))
        and all(value(summary) == request[name] for name, value in listing.equals.items() if request.get(name))
    )


def _encode(key: _Key, sort: str, descending: bool) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, descending, *key]).encode()).decode()


def _decode(token: str, sort: str, descending: bool) -> _Key:
    try:
        made_for, direction, *key = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        raise unverified("Invalid pagination token.") from None
    if (made_for, direction) != (sort, descending):
        raise unverified("The pagination token does not belong to this sort order.")
    return tuple(key)
