from __future__ import annotations

import pytest

from reconciler.core.health import Loop, ailing


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        pytest.param(Loop("web", alive=True), "", id="waiting is no illness, however long"),
        pytest.param(Loop("sync", True, 59.0, 60.0), "", id="work within its time is well"),
        pytest.param(
            Loop("sync", True, 61.0, 60.0, "GitSync team/main"),
            "sync: no progress for 61 s (GitSync team/main), 60 s are allowed",
            id="work beyond its time is named with what it is at",
        ),
        pytest.param(Loop("sync-1", alive=False), "sync-1: its thread has ended", id="a thread that ended is named"),
        pytest.param(
            Loop("beat", True, 61.0, 60.0),
            "beat: no progress for 61 s, 60 s are allowed",
            id="silence of who should say something",
        ),
    ],
)
def test_what_is_ailing(loop: Loop, said: str) -> None:
    assert ailing([loop]) == ([said] if said else [])
