"""What to do about a job: one decision per pass, from its recorded runs, what was seen of them, and what the spec asks for."""

from __future__ import annotations

from functools import partial
from typing import Any

from reconciler.core.decision import Decision
from reconciler.core.kind import Kind, Pass, View
from reconciler.core.records.run import RunRecords
from reconciler.core.resource import Annotation
from reconciler.core.schema.declaration import Schema
from reconciler.core.takeover import remembering
from reconciler.kinds.jobs import declaration
from reconciler.kinds.jobs.ending import end
from reconciler.kinds.jobs.following import follow_run, refuse_edit, with_replies
from reconciler.kinds.jobs.job_pass import JobPass
from reconciler.kinds.jobs.job_type import JobType
from reconciler.kinds.jobs.observed import JobObserved, look_back, observe
from reconciler.kinds.jobs.runs import as_written, desired_run, recorded_runs, same_content, was_taken_over
from reconciler.kinds.jobs.starting import confirm_create, failing, go_to, start
from reconciler.kinds.shared import unchangeable

__all__ = ["decide", "followed", "job_kind"]


def decide(job: JobType, this: Pass, seen: JobObserved) -> Decision:
    found = _found_again(job, this, seen)
    return remembering(_decide(job, found, seen), found)


def _found_again(job: JobType, this: Pass, seen: JobObserved) -> Pass:
    """An object that was made anew, of a job that was taken over under the one before: its tag says so, or a note. A name in
    the spec is that job's: under another one the same content is somebody's wish for another job.
    """
    if this.taken:
        return this
    name = str(this.spec.get(job.spec_name) or "")
    for taken, digest in was_taken_over(this):
        noted = (this.past_runs or {}).get(digest)
        names = {found for found, tagged in seen.digests.items() if tagged == digest} | (
            {noted.job} if noted else set()
        )
        if name in names or (names and not name):
            return taken
    return this


def _decide(job: JobType, this: Pass, seen: JobObserved) -> Decision:
    given = JobPass(job, this, seen)
    recorded = recorded_runs(job, this)
    current = recorded.current and with_replies(given, recorded.current)
    earlier = tuple(with_replies(given, run) for run in recorded.earlier)
    if this.resource.deleting:
        return end(given, current, earlier)
    if current is not None and not current.started:
        return confirm_create(given, current, earlier)
    desired = desired_run(job, this, current, earlier)
    if current is None:
        return start(given, desired, earlier)
    if desired.digest == current.digest:
        return follow_run(given, current, earlier)
    if current.region and desired.region != current.region:
        why = unchangeable(f"/spec/region was {current.region}")
        return refuse_edit(given, current, earlier, reason="IdentityChanged", why=why)
    if this.on_change == "Reject" and not same_content(this, current):
        why = (
            "the spec of a job that ran cannot change: change it back, make a new object, "
            f"or annotate {Annotation.ON_CHANGE}: Run"
        )
        return refuse_edit(given, current, earlier, reason="ImmutableFieldChanged", why=why)
    return go_to(given, desired, (current, *earlier))


def followed(job: JobType, this: Pass, seen: JobObserved) -> Decision | None:
    """What `look_back` saw, as status says. None: no run was started."""
    given, recorded = JobPass(job, this, seen), RunRecords.parse(this.past)
    if recorded.current is None or not recorded.current.started:
        return None
    current, *earlier = (with_replies(given, run) for run in recorded)
    return follow_run(given, current, tuple(earlier))


def _follow(job: JobType, view: View, this: Pass) -> Decision | None:
    return followed(job, this, look_back(job, view, this))


def job_kind(schema: Schema, job: JobType) -> Kind[Any]:
    """A custom resource whose life is this one; a kind that sees more than a `JobObserved` replaces what looks and decides."""
    return Kind(
        schema,
        observe=partial(observe, job),
        decide=partial(decide, job),
        failing=partial(failing, job),
        as_written=partial(as_written, job),
        remotes=(job.remote,),
        keys=job.keys,
        records=declaration.records,
        earlier=declaration.earlier,
        shown=partial(declaration.shown, job.remote.name, job.keys),
        owners=lambda seen: seen.owners,
        follow=partial(_follow, job),
    )
