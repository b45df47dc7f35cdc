"""Times as people write them (Go durations, RFC 3339) and as the archived plugin printed them. No clock here."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(text: str) -> timedelta:
    """`10m`, `1h30m`, `1.5h`, and beyond Go `2d` and `1w`."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is no duration; write for example 30s, 10m, 1h30m or 2d")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)))


def parse_since(text: str, now: datetime) -> datetime:
    """A duration back from now, or a moment; one without an offset is in the local zone."""
    if _WHOLE.fullmatch(text):
        try:
            return now - parse_duration(text)
        except OverflowError:
            return datetime.fromtimestamp(0, UTC)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is neither a duration (10m, 2h, 1h30m, 2d) nor a time (2026-01-31T12:00:00Z)"
        ) from None


def milliseconds(moment: datetime) -> int:
    """CloudWatch's unit; never before 1970, which it refuses."""
    return max(0, int(moment.timestamp() * 1000))


def go_time(timestamp_ms: int, zone: tzinfo | None = None) -> str:
    """As Go prints a time: `2019-11-26 15:41:13.449 -0800 PST`, no trailing zeros; in the local zone if none is given."""
    seconds, rest = divmod(timestamp_ms, 1000)
    before, after = _whole_second(seconds, zone)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    return f"{before}{fraction}{after}"


@lru_cache(maxsize=1024)
def _whole_second(seconds: int, zone: tzinfo | None) -> tuple[str, str]:
    moment = datetime.fromtimestamp(seconds, UTC).astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M:%S}", f"{moment: %z %Z}"


def rfc3339(timestamp_ms: int) -> str:
    seconds, rest = divmod(timestamp_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
