"""Times of status, as the API server lets them in."""

from __future__ import annotations

import pytest

from reconciler.core.conditions import moment, stamp


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00:00Z", "2026-01-01t00:00:00z", "2026-01-01T02:00:00.123456789+02:00"]
)
def test_a_time_is_read_in_every_spelling_of_rfc_3339(text: str) -> None:
    assert stamp(moment(text)) == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00+99:99"]
)
def test_what_is_no_time_or_has_no_zone_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moment(text)
