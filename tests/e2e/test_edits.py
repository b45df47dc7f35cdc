"""Somebody edits what Git holds: nothing of the edit is acted on, whatever the service was doing at that moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.kit import HOSTING, JOB, WITHIN_S, Site, files
from tests.support.git_repository import BareRepository
from tests.support.lab import hosting, job
from tests.support.service import running
from tests.support.waiting import eventually

PAIRS = [{"name": "a", "value": "1"}]
BOTH = ((JOB, "train"), (HOSTING, "serve"))
IMAGE = "/spec/models/0/containers/0/image"
EDITS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (JOB, "train", {"op": "replace", "path": "/spec/stoppingCondition/maxRuntimeInSeconds", "value": 60}),
    (JOB, "train", {"op": "add", "path": "/spec/enableNetworkIsolation", "value": True}),
    (JOB, "train", {"op": "add", "path": "/spec/hyperParameters/-", "value": {"name": "b", "value": "2"}}),
    (HOSTING, "serve", {"op": "replace", "path": IMAGE, "value": "mine:1"}),
    (HOSTING, "serve", {"op": "add", "path": "/spec/models/0/enableNetworkIsolation", "value": True}),
    (
        HOSTING,
        "serve",
        {"op": "add", "path": "/spec/models/0/containers/0/environment/-", "value": {"name": "b", "value": "2"}},
    ),
)
"""A changed field, an added field and an added list item, each of which would be other content."""


def manifests(image: str = "team:1") -> tuple[dict[str, Any], dict[str, Any]]:
    serve = hosting(image=image)
    serve["spec"]["models"][0]["containers"][0]["environment"] = PAIRS
    return job(hyperParameters=PAIRS), serve


def settled(site: Site, specs: Mapping[str, Any]) -> None:
    """Back at what Git says, and the workers have judged that very generation."""
    for kind, name in BOTH:
        eventually(lambda kind=kind, name=name: site.object(kind, name)["spec"] == specs[kind], WITHIN_S, name)  # type: ignore[misc]
    site.wait_ready(*BOTH)


@pytest.mark.holds("D-7.3")
def test_nothing_that_git_never_held_reaches_sagemaker(site: Site, bare_repository: BareRepository) -> None:
    commit = bare_repository.commit(files(*manifests()))
    process, page = site.service()
    with running(process, page):
        site.sync(bare_repository.url)
        site.wait_applied(commit)
        site.wait_ready(*BOTH)
        specs = {kind: site.object(kind, name)["spec"] for kind, name in BOTH}
        mark, history = site.simulator.mark(), site.status(HOSTING, "serve")["history"]
        for kind, name, edit in EDITS:
            site.patch(kind, name, edit)
            settled(site, specs)
        assert site.simulator.mutations(mark) == []

    # Nobody looked, and Git is away when somebody looks again: what Git held is still known.
    for kind, name, edit in EDITS[::3]:
        site.patch(kind, name, edit)
    away = bare_repository.path.with_name("away.git")
    bare_repository.path.rename(away)
    asleep = site.simulator.mark()
    process, page = site.service()
    with running(process, page):
        site.wait_reason("GitSync", "team", "RepositoryNotFound")
        site.cluster.apply(job("witness", site.namespace))  # behind the others in the queue
        site.wait_ready((JOB, "witness"))
        assert site.effects(asleep) == ["CreateTrainingJob"]
        mark = site.simulator.mark()
        away.rename(bare_repository.path)
        settled(site, specs)
        assert site.simulator.mutations(mark) == []
        assert site.status(HOSTING, "serve")["history"] == history

        # The same edit by Git is content: what was put back would have been acted on.
        site.wait_applied(bare_repository.commit(files(manifests(image="mine:1")[1])))
        site.wait_ready((HOSTING, "serve"))
        assert site.effects(mark) == ["CreateEndpointConfig", "CreateModel", "UpdateEndpoint"]
