"""The order and words of the verdict; whether it is the API server's too is asked in tests/integration/test_crds.py."""

from typing import Any

import pytest

from reconciler.core.schema.problems import api_problems, problems
from reconciler.core.schema.rules import AtLeastOne, AtMostOne, ExactlyOne, NotGreater, Requires, Rule
from reconciler.core.schema.shapes import Field, List, NameValueList, Opaque, Scalar, StringMap, Structure

TEXT = Scalar("string")
SHAPE = Structure(
    (
        Field("region", Scalar("string", min_length=1), required=True),
        Field("outputPath", Scalar("string", max_length=5, pattern="s3.*")),
        Field("count", Scalar("integer", minimum=1, maximum=9)),
        Field("weight", Scalar("number", minimum=0)),
        Field("on", Scalar("boolean")),
        Field("mode", Scalar("string", enum=("File", "Pipe"))),
        Field("when", Scalar("string", format="date-time")),
        Field("items", List(Structure((Field("name", TEXT, required=True),)), min_items=1, max_items=2)),
        Field("parameters", NameValueList(TEXT, TEXT, max_items=2), api="Parameters"),
        Field("variables", StringMap(TEXT, TEXT, max_items=1)),
        Field("record", Opaque(Structure((Field("known", TEXT),)))),
        Field("joined", TEXT, aliases=("Joined",)),
        Field("image", TEXT, api="Image", api_required=True),
    )
)


@pytest.mark.parametrize(
    ("spec", "path", "reason", "says"),
    [
        pytest.param({}, "/spec/region", "FieldValueRequired", "required", id="a required field is missing"),
        pytest.param({"region": ""}, "/spec/region", "FieldValueInvalid", "empty", id="an empty text"),
        pytest.param({"outputpath": "s3"}, "/spec/outputpath", "UnknownField", '"outputPath"', id="capitals were wrong"),
        pytest.param({"outptPath": "s3"}, "/spec/outptPath", "UnknownField", '"outputPath"', id="a letter is missing"),
        pytest.param({"zzz": 1}, "/spec/zzz", "UnknownField", "unknown field", id="nothing is near"),
        pytest.param({"a/b~c": 1}, "/spec/a~1b~0c", "UnknownField", "", id="the pointer of an odd key is escaped"),
        pytest.param({"outputPath": "s3://x"}, "/spec/outputPath", "FieldValueTooLong", "has 6", id="a long text"),
        pytest.param({"outputPath": "gs"}, "/spec/outputPath", "FieldValueInvalid", "match s3.*", id="a text out of pattern"),
        pytest.param({"count": 0}, "/spec/count", "FieldValueInvalid", "at least 1", id="a small number"),
        pytest.param({"count": 10}, "/spec/count", "FieldValueInvalid", "at most 9", id="a large number"),
        pytest.param({"count": True}, "/spec/count", "FieldValueTypeInvalid", "boolean", id="true is no number"),
        pytest.param({"on": "true"}, "/spec/on", "FieldValueTypeInvalid", "a string", id="text is no boolean"),
        pytest.param({"mode": "file"}, "/spec/mode", "FieldValueNotSupported", '"File"', id="a value near an allowed one"),
        pytest.param({"joined": 5}, "/spec/joined", "FieldValueTypeInvalid", "quotes", id="a number wants quotes"),
        pytest.param({"Joined": 5}, "/spec/Joined", "FieldValueTypeInvalid", "quotes", id="an alias is judged like its field"),
        pytest.param({"joined": None}, "/spec/joined", "FieldValueTypeInvalid", "leave the key out", id="null"),
        pytest.param({"when": "yesterday"}, "/spec/when", "FieldValueInvalid", "RFC 3339", id="no time"),
        pytest.param({"items": []}, "/spec/items", "FieldValueInvalid", "at least 1 item", id="an empty list"),
        pytest.param({"items": [{"name": "x"}] * 3}, "/spec/items", "FieldValueTooMany", "has 3", id="a long list"),
        pytest.param({"items": [{}]}, "/spec/items/0/name", "FieldValueRequired", "", id="required inside a list"),
        pytest.param({"parameters": {"a": "1"}}, "/spec/parameters", "FieldValueTypeInvalid", "a list", id="a map for a list"),
        pytest.param({"parameters": [{"nme": "a"}]}, "/spec/parameters/0/nme", "UnknownField", '"name"', id="a pair misspelt"),
        pytest.param({"variables": {"A": 1}}, "/spec/variables/A", "FieldValueTypeInvalid", "quotes", id="a number in a map"),
        pytest.param({"variables": {"A": "", "B": ""}}, "/spec/variables", "FieldValueTooMany", "has 2", id="a large map"),
        pytest.param({"record": {"known": 1, "more": 2}}, "/spec/record/known", "FieldValueTypeInvalid", "", id="an open record judges what it knows"),
    ],
)  # fmt: skip
def test_one_thing_wrong_is_one_problem(spec: dict[str, Any], path: str, reason: str, says: str) -> None:
    whole = spec if path == "/spec/region" else {"region": "r", **spec}
    (problem,) = problems(SHAPE, whole)
    assert (problem.path, problem.reason) == (path, reason)
    assert says in problem.message


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"count": 3.0}, id="an integral float where an integer is wanted"),
        pytest.param({"weight": 1}, id="an integer where a number is wanted"),
        pytest.param({"parameters": [{"name": "a"}, {"value": "b"} ]}, id="a pair without its name or value"),
        pytest.param({"record": {"more": 1}}, id="an open record with more"),
        pytest.param({"when": "2026-01-02T03:04:05Z"}, id="a time"),
        pytest.param({"Joined": "x"}, id="an alias"),
    ],
)  # fmt: skip
def test_what_is_right_is_no_problem(spec: dict[str, Any]) -> None:
    assert problems(SHAPE, {"region": "r", **spec}) == ()


def test_every_problem_is_told_at_once() -> None:
    assert len(problems(SHAPE, {"count": 0, "mode": "x", "y": 1})) == 4


def test_a_secret_is_not_in_the_message() -> None:
    shape = Structure((Field("hyperParameters", NameValueList(TEXT, Scalar("string", max_length=3, secret=True))),))
    (problem,) = problems(shape, {"hyperParameters": [{"name": "p", "value": "hunter2"}]})
    assert "hunter2" not in problem.message


def test_what_the_api_requires_and_the_resource_does_not_is_told_apart() -> None:
    spec = {"region": "r", "parameters": [{"value": "x"}]}
    assert problems(SHAPE, spec) == ()
    assert [problem.path for problem in api_problems(SHAPE, spec)] == ["/spec/parameters/0/name", "/spec/image"]


@pytest.mark.parametrize(
    ("rule", "value", "holds"),
    [
        pytest.param(ExactlyOne(("a", "b")), {"a": 1}, True, id="exactly one: one"),
        pytest.param(ExactlyOne(("a", "b")), {}, False, id="exactly one: none"),
        pytest.param(ExactlyOne(("a", "b")), {"a": 1, "b": 1}, False, id="exactly one: both"),
        pytest.param(AtMostOne(("a", "b")), {}, True, id="at most one: none"),
        pytest.param(AtMostOne(("a", "b")), {"a": 1, "b": 1}, False, id="at most one: both"),
        pytest.param(AtLeastOne(("a", "b")), {"b": 1}, True, id="at least one: one"),
        pytest.param(AtLeastOne(("a", "b")), {}, False, id="at least one: none"),
        pytest.param(NotGreater("a", "b"), {"a": 2, "b": 2}, True, id="not greater: equal"),
        pytest.param(NotGreater("a", "b"), {"a": 3, "b": 2}, False, id="not greater: greater"),
        pytest.param(NotGreater("a", "b"), {"a": 3}, True, id="not greater: nothing to compare with"),
        pytest.param(Requires("a", ("b",)), {"a": 1}, False, id="requires: the other is missing"),
        pytest.param(Requires("a", ("b", "c")), {"a": 1, "c": 1}, True, id="requires: one of several"),
        pytest.param(Requires("a", ("b",), equals="X"), {"a": "Y"}, True, id="requires: not for this value"),
        pytest.param(Requires("a", ("b",), equals="X"), {"a": "X"}, False, id="requires: for this value"),
    ],
)
def test_rules(rule: Rule, value: dict[str, Any], holds: bool) -> None:
    assert rule.holds(value) is holds
    assert rule.message
