"""Random specs that a shape calls valid, patterns aside, for property tests: `@given(seed=SEEDS)`, then `value(shape, Random(seed))`.

Only the seed is drawn by hypothesis: to draw a whole spec through it costs ten times as much as what is tested with it.
"""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import strategies as st

from reconciler.core.schema.shapes import Field, List, NameValueList, Opaque, Scalar, Shape, StringMap, Structure

SEEDS = st.integers(0, 2**32)

_DEPTH = 6
_LONG = 12
"""Lists and texts stay short: a property that fails at twelve fails at a thousand."""
_SHARES = (0.1, 0.4, 0.8)
"""Of the optional fields; sparse, middling or nearly full, each structure anew."""
_TRIES = 10_000


def value(shape: Shape, random: Random, depth: int = _DEPTH) -> Any:
    match shape:
        case Structure():
            return _object(shape, random, depth)
        case Opaque():
            return _object(shape.known, random, depth)
        case List():
            least = shape.min_items or 0
            return [value(shape.item, random, depth - 1) for _ in range(random.randint(least, max(least, 2)))]
        case NameValueList():
            pairs = range(random.randint(0, 3))
            return [
                {shape.name_key: _text(shape.key, random), shape.value_key: _text(shape.value, random)} for _ in pairs
            ]
        case StringMap():
            return {_text(shape.key, random): _text(shape.value, random) for _ in range(random.randint(0, 3))}
        case Scalar(type="string"):
            return _text(shape, random)
        case Scalar(type="boolean"):
            return random.random() < 0.5
        case Scalar(type="integer"):
            whole = _whole(shape, random)
            return float(whole) if random.random() < 0.3 and int(float(whole)) == whole else whole
        case Scalar():
            low, high = _bounds(shape)
            return random.uniform(low, high) if random.random() < 0.5 else _whole(shape, random)


def _bounds(shape: Scalar) -> tuple[int, int]:
    low = -1000 if shape.minimum is None else int(shape.minimum)
    return low, max(low, 1000) if shape.maximum is None else int(shape.maximum)


def _whole(shape: Scalar, random: Random) -> int:
    """A bound as often as not: mistakes are made there."""
    low, high = _bounds(shape)
    return random.choice((low, high, random.randint(low, high), random.randint(low, high)))


def _object(shape: Structure, random: Random, depth: int) -> dict[str, Any]:
    """Fields by lot until the rules hold; what was drawn for a field that is no scalar is kept meanwhile."""
    nested: dict[str, Any] = {}
    for _ in range(_TRIES):
        share = random.choice(_SHARES)
        found = {}
        for field in shape.fields:
            plain = isinstance(field.shape, Scalar)
            if not field.required and (random.random() >= share or not (depth > 0 or plain)):
                continue
            key = _spelling(field)
            if plain:
                found[key] = value(field.shape, random)
            else:
                if key not in nested:
                    nested[key] = value(field.shape, random, depth - 1)
                found[key] = nested[key]
        if all(rule.holds(found) for rule in shape.rules):
            return found
    raise AssertionError(f"no luck with {[rule.message for rule in shape.rules]}")


def _spelling(field: Field) -> str:
    """An alias where there is one: the proper key is exercised everywhere else."""
    return field.aliases[0] if field.aliases else field.key


def _text(shape: Scalar, random: Random) -> str:
    if shape.enum:
        return random.choice(shape.enum)
    least = shape.min_length or 0
    longest = max(least, min(shape.max_length or _LONG, _LONG))
    return "".join(random.choices("abcxyz019", k=random.randint(min(max(least, 1), longest), longest)))
