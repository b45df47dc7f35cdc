"""What a pass over a job looks at in SageMaker: the runs in status, and what keeps the next one from being started.

A run that runs costs pages of a List and one Describe at its end. What may have been created unseen is described, with its tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.conditions import stamp
from reconciler.core.kind import Pass, View
from reconciler.core.naming import RUN_TAG
from reconciler.core.ownership import Owner, judge
from reconciler.core.records.run import Run, RunRecords
from reconciler.core.values import JsonObject
from reconciler.kinds import awaited
from reconciler.kinds.jobs.job_type import JobType
from reconciler.kinds.jobs.runs import desired_run, recorded_runs
from reconciler.kinds.shared import resolved

__all__ = ["JobObserved", "created_now", "is_first_look", "look_back", "observe", "swept"]

Found = JsonObject | None
"""A summary or a description; None: the service says it is not there."""


@dataclass(frozen=True)
class JobObserved:
    """All by job name. A name that is no key was not looked at, or nothing is new."""

    found: Mapping[str, Found] = field(default_factory=dict)
    owners: Mapping[str, Owner] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    """Of what was found under the name of a run that is not yet known to be started: the digest in its tags."""
    contents: Mapping[str, JsonObject] = field(default_factory=dict)
    """Descriptions of what was adopted, where they may not be as the spec says."""
    lacks: tuple[str, ...] = ()
    """Models that the spec names and that are not there."""

    def of(self, run: Run) -> Found:
        """What was found of the run: a job made at another moment under its name is another job."""
        found = self.found.get(run.name)
        made = found and found.get("CreationTime")
        return None if made and run.creation_time and stamp(made) != run.creation_time else found

    def misses(self, run: Run) -> bool:
        """Whether the run was looked for and is not there."""
        return run.name in self.found and self.of(run) is None

    def other_digest(self, run: Run) -> str:
        """The digest of another of our runs that holds this run's name: an explicit name says nothing about content."""
        tagged = str(self.digests.get(run.name) or "")
        return tagged if tagged != run.digest and self.owners.get(run.name) is Owner.US else ""


def observe(job: JobType, view: View, this: Pass) -> JobObserved:
    runs = recorded_runs(job, this)
    found: dict[str, Found] = {}
    owners: dict[str, Owner] = {}
    digests: dict[str, str] = {}
    contents: dict[str, JsonObject] = {}
    desired = runs.current and desired_run(job, this, runs.current, runs.earlier)
    for run in runs:
        current = run is runs.current
        if created_now(job, this, run):
            continue
        if not run.started or (this.doubt and current):
            described = found[run.name] = view.describe(job.remote.name, run.name, fresh=True)
            if described is not None:
                tags = view.tags(described[job.remote.arn_key])
                owners[run.name] = judge(this, run.name, tags, identity=run.digest)
                digests[run.name] = (tags or {}).get(RUN_TAG, "")
                if not run.started and owners[run.name] is not Owner.US:
                    contents[run.name] = described
        elif not job.is_over(run):
            found |= swept(job, view, run)
        elif current:
            found |= _after_its_end(job, view, this, run)
        elif desired is not None and run.digest == desired.digest:
            found[run.name] = view.describe(job.remote.name, run.name)
        if current and run.differs and (described := view.describe(job.remote.name, run.name)):
            contents[run.name] = described
    lacks = awaited.lacking(view, this, resolved(this), job.create, job.needs)
    return JobObserved(found, owners, digests, contents, lacks)


def created_now(job: JobType, this: Pass, run: Run) -> bool:
    """The create's own reply is the best look there is; asking again would cost a call and might read too early."""
    reply = this.reply(job.create)
    return reply is not None and reply.call.params[job.remote.name_key] == run.name


def _after_its_end(job: JobType, view: View, this: Pass, run: Run) -> Mapping[str, Found]:
    """Of the current run that is over: more may have come of it, and the archived operator's words are not SageMaker's."""
    again = job.unsettled(this.past) or is_first_look(this) or _is_only_the_operators_word(job, run)
    return {run.name: view.describe(job.remote.name, run.name, fresh=True)} if again else {}


def is_first_look(this: Pass) -> bool:
    """Whether status says what it says by the archived operator's word alone: its path of an artefact may be wrong (LO-18)."""
    return "run" not in this.past


def _is_only_the_operators_word(job: JobType, run: Run) -> bool:
    """The archived operator said `Failed` of a transform job also when it could not ask for it or would not have an edit:
    whatever SageMaker says of the job is the truth, and where it knows none, nothing is started.
    """
    return bool(job.doubtful) and run.status == job.doubtful and not run.creation_time


def swept(job: JobType, view: View, run: Run) -> Mapping[str, Found]:
    """What the sweep shows of a running job; one Describe when it ended or seems to be gone."""
    summary = view.summary(job.remote.name, run.name)
    if summary is not None and summary[job.remote.status_key] not in job.remote.over:
        return {run.name: summary}
    if summary is not None or view.unlisted(job.remote.name, run.name):
        return {run.name: view.describe(job.remote.name, run.name, fresh=summary is None)}
    return {}


def look_back(job: JobType, view: View, this: Pass) -> JobObserved:
    """What there is of the recorded runs. That something is absent is for a pass to say that knows where to look."""
    runs = RunRecords.parse(this.past)
    found: dict[str, Found] = {}
    for run in runs:
        if job.is_running(run):
            found |= swept(job, view, run)
        elif run is runs.current and run.started and job.unsettled(this.past):
            found[run.name] = view.describe(job.remote.name, run.name, fresh=True)
    return JobObserved({name: one for name, one in found.items() if one is not None})
