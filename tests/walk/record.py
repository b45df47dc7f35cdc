"""What was seen from outside: calls, objects, notes, commits, and what there was at rest. JSON lines, so that it can be audited again.

All times `at` are seconds of this machine's clock, taken when the recorder saw it: at most a look (`recorder.LOOK_S`) late.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple


class Name(NamedTuple):
    """An object of one cluster, which is told by its namespace: each cluster of a walk has one of its own."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Call:
    """A row of the request log about a call that changes something."""

    at: float
    id: int
    service: str
    op: str
    key: str
    code: str
    effect: bool
    caller: str
    input: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """An object as the API server showed it, or, with an empty body, that it was gone."""

    at: float
    kind: str
    namespace: str
    name: str
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def of(self) -> Name:
        return Name(self.kind, self.namespace, self.name)


@dataclass(frozen=True)
class Line:
    """One line of a note: on which commit, in which notes ref; `text` where it is no JSON."""

    at: float
    ref: str
    commit: str
    said: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""

    @property
    def when(self) -> float:
        """What the line says, in whole seconds: it may have waited long for Git."""
        try:
            return datetime.fromisoformat(str(self.said.get("at"))).timestamp()
        except ValueError:
            return self.at


@dataclass(frozen=True)
class Head:
    """The branch was at this commit, whose manifests these are: (path, manifest)."""

    at: float
    commit: str
    manifests: tuple[tuple[str, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True)
class Remote:
    """A remote object that was there at rest; `described` is SageMaker's answer to a Describe of an endpoint or a job."""

    at: float
    kind: str
    name: str
    status: str
    tags: Mapping[str, str]
    described: Mapping[str, Any] = field(default_factory=dict)


_SORTS: Mapping[str, Any] = {one.__name__: one for one in (Call, Seen, Line, Head, Remote)}


@dataclass
class Record:
    """In the order in which it was seen. `clusters`: access key -> (cluster name, namespace), of the services under audit."""

    clusters: dict[str, tuple[str, str]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    remotes: list[Remote] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What the recorder could not read: an audit of half a record proves nothing."""

    def write(self, path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            file.write(json.dumps({"sort": "Record", "clusters": self.clusters, "problems": self.problems}) + "\n")
            entries: list[Any] = [*self.calls, *self.seen, *self.lines, *self.heads, *self.remotes]
            for entry in entries:
                file.write(json.dumps({"sort": type(entry).__name__, **asdict(entry)}) + "\n")

    @classmethod
    def read(cls, path: Path) -> Record:
        found = cls()
        lists: dict[str, list[Any]] = {
            "Call": found.calls,
            "Seen": found.seen,
            "Line": found.lines,
            "Head": found.heads,
            "Remote": found.remotes,
        }
        for row in _rows(path):
            sort = row.pop("sort")
            if sort == "Record":
                found.clusters = {key: (name, namespace) for key, (name, namespace) in row["clusters"].items()}
                found.problems = row["problems"]
                continue
            known = {one.name for one in fields(_SORTS[sort])}
            lists[sort].append(_SORTS[sort](**{name: value for name, value in row.items() if name in known}))
        return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file)
