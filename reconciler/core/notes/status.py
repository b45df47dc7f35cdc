"""Which events a status write stands for: the difference between the status before and after, as lines for notes.

One place for all kinds, read off what status records anyway: `run` and `runs` of jobs, `history` and `rollout` of deployments,
`drift` of all. So what is written is what was decided, no kind writes notes, and `lines(resource, {}, status, ...)` gives again all that a
status remembers, under the ids it had: notes that were lost are rebuilt that way.

Further members of a run are written when they are there: `finishedAt`, `reason`, `billableSeconds`, `metrics`, `artefact`; and
`commit` of a run or history entry goes before what annotations say now.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from reconciler.core.conditions import moment
from reconciler.core.git.source import Revision, is_sha
from reconciler.core.notes import note
from reconciler.core.notes.note import About, NoteLine, Rollout, commit_of
from reconciler.core.records.drift import Corrections, DriftRecord
from reconciler.core.records.history import History, HistoryEntry
from reconciler.core.records.rollout import RolloutRecord
from reconciler.core.records.run import Run, RunRecords
from reconciler.core.resource import Annotation, Resource
from reconciler.core.schema.shapes import Shape
from reconciler.core.values import Status

Lines = Iterator[tuple[str, NoteLine]]
"""Commit and line; the commit is empty where no syncer named one."""

_EPOCH = datetime.fromtimestamp(0, UTC)
_OVER = frozenset({"Completed", "Failed", "Stopped"})


def lines(
    resource: Resource, before: Status, after: Status, *, cluster: str, now: datetime, spec: Shape
) -> tuple[tuple[str, NoteLine], ...]:
    """Lines for `Outbox.put_all`. `now` is for what status gives no time to."""
    about = About.of(resource, cluster, note.secret_values(spec, resource.spec))
    return (
        *_jobs(resource, about, before, after, now),
        *_rollouts(resource, about, before, after, now),
        *_holds(
            commit_of(resource),
            about,
            RolloutRecord.parse(before.get("rollout")),
            RolloutRecord.parse(after.get("rollout")),
        ),
        *_drift(
            commit_of(resource),
            about,
            DriftRecord.parse(before.get("drift")),
            DriftRecord.parse(after.get("drift")),
            spec,
        ),
    )


def _jobs(resource: Resource, about: About, before: Status, after: Status, now: datetime) -> Lines:
    # Nothing of a job that was taken over could be noted before a syncer named a commit.
    untold = bool(after.get("takenOver")) and not before.get("source")
    runs = RunRecords.parse(after)
    past = {} if untold else {run.name: run for run in _current_last(RunRecords.parse(before))}
    for run in _current_last(runs):
        was = past.get(run.name, Run())
        commit = _commit(resource, run.commit)
        if run.started and not was.started:
            at = _time(run.started_at, now)
            yield commit, note.job_started(about, at, job=run.name, content=run.digest, arn=run.arn, token=run.token)
        if run.started and run.status in _OVER and was.status not in _OVER:
            legacy = after if run is runs.current else {}
            at = _time(run.finished_at, now)
            began = _time(run.creation_time or run.started_at, at)
            yield (
                commit,
                note.job_finished(
                    about,
                    at,
                    job=run.name,
                    content=run.digest,
                    status=run.status,
                    reason=run.reason or str(legacy.get("additional") or ""),
                    duration_s=max(0.0, (at - began).total_seconds()),
                    billable_s=run.billable_seconds,
                    metrics=run.metrics,
                    artefact=run.artefact or str(legacy.get("modelPath") or ""),
                ),
            )


def _rollouts(resource: Resource, about: About, before: Status, after: Status, now: datetime) -> Lines:
    if "history" not in after or resource.kind == "GitSync":
        return
    past = {entry.id: entry for entry in History.parse(before.get("history")).entries}
    for entry in reversed(History.parse(after["history"]).entries):  # oldest first
        was = past.get(entry.id)
        rollout, commit = Rollout.of(entry), _commit(resource, entry.commit, entry.revision)
        began = _time(entry.started_at, now)
        if was is None and not entry.recalled:
            yield commit, note.rollout_started(about, began, rollout)
        if ended(was, entry):
            at = _time(entry.finished_at, now)
            serving = str((after.get("endpointConfigName") if entry.result == "RolledBack" else "") or "")
            duration_s = max(0.0, (at - began).total_seconds())
            line = note.rollout_ended(
                about, at, rollout, entry.result, reason=entry.reason, duration_s=duration_s, serving=serving
            )
            yield commit, line


def ended(was: HistoryEntry | None, entry: HistoryEntry) -> bool:
    """Whether a history entry records an end that it, as it was before, did not."""
    new = not entry.recalled if was is None else was.result != entry.result
    return entry.result in note.ENDED and new


def _holds(commit: str, about: About, past: RolloutRecord, rollout: RolloutRecord) -> Lines:
    """Both lines go to the commit that was held against. A hold that was over before anybody noted it is noted whole."""
    known = past.hold.since if past.hold else ""
    noted = past.last_hold.since if past.last_hold else ""
    last, hold = rollout.last_hold, rollout.hold
    over = last if last and last.since not in ("", noted) else None
    for one in (over, hold):
        if one and one.since not in ("", known):
            at = _time(one.since, _EPOCH)
            yield commit, note.hold_started(about, at, rollback_to=str(one.id), since=one.since, until=one.until)
        if over and one is over:
            at = _time(over.ended_at, _EPOCH)
            yield (
                commit,
                note.hold_ended(about, at, rollback_to=str(over.id), since=over.since, reason=over.reason),
            )


def _drift(commit: str, about: About, past: DriftRecord, drift: DriftRecord, spec: Shape) -> Lines:
    since = drift.since
    if drift.state == "Drifted" and (past.state != "Drifted" or past.since != since):
        yield (
            commit,
            note.drift_found(about, _time(since, _EPOCH), drift.differences, since=since, mode=drift.mode, spec=spec),
        )
    at = (drift.corrected or Corrections()).at
    # What the sync reverted, it has recorded itself.
    paths = sorted(one.path for one in drift.recent if one.at == at and not one.edit)
    if paths and at != (past.corrected or Corrections()).at:
        yield commit, note.drift_corrected(about, _time(at, _EPOCH), paths, since=at)


def _current_last(runs: RunRecords) -> tuple[Run, ...]:
    return (*runs.earlier, *((runs.current,) if runs.current else ()))


def _commit(resource: Resource, own: str, revision: str = "") -> str:
    """Of a run or history entry: its own, or the object's when it is about the content that the object has now, or the
    head that was synced then.
    """
    if is_sha(own):
        return own
    if not revision or revision == resource.annotations.get(Annotation.REVISION):
        return commit_of(resource)
    try:
        return Revision.parse(revision).sha
    except ValueError:
        return ""


def _time(text: str, otherwise: datetime) -> datetime:
    try:
        return moment(text)
    except ValueError:
        return otherwise
