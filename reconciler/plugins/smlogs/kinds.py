"""Which resources have logs, and where: names, log groups and streams, what status says. Pure.

Streams (SM-163): `<job>/<host>` for jobs, `<variant>/<instance>` in a group of its own for an endpoint.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from reconciler.core.conditions import STALLED
from reconciler.core.kind import Kind, Logs
from reconciler.core.records.run import MISSING, Run, RunRecords
from reconciler.core.resource import Resource
from reconciler.core.values import Status
from reconciler.kinds import CATALOG

_OVER = frozenset({"Completed", "Failed", "Stopped", MISSING})
"""The last is this service's word, in its own record, for a job that others deleted."""


@dataclass(frozen=True)
class LogKind:
    """A kind whose objects have logs."""

    declared: Kind[Any]
    logs: Logs

    @property
    def kind(self) -> str:
        return self.declared.name

    @property
    def plural(self) -> str:
        return self.declared.schema.plural

    @property
    def noun(self) -> str:
        """What SageMaker calls the name of the job or endpoint; in the header, as the archived plugin wrote it."""
        return self.declared.remote.name_key


KINDS: tuple[LogKind, ...] = tuple(LogKind(kind, kind.logs) for kind in CATALOG.kinds if kind.logs)


def kind_named(text: str) -> LogKind | None:
    """The kind by any of its names, in any capitalisation, with or without the API group behind it."""
    wanted = text.partition(".")[0].lower()
    return next((kind for kind in KINDS if wanted in (kind.kind.lower(), kind.plural)), None)


@dataclass(frozen=True)
class Subject:
    """What a resource says about the remote object whose logs are wanted."""

    uid: str
    name: str
    """SageMaker's name; empty while there is none."""
    region: str
    status: str
    secondary: str = ""
    over: bool = False
    """It will write nothing more."""
    hopeless: str = ""
    """Why there will be no job unless somebody acts; only while there never was one."""


def subject(kind: LogKind, resource: Resource, job: str = "") -> Subject:
    """What the resource says now; with `job`, about that job even when the resource has gone on to another one."""
    status, keys, is_job = resource.status, kind.declared.keys, kind.declared.is_job
    name = str(status.get(keys.name) or resource.spec.get(keys.spec_name) or "")
    runs = RunRecords.parse(status if is_job else {})
    record = runs.current or Run()
    said = str(status.get(keys.status) or "")
    if job and name and name != job:
        record = next((run for run in runs.earlier if run.name == job), Run(status=MISSING))
        name, said = job, record.status
    elif record.status == MISSING:
        said = MISSING
    never_ran = is_job and said not in {"InProgress", "Stopping", *_OVER} and not record.started
    return Subject(
        uid=resource.uid,
        name=name or job,
        region=str(record.region or kind.declared.region(status) or resource.spec.get("region") or ""),
        status=said,
        secondary=str(status.get(keys.secondary) or ""),
        over=is_job and said in _OVER,
        hopeless=_stalled(status) if never_ran else "",
    )


def _stalled(status: Status) -> str:
    conditions = [row for row in status.get("conditions") or () if row.get("type") == STALLED]
    stalled = next((row for row in conditions if row.get("status") == "True"), None)
    return f"{stalled.get('reason')}: {stalled.get('message')}" if stalled else ""


def header(kind: LogKind, resource_name: str, seen: Subject) -> str:
    """The archived plugin's line on stderr, word for word, also for the kinds it did not know."""
    begin = (
        f'"{resource_name}" has SageMaker {kind.noun} "{seen.name}" in region "{seen.region}", status "{seen.status}"'
    )
    return f'{begin} and secondary status "{seen.secondary}"' if kind.declared.keys.secondary else begin


@dataclass(frozen=True)
class Query:
    """What FilterLogEvents is asked for."""

    group: str
    prefix: str
    """Of stream names; empty for all of the group."""
    streams: re.Pattern[str] | None = None
    """When the prefix alone lets too much through."""

    def holds(self, stream: str) -> bool:
        return self.streams is None or self.streams.match(stream) is not None


def query(kind: LogKind, name: str, search: str) -> Query:
    """Logs of one job or endpoint, narrowed by what its streams' names go on with.

    A job's prefix ends in a slash: `job1` alone would also show `job10`. The children of a tuning job are found by their
    names, `<tuning job>-<number>-<8 hex digits>`: one query shows them all, and new ones as they appear, where listing them
    would cost a call per child and poll and a right of its own.
    """
    group = kind.logs.group.format(name=name)
    if group != kind.logs.group:
        return Query(group, search)
    if kind.logs.of_children:
        children = re.compile(rf"{re.escape(name)}-[0-9]{{3,}}-[0-9a-f]{{8}}/")
        return Query(group, f"{name}-{search}", children)
    return Query(group, f"{name}/{search}")
