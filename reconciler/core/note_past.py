"""What notes tell of jobs that ran: so that a cluster whose status was lost does not pay for them again.

Read by `runtime/trained.py`, asked by `kinds/job.py`. Lines of other clusters, of other events and broken ones are passed over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.conditions import moment, stamp
from reconciler.core.note import Event
from reconciler.core.note_text import parse_line
from reconciler.core.resource import Key

NEEDLE = f'"event":"{Event.JOB_STARTED}"'
"""Text that every line looked for contains."""


@dataclass(frozen=True)
class Started:
    """A `JobStarted` line: under which name, and when."""

    job: str
    at: str
    arn: str = ""
    token: str = ""


def started(lines: Iterable[str], cluster: str) -> Mapping[Key, Mapping[str, Started]]:
    """By object, and then by the digest of what ran."""
    found: defaultdict[Key, dict[str, Started]] = defaultdict(dict)
    for text in lines:
        line = parse_line(text)
        if line is None or line.event != Event.JOB_STARTED or line.data.get("cluster") != cluster:
            continue
        kind, namespace, name, job, content, arn, token = (
            str(line.data.get(key) or "") for key in ("kind", "namespace", "name", "job", "content", "arn", "token")
        )
        try:
            at = stamp(moment(line.at))
        except ValueError:
            continue
        if job and content:
            found[Key(kind, namespace, name)].setdefault(content, Started(job, at, arn, token))
    return found
