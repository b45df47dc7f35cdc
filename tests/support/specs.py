"""Random specs that a shape calls valid, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reconciler.core.shapes import Field, List, NameValueList, Opaque, Scalar, Shape, StringMap, Structure

_DEPTH = 6
_LONG = 12
"""Lists and texts stay short: a property that fails at twelve fails at a thousand."""


def values(shape: Shape, depth: int = _DEPTH) -> st.SearchStrategy[Any]:
    match shape:
        case Structure():
            return _objects(shape, depth)
        case Opaque():
            return _objects(shape.known, depth)
        case List():
            least = shape.min_items or 0
            return st.lists(values(shape.item, depth - 1), min_size=least, max_size=max(least, 2))
        case NameValueList():
            pair = {shape.name_key: _texts(shape.key), shape.value_key: _texts(shape.value)}
            return st.lists(st.fixed_dictionaries(pair), max_size=3)
        case StringMap():
            return st.dictionaries(_texts(shape.key), _texts(shape.value), max_size=3)
        case Scalar(type="string"):
            return _texts(shape)
        case Scalar(type="boolean"):
            return st.booleans()
        case Scalar(type="integer"):
            low, high = _bounds(shape)
            whole = st.integers(low, high)
            return whole | whole.map(float).filter(lambda number: low <= number <= high)
        case Scalar():
            low, high = _bounds(shape)
            return st.integers(low, high) | st.floats(low, high, allow_nan=False)


def _bounds(shape: Scalar) -> tuple[int, int]:
    low = -1000 if shape.minimum is None else int(shape.minimum)
    return low, max(low, 1000) if shape.maximum is None else int(shape.maximum)


def _objects(shape: Structure, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    required = {_spelling(field): values(field.shape, depth - 1) for field in shape.fields if field.required}
    optional = {
        _spelling(field): values(field.shape, depth - 1)
        for field in shape.fields
        if not field.required and (depth > 0 or isinstance(field.shape, Scalar))
    }
    kept = [rule.holds for rule in shape.rules]
    found = st.fixed_dictionaries(required, optional=optional)
    return found.filter(lambda value: all(holds(value) for holds in kept)) if kept else found


def _spelling(field: Field) -> str:
    """An alias where there is one: the proper key is exercised everywhere else."""
    return field.aliases[0] if field.aliases else field.key


def _texts(shape: Scalar) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    least = shape.min_length or 0
    return st.text("abcxyz019", min_size=max(least, 1), max_size=max(least, min(shape.max_length or _LONG, _LONG)))
