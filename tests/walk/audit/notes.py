"""The lines themselves: whole, of the right cluster, each event once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.walk.audit.books import Books, about
from tests.walk.audit.finding import Finding


def well_formed(books: Books) -> Iterator[Finding]:
    names = {f"refs/notes/sagemaker-gitops/{name}": (name, space) for name, space in books.record.clusters.values()}
    for line in books.record.lines:
        if line.ref not in names:
            yield Finding("note-ref", f"{line.ref} is no cluster's", line.when)
        elif not line.said:
            yield Finding("note-line", f"on {line.commit[:7]}: {line.text[:120]!r} is no line of ours", line.when)
        elif (line.said.get("cluster"), line.said.get("namespace")) != names[line.ref]:
            yield Finding("note-cluster", f"{line.ref} tells of {line.said.get('cluster')} {about(line)}", line.when)


def once(books: Books) -> Iterator[Finding]:
    """One id is on one commit of a ref."""
    told: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in books.record.lines:
        told[line.ref, str(line.said.get("id"))].add(line.commit)
    event = {(line.ref, str(line.said.get("id"))): line for line in books.record.lines}
    for what, commits in told.items():
        if len(commits) > 1:
            line = event[what]
            where = ", ".join(sorted(commit[:7] for commit in commits))
            yield Finding("note-twice", f"{line.said.get('event')} of {about(line)} {what[1]} is on {where}", line.when)


def ends(books: Books) -> Iterator[Finding]:
    """A rollout that began has one end at most, and none ends that did not begin."""
    begun = {(about(line), line.said.get("rollout"), line.said.get("hash")) for line in books.of("RolloutStarted")}
    ended: dict[object, list[str]] = defaultdict(list)
    for event in ("RolloutSucceeded", "RolloutRolledBack", "RolloutFailed", "RolloutSuperseded"):
        for line in books.of(event):
            ended[about(line), line.said.get("rollout"), line.said.get("hash"), line.said.get("id")].append(event)
            if (about(line), line.said.get("rollout"), line.said.get("hash")) not in begun:
                what = f"{about(line)} #{line.said.get('rollout')} {line.said.get('endpointConfig')}"
                yield Finding("rollout-ends", f"{event} of {what}, which never began", line.when)


RULES = (well_formed, once, ends)
