"""What a kustomization may refer to: an audit before kustomize sees a byte, and the list of files that it needs.

Kustomize fetches URLs, clones repositories and can run programs. Allowed are the fields below and paths of this commit that
cannot be read as anything else; whatever is not on the list is refused by name. Pure: `adapters/kustomize.py` exports and runs.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.core.git.source import SourceError, TreeFile, TreeSnapshot
from reconciler.core.manifests.parse import Rejection
from reconciler.core.manifests.yaml_lines import DEFAULT, Document, Limits, YamlError, documents
from reconciler.core.values import JsonObject

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")

# Fields that hold no reference.
_PLAIN = frozenset({
    *("apiVersion", "kind", "metadata", "namespace", "namePrefix", "nameSuffix", "labels", "commonLabels"),
    *("commonAnnotations", "images", "replicas", "sortOptions", "generatorOptions", "vars", "buildMetadata"),
})  # fmt: skip
_DIRECTORIES_OR_FILES = ("resources", "components", "bases")
_FILES = ("configurations", "crds")
_ENTRIES_WITH_PATH = ("patches", "patchesJson6902", "replacements")
_GENERATORS = ("configMapGenerator", "secretGenerator")
_KNOWN = _PLAIN | {
    *_DIRECTORIES_OR_FILES,
    *_FILES,
    *_ENTRIES_WITH_PATH,
    *_GENERATORS,
    "patchesStrategicMerge",
    "openapi",
}

# No colon, question mark or at-sign: nothing that is a URL, a clone address or an option.
_LOCAL = re.compile(r"[A-Za-z0-9._+=,/ -]{1,300}\Z")
# Kustomize reads these as remote even when such a path exists.
_REMOTE_LOOKS = re.compile(r"(?:^|/)(?:github\.com|_git)(?:/|$)|\.git(?:/|$)|//", re.IGNORECASE)


class KustomizationError(Exception):
    """A kustomization that is not run."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection


@dataclass(frozen=True, slots=True)
class KustomizationLimits:
    """What one overlay may pull in."""

    files: int = 2_000
    bytes: int = 32 * 1024 * 1024
    yaml: Limits = DEFAULT


@dataclass(slots=True)
class Needed:
    """Everything that one build reads: path to content, and for each kustomization the patch files it names."""

    files: dict[str, bytes] = field(default_factory=dict)
    patches: dict[str, tuple[str, ...]] = field(default_factory=dict)


def needed(snapshot: TreeSnapshot, path: str, limits: KustomizationLimits | None = None) -> Needed:
    """Audit the kustomization at `path` and all it refers to; KustomizationError at the first thing that is refused."""
    return _Audit(snapshot, limits or KustomizationLimits()).closure(path)


class _Audit:
    def __init__(self, snapshot: TreeSnapshot, limits: KustomizationLimits) -> None:
        self._snapshot = snapshot
        self._limits = limits
        self._needed = Needed()
        self._bytes = 0

    def closure(self, path: str) -> Needed:
        pending, seen = [path], set()
        while pending:
            directory = pending.pop()
            if directory not in seen:
                seen.add(directory)
                pending += self._kustomization(directory)
        return self._needed

    def _kustomization(self, directory: str) -> list[str]:
        """Audit one directory; returns the directories it refers to."""
        found = [file for name in KUSTOMIZATIONS if (file := self._snapshot.entry(posixpath.join(directory, name)))]
        if len(found) != 1:
            why = "there is no kustomization.yaml" if not found else "there is more than one kustomization"
            raise _refused(directory, 0, f"{why} in this directory")
        file = found[0]
        document = self._one_mapping(file.path, self._take(file, file.path, 0))
        patches: list[str] = []
        self._needed.patches[file.path] = ()
        directories = []
        for text, line in _inline_patches(document.value, document):
            self._check_yaml(file.path, text.encode("utf-8", "replace"), line)
        for reference in _references(file.path, document):
            target = self._resolve(file.path, directory, reference)
            entry = self._entry(file.path, reference, target)
            if entry is None and reference.may_be_directory and self._snapshot.tree_id(target) is not None:
                directories.append(target)
                continue
            if entry is None:
                raise _refused(file.path, reference.line, f"{reference.path} does not exist at this commit")
            data = self._take(entry, file.path, reference.line)
            if reference.is_yaml:
                self._check_yaml(entry.path, data)
            if reference.is_patch:
                patches.append(entry.path)
        self._needed.patches[file.path] = tuple(patches)
        return directories

    def _entry(self, named_by: str, reference: "_Reference", target: str) -> TreeFile | None:
        try:
            return self._snapshot.entry(target)
        except SourceError as error:
            raise _refused(named_by, reference.line, f"{reference.path}: {error.message}") from None

    def _take(self, file: TreeFile, named_by: str, line: int) -> bytes:
        if not file.regular:
            raise _refused(named_by, line, f"{file.path} is a symbolic link or a submodule; those are not followed")
        if file.path in self._needed.files:
            return self._needed.files[file.path]
        self._bytes += file.size
        if (
            file.size > self._limits.yaml.size_bytes
            or self._bytes > self._limits.bytes
            or len(self._needed.files) >= self._limits.files
        ):
            raise _refused(named_by, line, f"with {file.path} the overlay is larger than allowed")
        data = next(iter(self._snapshot.read([file.blob])))[1]
        self._needed.files[file.path] = data
        return data

    def _check_yaml(self, path: str, data: bytes, offset: int = 0) -> None:
        """Kustomize's own reader has no bounds against alias bombs."""
        try:
            for _ in documents(data, self._limits.yaml):
                pass
        except YamlError as error:
            raise _refused(path, error.line + offset, error.message, "InvalidYAML") from None

    def _one_mapping(self, path: str, data: bytes) -> Document:
        try:
            found = list(documents(data, self._limits.yaml))
        except YamlError as error:
            raise _refused(path, error.line, error.message, "InvalidYAML") from None
        if len(found) != 1 or not isinstance(found[0].value, dict):
            raise _refused(path, 1, "a kustomization is one mapping")
        return found[0]

    def _resolve(self, named_by: str, directory: str, reference: "_Reference") -> str:
        text = reference.path
        if (
            not isinstance(text, str)
            or not _LOCAL.match(text)
            or _REMOTE_LOOKS.search(text)
            or text[0] in "/-~"
            or "\\" in text
        ):
            shown = text[:100] if isinstance(text, str) else type(text).__name__
            raise _refused(
                named_by, reference.line, f"{shown} is not a plain path inside this repository", "RemoteReference"
            )
        target = posixpath.normpath(posixpath.join(directory, text))
        if target == ".." or target.startswith("../"):
            raise _refused(named_by, reference.line, f"{text[:100]} leaves the repository", "RemoteReference")
        return "" if target == "." else target


@dataclass(frozen=True, slots=True)
class _Reference:
    path: object
    line: int
    may_be_directory: bool = False
    is_yaml: bool = True
    is_patch: bool = False


def _references(path: str, document: Document) -> Iterator[_Reference]:
    value: JsonObject = document.value
    for key in value:
        if key not in _KNOWN:
            raise _refused(
                path,
                document.line_of(f"/{key}"),
                f"the field {key} is not allowed: no charts, plugins or programs are run",
            )
    for key in (*_DIRECTORIES_OR_FILES, *_FILES):
        for index, item in enumerate(_list(path, document, key)):
            yield _Reference(item, document.line_of(f"/{key}/{index}"), may_be_directory=key in _DIRECTORIES_OR_FILES)
    for key in _ENTRIES_WITH_PATH:
        for index, item in enumerate(_list(path, document, key)):
            line = document.line_of(f"/{key}/{index}")
            if isinstance(item, dict) and item.get("path") is not None:
                yield _Reference(item["path"], line, is_patch=True)
    for index, item in enumerate(_list(path, document, "patchesStrategicMerge")):
        if not (isinstance(item, str) and "\n" in item):  # an inline patch
            yield _Reference(item, document.line_of(f"/patchesStrategicMerge/{index}"), is_patch=True)
    openapi = value.get("openapi")
    if isinstance(openapi, dict) and "path" in openapi:
        yield _Reference(openapi["path"], document.line_of("/openapi"))
    for key in _GENERATORS:
        for index, item in enumerate(_list(path, document, key)):
            yield from _generator(item, document.line_of(f"/{key}/{index}"))


def _inline_patches(value: JsonObject, document: Document) -> Iterator[tuple[str, int]]:
    for key in ("patches", "patchesJson6902", "patchesStrategicMerge"):
        entries = value.get(key)
        for index, item in enumerate(entries if isinstance(entries, list) else []):
            text = item.get("patch") if isinstance(item, dict) else item
            if isinstance(text, str) and (isinstance(item, dict) or "\n" in text):
                yield text, document.line_of(f"/{key}/{index}")


def _generator(item: object, line: int) -> Iterator[_Reference]:
    if not isinstance(item, dict):
        return
    files, envs = item.get("files") or [], item.get("envs") or []
    for text in [*(files if isinstance(files, list) else [files])]:
        # A key may stand before the path, with an equals sign.
        yield _Reference(text.partition("=")[2] or text if isinstance(text, str) else text, line, is_yaml=False)
    for text in [*(envs if isinstance(envs, list) else [envs]), *([item["env"]] if item.get("env") else [])]:
        yield _Reference(text, line, is_yaml=False)


def _list(path: str, document: Document, key: str) -> list[object]:
    value = document.value.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _refused(path, document.line_of(f"/{key}"), f"{key} must be a list")
    return value


def _refused(path: str, line: int, message: str, reason: str = "KustomizeRefused") -> KustomizationError:
    return KustomizationError(Rejection.of(path, line, reason, message))
