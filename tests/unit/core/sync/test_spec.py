from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.core.drift.policy import DriftMode
from reconciler.core.errors import TerminalError
from reconciler.core.git.source import Ref
from reconciler.core.resource import Key
from reconciler.core.sync.spec import GitSyncSpec, OnChange, duration

URL = "https://example.com/team.git"


def parsed(**spec: Any) -> GitSyncSpec:
    return GitSyncSpec.parse({"repo": {"url": URL}, **spec}, "team")


@pytest.mark.holds("D-7.2")
def test_defaults() -> None:
    spec = parsed()

    assert (spec.ref, spec.interval, spec.target_namespace) == (Ref(), timedelta(minutes=1), "team")
    assert (spec.prune, spec.max_delete_percent, spec.require_fast_forward) == (True, 50, True)
    assert (spec.drift_mode, spec.on_change, spec.suspend) == (DriftMode.CORRECT, OnChange.RUN, False)


def test_everything_said() -> None:
    spec = parsed(
        repo={"url": URL, "ref": {"tag": "v1"}, "secretRef": {"name": "git"}, "path": "./prod", "ignore": "*.md"},
        interval="1m30s",
        suspend=True,
        targetNamespace="other",
        serviceAccountName="deployer",
        prune={"enabled": False, "maxDeletePercent": 0},
        drift={"mode": "Warn", "ignore": [{"kind": "Model", "paths": ["/spec/b", "/spec/a"]}, {"paths": ["/spec/a"]}]},
        jobs={"onChange": "Reject"},
        requireFastForward=False,
        substitute={"A": "1"},
    )

    assert (spec.ref.tag, spec.secret, spec.path, spec.ignore) == ("v1", "git", "./prod", "*.md")
    assert (spec.interval, spec.max_delete_percent) == (timedelta(seconds=90), 0)
    assert spec.ignored(Key("Model", "other", "a")) == ("/spec/a", "/spec/b")
    assert spec.ignored(Key("TrainingJob", "other", "a")) == ("/spec/a",)
    assert spec.on_change is OnChange.REJECT


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"repo": {}}, "spec.repo.url"),
        ({"repo": "x"}, "spec.repo"),
        ({"interval": "soon"}, "spec.interval"),
        ({"targetNamespace": "other"}, "spec.serviceAccountName"),
        ({"prune": {"maxDeletePercent": 101}}, "spec.prune.maxDeletePercent"),
        ({"prune": {"maxDeletePercent": "all"}}, "spec.prune.maxDeletePercent"),
    ],
)
def test_what_is_wrong_is_named(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(TerminalError, match=field) as caught:
        parsed(**spec)

    assert caught.value.reason == "InvalidSpec"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("1h30m", 5400), ("1.5m", 90), ("500ms", 0.5), ("1m1m", 120), ("9" * 31 + "h", None)],
)
def test_durations(text: str, seconds: float | None) -> None:
    expected = timedelta(days=365) if seconds is None else timedelta(seconds=seconds)

    assert duration(text, "spec.interval") == expected


def test_no_interval_is_shorter_than_ten_seconds() -> None:
    assert parsed(interval="1s").interval == timedelta(seconds=10)
