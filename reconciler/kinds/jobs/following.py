"""A run that was started, followed to its end: what a pass brought to light of it, and what that leads to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Decision, Difference, Notice, Pace, Phase
from reconciler.core.drift import projection
from reconciler.core.ownership import Owner, may_adopt
from reconciler.core.records.run import MISSING, Run
from reconciler.core.values import Answer, Json
from reconciler.kinds.jobs.job_pass import RUN_AGAIN, JobPass
from reconciler.kinds.jobs.observed import created_now, is_first_look
from reconciler.kinds.jobs.runs import ended
from reconciler.kinds.shared import resolved

__all__ = ["follow_run", "mirror", "refuse_edit", "with_replies"]

_OTHER = "other"


def with_replies(given: JobPass, run: Run) -> Run:
    """The run as the replies of this pass say, else as it was found."""
    job, this = given.job, given.this
    if (reply := this.reply(job.create)) and created_now(job, this, run) and not run.started:
        arn = str(reply.answer.get(job.remote.arn_key) or "")
        return replace(run, started_at=stamp(this.now), arn=arn, status="InProgress")
    if any(r.call.operation == job.stop and r.call.params[job.remote.name_key] == run.name for r in this.replies):
        return replace(run, status="Stopping")
    failure = this.failure
    if failure and failure.call.params.get(job.remote.name_key) == run.name and not failure.maybe_received:
        run = replace(run, requested_at="")
    found = given.seen.of(run)
    return _missed(given, run) if found is None else _found(given, run, found)


def _missed(given: JobPass, run: Run) -> Run:
    gone = given.job.is_running(run) and given.seen.misses(run)
    return replace(run, status=MISSING) if gone and not given.unseen_for(run.started_at) else run


def _found(given: JobPass, run: Run, found: Answer) -> Run:
    job = given.job
    if not run.started and (not _may_take(given, run) or given.seen.other_digest(run)):
        return run
    created, status = found.get("CreationTime"), str(found[job.remote.status_key])
    if run.started and run.status not in job.remote.over and status == "Stopped" and not job.limited(found):
        run = replace(run, stopped_by=_OTHER)
    run = replace(
        run,
        started_at=run.started_at or stamp(given.this.now),
        arn=str(found.get(job.remote.arn_key) or run.arn),
        creation_time=stamp(created) if created else run.creation_time,
        status=status,
    )
    return ended(run, found) if run.status in job.remote.over else run


def _may_take(given: JobPass, run: Run) -> bool:
    owner = given.seen.owners.get(run.name)
    return owner is Owner.US or (owner is not Owner.OTHER and may_adopt(given.this))


def follow_run(given: JobPass, run: Run, earlier: tuple[Run, ...]) -> Decision:
    """What is shown of a started run; nothing is sent."""
    job, this = given.job, given.this
    differences = _differences(given, run)
    if run.name in given.seen.contents:
        run = replace(run, differs="yes" if differences else "")
    found = given.seen.of(run) or {}
    fields = _legacy_fields(given, run, found)
    stands = this.drift.sift(differences).stands
    shown: dict[str, Json] = {
        "status": given.status(run, earlier, fields),
        "notices": _notices(given, run, found, quiet=bool(stands)),
        "watches": given.watches(run, earlier),
        "differences": stands,
    }
    match run.status:
        case "Completed":
            again = timedelta(seconds=30) if job.unsettled(fields) else None
            message = f"{run.name} completed{_before(given, run)}"
            return Decision(Phase.READY, "Completed", message, look_again=again, **shown)
        case "Failed":
            why = str(fields.get("additional") or "no reason was given")
            message = f"{run.name} failed and is not retried ({RUN_AGAIN}): {why}"
            return Decision(Phase.STALLED, "JobFailed", message, **shown)
        case "Stopped":
            return Decision(Phase.STALLED, "JobStopped", f"{run.name} was stopped; {RUN_AGAIN}", **shown)
        case "Missing":
            return Decision(Phase.STALLED, "ExternallyDeleted", _missing(run), **shown)
    if given.seen.misses(run):
        left = max(given.unseen_for(run.started_at), timedelta(seconds=1))
        return Decision(
            Phase.WAITING, "Confirming", f"SageMaker does not show {run.name} yet", look_again=left, **shown
        )
    return Decision(Phase.WAITING, "JobRunning", f"{run.name}: {fields.get('secondaryStatus') or run.status}", **shown)


_SKEW = timedelta(seconds=30)
"""How far the cluster's clock and SageMaker's may be apart. Only words depend on it."""


def _before(given: JobPass, run: Run) -> str:
    """Of a run that is older than the object: it was deleted and made anew, or the cluster was, and nothing runs again for that."""
    made = given.this.resource.metadata.get("creationTimestamp")
    if not made or not run.creation_time or moment(run.creation_time) + _SKEW >= moment(str(made)):
        return ""
    return f" before this object was made, and is not run again for it: {RUN_AGAIN}"


def refuse_edit(given: JobPass, run: Run, earlier: tuple[Run, ...], *, reason: str, why: str) -> Decision:
    """A refused edit leaves the legacy fields as they are; the run that was started is still followed."""
    return replace(follow_run(given, run, earlier), phase=Phase.STALLED, reason=reason, message=why)


def mirror(given: JobPass, run: Run) -> Decision:
    """Show a run that somebody else started and will end."""
    followed = follow_run(given, with_replies(given, run), ())
    running = tuple(watch for watch in followed.watches if watch.pace is Pace.FAST)
    return replace(followed, watches=running, differences=())


def _legacy_fields(given: JobPass, run: Run, found: Answer) -> dict[str, Json]:
    job, this = given.job, given.this
    same = this.past.get(job.status_name) == run.name
    before = this.past.get(job.status_key) if same else None
    fields = {
        **(given.carried() if same else {}),
        job.status_key: before if run.status == MISSING else run.status,
        job.status_name: run.name,
    }
    if not job.is_over(run):
        fields["additional"] = ""
    if found or this.reply(job.create):
        fields |= job.legacy_fields(this, run.name, found)
    said = str(this.past.get("additional") or "")
    if same and said and is_first_look(this) and str(fields.get("additional") or "").startswith(said):
        fields["additional"] = said  # in the words of the archived operator, which had fewer for a processing job
    return fields


def _differences(given: JobPass, run: Run) -> list[Difference]:
    """What somebody else did to the run, or had made of it before it was adopted. None of it is ever corrected: that would
    be another run. That a finished job is gone is no drift.
    """
    job, this = given.job, given.this
    differences: list[Difference] = []
    if run.status == MISSING:
        path = f"/status/{job.status_name}"
        differences.append(Difference("sagemaker", path, run.name, "(deleted)", gone=True, stuck=RUN_AGAIN))
    if run.status == "Stopped" and run.stopped_by == _OTHER:
        path = f"/status/{job.status_key}"
        differences.append(Difference("sagemaker", path, "Completed", run.status, stuck=RUN_AGAIN))
    described = given.seen.contents.get(run.name)
    refs = resolved(this)
    if described is not None and not refs.waits:
        differences += projection.differences(this.shape, refs.spec, described, RUN_AGAIN)
    return differences


def _missing(run: Run) -> str:
    return f"{run.name} was started and is gone from SageMaker; it is not run again by itself: {RUN_AGAIN}"


def _notices(given: JobPass, run: Run, found: Answer, *, quiet: bool) -> tuple[Notice, ...]:
    """`quiet`: without an Event, for drift reports already that it is gone."""
    kind = given.job.kind
    before = Run.parse(given.this.past.get("run"))
    same = before.name == run.name
    if same and before.status == run.status and before.started:
        return ()
    match run.status:
        case "InProgress" if not (same and before.started):
            return (Notice("Normal", "JobStarted", f"{kind} {run.name} was started"),)
        case "Completed":
            return (Notice("Normal", "JobCompleted", f"{kind} {run.name} completed"),)
        case "Failed":
            why = found.get("FailureReason") or "no reason was given"
            return (Notice("Warning", "JobFailed", f"{run.name}: {why}"),)
        case "Stopped":
            return (Notice("Warning", "JobStopped", f"{kind} {run.name} was stopped"),)
        case "Missing" if not quiet:
            return (Notice("Warning", "ExternallyDeleted", _missing(run)),)
    return ()
