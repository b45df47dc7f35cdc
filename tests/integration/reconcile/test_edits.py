"""What somebody edits in the cluster, as the object itself tells it: put back, held, reported, fought over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.core.drift.git_drift import Reverted
from reconciler.core.errors import TransientError
from tests.support.lab import Lab, hosting, job
from tests.support.lab_git import LabGit
from tests.support.lab_kinds import tuning

HYPER = [{"name": "token", "value": "hush"}]
EVIL = [{"name": "token", "value": "evil"}]


def drift(lab: Lab, git: LabGit) -> Mapping[str, Any]:
    found: Mapping[str, Any] = lab.status(git.key).get("drift") or {}
    return found


def events(lab: Lab) -> list[str]:
    return [reason for _, reason, _ in lab.around.emitted]


@pytest.fixture
def git(lab: Lab) -> LabGit:
    """A job that runs, as Git has it."""
    git = LabGit(lab, job(hyperParameters=HYPER))
    lab.settle()
    return git


@pytest.mark.holds("D-7.12")
@pytest.mark.parametrize("told_first", [True, False], ids=["told before it is seen", "seen before it is told"])
def test_an_edit_that_was_put_back_shows_corrected_for_an_hour(lab: Lab, git: LabGit, told_first: bool) -> None:
    mark = lab.simulator.mark()
    git.edit(enableNetworkIsolation=True)
    lab.settle()
    assert drift(lab, git)["state"] == "InSync"  # it is reverted in a moment

    git.put_back(told_first=told_first)

    told = drift(lab, git)
    assert (told["state"], told["corrected"]["count"]) == ("Corrected", 1)
    assert (told["corrected"]["paths"], told["corrected"]["by"]) == (["/spec/enableNetworkIsolation"], "kubectl-edit")
    lab.run(3700, step_s=60)
    assert drift(lab, git)["state"] == "InSync"
    assert drift(lab, git)["corrected"] == told["corrected"]
    assert lab.effects(mark) == {}


@pytest.mark.parametrize("moment", ["before a status write", "after a status write"])
def test_a_status_write_that_fails_neither_loses_nor_doubles_it(lab: Lab, git: LabGit, moment: str) -> None:
    git.edit(enableNetworkIsolation=True)
    lab.settle()
    failing = [moment]
    cross = lab.boundaries.cross

    def crossed(what: str) -> None:
        cross(what)
        if what in failing:
            failing.remove(what)
            raise TransientError("no answer")

    lab.boundaries.cross = crossed  # type: ignore[method-assign]
    git.put_back()
    lab.run(60)

    assert not failing
    assert (drift(lab, git)["state"], drift(lab, git)["corrected"]["count"]) == ("Corrected", 1)


def test_an_edit_that_is_not_put_back_is_held_and_said(lab: Lab, git: LabGit) -> None:
    mark = lab.simulator.mark()
    git.edit(hyperParameters=EVIL)
    lab.run(5)
    assert lab.is_ready(git.key) or lab.reason(git.key) == "JobRunning"
    lab.run(10)

    drifted, ready = (lab.condition(git.key, kind) for kind in ("Drifted", "Ready"))
    assert (drifted["status"], drifted["reason"]) == ("True", "EditedInCluster")
    assert (ready["status"], ready["reason"]) == ("False", "EditedInCluster")
    assert "Reconciling" in lab.types(git.key)
    assert ready["message"] == (
        "edited in the cluster by kubectl-edit at 2026-03-01T10:00:00Z: /spec/hyperParameters/0/value; "
        "nothing of it is acted on; it is not reverted yet"
    )
    (one,) = drift(lab, git)["differences"]
    assert (one["plane"], one["path"], one["by"]) == ("git", "/spec/hyperParameters/0/value", "kubectl-edit")
    assert one["desired"].startswith("changed (sha256:")
    assert one["desired"] != one["live"]
    assert "evil" not in str([lab.status(git.key), lab.around.emitted, lab.around.noted])
    assert events(lab).count("EditedInCluster") == 1

    # What runs is followed all the same, and nothing else is run.
    lab.run(until=lambda: lab.status(git.key)["trainingJobStatus"] == "Completed")
    assert lab.reason(git.key) == "EditedInCluster"
    assert lab.effects(mark) == {}

    git.put_back()
    assert lab.is_ready(git.key)
    assert drift(lab, git)["state"] == "Corrected"
    assert [line["event"] for line in lab.around.noted.values()].count("DriftFound") == 1


def test_while_git_is_away_after_a_start_the_object_says_what_is_known(lab: Lab, git: LabGit) -> None:
    mark = lab.simulator.mark()
    lab.begin()
    git.begin(read=False)
    git.edit(hyperParameters=EVIL)
    lab.run(30)

    assert lab.reason(git.key) == "EditedInCluster"
    (one,) = drift(lab, git)["differences"]
    assert (one["path"], one.get("desired"), one.get("live"), one["by"]) == (
        "/spec/hyperParameters",
        None,
        None,
        "kubectl-edit",
    )
    # What was begun is followed all the same, by what status records.
    lab.run(until=lambda: lab.status(git.key)["trainingJobStatus"] == "Completed", step_s=30)
    assert (lab.reason(git.key), lab.status(git.key)["run"]["status"]) == ("EditedInCluster", "Completed")
    assert [reason for reason in events(lab) if reason.startswith("Job")] == ["JobStarted", "JobCompleted"]
    writes = lab.cluster.status_writes[git.key]
    lab.run(600, step_s=30)
    assert lab.cluster.status_writes[git.key] == writes

    git.begin()  # Git is back
    lab.run(70)
    (one,) = drift(lab, git)["differences"]
    assert one["path"] == "/spec/hyperParameters/0/value"

    # The next process knows no less, and says it at once.
    known = lab.status(git.key)
    lab.begin()
    git.begin(read=False)
    lab.run(30)
    assert lab.status(git.key) == known
    assert lab.effects(mark) == {}


@pytest.mark.parametrize(
    ("rules", "result", "image"),
    [
        pytest.param((), "Succeeded", "lab:2", id="an update that succeeds"),
        pytest.param(
            (
                {
                    "match": {"op": "UpdateEndpoint"},
                    "action": {"type": "endpoint_outcome", "outcome": "rollback", "reason": "alarm"},
                },
            ),
            "RolledBack",
            "lab:1",
            id="an update that SageMaker rolls back",
        ),
    ],
)
def test_an_update_under_way_is_judged_while_git_is_away(
    lab: Lab, rules: tuple[dict[str, Any], ...], result: str, image: str
) -> None:
    git = LabGit(lab, hosting(image="lab:1"))
    lab.run(until=lambda: lab.is_ready(git.key), step_s=30)
    lab.simulator.rules(*rules)
    git.manifest["spec"] = hosting(image="lab:2")["spec"]
    git.begin()
    lab.cluster.apply(git.manifest)
    lab.run(until=lambda: lab.status(git.key)["endpointStatus"] == "Updating")
    lab.begin()
    git.begin(read=False)
    mark = lab.simulator.mark()

    git.edit(models=hosting(image="evil:1")["spec"]["models"])
    lab.run(until=lambda: lab.status(git.key)["history"][0].get("result"), step_s=30)

    told = lab.status(git.key)
    assert (lab.reason(git.key), told["history"][0]["result"]) == ("EditedInCluster", result)
    assert told["endpointStatus"] == "InService"
    lab.run(600, step_s=30)
    assert lab.effects(mark) == {}
    asked = lab.simulator.mark()
    lab.run(600, step_s=30)
    assert not [op for op in lab.simulator.counts(asked) if op.startswith("Describe")]

    git.begin()
    git.put_back()
    lab.run(until=lambda: lab.reason(git.key) in ("InService", "RevisionQuarantined"), step_s=30)
    assert not {"UpdateEndpoint", "CreateModel"} & lab.effects(mark).keys()
    model = lab.simulator.client().describe_model(ModelName=_serving(lab, git))
    assert model["PrimaryContainer"]["Image"] == image


def _serving(lab: Lab, git: LabGit) -> str:
    config = lab.status(git.key)["endpointConfigName"]
    found = lab.simulator.client().describe_endpoint_config(EndpointConfigName=config)
    return str(found["ProductionVariants"][0]["ModelName"])


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"region": "eu-west-1"}, id="another region"),
        pytest.param({"trainingJobName": "theirs"}, id="another name"),
        pytest.param({"tags": [{"key": "team", "value": "evil"}]}, id="other tags"),
    ],
)
def test_while_git_is_away_nothing_is_read_from_the_edit(lab: Lab, git: LabGit, edit: dict[str, Any]) -> None:
    name, mark = lab.status(git.key)["sageMakerTrainingJobName"], lab.simulator.mark()
    lab.begin()
    git.begin(read=False)
    git.edit(**edit)
    lab.run(until=lambda: lab.status(git.key)["trainingJobStatus"] == "Completed", step_s=30)

    assert lab.status(git.key)["sageMakerTrainingJobName"] == name
    assert [one["plane"] for one in drift(lab, git)["differences"]] == ["git"]
    assert lab.effects(mark) == {}


def test_a_tuning_job_is_followed_to_its_best_training_job_while_git_is_away(lab: Lab) -> None:
    git = LabGit(lab, tuning())
    lab.settle()
    mark = lab.simulator.mark()
    lab.begin()
    git.begin(read=False)
    git.edit(trainingJobDefinition=None)
    lab.run(until=lambda: lab.status(git.key)["hyperParameterTuningJobStatus"] == "Completed", step_s=30)

    assert lab.status(git.key)["bestTrainingJob"]["modelPath"].startswith("s3://lab/tuned/")
    assert [key.kind for key in lab.cluster.objects] == ["HyperparameterTuningJob"]  # a child would show the edit
    assert lab.effects(mark) == {}


def test_what_is_missing_while_git_is_away_is_said_when_git_is_back(lab: Lab, git: LabGit) -> None:
    lab.run(90, step_s=30)
    lab.begin()
    git.begin(read=False)
    git.edit(hyperParameters=EVIL)
    name = lab.status(git.key)["sageMakerTrainingJobName"]
    lab.simulator.rules({"match": {"name": name}, "action": {"type": "delete", "kind": "*Job", "now": True}})
    lab.run(300, step_s=30)
    assert lab.status(git.key)["run"]["status"] == "InProgress"

    git.begin()
    git.put_back()
    lab.run(until=lambda: lab.reason(git.key) == "ExternallyDeleted", step_s=30)


@pytest.mark.holds("D-7.8")
def test_a_fight_ends_in_a_hold_that_a_restart_remembers(lab: Lab, git: LabGit) -> None:
    mark = lab.simulator.mark()
    for _ in range(3):
        git.edit(hyperParameters=EVIL)
        lab.run(60)
        git.put_back()
    lab.begin()
    git.begin()

    git.edit(hyperParameters=EVIL)
    lab.settle()

    drifted, ready = (lab.condition(git.key, kind) for kind in ("Drifted", "Ready"))
    assert (drifted["reason"], ready["reason"]) == ("DriftFlapping", "DriftFlapping")
    assert "reverted 3 times within the hour" in ready["message"]
    assert drift(lab, git)["state"] == "Drifted"
    lab.run(3700, step_s=60)
    assert lab.condition(git.key, "Drifted")["reason"] == "EditedInCluster"  # the sync may put it back again
    assert lab.effects(mark) == {}


def test_puts_back_that_no_status_tells_of_yet_count_too(lab: Lab, git: LabGit) -> None:
    """A rival so fast that the worker never sees what the sync wrote."""
    git.edit(enableNetworkIsolation=True)
    for number in range(3):
        put = Reverted(("/spec/enableNetworkIsolation",), f"rival-{number}", lab.clock.now())
        lab.claims.reverted(git.key, put)
    lab.settle()

    assert lab.reason(git.key) == "DriftFlapping"
    assert drift(lab, git)["corrected"]["count"] == 3


@pytest.mark.holds("D-7.5")
def test_warn_acts_on_what_is_live_and_tells_it(lab: Lab, git: LabGit) -> None:
    git.begin(drift={"mode": "Warn"})
    git.edit(hyperParameters=EVIL)
    lab.run(30)

    assert lab.effects() == {"CreateTrainingJob": 2}
    (one,) = drift(lab, git)["differences"]
    assert (one["plane"], one["path"]) == ("git", "/spec/hyperParameters/0/value")
    assert lab.condition(git.key, "Drifted")["reason"] == "EditedInCluster"
    found = [line for line in lab.around.noted.values() if line["event"] == "DriftFound"]
    assert [(line["mode"], line["differences"][0]["path"]) for line in found] == [
        ("Warn", "/spec/hyperParameters/0/value")
    ]
    assert "evil" not in str([lab.status(git.key), lab.around.emitted, lab.around.noted])
    lab.run(until=lambda: lab.is_ready(git.key))

    git.edit(hyperParameters=HYPER)
    lab.settle()
    assert "Drifted" not in lab.types(git.key)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"mode": "Ignore"}, id="mode Ignore"),
        pytest.param({"ignore": [{"paths": ["/spec/hyperParameters"]}]}, id="an ignored path"),
    ],
)
def test_what_nobody_cares_about_is_not_told(lab: Lab, git: LabGit, spec: dict[str, Any]) -> None:
    git.begin(drift=spec)
    git.edit(hyperParameters=EVIL)
    lab.run(30)

    assert drift(lab, git)["state"] == "InSync"
    assert "Drifted" not in lab.types(git.key)


@pytest.mark.holds("D-7.10")
@pytest.mark.parametrize("whole", [True, False], ids=["of the sync", "of the object"])
def test_in_a_freeze_nothing_of_an_edit_is_acted_on(lab: Lab, git: LabGit, whole: bool) -> None:
    mark = lab.simulator.mark()
    if whole:
        git.begin(suspend=True)
    else:
        lab.cluster.annotate(git.key, suspend="true")
    lab.settle()
    git.edit(hyperParameters=EVIL)
    lab.settle()

    assert drift(lab, git)["state"] == "Drifted"
    assert "suspended" in lab.condition(git.key, "Ready")["message"].lower()
    assert "nothing is corrected" in lab.condition(git.key, "Drifted")["message"]
    if whole:
        git.begin(suspend=False)
    else:
        lab.cluster.annotate(git.key, suspend=None)
    git.put_back()
    assert drift(lab, git)["state"] == "Corrected"
    assert lab.effects(mark) == {}


# --- whose rollout is it ----------------------------------------------------------------------------------------------

BY = "kubectl-edit at 2026-03-01T10:00:00Z"


def serving(lab: Lab, mode: str) -> LabGit:
    git = LabGit(lab, hosting(), drift={"mode": mode})
    lab.run(until=lambda: lab.is_ready(git.key), step_s=20)
    return git


def told_of(lab: Lab) -> list[tuple[Any, Any]]:
    lines = [line for line in lab.around.noted.values() if line["event"] == "RolloutStarted"]
    return [(line["initiatedBy"], line.get("editedBy")) for line in lines]


@pytest.mark.holds("D-7.13")
@pytest.mark.parametrize("mode", ["Warn", "Ignore"])
def test_an_edit_that_is_left_in_place_and_rolled_out_is_nobodys_commit(lab: Lab, mode: str) -> None:
    git = serving(lab, mode)
    git.edit(models=hosting(image="lab:2")["spec"]["models"])
    lab.run(until=lambda: len(lab.status(git.key)["history"]) == 2 and lab.is_ready(git.key), step_s=20)
    entry = lab.status(git.key)["history"][0]
    assert (entry["initiatedBy"], entry["author"]) == ("manual", BY)
    assert entry.keys().isdisjoint({"commit", "revision", "path"})
    assert told_of(lab) == [("git", None), ("manual", BY)]
    events = [message for _, reason, message in lab.around.emitted if reason == "RolloutStarted"]
    assert [BY in message for message in events] == [False, True]


def test_a_commit_beside_an_edit_that_is_no_content_is_the_commits_rollout(lab: Lab) -> None:
    git = serving(lab, "Warn")
    git.edit(tags=[{"key": "team", "value": "x"}])
    lab.settle()
    git.manifest["spec"] = hosting(image="lab:2")["spec"]
    git.begin()
    git.edit(models=git.manifest["spec"]["models"])
    lab.run(until=lambda: len(lab.status(git.key)["history"]) == 2 and lab.is_ready(git.key), step_s=20)
    assert lab.status(git.key)["history"][0]["initiatedBy"] == "git"
