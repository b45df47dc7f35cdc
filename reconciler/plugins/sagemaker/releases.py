"""What `retry`, `rerun` and `rollback` would say to the controller, and whether that makes sense. Pure; refusals are errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from reconciler.core.conditions import READY, find, moment
from reconciler.core.errors import PreconditionError
from reconciler.core.records.history import History, HistoryEntry
from reconciler.core.records.quarantine import Quarantine, QuarantineEntry
from reconciler.core.records.remote_object import by_name
from reconciler.core.records.request import Handled, RefusedRequest
from reconciler.core.records.rollout import RolloutRecord
from reconciler.core.records.run import RunRecords
from reconciler.core.resource import Annotation, Resource
from reconciler.core.values import JsonObject, Spec
from reconciler.kinds.hosting.declaration import serving_entry, serving_hash
from reconciler.plugins.sagemaker.health import suspended
from reconciler.plugins.sagemaker.kinds import HOSTING, JOBS, SYNC, one_of
from reconciler.plugins.sagemaker.paint import commit_in, commit_of, plain, span

_CHANGED_OUTSIDE = ("ExternallyDeleted", "ExternallyModified")
"""Reasons of Ready while an endpoint that others deleted or moved is left so."""


@dataclass(frozen=True)
class Release:
    token: str
    says: str
    """What the token releases, for the person."""


def retry(resource: Resource, wanted: str, fresh: str) -> Release:
    """The quarantined content, or the refused request, that a retry is about; `fresh` is a token never used before."""
    target = f"{resource.kind.lower()}/{resource.name}"
    if resource.kind == SYNC:
        raise PreconditionError(
            f"a GitSync is not retried but asked to look again: kubectl sagemaker sync {resource.name}"
        )
    ready = find(resource.status.get("conditions") or (), READY) or {}
    reason = str(ready.get("reason") or "")
    bad = _quarantined(resource, wanted)
    if bad is not None:
        from_commit = f" from {commit_of(bad)[:7]}" if commit_of(bad) else ""
        says = f"releases {bad.hash}{from_commit} from quarantine ({plain(bad.reason) or 'no reason was kept'})"
        if reason != "RevisionQuarantined":
            says += "; it is not what Git asks for now, so nothing is rolled out"
        return Release(bad.hash, says)
    if resource.status.get("refused"):
        refused, handled = (
            RefusedRequest.parse(resource.status["refused"]),
            Handled.parse(resource.status.get("handled")),
        )
        used = ("", resource.annotations.get(Annotation.RETRY), handled.retry)
        token = fresh if refused.call in used else refused.call
        return Release(token, f"sends the refused request once more ({plain(refused.message)})")
    if reason == "EndpointFailed" and RolloutRecord.parse(resource.status.get("rollout")).attempt:
        return Release(fresh, "deletes the failed endpoint and creates it once more")
    if reason in ("UpdateNotReceived", "RolloutRolledBack"):
        return Release(fresh, "sends the update once more")
    if resource.kind == HOSTING and reason in _CHANGED_OUTSIDE:
        return Release(fresh, "brings what is wanted back into service, whatever the drift mode is")
    if resource.kind in JOBS and reason in ("JobFailed", "JobStopped", "ExternallyDeleted"):
        raise PreconditionError(
            f"{resource.key} is not waiting to be released: a job that ran is run again, for money, by: "
            f"kubectl sagemaker rerun {target}"
        )
    said = f"{reason}: {plain(ready.get('message'))}" if ready else "it was not looked at yet"
    raise PreconditionError(
        f"{resource.key} has nothing in quarantine and no refused request ({said}); "
        f"to have it looked at now: kubectl sagemaker sync {target}"
    )


def _quarantined(resource: Resource, wanted: str) -> QuarantineEntry | None:
    entries = Quarantine.parse(resource.status.get("quarantine")).entries
    listed = ", ".join(entry.hash for entry in entries)
    if wanted:
        found = next((entry for entry in entries if entry.hash == wanted), None)
        if found is None:
            raise PreconditionError(f"{wanted} is not in quarantine on {resource.key}; there is: {listed or 'nothing'}")
        return found
    message = str((find(resource.status.get("conditions") or (), READY) or {}).get("message") or "")
    desired = RolloutRecord.parse(resource.status.get("rollout")).desired_hash
    named = [entry for entry in entries if message.startswith(entry.hash)]
    named += [entry for entry in entries if entry.hash == desired]
    if named:
        return named[0]
    if len(entries) > 1:
        raise PreconditionError(
            f"several contents are in quarantine on {resource.key}; say --hash with one of: {listed}"
        )
    return entries[0] if entries else None


@dataclass(frozen=True)
class Approval:
    """Of what a GitSync would delete."""

    revision: str
    """The commit that is approved, whole."""
    objects: Sequence[str]
    """Kind/name, as far as status lists them."""
    total: int


def approval(sync: Resource, wanted: str = "") -> Approval:
    """What there is to approve; `wanted` is the commit that the person has looked at."""
    if sync.kind != SYNC:
        raise PreconditionError(f"{one_of(sync.kind)} prunes nothing; a GitSync does")
    waits = sync.status.get("pruneApproval") or {}
    revision = commit_in(waits.get("revision"))
    if not revision:
        ready = find(sync.status.get("conditions") or (), READY) or {}
        raise PreconditionError(
            f"{sync.key} waits for no approval ({ready.get('reason') or 'it was not looked at yet'})"
        )
    if wanted and not revision.startswith(commit_in(wanted)):
        raise PreconditionError(
            f"{sync.key} waits for an approval of {revision[:7]}, not of {wanted}; look again first"
        )
    names = [plain(name) for name in waits.get("objects") or ()]
    return Approval(revision, names, int(waits.get("total") or len(names)))


@dataclass(frozen=True)
class Rerun:
    token: str
    costs: str
    """What is about to be paid for."""
    beside: str = ""
    """The run that is still going on, and goes on."""


def rerun(resource: Resource, token: str) -> Rerun:
    if resource.kind not in JOBS:
        raise PreconditionError(f"{one_of(resource.kind)} has no runs; jobs have: {', '.join(JOBS)}")
    if resource.spawned:
        raise PreconditionError(f"{resource.key} belongs to a tuning job; rerun that instead")
    if not resource.status:
        raise PreconditionError(f"{resource.key} was not looked at yet: its first run starts by itself")
    if suspended(resource):
        raise PreconditionError(f"{resource.key} is suspended; first: {_resume(resource)}")
    status, keys = resource.status, JOBS[resource.kind]
    used = {run.token for run in RunRecords.parse(status)}
    if token in used or token == resource.annotations.get(Annotation.RUN):
        raise PreconditionError(f"the token {token!r} was used before, and a token acts once; choose another")
    going = status.get(keys.status) in ("InProgress", "Stopping")
    return Rerun(token, _costs(resource.spec), str(status.get(keys.name) or "") if going else "")


def _costs(spec: Spec) -> str:
    """The machines as the spec asks for them. Kinds call the place differently."""
    places = [
        spec.get("resourceConfig"),
        spec.get("transformResources"),
        (spec.get("processingResources") or {}).get("clusterConfig"),
        (spec.get("trainingJobDefinition") or {}).get("resourceConfig"),
    ]
    machines: JsonObject = next((place for place in places if place), {})
    kind = machines.get("instanceType")
    groups = [f"{one.get('instanceCount')} x {one.get('instanceType')}" for one in machines.get("instanceGroups") or ()]
    text = ", ".join(groups) or (f"{machines.get('instanceCount', 1)} x {kind}" if kind else "what its spec asks for")
    jobs = (spec.get("hyperParameterTuningJobConfig") or {}).get("resourceLimits") or {}
    if jobs.get("maxNumberOfTrainingJobs"):
        text += f", up to {jobs['maxNumberOfTrainingJobs']} training jobs"
    limit = (spec.get("stoppingCondition") or {}).get("maxRuntimeInSeconds")
    return text + (f", at most {limit} s each" if limit and jobs else f", at most {limit} s" if limit else "")


@dataclass(frozen=True)
class Rollback:
    id: str
    says: str
    changing: bool = False
    """An update is under way, which SageMaker cannot cancel."""
    takes: str = ""
    """How long a rollout took, for the person who waits for this one."""


def rollback(resource: Resource, wanted: str) -> Rollback:
    """The entry to hold: the one that was named, or the newest success that is not what serves.

    While an update is under way the rollback is to what served before it, so then that is the newest success.
    """
    if resource.kind != HOSTING:
        raise PreconditionError(f"{one_of(resource.kind)} is not rolled back; revert the commit instead: git revert")
    if suspended(resource):
        raise PreconditionError(f"{resource.key} is suspended, so nothing would happen; first: {_resume(resource)}")
    history = History.parse(resource.status.get("history"))
    serving = serving_entry(resource.status)
    changing = history.newest is not None and history.newest.open
    live, bad = serving_hash(resource.status), Quarantine.parse(resource.status.get("quarantine")).hashes
    kept = [entry for entry in history.succeeded if _is_kept(resource, entry)]
    if not wanted:
        fits = [entry for entry in kept if (changing or entry.hash != live) and entry.hash not in bad]
        if not fits:
            raise PreconditionError(f"{resource.key} has no other rollout to go back to: {_listed(history.entries)}")
        return _held(fits[0], serving, history, changing=changing)
    entry = next((one for one in history.entries if str(one.id) == wanted.removeprefix("#")), None)
    if entry is None:
        raise PreconditionError(
            f"{resource.key} has no rollout {wanted}, or no longer keeps it; {_listed(kept, 'kept:')}"
        )
    if not entry.succeeded:
        raise PreconditionError(
            f"rollout {wanted} never served ({entry.result or 'it is under way'}); "
            f"only what Succeeded can be held: {_listed(kept, 'there is')}"
        )
    if entry not in kept:
        raise PreconditionError(
            f"the configuration {entry.config} of rollout {wanted} is not kept any more; "
            f"{_listed(kept, 'kept:')}; or bring its content back in Git: git revert"
        )
    if entry.hash in bad:
        raise PreconditionError(
            f"the content of rollout {wanted} is quarantined; release it first: "
            f"kubectl sagemaker retry {resource.name} --hash {entry.hash}"
        )
    if _acted_on(resource, str(entry.id)):
        raise PreconditionError(
            f"the hold of rollout {wanted} is over, and its annotation, which acts once, is still there; "
            f"first: kubectl sagemaker rollback {resource.name} --end"
        )
    if entry.hash == live and not changing:
        raise PreconditionError(f"rollout {wanted} is what serves already; {_listed(kept, 'kept:')}")
    return _held(entry, serving, history, changing=changing)


def _acted_on(resource: Resource, wanted: str) -> bool:
    """Whether the annotation says so already, was taken up, and holds nothing any more."""
    said = resource.annotations.get(Annotation.ROLLBACK_TO)
    handled = Handled.parse(resource.status.get("handled"))
    rollout = RolloutRecord.parse(resource.status.get("rollout"))
    return said == wanted == handled.rollback_to and not rollout.hold


def _held(entry: HistoryEntry, serving: HistoryEntry | None, history: History, *, changing: bool) -> Rollback:
    commit = commit_of(entry)[:7]
    subject = f' "{plain(entry.subject, 60)}"' if entry.subject else ""
    text = f"#{entry.id} ({' '.join(filter(None, (commit, plain(entry.author, 30))))}{subject})"
    now = f"; now #{serving.id} serves" if serving else ""
    return Rollback(str(entry.id), f"to {text}{now}", changing, _takes(history))


def _takes(history: History) -> str:
    """By the rollouts that took some time; one that was only found to serve took none."""
    times = [moment(one.finished_at) - moment(one.started_at) for one in history.succeeded if one.finished_at]
    took = [time for time in times if time > timedelta(0)]
    return f"the quickest rollout of this endpoint took {span(min(took))}" if took else ""


def _is_kept(resource: Resource, entry: HistoryEntry) -> bool:
    """Whether its EndpointConfig is among those that status still knows; an object without such records is believed."""
    configs = by_name(resource.status.get("configs"))
    return not configs or entry.config in configs


def _listed(entries: Sequence[HistoryEntry], begin: str = "history is") -> str:
    text = ", ".join(f"#{one.id} {one.result or 'under way'}" for one in entries)
    return f"{begin} {text or 'empty'}"


def _resume(resource: Resource) -> str:
    return f"kubectl sagemaker resume {resource.kind.lower()}/{resource.name}"
