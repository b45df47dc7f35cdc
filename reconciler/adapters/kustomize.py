"""Overlays, rendered by `kubectl kustomize` in a directory that holds nothing but the audited files.

`core/manifests/kustomization.py` refuses every reference that is not a path of this commit, so the program has nothing
to fetch; it runs without git in its PATH, without a home and with a dead proxy, bounded in time and output. Implements
`core.manifests.render.Kustomizer`.
"""

import contextlib
import posixpath
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.adapters.processes import Bounds, Finished, run
from reconciler.core.git.rules import scrub
from reconciler.core.git.source import SourceError, TreeSnapshot
from reconciler.core.manifests.kustomization import (
    KUSTOMIZATIONS,
    KustomizationError,
    KustomizationLimits,
    Needed,
    needed,
)
from reconciler.core.manifests.parse import Lines, ParsedFile, ParseOptions, Rejection, Validate, parse_values
from reconciler.core.manifests.yaml_lines import Limits, YamlError, documents

_ORIGIN = "config.kubernetes.io/origin"
_TRANSFORMATIONS = "alpha.config.kubernetes.io/transformations"
_TREE, _WRAPPER = "tree", "wrapper"
# Of all objects together, where the limits of the options are for one file.
_OUTPUT = Limits(size_bytes=16 * 1024 * 1024, documents=10_000, values=2_000_000)
_REJECTIONS = 500

Place = tuple[int, Callable[[str], int]]
"""Where an object starts, and the line of a pointer into it."""


class KubectlKustomizer:
    """`core.manifests.render.Kustomizer` over a kubectl binary."""

    def __init__(self, kubectl: Path, *, timeout_s: float = 30.0, limits: KustomizationLimits | None = None) -> None:
        self._kubectl = kubectl.absolute()
        self._timeout_s = timeout_s
        self._limits = limits or KustomizationLimits()

    def build(self, snapshot: TreeSnapshot, path: str, options: ParseOptions, validate: Validate) -> ParsedFile:
        """See `Kustomizer`. A failed build is one rejection: what it would declare is unknown."""
        try:
            files = needed(snapshot, path, self._limits)
            output = self._output(files, path)
        except KustomizationError as error:
            return ParsedFile(rejections=(error.rejection,), rejected=1)
        except OSError as error:  # a name that no file can have, or a full disk
            fault = Rejection.of(path, 0, "KustomizeFailed", f"the files cannot be laid out: {error.strerror}")
            return ParsedFile(rejections=(fault,), rejected=1)
        return _Origins(files, path, options, validate).parsed(output)

    def _output(self, files: Needed, path: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="kustomize-") as name:
            root = Path(name).resolve()
            for relative, data in files.files.items():
                _export(root / _TREE, relative, data)
            resource = posixpath.join("..", _TREE, path)
            text = f"resources:\n- {resource!r}\nbuildMetadata: [originAnnotations, transformerAnnotations]\n"
            _export(root / _WRAPPER, "kustomization.yaml", text.encode())
            (root / "empty").mkdir()
            try:
                done = self._run(root)
            except SourceError as error:
                raise KustomizationError(
                    Rejection.of(_own_file(files, path), 0, "KustomizeFailed", error.message)
                ) from None
            if done.code != 0:
                raise KustomizationError(_fault(done.stderr, root, files, path))
            return done.stdout

    def _run(self, root: Path) -> Finished:
        empty = str(root / "empty")
        nowhere = "http://127.0.0.1:9"
        environment = {
            "HOME": empty,
            "XDG_CONFIG_HOME": empty,
            "KUBECONFIG": f"{empty}/none",
            "PATH": empty,
            "TMPDIR": empty,
            "LC_ALL": "C",
            "HTTP_PROXY": nowhere,
            "HTTPS_PROXY": nowhere,
            "NO_PROXY": "",
        }
        command = [str(self._kubectl), "kustomize", str(root / _WRAPPER)]
        return run(command, environment, root, Bounds(self._timeout_s))


def _export(directory: Path, relative: str, data: bytes) -> None:
    """Write a new regular file. The audit has normalised the path; a name that leads elsewhere is a fault in the audit."""
    target = directory / relative
    if directory not in target.parents or ".." in target.parts:
        raise ValueError(relative)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        file.write(data)


def _own_file(files: Needed, path: str) -> str:
    return next((found for name in KUSTOMIZATIONS if (found := posixpath.join(path, name)) in files.files), path)


_PATH_IN_TEXT = re.compile(r"[A-Za-z0-9._+=,/-]+")


def _fault(stderr: str, root: Path, files: Needed, path: str) -> Rejection:
    """Kustomize's complaint without our temporary paths, at the file it speaks of."""
    text = stderr.replace(f"{root}/{_TREE}/", "").replace(str(root), "").removeprefix("error: ")
    named = [word for word in _PATH_IN_TEXT.findall(text) if word in files.files]
    return Rejection.of(named[-1] if named else _own_file(files, path), 0, "KustomizeFailed", scrub(text))


class _Origins:
    """Gives every rendered object back the file it came from."""

    def __init__(self, files: Needed, path: str, options: ParseOptions, validate: Validate) -> None:
        self._files = files
        self._own = _own_file(files, path)
        self._options = options
        self._validate = validate
        self._origins: dict[str, dict[tuple[str, str], Place]] = {}

    def parsed(self, output: bytes) -> ParsedFile:
        results: list[ParsedFile] = []
        try:
            results.extend(self._object(document.value) for document in documents(output, _OUTPUT))
        except YamlError as error:
            message = f"the rendered output cannot be used: {error.message}"
            results.append(ParsedFile(rejections=(Rejection.of(self._own, 0, "KustomizeFailed", message),), rejected=1))
        return ParsedFile(
            manifests=tuple(manifest for result in results for manifest in result.manifests),
            rejections=tuple(fault for result in results for fault in result.rejections)[:_REJECTIONS],
            rejected=sum(result.rejected for result in results),
            refused=frozenset().union(*(result.refused for result in results)),
        )

    def _object(self, value: Any) -> ParsedFile:
        annotations = _annotations(value)
        origin, transformations = _yaml(annotations.pop(_ORIGIN, "")), _yaml(annotations.pop(_TRANSFORMATIONS, ""))
        path = self._local(origin.get("path") or origin.get("configuredIn")) if isinstance(origin, dict) else self._own
        sources = dict.fromkeys(self._shapers(transformations))
        sources.pop(path, None)
        line, line_of = self._line(path, value)
        result = parse_values(path, [(value, line, line_of)], self._options, self._validate)
        return replace(
            result, manifests=tuple(replace(manifest, sources=tuple(sources)) for manifest in result.manifests)
        )

    def _local(self, path: Any) -> str:
        """A path relative to the wrapper as a path of the repository; our own kustomization when it names none."""
        if isinstance(path, str):
            inside = posixpath.normpath(posixpath.join(_WRAPPER, path)).removeprefix(f"{_TREE}/")
            if inside in self._files.files:
                return inside
        return self._own

    def _shapers(self, transformations: Any) -> Iterator[str]:
        """The kustomizations that changed the object and their patches. Kustomize does not say which patch matched."""
        for entry in transformations if isinstance(transformations, list) else []:
            if isinstance(entry, dict) and isinstance(entry.get("configuredIn"), str):
                file = self._local(entry["configuredIn"])
                yield file
                yield from self._files.patches.get(file, ())

    def _line(self, path: str, value: Any) -> Place:
        """The object's place in its own file. A prefix or suffix may have been put around its name."""
        kind, name = _kind_and_name(value)
        places = self._places(path)
        found = places.get((kind, name)) or next(
            (place for (k, n), place in places.items() if k == kind and n in name), None
        )
        return found or (1, lambda _: 1)

    def _places(self, path: str) -> dict[tuple[str, str], Place]:
        """Every object that a file declares, read once per build."""
        if path not in self._origins:
            places: dict[tuple[str, str], Place] = {}
            data = self._files.files[path] if path != self._own else b""
            lines = Lines(data)
            with contextlib.suppress(YamlError):
                for document in documents(data, self._options.yaml):
                    kind, name = _kind_and_name(document.value)
                    if name:
                        places.setdefault((kind, name), (document.line, lines.of(document)))
            self._origins[path] = places
        return self._origins[path]


def _annotations(value: Any) -> dict[str, Any]:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return annotations if isinstance(annotations, dict) else {}


def _kind_and_name(value: Any) -> tuple[str, str]:
    if not isinstance(value, Mapping):
        return "", ""
    metadata = value.get("metadata")
    return str(value.get("kind", "")), str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""


def _yaml(text: Any) -> Any:
    try:
        return next((document.value for document in documents(str(text).encode())), None)
    except YamlError:
        return None
