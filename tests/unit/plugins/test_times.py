"""Times as they are typed and as the archived plugin printed them."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from reconciler.plugins.times import go_time, milliseconds, parse_duration, parse_since, rfc3339

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LEGACY = 1574811673449  # the archived plugin's own example


@pytest.mark.parametrize(
    ("timestamp_ms", "zone", "printed"),
    [
        pytest.param(LEGACY, ZoneInfo("America/Los_Angeles"), "2019-11-26 15:41:13.449 -0800 PST", id="its example"),
        pytest.param(LEGACY + 1, UTC, "2019-11-26 23:41:13.45 +0000 UTC", id="no trailing zero"),
        pytest.param(LEGACY - 449, UTC, "2019-11-26 23:41:13 +0000 UTC", id="no fraction of a whole second"),
        pytest.param(LEGACY - 444, UTC, "2019-11-26 23:41:13.005 +0000 UTC", id="leading zeros stay"),
        pytest.param(LEGACY, ZoneInfo("Asia/Kolkata"), "2019-11-27 05:11:13.449 +0530 IST", id="half an hour off"),
        pytest.param(LEGACY, ZoneInfo("Asia/Dubai"), "2019-11-27 03:41:13.449 +0400 +04", id="a zone without a name"),
        pytest.param(1563000000000, ZoneInfo("Europe/Berlin"), "2019-07-13 08:40:00 +0200 CEST", id="summer time"),
    ],
)
def test_a_time_is_printed_as_go_prints_it(timestamp_ms: int, zone: tzinfo, printed: str) -> None:
    assert go_time(timestamp_ms, zone) == printed


def test_json_has_rfc3339_with_milliseconds() -> None:
    assert rfc3339(LEGACY + 1) == "2019-11-26T23:41:13.450Z"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("10m", timedelta(minutes=10)),
        ("2h", timedelta(hours=2)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("1.5h", timedelta(minutes=90)),
        ("100ms", timedelta(milliseconds=100)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_a_duration(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "10 m", "10min", "1h30"])
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("10m", NOW - timedelta(minutes=10), id="back from now"),
        pytest.param("2026-01-31T11:00:00Z", NOW - timedelta(hours=1), id="RFC 3339"),
        pytest.param("2026-01-31T11:00:00.5+01:00", NOW - timedelta(hours=1, minutes=59, seconds=59.5), id="offset"),
        pytest.param("9000000w", datetime.fromtimestamp(0, UTC), id="longer than there is a calendar"),
    ],
)
def test_since(text: str, moment: datetime) -> None:
    assert parse_since(text, NOW) == moment


def test_since_without_an_offset_is_local_time() -> None:
    assert parse_since("2026-01-31T11:00:00", NOW) == datetime(2026, 1, 31, 11).astimezone()


@pytest.mark.parametrize("text", ["yesterday", "10", "2026-13-01T00:00:00Z", ""])
def test_no_since(text: str) -> None:
    with pytest.raises(ValueError, match="neither a duration"):
        parse_since(text, NOW)


def test_nothing_is_older_than_1970() -> None:
    assert milliseconds(datetime(1960, 1, 1, tzinfo=UTC)) == 0
    assert milliseconds(datetime.fromtimestamp(LEGACY / 1000, UTC)) == LEGACY
