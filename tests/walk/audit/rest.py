"""At rest: status equals the truth, and nothing is orphaned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.walk.audit.books import OWNER, Books, hosted, is_of
from tests.walk.audit.finding import Finding
from tests.walk.record import Name, Remote, Seen

_JOBS = {
    "TrainingJob": ("TrainingJob", "trainingJobStatus", "TrainingJobStatus"),
    "ProcessingJob": ("ProcessingJob", "processingJobStatus", "ProcessingJobStatus"),
    "BatchTransformJob": ("TransformJob", "transformJobStatus", "TransformJobStatus"),
}
_TAGS_WITHIN_S = 120.0
_RUNS = ("InProgress", "Stopping")


def _now(books: Books) -> dict[Name, Mapping[str, Any]]:
    """The newest version of every object that is there."""
    return {name: versions[-1].body for name, versions in books.seen.items() if versions[-1].body}


def endpoints(books: Books) -> Iterator[Finding]:
    """A deployment's status says of its endpoint what SageMaker says; and what is Ready serves what Git holds."""
    there = {one.name: one for one in books.record.remotes if one.kind == "Endpoint"}
    for name, body in _now(books).items():
        if name.kind != "HostingDeployment" or not books.record.remotes:
            continue
        status = body.get("status") or {}
        remote = there.get(status.get("endpointName", ""))
        live = remote.described if remote else {}
        shown = {key: status.get(key[0].lower() + key[1:]) for key in ("EndpointStatus", "EndpointConfigName")}
        found = {key: live.get(key) for key in shown}
        if shown != found:
            yield Finding("truth", f"{name}: status says {shown}, SageMaker {found}")
        elif _ready(body) == ("True", "InService") and (wanted := _in_git(books, name)) is not None:
            serves = books.content(str(live.get("EndpointConfigName")))
            if serves not in (None, wanted):
                yield Finding("truth", f"{name} is Ready and serves {serves}, Git holds {wanted}")


def jobs(books: Books) -> Iterator[Finding]:
    there = {(one.kind, one.name): one for one in books.record.remotes}
    for name, body in _now(books).items():
        if name.kind not in _JOBS or not books.record.remotes:
            continue
        kind, member, field = _JOBS[name.kind]
        status = body.get("status") or {}
        remote = there.get((kind, (status.get("run") or {}).get("name", "")))
        if remote is not None and status.get(member) != remote.described.get(field):
            yield Finding("truth", f"{name}: status says {status.get(member)}, SageMaker {remote.described.get(field)}")


def synced(books: Books) -> Iterator[Finding]:
    """The sync is at the branch's head, and what is Ready was looked at as it is."""
    head = books.record.heads[-1].commit if books.record.heads else ""
    for name, body in _now(books).items():
        status = body.get("status") or {}
        if name.kind == "GitSync" and not str(status.get("lastAppliedRevision")).endswith(head):
            yield Finding("truth", f"{name} has applied {status.get('lastAppliedRevision')}, the branch is at {head}")
        if _ready(body)[0] == "True" and status.get("observedGeneration") != body["metadata"].get("generation"):
            yield Finding("truth", f"{name} is Ready for generation {status.get('observedGeneration')}")


def orphans(books: Books) -> Iterator[Finding]:
    """What exists has an object, and a configuration or model is known to it; unless somebody wanted it kept, or status was lost."""
    now = _now(books)
    for remote in books.record.remotes:
        tag = remote.tags.get(OWNER)
        owner = books.owner.get(remote.name)
        if owner is None:
            continue
        if tag is None and remote.kind == "Endpoint" and not _just_taken(books, remote):
            yield Finding("orphan", f"{remote.kind} {remote.name} of {owner} has no owner tag")
        if owner not in now:
            over = remote.kind in ("TrainingJob", "ProcessingJob", "TransformJob") and remote.status not in _RUNS
            if not over and not _retained(books, owner):
                yield Finding("orphan", f"{remote.kind} {remote.name}: {owner} is gone")
        elif remote.kind in ("EndpointConfig", "Model") and not _known(now[owner], remote) and not _lost(books, owner):
            yield Finding("orphan", f"{remote.kind} {remote.name}: status of {owner} does not know it")


def _just_taken(books: Books, remote: Remote) -> bool:
    """Whether somebody took its tags away so shortly before that a look at tags need not have come by."""
    others = (call for call in books.record.calls if call.caller not in books.record.clusters and call.effect)
    taken = [call.at for call in others if call.op == "DeleteTags" and call.key == remote.name]
    return bool(taken) and remote.at - max(taken) < _TAGS_WITHIN_S


def _known(body: Mapping[str, Any], remote: Remote) -> bool:
    status = body.get("status") or {}
    configs = status.get("configs") or ()
    models = {name for one in configs for name in one.get("models") or ()} | {
        one["name"] for one in status.get("models") or ()
    }
    return remote.name in (models if remote.kind == "Model" else {one["name"] for one in configs})


def _retained(books: Books, owner: Name) -> bool:
    return "retain" in books.annotations(owner, "deletion-policy")


def _lost(books: Books, owner: Name) -> bool:
    """Whether its status was ever less than before, or the object another: what it knew is found again as far as docs/hosting.md says."""
    before: Seen | None = None
    for one in books.seen[owner]:
        if before is not None and before.body and one.body:
            other = before.body["metadata"]["uid"] != one.body["metadata"]["uid"]
            if other or _height(one) < _height(before):
                return True
        if not one.body:
            return True
        before = one
    return False


def _height(one: Seen) -> int:
    """The newest id of history: it falls only when status is lost or restored."""
    return max((entry.get("id", 0) for entry in (one.body.get("status") or {}).get("history") or ()), default=0)


def _in_git(books: Books, name: Name) -> object:
    """The content that the branch holds now."""
    manifests = books.record.heads[-1].manifests if books.record.heads else ()
    return next((hosted(body.get("spec") or {}) for _, body in manifests if is_of(body, name)), None)


def _ready(body: Mapping[str, Any]) -> tuple[str, str]:
    conditions = (body.get("status") or {}).get("conditions") or ()
    found: Mapping[str, str] = next((one for one in conditions if one["type"] == "Ready"), {})
    return found.get("status", ""), found.get("reason", "")


RULES = (endpoints, jobs, synced, orphans)
