"""Manifests to findings: what `reconciler validate` says, without an API server and without AWS.

What a sync rejects comes from the code of the sync (`core/manifests`) with the sync's reasons. Knows beyond it SageMaker's own
requirements, mistakes that become status errors, what only shows between objects, and what is only doubtful: a warning makes
nothing invalid. Refuses to read files: `app/checks` does.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.aws.partitions import Partitions
from reconciler.core.catalog import Catalog
from reconciler.core.errors import TerminalError
from reconciler.core.findings import findings
from reconciler.core.manifests.parse import Manifest, Rejection
from reconciler.core.references import Target, cycles, targets
from reconciler.core.resource import Key
from reconciler.core.schema.problems import Problem, api_problems
from reconciler.core.schema.shapes import Structure, strangers
from reconciler.core.sync.spec import KIND as SYNC
from reconciler.core.sync.spec import GitSyncSpec
from reconciler.core.values import Spec

__all__ = ["ERROR", "WARNING", "CheckReport", "Checked", "Checker", "Finding", "Known"]

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault for people: file, line, object, JSON Pointer, reason, message."""

    file: str
    line: int
    kind: str
    name: str
    path: str
    """JSON Pointer into the object; empty when the file itself is meant."""
    reason: str
    message: str
    severity: str = ERROR
    """`error`, or `warning` for what may be right all the same."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `reconciler validate` prints."""

    files: int
    objects: int
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether nothing but warnings was found."""
        return all(finding.severity != ERROR for finding in self.findings)


@dataclass(frozen=True)
class Checked:
    """What one sync would read, or what is checked as if one did."""

    manifests: Sequence[Manifest]
    rejections: Sequence[Rejection] = ()
    namespace: str = ""
    """Where the sync applies; empty where nobody says."""
    shown: Callable[[str], str] = field(default=str)
    """A path of the tree as its user named it."""


@dataclass(frozen=True)
class Known:
    """What botocore knows of the world outside."""

    partition_of: Partitions
    regions: frozenset[str]


class Checker:
    """Judges what several syncs read as one whole: references may lead from one to another of the same namespace."""

    def __init__(self, catalog: Catalog, shapes: Mapping[str, Structure], known: Known) -> None:
        self._catalog = catalog
        self._shapes = shapes
        self._known = known

    def findings(self, checked: Sequence[Checked]) -> tuple[Finding, ...]:
        """By file and line, each once: two syncs may read the same file."""
        found: dict[Finding, None] = {}
        for one in checked:
            found |= dict.fromkeys(_rejected(one))
            found |= dict.fromkeys(finding for manifest in one.manifests for finding in self._judged(one, manifest))
            found |= dict.fromkeys(_namespaces(one))
            found |= dict.fromkeys(self._references(one, checked))
            found |= dict.fromkeys(self._shared(one))
        return tuple(sorted(found, key=lambda finding: (finding.file, finding.line, finding.path)))

    def _judged(self, one: Checked, manifest: Manifest) -> Iterator[Finding]:
        spec = manifest.value.get("spec") or {}
        shape = self._shapes[manifest.kind]
        for problem in (*api_problems(shape, spec), *self._of_kind(manifest, spec)):
            yield _finding(one, manifest, problem)
        for problem in _doubtful(shape, spec, self._known.regions):
            yield _finding(one, manifest, problem, WARNING)

    def _of_kind(self, manifest: Manifest, spec: Spec) -> tuple[Problem, ...]:
        if manifest.kind == SYNC:
            return _of_sync(manifest, spec)
        kind = self._catalog.by_name.get(manifest.kind)
        return findings(kind, spec, self._known.partition_of) if kind else ()

    def _references(self, one: Checked, checked: Sequence[Checked]) -> Iterator[Finding]:
        """References to what is nowhere among the files, and those that lead back to where they began.

        Only here: an object may be in the cluster though no file of this check holds it, so the sync says nothing.
        """
        beside = [other for other in checked if one.namespace and other.namespace == one.namespace]
        present = {_key(manifest) for other in (one, *beside) for manifest in other.manifests}
        rejected = {(fault.kind, fault.name) for fault in one.rejections}
        named = {_key(manifest): self._targets(manifest) for manifest in one.manifests}
        ways = cycles(named)
        for manifest in one.manifests:
            key = _key(manifest)
            there = [target for target in named[key] if (target.key.kind, target.key.name) not in rejected]
            for problem in _lost(key, there, present, ways):
                yield _finding(one, manifest, problem)

    def _targets(self, manifest: Manifest) -> tuple[Target, ...]:
        return targets(self._shapes[manifest.kind], manifest.value.get("spec"), manifest.namespace)

    def _shared(self, one: Checked) -> Iterator[Finding]:
        """What two objects of a kind may not both have."""
        first: dict[tuple[str, str, str], Manifest] = {}
        for manifest in one.manifests:
            kind = self._catalog.by_name.get(manifest.kind)
            for path, what in kind.exclusive(manifest.value.get("spec") or {}) if kind else ():
                other = first.setdefault((manifest.kind, manifest.namespace, what), manifest)
                if other is not manifest:
                    message = f"{what} is {other.kind} {other.name}'s already ({one.shown(other.path)}:{other.line})"
                    yield _finding(one, manifest, Problem(path, "OwnedByAnother", message))


def _key(manifest: Manifest) -> Key:
    return Key(manifest.kind, manifest.namespace, manifest.name)


def _rejected(one: Checked) -> Iterator[Finding]:
    for fault in one.rejections:
        file = one.shown(fault.path)
        yield Finding(file, fault.line or 1, fault.kind, fault.name, fault.pointer, fault.reason, fault.text)


def _finding(one: Checked, manifest: Manifest, problem: Problem, severity: str = ERROR) -> Finding:
    place = one.shown(manifest.path), manifest.line_of(problem.path)
    about = manifest.kind, manifest.name, problem.path
    return Finding(*place, *about, problem.reason, problem.message, severity)


def _of_sync(manifest: Manifest, spec: Spec) -> tuple[Problem, ...]:
    target = spec.get("targetNamespace")
    if target and target != manifest.namespace and not spec.get("serviceAccountName"):
        message = "another namespace is applied to as a ServiceAccount of the GitSync's own"
        return (Problem("/spec/serviceAccountName", "ServiceAccountMissing", message),)
    try:
        GitSyncSpec.parse(spec, manifest.namespace)
    except TerminalError as error:
        return (Problem("/spec", error.reason, str(error)),)
    return ()


def _doubtful(shape: Structure, spec: Spec, regions: frozenset[str]) -> Iterator[Problem]:
    for path, value, scalar in strangers(shape, spec):
        yield Problem(
            path, "UnknownValue", f"{_quoted(value)} is not known to this version{_nearest(value, scalar.known)}"
        )
    region = spec.get("region")
    if isinstance(region, str) and region and region not in regions:
        message = f"{_quoted(region)} is no region that this version knows{_nearest(region, regions)}"
        yield Problem("/spec/region", "UnknownRegion", message)


def _quoted(text: str) -> str:
    return f'"{text[:100]}"'


def _nearest(text: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(text, sorted(known), n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else ""


def _namespaces(one: Checked) -> Iterator[Finding]:
    """Objects of several namespaces in one path: no one sync applies them all."""
    written = Counter(manifest.namespace for manifest in one.manifests if manifest.namespace and manifest.kind != SYNC)
    if one.namespace or len(written) < 2:
        return
    usual = written.most_common(1)[0][0]
    for manifest in one.manifests:
        if manifest.kind != SYNC and manifest.namespace not in ("", usual):
            message = (
                f"a GitSync applies one namespace, and other objects here are of {usual}: say which by --namespace"
            )
            yield _finding(one, manifest, Problem("/metadata/namespace", "ForeignNamespace", message), WARNING)


def _lost(
    key: Key, named: Iterable[Target], present: Collection[Key], ways: Mapping[Key, tuple[Key, ...]]
) -> Iterator[Problem]:
    for path, target in named:
        if target not in present:
            where = f" in the namespace {target.namespace}" if target.namespace else ""
            message = f"no {target.kind} {target.name}{where} is among the files that were checked"
            yield Problem(path, "MissingTarget", message)
        elif key in ways and target == ways[key][1]:
            way = " -> ".join(f"{step.kind} {step.name}" for step in ways[key])
            yield Problem(path, "ReferenceCycle", f"waits for itself: {way}")
