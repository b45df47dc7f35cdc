"""`reconciler validate`: manifests judged offline, as the API server, SageMaker and a careful reviewer would."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from reconciler.adapters.partitions import load_partitions
from reconciler.adapters.service_model import load_shape
from reconciler.core.manifests.checking import Checker, CheckReport, Finding
from reconciler.core.manifests.yaml_lines import DEFAULT, YamlError, documents
from reconciler.kinds import CATALOG

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml")


@click.command()
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True, path_type=Path), metavar="PATH..."
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How findings are printed.")
@click.option("-v", "--verbose", is_flag=True, help="Also say what was ignored.")
def validate(paths: tuple[Path, ...], output: str, verbose: bool) -> None:
    """Check manifests offline: files, directories with all below them, or - for standard input.

    Exit 0 when everything is valid, 1 when something is not, 2 when the command itself is wrong.
    """
    shapes = {schema.kind: load_shape(schema) for schema in CATALOG.schemas}
    checker = Checker(CATALOG, shapes, load_partitions())
    for scope, name, data in _contents(paths, checker):
        checker.read(name, data, scope)
    report = checker.report()
    if output == "json":
        click.echo(json.dumps(_as_json(report, verbose=verbose), indent=2))
    else:
        _print(report, verbose=verbose)
    sys.exit(1 if report.findings else 0)


def _contents(paths: Iterable[Path], checker: Checker) -> Iterator[tuple[str, str, bytes]]:
    """Every file once, in a stable order: its scope (the directory that was asked for), name and content."""
    seen: set[Path] = set()
    for path in paths:
        if str(path) == "-":
            yield "", "-", sys.stdin.buffer.read()
            continue
        for file in _files(path, checker):
            if (real := file.resolve()) not in seen:
                seen.add(real)
                yield str(path) if path.is_dir() else "", str(file), _read(file)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(DEFAULT.size_bytes + 1)  # one byte more than is allowed, so that the limit is noticed
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None


def _files(path: Path, checker: Checker) -> Iterator[Path]:
    """A file itself; of a directory its manifests, hidden names and what kustomize uses as a patch left out."""
    if not path.is_dir():
        yield path
        return
    found = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
    visible = [file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts)]
    partial = {part for file in visible if file.name in _KUSTOMIZATIONS for part in _patches(file)}
    for file in visible:
        if file.resolve() in partial:
            checker.note(f"{file}: a kustomize patch; ignored")
        else:
            yield file


def _patches(kustomization: Path) -> Iterator[Path]:
    """Files that a kustomization reads as patches: parts of manifests, which alone prove nothing."""
    try:
        values: list[Any] = [document.value for document in documents(_read(kustomization))]
    except YamlError:
        return  # said when the file itself is read
    for value in values:
        if not isinstance(value, dict):
            continue
        entries = [*(value.get("patches") or []), *(value.get("patchesJson6902") or [])]
        named = [entry.get("path") for entry in entries if isinstance(entry, dict)]
        for name in (*named, *(value.get("patchesStrategicMerge") or [])):
            if isinstance(name, str) and "\n" not in name:
                yield (kustomization.parent / name).resolve()


def _print(report: CheckReport, *, verbose: bool) -> None:
    for finding in report.findings:
        click.echo(_line(finding))
    if verbose:
        for note in report.notes:
            click.echo(f"note: {_shown(note)}", err=True)
    count = len(report.findings)
    verdict = "valid" if count == 0 else f"{count} finding{'s' if count > 1 else ''}"
    click.echo(f"{report.objects} objects in {report.files} files: {verdict}", err=True)


def _line(finding: Finding) -> str:
    about = f"{finding.kind} {finding.name}".strip()
    parts = (f"{finding.file}:{finding.line}", about, finding.path, f"{finding.message} ({finding.reason})")
    return _shown(": ".join(part for part in parts if part))


def _shown(text: str) -> str:
    """Manifests may come from anybody: nothing of theirs reaches the terminal as a control sequence."""
    return "".join(char if char.isprintable() else " " for char in text)


def _as_json(report: CheckReport, *, verbose: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "valid": not report.findings,
        "files": report.files,
        "objects": report.objects,
        "findings": [asdict(finding) for finding in report.findings],
    }
    return {**found, "notes": report.notes} if verbose else found
