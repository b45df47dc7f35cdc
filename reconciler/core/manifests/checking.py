"""Files to findings: what `reconciler validate` says about bytes, without an API server and without AWS.

Knows the order of the judgement (YAML, kind, schema, SageMaker's own requirements, mistakes that become status errors,
duplicates) and where each finding stands. Refuses to read files: the command does.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from reconciler.core.aws.partitions import Partitions
from reconciler.core.catalog import Catalog
from reconciler.core.findings import findings
from reconciler.core.manifests.parse import below, without_nulls
from reconciler.core.manifests.substitute import SubstitutionError, substitute
from reconciler.core.manifests.yaml_lines import YamlError, documents
from reconciler.core.references import Target, cycles, targets
from reconciler.core.resource import Key
from reconciler.core.schema.problems import Problem, api_problems, manifest_problems
from reconciler.core.schema.shapes import Structure
from reconciler.core.values import JsonObject, Spec

__all__ = ["CheckReport", "Checker", "Finding"]


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


@dataclass(slots=True)
class CheckReport:
    """What `reconciler validate` prints."""

    files: int = 0
    objects: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Object:
    scope: str
    file: str
    line: int
    line_of: Callable[[str], int]
    value: JsonObject

    @property
    def kind(self) -> str:
        return str(self.value.get("kind"))

    @property
    def metadata(self) -> JsonObject:
        metadata = self.value.get("metadata")
        return metadata if isinstance(metadata, Mapping) else {}

    @property
    def name(self) -> str:
        return str(self.metadata.get("name") or "")

    def finding(self, problem: Problem) -> Finding:
        line = self.line_of(problem.path)
        return Finding(self.file, line, self.kind, self.name, problem.path, problem.reason, problem.message)


class Checker:
    """Judges many files as one whole: an object may stand in only one of them, and variables may be declared in another."""

    def __init__(self, catalog: Catalog, shapes: Mapping[str, Structure], partition_of: Partitions) -> None:
        self._catalog = catalog
        self._partition_of = partition_of
        self._by_kind = {(schema.group, schema.kind): (schema, shapes[schema.kind]) for schema in catalog.schemas}
        self._groups = {group for group, _ in self._by_kind}
        self._objects: list[_Object] = []
        self._report = CheckReport()

    def read(self, name: str, data: bytes, scope: str = "") -> None:
        """Take in one file; a YAML error is a finding and ends the file.

        An object may stand in one file of a scope: directories of two clusters rightly hold objects of the same names.
        """
        self._report.files += 1
        try:
            for document in documents(data):
                self._take(scope, name, document.line, document.line_of, document.value)
        except YamlError as error:
            self._report.findings.append(Finding(name, error.line, "", "", "", "InvalidYAML", error.message))

    def note(self, text: str) -> None:
        """Keep a remark for people that makes nothing invalid."""
        self._report.notes.append(text)

    def report(self) -> CheckReport:
        """Judge everything that was read; findings by file and line."""
        declared = self._declared()
        seen: dict[tuple[str, ...], _Object] = {}
        for one in self._objects:
            self._report.findings += self._judged(one, declared)
            self._report.findings += _duplicates(one, seen)
        self._report.findings += self._references(declared)
        self._report.objects = len(self._objects)
        self._report.findings.sort(key=lambda finding: (finding.file, finding.line, finding.path))
        return self._report

    def _take(self, scope: str, name: str, line: int, line_of: Callable[[str], int], value: object) -> None:
        where = f"{name}:{line}"
        if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
            self.note(f"{where}: no Kubernetes object; ignored")
            return
        if value.get("kind") == "List" and value.get("apiVersion") == "v1" and isinstance(value.get("items"), list):
            for index, item in enumerate(value["items"]):
                above = f"/items/{index}"
                self._take(scope, name, line_of(above), partial(below, line_of, above), item)
            return
        group = str(value.get("apiVersion", "")).partition("/")[0]
        if group not in self._groups:
            self.note(f"{where}: {value['kind']} of {value.get('apiVersion')} is not ours; ignored")
            return
        self._objects.append(_Object(scope, name, line, line_of, value))

    def _declared(self) -> dict[str, str]:
        """Variables of every GitSync among the files. Without one, `${NAME}` is text, as it is for `kubectl apply`."""
        declared: dict[str, str] = {}
        for one in self._objects:
            spec = one.value.get("spec")
            if one.kind == "GitSync" and isinstance(spec, Mapping) and isinstance(spec.get("substitute"), Mapping):
                declared |= {str(name): str(text) for name, text in spec["substitute"].items()}
        return declared

    def _judged(self, one: _Object, declared: Mapping[str, str]) -> Iterator[Finding]:
        group = str(one.value["apiVersion"]).partition("/")[0]
        known = self._by_kind.get((group, one.kind))
        if known is None:
            yield one.finding(Problem("/kind", "UnknownKind", self._unknown_kind(group, one.kind)))
            return
        schema, shape = known
        try:
            value = _substituted(one, declared)
        except SubstitutionError as error:
            yield one.finding(Problem(error.pointer, "UndeclaredVariable", error.message))
            return
        # A null says "not set" in a manifest; the sync leaves it out as well.
        value = {**value, "spec": without_nulls(value["spec"])} if value.get("spec") is not None else value
        problems = manifest_problems(schema, shape, value)
        if not problems:
            spec = value["spec"]
            problems = (*api_problems(shape, spec), *self._findings(one.kind, spec), *_impersonation(value))
        yield from (one.finding(problem) for problem in problems)

    def _findings(self, name: str, spec: Spec) -> tuple[Problem, ...]:
        kind = self._catalog.by_name.get(name)
        return findings(kind, spec, self._partition_of) if kind else ()

    def _references(self, declared: Mapping[str, str]) -> Iterator[Finding]:
        """References to what is not among the objects of their scope, and those that lead back to where they began.

        Only here: an object may be in the cluster though no file of this check holds it, so the sync says nothing.
        """
        scopes: dict[str, dict[Key, tuple[_Object, tuple[Target, ...]]]] = {}
        for one in self._objects:
            if found := self._targets(one, declared):
                key, named = found
                scopes.setdefault(one.scope, {}).setdefault(key, (one, named))
        for objects in scopes.values():
            ways = cycles({key: named for key, (_, named) in objects.items()})
            for key, (one, named) in objects.items():
                yield from (one.finding(problem) for problem in _lost(key, named, objects.keys(), ways))

    def _targets(self, one: _Object, declared: Mapping[str, str]) -> tuple[Key, tuple[Target, ...]] | None:
        known = self._by_kind.get((str(one.value["apiVersion"]).partition("/")[0], one.kind))
        if known is None or not one.name:
            return None
        try:
            value = _substituted(one, declared)
        except SubstitutionError:
            return None
        namespace = str(one.metadata.get("namespace") or "")
        return Key(one.kind, namespace, one.name), targets(known[1], value.get("spec"), namespace)

    def _unknown_kind(self, group: str, kind: str) -> str:
        kinds = {name.lower(): name for known, name in self._by_kind if known == group}
        close = difflib.get_close_matches(kind.lower(), kinds, n=1)
        meant = f'; did you mean "{kinds[close[0]]}"?' if close else f"; there are {', '.join(kinds.values())}"
        return f"{group} has no kind {kind}{meant}"


def _substituted(one: _Object, declared: Mapping[str, str]) -> JsonObject:
    """Raises SubstitutionError for a variable that no GitSync declares."""
    return substitute(one.value, declared) if declared and one.kind != "GitSync" else one.value


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


def _impersonation(value: JsonObject) -> Iterator[Problem]:
    spec = value["spec"]
    if value["kind"] != "GitSync" or spec.get("serviceAccountName"):
        return
    if spec.get("targetNamespace") not in (None, "", value["metadata"].get("namespace")):
        message = "another namespace is applied to as a ServiceAccount of the GitSync's own"
        yield Problem("/spec/serviceAccountName", "ServiceAccountMissing", message)


def _duplicates(one: _Object, seen: dict[tuple[str, ...], _Object]) -> Iterator[Finding]:
    if not one.name:
        return
    key = (one.scope, one.kind, str(one.metadata.get("namespace") or ""), one.name)
    first = seen.setdefault(key, one)
    if first is not one:
        message = f"the same object stands in {first.file}:{first.line}"
        yield one.finding(Problem("/metadata/name", "DuplicateObject", message))
