"""What the archived operator stored and what its author wrote are one content: for every field of every kind of its API."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core import takeover
from reconciler.core.kind import Kind, Pass
from reconciler.core.naming import digest
from reconciler.core.resource import Annotation
from reconciler.core.takeover import LAST_APPLIED
from reconciler.kinds import KINDS
from tests.support.passes import a_pass

TYPES: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data" / "archived-operator-types.json").read_text(encoding="utf-8")
)
"""Its Go types (`api/v1` at e131566): of each field the type, whether it is a pointer, and whether an empty one is left out."""
BY_NAME: dict[str, Kind[Any]] = {kind.name: kind for kind in KINDS}
ZERO: dict[str, Any] = {"string": "", "int64": 0, "bool": False}
FULL: dict[str, Any] = {"string": "x", "int64": 7, "bool": True}
OTHER: dict[str, Any] = {"string": "y", "int64": 8, "bool": False}


NO_CONTENT = ("tags", "sageMakerEndpoint", "retainAllVariantProperties", "excludeRetainedVariantProperties")
JOB_NAMES = tuple(kind.keys.spec_name for kind in KINDS if kind.is_job and kind.keys.spec_name)
"""What a job is called says nothing of what it does."""


def full(of: Mapping[str, Any]) -> Any:
    """A value in which everything is set."""
    if of["type"] == "list":
        return [full(of["items"])]
    if of["type"] == "object":
        return {key: full(field) for key, field in of["fields"].items()}
    return FULL[of["type"]]


def empty(of: Mapping[str, Any]) -> Any:
    return {"list": [], "object": {}}.get(of["type"], ZERO.get(of["type"]))


def through_its_types(fields: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored after a write of its: Go's encoding/json, there and back."""
    stored: dict[str, Any] = {}
    for key, field in fields.items():
        found = value.get(key)
        if found is None:
            if not field["omitempty"] and not field["pointer"]:
                stored[key] = None if field["type"] == "list" else _encoded(field, empty(field))
        elif found == empty(field) and field["omitempty"] and not field["pointer"] and field["type"] != "object":
            continue
        else:
            stored[key] = _encoded(field, found)
    return {key: item for key, item in stored.items() if item is not None}  # the API server drops nulls


def _encoded(of: Mapping[str, Any], value: Any) -> Any:
    if of["type"] == "list":
        return [_encoded(of["items"], item) for item in value]
    return through_its_types(of["fields"], value) if of["type"] == "object" else value


def _fields(fields: Mapping[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    for key, field in fields.items():
        yield (*at, key), field
        inner = field
        while inner["type"] == "list":
            inner = inner["items"]
        if inner["type"] == "object":
            yield from _fields(inner["fields"], (*at, key))


EVERY = [
    pytest.param(kind, path, field, id=f"{kind} {'.'.join(path)}")
    for kind, fields in TYPES.items()
    for path, field in _fields(fields)
]


def holding(spec: Any, path: tuple[str, ...]) -> Any:
    """The object that has, or may have, the last key."""
    for key in path[:-1]:
        spec = spec[key]
        while isinstance(spec, list):
            spec = spec[0]
    return spec


def written(kind: str, path: tuple[str, ...], **value: Any) -> dict[str, Any]:
    """A spec with everything set but what is said of one field: `to=`, or not at all."""
    spec = full({"type": "object", "fields": TYPES[kind]})
    place = holding(spec, path)
    del place[path[-1]]
    if value:
        place[path[-1]] = value["to"]
    assert isinstance(spec, dict)
    return spec


def left(kind: str, spec: Mapping[str, Any], said: Mapping[str, Any] | None = None, **annotations: str) -> Pass:
    """A first pass over the operator's object; `said` was applied with kubectl."""
    kept = dict(annotations)
    if said is not None:
        kept[LAST_APPLIED] = json.dumps({"spec": said})
    api = BY_NAME[kind].schema.api_version
    body = {"apiVersion": api, "kind": kind, "metadata": {"name": "a", "namespace": "team", "annotations": kept}}
    name = BY_NAME[kind].keys.name
    return _as_worker({**body, "spec": copy.deepcopy(dict(spec))}, {name: ["x"] if name == "resourceIDList" else "a-x"})


def _as_worker(body: Mapping[str, Any], past: Mapping[str, Any]) -> Pass:
    kind = BY_NAME[body["kind"]]
    this = a_pass(kind, body, past)
    return replace(this, spec=kind.as_written(this.resource))


def later(begun: Pass, spec: Mapping[str, Any], **annotations: str) -> Pass:
    """A pass after it over another spec."""
    assert begun.taken is not None
    metadata = {**begun.resource.metadata, "annotations": {**begun.resource.annotations, **annotations}}
    body = {**begun.resource.body, "metadata": metadata, "spec": copy.deepcopy(dict(spec))}
    return takeover.begun(_as_worker(body, {**begun.past, "takenOver": begun.taken.record()}))


def content(this: Pass) -> str:
    """What digests of what serves are made of."""
    spec = takeover.content_of(this, this.shape, this.spec)
    archived = this.kind.archived
    assert archived is not None
    return digest([archived.content(spec)])


FROM_GIT = {Annotation.REVISION: "main@sha1:" + "c" * 40}


@pytest.mark.holds("D-3.6")
@pytest.mark.parametrize(("kind", "path", "field"), EVERY)
def test_empty_or_absent_is_one_content_in_both_orders(kind: str, path: tuple[str, ...], field: Any) -> None:
    for author in (written(kind, path), written(kind, path, to=empty(field))):
        stored = through_its_types(TYPES[kind], author)
        for said in (author, None):
            first = takeover.begun(left(kind, stored, said))
            second = later(first, author, **FROM_GIT)
            third = takeover.begun(left(kind, author, said, **FROM_GIT))
            assert (first.as_taken, second.as_taken, third.as_taken) == (True, True, True), (author, stored)
            assert second.taken == third.taken
            assert content(first) == content(second) == content(third)


@pytest.mark.parametrize(("kind", "path", "field"), EVERY)
def test_a_key_that_it_did_not_know_is_no_other_content_in_both_orders(
    kind: str, path: tuple[str, ...], field: Any
) -> None:
    del field
    author = full({"type": "object", "fields": TYPES[kind]})
    holding(author, path)["ofToday"] = "x"
    stored = through_its_types(TYPES[kind], author)
    for said in (author, None):
        first = takeover.begun(left(kind, stored, said))
        second = later(first, author, **FROM_GIT)
        third = takeover.begun(left(kind, author, said, **FROM_GIT))
        assert (first.as_taken, second.as_taken, third.as_taken) == (True, True, True)
        if not BY_NAME[kind].is_job:  # of a job the run goes by what was taken over
            assert content(first) == content(second) == content(third)
        again = copy.deepcopy(author)
        holding(again, path)["ofToday"] = "y"
        # In a pair of name and value further keys mean nothing, to us as well, and so below what is no content.
        means_nothing = (len(path) > 1 and path[0] in NO_CONTENT) or holding(author, path).keys() == {
            "name",
            "value",
            "ofToday",
        }
        assert (later(second, again).as_taken, later(third, again).as_taken) == (means_nothing, means_nothing)
        assert later(second, stored).as_taken is True


@pytest.mark.parametrize(
    ("kind", "path", "field"),
    [
        row
        for row in EVERY
        if row.values[2]["type"] in OTHER and row.values[1][0] not in (*NO_CONTENT, *JOB_NAMES)  # type: ignore[index]
    ],
)
def test_another_value_is_another_content(kind: str, path: tuple[str, ...], field: Any) -> None:
    author = written(kind, path, to=FULL[field["type"]])
    first = takeover.begun(left(kind, through_its_types(TYPES[kind], author), author))
    other = later(first, written(kind, path, to=OTHER[field["type"]]), **FROM_GIT)
    assert other.as_taken is False


@pytest.mark.parametrize(
    ("kind", "name"), [(kind.name, kind.keys.spec_name) for kind in KINDS if kind.keys.spec_name in JOB_NAMES]
)
def test_the_name_of_a_job_is_no_content_and_a_record_that_has_it_still_counts(kind: str, name: str) -> None:
    author = full({"type": "object", "fields": TYPES[kind]})
    first = takeover.begun(left(kind, through_its_types(TYPES[kind], author), author))
    archived = first.kind.archived
    assert first.taken is not None
    assert archived is not None
    for to in ({}, {"to": "of-another-uid"}):
        assert later(first, written(kind, (name,), **to)).as_taken is True
    with_name = digest([archived.carried_out(first.shape, author)])
    earlier = replace(first, taken=replace(first.taken, content=with_name, written=with_name))
    assert later(earlier, author).as_taken is True
    assert later(earlier, written(kind, (name,), to="of-another-uid")).as_taken is False


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_the_keys_in_the_code_are_those_of_its_types(kind: str) -> None:
    def keys(fields: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for key, field in fields.items():
            found[key] = keys(field.get("items", field).get("fields", {}))
        return found

    archived = BY_NAME[kind].archived
    assert archived is not None
    assert archived.keys == keys(TYPES[kind])


def test_an_edit_that_kubectl_did_not_make_is_what_is_stored() -> None:
    """The annotation is of an earlier apply then."""
    path = ("roleArn",)
    stored, said = written("TrainingJob", path, to="edited"), written("TrainingJob", path, to="applied")
    first = takeover.begun(left("TrainingJob", stored, said))
    assert later(first, stored, **FROM_GIT).as_taken is True
    assert later(first, said, **FROM_GIT).as_taken is False


@pytest.mark.parametrize("text", ["", "{", "[]", '{"spec": 1}', '"x"'])
def test_an_annotation_that_says_nothing_is_passed_over(text: str) -> None:
    stored = written("TrainingJob", ("roleArn",), to="x")
    assert takeover.begun(left("TrainingJob", stored, None, **{LAST_APPLIED: text})).as_taken is True


@pytest.mark.parametrize(
    "past",
    [
        pytest.param({}, id="nothing is known"),
        pytest.param({"run": {"name": "a-x", "digest": "d"}, "sageMakerTrainingJobName": "a-x"}, id="we ran it"),
        pytest.param({"conditions": [{"type": "Ready"}], "additional": "no"}, id="we failed to run it"),
    ],
)
def test_an_object_of_ours_is_not_taken_over(past: dict[str, Any]) -> None:
    stored = written("TrainingJob", ("roleArn",), to="x")
    this = replace(left("TrainingJob", stored), past=past)
    assert takeover.begun(this) is this
