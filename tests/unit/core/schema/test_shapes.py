from typing import Any

import pytest

from reconciler.core.schema.shapes import (
    Field,
    List,
    NameValueList,
    Scalar,
    Structure,
    canonical,
    child,
    is_secret,
    mask,
    masked,
    masked_at,
    to_request,
    to_resource,
)

TEXT = Scalar("string")
SHAPE = Structure(
    (
        Field("region", TEXT, required=True),
        Field("sageMakerEndpoint", TEXT, digest=False),
        Field("jobName", TEXT, api="JobName", supplied=True, operations=("CreateJob", "DescribeJob")),
        Field("count", Scalar("integer"), api="Count", operations=("CreateJob",)),
        Field("weight", Scalar("number"), api="Weight", operations=("CreateJob",)),
        Field(
            "hyperParameters",
            NameValueList(TEXT, Scalar("string", secret=True)),
            api="HyperParameters",
            operations=("CreateJob",),
        ),
        Field(
            "hook",
            Structure((Field("ruleParameters", NameValueList(TEXT, TEXT), api="HookParameters", aliases=("hookParameters",)),)),
            api="Hook",
            operations=("CreateJob",),
        ),
        Field("channels", List(Structure((Field("name", TEXT, api="Name"),))), api="Channels", operations=("CreateJob",)),
        Field("dimensions", NameValueList(TEXT, TEXT, as_list=("Name", "Value")), api="Dimensions"),
        Field("tags", List(Structure((Field("key", TEXT, api="Key"),))), api="Tags", digest=False),
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "request_"),
    [
        pytest.param({"region": "r", "sageMakerEndpoint": "u"}, {}, id="what is ours alone is not sent"),
        pytest.param({"count": 2.0, "weight": 1}, {"Count": 2, "Weight": 1}, id="an integral float is an integer"),
        pytest.param({"weight": 0.5}, {"Weight": 0.5}, id="a fraction stays"),
        pytest.param({"count": None, "hook": None}, {}, id="nulls are dropped"),
        pytest.param({"jobName": ""}, {}, id="an empty name means none"),
        pytest.param({"unknown": 1}, {}, id="an unknown key is not sent"),
        pytest.param(
            {
                "hyperParameters": [
                    {"name": "a", "value": "1"},
                    {"name": "b", "value": "2"},
                    {"name": "a", "value": "3"},
                ]
            },
            {"HyperParameters": {"a": "3", "b": "2"}},
            id="names and values become a map, the last winning",
        ),
        pytest.param(
            {"hyperParameters": [{"name": "a"}, {"value": "2"}]},
            {"HyperParameters": {"a": "", "": "2"}},
            id="a missing name or value is empty",
        ),
        pytest.param(
            {"hook": {"hookParameters": [{"name": "a", "value": "1"}]}},
            {"Hook": {"HookParameters": {"a": "1"}}},
            id="an alias is taken for its field",
        ),
        pytest.param(
            {"hook": {"hookParameters": [{"name": "a"}], "ruleParameters": [{"name": "b"}]}},
            {"Hook": {"HookParameters": {"b": ""}}},
            id="the proper key wins over its alias",
        ),
        pytest.param({"channels": [{"name": "x"}]}, {"Channels": [{"Name": "x"}]}, id="lists keep their order"),
        pytest.param(
            {"dimensions": [{"name": "z", "value": "1"}]},
            {"Dimensions": [{"Name": "z", "Value": "1"}]},
            id="pairs are a list where the API has one",
        ),
        pytest.param(
            {"count": "x", "channels": "y"}, {"Count": "x", "Channels": "y"}, id="a wrong type is not our business"
        ),
    ],
)
def test_to_request(spec: dict[str, Any], request_: dict[str, Any]) -> None:
    assert to_request(SHAPE, spec) == request_


def test_an_operation_takes_only_its_own_members() -> None:
    assert to_request(SHAPE, {"jobName": "n", "count": 1}, "DescribeJob") == {"JobName": "n"}


def test_to_resource_sorts_names_and_leaves_out_what_no_spec_has() -> None:
    response = {
        "JobName": "n",
        "JobArn": "arn",
        "Weight": 2.0,
        "HyperParameters": {"b": "2", "a": "1"},
        "Channels": [{"Name": "x", "Extra": 1}],
        "Dimensions": [{"Name": "z", "Value": "1"}, {"Name": "a", "Value": "2"}],
        "Hook": None,
    }
    assert to_resource(SHAPE, response) == {
        "jobName": "n",
        "weight": 2,
        "hyperParameters": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}],
        "channels": [{"name": "x"}],
        "dimensions": [{"name": "a", "value": "2"}, {"name": "z", "value": "1"}],
    }


@pytest.mark.holds("D-1.4")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"count": 60.0}, {"count": 60}, id="60.0 and 60"),
        pytest.param({"count": None, "channels": []}, {}, id="null, empty list and nothing"),
        pytest.param({"jobName": ""}, {}, id="an empty name and none"),
        pytest.param(
            {"hyperParameters": [{"name": "b", "value": "2"}, {"name": "a", "value": "1"}]},
            {
                "hyperParameters": [
                    {"name": "a", "value": "0"},
                    {"value": "1", "name": "a"},
                    {"name": "b", "value": "2"},
                ]
            },
            id="names and values in any order, the last winning",
        ),
        pytest.param(
            {"hook": {"hookParameters": [{"name": "a"}]}},
            {"hook": {"ruleParameters": [{"name": "a", "value": ""}]}},
            id="an alias and its field",
        ),
        pytest.param({"tags": [{"key": "k"}], "sageMakerEndpoint": "u"}, {}, id="what is no content, and nothing"),
        pytest.param({"unknown": {"a": None, "b": [], "c": 1.0}}, {"unknown": {"c": 1}}, id="unknown keys, tidied"),
    ],
)
def test_equal_content_is_equal_in_canonical_form(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert canonical(SHAPE, one) == canonical(SHAPE, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"count": 1}, {"count": 2}, id="a count"),
        pytest.param({"channels": [{"name": "a"}, {"name": "b"}]}, {"channels": [{"name": "b"}, {"name": "a"}]}, id="order of a list"),
        pytest.param({"region": "a"}, {"region": "b"}, id="the region"),
        pytest.param({"unknown": 1}, {"unknown": 2}, id="an unknown key"),
        pytest.param({"hook": {}}, {}, id="an empty object"),
    ],
)  # fmt: skip
def test_different_content_differs_in_canonical_form(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert canonical(SHAPE, one) != canonical(SHAPE, other)


def test_secrets_leave_as_digests_and_everything_else_as_it_is() -> None:
    spec = {"region": "r", "hyperParameters": [{"name": "password", "value": "hunter2"}, {"name": "x"}], "unknown": 1}
    shown = masked(SHAPE, spec)
    assert shown == {
        "region": "r",
        "hyperParameters": [{"name": "password", "value": "changed (sha256:f52fbd32)"}, {"name": "x"}],
        "unknown": 1,
    }
    assert "hunter2" not in str(shown)


@pytest.mark.parametrize("broken", ["hunter2", {"password": "hunter2"}, ["hunter2"], [["hunter2"]]])
def test_a_secret_of_the_wrong_type_is_masked_too(broken: Any) -> None:
    assert "hunter2" not in str(masked(SHAPE, {"hyperParameters": broken}))


@pytest.mark.parametrize(
    ("pointer", "secret"),
    [
        ("/hyperParameters", True),
        ("/hyperParameters/0", True),
        ("/hyperParameters/0/value", True),
        ("/hook/ruleParameters/0/value", False),
        ("/count", False),
        ("/unknown/x", False),
        ("", False),
    ],
)
def test_which_pointers_lead_to_secrets(pointer: str, secret: bool) -> None:
    assert is_secret(SHAPE, pointer) is secret


@pytest.mark.parametrize(
    ("pointer", "shape"),
    [
        ("", SHAPE),
        ("/count", Scalar("integer")),
        ("/channels/3/name", TEXT),
        ("/hook/hookParameters/0/name", TEXT),
        ("/count/x", None),
        ("/unknown", None),
    ],
)
def test_child_finds_the_shape_of_a_pointer(pointer: str, shape: object) -> None:
    assert child(SHAPE, pointer) == shape


@pytest.mark.parametrize(
    ("pointer", "value", "shown"),
    [
        pytest.param("/hyperParameters/0/value", "hunter2", "changed (sha256:f52fbd32)", id="a secret"),
        pytest.param("/hyperParameters/0/name", "password", "password", id="the name of a secret"),
        pytest.param(
            "/hyperParameters", [{"name": "password", "value": "hunter2"}],
            [{"name": "password", "value": "changed (sha256:f52fbd32)"}], id="a list of secrets",
        ),
        pytest.param("/hyperParameters/0", {"name": "a", "value": "hunter2"}, {"name": "a", "value": "changed (sha256:f52fbd32)"}, id="a pair"),
        pytest.param("", {"hyperParameters": {"password": "hunter2"}}, {"hyperParameters": mask({"password": "hunter2"})}, id="all of it"),
        pytest.param("/count", 2, 2, id="no secret"),
        pytest.param("/unknown", {"password": "hunter2"}, mask({"password": "hunter2"}), id="what no shape describes"),
        pytest.param("/hyperParameters/0/value", "changed (sha256:f52fbd32)", "changed (sha256:f52fbd32)", id="a digest stays"),
    ],
)  # fmt: skip
def test_what_may_be_said_of_a_place(pointer: str, value: Any, shown: Any) -> None:
    assert masked_at(SHAPE, pointer, value) == shown
