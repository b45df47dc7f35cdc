"""What an object stands for in SageMaker, as its status tells. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.resource import Resource
from reconciler.plugins.sagemaker.kinds import HOSTING, JOBS


@dataclass(frozen=True)
class Thing:
    type: str
    name: str
    status: str = ""
    detail: str = ""

    def record(self) -> dict[str, str]:
        return {key: value for key, value in vars(self).items() if value}


def things(resource: Resource) -> tuple[Thing, ...]:
    status = resource.status
    if resource.kind in JOBS:
        return tuple(_job(resource))
    if resource.kind == HOSTING:
        return tuple(_endpoint(status))
    if resource.kind in ("Model", "EndpointConfig"):
        name = status.get(f"sageMaker{resource.kind}Name")
        return (Thing(resource.kind, str(name), str(status.get("status") or "")),) if name else ()
    if resource.kind == "HostingAutoscalingPolicy":
        return tuple(_targets(status))
    return ()


def serving_entry(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The history entry of what serves: the newest success of the content that is live."""
    found = serving_hash(status)
    entries = [entry for entry in status.get("history") or () if entry.get("result") == "Succeeded"]
    if found:
        return next((entry for entry in entries if entry.get("hash") == found), None)
    config = status.get("endpointConfigName")
    return next((entry for entry in entries if config and entry.get("endpointConfigName") == config), None)


def serving_hash(status: Mapping[str, Any]) -> str:
    """The live configuration's content; what the last finished rollout says when the configuration is not known by name."""
    config = status.get("endpointConfigName")
    known = (*(status.get("history") or ()), *(status.get("configs") or ()))
    keys = ("endpointConfigName", "name")
    for record in known:
        if config and record.get("hash") and config in (record.get(key) for key in keys):
            return str(record["hash"])
    return str((status.get("rollout") or {}).get("currentHash") or "")


def _job(resource: Resource) -> Iterator[Thing]:
    job, status = JOBS[resource.kind], resource.status
    name = str(status.get(job.status_name) or (status.get("run") or {}).get("name") or "")
    if not name:
        return
    said = str(status.get(job.status_key) or "")
    if (status.get("run") or {}).get("status") == "Missing":
        said = "Missing"
    yield Thing(job.kind, name, said, _progress(status))
    best = status.get("bestTrainingJob") or {}
    if best.get("trainingJobName"):
        value = best.get("objectiveValue")
        yield Thing(
            "TrainingJob", str(best["trainingJobName"]), "best", "" if value is None else f"objective {value:g}"
        )


def _progress(status: Mapping[str, Any]) -> str:
    counters = status.get("trainingJobStatusCounters")
    if counters:
        words = {"completed": "completed", "inProgress": "in progress", "stopped": "stopped", "totalError": "failed"}
        return ", ".join(f"{counters[key]} {word}" for key, word in words.items() if counters.get(key))
    secondary = str(status.get("secondaryStatus") or "")
    return secondary if secondary != status.get("trainingJobStatus") else ""


def _endpoint(status: Mapping[str, Any]) -> Iterator[Thing]:
    if not status.get("endpointName"):
        return
    yield Thing("Endpoint", str(status["endpointName"]), str(status.get("endpointStatus") or ""), _stage(status))
    if status.get("endpointConfigName"):
        entry = serving_entry(status)
        yield Thing("EndpointConfig", str(status["endpointConfigName"]), "serves", f"#{entry['id']}" if entry else "")


def _stage(status: Mapping[str, Any]) -> str:
    rollout = status.get("rollout") or {}
    stage = str(rollout.get("stage") or "")
    return stage if rollout.get("requestedAt") and stage != status.get("endpointStatus") else ""


def _targets(status: Mapping[str, Any]) -> Iterator[Thing]:
    said = str(status.get("hostingAutoscalingPolicyStatus") or "")
    targets = status.get("targets") or [{"resourceId": one} for one in status.get("resourceIDList") or ()]
    for target in targets:
        policy = target.get("policyName") or status.get("policyName")
        yield Thing("ScalableTarget", str(target.get("resourceId") or ""), said, f"policy {policy}" if policy else "")
