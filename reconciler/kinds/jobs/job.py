"""The one life of every job kind: a run is started once, followed to its end, and stopped when its resource goes.

Jobs cost money, so the rules are these (design 4, "Jobs cost money"):
- A run is identified by (content, run token). Its name, digest and token are in status before the create goes out.
- What is recorded is used later, never a recomputed name; a run recorded as started is never created again.
- Changed content is a new run, or refused; content that ran before goes back to its run and starts nothing.
- A failed job is never retried by itself.

    no record ──intent──> requested ──created, or found ours──> started ──> Completed | Failed | Stopped | Missing
                             │ reply lost: describe, then create again under the same name
                             │ other content wanted: only when it is certain that nothing was created
                             └ refused: stays refused until the request would be another one

What a run is called and remembered as is in `runs`; here is what is looked at and decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from reconciler.core import references
from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Call, Decision, Difference, Notice, Pace, Phase, Watch
from reconciler.core.drift import projection
from reconciler.core.errors import ConflictError, ReconcileError
from reconciler.core.kind import Kind, Pass, View, seen_in_pass
from reconciler.core.naming import RUN_TAG
from reconciler.core.notes.note import commit_of
from reconciler.core.ownership import Owner, adoption_refusal, judge, may_adopt, tags_for
from reconciler.core.resource import Annotation
from reconciler.core.schema.declaration import Schema
from reconciler.core.schema.shapes import to_request
from reconciler.kinds import awaited
from reconciler.kinds.jobs.runs import MISSING, JobType, Run, as_written, kept, runs_of, same_content, wanted

__all__ = [
    "JobType",
    "Seen",
    "as_written",
    "decide",
    "failing",
    "follow",
    "followed",
    "look_back",
    "mirror",
    "observe",
]

SYNCHRONIZING = "SynchronizingK8sJobWithSageMaker"
_SECOND_LOOK = timedelta(seconds=60)
"""Younger things may be missing from a read that came too early (design 4, "Reading SageMaker")."""
_OTHER = "other"
_FOREIGN_LOOK = timedelta(minutes=10)
_NOTES_LOOK = timedelta(seconds=5)
_RUN_AGAIN = f"annotate {Annotation.RUN}: <a new token> to run it again"


@dataclass(frozen=True)
class Seen:
    """News by job name: a mapping (summary or description), or None for confirmed absent. No key: no news."""

    news: Mapping[str, Mapping[str, Any] | None]
    owners: Mapping[str, Owner] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    """Of what was found under the name of a run that is not yet known to be started: the digest in its tags."""
    contents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Descriptions of what was adopted, where they may not be as the spec says."""
    lacks: tuple[str, ...] = ()
    """Models that the spec names and that are not there."""


def observe(job: JobType, view: View, this: Pass) -> Seen:
    current, older = runs_of(job, this)
    news: dict[str, Mapping[str, Any] | None] = {}
    owners: dict[str, Owner] = {}
    digests: dict[str, str] = {}
    contents: dict[str, Mapping[str, Any]] = {}
    gone_back_to = None if current is None else wanted(job, this, current, older).digest
    for run in filter(None, (current, *older)):
        over = run.status in (*job.remote.over, MISSING)
        if _just_created(job, this, run):
            continue
        if not run.started or (this.doubt and run is current):
            found = news[run.name] = view.describe(job.remote.name, run.name, fresh=True)
            if found is not None:
                tags = view.tags(found[job.remote.arn_key])
                owners[run.name] = judge(this, run.name, tags, identity=run.digest)
                digests[run.name] = (tags or {}).get(RUN_TAG, "")
                if not run.started and owners[run.name] is not Owner.US:
                    contents[run.name] = found
        elif over and run is current and (job.unsettled(this.past) or _told_by_a_word_of_its_own(job, run)):
            news[run.name] = view.describe(job.remote.name, run.name, fresh=True)
        elif over and run is not current and run.digest == gone_back_to:
            news[run.name] = view.describe(job.remote.name, run.name)
        elif not over:
            _follow(job, view, run, news)
        if run is current and run.differs and (described := view.describe(job.remote.name, run.name)):
            contents[run.name] = described
    lacks = awaited.lacking(view, this, _references(this), job.create, job.needs)
    return Seen(news, owners, digests, contents, lacks)


def _references(this: Pass) -> references.Resolved:
    return references.resolve(this.shape, this.spec, this.resource.namespace, this.others)


def look_back(job: JobType, view: View, this: Pass) -> Seen:
    """What there is of the recorded runs. That something is absent is for a pass to say that knows where to look."""
    current, older = _recorded(this)
    news: dict[str, Mapping[str, Any] | None] = {}
    for run in filter(None, (current, *older)):
        if run.started and run.status not in (*job.remote.over, MISSING):
            _follow(job, view, run, news)
        elif run is current and run.started and job.unsettled(this.past):
            news[run.name] = view.describe(job.remote.name, run.name, fresh=True)
    return Seen({name: found for name, found in news.items() if found is not None})


def _recorded(this: Pass) -> tuple[Run | None, tuple[Run, ...]]:
    run, runs = this.past.get("run"), this.past.get("runs") or ()
    return Run.parse(run) if run else None, tuple(map(Run.parse, runs))


def followed(job: JobType, this: Pass) -> Decision | None:
    """What `look_back` saw, as status tells it."""
    current, older = _recorded(this)
    if current is None or not current.started:
        return None
    return _settle(job, this, _told(job, this, current), tuple(_told(job, this, run) for run in older))


def follow(job: JobType, view: View, this: Pass) -> Decision | None:
    return followed(job, replace(this, seen=look_back(job, view, this)))


def _told_by_a_word_of_its_own(job: JobType, run: Run) -> bool:
    """The archived operator said `Failed` of a transform job also when it could not ask for it or would not have an edit:
    whatever SageMaker says of the job is the truth, and where it knows none, nothing is started.
    """
    return run.status == job.working and not run.creationTime


def _just_created(job: JobType, this: Pass, run: Run) -> bool:
    """The create's own reply is the best look there is; asking again would cost a call and might read too early."""
    reply = this.reply(job.create)
    return reply is not None and reply.call.params[job.remote.name_key] == run.name


def _follow(job: JobType, view: View, run: Run, news: dict[str, Mapping[str, Any] | None]) -> None:
    """News of a running job from the sweep; one Describe when it ended or seems to be gone."""
    summary = view.summary(job.remote.name, run.name)
    if summary is not None and summary[job.remote.status_key] not in job.remote.over:
        news[run.name] = summary
    elif summary is not None or view.unlisted(job.remote.name, run.name):
        news[run.name] = view.describe(job.remote.name, run.name, fresh=summary is None)


def _news(this: Pass, run: Run) -> Mapping[str, Any] | None:
    """What was found under the run's name; a thing made at another moment is not the run."""
    seen: Seen = this.seen
    found = seen.news.get(run.name)
    made = found and found.get("CreationTime")
    if made and run.creationTime and stamp(made) != run.creationTime:
        return None
    return found


def decide(job: JobType, this: Pass) -> Decision:
    current, older = runs_of(job, this)
    current = current and _told(job, this, current)
    older = tuple(_told(job, this, run) for run in older)
    if this.resource.deleting:
        return _end(job, this, current, older)
    if current is not None and not current.started:
        return _unstarted(job, this, current, older)
    target = wanted(job, this, current, older)
    if current is None:
        return _start(job, this, target, older) if older else _first(job, this, target)
    if target.digest == current.digest:
        return _settle(job, this, current, older)
    if current.region and target.region != current.region:
        why = f"/spec/region was {current.region} and cannot change: put it back, or delete this object and make a new one"
        return _refuse(job, this, current, older, reason="IdentityChanged", why=why)
    if this.on_change == "Reject" and not same_content(this, current):
        why = (
            "the spec of a job that ran cannot change: put it back, make a new object, "
            f"or annotate {Annotation.ON_CHANGE}: Run"
        )
        return _refuse(job, this, current, older, reason="ImmutableFieldChanged", why=why)
    return _go_to(job, this, target, (current, *older))


def _told(job: JobType, this: Pass, run: Run) -> Run:
    """The run with what was seen of it, and what a reply of this pass says."""
    seen: Seen = this.seen
    if (reply := this.reply(job.create)) and _just_created(job, this, run) and not run.started:
        arn = str(reply.answer.get(job.remote.arn_key) or "")
        return replace(run, startedAt=stamp(this.now), arn=arn, status="InProgress")
    if any(r.call.operation == job.stop and r.call.params[job.remote.name_key] == run.name for r in this.replies):
        return replace(run, status="Stopping")
    failure = this.failure
    if failure and failure.call.params.get(job.remote.name_key) == run.name and not failure.maybe_received:
        run = replace(run, requestedAt="")
    found = _news(this, run)
    if found is None:
        gone = run.started and run.name in seen.news and run.status not in (*job.remote.over, MISSING)
        return replace(run, status=MISSING) if gone and not _young(this, run.startedAt) else run
    if not run.started and (not _takes(this, run) or _earlier_content(this, run)):
        return run
    created, status = found.get("CreationTime"), str(found[job.remote.status_key])
    if run.started and run.status not in job.remote.over and status == "Stopped" and not job.limited(found):
        run = replace(run, stoppedBy=_OTHER)
    run = replace(
        run,
        startedAt=run.startedAt or stamp(this.now),
        arn=str(found.get(job.remote.arn_key) or run.arn),
        creationTime=stamp(created) if created else run.creationTime,
        status=status,
    )
    return run.ended(found) if run.status in job.remote.over else run


def _young(this: Pass, since: str) -> bool:
    return bool(since) and this.now - moment(since) < _SECOND_LOOK


def _left(this: Pass, since: str) -> timedelta:
    return _SECOND_LOOK - (this.now - moment(since))


def _takes(this: Pass, run: Run) -> bool:
    owner = this.seen.owners.get(run.name)
    return owner is Owner.US or (owner is not Owner.OTHER and may_adopt(this))


def _earlier_content(this: Pass, run: Run) -> str:
    """The digest of another run of ours that holds this run's name: an explicit name says nothing about content."""
    tagged = str(this.seen.digests.get(run.name) or "")
    return tagged if tagged != run.digest and this.seen.owners.get(run.name) is Owner.US else ""


def _unstarted(job: JobType, this: Pass, run: Run, older: tuple[Run, ...]) -> Decision:
    """A create went out, or may have: what came of it is not known until the service says so."""
    target = wanted(job, this, run, older)
    found = _news(this, run)
    if found is not None and (digest := _earlier_content(this, run)):
        # Status was lost: the name tells of an earlier run, so this content goes by a later run's name.
        earlier = replace(
            run, digest=digest, token="", startedAt=stamp(this.now), arn=str(found.get(job.remote.arn_key) or "")
        )
        earlier = replace(earlier, status=str(found[job.remote.status_key]), creationTime=stamp(found["CreationTime"]))
        return _go_to(job, this, wanted(job, this, None, (earlier,)), (earlier, *older))
    if found is not None and target.digest == run.digest:
        reason, message = adoption_refusal(this, run.name, this.seen.owners.get(run.name, Owner.UNKNOWN))
        status = _status(run, older, _carried(job, this))
        return Decision(Phase.STALLED, reason, message, status, look_again=_FOREIGN_LOOK)
    if target.digest == run.digest:
        if this.failure and isinstance(this.failure.error, ConflictError):
            # The create said taken, the describe says absent: one of them read too early.
            why = f"{run.name} is taken but cannot be seen yet"
            return _confirming(job, this, run, older, why=why, again=timedelta(seconds=5))
        return _start(job, this, run, older)
    if found is None and _young(this, run.requestedAt):
        why = f"{run.name} may have been created a moment ago; the changed content waits until that is certain"
        return _confirming(job, this, run, older, why=why, again=_left(this, run.requestedAt))
    if target.region != run.region:
        # Nothing was made: forget it, and begin again where the spec wants it.
        return _confirming(job, this, None, older, why=f"nothing was made in {run.region}", again=timedelta(0))
    return _go_to(job, this, target, older)


def _confirming(
    job: JobType, this: Pass, run: Run | None, older: tuple[Run, ...], *, why: str, again: timedelta
) -> Decision:
    status = _status(run, older, _carried(job, this))
    return Decision(
        Phase.WAITING, "Confirming", why, status, watches=_watches(job, run, older), look_again=max(again, timedelta(0))
    )


def _first(job: JobType, this: Pass, run: Run) -> Decision:
    """No run is on record: the object is new, or its status was lost. Notes tell what ran under its name; what is gone from
    SageMaker since is then missing, and not run again.
    """
    if this.trained is None:
        why = "the notes that tell what ran before are not read yet"
        return _confirming(job, this, None, (), why=why, again=_NOTES_LOOK)
    told = this.trained.get(run.digest)
    if told is None:
        return _start(job, this, run, ())
    run = replace(run, name=told.job, arn=told.arn, startedAt=told.at, status="InProgress")
    message = f"{run.name} ran before, say the notes in Git: it is not started again"
    return replace(_settle(job, this, run, ()), notices=(Notice("Normal", "JobRemembered", message),))


def _go_to(job: JobType, this: Pass, target: Run, others: tuple[Run, ...]) -> Decision:
    """Content that ran before goes back to its run and starts nothing; other content is a new run."""
    earlier = next((run for run in others if run.digest == target.digest and run.started), None)
    others = kept(job, tuple(run for run in others if run is not earlier))
    return _settle(job, this, earlier, others) if earlier else _start(job, this, target, others)


def _start(job: JobType, this: Pass, run: Run, older: tuple[Run, ...]) -> Decision:
    """Ask for a run: the record goes to status first, then the create goes out."""
    if this.refused:
        status = _status(run, older, _carried(job, this))
        return Decision(
            Phase.STALLED, this.refused.reason, this.refused.message, status, watches=_watches(job, run, older)
        )
    refs = _references(this)
    if refs.waits:
        return _await(job, this, run, older, refs.why)
    if this.seen.lacks:
        return _await_models(job, this, run, older)
    run = replace(run, requestedAt=stamp(this.now), commit=commit_of(this.resource))
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
        status=_status(run, older, fields),
        calls=(Call(job.create, params),),
        watches=_watches(job, run, older),
    )


def _await(job: JobType, this: Pass, run: Run, older: tuple[Run, ...], why: str) -> Decision:
    """A run waits for what it refers to; the one before it is followed meanwhile."""
    recorded = (this.past.get("run") or {}).get("name")
    if older and older[0].started and older[0].name == recorded:
        followed = _settle(job, this, older[0], older[1:])
        return replace(followed, phase=Phase.WAITING, reason=references.NOT_READY, message=why)
    status = _status(run if run.name == recorded else None, older, _carried(job, this))
    return Decision(Phase.WAITING, references.NOT_READY, why, status, watches=_watches(job, None, older))


def _await_models(job: JobType, this: Pass, run: Run, older: tuple[Run, ...]) -> Decision:
    """In the archived operator's words this is an error."""
    names = this.seen.lacks
    waiting = _await(job, this, run, older, awaited.why(names))
    return replace(
        waiting,
        status=failing(job, waiting.status, ReconcileError(waiting.message)),
        watches=(*waiting.watches, *awaited.watches(names)),
        look_again=awaited.AGAIN,
    )


def mirror(job: JobType, this: Pass, run: Run) -> Decision:
    """Follow a run that somebody else started and will end."""
    followed = _settle(job, this, _told(job, this, run), ())
    running = tuple(watch for watch in followed.watches if watch.pace is Pace.FAST)
    return replace(followed, watches=running, differences=())


def _settle(job: JobType, this: Pass, run: Run, older: tuple[Run, ...]) -> Decision:
    """Follow a started run."""
    found = _differences(job, this, run)
    if run.name in this.seen.contents:
        run = replace(run, differs="yes" if found else "")
    news = _news(this, run) or {}
    same = this.past.get(job.status_name) == run.name
    fields = {
        **(_carried(job, this) if same else {}),
        job.status_key: (this.past.get(job.status_key) if same else None) if run.status == MISSING else run.status,
        job.status_name: run.name,
    }
    if run.status not in (*job.remote.over, MISSING):
        fields["additional"] = ""
    if news or this.reply(job.create):
        fields |= job.describe_status(this, run.name, news, this.past)
    stands = this.drift.sift(found).stands
    shown: dict[str, Any] = {
        "status": _status(run, older, fields),
        "notices": _notices(job, this, run, news, quiet=bool(stands)),
        "watches": _watches(job, run, older),
        "differences": stands,
    }
    match run.status:
        case "Completed":
            again = timedelta(seconds=30) if job.unsettled(fields) else None
            return Decision(Phase.READY, "Completed", f"{run.name} completed", look_again=again, **shown)
        case "Failed":
            why = str(fields.get("additional") or "no reason was given")
            return Decision(
                Phase.STALLED, "JobFailed", f"{run.name} failed and is not retried ({_RUN_AGAIN}): {why}", **shown
            )
        case "Stopped":
            return Decision(Phase.STALLED, "JobStopped", f"{run.name} was stopped; {_RUN_AGAIN}", **shown)
        case "Missing":
            return Decision(Phase.STALLED, "ExternallyDeleted", _missing(run), **shown)
    if run.name in this.seen.news and not news:
        left = max(_left(this, run.startedAt), timedelta(seconds=1))
        return Decision(Phase.WAITING, "Confirming", f"{run.name} cannot be seen yet", look_again=left, **shown)
    return Decision(Phase.WAITING, "JobRunning", f"{run.name}: {fields.get('secondaryStatus') or run.status}", **shown)


def _differences(job: JobType, this: Pass, run: Run) -> list[Difference]:
    """What somebody else did to the run, or had made of it before it was adopted. None of it is ever put right: that would
    be another run. That a finished job is gone is no drift.
    """
    found: list[Difference] = []
    if run.status == MISSING:
        path = f"/status/{job.status_name}"
        found.append(Difference("sagemaker", path, run.name, "(deleted)", gone=True, stuck=_RUN_AGAIN))
    if run.status == "Stopped" and run.stoppedBy == _OTHER:
        found.append(Difference("sagemaker", f"/status/{job.status_key}", "Completed", run.status, stuck=_RUN_AGAIN))
    described = this.seen.contents.get(run.name)
    refs = _references(this)
    if described is not None and not refs.waits:
        found += projection.differences(this.shape, refs.spec, described, _RUN_AGAIN)
    return found


def _missing(run: Run) -> str:
    return f"{run.name} was started and is gone from SageMaker; it is not run again by itself: {_RUN_AGAIN}"


def _refuse(job: JobType, this: Pass, run: Run, older: tuple[Run, ...], *, reason: str, why: str) -> Decision:
    """A refused edit leaves the legacy fields as they are; the run that was started is still followed."""
    followed = _settle(job, this, run, older)
    return replace(followed, phase=Phase.STALLED, reason=reason, message=why, calls=())


def _end(job: JobType, this: Pass, current: Run | None, older: tuple[Run, ...]) -> Decision:
    """Stop whatever runs and let go when all of it is over. Absent is over."""
    calls, waiting = [], []
    for run in filter(None, (current, *older)):
        absent = run.name in this.seen.news and _news(this, run) is None
        if not run.started:
            # Never created, not ours, or created a moment ago by a request of which nobody saw the reply.
            if absent and _young(this, run.requestedAt):
                waiting.append(run.name)
            continue
        if run.status in (*job.remote.over, MISSING):
            continue
        waiting.append(run.name)
        if run.status == "InProgress" and not absent:
            calls.append(Call(job.stop, {job.remote.name_key: run.name}))
    fields = _carried(job, this)
    if current is not None and current.started and current.status != MISSING:
        fields |= {job.status_key: current.status}
    status = _status(current, older, fields)
    if not waiting:
        return Decision(Phase.RELEASED, "Deleted", "", status=status)
    return Decision(
        Phase.ACTING if calls else Phase.WAITING,
        "Stopping",
        f"waiting for {', '.join(waiting)} to end",
        status=status,
        calls=tuple(calls),
        watches=tuple(Watch(job.remote.name, name, Pace.FAST) for name in waiting),
        look_again=timedelta(seconds=10),
    )


def _status(run: Run | None, older: Sequence[Run], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {**fields, "run": run.record() if run else None, "runs": [past.record() for past in older]}


def _carried(job: JobType, this: Pass) -> dict[str, Any]:
    """The legacy fields as they stand in status: everything that is not a record of ours or rendered anew."""
    ours = {"run", "runs", "conditions", "observedGeneration", "source", "drift", "handled", "intent", "refused"}
    carried = {key: value for key, value in this.past.items() if key not in ours}
    carried.setdefault(job.status_key, SYNCHRONIZING)
    return carried


def _watches(job: JobType, run: Run | None, older: Sequence[Run]) -> tuple[Watch, ...]:
    """What runs, at the fast pace; of what has ended only the tags may still move."""
    running = [one for one in (run, *older) if one and one.started and one.status not in (*job.remote.over, MISSING)]
    ended = [Watch(job.remote.name, run.name, Pace.SLOW)] if run and run.status in job.remote.over else []
    return (*(Watch(job.remote.name, one.name, Pace.FAST) for one in running), *ended)


def _notices(job: JobType, this: Pass, run: Run, news: Mapping[str, Any], *, quiet: bool) -> tuple[Notice, ...]:
    """`quiet`: that it is gone is told as drift already."""
    before = this.past.get("run") or {}
    if before.get("name") == run.name and before.get("status") == run.status and before.get("startedAt"):
        return ()
    match run.status:
        case "InProgress" if not before.get("startedAt") or before.get("name") != run.name:
            return (Notice("Normal", "JobStarted", f"{job.kind} {run.name} was started"),)
        case "Completed":
            return (Notice("Normal", "JobCompleted", f"{job.kind} {run.name} completed"),)
        case "Failed":
            return (
                Notice("Warning", "JobFailed", f"{run.name}: {news.get('FailureReason') or 'no reason was given'}"),
            )
        case "Stopped":
            return (Notice("Warning", "JobStopped", f"{job.kind} {run.name} was stopped"),)
        case "Missing" if not quiet:
            return (Notice("Warning", "ExternallyDeleted", _missing(run)),)
    return ()


def failing(job: JobType, past: Mapping[str, Any], error: ReconcileError) -> dict[str, Any]:
    """Legacy fields while an error stands in the way: the text in `additional`, the status only before the start.
    What a finished job left there, the reason of its failure, stays.
    """
    message = str(error)
    run = past.get("run") or {}
    if not run.get("startedAt"):
        return {**past, "additional": message, job.status_key: job.working}
    over = run.get("status") in (*job.remote.over, MISSING)
    return dict(past) if over else {**past, "additional": message}


def kind(schema: Schema, job: JobType) -> Kind[Any]:
    """A custom resource whose life is this one."""
    return Kind(
        schema,
        observe=partial(observe, job),
        decide=seen_in_pass(partial(decide, job)),
        failing=partial(failing, job),
        as_written=partial(as_written, job),
        follow=partial(follow, job),
    )
