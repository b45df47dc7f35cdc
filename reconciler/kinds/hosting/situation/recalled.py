"""What the notes in Git tell of content that SageMaker would not have: status was lost, or is older than they are.

A note's line counts once, when it comes into history: a `retry` that releases the content afterwards is not undone by it.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.aws.evidence import is_passing
from reconciler.core.conditions import moment
from reconciler.core.records.history import History, HistoryEntry
from reconciler.core.records.quarantine import Quarantine
from reconciler.core.values import JsonObject

__all__ = ["recalled"]


def recalled(quarantine: Quarantine, before: History, after: History, notes: Iterable[JsonObject]) -> Quarantine:
    """The quarantine with the last verdict of the notes on each content. `before` and `after`: history without them and with."""
    come = tuple(entry for entry in after.entries if entry not in before.entries)
    if not come:
        return quarantine
    # Where history began with them, also of those that it has no room for.
    every = come if before.entries else History.parse(tuple(notes)).entries
    for entry in reversed(tuple(_last_verdicts(every))):
        known = quarantine.of(entry.content)
        if entry.succeeded:
            older = known is not None and known.since <= entry.finished_at
            quarantine = quarantine.released(entry.hash)[0] if older else quarantine
        elif known is None:
            of = f"#{entry.id}" + (f" ({entry.source.short})" if entry.source.short else "")
            reason = f"the note of {of} tells {entry.result}: {entry.reason or 'no reason was given'}"
            at = moment(entry.finished_at)
            quarantine = quarantine.added(entry.content, reason, at, revision=entry.revision, commit=entry.commit)
    return quarantine


def _last_verdicts(entries: Iterable[HistoryEntry]) -> Iterable[HistoryEntry]:
    """Of each content the newest entry that says something of it, newest first. What failed for no fault of its own says nothing."""
    seen: set[str] = set()
    for entry in sorted(entries, key=lambda entry: entry.id, reverse=True):
        failed = entry.result in ("RolledBack", "Failed")
        if entry.hash not in seen and (entry.succeeded or (failed and not is_passing(entry.reason))):
            seen.add(entry.hash)
            yield entry
