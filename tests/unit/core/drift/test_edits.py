"""Who changed what in the cluster: places, authors, and what status may hold of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.core.decision import Difference
from reconciler.core.drift.edits import Author, author, foreign_paths, places
from reconciler.core.drift.git_drift import edits_of, unexplained
from reconciler.core.git.applied import Wanted
from reconciler.core.resource import Key, Resource


@pytest.mark.parametrize(
    ("desired", "live", "found"),
    [
        pytest.param({"a": 1}, {"a": 2}, [("/spec/a", 1, 2)], id="a changed field"),
        pytest.param({}, {"a": 2}, [("/spec/a", None, 2)], id="an added field"),
        pytest.param({"a": {"b": 1}}, {"a": {}}, [("/spec/a/b", 1, None)], id="a removed field of a structure"),
        pytest.param({"a": {"b": 1}}, {}, [("/spec/a", {"b": 1}, None)], id="a removed structure"),
        pytest.param(
            {"a": [{"n": 1, "v": 1}, {"n": 2, "v": 2}]},
            {"a": [{"n": 1, "v": 1}, {"n": 2, "v": 3}]},
            [("/spec/a/1/v", 2, 3)],
            id="an item of a list",
        ),
        pytest.param({"a": [1]}, {"a": [1, 2]}, [("/spec/a", [1], [1, 2])], id="a longer list is another list"),
        pytest.param({"x/y~z": 1}, {"x/y~z": 2}, [("/spec/x~1y~0z", 1, 2)], id="a key that JSON Pointers escape"),
        pytest.param({"a": None}, {}, [], id="null says nothing"),
        pytest.param({"a": 60}, {"a": 60.0}, [], id="one number written in two ways"),
    ],
)
def test_places(desired: Any, live: Any, found: list[tuple[str, Any, Any]]) -> None:
    assert [tuple(place) for place in places(desired, live)] == found


def entry(manager: str, at: str, fields: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"manager": manager, "time": f"2026-03-01T{at}:00Z", "fieldsV1": fields, "operation": "Update", **more}


IMAGE: dict[str, Any] = {"f:spec": {"f:primaryContainer": {".": {}, "f:image": {}}}}
TAGS: dict[str, Any] = {"f:spec": {"f:tags": {}}}
NOTE: dict[str, Any] = {"f:metadata": {"f:annotations": {"f:x/y": {}}}}
SYNC = entry("reconciler-sync", "10:00", {"f:spec": {"f:region": {}}}, operation="Apply")


@pytest.mark.parametrize(
    ("entries", "path", "who"),
    [
        pytest.param([SYNC, entry("kubectl-edit", "11:00", IMAGE)], "/spec/primaryContainer/image", "kubectl-edit", id="a field"),
        pytest.param([SYNC, entry("kubectl-edit", "11:00", IMAGE)], "/spec/primaryContainer", "kubectl-edit", id="what holds it"),
        pytest.param([SYNC, entry("kubectl-edit", "11:00", TAGS)], "/spec/tags/0/value", "kubectl-edit", id="within an atomic list"),
        pytest.param([SYNC, entry("kubectl-annotate", "11:00", NOTE)], "/metadata/annotations/x~1y", "kubectl-annotate", id="an annotation"),
        pytest.param(
            [SYNC, entry("tuner", "11:00", IMAGE), entry("kubectl-edit", "10:30", IMAGE)],
            "/spec/primaryContainer/image", "tuner", id="the newest of two owners",
        ),
        pytest.param(
            [SYNC, entry("kubectl-edit", "11:00", NOTE)], "/spec/region", "kubectl-edit", id="a field that is gone: who wrote since"
        ),
        pytest.param([SYNC, entry("kubectl-edit", "09:00", NOTE)], "/spec/gone", None, id="not who wrote long before"),
        pytest.param(
            [SYNC, entry("reconciler-status", "11:00", {"f:status": {}}, subresource="status")],
            "/spec/gone", None, id="not ourselves",
        ),
        pytest.param(
            [SYNC, entry("autoscaler", "11:00", {"f:status": {}}, subresource="status")], "/spec/gone", None,
            id="not who writes a subresource",
        ),
        pytest.param([], "/spec/region", None, id="nobody is known"),
    ],
)  # fmt: skip
def test_author(entries: list[dict[str, Any]], path: str, who: str | None) -> None:
    found = author(entries, path)
    assert (found.manager if found else None) == who


def test_an_author_is_told_with_the_time() -> None:
    assert str(author([entry("kubectl-edit", "11:00", IMAGE)], "/spec/primaryContainer/image")) == (
        "kubectl-edit at 2026-03-01T11:00:00Z"
    )
    assert str(Author("somebody")) == "somebody"


def test_what_others_own_is_all_that_is_known_while_git_is_away() -> None:
    entries = [SYNC, entry("kubectl-edit", "11:00", {"f:spec": {**IMAGE["f:spec"], **TAGS["f:spec"]}})]
    assert foreign_paths(entries) == ("/spec/primaryContainer/image", "/spec/tags")

    # The archived operator owns what it wrote back; that is no part of the spec as written.
    found = unexplained(live({"primaryContainer": {"image": "evil"}}, entries), {"primaryContainer": {"image": "evil"}})
    assert [(one.path, one.desired, one.live, one.by) for one in found] == [
        ("/spec/primaryContainer/image", None, None, "kubectl-edit")
    ]
    assert [one.path for one in unexplained(live({}, []), {})] == ["/spec"]


def live(spec: Mapping[str, Any], managed: Any = (), **metadata: Any) -> Resource:
    metadata = {"name": "a", "namespace": "team", "managedFields": list(managed), **metadata}
    return Resource({"apiVersion": "v1", "kind": "Model", "metadata": metadata, "spec": spec})


def wanted(spec: Mapping[str, Any], **more: Any) -> Wanted:
    return Wanted(Key("Model", "team", "a"), "v1", spec, spec, "h", "a.yaml", 1, **more)


@pytest.mark.parametrize(
    ("want", "there", "found"),
    [
        pytest.param(
            wanted({"a": 1, "b": 1}, ignored=("/spec/b",)), live({"a": 2, "b": 2}),
            [Difference("git", "/spec/a", 1, 2)], id="without what is ignored",
        ),
        pytest.param(
            wanted({}, labels={"app": "x"}, annotations={"x/y": "1"}), live({}, labels={"app": "evil", "mine": "yes"}),
            [Difference("git", "/metadata/labels/app", "x", "evil"), Difference("git", "/metadata/annotations/x~1y", "1", None)],
            id="labels and annotations that Git states",
        ),
        pytest.param(
            wanted({"primaryContainer": {"image": "x"}}),
            live({"primaryContainer": {"image": "evil"}}, [entry("kubectl-edit", "11:00", IMAGE)]),
            [Difference("git", "/spec/primaryContainer/image", "x", "evil", "kubectl-edit", "2026-03-01T11:00:00Z")],
            id="with who did it",
        ),
        pytest.param(wanted({"a": 1}), live({"a": True}), [Difference("git", "/spec", None, None)], id="at least the spec"),
    ],
)  # fmt: skip
def test_edits(want: Wanted, there: Resource, found: list[Difference]) -> None:
    assert list(edits_of(want, there, there.spec)) == found
