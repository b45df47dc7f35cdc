"""What one decision about a job depends on, and the parts of every decision: status and watches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from reconciler.core.decision import Pace, Watch
from reconciler.core.kind import Pass
from reconciler.core.records.remote_object import read_lag
from reconciler.core.records.run import Run, RunRecords
from reconciler.core.resource import Annotation
from reconciler.core.status import kept
from reconciler.core.values import Json, JsonObject
from reconciler.kinds.jobs.job_type import JobType
from reconciler.kinds.jobs.observed import JobObserved
from reconciler.kinds.shared import SYNCHRONIZING

__all__ = ["RUN_AGAIN", "JobPass"]

RUN_AGAIN = f"annotate {Annotation.RUN}: <a new token> (kubectl sagemaker rerun) to run it again"


@dataclass(frozen=True)
class JobPass:
    job: JobType
    this: Pass
    seen: JobObserved

    def unseen_for(self, since: str) -> timedelta:
        """How much longer what was asked for then may be missing from reads."""
        return read_lag(since, self.this.now)

    def carried(self) -> dict[str, Json]:
        """The legacy fields as they stand in status: everything that is no record or rendered again."""
        carried = {key: value for key, value in kept(self.this.past).items() if key not in ("run", "runs")}
        carried.setdefault(self.job.status_key, SYNCHRONIZING)
        return carried

    def status(self, run: Run | None, earlier: Sequence[Run], fields: JsonObject | None = None) -> dict[str, Json]:
        """The kind's status fields; without `fields` the legacy ones stay as they are."""
        legacy = self.carried() if fields is None else fields
        return {**legacy, **RunRecords(run, tuple(earlier)).record()}

    def watches(self, run: Run | None, earlier: Sequence[Run]) -> tuple[Watch, ...]:
        """What runs, at the fast pace; of what has ended only the tags may still move."""
        remote = self.job.remote
        running = (one for one in (run, *earlier) if one and self.job.is_running(one))
        ended = [Watch(remote.name, run.name, Pace.SLOW)] if run and run.status in remote.over else []
        return (*(Watch(remote.name, one.name, Pace.FAST) for one in running), *ended)
