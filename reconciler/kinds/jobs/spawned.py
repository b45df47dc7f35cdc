"""TrainingJob resources that stand for the training jobs of a tuning job: shown, never acted on.

A child mirrors one training job that SageMaker started on behalf of a HyperparameterTuningJob. It creates nothing, stops
nothing and holds no finalizer, so deleting it removes a line of `kubectl get trainingjobs` and no more. It is recognised by
its label, or by the finalizer that the archived operator put on its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from reconciler.core.conditions import stamp
from reconciler.core.decision import Decision, Phase
from reconciler.core.kind import Pass, View
from reconciler.core.records.run import Run
from reconciler.core.resource import LEGACY_API_VERSION, TUNING_JOB_LABEL, Resource
from reconciler.core.values import Spec
from reconciler.kinds.jobs.following import mirror
from reconciler.kinds.jobs.job_pass import JobPass
from reconciler.kinds.jobs.job_type import JobType
from reconciler.kinds.jobs.observed import JobObserved, is_first_look, swept

_LABEL_LIMIT = 63


def child(parent: Resource, training_job: str, spec: Spec) -> Resource:
    """The resource for one training job of a tuning job; Kubernetes takes no capitals in its name."""
    owner = {
        "apiVersion": parent.api_version,
        "kind": parent.kind,
        "name": parent.name,
        "uid": parent.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    metadata = {
        "name": training_job.lower(),
        "namespace": parent.namespace,
        "labels": {TUNING_JOB_LABEL: label_value(parent.name)},
        "ownerReferences": [owner],
    }
    body = {"apiVersion": LEGACY_API_VERSION, "kind": "TrainingJob", "metadata": metadata}
    return Resource({**body, "spec": {**spec, "trainingJobName": training_job}})


def label_value(name: str) -> str:
    """An object's name as a label's value, which is shorter."""
    if len(name) <= _LABEL_LIMIT:
        return name
    return f"{name[: _LABEL_LIMIT - 9].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def observe(job: JobType, view: View, this: Pass) -> JobObserved:
    """From the sweep, with one Describe at the end: hundreds of children cost pages of a List."""
    run = _run(job, this)
    if run.status not in job.remote.over:
        return JobObserved(swept(job, view, run))
    if job.unsettled(this.past) or is_first_look(this):
        return JobObserved({run.name: view.describe(job.remote.name, run.name, fresh=True)})
    return JobObserved()


def decide(job: JobType, this: Pass, seen: JobObserved) -> Decision:
    if this.resource.deleting:
        return Decision(Phase.RELEASED, "Deleted", "")
    run = _run(job, this)
    shown = mirror(JobPass(job, this, seen), run)
    why = shown.status.get("additional") or shown.status.get("secondaryStatus") or shown.reason
    return replace(shown, message=f"{run.name}: {why}", notices=())


def _run(job: JobType, this: Pass) -> Run:
    recorded = Run.parse(this.past.get("run"))
    name = recorded.name or this.past.get(job.status_name) or this.resource.spec.get(job.spec_name) or ""
    return replace(
        recorded,
        name=str(name),
        status=recorded.status or str(this.past.get(job.status_key) or "InProgress"),
        started_at=recorded.started_at or stamp(this.now),
        region=str(this.spec.get("region") or ""),
    )
