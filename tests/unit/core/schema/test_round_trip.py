"""Properties that hold for every kind's real shape, over random specs."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.adapters.service_model import load_shape
from reconciler.core.naming import canonical_json
from reconciler.core.schema.declaration import Schema
from reconciler.core.schema.problems import problems
from reconciler.core.schema.shapes import Field, List, Shape, Structure, canonical, masked, to_request, to_resource
from reconciler.kinds import CATALOG
from tests.support.specs import SEEDS, value

SENT = [schema for schema in CATALOG.schemas if schema.sources]
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

each_kind = pytest.mark.parametrize("schema", SENT, ids=lambda schema: schema.kind)


def spec_of(shape: Structure, seed: int) -> Any:
    return value(shape, Random(seed))  # noqa: S311 - it must repeat, not be secret


@each_kind
@FEW
@given(seed=SEEDS)
def test_what_is_sent_and_read_back_is_the_same_request_and_the_same_content(schema: Schema, seed: int) -> None:
    shape = _sent(load_shape(schema))
    spec = spec_of(shape, seed)
    request = to_request(shape, spec)
    back = to_resource(shape, request)
    assert to_request(shape, back) == request
    content = canonical(shape, spec)
    assert canonical(shape, back) == content
    assert canonical(shape, content) == content
    assert canonical_json(content)


@each_kind
@FEW
@given(seed=SEEDS)
def test_masking_keeps_every_key_and_shows_no_secret(schema: Schema, seed: int) -> None:
    shape = load_shape(schema)
    spec = spec_of(shape, seed)
    shown = masked(shape, spec)
    assert shown.keys() == spec.keys()
    for name in ("hyperParameters", "environment"):
        for pair in shown.get(name, ()):
            assert pair["value"].startswith("changed (sha256:")


@pytest.mark.parametrize("schema", CATALOG.schemas, ids=lambda schema: schema.kind)
@FEW
@given(junk=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["region", "tags", "models", "hyperParameters", "name", "x"]), inner)))  # fmt: skip
def test_no_walk_ends_in_an_exception_whatever_the_value(schema: Schema, junk: Any) -> None:
    shape = load_shape(schema)
    canonical(shape, junk)
    masked(shape, junk)
    assert problems(shape, junk)  # no kind accepts any of this: each has a required field that is not among the keys
    if isinstance(junk, dict):
        to_request(shape, junk)


def _sent(shape: Structure) -> Structure:
    """Only what goes out: what is ours alone cannot come back."""
    sent = [field for field in shape.fields if field.api is not None]
    return Structure(tuple(_with(field) for field in sent), shape.rules)


def _with(field: Field) -> Field:
    return replace(field, shape=_only_sent(field.shape))


def _only_sent(shape: Shape) -> Shape:
    match shape:
        case Structure():
            return _sent(shape)
        case List():
            return replace(shape, item=_only_sent(shape.item))
        case _:
            return shape
