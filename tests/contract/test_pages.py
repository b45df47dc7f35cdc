"""The commands of the pages as they are printed: those that need no cluster are run, the others are read by the program itself."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reconciler.cli import main as reconciler
from reconciler.dev import binaries
from reconciler.kinds import CATALOG
from reconciler.plugins.sagemaker.command import sagemaker
from reconciler.plugins.sagemaker.kinds import kind_named
from reconciler.plugins.smlogs.command import smlogs

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "repo-layout" / "README.md"])
OFFLINE = re.compile(r"reconciler (validate|crds)\b")
_PROGRAM = re.compile(r"(?:\$ )?(?P<line>\(?(?:\.venv/bin/)?(?:reconciler|kubectl|make) .*)")
_OPERATORS = frozenset({"|", "||", "&&", ";", ">", "&", ")", "("})
_NOT_OURS = frozenset({"secret", "secrets", "events", "namespace", "namespaces", "sagemaker", "pods", "deployment"})


def printed(page: Path) -> Iterator[str]:
    """Commands in code: indented by four, or fenced; a line that ends in a backslash goes on."""
    fenced, whole = False, ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        if not fenced and not line.startswith("    "):
            continue
        text = whole + line.strip()
        whole = text.removesuffix("\\") if text.endswith("\\") else ""
        if not whole and (found := _PROGRAM.fullmatch(text)):
            yield found["line"]


COMMANDS = [pytest.param(line, id=f"{page.relative_to(ROOT)}: {line}") for page in PAGES for line in printed(page)]


def words(line: str) -> list[str]:
    """Of the first command of a line, without what the shell does with it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found = list(lexer)
    end = next((place for place, word in enumerate(found) if word in _OPERATORS), len(found))
    return found[:end]


def read(command: click.Command, name: str, arguments: list[str]) -> None:
    """Let click read the words, down to the last subcommand, and run nothing."""
    if arguments and arguments[-1] in ("-h", "--help"):
        return
    context = command.make_context(name, list(arguments))
    if isinstance(command, click.Group):
        below, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert inner is not None, arguments
        read(inner, str(below), rest)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_page_prints_what_the_program_takes(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("RECONCILER_CLUSTER_NAME", "prod")
    if line.startswith("(") or " ... " in line:
        pytest.skip("run as a whole below" if line.startswith("(") else "a part of a command")
    program, *arguments = words(line)
    match Path(program).name, arguments:
        case "reconciler", _:
            read(reconciler, "reconciler", arguments)
        case "make", [target, *_]:
            assert re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        case "kubectl", ["sagemaker", *rest]:
            read(sagemaker, "sagemaker", rest)
        case "kubectl", ["smlogs", *rest]:
            read(smlogs, "smlogs", rest)
        case "kubectl", ["apply", "-f", file, *_]:
            assert (ROOT / file).exists()
        case "kubectl", ["get" | "describe" | "annotate" | "patch" as verb, what, *_] if what[0] not in "-$":
            kinds = what.partition("/")[0].split(",")
            assert all(kind_named(kind) or kind in _NOT_OURS for kind in kinds), (verb, what)


@pytest.mark.parametrize("line", [line for line in COMMANDS if OFFLINE.search(str(line.values[0]))])
def test_what_needs_no_cluster_runs_as_it_is_printed(line: str) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), str(binaries.kubectl().parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    command = ["bash", "-o", "pipefail", "-c", line]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_finding_of_the_page_is_what_the_program_prints(tmp_path: Path) -> None:
    text = (ROOT / "examples" / "trainingjob.yaml").read_text(encoding="utf-8")
    (tmp_path / "prod").mkdir()
    wrong = re.sub(r"instanceCount: (\d+)", r'instanceCount: "\1"', text)
    (tmp_path / "prod" / "train.yaml").write_text(wrong, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("reconciler")), "validate", "prod/train.yaml"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120)
    assert ended.returncode == 1
    page = (ROOT / "docs" / "validate.md").read_text(encoding="utf-8")
    assert f"    {ended.stdout.strip()}\n" in page


def test_the_numbers_of_the_layout_are_those_of_its_patch() -> None:
    overlay = ROOT / "repo-layout" / "clusters" / "prod"
    (comment,) = re.findall(r"^ *# (.*)$", (overlay / "kustomization.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    patch = (overlay / "serving.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"\d+", comment)) <= set(re.findall(r"\d+", patch))


def test_the_port_of_the_metrics_is_the_programs_own() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    (port,) = set(re.findall(r"localhost:(\d+)/metrics", page))
    run = reconciler.get_command(click.Context(reconciler), "run")
    assert run is not None
    (option,) = [one for one in run.params if one.name == "port"]
    assert option.default == int(port)
    names = set(re.findall(r"^ *- port: (\S+)$", page, re.MULTILINE))
    deployed = (ROOT / "deploy" / "install" / "deployment.yaml").read_text(encoding="utf-8")
    assert all(re.search(rf"name: {name}\n\s+containerPort: {port}\n", deployed) for name in names)


def test_every_kind_has_a_name_that_pages_may_use() -> None:
    assert all(kind_named(schema.singular) for schema in CATALOG.schemas)
