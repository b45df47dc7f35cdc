"""Building shapes from a service model small enough to be read here."""

from typing import Any

import pytest

from reconciler.adapters.service_model import load_shape
from reconciler.core.schema.declaration import ApiDifference, Schema, Source
from reconciler.core.schema.rules import AtMostOne, at
from reconciler.core.schema.shapes import List, NameValueList, Scalar, Structure
from reconciler.kinds import CATALOG

MODEL: dict[str, Any] = {
    "operations": {"CreateThing": {"input": {"shape": "In"}}, "UpdateThing": {"input": {"shape": "Up"}}},
    "shapes": {
        "In": {
            "type": "structure",
            "required": ["ThingName", "Mode"],
            "members": {
                "ThingName": {"shape": "Name", "documentation": "<p>The name. It must be <i>unique</i>.</p>"},
                "Mode": {"shape": "CompressionType"},
                "InstanceType": {"shape": "InstanceType"},
                "Environment": {"shape": "Map"},
                "Items": {"shape": "Items"},
            },
        },
        "Up": {"type": "structure", "members": {"ThingName": {"shape": "Name"}, "Force": {"shape": "Bool"}}},
        "Name": {"type": "string", "min": 1, "max": 63, "pattern": "[a-z]{0,1023}"},
        "CompressionType": {"type": "string", "enum": ["None", "Gzip"]},
        "InstanceType": {"type": "string", "enum": ["ml.old"]},
        "Map": {"type": "map", "max": 3, "key": {"shape": "Name"}, "value": {"shape": "Name"}},
        "Items": {"type": "list", "min": 0, "max": 5, "member": {"shape": "Item"}},
        "Item": {"type": "structure", "members": {"Count": {"shape": "Int"}, "Share": {"shape": "Float"}}},
        "Int": {"type": "integer", "min": 0},
        "Float": {"type": "float"},
        "Bool": {"type": "boolean"},
    },
}


class Loader:
    def __init__(self, model: dict[str, Any]) -> None:
        self._model = model

    def load_service_model(self, service: str, kind: str) -> dict[str, Any]:
        assert (service, kind) == ("sagemaker", "service-2")
        return self._model


def load(model: dict[str, Any] = MODEL, **changes: Any) -> Structure:
    sources = (Source("CreateThing"), Source("UpdateThing"))
    schema = Schema("Thing", "things", "", (), Structure(()), **{"sources": sources, **changes})
    return load_shape(schema, Loader(model))


def test_members_become_fields_in_the_resources_spelling() -> None:
    fields = load().by_key
    assert list(fields) == ["thingName", "mode", "instanceType", "environment", "items", "force"]
    assert fields["thingName"].operations == ("CreateThing", "UpdateThing")
    assert fields["thingName"].required
    assert fields["thingName"].doc == "The name."
    assert fields["thingName"].shape == Scalar("string", min_length=1, max_length=63, pattern="[a-z]*")
    assert fields["items"].shape == List(load().by_key["items"].shape.item, max_items=5)  # type: ignore[union-attr]


@pytest.mark.holds("D-11.4")
def test_only_listed_enums_are_closed() -> None:
    fields = load().by_key
    assert fields["mode"].shape == Scalar("string", enum=("None", "Gzip"))
    assert fields["instanceType"].shape == Scalar("string")


def test_values_of_an_environment_are_secret() -> None:
    shape = load().by_key["environment"].shape
    assert isinstance(shape, NameValueList)
    assert (shape.key.secret, shape.value.secret, shape.max_items) == (False, True, 3)


def test_differences_change_what_they_name() -> None:
    fields = load(
        differences=(
            ApiDifference("ThingName", supplied=True),
            ApiDifference("Mode", required=False, open=True),
            ApiDifference("Items.Count", key="many", aliases=("count",), maximum=7),
            ApiDifference("Environment", leave_out=True),
        ),
        rules=(at("items", AtMostOne(("many", "share"))),),
    ).by_key
    assert not fields["thingName"].required
    assert not fields["thingName"].api_required
    assert fields["thingName"].shape == Scalar("string", max_length=63, pattern="(?:[a-z]*)?")
    assert (fields["mode"].required, fields["mode"].api_required) == (False, True)
    assert fields["mode"].shape == Scalar("string")
    item = fields["items"].shape.item  # type: ignore[union-attr]
    assert isinstance(item, Structure)
    assert item.by_key["count"].key == "many"
    assert item.by_key["many"].shape == Scalar("integer", minimum=0, maximum=7, format="int64")
    assert item.rules == (AtMostOne(("many", "share")),)
    assert "environment" not in fields


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"differences": (ApiDifference("Gone"),)}, "Gone"),
        ({"differences": (ApiDifference("Items.Gone"),)}, "Items.Gone"),
        ({"rules": (at("gone", AtMostOne(("a", "b"))),)}, "gone"),
    ],
)
def test_a_declaration_about_nothing_is_an_error(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        load(**changes)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ({"type": "timestamp"}, "timestamp"),
        ({"type": "structure", "members": {"Again": {"shape": "Item"}}}, "contains itself"),
        ({"type": "string", "pattern": "(?=x)y"}, "RE2"),
    ],
)
def test_what_is_not_known_stops_the_build(shape: dict[str, Any], says: str) -> None:
    model = {**MODEL, "shapes": {**MODEL["shapes"], "Item": shape}}
    with pytest.raises(ValueError, match=says):
        load(model)


@pytest.mark.parametrize("schema", CATALOG.schemas, ids=lambda schema: schema.kind)
def test_a_shape_is_built_once(schema: Schema) -> None:
    assert load_shape(schema) is load_shape(schema)
