"""Where two specs differ, as JSON Pointers: what an Event or a condition may say of an edit. Never what stands there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SHOWN = 5


def paths(desired: Any, live: Any, at: str = "/spec") -> Iterator[str]:
    """Every place that differs; lists are atomic, as in the CRDs."""
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        for key in sorted({*desired, *live}):
            step = f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key not in desired or key not in live:
                yield step
            else:
                yield from paths(desired[key], live[key], step)
    elif desired != live:
        yield at


def shown(found: Iterator[str]) -> str:
    """The first few, and how many more."""
    every = list(found)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more
