"""A path to the set it declares: ignore rules, hostile entries, duplicates, and work in proportion to what changed."""

from collections.abc import Mapping

import pytest

from reconciler.core.git.source import SUBMODULE, SYMLINK, RepositoryRejectedError, SourceError
from reconciler.core.manifests.parse import ParseOptions
from reconciler.core.manifests.render import RenderCache, Rendered, RenderOptions, render
from tests.support.memory_snapshot import MemorySnapshot

V1 = "sagemaker.aws.amazon.com/v1"
PARSE = ParseOptions("team", {"Model": V1})


def model(name: str) -> str:
    return f"apiVersion: {V1}\nkind: Model\nmetadata: {{name: {name}}}\n"


def rendered(
    files: Mapping[str, str | bytes],
    path: str = "",
    ignore: str = "",
    modes: Mapping[str, int] | None = None,
    cache: RenderCache | None = None,
) -> Rendered:
    snapshot = MemorySnapshot(files, modes or {})
    return render(snapshot, path, RenderOptions(PARSE, ignore), cache or RenderCache(), validate=lambda _: ())


def names(result: Rendered) -> list[str]:
    return sorted(manifest.name for manifest in result.manifests)


def reasons(result: Rendered) -> list[tuple[str, str]]:
    return [(fault.path, fault.reason) for fault in result.rejections]


def test_only_manifests_below_the_path_are_read() -> None:
    files = {
        "prod/a.yaml": model("a"),
        "prod/x/b.yml": model("b"),
        "prod/c.json": f'{{"apiVersion": "{V1}", "kind": "Model", "metadata": {{"name": "c"}}}}',
    }
    files |= {
        "prod/README.md": "# hi",
        "prod/train.py": "x",
        "staging/d.yaml": model("d"),
        "production/e.yaml": model("e"),
    }
    result = rendered(files, "./prod/")
    assert names(result) == ["a", "b", "c"]
    assert not result.rejections


def test_a_missing_path_is_said() -> None:
    result = rendered({"a.yaml": model("a")}, "prod")
    assert result.tree_id is None
    assert reasons(result) == [("prod", "PathNotFound")]


@pytest.mark.holds("D-19.2")
@pytest.mark.parametrize(
    ("sourceignore", "own", "left"),
    [
        pytest.param({}, "", ["a", "b", "c"], id="no rules"),
        pytest.param({}, "/prod/b.yaml", ["a", "c"], id="spec.repo.ignore counts from the root"),
        pytest.param({}, "x/", ["a", "b"], id="a directory"),
        pytest.param({}, "*.yaml\n!a.yaml", ["a"], id="all but one"),
        pytest.param({".sourceignore": "b.yaml"}, "", ["a", "c"], id="a file at the root reaches down"),
        pytest.param({"prod/.sourceignore": "/b.yaml"}, "", ["a", "c"], id="a file at the path is anchored there"),
        pytest.param({"prod/x/.sourceignore": "*.yaml"}, "", ["a", "b"], id="a file below reaches its directory only"),
        pytest.param({".sourceignore": "b.yaml"}, "!b.yaml", ["a", "b", "c"], id="spec.repo.ignore has the last word"),
        pytest.param({".sourceignore": "# comment\n\n   \nb.yaml  "}, "", ["a", "c"], id="comments and blanks"),
    ],
)
def test_ignore_rules(sourceignore: Mapping[str, str], own: str, left: list[str]) -> None:
    files = {"prod/a.yaml": model("a"), "prod/b.yaml": model("b"), "prod/x/c.yaml": model("c"), **sourceignore}
    assert names(rendered(files, "prod", own)) == left


def test_a_changed_rule_above_the_path_counts() -> None:
    cache = RenderCache()
    files = {"prod/a.yaml": model("a"), ".sourceignore": ""}
    assert names(rendered(files, "prod", cache=cache)) == ["a"]
    assert names(rendered(files | {".sourceignore": "a.yaml"}, "prod", cache=cache)) == []


@pytest.mark.parametrize("rules", ["*a*a*a*a*a*a*b", "x" * 300, "a\n" * 300])
def test_hostile_ignore_rules_are_a_rejection(rules: str) -> None:
    result = rendered({"prod/.sourceignore": rules, "prod/a.yaml": model("a")}, "prod")
    assert reasons(result) == [("prod/.sourceignore", "InvalidIgnore")]
    assert names(result) == ["a"]


def test_the_forge_s_own_files_are_left_out() -> None:
    files = {".github/workflows/ci.yaml": "on: push", ".gitlab-ci.yml": "a: 1", "a.yaml": model("a")}
    assert not rendered(files).rejections


@pytest.mark.parametrize(
    ("entry", "mode", "reason"),
    [
        pytest.param("link.yaml", SYMLINK, "SymbolicLink", id="a link to a file"),
        pytest.param("directory", SYMLINK, "SymbolicLink", id="a link to a directory"),
        pytest.param("vendor", SUBMODULE, "Submodule", id="a submodule"),
        pytest.param("a\nb.yaml", 0o100644, "InvalidFileName", id="a line break in a name"),
        pytest.param("\udcff\udcfe.yaml", 0o100644, "InvalidFileName", id="a name that is not UTF-8"),
        pytest.param("x/../../b.yaml", 0o100644, "InvalidFileName", id="a name that climbs"),
        pytest.param("d" * 600 + ".yaml", 0o100644, "InvalidFileName", id="a long name"),
    ],
)
def test_hostile_entries_are_rejections_and_the_rest_goes_on(entry: str, mode: int, reason: str) -> None:
    result = rendered({entry: model("evil"), "good.yaml": model("good")}, modes={entry: mode})
    assert names(result) == ["good"]
    assert [fault.reason for fault in result.rejections] == [reason]
    assert all(fault.path.isprintable() and fault.path.encode() for fault in result.rejections)


def test_what_is_ignored_is_not_refused() -> None:
    result = rendered({"vendor": "x", "a.yaml": model("a")}, ignore="vendor", modes={"vendor": SUBMODULE})
    assert not result.rejections


def test_links_that_could_hold_no_manifest_are_none_of_our_business() -> None:
    assert not rendered({"README.md": "x", "a.yaml": model("a")}, modes={"README.md": SYMLINK}).rejections


def test_an_oversize_file_is_refused_unread() -> None:
    snapshot = MemorySnapshot({"big.yaml": b" " * (5 * 1024 * 1024), "a.yaml": model("a")})
    result = render(snapshot, "", RenderOptions(PARSE), RenderCache(), validate=lambda _: ())
    assert reasons(result) == [("big.yaml", "FileTooLarge")]
    assert (names(result), snapshot.reads) == (["a"], 1)


def test_too_much_in_all_is_refused_as_a_whole() -> None:
    snapshot = MemorySnapshot({f"{n}.yaml": "#" * 1000 for n in range(20)})
    with pytest.raises(RepositoryRejectedError, match="RepositoryTooLarge"):
        render(snapshot, "", RenderOptions(PARSE, total_bytes=10_000), RenderCache(), validate=lambda _: ())


def test_a_path_that_leaves_is_refused() -> None:
    with pytest.raises(SourceError, match="InvalidPath"):
        rendered({"a.yaml": model("a")}, "../other")


def test_an_object_declared_twice_is_applied_from_neither_and_pruned_by_neither() -> None:
    result = rendered(
        {"a.yaml": model("a"), "b.yaml": model("a"), "c.yaml": model("c") + "---\n" + model("c"), "d.yaml": model("d")}
    )
    assert names(result) == ["d"]
    assert reasons(result) == [
        ("a.yaml", "Duplicate"),
        ("b.yaml", "Duplicate"),
        ("c.yaml", "Duplicate"),
        ("c.yaml", "Duplicate"),
    ]
    assert "b.yaml:1" in result.rejections[0].message
    assert result.refused == {("Model", "a"), ("Model", "c")}


def test_a_kustomization_below_the_path_is_not_read_as_loose_files() -> None:
    result = rendered(
        {
            "a.yaml": model("a"),
            "over/kustomization.yaml": "resources: [b.yaml]",
            "over/b.yaml": model("b"),
            "over/x/c.yaml": model("c"),
        }
    )
    assert names(result) == ["a"]
    assert reasons(result) == [("over", "NestedKustomization")]


def test_a_kustomization_without_kubectl_says_so() -> None:
    assert reasons(rendered({"kustomization.yaml": "resources: []"})) == [("kustomization.yaml", "KustomizeFailed")]


@pytest.mark.holds("D-15.6")
def test_work_is_in_proportion_to_what_changed() -> None:
    cache = RenderCache()
    files = {f"{n}.yaml": model(f"m{n}") for n in range(1000)}
    options = RenderOptions(PARSE)

    def again(**changed: str) -> tuple[Rendered, int, int]:
        snapshot = MemorySnapshot(files | {f"{name.removeprefix('f')}.yaml": text for name, text in changed.items()})
        before = cache.parses
        result = render(snapshot, "", options, cache, validate=lambda _: ())
        return result, snapshot.reads, cache.parses - before

    first, read, parsed = again()
    assert (len(first.manifests), read, parsed) == (1000, 1000, 1000)
    same, read, parsed = again()
    assert same is first
    assert (read, parsed) == (0, 0)
    changed, read, parsed = again(f7=model("other"))
    assert ("other" in names(changed), read, parsed) == (True, 1, 1)


def test_a_moved_file_is_not_parsed_again_and_carries_its_new_path() -> None:
    cache = RenderCache()
    rendered({"a.yaml": model("a") + "---\nx: 1\n"}, cache=cache)
    result = rendered({"b/c.yaml": model("a") + "---\nx: 1\n"}, cache=cache)
    assert cache.parses == 1
    assert [manifest.path for manifest in result.manifests] == ["b/c.yaml"]
    assert reasons(result) == [("b/c.yaml", "NotAManifest")]


def test_other_options_give_another_result() -> None:
    cache = RenderCache()
    snapshot = MemorySnapshot({"a.yaml": model("a")})
    for namespace in ("one", "two"):
        options = RenderOptions(ParseOptions(namespace, PARSE.kinds))
        (manifest,) = render(snapshot, "", options, cache, validate=lambda _: ()).manifests
        assert manifest.namespace == namespace


def test_rejections_are_bounded_and_counted() -> None:
    result = rendered({f"{n}.yaml": "x: 1" + "\n" * n for n in range(700)})
    assert (len(result.rejections), result.rejected) == (500, 700)


def test_a_file_with_many_faults_hides_no_other_file() -> None:
    crowd = "---\nx: 1\n" * 90
    result = rendered({**{f"{n}.yaml": crowd + "\n" * n for n in range(9)}, "last.yaml": "x: 1"})
    assert (len(result.rejections), result.rejected) == (500, 811)
    assert "last.yaml" in {fault.path for fault in result.rejections}
    assert list(result.rejections) == sorted(result.rejections, key=lambda fault: (fault.path, fault.line))
