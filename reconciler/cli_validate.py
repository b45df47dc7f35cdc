"""`reconciler validate`: manifests judged offline, as the sync, the API server, SageMaker and a careful reviewer would."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from reconciler.app.checks import STDIN, CheckRequest, check
from reconciler.core.sync.checking import ERROR, CheckReport, Finding
from reconciler.core.sync.spec import OtherKinds


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True), metavar="PATH...")
@click.option("-n", "--namespace", default="", help="Where the sync applies; objects of another one are findings.")
@click.option(
    "--other-kinds",
    type=click.Choice([choice.value for choice in OtherKinds]),
    help="What to do about objects of other API groups (default: as the GitSync among the files says, else Reject).",
)
@click.option("--kubectl", envvar=["RECONCILER_KUBECTL", "KUBECTL"], default="kubectl", help="Renders kustomizations.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How findings are printed.")
@click.option("-v", "--verbose", is_flag=True, help="Also say what was left out.")
def validate(
    paths: tuple[str, ...], *, namespace: str, other_kinds: str | None, kubectl: str, output: str, verbose: bool
) -> None:
    """ManifestCheck manifests offline: files, directories with all below them as a GitSync reads them, or - for standard input.

    Exit 0 when everything is valid, 1 when something is not, 2 when the command itself is wrong. A warning makes nothing
    invalid.
    """
    program = shutil.which(kubectl)
    asked = CheckRequest(
        paths,
        sys.stdin.buffer.read() if STDIN in paths else b"",
        namespace,
        None if other_kinds is None else other_kinds == OtherKinds.IGNORE,
        Path(program) if program else None,
    )
    try:
        report = check(asked)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
    if output == "json":
        click.echo(json.dumps(_as_json(report, verbose=verbose), indent=2))
    else:
        _print(report, verbose=verbose)
    sys.exit(0 if report.valid else 1)


def _print(report: CheckReport, *, verbose: bool) -> None:
    for finding in report.findings:
        click.echo(_line(finding), err=finding.severity != ERROR)
    if verbose:
        for note in report.notes:
            click.echo(f"note: {_shown(note)}", err=True)
    errors = sum(finding.severity == ERROR for finding in report.findings)
    warnings = len(report.findings) - errors
    verdict = [_counted(errors, "finding") if errors else "valid"]
    if warnings:
        verdict.append(_counted(warnings, "warning"))
    click.echo(f"{report.objects} objects in {report.files} files: {', '.join(verdict)}", err=True)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"


def _line(finding: Finding) -> str:
    about = f"{finding.kind} {finding.name}".strip()
    severity = "" if finding.severity == ERROR else finding.severity
    parts = (f"{finding.file}:{finding.line}", severity, about, finding.path, f"{finding.message} ({finding.reason})")
    return _shown(": ".join(part for part in parts if part))


def _shown(text: str) -> str:
    """Manifests may come from anybody: nothing of theirs reaches the terminal as a control sequence."""
    return "".join(char if char.isprintable() else " " for char in text)


def _as_json(report: CheckReport, *, verbose: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "valid": report.valid,
        "files": report.files,
        "objects": report.objects,
        "findings": [asdict(finding) for finding in report.findings],
    }
    return {**found, "notes": report.notes} if verbose else found
