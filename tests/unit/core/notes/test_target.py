"""Where notes go, and when they are on."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.git.source import Credentials, GitRemote, SourceError
from reconciler.core.notes.target import NotesSpec, NotesTarget, note_ref

DEFAULT = "refs/notes/sagemaker-gitops/prod"


def spec(url: str = "https://git.example.com/team.git", secret: str = "", **notes: Any) -> dict[str, Any]:
    repo = {"url": url, **({"secretRef": {"name": secret}} if secret else {})}
    return {"repo": repo, "writeBack": {"notes": notes}} if notes else {"repo": repo}


@pytest.mark.holds("D-12.6")
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(spec(), NotesSpec(enabled=False, ref=DEFAULT, secret=""), id="off where nothing allows a push"),
        pytest.param(spec(secret="read"), NotesSpec(enabled=False, ref=DEFAULT, secret="read"), id="a Secret to read allows no push"),
        pytest.param(spec("file:///srv/team.git"), NotesSpec(enabled=True, ref=DEFAULT, secret=""), id="on for a local repository"),
        pytest.param(spec("file:///x", enabled=False), NotesSpec(enabled=False, ref=DEFAULT, secret=""), id="unless switched off"),
        pytest.param(spec(secret="read", secretRef={"name": "write"}), NotesSpec(enabled=True, ref=DEFAULT, secret="write"), id="on with a Secret to write"),
        pytest.param(spec(secret="read", enabled=True), NotesSpec(enabled=True, ref=DEFAULT, secret="read"), id="on because it says so"),
        pytest.param(spec(enabled=False, secretRef={"name": "write"}), NotesSpec(enabled=False, ref=DEFAULT, secret="write"), id="off because it says so"),
        pytest.param(spec(enabled=True, ref="refs/notes/ops/eu"), NotesSpec(enabled=True, ref="refs/notes/ops/eu", secret=""), id="another ref"),
    ],
)  # fmt: skip
def test_spec(written: dict[str, Any], expected: NotesSpec) -> None:
    assert NotesSpec.parse(written, "prod") == expected


@pytest.mark.parametrize(
    "ref",
    [
        "refs/notes/drift", "refs/heads/main", "refs/heads/a/b", "refs/notes/", "refs/notes/a/", "refs/notes//a",
        "refs/notes/a/../b", "refs/notes/a/b.lock", "refs/notes/a/b c", "refs/notes/a/b:c", "+refs/notes/a/b",
        "refs/notes/-a/b\n", "refs/notes/a/é", "--exec=x",
    ],
)  # fmt: skip
def test_a_ref_that_cannot_be(ref: str) -> None:
    with pytest.raises(SourceError, match=r"InvalidRef: spec\.writeBack\.notes\.ref"):
        note_ref("prod", ref)


def test_the_lease_is_one_for_all_who_write_to_a_ref() -> None:
    one = NotesTarget(GitRemote("git@git.example.com:team.git", Credentials(password="a")), DEFAULT)
    same = NotesTarget(GitRemote("ssh://git@git.example.com/team.git", Credentials(password="b")), DEFAULT)
    other = NotesTarget(one.remote, "refs/notes/sagemaker-gitops/dev")
    assert one.digest == same.digest != other.digest
