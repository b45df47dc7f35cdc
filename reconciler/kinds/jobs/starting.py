"""A run that is to be started, and one whose create may have been received: nothing is ever started twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reconciler.core.conditions import stamp
from reconciler.core.decision import Call, Decision, Notice, Phase
from reconciler.core.errors import ConflictError, DependencyError, ReconcileError, TransientError
from reconciler.core.notes.note import commit_of
from reconciler.core.ownership import Owner, adoption_refusal, tags_for
from reconciler.core.records.run import Run
from reconciler.core.references import NOT_READY
from reconciler.core.schema.shapes import to_request
from reconciler.core.values import Json, Status
from reconciler.kinds import awaited
from reconciler.kinds.jobs.following import follow_run
from reconciler.kinds.jobs.job_pass import JobPass
from reconciler.kinds.jobs.job_type import JobType
from reconciler.kinds.jobs.runs import desired_run, kept
from reconciler.kinds.shared import FOREIGN_LOOK, SYNCHRONIZING, resolved

__all__ = ["confirm_create", "failing", "go_to", "start"]

_NOTES_LOOK = timedelta(seconds=5)
_TAKEN_LOOK = timedelta(seconds=5)


def confirm_create(given: JobPass, run: Run, earlier: tuple[Run, ...]) -> Decision:
    """A create went out, or may have: what came of it is not known until the service says so."""
    this, desired = given.this, desired_run(given.job, given.this, run, earlier)
    found = given.seen.of(run)
    if found is not None and (digest := given.seen.other_digest(run)):
        # Status was lost: the name shows an earlier run, so this content goes by a later run's name.
        lost = replace(
            run,
            digest=digest,
            token="",
            started_at=stamp(this.now),
            arn=str(found.get(given.job.remote.arn_key) or ""),
            status=str(found[given.job.remote.status_key]),
            creation_time=stamp(found["CreationTime"]),
        )
        return go_to(given, desired_run(given.job, this, None, (lost,)), (lost, *earlier))
    if desired.digest == run.digest:
        return _as_desired(given, run, earlier, taken=found is not None)
    left = given.unseen_for(run.requested_at)
    if found is None and left:
        why = f"{run.name} may have been created a moment ago; the changed content waits until that is certain"
        return _confirming(given, run, earlier, why, left)
    if desired.region != run.region:
        # Nothing was made: forget it, and begin again where the spec wants it.
        why = f"nothing exists in {run.region}; it is started in {desired.region}"
        return _confirming(given, None, earlier, why, timedelta(0))
    return go_to(given, desired, earlier)


def _as_desired(given: JobPass, run: Run, earlier: tuple[Run, ...], *, taken: bool) -> Decision:
    """The create that is still wanted; `taken`: its name is somebody else's."""
    this = given.this
    if taken:
        reason, message = adoption_refusal(this, run.name, given.seen.owners.get(run.name, Owner.UNKNOWN))
        status = given.status(run, earlier)
        return Decision(Phase.STALLED, reason, message, status, look_again=FOREIGN_LOOK)
    if this.failure and isinstance(this.failure.error, ConflictError):
        # The create said taken, the describe says absent: one of them read too early.
        return _confirming(given, run, earlier, f"{run.name} is taken but cannot be seen yet", _TAKEN_LOOK)
    return start(given, run, earlier)


def _confirming(given: JobPass, run: Run | None, earlier: tuple[Run, ...], why: str, again: timedelta) -> Decision:
    return Decision(
        Phase.WAITING,
        "Confirming",
        why,
        given.status(run, earlier),
        watches=given.watches(run, earlier),
        look_again=again,
    )


def go_to(given: JobPass, desired: Run, others: tuple[Run, ...]) -> Decision:
    """Content that ran before goes back to its run and starts nothing; other content is a new run."""
    ran = next((run for run in others if run.digest == desired.digest and run.started), None)
    others = kept(given.job, tuple(run for run in others if run is not ran))
    return follow_run(given, ran, others) if ran else start(given, desired, others)


def start(given: JobPass, run: Run, earlier: tuple[Run, ...]) -> Decision:
    """Ask for a run that the notes do not know, once all that it refers to is there. While nothing may be sent the record of
    the run is shown all the same, and what ran before is not followed.
    """
    if noted := _noted(given, run, earlier):
        return noted
    refs = resolved(given.this)
    if refs.waits:
        decision = _await(given, run, earlier, refs.why)
    elif given.seen.lacks:
        decision = _await_models(given, run, earlier)
    else:
        decision = _create(given, run, earlier)
    unsent = Decision(Phase.STALLED, "", "", given.status(run, earlier), watches=given.watches(run, earlier))
    return replace(decision, unsent=unsent)


def _noted(given: JobPass, run: Run, earlier: tuple[Run, ...]) -> Decision | None:
    """What the notes in Git say of a run that is about to be started: status may have been lost, or be older, or remember no run
    that is so long ago. What is gone from SageMaker since is then missing, and not run again.
    """
    if given.this.past_runs is None:
        waiting = _await(given, run, earlier, "the notes that say what ran before are not read yet")
        return replace(waiting, reason="Confirming", look_again=_NOTES_LOOK)
    noted = given.this.past_runs.get(run.digest)
    if noted is None:
        return None
    run = replace(run, name=noted.job, arn=noted.arn, started_at=noted.at, status="InProgress")
    followed = follow_run(given, run, earlier)
    message = f"{run.name} ran before, say the notes in Git: it is not started again"
    return replace(followed, notices=(Notice("Normal", "JobRemembered", message),))


def _create(given: JobPass, run: Run, earlier: tuple[Run, ...]) -> Decision:
    """The record goes to status first, then the create goes out."""
    job, this = given.job, given.this
    refs = resolved(this)
    run = replace(run, requested_at=stamp(this.now), commit=commit_of(this.resource))
    params = {
        **to_request(this.shape, refs.spec, job.create),
        job.remote.name_key: run.name,
        "Tags": tags_for(this, run=run.digest),
    }
    fields = {job.status_key: SYNCHRONIZING, job.status_name: run.name, "references": refs.records()}
    return Decision(
        Phase.ACTING,
        "Starting",
        f"asking SageMaker for {run.name}",
        status=given.status(run, earlier, fields),
        calls=(Call(job.create, params),),
        watches=given.watches(run, earlier),
    )


def _await(given: JobPass, run: Run, earlier: tuple[Run, ...], why: str) -> Decision:
    """A run waits for what it refers to; the one before it is followed meanwhile."""
    recorded = Run.parse(given.this.past.get("run")).name
    if earlier and earlier[0].started and earlier[0].name == recorded:
        followed = follow_run(given, earlier[0], earlier[1:])
        return replace(followed, phase=Phase.WAITING, reason=NOT_READY, message=why)
    status = given.status(run if run.name == recorded else None, earlier)
    return Decision(Phase.WAITING, NOT_READY, why, status, watches=given.watches(None, earlier))


def _await_models(given: JobPass, run: Run, earlier: tuple[Run, ...]) -> Decision:
    """In the archived operator's words this is an error."""
    names = given.seen.lacks
    waiting = _await(given, run, earlier, awaited.why(names))
    return replace(
        waiting,
        status=failing(given.job, waiting.status, ReconcileError(waiting.message)),
        watches=(*waiting.watches, *awaited.watches(names)),
        look_again=awaited.AGAIN,
    )


def failing(job: JobType, past: Status, error: ReconcileError) -> dict[str, Json]:
    """Legacy fields while an error stands in the way: the text in `additional`, the status only before the start.
    What a finished job left there, the reason of its failure, stays.
    """
    run = Run.parse(past.get("run"))
    if not run.started:
        passing = isinstance(error, (TransientError, DependencyError)) or type(error) is ReconcileError
        said = job.working if passing else job.refused or job.working
        return {**past, "additional": str(error), job.status_key: said}
    return dict(past) if job.is_over(run) else {**past, "additional": str(error)}
