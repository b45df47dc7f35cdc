"""A path of one commit to the set of objects it declares.

Plain directories are read file by file, and only blobs that were not parsed before; an unchanged tree costs one comparison.
A directory with a kustomization is handed to the `Kustomizer` port. Called by `runtime/sync/loop.py` and by `plan`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from reconciler.core.git.rules import clean_path
from reconciler.core.git.source import SUBMODULE, SYMLINK, RepositoryRejectedError, TreeFile, TreeSnapshot
from reconciler.core.lru import Lru
from reconciler.core.manifests.ignore import IGNORE_FILE, Ignore, IgnoreError
from reconciler.core.manifests.kustomization import KUSTOMIZATIONS
from reconciler.core.manifests.parse import Manifest, ParsedFile, ParseOptions, Rejection, Validate, bounded, parse_file

_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What of the path is read, and how."""

    parse: ParseOptions
    ignore: str = ""
    total_bytes: int = 64 * 1024 * 1024
    rejections: int = 500


@dataclass(frozen=True, slots=True)
class Rendered:
    """The declared set. Objects in `refused` are in Git but rejected: neither applied nor pruned."""

    manifests: tuple[Manifest, ...]
    rejections: tuple[Rejection, ...]
    rejected: int
    """How many there are; `rejections` is bounded."""
    refused: frozenset[tuple[str, str]]
    tree_id: str | None
    """None when the path is missing."""


class Kustomizer(Protocol):
    """Builds overlays. Faults come back as rejections."""

    def build(self, snapshot: TreeSnapshot, path: str, options: ParseOptions, validate: Validate) -> ParsedFile:
        """Render `path`; each manifest carries the path of the file it comes from."""
        ...


@dataclass
class RenderCache:
    """What one sync remembers between passes. Not shared: a sync is never in two workers."""

    parsed_files: Lru[tuple[object, ...], ParsedFile] = field(default_factory=lambda: Lru(10_000))
    last_key: tuple[object, ...] = ()
    last: Rendered | None = None
    parses: int = 0
    """Files parsed since the start: the yardstick of "a commit that touches k files parses k"."""


def render(
    snapshot: TreeSnapshot,
    path: str,
    options: RenderOptions,
    cache: RenderCache,
    *,
    validate: Validate,
    kustomizer: Kustomizer | None = None,
) -> Rendered:
    """Return what `path` declares at this commit; the same object as before when nothing that counts has changed.

    SourceError when the repository cannot be read or trusted as a whole. A sync whose `validate` changes makes a new cache.
    """
    return _Render(snapshot, clean_path(path), options, cache, validate=validate, kustomizer=kustomizer).rendered()


def left_out(snapshot: TreeSnapshot, path: str, ignore: str = "") -> list[TreeFile]:
    """Files below `path` that would be manifests if `.sourceignore` and `ignore` did not leave them out."""
    options = RenderOptions(ParseOptions("", {}), ignore)
    return _Render(
        snapshot, clean_path(path), options, RenderCache(), validate=lambda _: (), kustomizer=None
    ).left_out()


class _Render:
    def __init__(
        self,
        snapshot: TreeSnapshot,
        path: str,
        options: RenderOptions,
        cache: RenderCache,
        *,
        validate: Validate,
        kustomizer: Kustomizer | None,
    ) -> None:
        self._snapshot = snapshot
        self._path = path
        self._options = options
        self._cache = cache
        self._validate = validate
        self._kustomizer = kustomizer
        self._faults: list[Rejection] = []

    def rendered(self) -> Rendered:
        tree = self._snapshot.tree_id(self._path)
        if tree is None:
            fault = Rejection.of(self._path, 0, "PathNotFound", "spec.repo.path does not exist at this commit")
            return Rendered((), (fault,), 1, frozenset(), tree_id=None)
        overlay = self._kustomization()
        above = [] if overlay else self._ignore_files_above()
        # An overlay may use any directory of the repository.
        decides = self._snapshot.tree_id("") if overlay else tuple(file.blob for file in above)
        key = (tree, decides, self._path, overlay is not None, self._options.ignore, self._options.parse.fingerprint)
        if key == self._cache.last_key and self._cache.last is not None:
            return self._cache.last
        parsed = [self._overlay(overlay)] if overlay else self._plain(above)
        self._cache.last = self._collected(tree, parsed)
        self._cache.last_key = key
        return self._cache.last

    def _kustomization(self) -> TreeFile | None:
        found = (self._snapshot.entry(_join(self._path, name)) for name in KUSTOMIZATIONS)
        return next((file for file in found if file is not None), None)

    def _overlay(self, kustomization: TreeFile) -> ParsedFile:
        if self._kustomizer is None:
            fault = Rejection.of(
                kustomization.path, 1, "KustomizeFailed", "kustomize overlays need kubectl, which was not found"
            )
            return ParsedFile(rejections=(fault,), rejected=1)
        self._cache.parses += 1
        return self._kustomizer.build(self._snapshot, self._path, self._options.parse, self._validate)

    def _ignore_files_above(self) -> list[TreeFile]:
        parts = self._path.split("/") if self._path else []
        found = (self._snapshot.entry(_join("/".join(parts[:depth]), IGNORE_FILE)) for depth in range(len(parts)))
        return [file for file in found if file is not None and file.regular]

    def left_out(self) -> list[TreeFile]:
        files = self._snapshot.files(self._path)
        ignore = self._rules(self._ignore_files_above(), files)
        return [file for file in files if file.path in ignore and _is_manifest(file.path) and not self._unusable(file)]

    def _rules(self, above: list[TreeFile], files: Sequence[TreeFile]) -> Ignore:
        return self._ignore([*above, *(file for file in files if _base(file.path) == IGNORE_FILE and file.regular)])

    def _plain(self, above: list[TreeFile]) -> list[ParsedFile]:
        files = self._snapshot.files(self._path)
        ignore = self._rules(above, files)
        nested = {
            file.path.rpartition("/")[0]
            for file in files
            if _base(file.path) in KUSTOMIZATIONS and file.path not in ignore
        }
        wanted = []
        for file in files:
            if file.path in ignore or nested & set(_directories(file.path)):
                continue
            if fault := self._unusable(file):
                self._faults.append(fault)
            elif _is_manifest(file.path):
                wanted.append(file)
        for directory in sorted(nested):
            message = (
                "a kustomization below the path: make this directory the path of a GitSync of its own, or ignore it"
            )
            self._faults.append(Rejection.of(directory, 0, "NestedKustomization", message))
        if sum(file.size for file in wanted) > self._options.total_bytes:
            raise RepositoryRejectedError(
                f"the manifests have more than {self._options.total_bytes} bytes", "RepositoryTooLarge"
            )
        return self._parse(wanted)

    def _ignore(self, files: Sequence[TreeFile]) -> Ignore:
        """A broken rule file is a rejection; the others count."""
        small = [file for file in sorted(files, key=lambda file: file.path.count("/")) if file.size <= 64 * 1024]
        contents = dict(self._snapshot.read({file.blob for file in small}))
        usable = []
        for file in small:
            rules = (file.path.rpartition("/")[0], contents[file.blob])
            try:
                Ignore([rules])
            except IgnoreError as error:
                self._faults.append(Rejection.of(file.path, error.line, "InvalidIgnore", error.message))
            else:
                usable.append(rules)
        try:
            return Ignore(usable, self._options.ignore)
        except ValueError:
            self._faults.append(Rejection.of("", 0, "InvalidIgnore", "spec.repo.ignore is not in gitignore syntax"))
            return Ignore(usable)

    def _unusable(self, file: TreeFile) -> Rejection | None:
        """Why an entry cannot be read, whatever it holds; None also for files that are none of our business."""
        if file.mode == SUBMODULE:
            return Rejection.of(
                file.path,
                0,
                "Submodule",
                "submodules are not followed; ignore it or keep the manifests in this repository",
            )
        if file.mode == SYMLINK and (_is_manifest(file.path) or "." not in _base(file.path)):
            return Rejection.of(
                file.path, 0, "SymbolicLink", "symbolic links are not followed; ignore it or write a file"
            )
        if not _is_manifest(file.path):
            return None
        if (
            not file.path.isprintable()
            or len(file.path) > 512
            or {"..", ".git", ""} & set(file.path.lower().split("/"))
        ):
            return Rejection.of(
                file.path, 0, "InvalidFileName", "the path holds control characters, is not UTF-8 or is too long"
            )
        if file.size > self._options.parse.yaml.size_bytes:
            message = f"the file has {file.size} bytes, more than the {self._options.parse.yaml.size_bytes} allowed"
            return Rejection.of(file.path, 0, "FileTooLarge", message)
        return None

    def _parse(self, files: Iterable[TreeFile]) -> list[ParsedFile]:
        fingerprint = self._options.parse.fingerprint
        parsed: dict[str, ParsedFile] = {}
        missing: dict[str, str] = {}
        ordered = list(files)
        for file in ordered:
            known = self._cache.parsed_files.get((file.blob, fingerprint))
            if known is None:
                missing[file.blob] = file.path
            else:
                parsed[file.blob] = known
        for blob, data in self._snapshot.read(missing):
            self._cache.parses += 1
            result = parse_file(missing[blob], data, self._options.parse, self._validate, blob=blob)
            parsed[blob] = self._cache.parsed_files.put((blob, fingerprint), result)
        return [_at(parsed[file.blob], file.path) for file in ordered]

    def _collected(self, tree: str, parsed: Sequence[ParsedFile]) -> Rendered:
        unique, duplicates = without_duplicates([manifest for file in parsed for manifest in file.manifests])
        faults = [*self._faults, *(fault for file in parsed for fault in file.rejections), *duplicates]
        faults.sort(key=lambda fault: (fault.path, fault.line))
        return Rendered(
            manifests=tuple(unique),
            rejections=tuple(bounded(faults, self._options.rejections)),
            rejected=len(self._faults) + sum(file.rejected for file in parsed) + len(duplicates),
            refused=frozenset().union(
                *(file.refused for file in parsed), {(fault.kind, fault.name) for fault in duplicates}
            ),
            tree_id=tree,
        )


def _at(parsed: ParsedFile, path: str) -> ParsedFile:
    """The same content under another name: what was parsed for one path serves its copies and renames."""
    items: list[Manifest | Rejection] = [*parsed.manifests, *parsed.rejections]
    if all(item.path == path for item in items):
        return parsed
    manifests = tuple(replace(manifest, path=path) for manifest in parsed.manifests)
    return replace(
        parsed, manifests=manifests, rejections=tuple(replace(fault, path=path) for fault in parsed.rejections)
    )


def without_duplicates(manifests: Iterable[Manifest]) -> tuple[list[Manifest], list[Rejection]]:
    """An object that is declared twice is applied from neither place: which one was meant is not ours to guess."""
    by_identity: Mapping[tuple[str, ...], list[Manifest]] = defaultdict(list)
    for manifest in manifests:
        by_identity[(*manifest.identity, manifest.namespace)].append(manifest)
    unique = [found[0] for found in by_identity.values() if len(found) == 1]
    rejections = []
    for found in by_identity.values():
        if len(found) == 1:
            continue
        for manifest in found:
            other = next(other for other in found if other is not manifest)
            message = f"declared {len(found)} times, also in {other.path}:{other.line}; applied from neither"
            rejections.append(
                Rejection.of(manifest.path, manifest.line, "Duplicate", message, kind=manifest.kind, name=manifest.name)
            )
    return unique, rejections


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _directories(path: str) -> Iterator[str]:
    """Every directory that holds the file, from the innermost to the root."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def _is_manifest(path: str) -> bool:
    return path.lower().endswith(_SUFFIXES)
