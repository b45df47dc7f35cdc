"""What `reconciler validate` reads, and as which sync: paths of the command line to findings.

A directory is read as a GitSync would read it, with the code of the sync: ignore rules, kustomizations, namespace and variables
of the GitSyncs that stand among the files. A GitSync whose path is found below (taken from the directory that was named, else
from the root of the work tree) is checked there by itself; what is left is checked as one path. A kustomization that no GitSync
names is rendered, too, and what it reads is not read a second time as plain files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from botocore.loaders import Loader

from reconciler.adapters.directory import DirectorySnapshot, work_tree
from reconciler.adapters.kustomize import KubectlKustomizer
from reconciler.adapters.partitions import load_partitions, load_regions
from reconciler.app.kinds import LoadedKinds
from reconciler.core.errors import TerminalError
from reconciler.core.git.rules import clean_path
from reconciler.core.git.source import SourceError, TreeFile
from reconciler.core.manifests.kustomization import KUSTOMIZATIONS, KustomizationError, needed
from reconciler.core.manifests.parse import OUR_GROUPS, Manifest, ParseOptions, Rejection, group, parse_file
from reconciler.core.manifests.render import RenderCache, Rendered, RenderOptions, left_out, render, without_duplicates
from reconciler.core.manifests.yaml_lines import DEFAULT, YamlError, documents
from reconciler.core.sync.checking import WARNING, Checked, Checker, CheckReport, Finding, Known
from reconciler.core.sync.spec import KIND as SYNC
from reconciler.core.sync.spec import GitSyncSpec

__all__ = ["CheckRequest", "ManifestCheck", "check"]

STDIN = "-"
_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class CheckRequest:
    """What the command line says."""

    paths: Sequence[str]
    """Files and directories that exist; `-` is standard input."""
    stdin: bytes = b""
    namespace: str = ""
    ignore_others: bool | None = None
    """None: as the GitSyncs among the files say."""
    kubectl: Path | None = None


@dataclass(frozen=True, eq=False)
class _CheckedSync:
    """A GitSync among the files."""

    spec: GitSyncSpec
    namespace: str
    """As its own metadata says it; empty where `kubectl apply -n` will."""

    @property
    def target(self) -> str:
        return self.spec.target_namespace or self.namespace


@dataclass(frozen=True)
class _Area:
    """A directory that was named, and the tree that it is in."""

    name: str
    snapshot: DirectorySnapshot
    root: Path
    path: str
    """Of the directory, below the root."""

    def renamed(self, text: str) -> str:
        """A message of the sync, which names files from the root."""
        name = "" if self.name == "." else self.name.rstrip("/") + "/"
        return text.replace(self.path + "/", name) if self.path else text

    def shown(self, path: str) -> str:
        """A file as its user would name it."""
        if self.path and not path.startswith(self.path + "/") and path != self.path:
            return os.path.relpath(self.root / path)
        inside = path.removeprefix(self.path).lstrip("/")
        return str(Path(self.name) / inside)


def check(asked: CheckRequest) -> CheckReport:
    """Read and judge. Raises OSError for a file that cannot be read."""
    loader = Loader()
    return ManifestCheck(asked, LoadedKinds.load(loader), loader).report()


class ManifestCheck:
    """One run of `reconciler validate`."""

    def __init__(self, asked: CheckRequest, kinds: LoadedKinds, loader: Loader) -> None:
        self._asked = asked
        self._kinds = kinds
        self._checker = Checker(kinds.catalog, kinds.shapes, Known(load_partitions(loader), load_regions(loader)))
        self._kustomizer = KubectlKustomizer(asked.kubectl) if asked.kubectl else None
        self._read: set[Path] = set()
        self._findings: list[Finding] = []
        self._notes: list[str] = []
        self._syncs: list[_CheckedSync] = []
        self._loose: list[_CheckedSync] = []
        """Whose path is below none of the directories: one alone is taken to read them all."""

    def report(self) -> CheckReport:
        areas, files = self._areas()
        self._syncs = [sync for area in areas for sync in self._syncs_below(area)]
        self._syncs += [sync for _, data in files for sync in _syncs_in(data)]
        placed = {sync for area in areas for sync in self._syncs if _place(area, sync) is not None}
        self._loose = [sync for sync in self._syncs if sync not in placed]
        checked = [one for area in areas for one in self._area(area)]
        if files:
            checked.append(self._files(files))
        everything = sorted({*self._findings, *self._checker.findings(checked)}, key=lambda f: (f.file, f.line, f.path))
        objects = sum(
            len(one.manifests) + len({(r.path, r.line, r.kind, r.name) for r in one.rejections if r.name})
            for one in checked
        )
        return CheckReport(len(self._read), objects, tuple(everything), tuple(self._notes))

    def _areas(self) -> tuple[list[_Area], list[tuple[str, bytes]]]:
        """Directories, and files that stand in none of them, each once. A kustomization stands for its directory."""
        named = dict.fromkeys(str(Path(p).parent) if Path(p).name in KUSTOMIZATIONS else p for p in self._asked.paths)
        areas = [_area(name) for name in named if Path(name).is_dir()]
        inside = [area.root / area.path for area in areas]
        files: dict[Path, tuple[str, bytes]] = {}
        for name in named:
            path = Path(name).resolve()
            if name == STDIN:
                files[Path(STDIN)] = (STDIN, self._asked.stdin)
            elif not Path(name).is_dir() and path not in files and not any(there in path.parents for there in inside):
                with Path(name).open("rb") as opened:  # one byte more than is allowed, so that the limit is noticed
                    files[path] = (name, opened.read(DEFAULT.size_bytes + 1))
        self._read |= files.keys()
        return areas, list(files.values())

    # --- files by themselves ----------------------------------------------------------------------------------------------

    def _files(self, files: Sequence[tuple[str, bytes]]) -> Checked:
        sync = self._only(self._syncs)
        options = self._options(sync, own=True)
        manifests: list[Manifest] = []
        rejections: list[Rejection] = []
        for name, data in files:
            parsed = parse_file(name, data, options, self._kinds.validate)
            manifests += parsed.manifests
            rejections += parsed.rejections
            if not parsed.manifests and not parsed.rejections:
                self._nothing(name)
            if name != STDIN:
                self._ignored_file(name)
        unique, duplicates = without_duplicates(manifests)
        return Checked(unique, [*rejections, *duplicates], options.namespace)

    def _ignored_file(self, name: str) -> None:
        area = _area(str(Path(name).parent))
        path = str(Path(area.path) / Path(name).name)
        if path in {file.path for file in left_out(area.snapshot, area.path)}:
            message = "an ignore rule (.sourceignore, or the defaults) leaves this file out: no sync applies it"
            self._findings.append(Finding(name, 1, "", "", "", "Ignored", message))

    # --- directories ------------------------------------------------------------------------------------------------------

    def _area(self, area: _Area) -> Iterator[Checked]:
        mine = {sync: path for sync in self._syncs if (path := _place(area, sync)) is not None}
        ruled = [sync for sync, path in mine.items() if _is_below(area.path, path)]
        found = 0
        for sync, path in mine.items():
            there = area.path if sync in ruled else path
            one = self._rendered(area, there, sync)
            found += len(one.manifests) + len(one.rejections)
            yield one
        if not ruled:
            taken = [path for path in mine.values() if _is_below(path, area.path)]
            for one in self._rest(area, taken, self._only(self._loose)):
                found += len(one.manifests) + len(one.rejections)
                yield one
        self._left_out(area)
        if not found:
            self._nothing(area.name)

    def _rest(self, area: _Area, taken: Sequence[str], sync: _CheckedSync | None) -> Iterator[Checked]:
        """What no GitSync of the files reads: plain files, and kustomizations that none other uses."""
        if _has_kustomization(area, area.path):
            yield self._rendered(area, area.path, sync, own=True)
            return
        files = [file for file in area.snapshot.files(area.path) if _is_manifest(file.path)]
        nested = sorted({_parent(file.path) for file in files if _base(file.path) in KUSTOMIZATIONS})
        closures = {path: _closure(area, path) for path in dict.fromkeys((*nested, *taken))}
        used = {name for closure in closures.values() for name in closure}
        free = [path for path in nested if not any(_is_below(path, there) for there in taken)]
        roots = [p for p in free if not any(q != p and _kustomization_of(area, p) in closures[q] for q in closures)]
        for path in roots:
            yield self._rendered(area, path, sync, own=True)
        plain_use = [name for name in used if not any(_is_below(name, there) for there in (*nested, *taken))]
        one = self._rendered(area, area.path, sync, own=True, without=(*taken, *plain_use))
        if all(manifest.kind == SYNC for manifest in one.manifests):
            kept = [fault for fault in one.rejections if fault.reason != "NestedKustomization"]
            one = replace(one, rejections=kept)
        yield one

    def _rendered(
        self, area: _Area, path: str, sync: _CheckedSync | None, *, own: bool = False, without: Iterable[str] = ()
    ) -> Checked:
        """`own`: no GitSync is known to read this path, so one may stand in it. `without` are paths to leave out."""
        ignore = "\n".join((sync.spec.ignore if sync and not own else "", *map(_exactly, without)))
        options = RenderOptions(self._options(sync, own=own), ignore)
        try:
            rendered = render(
                area.snapshot, path, options, RenderCache(), validate=self._kinds.validate, kustomizer=self._kustomizer
            )
        except SourceError as error:
            fault = Rejection.of(path, 0, error.reason, error.message)
            rendered = Rendered((), (fault,), 1, frozenset(), None)
        self._read |= {area.root / file.path for file in area.snapshot.files(path) if _is_manifest(file.path)}
        faults = [replace(fault, message=area.renamed(fault.message)) for fault in rendered.rejections]
        return Checked(rendered.manifests, faults, options.parse.namespace, area.shown)

    def _left_out(self, area: _Area) -> None:
        """A file of this controller's objects that an ignore rule hides is worth a word; others are left out on purpose."""
        for file in left_out(area.snapshot, area.path):
            shown = area.shown(file.path)
            self._notes.append(f"{shown}: left out by an ignore rule")
            if _holds_ours(area, file):
                message = "an ignore rule (.sourceignore, or the defaults) leaves this file out: no sync applies it"
                self._findings.append(Finding(shown, 1, "", "", "", "Ignored", message, WARNING))

    # --- both -------------------------------------------------------------------------------------------------------------

    def _options(self, sync: _CheckedSync | None, *, own: bool) -> ParseOptions:
        kinds = {schema.kind: schema.api_version for schema in self._kinds.schemas} if own else self._kinds.versions
        ignore = self._asked.ignore_others
        return ParseOptions(
            self._asked.namespace or (sync.target if sync else ""),
            kinds,
            self._variables(sync),
            ignore_others=ignore if ignore is not None else bool(sync and sync.spec.ignores_others),
        )

    def _variables(self, sync: _CheckedSync | None) -> dict[str, str]:
        """Without a GitSync of its own, a path may use what any of them declares."""
        syncs = [sync] if sync else self._syncs
        return {name: text for one in syncs for name, text in one.spec.substitute.items()}

    def _only(self, syncs: Sequence[_CheckedSync]) -> _CheckedSync | None:
        return syncs[0] if len(syncs) == 1 else None

    def _nothing(self, name: str) -> None:
        message = "no object of this controller is here: a sync of it would apply nothing and prune nothing"
        self._findings.append(Finding(name, 1, "", "", "", "EmptyRender", message))

    def _syncs_below(self, area: _Area) -> Iterator[_CheckedSync]:
        for file in area.snapshot.files(area.path):
            if _is_manifest(file.path) and file.regular and file.size <= DEFAULT.size_bytes:
                for _, data in area.snapshot.read([file.blob]):
                    yield from _syncs_in(data)


def _area(name: str) -> _Area:
    there = Path(name).resolve()
    root = work_tree(there) or Path(there.anchor)
    path = there.relative_to(root).as_posix()
    return _Area(name, DirectorySnapshot(root), root, "" if path == "." else path)


def _syncs_in(data: bytes) -> list[_CheckedSync]:
    """Whatever is wrong with a file is said when it is judged."""
    if SYNC.encode() not in data:
        return []
    found = []
    try:
        for document in documents(data):
            value = document.value
            if isinstance(value, dict) and value.get("kind") == SYNC and group(value) in OUR_GROUPS:
                namespace = str((value.get("metadata") or {}).get("namespace") or "")
                found.append(_CheckedSync(GitSyncSpec.parse(value.get("spec") or {}, namespace), namespace))
    except (YamlError, TerminalError, AttributeError):
        pass
    return found


def _place(area: _Area, sync: _CheckedSync) -> str | None:
    """Where the path of a GitSync is: below the directory that was named, else below the root of the work tree."""
    try:
        path = clean_path(sync.spec.path)
    except SourceError:
        return None
    for place in dict.fromkeys((f"{area.path}/{path}".strip("/"), path)):
        related = _is_below(place, area.path) or _is_below(area.path, place)
        if related and (place or work_tree(area.root)) and area.snapshot.tree_id(place) is not None:
            return place
    return None


def _closure(area: _Area, path: str) -> frozenset[str]:
    """Every file that a kustomization reads."""
    if not _has_kustomization(area, path):
        return frozenset()
    try:
        return frozenset(needed(area.snapshot, path).files)
    except (KustomizationError, SourceError):
        return frozenset()  # said when it is rendered


def _has_kustomization(area: _Area, path: str) -> bool:
    return bool(_kustomization_of(area, path))


def _kustomization_of(area: _Area, path: str) -> str:
    names = (f"{path}/{name}".lstrip("/") for name in KUSTOMIZATIONS)
    return next((name for name in names if area.snapshot.entry(name) is not None), "")


def _holds_ours(area: _Area, file: TreeFile) -> bool:
    return any(name.encode() in data for _, data in area.snapshot.read([file.blob]) for name in OUR_GROUPS)


def _exactly(path: str) -> str:
    """A gitignore rule that matches this path alone."""
    return "/" + "".join(f"\\{c}" if c in "\\*?[]!# " else c for c in path)


def _is_below(path: str, directory: str) -> bool:
    """Whether it is the directory itself or something below it."""
    return not directory or path == directory or path.startswith(directory + "/")


def _is_manifest(path: str) -> bool:
    return path.lower().endswith(_SUFFIXES)


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
