"""`kubectl sagemaker` beside the real service and the simulator: a push, a bad one, and what a person does about it."""

import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from reconciler.plugins import terminal
from reconciler.plugins.sagemaker.command import sagemaker
from tests.e2e.kit import HOSTING, JOB, Site, files
from tests.support.cluster import Cluster
from tests.support.git_repository import BareRepository
from tests.support.lab import hosting, job
from tests.support.service import ServiceProcess, running
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually

ROLLED_BACK = {"type": "endpoint_outcome", "outcome": "rollback", "reason": "alarm tripped", "after": 60}


@pytest.fixture
def site(control_plane: Cluster, simulator: SimControl, namespace: str, tmp_path: Path) -> Site:
    simulator.clock("scaled", 600)
    return Site(control_plane, simulator, namespace, tmp_path)


@pytest.fixture
def service(site: Site) -> Iterator[ServiceProcess]:
    process, page = site.service()
    with running(process, page):
        yield process


class Person:
    def __init__(self, site: Site) -> None:
        self._site = site

    def says(self, *arguments: str, code: int = 0) -> str:
        """Everything that was written; fails for another exit code."""
        return "".join(self._ended(arguments, code))

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self._ended((*arguments, "-o", "json"), code)[0])

    def _ended(self, arguments: tuple[str, ...], code: int) -> tuple[str, str]:
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True), io.StringIO()
        where = {"KUBECONFIG": str(self._site.cluster.kubeconfig)}
        with patch.dict(os.environ, where), redirect_stdout(out), redirect_stderr(err):
            ended = terminal.run(sagemaker, "kubectl sagemaker", [*arguments, "-n", self._site.namespace])
        out.seek(0)
        text = out.read()
        assert ended == code, f"{arguments} ended with {ended}:\n{text}{err.getvalue()}"
        return text, err.getvalue()


@pytest.mark.holds("D-21.5")
def test_a_bad_push_and_the_way_back(site: Site, service: ServiceProcess, bare_repository: BareRepository) -> None:
    person = Person(site)
    first = bare_repository.commit(files(job(), hosting(image="team:1")), "Serve one")
    site.sync(bare_repository.url)
    assert "GitSync team is Ready" in person.says("sync", "--wait", "--timeout", "60s")
    person.says("wait", "hostingdeployment/serve", "train", "--for", f"revision={first}", "--timeout", "60s")
    whole = person.json("status")
    assert [(one["name"], one["ready"], one["commit"]) for one in whole["syncs"][0]["objects"]] == [
        ("train", True, first),
        ("serve", True, first),
    ]

    site.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": ROLLED_BACK})
    second = bare_repository.commit(files(hosting(image="team:2")), "Serve two")
    person.says("sync")
    told = person.says("wait", "serve", "--for", f"revision={second[:9]}", "--timeout", "60s", code=1)
    assert "is stalled, RevisionQuarantined" in told
    entries = person.json("history", "serve")["history"]
    assert [(one["id"], one["result"], one["marks"]) for one in entries] == [
        (2, "RolledBack", ["quarantined"]),
        (1, "Succeeded", ["serving"]),
    ]
    assert "-      image: team:1\n+      image: team:2" in _unindented(
        person.says("history", "serve", "--id", "2", "--repo", str(bare_repository.path))
    )
    assert "quarantine" in person.says("status", "serve", code=1)
    assert "has no other rollout to go back to" in person.says("rollback", "serve", code=1)

    assert f"from {second[:7]} from quarantine (alarm tripped)" in person.says("retry", "serve")
    person.says("wait", "serve", "--timeout", "60s")
    steps = person.json("trace", second)["steps"]
    assert [(one["what"], one["result"]) for one in steps if one["object"] == "HostingDeployment serve"] == [
        ("rollout #2", "RolledBack"),
        ("rollout #3", "Succeeded"),
    ]
    assert "to #1" in person.says("rollback", "serve", "--until", "1h")
    assert site.object(HOSTING, "serve")["metadata"]["annotations"]["sagemaker-gitops.dev/rollback-to"] == "1"
    person.says("rollback", "serve", "--end")
    person.says("wait", "serve", "--timeout", "60s")

    assert "costs money" in person.says("rerun", "train", "--yes")
    person.says("wait", "train", "--timeout", "60s")
    runs = person.json("history", "trainingjob/train")["history"]
    assert [run["result"] for run in runs] == ["Completed", "Completed"]
    assert runs[0]["name"] != runs[1]["name"]
    assert site.simulator.counts()["CreateTrainingJob"] == 2
    assert person.json("status", code=0)["healthy"]
    assert site.condition(JOB, "train")["status"] == "True"

    def remembered() -> bool:
        """Status keeps no commit with an earlier run; the notes do."""
        steps = person.json("trace", "train", "--repo", str(bare_repository.path))["steps"]
        return [step.get("commit") for step in steps] == [first, first]

    eventually(remembered)


def _unindented(diff: str) -> str:
    return re.sub(r"^([-+]) *(- )?image", r"\1      image", diff, flags=re.MULTILINE)
