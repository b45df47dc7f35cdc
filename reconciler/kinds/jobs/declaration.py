"""What the rest of the project reads of a job's status: its runs, and how people see them."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.kind import Shown, StatusKeys
from reconciler.core.records.run import MISSING, Run
from reconciler.core.values import Status

__all__ = ["earlier", "records", "shown"]


def records(status: Status) -> tuple[Run, ...]:
    """The run that the object stands for."""
    return (Run.parse(status["run"]),) if status.get("run") else ()


def earlier(status: Status) -> tuple[Run, ...]:
    return tuple(Run.parse(run) for run in status.get("runs") or ())


def shown(remote: str, keys: StatusKeys, status: Status) -> Iterator[Shown]:
    """The job, with its secondary status where that says more. `remote` is SageMaker's word for the sort of job."""
    run = next(iter(records(status)), Run())
    name, said = str(status.get(keys.name) or run.name), str(status.get(keys.status) or "")
    secondary = str(status.get(keys.secondary) or "")
    if name:
        missing = run.status == MISSING
        yield Shown(remote, name, MISSING if missing else said, secondary if secondary != said else "")
