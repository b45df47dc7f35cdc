"""Files to manifests: what one file of a repository declares, and why the rest of it is refused.

The content is hostile until proven: every refusal is a Rejection with file and line, none is an exception, and one bad object
never hides the good ones beside it. Knows nothing of fields below `spec`: the caller hands in `validate`.
Called by `core/manifests/render.py` and by `reconciler validate`.
"""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from reconciler.core.git.source import clean_text
from reconciler.core.manifests.substitute import SubstitutionError, substitute
from reconciler.core.manifests.yaml_lines import DEFAULT, Document, Limits, YamlError, documents
from reconciler.core.pointers import child
from reconciler.core.resource import Annotation
from reconciler.core.schema.problems import Problem
from reconciler.core.values import Json, JsonObject

_MESSAGE = 300
_REJECTIONS = 100  # of one file; the rest is counted


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object as it is to be applied: namespace filled in, status and server-side fields left out."""

    api_version: str
    kind: str
    namespace: str
    name: str
    value: JsonObject
    path: str
    line: int
    line_of: Callable[[str], int] = field(repr=False, compare=False)
    """Line of a JSON Pointer into the object, or of its nearest parent."""
    blob: str = ""
    sources: tuple[str, ...] = ()
    """Files that shape the object beside `path`: patches and kustomizations."""

    @property
    def identity(self) -> tuple[str, str]:
        """Unique within the one namespace of a sync."""
        return self.kind, self.name


@dataclass(frozen=True, slots=True)
class Rejection:
    """Something in Git that is not applied. `line` 0 is the file as a whole; kind and name are empty when unknown."""

    path: str
    line: int
    kind: str
    name: str
    reason: str
    message: str
    """Begins with the pointer, where there is one."""
    pointer: str = ""
    """JSON Pointer into the object; empty when the file or the object as a whole is meant."""

    @classmethod
    def of(
        cls, path: str, line: int, reason: str, message: str, *, kind: str = "", name: str = "", pointer: str = ""
    ) -> "Rejection":
        """Build from untrusted text."""
        shown = path.encode("utf-8", "backslashreplace").decode()
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)
        pointer = clean_text(pointer, _MESSAGE)
        text = clean_text(f"{pointer}: {message}" if pointer else message, _MESSAGE)
        return cls(shown[:512], line, clean_text(kind), clean_text(name), reason, text, pointer)

    @property
    def text(self) -> str:
        """The message without its pointer."""
        return self.message.removeprefix(f"{self.pointer}: ") if self.pointer else self.message

    @property
    def place(self) -> str:
        """`file:line`, the file alone where no line is known, or words for the GitSync itself."""
        return f"{self.path}:{self.line}" if self.line else self.path or "the GitSync's spec"


Validate = Callable[[Manifest], Sequence[Problem]]


def bounded(rejections: Sequence[Rejection], limit: int) -> list[Rejection]:
    """At most so many, in their order; every file's first goes before any file's second, or one file would hide the rest."""
    seen: Counter[str] = Counter()
    ranked = []
    for index, fault in enumerate(rejections):
        ranked.append((seen[fault.path], index))
        seen[fault.path] += 1
    return [rejections[index] for index in sorted(index for _, index in sorted(ranked)[:limit])]


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """What a sync allows its files to say. Equal options give equal results."""

    namespace: str
    """Where everything goes. Empty, where nobody says (`reconciler validate` of files alone): each to its own."""
    kinds: Mapping[str, str]
    """Allowed kinds and the apiVersion of each."""
    substitute: Mapping[str, str] = field(default_factory=dict)
    ignore_others: bool = False
    """Objects of other API groups are passed over (`spec.otherKinds`), not rejected."""
    yaml: Limits = DEFAULT

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """Hashable, for caches."""
        named = tuple(sorted(self.kinds.items())), tuple(sorted(self.substitute.items()))
        return self.namespace, *named, self.ignore_others, self.yaml


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What one file holds. `refused` are objects that Git names and that are rejected: not applied, and not pruned either."""

    manifests: tuple[Manifest, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    rejected: int = 0
    refused: frozenset[tuple[str, str]] = frozenset()


Entry = tuple[object, int, Callable[[str], int]]
"""A value, its line, and the line of a pointer into it."""


def parse_file(path: str, data: bytes, options: ParseOptions, validate: Validate, *, blob: str = "") -> ParsedFile:
    """Read one YAML or JSON file. Where other kinds are ignored, so is a template that never names a kind of this controller."""
    template = _TEMPLATE.search(data) is not None
    if options.ignore_others and template and not any(group.encode() in data for group in OUR_GROUPS):
        return ParsedFile()
    lines = Lines(data)
    entries = ((document.value, document.line, lines.of(document)) for document in documents(data, options.yaml))
    parsed = parse_values(path, entries, options, validate, blob=blob)
    return replace(parsed, rejections=tuple(map(_said_of_template, parsed.rejections))) if template else parsed


def _said_of_template(fault: Rejection) -> Rejection:
    if fault.reason != "InvalidYAML":
        return fault
    message = f"a template, as Helm renders it, is no manifest; {WAY_OUT}. {fault.message}"
    return replace(fault, message=clean_text(message, _MESSAGE))


_TEMPLATE = re.compile(rb"\{\{-?\s*[.$a-z(\"/]")
"""How an action of Helm's templates begins; a flow mapping as the key of another is no manifest."""
_RECOMPOSED_BYTES = 4 * 1024 * 1024


class Lines:
    """Exact lines for the first documents that ask: each costs reading the file again up to there, which thousands would
    turn into hours. The others answer with the line they start on.
    """

    def __init__(self, data: bytes) -> None:
        self._left = max(3, _RECOMPOSED_BYTES // (len(data) + 1))

    def of(self, document: Document) -> Callable[[str], int]:
        """A function from a JSON Pointer to its line, or to that of the nearest place that the document has."""
        asked = False

        def line_of(pointer: str) -> int:
            nonlocal asked
            if not pointer:
                return document.line
            if not asked and self._left <= 0:
                return document.line
            if not asked:
                asked = True
                self._left -= 1
            return document.line_of(pointer)

        return line_of


def parse_values(
    path: str, entries: Iterable[Entry], options: ParseOptions, validate: Validate, *, blob: str = ""
) -> ParsedFile:
    """Judge values that come from the file `path`, one after the other; `entries` may end in a YamlError."""
    file = _File(path, options, validate, blob)
    try:
        for entry in entries:
            file.document(*entry)
        if not file.seen:
            file.reject(1, "NotAManifest", "the file holds no object; leave it out by an ignore rule")
    except YamlError as error:
        file.reject(error.line, "InvalidYAML", error.message)
    except RecursionError:  # bounded by the depth limit; a last line of defence
        file.reject(0, "InvalidYAML", "nested too deeply")
    return file.parsed()


class _Refused(Exception):  # noqa: N818 (a signal inside this module)
    def __init__(self, pointer: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.reason = reason
        self.message = message


class _File:
    """Collects what one file yields."""

    def __init__(self, path: str, options: ParseOptions, validate: Validate, blob: str) -> None:
        self.seen = False
        self._path = path
        self._options = options
        self._validate = validate
        self._blob = blob
        self._manifests: list[Manifest] = []
        self._rejections: list[Rejection] = []
        self._rejected = 0
        self._refused: set[tuple[str, str]] = set()

    def parsed(self) -> ParsedFile:
        return ParsedFile(tuple(self._manifests), tuple(self._rejections), self._rejected, frozenset(self._refused))

    def reject(
        self, line: int, reason: str, message: str, kind: str = "", name: str = "", *, pointer: str = ""
    ) -> None:
        self._rejected += 1
        if len(self._rejections) < _REJECTIONS:
            fault = Rejection.of(self._path, line, reason, message, kind=kind, name=name, pointer=pointer)
            self._rejections.append(fault)
        if kind and name:
            self._refused.add((kind, name))

    def document(self, value: object, line: int, line_of: Callable[[str], int]) -> None:
        self.seen = True
        if (
            isinstance(value, dict)
            and value.get("apiVersion") == "v1"
            and value.get("kind") == "List"
            and isinstance(value.get("items"), list)
        ):
            for index, item in enumerate(value["items"]):
                above = f"/items/{index}"
                self._object(item, line_of(above), partial(below, line_of, above))
            return
        self._object(value, line, line_of)

    def _object(self, value: object, line: int, line_of: Callable[[str], int]) -> None:
        kind, name = _identity(value)
        if self._options.ignore_others and _is_other(value, self._options.kinds):
            return
        try:
            # Its own values are filled in nowhere else.
            value = value if kind == _GIT_SYNC else substitute(value, self._options.substitute)
            kind, name = _identity(value)
            manifest = self._manifest(value, line, line_of)
            problems = self._judge(manifest)
        except SubstitutionError as error:
            there = error.pointer
            self.reject(line_of(there), "UndeclaredVariable", error.message, kind, name, pointer=there)
        except _Refused as error:
            self.reject(line_of(error.pointer), error.reason, error.message, kind, name, pointer=error.pointer)
        else:
            for problem in problems[:20]:
                there = problem.path
                self.reject(line_of(there), problem.reason, problem.message, kind, name, pointer=there)
            if not problems:
                self._manifests.append(manifest)

    def _judge(self, manifest: Manifest) -> Sequence[Problem]:
        try:
            return self._validate(manifest)
        except Exception as error:  # noqa: BLE001 (a fault in a rule is ours; it must not stop the other objects)
            return [Problem("", "InternalError", f"the object could not be checked: {type(error).__name__}")]

    def _manifest(self, value: Json, line: int, line_of: Callable[[str], int]) -> Manifest:
        api_version, kind = _type(value, self._options.kinds)
        metadata = _metadata(value, "" if kind == _GIT_SYNC else self._options.namespace)
        for key in value:
            if key not in _TOP_LEVEL:
                raise _Refused(child("", key), "UnknownField", f"{key[:100]} is not a field of {kind}")
        body = {"apiVersion": api_version, "kind": kind, "metadata": metadata}
        if value.get("spec") is not None:
            body["spec"] = without_nulls(value["spec"])
        name, namespace = metadata["name"], metadata["namespace"]
        return Manifest(api_version, kind, namespace, name, body, self._path, line, line_of, self._blob)


def below(line_of: Callable[[str], int], above: str, pointer: str) -> int:
    """Line of a pointer into what stands at `above`: an item of a List."""
    return line_of(above + pointer)


def without_nulls(value: Json) -> Json:
    """A null in a manifest says "not set"; sent to the API server it would say "remove" or be refused."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value if item is not None]
    return value


def _identity(value: object) -> tuple[str, str]:
    """Kind and name as far as they can be made out."""
    if not isinstance(value, dict):
        return "", ""
    metadata = value.get("metadata")
    kind, name = value.get("kind"), metadata.get("name") if isinstance(metadata, dict) else None
    return kind if isinstance(kind, str) else "", name if isinstance(name, str) else ""


_TOP_LEVEL = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_GIT_SYNC = "GitSync"
OUR_GROUPS = ("sagemaker.aws.amazon.com", "sagemaker-gitops.dev")
WAY_OUT = "leave the file out by .sourceignore, or set spec.otherKinds of the GitSync to Ignore"


def group(value: object) -> str:
    """The API group that a value says it is of; the core group and no text are empty."""
    version = value.get("apiVersion") if isinstance(value, dict) else None
    name, slash, _ = version.partition("/") if isinstance(version, str) else ("", "", "")
    return name if slash else ""


def _is_other(value: object, kinds: Mapping[str, str]) -> bool:
    """Whether something is none of this controller's objects, not even a misspelt or incomplete one."""
    if not isinstance(value, dict):
        return True
    kind, version = value.get("kind"), value.get("apiVersion")
    if isinstance(version, str) and version:
        return group(value) not in OUR_GROUPS
    return not (isinstance(kind, str) and (kind in kinds or kind == _GIT_SYNC))


def _type(value: object, kinds: Mapping[str, str]) -> tuple[str, str]:
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise _Refused("", "NotAManifest", f"not a Kubernetes object: apiVersion and kind are required; {WAY_OUT}")
    kind, api_version = value["kind"], value.get("apiVersion")
    if not isinstance(api_version, str) or not api_version:
        meant = f" ({kinds[kind]})" if kind in kinds else ""
        raise _Refused("/apiVersion", "NotAManifest", f"apiVersion is required{meant}")
    if kind == _GIT_SYNC and kind not in kinds:
        raise _Refused(
            "/kind", "KindNotAllowed", "a GitSync is not applied from Git: a repository could give itself more rights"
        )
    if group(value) not in OUR_GROUPS:
        raise _Refused("/kind", "KindNotAllowed", f"{api_version} {kind} is not synced; {WAY_OUT}")
    if kind not in kinds:
        close = difflib.get_close_matches(kind.lower(), {name.lower(): name for name in kinds}, n=1)
        names = [name for name in kinds if name.lower() in close] or sorted(kinds)
        raise _Refused("/kind", "KindNotAllowed", f"{group(value)} has no kind {kind}; {_meant(names)}")
    if api_version != kinds[kind]:
        raise _Refused("/apiVersion", "KindNotAllowed", f"{kind} has the apiVersion {kinds[kind]}, not {api_version}")
    return api_version, kind


def _meant(names: Sequence[str]) -> str:
    return f'did you mean "{names[0]}"?' if len(names) == 1 else f"there are {', '.join(names)}"


# Written by the cluster: `kubectl get -o yaml` shows them, and applying them fails or harms.
_SERVER_SIDE = frozenset({
    *("creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generation"),
    *("managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid"),
})  # fmt: skip
_WRITTEN = frozenset({"name", "namespace", "labels", "annotations"})
_SYNC_WRITES = frozenset({
    *(Annotation.REPO, Annotation.REVISION, Annotation.COMMIT, Annotation.PATH, Annotation.OWNER, Annotation.AUTHOR),
    *(Annotation.SUBJECT, Annotation.APPLIED_HASH, Annotation.APPROXIMATE),
    "kubectl.kubernetes.io/last-applied-configuration",
})  # fmt: skip
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\Z")


def _metadata(value: JsonObject, namespace: str) -> dict[str, Json]:
    given = value.get("metadata")
    if not isinstance(given, dict):
        raise _Refused("/metadata", "InvalidMetadata", "metadata with a name is required")
    if given.get("generateName"):
        raise _Refused(
            "/metadata/generateName",
            "InvalidMetadata",
            "generateName makes a new object at every sync; give a name",
        )
    name = given.get("name")
    if not isinstance(name, str):
        raise _Refused(
            "/metadata/name",
            "InvalidMetadata",
            "metadata.name must be a string; quote it if it looks like a number",
        )
    if not _NAME.match(name) or any(not part or part[0] == "-" or part[-1] == "-" for part in name.split(".")):
        raise _Refused(
            "/metadata/name",
            "InvalidMetadata",
            "metadata.name must be lower-case letters, digits, - and ., at most 253",
        )
    if namespace and given.get("namespace") not in (None, "", namespace):
        raise _Refused(
            "/metadata/namespace", "ForeignNamespace", f"only objects of the namespace {namespace} are synced here"
        )
    for key in given:
        if key not in _WRITTEN and key not in _SERVER_SIDE and key != "generateName":
            raise _Refused(child("/metadata", key), "UnknownField", f"metadata.{key[:100]} is not a field")
    metadata: dict[str, Json] = {"name": name, "namespace": namespace or str(given.get("namespace") or "")}
    for key in ("labels", "annotations"):
        if entries := _strings(given.get(key), key):
            metadata[key] = entries
    return metadata


def _strings(entries: object, key: str) -> dict[str, str]:
    if entries is None:
        return {}
    if not isinstance(entries, dict):
        raise _Refused(f"/metadata/{key}", "InvalidMetadata", f"metadata.{key} must be a mapping")
    for name, text in entries.items():
        if text is not None and not isinstance(text, str):
            raise _Refused(
                child(f"/metadata/{key}", name),
                "InvalidMetadata",
                f"the value of {name[:100]} must be a string; quote it",
            )
    return {name: text for name, text in entries.items() if text is not None and name not in _SYNC_WRITES}
