"""etcd was put back from a backup while SageMaker and Git went on: what they know by now is believed (D-5.18)."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from reconciler.core.notes.past import of_cluster, rollouts
from reconciler.core.resource import Key
from tests.integration.reconcile.test_rollouts import in_service
from tests.support.lab import Lab, annotated, hosting
from tests.support.lab_git import LabGit


def content(number: int, name: str = "serve") -> dict[str, Any]:
    return annotated(hosting(name, image=f"lab:{number}"), revision=f"main@sha1:{number}")


class Story:
    """A synced deployment, its backup, and what was pushed after it."""

    def __init__(self, lab: Lab, **spec: Any) -> None:
        self.lab, self.git = lab, LabGit(lab, content(1), **spec)
        self.key = self.git.key
        self._served()
        lab.run(120, step_s=30)
        self.backup = copy.deepcopy(lab.cluster.objects[self.key])

    def push(self, number: int) -> None:
        """Git holds other content, and the sync applies it."""
        self.git.manifest["spec"] = content(number)["spec"]
        self.git.begin()
        live = copy.deepcopy(self.lab.cluster.objects[self.key])
        self.lab.cluster.apply({**live, "spec": copy.deepcopy(self.git.manifest["spec"])})
        self._served()

    def restore(self, *, git: bool) -> int:
        """The backup comes back, and a process starts; the mark in SageMaker's record. `git`: it can be read."""
        now = copy.deepcopy(self.git.manifest["spec"])
        self.lab.cluster._store(self.key, copy.deepcopy(self.backup))
        self.lab.begin()
        mark = self.lab.simulator.mark()
        self.git.manifest["spec"] = copy.deepcopy(self.backup["spec"])
        self.git.begin(read=False)
        self.lab.settle()
        self.git.manifest["spec"] = now
        if git:
            self.read()
        return mark

    def read(self) -> None:
        """Git is read at last."""
        live = copy.deepcopy(self.lab.cluster.objects[self.key])
        self.git.begin()
        self.lab.cluster.apply({**live, "spec": copy.deepcopy(self.git.manifest["spec"])})
        self.lab.settle()

    def ids(self) -> list[int]:
        return [entry["id"] for entry in self.lab.status(self.key)["history"]]

    def _served(self) -> None:
        generation = self.lab.cluster.objects[self.key]["metadata"]["generation"]
        self.lab.run(
            until=lambda: (
                self.lab.is_ready(self.key) and self.lab.status(self.key).get("observedGeneration") == generation
            ),
            step_s=20,
        )


@pytest.mark.holds("D-5.18")
@pytest.mark.parametrize("mode", ["Correct", "Warn"])
def test_production_stays_where_it_is_while_git_cannot_be_read(lab: Lab, mode: str) -> None:
    story = Story(lab, drift={"mode": mode})
    story.push(2)
    serving = lab.status(story.key)["endpointConfigName"]
    mark = story.restore(git=False)
    lab.run(1800, step_s=60)
    assert lab.effects(mark) == {}
    assert lab.reason(story.key) == "GitNotRead"
    story.read()
    lab.run(600, step_s=30)
    assert lab.effects(mark) == {}, "Git says what serves"
    assert (lab.status(story.key)["endpointConfigName"], lab.is_ready(story.key)) == (serving, True)


@pytest.mark.holds("D-5.12", "D-5.16")
@pytest.mark.parametrize("notes", [False, True], ids=["without notes", "with notes"])
def test_no_id_of_history_is_given_again(lab: Lab, notes: bool) -> None:
    story = Story(lab)
    for number in (2, 3):
        story.push(number)
    assert story.ids() == [3, 2, 1]
    if notes:
        lines = [json.dumps(line) for line in lab.around.noted.values()]
        lab.around.past_rollouts = tuple(rollouts(of_cluster(lines, "lab"))[story.key])
    story.restore(git=True)
    lab.run(300, step_s=30)
    assert story.ids() == ([3, 2, 1] if notes else [3, 1])
    story.push(4)
    assert story.ids()[0] == 4
    assert [entry["result"] for entry in lab.status(story.key)["history"]] == ["Succeeded"] * len(story.ids())


def test_what_serves_is_a_way_back_again_and_is_reported_as_newer_than_status(lab: Lab) -> None:
    story = Story(lab)
    story.push(2)
    config = lab.status(story.key)["endpointConfigName"]
    story.restore(git=True)
    assert "StatusOutdated" in [reason for _, reason, _ in lab.around.emitted]
    story.push(3)
    mark = lab.simulator.mark()
    lab.cluster.annotate(story.key, rollback_to="2")
    lab.run(until=lambda: lab.status(story.key)["endpointConfigName"] == config, step_s=20)
    assert lab.effects(mark) == {"UpdateEndpoint": 1}


def test_a_status_that_was_wiped_goes_on_counting_by_the_tag_of_what_serves(lab: Lab) -> None:
    key: Key = in_service(lab, content(1))
    for number in (2, 3):
        in_service(lab, content(number))
    lab.cluster._store(key, dict(lab.cluster.objects[key], status=None))
    lab.begin()
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert [entry["id"] for entry in lab.status(key)["history"]] == [3]


@pytest.mark.parametrize("suspended", [True, False])
def test_a_sync_that_somebody_suspended_is_not_waited_for(lab: Lab, suspended: bool) -> None:
    story = Story(lab, suspend=suspended)
    lab.begin()
    story.git.begin(read=False)
    lab.simulator.client().delete_endpoint(EndpointName=lab.status(story.key)["endpointName"])
    lab.run(until=lambda: lab.reason(story.key) == ("ExternallyDeleted" if suspended else "GitNotRead"), step_s=30)
    mark = lab.simulator.mark()
    lab.cluster.annotate(story.key, retry="now")
    lab.run(900, step_s=30)
    assert lab.effects(mark) == ({"CreateEndpoint": 1} if suspended else {})


def test_a_persons_word_waits_for_git_and_is_not_lost(lab: Lab) -> None:
    story = Story(lab)
    story.push(2)
    first = story.backup["status"]["endpointConfigName"]
    lab.begin()
    story.git.begin(read=False)
    mark = lab.simulator.mark()
    lab.cluster.annotate(story.key, rollback_to="1")
    lab.run(300, step_s=30)
    assert lab.effects(mark) == {}
    story.read()
    lab.run(until=lambda: lab.status(story.key)["endpointConfigName"] == first, step_s=20)
    assert lab.effects(mark) == {"UpdateEndpoint": 1}


@pytest.mark.parametrize(
    ("synced", "end"),
    [
        pytest.param(True, "retry", id="a suspended sync, until a person says retry"),
        pytest.param(False, "retry", id="no sync, until a person says retry"),
        pytest.param(False, "generation", id="no sync, until the spec changes"),
    ],
)
def test_older_content_is_not_sent_after_a_restore(lab: Lab, synced: bool, end: str) -> None:
    if synced:
        story = Story(lab, suspend=True)
        key, backup = story.key, story.backup
        story.push(2)
        mark = story.restore(git=False)
    else:
        key = in_service(lab, content(1))
        lab.run(120, step_s=30)
        backup = copy.deepcopy(lab.cluster.objects[key])
        in_service(lab, content(2))
        lab.cluster._store(key, copy.deepcopy(backup))
        lab.begin()
        mark = lab.simulator.mark()
    lab.run(1800, step_s=60)
    lab.begin()
    if synced:
        story.git.manifest["spec"] = copy.deepcopy(backup["spec"])
        story.git.begin(read=False)
    lab.run(600, step_s=60)
    assert lab.effects(mark) == {}
    assert lab.reason(key) == "StatusOutdated"
    if end == "retry":
        lab.cluster.annotate(key, retry="now")
    else:
        live = copy.deepcopy(lab.cluster.objects[key])
        lab.cluster.apply({**live, "spec": content(3)["spec"]})
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert lab.effects(mark)["UpdateEndpoint"] == 1
