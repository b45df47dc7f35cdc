"""What a tuning job tries next. Pure: the same seed and number always give the same values."""

import math
import random
from collections.abc import Mapping
from typing import Any

from reconciler.dev.simulator.errors import unverified

Ranges = Mapping[str, Any]

_GROUPS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges", "AutoParameters")
_INTEGER, _CONTINUOUS, _CATEGORICAL, _AUTO = _GROUPS


def check(ranges: Ranges, strategy: str) -> None:
    names = [item["Name"] for group in _GROUPS for item in ranges.get(group) or []]
    if not names:
        raise unverified("At least one hyperparameter range must be specified.")
    if len(set(names)) < len(names):
        raise unverified("Hyperparameter names must be unique across the ranges.")
    if strategy == "Grid" and any(ranges.get(group) for group in (_INTEGER, _CONTINUOUS, _AUTO)):
        raise unverified("Grid search supports categorical hyperparameters only.")
    for group, number in ((_INTEGER, int), (_CONTINUOUS, float)):
        for item in ranges.get(group) or []:
            try:
                fine = number(item["MinValue"]) <= number(item["MaxValue"])
            except ValueError:
                fine = False
            if not fine:
                raise unverified(f"MinValue and MaxValue of {item['Name']} are no range.")


def grid_size(ranges: Ranges) -> int:
    return math.prod(len(item["Values"]) for item in ranges.get(_CATEGORICAL) or [])


def suggest(ranges: Ranges, strategy: str, seed: str, number: int) -> dict[str, str]:
    """The values of the training job with this number, which counts from zero."""
    if strategy == "Grid":
        return _cell(ranges, number)
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 -- it must repeat, not be secret
    values = {item["Name"]: str(round(_between(item, chance))) for item in ranges.get(_INTEGER) or []}
    values |= {item["Name"]: repr(_between(item, chance)) for item in ranges.get(_CONTINUOUS) or []}
    values |= {item["Name"]: chance.choice(item["Values"]) for item in ranges.get(_CATEGORICAL) or []}
    return values | {item["Name"]: item["ValueHint"] for item in ranges.get(_AUTO) or []}


def suffix(seed: str, number: int, attempt: int) -> str:
    """The eight hexadecimal digits at the end of a training job's name."""
    chance = random.Random(f"name/{seed}/{number}/{attempt}")  # noqa: S311 -- as above
    return f"{chance.getrandbits(32):08x}"


def _between(item: Mapping[str, str], chance: random.Random) -> float:
    low, high = float(item["MinValue"]), float(item["MaxValue"])
    if item.get("ScalingType") == "Logarithmic" and low > 0:
        return min(high, max(low, math.exp(chance.uniform(math.log(low), math.log(high)))))
    return chance.uniform(low, high)


def _cell(ranges: Ranges, number: int) -> dict[str, str]:
    values = {}
    for item in ranges.get(_CATEGORICAL) or []:
        number, index = divmod(number, len(item["Values"]))
        values[item["Name"]] = item["Values"][index]
    return values
