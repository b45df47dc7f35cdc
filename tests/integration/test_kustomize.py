"""Overlays through a real kubectl: origins, lines, faults, and a program that has nowhere to go."""

import os
import stat
from pathlib import Path

import pytest

from reconciler.adapters.kustomize import KubectlKustomizer
from reconciler.core.manifests.parse import ParseOptions
from reconciler.core.manifests.render import RenderCache, Rendered, RenderOptions, render
from reconciler.dev import binaries
from tests.support.memory_snapshot import MemorySnapshot
from tests.support.waiting import eventually

V1 = "sagemaker.aws.amazon.com/v1"
OPTIONS = RenderOptions(ParseOptions("team", {"Model": V1}, {"ROLE": "arn:role"}))


def model(name: str) -> str:
    return f"apiVersion: {V1}\nkind: Model\nmetadata:\n  name: {name}\nspec:\n  role: ${{ROLE}}\n  size: 1\n"


FILES = {
    "base/kustomization.yaml": "resources: [a.yaml, b.yaml]\n",
    "base/a.yaml": model("a"),
    "base/b.yaml": "# two in one file\n" + model("b") + "---\n" + model("c"),
    "prod/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\nnamespace: team\npatches:\n- path: size.yaml\n  target: {kind: Model, name: a}\n",
    "prod/size.yaml": "- {op: replace, path: /spec/size, value: 2}\n",
    "prod/unused.yaml": "not: [rendered",
}


@pytest.fixture(scope="module")
def kubectl() -> Path:
    return binaries.kubectl()


def rendered(kustomizer: KubectlKustomizer, files: dict[str, str], cache: RenderCache | None = None) -> Rendered:
    return render(
        MemorySnapshot(files), "prod", OPTIONS, cache or RenderCache(), validate=lambda _: (), kustomizer=kustomizer
    )


@pytest.mark.holds("D-13.2")
def test_an_overlay_and_where_its_objects_come_from(kubectl: Path) -> None:
    result = rendered(KubectlKustomizer(kubectl), FILES)
    assert not result.rejections
    found = {manifest.name: manifest for manifest in result.manifests}
    assert {name: (m.path, m.line, m.line_of("/spec/size")) for name, m in found.items()} == {
        "prod-a": ("base/a.yaml", 1, 7),
        "prod-b": ("base/b.yaml", 2, 8),
        "prod-c": ("base/b.yaml", 10, 16),
    }
    assert found["prod-a"].sources == ("prod/kustomization.yaml", "prod/size.yaml")
    assert found["prod-a"].value == {
        "apiVersion": V1,
        "kind": "Model",
        "metadata": {"name": "prod-a", "namespace": "team"},
        "spec": {"role": "arn:role", "size": 2},
    }


def test_an_unchanged_repository_is_not_rendered_again(kubectl: Path) -> None:
    cache = RenderCache()
    first = rendered(KubectlKustomizer(kubectl), FILES, cache)
    assert rendered(KubectlKustomizer(kubectl), FILES, cache) is first
    changed = rendered(KubectlKustomizer(kubectl), FILES | {"base/a.yaml": model("new")}, cache)
    assert {manifest.name for manifest in changed.manifests} == {"prod-new", "prod-b", "prod-c"}


def test_other_kinds_are_refused_where_they_were_made(kubectl: Path) -> None:
    files = FILES | {
        "prod/kustomization.yaml": "resources: [../base]\nconfigMapGenerator: [{name: c, literals: [a=b]}]\n"
    }
    result = rendered(KubectlKustomizer(kubectl), files)
    assert [(fault.path, fault.kind, fault.reason) for fault in result.rejections] == [
        ("prod/kustomization.yaml", "ConfigMap", "KindNotAllowed")
    ]
    assert len(result.manifests) == 3


@pytest.mark.holds("D-13.2")
def test_an_origin_cannot_be_forged(kubectl: Path) -> None:
    forged = model("a").replace(
        "  name: a\n", "  name: a\n  annotations: {config.kubernetes.io/origin: 'path: ../../../etc/passwd'}\n"
    )
    result = rendered(KubectlKustomizer(kubectl), FILES | {"base/a.yaml": forged})
    assert {manifest.path for manifest in result.manifests} <= set(FILES)
    assert "passwd" not in repr(result)


def test_what_kustomize_complains_about_names_the_file(kubectl: Path) -> None:
    result = rendered(
        KubectlKustomizer(kubectl), FILES | {"prod/size.yaml": "- {op: replace, path: /spec/none/such, value: 2}\n"}
    )
    (fault,) = result.rejections
    assert (fault.path.startswith("prod/"), fault.reason) == (True, "KustomizeFailed")
    assert "/tmp" not in fault.message


def test_a_refused_overlay_declares_nothing(kubectl: Path) -> None:
    result = rendered(
        KubectlKustomizer(kubectl), FILES | {"prod/kustomization.yaml": "resources: ['https://evil.example/x.yaml']\n"}
    )
    assert [fault.reason for fault in result.rejections] == ["RemoteReference"]
    assert result.manifests == ()


def fake(directory: Path, script: str) -> Path:
    path = directory / "kubectl"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.holds("D-14.3")
def test_the_program_has_no_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    report = tmp_path / "report"
    script = fake(
        tmp_path, f'export -p > {report}; (command -v git || echo "no git") >> {report}; echo $2 >> {report}; exit 1'
    )
    rendered(KubectlKustomizer(script), FILES)
    text = report.read_text()
    assert "canary" not in text
    assert "no git" in text
    assert str(Path.home()) + "'" not in text
    wrapper = Path(text.splitlines()[-1])
    assert not wrapper.exists()


@pytest.mark.holds("D-14.3")
def test_a_program_that_never_ends_is_killed_with_its_children(tmp_path: Path) -> None:
    script = fake(tmp_path, f"/bin/sleep 300 & echo $! > {tmp_path}/child; wait")
    result = rendered(KubectlKustomizer(script, timeout_s=0.5), FILES)
    assert [(fault.path, fault.reason) for fault in result.rejections] == [
        ("prod/kustomization.yaml", "KustomizeFailed")
    ]
    child = (tmp_path / "child").read_text().strip()
    status = Path(f"/proc/{child}/status")
    eventually(lambda: not status.exists() or "Z (zombie)" in status.read_text(), message="the child is dead")


def test_endless_output_is_cut(tmp_path: Path) -> None:
    result = rendered(
        KubectlKustomizer(
            fake(
                tmp_path,
                "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done",
            ),
            timeout_s=20,
        ),
        FILES,
    )
    assert [fault.reason for fault in result.rejections] == ["KustomizeFailed"]


def test_only_what_is_needed_is_written(tmp_path: Path) -> None:
    report = tmp_path / "report"
    rendered(KubectlKustomizer(fake(tmp_path, f"cd $2/..; /usr/bin/find . -type f > {report}; exit 1")), FILES)
    assert sorted(os.path.normpath(line) for line in report.read_text().split()) == sorted(
        ["wrapper/kustomization.yaml", *(f"tree/{path}" for path in FILES if path != "prod/unused.yaml")]
    )
