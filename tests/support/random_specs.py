"""Many different specs that SageMaker takes: a least manifest with whatever optional fields the shape has, drawn at random.

`specs` knows the shape alone: most of what it draws SageMaker would refuse.
Texts are taken from samples that fit their pattern; a field for which none does is left out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

from reconciler.core.schema.shapes import Field, List, NameValueList, Scalar, Shape, Structure, given
from tests.support.manifests import IMAGE, ROLE

_SAMPLES = (
    "abc",
    "x1",
    "s3://lab/some/key",
    IMAGE,
    ROLE,
    "arn:aws:kms:us-east-1:123456789012:key/0f1e2d3c-aaaa-bbbb-cccc-0123456789ab",
    "ml.m5.large",
    "/opt/ml/some",
    "$.features",
    "text/csv",
    "application/json",
    "subnet-0a1b2c3d",
    "sg-0a1b2c3d",
    "arn:aws:sns:us-east-1:123456789012:told",
    "https://example.com/x",
    "12",
    "0.5",
)
_INSTANCE_TYPE = "ml.m5.xlarge"
"""Of every kind's list: the CRDs leave those lists open, the service does not."""
_CHANCE = 0.35
_TRIES = 30


class Specs:
    def __init__(self, seed: int, *, without: frozenset[str] = frozenset()) -> None:
        self._random = random.Random(seed)  # noqa: S311 - it must repeat, not be secret
        self._without = without
        """Keys that are not drawn: what the service would refuse beside anything else."""

    def draw(self, shape: Structure, least: Mapping[str, Any]) -> dict[str, Any]:
        """`least` with more."""
        for _ in range(_TRIES):
            found = self._more(shape, least)
            if all(rule.holds(found) for rule in shape.rules):
                return found
        return dict(least)

    def _more(self, shape: Structure, least: Mapping[str, Any]) -> dict[str, Any]:
        there = {field.key: value for field, value in given(shape, least)}
        found = {**least}
        for field in shape.fields:
            value = there.get(field.key)
            if value is None:
                value = self._drawn(field)
            elif isinstance(value, Mapping) and isinstance(field.shape, Structure):
                value = self.draw(field.shape, value)
            elif isinstance(value, list) and isinstance(field.shape, List) and isinstance(field.shape.item, Structure):
                value = [self.draw(field.shape.item, item) for item in value]
            if value is not None:
                found[field.key] = value
        return found

    def _drawn(self, field: Field) -> Any:
        skip = (
            field.api is None
            or field.supplied
            or field.key in self._without
            or (field.key == "tags" and not field.digest)
        )
        if skip or not (field.required or self._random.random() < _CHANCE):
            return None
        value = self._value(field.shape)
        return _INSTANCE_TYPE if field.key.lower().endswith("instancetype") else value

    def _value(self, shape: Shape) -> Any:
        """None where nothing fits."""
        match shape:
            case Structure():
                found = self.draw(shape, {})
                missing = any(field.required and field.key not in found for field in shape.fields)
                return None if missing or not all(rule.holds(found) for rule in shape.rules) else found or None
            case List():
                items = [self._value(shape.item) for _ in range(shape.min_items or 1)]
                return None if None in items else items
            case NameValueList():
                name, value = self._text(shape.key), self._text(shape.value)
                return [{shape.name_key: name, shape.value_key: value}] if name and value else None
            case Scalar(type="string"):
                return self._text(shape)
            case Scalar(type="boolean"):
                return self._random.random() < 0.5
            case Scalar():
                low = 1 if shape.minimum is None else int(shape.minimum)
                high = low + 5 if shape.maximum is None else int(shape.maximum)
                return self._random.randint(low, min(high, low + 20))
        return None

    def _text(self, shape: Scalar) -> str | None:
        if shape.enum:
            return self._random.choice(shape.enum)
        longest, least = shape.max_length or 1000, shape.min_length or 0
        fits = [text for text in _SAMPLES if least <= len(text) <= longest and _matches(shape.pattern, text)]
        return self._random.choice(fits) if fits else None


def _matches(pattern: str | None, text: str) -> bool:
    """RE2 knows a few things that `re` does not: then nothing is known to fit."""
    try:
        return pattern is None or re.fullmatch(pattern, text) is not None
    except re.error:
        return False
