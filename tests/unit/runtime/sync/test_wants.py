"""What Git holds and what is live are hashed in the same form, whichever way its author wrote it."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.manifests.parse import Manifest
from reconciler.core.manifests.render import Rendered
from reconciler.core.naming import spec_hash
from reconciler.core.resource import Resource
from reconciler.core.sync.spec import GitSyncSpec
from reconciler.kinds.hosting_autoscaling_policy import as_written
from reconciler.runtime.sync.source import Wants
from tests.support.lab_scaling import NAME, scaling

SYNC = GitSyncSpec.parse({"repo": {"url": "https://example.com/r.git", "ref": {"branch": "main"}}}, "team")


def _hash_of(body: dict[str, Any]) -> str:
    manifest = Manifest(
        body["apiVersion"], body["kind"], "team", body["metadata"]["name"], body, "f.yaml", 1, lambda _: 1
    )
    rendered = Rendered((manifest,), (), 0, frozenset(), tree_id="t")
    (want,) = Wants().of(rendered, SYNC, as_written)
    return want.hash


@pytest.mark.holds("D-3.2")
@pytest.mark.parametrize("git", [{}, {"policyName": NAME}], ids=["defaults left out", "defaults spelled out"])
@pytest.mark.parametrize("live", [{}, {"policyName": NAME}], ids=["as applied", "written back"])
def test_a_default_is_no_edit_either_way(git: dict[str, Any], live: dict[str, Any]) -> None:
    assert _hash_of(scaling("a", **git)) == spec_hash(as_written(Resource(scaling("a", **live))))


def test_another_name_is_one() -> None:
    assert _hash_of(scaling("a", policyName="mine")) != _hash_of(scaling("a"))
