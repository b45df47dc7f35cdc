"""Where the notes of a GitSync go: the Secret to write with is not the one to read with."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.errors import TerminalError
from reconciler.core.git.source import GitRemote, SourceError
from reconciler.core.resource import Key, Resource
from reconciler.core.sync.spec import GitSyncSpec
from reconciler.runtime.notes.target import GitSyncTargets

KEY = Key("GitSync", "ml", "team")
URL = "https://git.example.com/team.git"


class Desk:
    def __init__(self, deleting: bool = False, **spec: Any) -> None:
        metadata = {"name": "team", "namespace": "ml", **({"deletionTimestamp": "now"} if deleting else {})}
        body = {"apiVersion": "v1", "kind": "GitSync", "metadata": metadata, "spec": spec}
        self.asked_for: list[str] = []
        self.targets = GitSyncTargets(lambda key: Resource(body) if key == KEY else None, self._remote, "prod")

    def _remote(self, _: Resource, spec: GitSyncSpec) -> GitRemote:
        self.asked_for.append(spec.secret)
        return GitRemote(spec.url)


def notes(**said: Any) -> dict[str, Any]:
    return {"repo": {"url": URL, "secretRef": {"name": "read"}}, "writeBack": {"notes": said}}


def test_the_secret_to_write_with_is_used() -> None:
    desk = Desk(**notes(secretRef={"name": "write"}))
    target = desk.targets.target(KEY)
    assert target is not None
    assert (target.ref, desk.asked_for) == ("refs/notes/sagemaker-gitops/prod", ["write"])
    assert desk.targets.wanted(KEY)


@pytest.mark.parametrize(
    "desk",
    [
        pytest.param(Desk(**notes()), id="no Secret to write with"),
        pytest.param(Desk(**notes(enabled=False, secretRef={"name": "write"})), id="switched off"),
        pytest.param(Desk(deleting=True, **notes(enabled=True)), id="going away"),
    ],
)
def test_no_notes(desk: Desk) -> None:
    assert not desk.targets.wanted(KEY)
    assert desk.targets.target(KEY) is None
    assert desk.asked_for == []


def test_a_sync_that_is_not_there_has_none() -> None:
    assert not Desk(**notes(enabled=True)).targets.wanted(Key("GitSync", "ml", "other"))


def test_a_ref_that_cannot_be_is_said_when_lines_are_to_go_there() -> None:
    desk = Desk(**notes(enabled=True, ref="refs/heads/main"))
    assert desk.targets.wanted(KEY)
    with pytest.raises(SourceError, match="InvalidRef"):
        desk.targets.target(KEY)


def test_a_spec_that_cannot_be_is_said() -> None:
    with pytest.raises(TerminalError):
        Desk(repo={}, writeBack={"notes": {"enabled": True}}).targets.target(KEY)
