"""Durations as Kubernetes writes them: `1h30m`, `90s`, `1.5m`. Read by a GitSync's spec and by the rules of the CRDs."""

from __future__ import annotations

import re

__all__ = ["seconds_of"]

_PART = r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)"
_DURATION = re.compile(rf"(?:{_PART})+\Z", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_TEXT = 32


def seconds_of(text: str) -> float | None:
    """None for what is no duration."""
    if len(text) > _LONGEST_TEXT or not _DURATION.match(text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_PART, text))
