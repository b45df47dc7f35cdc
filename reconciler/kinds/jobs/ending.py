"""The end of a job's resource: whatever runs is stopped, and the resource goes when all of it is over."""

from __future__ import annotations

from datetime import timedelta

from reconciler.core.decision import Call, Decision, Pace, Phase, Watch
from reconciler.core.records.run import MISSING, Run
from reconciler.kinds.jobs.job_pass import JobPass

__all__ = ["end"]

_STOPPING_LOOK = timedelta(seconds=10)


def end(given: JobPass, current: Run | None, earlier: tuple[Run, ...]) -> Decision:
    """What is absent is over."""
    job, seen = given.job, given.seen
    runs = tuple(filter(None, (current, *earlier)))
    running = [run for run in runs if job.is_running(run)]
    # Never created, not ours, or created a moment ago by a request of which nobody saw the reply.
    unseen = [run for run in runs if not run.started and seen.misses(run) and given.unseen_for(run.requested_at)]
    stoppable = [run.name for run in running if run.status == "InProgress" and not seen.misses(run)]
    waiting = [run.name for run in runs if run in running or run in unseen]
    fields = given.carried()
    if current is not None and current.started and current.status != MISSING:
        fields |= {job.status_key: current.status}
    status = given.status(current, earlier, fields)
    if not waiting:
        return Decision(Phase.RELEASED, "Deleted", "", status)
    return Decision(
        Phase.ACTING if stoppable else Phase.WAITING,
        "Stopping",
        f"waiting for {', '.join(waiting)} to end",
        status,
        calls=tuple(Call(job.stop, {job.remote.name_key: name}) for name in stoppable),
        watches=tuple(Watch(job.remote.name, name, Pace.FAST) for name in waiting),
        look_again=_STOPPING_LOOK,
    )
