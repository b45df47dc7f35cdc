"""Resources as the API server would return them."""

from datetime import UTC, datetime
from typing import Any

from reconciler.core.resource import GITOPS_API_VERSION, LEGACY_API_VERSION, Resource

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
SINCE = "2026-01-10T11:00:00Z"
A, B, C = "a" * 40, "b" * 40, "c" * 40


def conditions(*said: tuple[str, str, str], message: str = "") -> list[dict[str, Any]]:
    return [
        {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": SINCE}
        for kind, status, reason in said
    ]


def resource(kind: str = "HostingDeployment", name: str = "churn", **more: Any) -> Resource:
    """`annotations` without their prefix, `ready` and `stalled` as reasons; anything else goes into status."""
    annotations = {f"sagemaker-gitops.dev/{k}": v for k, v in more.pop("annotations", {}).items()}
    generation, spec, message = more.pop("generation", 1), more.pop("spec", {}), more.pop("message", "")
    metadata = {"name": name, "namespace": "ml", "generation": generation, "annotations": annotations}
    metadata |= more.pop("metadata", {})
    status: dict[str, Any] = {}
    if reason := more.pop("ready", ""):
        status = {"conditions": conditions(("Ready", "True", reason), message=message)}
    elif reason := more.pop("stalled", ""):
        status = {"conditions": conditions(("Ready", "False", reason), ("Stalled", "True", reason), message=message)}
    elif reason := more.pop("working", ""):
        said = (("Ready", "False", reason), ("Reconciling", "True", reason))
        status = {"conditions": conditions(*said, message=message)}
    status |= {"observedGeneration": 1} if status else {}
    version = GITOPS_API_VERSION if kind == "GitSync" else LEGACY_API_VERSION
    return Resource(
        {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec, "status": {**status, **more}}
    )


def entry(number: int, hash_: str, commit: str, result: str = "Succeeded", **more: Any) -> dict[str, Any]:
    ended = {"result": result, "finishedAt": f"2026-01-0{number}T00:04:30Z"} if result else {}
    started = f"2026-01-0{number}T00:00:00Z"
    revision = f"main@sha1:{commit}"
    found = {"id": number, "hash": hash_, "endpointConfigName": f"churn-{hash_}", "revision": revision, "author": "Ada"}
    return {**found, "startedAt": started, **ended, **more}


HISTORY = [entry(3, "h3", C, "RolledBack", reason="alarm tripped"), entry(2, "h2", B), entry(1, "h1", A)]
BAD = {"hash": "h3", "revision": f"main@sha1:{C}", "reason": "alarm tripped"}


def hosting(**more: Any) -> Resource:
    """An endpoint that serves #2 after #3 was rolled back."""
    known: dict[str, Any] = {"endpointName": "churn", "endpointStatus": "InService", "endpointConfigName": "churn-h2"}
    known |= {"history": HISTORY, "quarantine": [BAD], "rollout": {"desiredHash": "h3", "currentHash": "h2"}}
    return resource(**{"stalled": "RevisionQuarantined", "message": "h3 is quarantined", **known, **more})
