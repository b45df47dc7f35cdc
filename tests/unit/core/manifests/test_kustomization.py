"""What a kustomization may refer to: a table of ways out, each refused before kustomize runs."""

from collections.abc import Mapping

import pytest

from reconciler.core.git.source import SUBMODULE, SYMLINK
from reconciler.core.manifests.kustomization import KustomizationError, KustomizationLimits, needed
from tests.support.memory_snapshot import MemorySnapshot


def refused(
    text: str, files: Mapping[str, str | bytes] | None = None, modes: Mapping[str, int] | None = None
) -> KustomizationError:
    snapshot = MemorySnapshot({"over/kustomization.yaml": text, **(files or {})}, modes or {})
    with pytest.raises(KustomizationError) as caught:
        needed(snapshot, "over")
    return caught.value


def test_everything_that_is_needed_and_nothing_else() -> None:
    files = {
        "base/kustomization.yml": "resources: [a.yaml, more/]\n",
        "base/a.yaml": "a: 1",
        "base/more/Kustomization": "{}",
        "base/unused.yaml": "x",
        "over/kustomization.yaml": "resources: [../base]\ncomponents: [../part]\npatches: [{path: p.yaml}, {patch: 'a: 1'}]\n"
        "configMapGenerator: [{name: c, files: [key=data.txt], envs: [e.env]}]\npatchesStrategicMerge: ['a: 1\n\n  b: 2', s.yaml]\n",
        "over/p.yaml": "p: 1",
        "over/s.yaml": "s: 1",
        "over/data.txt": "\0 not YAML",
        "over/e.env": "A=1",
        "part/kustomization.yaml": "kind: Component\n",
    }
    found = needed(MemorySnapshot(files), "over")
    assert set(found.files) == set(files) - {"base/unused.yaml"}
    assert found.patches["over/kustomization.yaml"] == ("over/p.yaml", "over/s.yaml")


@pytest.mark.holds("D-14.3")
@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/x.yaml",
        "http://evil.example/x",
        "https://github.com/org/repo//path?ref=main",
        "github.com/org/repo",
        "GitHub.com/org/repo",
        "git@github.com:org/repo.git",
        "git::https://evil.example/x",
        "gh:org/repo",
        "ssh://git@host/x",
        "file:///etc/passwd",
        "evil.example/org/repo.git",
        "dev.azure.com/org/project/_git/repo",
        "host//x?ref=v1",
        "/etc/passwd",
        "~/x",
        "-x",
        "../../etc/passwd",
        "../../../outside",
        "a/../../../x",
        "a\\b",
        "a\nb",
        "$HOME",
        "",
        7,
    ],
)
def test_paths_that_are_not_plain(path: str | int) -> None:
    for field in ("resources", "components", "bases", "crds", "configurations", "patchesStrategicMerge"):
        if field == "patchesStrategicMerge" and "\n" in str(path):
            continue  # that is an inline patch
        error = refused(f"x-above: 1\n{field}:\n- {path!r}\n".replace("x-above: 1", "namePrefix: a"))
        assert error.rejection.reason == "RemoteReference"
        assert (error.rejection.path, error.rejection.line) == ("over/kustomization.yaml", 3)


@pytest.mark.parametrize(
    "field",
    [
        "helmCharts: [{name: x, repo: https://x}]",
        "helmChartInflationGenerator: [{}]",
        "helmGlobals: {}",
        "generators: [exec.yaml]",
        "transformers: [exec.yaml]",
        "validators: [exec.yaml]",
        "inventory: {}",
        "somethingNew: 1",
    ],
)
def test_fields_that_can_run_or_fetch_are_refused_by_name(field: str) -> None:
    error = refused(f"resources: []\n{field}\n", {"over/exec.yaml": "x"})
    assert error.rejection.line == 2
    assert field.partition(":")[0] in error.rejection.message


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("patches: [{path: https://x/y}]", 1),
        ("patchesJson6902: [{path: ../../x}]", 1),
        ("replacements: [{path: /etc/x}]", 1),
        ("openapi: {path: https://x/schema}", 1),
        ("configMapGenerator: [{files: [a=/etc/passwd]}]", 1),
        ("secretGenerator: [{envs: [../../x]}]", 1),
        ("secretGenerator: [{env: /proc/self/environ}]", 1),
    ],
)
def test_references_in_deeper_places(text: str, where: int) -> None:
    error = refused(text + "\n")
    assert (error.rejection.reason, error.rejection.line) == ("RemoteReference", where)


@pytest.mark.parametrize(
    ("text", "files", "modes", "message"),
    [
        ("resources: [a.yaml]", {}, {}, "does not exist"),
        ("resources: [a.yaml]", {"over/a.yaml": "../../etc/passwd"}, {"over/a.yaml": SYMLINK}, "symbolic link"),
        ("resources: [a]", {"over/a": "x"}, {"over/a": SUBMODULE}, "submodule"),
        ("resources: [a]", {"over/a/b.yaml": "x"}, {}, "no kustomization"),
        ("resources: [a]", {"over/a/kustomization.yaml": "{}", "over/a/Kustomization": "{}"}, {}, "more than one"),
        ("resources: a.yaml", {"over/a.yaml": "x"}, {}, "must be a list"),
        ("- a", {}, {}, "one mapping"),
        ("a: 1\n---\nb: 1", {}, {}, "one mapping"),
        ("resources: [a.yaml]", {"over/a.yaml": "x: [1"}, {}, ""),
        ("patches: [{patch: 'x: [1'}]", {}, {}, ""),
    ],
)
def test_what_is_wrong_is_said(text: str, files: Mapping[str, str], modes: Mapping[str, int], message: str) -> None:
    assert message in refused(text, files, modes).rejection.message


def test_a_circle_ends_and_a_crowd_is_bounded() -> None:
    circle = {"a/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [../a]"}
    assert set(needed(MemorySnapshot(circle), "a").files) == set(circle)
    crowd = {"a/kustomization.yaml": f"resources: {[f'{n}.yaml' for n in range(20)]}"} | {
        f"a/{n}.yaml": "x: 1" for n in range(20)
    }
    with pytest.raises(KustomizationError, match="larger than allowed"):
        needed(MemorySnapshot(crowd), "a", KustomizationLimits(files=10))
