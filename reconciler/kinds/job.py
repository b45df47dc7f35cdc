"""The one life of every job kind: a run is started once, followed to its end, and stopped when its resource goes.

Jobs cost money, so the rules are these (design 4, "Jobs cost money"):
- A run is identified by (content, run token). Its name, digest and token are in status before the create goes out.
- What is recorded is used later, never a recomputed name; a run recorded as started is never created again.
- Changed content is a new run, or refused; content that ran before goes back to its run and starts nothing.
- A failed job is never retried by itself.

    no record ──intent──> requested ──created, or found ours──> started ──> Completed | Failed | Stopped
                             │ reply lost: describe, then create again under the same name
                             └ refused: stays refused until the request would be another one
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Call, Decision, Notice, Pace, Phase, Watch
from reconciler.core.kind import Pass, View
from reconciler.core.naming import digest, remote_name
from reconciler.core.ownership import Owner, judge, may_adopt, tags_for, uid_suffix
from reconciler.core.remote import Remote
from reconciler.core.resource import Annotation, Resource
from reconciler.core.shapes import canonical, to_request

RUNS_KEPT = 10
SYNCHRONIZING = "SynchronizingK8sJobWithSageMaker"
_SECOND_LOOK = timedelta(seconds=60)
"""Younger things may be missing from a read that came too early (design 4, "Reading SageMaker")."""


@dataclass(frozen=True)
class JobType:
    """What tells one job kind from another."""

    remote: Remote
    spec_name: str
    """Spec key of an explicit job name; the archived operator wrote generated names back into it."""
    status_name: str
    """Legacy status key of the name."""
    status_key: str
    """Legacy status key of the status."""
    working: str
    """Legacy status while the first create meets errors."""
    name_limit: int
    describe_status: Callable[[Pass, str, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
    """(pass, job name, news: a summary or a description, status before) -> the kind's further legacy fields."""
    unsettled: Callable[[Mapping[str, Any]], bool] = lambda _: False
    """Whether a finished job still has something running that only Describe shows."""

    @property
    def kind(self) -> str:
        return self.remote.name

    @property
    def create(self) -> str:
        return f"Create{self.remote.name}"

    @property
    def stop(self) -> str:
        return f"Stop{self.remote.name}"


@dataclass(frozen=True)
class Run:
    """One entry of status.run and status.runs. Times are RFC 3339 text."""

    name: str
    digest: str
    token: str = ""
    region: str = ""
    requestedAt: str = ""  # noqa: N815 - fields are spelled as in status
    startedAt: str = ""  # noqa: N815
    creationTime: str = ""  # noqa: N815
    arn: str = ""
    status: str = ""

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Run:
        return cls(**{key: str(record.get(key) or "") for key in cls.__dataclass_fields__})

    def record(self) -> dict[str, str]:
        return {key: value for key in self.__dataclass_fields__ if (value := getattr(self, key))}

    @property
    def started(self) -> bool:
        return bool(self.startedAt)


@dataclass(frozen=True)
class Seen:
    """News by job name: a mapping (summary or description), or None for confirmed absent. No key: no news."""

    news: Mapping[str, Mapping[str, Any] | None]
    owners: Mapping[str, Owner]


def as_written(job: JobType, resource: Resource) -> Mapping[str, Any]:
    """The spec without the name that the archived operator wrote into it: that one ends in the object's UID."""
    suffix = uid_suffix(resource.uid)
    name = str(resource.spec.get(job.spec_name) or "")
    if suffix and name.endswith(suffix):
        return {key: value for key, value in resource.spec.items() if key != job.spec_name}
    return resource.spec


def runs_of(job: JobType, this: Pass) -> tuple[Run | None, tuple[Run, ...]]:
    """The current run and the older ones. An object of the archived operator has its job's name alone."""
    past = this.past
    older = tuple(Run.parse(record) for record in past.get("runs") or ())
    if past.get("run"):
        return Run.parse(past["run"]), older
    if name := past.get(job.status_name):
        taken_over = wanted(job, this)
        return replace(taken_over, name=name, startedAt=stamp(this.now), status=past.get(job.status_key, "")), older
    return None, older


def wanted(job: JobType, this: Pass, *, first: bool = True) -> Run:
    """The run that spec and token ask for, by the name it would be created under."""
    key = this.resource.key
    token = this.resource.annotations.get(Annotation.RUN, "")
    content = canonical(this.shape, this.spec)
    identity = digest([this.identity.cluster, key.namespace, key.kind, key.name, content, token])
    written_back = str(this.resource.spec.get(job.spec_name) or "")
    explicit = str(this.spec.get(job.spec_name) or "")
    name = remote_name(explicit or key.name, identity, job.name_limit)
    if first and (explicit or written_back):
        name = explicit or written_back
    return Run(name=name, digest=identity, token=token, region=str(this.spec.get("region") or ""))


def observe(job: JobType, view: View, this: Pass) -> Seen:
    current, older = runs_of(job, this)
    news: dict[str, Mapping[str, Any] | None] = {}
    owners: dict[str, Owner] = {}
    for run in (current, *older):
        if run is None:
            continue
        over = run.status in job.remote.over
        if _just_created(job, this, run):
            continue
        if not run.started or (this.doubt and run is current):
            found = news[run.name] = view.describe(job.remote.name, run.name, fresh=True)
            if found is not None:
                owners[run.name] = judge(this, run.name, view.tags(found[job.remote.arn_key]))
        elif over and run is current and job.unsettled(this.past):
            news[run.name] = view.describe(job.remote.name, run.name, fresh=True)
        elif not over:
            _follow(job, view, run, news)
    return Seen(news, owners)


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


def decide(job: JobType, this: Pass) -> Decision:
    current, older = runs_of(job, this)
    current = current and _told(job, this, current)
    older = tuple(_told(job, this, run) for run in older)
    if this.resource.deleting:
        return _end(job, this, current, older)
    if current is None:
        return _start(job, this, wanted(job, this), older)
    target = wanted(job, this, first=False)
    if target.digest == current.digest or not current.started:
        # A run that never started gives way to what the spec says now: nothing was paid for yet.
        intent = current if target.digest == current.digest else wanted(job, this)
        return _settle(job, this, current, older) if current.started else _confirm(job, this, current, intent, older)
    if target.region != current.region and current.region:
        return _refuse(
            job, this, current, older, "IdentityChanged", f"region was {current.region}: delete and make anew"
        )
    if this.on_change == "Reject":
        why = "the spec of a job that ran cannot change; name a new object, or annotate on-change: Run"
        return _refuse(job, this, current, older, "ImmutableFieldChanged", why)
    earlier = next((run for run in older if run.digest == target.digest), None)
    older = tuple(run for run in older if run is not earlier)
    if earlier is not None:
        return _settle(job, this, earlier, _kept((current, *older)))
    return _start(job, this, target, _kept((current, *older)))


def _told(job: JobType, this: Pass, run: Run) -> Run:
    """The run with what was seen of it, and what a reply of this pass says."""
    seen: Seen = this.seen
    if (reply := this.reply(job.create)) and _just_created(job, this, run) and not run.started:
        arn = str(reply.answer.get(job.remote.arn_key) or "")
        return replace(run, startedAt=stamp(this.now), arn=arn, status="InProgress")
    found = seen.news.get(run.name)
    if found is None or (not run.started and seen.owners.get(run.name) is not Owner.US and not may_adopt(this)):
        return run
    if not run.started and seen.owners.get(run.name) is Owner.OTHER:
        return run
    created = found.get("CreationTime")
    return replace(
        run,
        startedAt=run.startedAt or stamp(this.now),
        arn=str(found.get(job.remote.arn_key) or run.arn),
        creationTime=stamp(created) if created else run.creationTime,
        status=str(found[job.remote.status_key]),
    )


def _start(job: JobType, this: Pass, run: Run, older: tuple[Run, ...]) -> Decision:
    """Ask for a run: the record goes to status first, then the create goes out."""
    if this.refused:
        recorded, earlier = runs_of(job, this)
        status = _status(job, this, recorded, earlier, _carried(job, this))
        return Decision(
            Phase.STALLED, this.refused.reason, this.refused.message, status, watches=_watches(job, recorded, earlier)
        )
    run = replace(run, requestedAt=stamp(this.now))
    params = {
        **to_request(this.shape, this.spec, job.create),
        job.remote.name_key: run.name,
        "Tags": tags_for(this),
    }
    fields = {job.status_key: SYNCHRONIZING, job.status_name: run.name}
    return Decision(
        Phase.ACTING,
        "Starting",
        f"asking SageMaker for {run.name}",
        status=_status(job, this, run, older, fields),
        calls=(Call(job.create, params),),
        watches=_watches(job, run, older),
    )


def _confirm(job: JobType, this: Pass, run: Run, intent: Run, older: tuple[Run, ...]) -> Decision:
    """A create went out, or may have: what came of it is not known until the service says so."""
    seen: Seen = this.seen
    if seen.news.get(run.name) is not None:
        owner = seen.owners.get(run.name, Owner.UNKNOWN)
        reason = "OwnedByAnother" if owner is Owner.OTHER else "AdoptionRequired"
        message = {
            Owner.OTHER: f"{run.name} carries another owner's tag; it is left alone until that owner releases it",
            Owner.UNKNOWN: f'{run.name} exists and its tags cannot be read; annotate adopt: "true" to take it',
        }.get(owner, f'{run.name} exists and carries no owner tag; annotate adopt: "true" to take it')
        fields = _carried(job, this)
        return Decision(Phase.STALLED, reason, message, status=_status(job, this, run, older, fields))
    if this.doubt:
        # The create said taken, the describe says absent: one of them read too early.
        return Decision(
            Phase.WAITING,
            "Confirming",
            f"{run.name} is taken but cannot be seen yet",
            status=_status(job, this, run, older, _carried(job, this)),
            look_again=timedelta(seconds=5),
        )
    return _start(job, this, intent, older)


def _settle(job: JobType, this: Pass, run: Run, older: tuple[Run, ...]) -> Decision:
    """Follow a started run."""
    seen: Seen = this.seen
    gone = run.name in seen.news and seen.news[run.name] is None and run.status not in job.remote.over
    news = seen.news.get(run.name) or {}
    fields = {
        **(_carried(job, this) if this.past.get(job.status_name) == run.name else {}),
        job.status_key: run.status,
        job.status_name: run.name,
        **(job.describe_status(this, run.name, news, this.past) if news else {}),
    }
    if not news and this.reply(job.create):
        fields |= job.describe_status(this, run.name, {}, {})
    status = _status(job, this, run, older, fields)
    watches = _watches(job, run, older)
    if gone:
        return _gone(job, this, run, status, watches)
    notices = _notices(job, this, run, news)
    match run.status:
        case "Completed":
            again = timedelta(seconds=30) if job.unsettled(fields) else None
            return Decision(
                Phase.READY, "Completed", f"{run.name} completed", status, (), notices, watches, look_again=again
            )
        case "Failed":
            why = str(fields.get("additional") or "no reason was given")
            return Decision(Phase.STALLED, "JobFailed", why, status, (), notices, watches)
        case "Stopped":
            return Decision(Phase.STALLED, "JobStopped", f"{run.name} was stopped", status, (), notices, watches)
        case busy:
            detail = fields.get("secondaryStatus") or busy
            return Decision(Phase.WAITING, "JobRunning", f"{run.name}: {detail}", status, (), notices, watches)


def _gone(job: JobType, this: Pass, run: Run, status: Mapping[str, Any], watches: tuple[Watch, ...]) -> Decision:
    started = moment(run.startedAt)
    if this.now - started < _SECOND_LOOK:
        left = _SECOND_LOOK - (this.now - started)
        return Decision(
            Phase.WAITING, "Confirming", f"{run.name} cannot be seen yet", status, watches=watches, look_again=left
        )
    message = f"{run.name} was started and is gone from SageMaker; it is not run again"
    notices = (
        ()
        if this.past.get("run", {}).get("status") == "Missing"
        else (Notice("Warning", "ExternallyDeleted", message),)
    )
    status = {**status, "run": {**run.record(), "status": "Missing"}, job.status_key: run.status}
    return Decision(Phase.STALLED, "ExternallyDeleted", message, status, notices=notices)


def _refuse(job: JobType, this: Pass, run: Run, older: tuple[Run, ...], reason: str, why: str) -> Decision:
    """A refused edit leaves the legacy fields as they are; the run that was started is still followed."""
    followed = _settle(job, this, run, older)
    return replace(followed, phase=Phase.STALLED, reason=reason, message=why, calls=())


def _end(job: JobType, this: Pass, current: Run | None, older: tuple[Run, ...]) -> Decision:
    """Stop whatever runs and let go when all of it is over. Absent is over."""
    if this.retain:
        return Decision(Phase.RELEASED, "Retained", "left in SageMaker as it is", status=this.past)
    seen: Seen = this.seen
    calls, waiting = [], []
    for run in filter(None, (current, *older)):
        known_gone = run.name in seen.news and seen.news[run.name] is None
        young = bool(run.requestedAt) and this.now - moment(run.requestedAt) < _SECOND_LOOK
        if not run.started and (not known_gone or not young):
            continue  # never created, or not ours
        if run.status in (*job.remote.over, "Missing") or (known_gone and not young):
            continue
        waiting.append(run.name)
        if run.status == "InProgress" and not known_gone:
            calls.append(Call(job.stop, {job.remote.name_key: run.name}))
    fields = _carried(job, this)
    if current is not None and current.started:
        fields |= {job.status_key: current.status}
    stopping = {reply.call.params[job.remote.name_key] for reply in this.replies if reply.call.operation == job.stop}
    calls = [call for call in calls if call.params[job.remote.name_key] not in stopping]
    if not waiting:
        return Decision(Phase.RELEASED, "Deleted", "", status=_status(job, this, current, older, fields))
    return Decision(
        Phase.ACTING if calls else Phase.WAITING,
        "Stopping",
        f"waiting for {', '.join(waiting)} to end",
        status=_status(job, this, current, older, fields),
        calls=tuple(calls),
        watches=tuple(Watch(job.remote.name, name, Pace.FAST) for name in waiting),
        look_again=timedelta(seconds=10),
    )


def _status(
    job: JobType, this: Pass, run: Run | None, older: Sequence[Run], fields: Mapping[str, Any]
) -> dict[str, Any]:
    del job, this
    return {**fields, "run": run.record() if run else None, "runs": [past.record() for past in older]}


def _carried(job: JobType, this: Pass) -> dict[str, Any]:
    """The legacy fields as they stand in status: everything that is not a record of ours or rendered anew."""
    ours = {"run", "runs", "conditions", "observedGeneration", "source", "drift", "handled", "intent", "refused"}
    carried = {key: value for key, value in this.past.items() if key not in ours}
    carried.setdefault(job.status_key, SYNCHRONIZING)
    return carried


def _kept(older: Sequence[Run]) -> tuple[Run, ...]:
    return tuple(older[:RUNS_KEPT])


def _watches(job: JobType, run: Run | None, older: Sequence[Run]) -> tuple[Watch, ...]:
    return tuple(
        Watch(job.remote.name, one.name, Pace.FAST)
        for one in (run, *older)
        if one and one.started and one.status not in (*job.remote.over, "Missing")
    )


def _notices(job: JobType, this: Pass, run: Run, news: Mapping[str, Any]) -> tuple[Notice, ...]:
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
    return ()


def failing(job: JobType, past: Mapping[str, Any], message: str) -> dict[str, Any]:
    """Legacy fields while an error stands in the way: the text in `additional`, the status only before the start."""
    started = bool((past.get("run") or {}).get("startedAt"))
    return {**past, "additional": message, **({} if started else {job.status_key: job.working})}
