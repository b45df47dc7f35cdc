"""`status`: sync -> objects -> SageMaker, as a tree for people and as a document for programs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from reconciler.core.catalog import Catalog
from reconciler.core.drift.policy import CORRECTED, STANDS
from reconciler.core.git.inventory import read
from reconciler.core.resource import TUNING_JOB_LABEL, Annotation, Key, Resource
from reconciler.core.sync.spec import owner_id
from reconciler.core.values import Status
from reconciler.kinds import CATALOG
from reconciler.plugins.sagemaker.health import Health, ObjectHealth, look
from reconciler.plugins.sagemaker.kinds import HOSTING, SYNC, TUNING, every_kind, shown
from reconciler.plugins.sagemaker.paint import Paint, ago, plain, revision


@dataclass(frozen=True)
class Branch:
    """A sync with what it holds; `sync` None for the objects that none holds."""

    sync: Resource | None
    objects: tuple[Resource, ...]
    missing: tuple[Key, ...] = ()
    """In the sync's inventory, and not in the cluster."""


@dataclass(frozen=True)
class Forest:
    branches: tuple[Branch, ...]
    children: Mapping[Key, tuple[Resource, ...]] = field(default_factory=dict)
    """Training jobs of tuning jobs."""
    catalog: Catalog = CATALOG
    places: Mapping[Key, str] = field(default_factory=dict)
    """Of what failed: file and line in Git."""

    @property
    def healthy(self) -> bool:
        """Every sync and object is Ready at its newest generation, and nothing is missing."""
        return not any(branch.missing for branch in self.branches) and all(
            look(resource).ready
            for branch in self.branches
            for resource in (*([branch.sync] if branch.sync else []), *branch.objects)
        )


def forest(resources: Iterable[Resource], only: Resource | None = None, catalog: Catalog = CATALOG) -> Forest:
    """Order what was read; `only` is the sync, or the one object, that was asked for."""
    order = {kind.kind: place for place, kind in enumerate(every_kind(catalog))}
    every = sorted(resources, key=lambda one: (one.namespace, order.get(one.kind, 99), one.name))
    children: dict[Key, tuple[Resource, ...]] = {}
    parents = {one.key for one in every if one.kind == TUNING}
    for one in every:
        parent = Key(TUNING, one.namespace, one.labels.get(TUNING_JOB_LABEL, ""))
        if parent in parents and one.kind == "TrainingJob":
            children[parent] = (*children.get(parent, ()), one)
    spawned = {child.key for found in children.values() for child in found}
    syncs = [one for one in every if one.kind == SYNC]
    objects = [one for one in every if one.kind != SYNC and (one.key not in spawned or one.key == (only and only.key))]
    if only is not None and only.kind != SYNC:
        mine = tuple(one for one in objects if one.key == only.key)
        return Forest((Branch(None, mine),), children, catalog, _places(every))
    branches = [_branch(sync, objects) for sync in syncs if only is None or sync.key == only.key]
    in_a_branch = {one.key for sync in syncs for one in _branch(sync, objects).objects}
    free = tuple(one for one in objects if one.key not in in_a_branch)
    if only is None and free:
        branches.append(Branch(None, free))
    return Forest(tuple(branches), children, catalog, _places(every))


def _places(resources: Iterable[Resource]) -> dict[Key, str]:
    """As the syncs know them; their objects are in the namespace that the inventory names."""
    found: dict[Key, str] = {}
    for sync in resources:
        held = read(sync.status.get("inventory") or ()) if sync.kind == SYNC else {}
        where = {(key.kind, key.name): key for key in held}
        for one in (sync.status.get("failing") or ()) if held else ():
            key = where.get((str(one.get("kind")), str(one.get("name"))))
            if key is not None and one.get("path"):
                found[key] = f"{plain(one['path'])}:{one['line']}" if one.get("line") else plain(one["path"])
    return found


def namespaces(syncs: Iterable[Resource]) -> set[str]:
    """Where the syncs' objects are."""
    return {key.namespace for sync in syncs for key in read(sync.status.get("inventory") or ())}


def _branch(sync: Resource, objects: Sequence[Resource]) -> Branch:
    owner, inventory = owner_id(sync.key), read(sync.status.get("inventory") or ())
    owned = tuple(
        one
        for one in objects
        if one.annotations.get(Annotation.OWNER) == owner
        or (one.key in inventory and Annotation.OWNER not in one.annotations)
    )
    there = {one.key for one in objects}
    return Branch(sync, owned, tuple(sorted(key for key in inventory if key not in there)))


@dataclass(frozen=True)
class TreeStyle:
    paint: Paint
    now: datetime
    wide: bool = False
    namespaced: bool = False
    """Name the namespaces: more than one is shown."""
    failures_first: bool = False
    """Where the lines below may not be seen."""
    unfolded: bool = False
    """Every training job of a tuning job has lines of its own."""


def text(found: Forest, how: TreeStyle) -> list[str]:
    lines: list[str] = []
    for branch in found.branches:
        lines += [""] if lines else []
        if branch.sync is not None:
            lines += _sync_lines(branch.sync, how)
        elif len(found.branches) > 1:
            lines.append(how.paint("Not from a GitSync", "dim"))
        below = _below(branch, found, how)
        bare = branch.sync is None and len(found.branches) == 1
        lines += [line for block in below for line in block] if bare else _grown(below, how.paint)
    return lines


def _below(branch: Branch, found: Forest, how: TreeStyle) -> list[list[str]]:
    """A block of lines for each object, for what is missing and for what was rejected."""
    objects = [(look(one).health, _object_lines(one, how, found)) for one in branch.objects]
    missing = [
        [f"{how.paint.mark('bad')} {_titled(key, how)}   Missing   in the inventory, not in the cluster"]
        for key in branch.missing
    ]
    rejected = [_rejected_lines(one, how) for one in (branch.sync.status if branch.sync else {}).get("rejected") or ()]
    if not how.failures_first:
        return [*(lines for _, lines in objects), *missing, *rejected]
    objects.sort(key=lambda one: _URGENT.get(one[0], len(_URGENT)))
    bad = sum(health is Health.BAD for health, _ in objects)
    lines = [lines for _, lines in objects]
    return [*lines[:bad], *missing, *rejected, *lines[bad:]]


_URGENT = {Health.BAD: 0, Health.UNKNOWN: 1, Health.BUSY: 2}


def failed(found: Forest) -> Forest:
    """Only what has trouble: objects that failed, wait for a person or were never looked at, with their syncs."""
    branches = []
    for branch in found.branches:
        objects = tuple(
            one for one in branch.objects if _in_trouble(one) or any(map(_in_trouble, found.children.get(one.key, ())))
        )
        sync = branch.sync
        rejected = bool(sync and sync.status.get("rejected"))
        if objects or branch.missing or rejected or (sync is not None and _in_trouble(sync)):
            branches.append(replace(branch, objects=objects))
    return replace(found, branches=tuple(branches))


def _in_trouble(resource: Resource) -> bool:
    return look(resource).health in (Health.BAD, Health.UNKNOWN) or bool(gone(resource))


def _grown(blocks: Sequence[Sequence[str]], paint: Paint) -> Iterator[str]:
    child, last, below, beneath_last = paint.branches
    for place, (first, *rest) in enumerate(blocks):
        end = place == len(blocks) - 1
        yield (last if end else child) + first
        yield from ((beneath_last if end else below) + line for line in rest)


def _sync_lines(sync: Resource, how: TreeStyle) -> list[str]:
    seen, status, paint = look(sync), sync.status, how.paint
    repo = sync.spec.get("repo") or {}
    applied, attempted = status.get("lastAppliedRevision"), status.get("lastAttemptedRevision")
    parts = [f"{paint.mark(seen.health)} {paint(_titled(sync.key, how), 'strong')}", seen.reason, revision(applied)]
    if attempted and attempted != applied:
        parts.append(f"(tried {revision(attempted)})")
    where = f"{plain(repo.get('url'))} {plain(repo.get('path'))}".strip()
    lines = ["   ".join(filter(None, parts)), *_indented([where], paint)]
    counts = status.get("objects") or {}
    words = [f"{counts[key]} {key}" for key in ("ready", "failed", "waiting", "drifted", "rejected") if counts.get(key)]
    if counts.get("total"):
        lines += _indented([f"{counts['total']} objects: {', '.join(words) or 'none ready'}"], paint)
    return lines + _said(seen.health, seen.message, how) + _indented(_unpruned(status), paint)


def _unpruned(status: Status) -> list[str]:
    """What an approval would delete, by name."""
    waits = status.get("pruneApproval") or {}
    names = [plain(name) for name in waits.get("objects") or ()]
    more = int(waits.get("total") or 0) - len(names)
    return [f"would be deleted: {name}" for name in names] + ([f"... and {more} more"] if more > 0 else [])


_DRIFT = {STANDS: "busy", CORRECTED: "good"}


def _object_lines(resource: Resource, how: TreeStyle, trees: Forest) -> list[str]:
    seen, paint, source = look(resource), how.paint, resource.status.get("source") or {}
    commit = str(source.get("shortRevision") or "")
    drift = str((resource.status.get("drift") or {}).get("state") or "")
    parts = [f"{paint.mark(seen.health)} {_titled(resource.key, how)}", paint(seen.reason, seen.health), plain(commit)]
    if drift in _DRIFT:
        parts.append(paint(drift, _DRIFT[drift]))
    if how.wide and source:
        parts += [plain(source.get("author")), f'"{plain(source.get("subject"), 60)}"']
    if how.wide:
        parts.append(ago(resource.metadata.get("creationTimestamp"), how.now).replace(" ago", " old"))
    lines = ["   ".join(filter(None, parts)), *_said(seen.health, _placed(resource, seen, trees.places), how)]
    found = [
        "   ".join(filter(None, (f"{one.type} {plain(one.name)}", plain(one.status), plain(one.detail))))
        for one in shown(resource, trees.catalog)
    ]
    found += [paint(f"{type_} {name}   gone: {_NOT_PATCHED}", "bad") for type_, name in gone(resource)]
    blocks = [[line] for line in found] + _children_lines(trees.children.get(resource.key, ()), how, trees)
    return lines + list(_grown(blocks, paint))


_NOT_PATCHED = "the endpoint serves on, but SageMaker can neither patch nor scale nor restart it"


def gone(resource: Resource) -> list[tuple[str, str]]:
    """What a live endpoint needs and SageMaker has no more, as (type, name): its model, its configuration."""
    if resource.kind != HOSTING or resource.status.get("endpointStatus") in (None, "", "Failed"):
        return []
    differences = (resource.status.get("drift") or {}).get("differences") or ()
    found = []
    for one in differences:
        path = str(one.get("path") or "")
        type_ = "Model" if "/models/" in path else "EndpointConfig" if "endpointConfig" in path else ""
        if type_ and one.get("plane") == "sagemaker" and one.get("live") == "(deleted)":
            found.append((type_, plain(one.get("desired"))))
    return found


def _children_lines(children: Sequence[Resource], how: TreeStyle, trees: Forest) -> list[list[str]]:
    """Of many training jobs those that failed, and how many the others are."""
    if how.unfolded or how.wide or len(children) <= _UNFOLDED:
        return [_object_lines(child, how, trees) for child in children]
    failing = [child for child in children if _in_trouble(child)]
    counts = Counter(look(child).reason for child in children)
    words = ", ".join(f"{count} {plain(reason)}" for reason, count in sorted(counts.items()))
    folded = f"{len(children)} training jobs: {words}   (-o wide shows all)"
    return [[folded], *(_object_lines(child, how, trees) for child in failing[:_UNFOLDED])]


_UNFOLDED = 3
"""So many training jobs of a tuning job are shown one by one."""


def _placed(resource: Resource, seen: ObjectHealth, places: Mapping[Key, str]) -> str:
    """The message of what failed, with the place in Git where it is mended."""
    if seen.health is not Health.BAD:
        return seen.message
    place = places.get(resource.key) or plain(resource.annotations.get(Annotation.PATH))
    return ": ".join(filter(None, (place, seen.message)))


def _rejected_lines(found: Mapping[str, Any], how: TreeStyle) -> list[str]:
    place = f"{plain(found.get('path'))}:{found['line']}" if found.get("line") else plain(found.get("path"))
    what = "/".join(filter(None, (plain(found.get("kind")), plain(found.get("name")))))
    first = "   ".join(filter(None, (f"{how.paint.mark('bad')} {place}", what, plain(found.get("reason")))))
    return [first, *_said(Health.BAD, str(found.get("message") or ""), how)]


def _said(health: Health, message: str, how: TreeStyle) -> list[str]:
    """What is said of trouble; of health only when asked for more."""
    if not message or (health in (Health.GOOD, Health.PAUSED) and not how.wide):
        return []
    return _indented([how.paint(plain(message), "bad" if health is Health.BAD else "")], how.paint)


def _indented(lines: Iterable[str], paint: Paint) -> list[str]:
    return [f"{paint.branches[2]}{line}" for line in lines if line]


def _titled(key: Key, how: TreeStyle) -> str:
    return f"{key.kind} {f'{key.namespace}/' if how.namespaced else ''}{key.name}"


def document(found: Forest) -> dict[str, Any]:
    """The same for programs; the form is described in docs/kubectl-sagemaker.md."""
    syncs = [
        {
            **record(branch.sync, found.catalog),
            "revision": branch.sync.status.get("lastAppliedRevision"),
            "attempted": branch.sync.status.get("lastAttemptedRevision"),
            "objects": [record(one, found.catalog, found.children.get(one.key, ())) for one in branch.objects],
            "missing": [key._asdict() for key in branch.missing],
            "rejected": list(branch.sync.status.get("rejected") or ()),
        }
        for branch in found.branches
        if branch.sync is not None
    ]
    free = [one for branch in found.branches if branch.sync is None for one in branch.objects]
    objects = [record(one, found.catalog, found.children.get(one.key, ())) for one in free]
    return {"healthy": found.healthy, "syncs": syncs, "objects": objects}


def record(resource: Resource, catalog: Catalog = CATALOG, children: Sequence[Resource] = ()) -> dict[str, Any]:
    seen, source, drift = look(resource), resource.status.get("source") or {}, resource.status.get("drift") or {}
    members = {
        **resource.key._asdict(),
        "health": str(seen.health),
        "ready": seen.ready,
        "reason": seen.reason,
        "message": seen.message,
        "commit": source.get("commit"),
        "author": source.get("author"),
        "subject": source.get("subject"),
        "drift": drift.get("state"),
        "sageMaker": [
            {key: value for key, value in one._asdict().items() if value} for one in shown(resource, catalog)
        ],
        "gone": [{"type": type_, "name": name} for type_, name in gone(resource)],
        "trainingJobs": [record(child, catalog) for child in children],
    }
    return {key: value for key, value in members.items() if value not in (None, "", [])}
