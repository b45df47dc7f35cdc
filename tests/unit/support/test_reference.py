"""The reference pages: what they make of a CRD, and that nothing on them is missing or stale."""

from __future__ import annotations

import ast
from textwrap import dedent
from typing import Any

import pytest

from reconciler.core.schema.declaration import Schema
from reconciler.kinds import CATALOG
from tests.support.reasons import Found
from tests.support.reference import annotations_of_people, kind_page, main, shared_status, silent, unexplained

DEFINITION: dict[str, Any] = {
    "spec": {
        "group": "example.dev",
        "names": {"kind": "Thing", "plural": "things", "singular": "thing", "categories": ["ml"]},
        "versions": [
            {
                "name": "v1",
                "additionalPrinterColumns": [{"name": "Ready", "type": "string", "jsonPath": ".status.ready"}],
                "schema": {
                    "openAPIV3Schema": {
                        "description": "A thing.",
                        "properties": {
                            "spec": {
                                "required": ["parts"],
                                "x-kubernetes-validations": [{"rule": "x", "message": "one of a and b"}],
                                "properties": {
                                    "parts": {
                                        "type": "array",
                                        "maxItems": 5,
                                        "description": "Its parts.",
                                        "items": {
                                            "type": "object",
                                            "properties": {"name": {"type": "string", "pattern": "^(?:a|b)$"}},
                                        },
                                    },
                                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                                    "count": {"type": "integer", "minimum": 1, "maximum": 1000},
                                },
                            },
                            "status": {
                                "properties": {
                                    "at": {"type": "string", "format": "date-time"},
                                    "drift": {"type": "object", "properties": {"at": {"type": "string"}}},
                                }
                            },
                        },
                    }
                },
            }
        ],
    }
}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("| `parts` | list of object | yes | at most 5 items | Its parts. |", id="a list"),
        pytest.param(r"| `parts[].name` | string |  | `a\|b` |  |", id="a member of its items"),
        pytest.param("| `labels` | map of string |  |  |  |", id="a map"),
        pytest.param("| `count` | integer |  | 1 to 1,000 |  |", id="limits"),
        pytest.param("| `at` | time |  |  |  |", id="a time in status"),
        pytest.param("| `drift.at` | string |  |  | When. |", id="a member of status that the CRD does not describe"),
        pytest.param("| READY | `status.ready` |  |", id="a column"),
        pytest.param("- one of a and b", id="a rule"),
        pytest.param("| `Made` | It was made. |", id="a reason"),
    ],
)
def test_a_page_has(line: str) -> None:
    assert line in kind_page(DEFINITION, [("Made", "It was made.")], {}, {"drift.at": "When."})


def test_what_all_kinds_have_in_status_is_not_said_again() -> None:
    shared = shared_status([DEFINITION, DEFINITION])
    assert not any("`drift`" in line for line in kind_page(DEFINITION, [], {"drift": shared["drift"]}, {}))


def test_annotations_with_a_docstring_are_peoples() -> None:
    text = '''
        GROUP = "example.dev"
        _PREFIX = f"{GROUP}/"
        class Annotation:
            """Keys."""
            OWNER = _PREFIX + "owner"
            RUN = _PREFIX + "run"
            """Run it
            once more."""
            OTHER = "other"
    '''
    assert [*annotations_of_people(ast.parse(dedent(text)))] == [("example.dev/run", "Run it once more.")]


@pytest.mark.parametrize(
    ("given", "sentences", "problems"),
    [
        pytest.param({"Made"}, {"Made": "It was made."}, [], id="explained"),
        pytest.param({"Made"}, {}, ["no sentence for Made (a.py)"], id="a reason without a sentence"),
        pytest.param(set(), {"Made": "It was made."}, ["nothing gives the reason Made"], id="a reason that is gone"),
        pytest.param({"Is*"}, {"Is*": {"IsMade": "It was made."}}, [], id="put together"),
    ],
)
def test_reasons_and_sentences_agree(given: set[str], sentences: dict[str, Any], problems: list[str]) -> None:
    assert [*unexplained({Found(reason, "a.py") for reason in given}, sentences)] == problems


def test_the_committed_pages_are_what_would_be_written_now() -> None:
    assert main(["--check"]) == 0


@pytest.mark.parametrize("schema", CATALOG.schemas, ids=lambda schema: schema.kind)
def test_every_member_of_status_has_a_meaning(schema: Schema) -> None:
    assert [*silent(schema.status)] == []
