"""Jobs cost money: what starts a run, and above all what does not (D-4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.core.notes.past import of_cluster, started
from reconciler.core.resource import Key
from reconciler.kinds.jobs.runs import RUNS_KEPT
from tests.support.lab import PREFIX, Lab, annotated, hosting, job

RUN = "Run"
OTHER = [{"name": "depth", "value": "7"}]
THIRD = [{"name": "depth", "value": "8"}]


def reviewed(**spec: Any) -> dict[str, Any]:
    """A job whose changes were reviewed: content that changes is a new run."""
    return annotated(job(**spec), on_change=RUN)


def completed(lab: Lab, manifest: dict[str, Any]) -> Key:
    key = lab.cluster.apply(manifest)
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    return key


def created(lab: Lab) -> int:
    return lab.effects()["CreateTrainingJob"]


@pytest.mark.holds("D-15.4")
def test_a_new_job_costs_one_create_and_no_look(lab: Lab) -> None:
    key = lab.cluster.apply(job())
    lab.settle()
    assert dict(lab.simulator.counts()) == {"CreateTrainingJob": 1}
    assert lab.status(key)["trainingJobStatus"] == "InProgress"


@pytest.mark.holds("D-15.3")
def test_running_jobs_cost_pages_and_one_describe_each_at_the_end(lab: Lab) -> None:
    keys = [lab.cluster.apply(job(f"train-{number}")) for number in range(7)]
    lab.settle()
    mark = lab.simulator.mark()
    lab.run(300, step_s=60)
    assert set(lab.simulator.counts(mark)) == {"ListTrainingJobs"}
    assert lab.simulator.counts(mark)["ListTrainingJobs"] <= 5
    lab.run(until=lambda: all(lab.is_ready(key) for key in keys), step_s=60)
    assert lab.simulator.counts(mark)["DescribeTrainingJob"] == len(keys)


def test_finished_jobs_cost_nothing(lab: Lab) -> None:
    key = completed(lab, job())
    mark, written = lab.simulator.mark(), lab.cluster.status_writes[key]
    lab.run(3600, step_s=300)
    lab.begin()
    lab.run(600, step_s=300)
    assert lab.simulator.counts(mark) == {}
    assert lab.cluster.status_writes[key] == written


@pytest.mark.holds("D-15.7")
def test_each_observed_change_is_written_once(lab: Lab) -> None:
    key = lab.cluster.apply(job())
    lab.run(until=lambda: lab.is_ready(key))
    told = [status.get("secondaryStatus") or "asked" for _, status in lab.cluster.written]
    assert told == ["asked", "Starting", "Starting", "Downloading", "Training", "Uploading", "Completed"]
    # The second "Starting" is the first look of the sweep: it brings CreationTime.
    assert [bool(status["run"].get("creationTime")) for _, status in lab.cluster.written][:3] == [False, False, True]
    assert lab.cluster.status_writes[key] == len(told)


@pytest.mark.holds("D-4.6")
def test_changed_content_runs_under_its_own_name_and_the_old_run_is_kept(lab: Lab) -> None:
    key = completed(lab, reviewed())
    first = lab.status(key)["sageMakerTrainingJobName"]
    completed(lab, reviewed(hyperParameters=OTHER))
    status = lab.status(key)
    assert created(lab) == 2
    assert status["sageMakerTrainingJobName"] != first
    assert [run["name"] for run in status["runs"]] == [first]


@pytest.mark.holds("D-4.7")
def test_changed_content_is_refused_where_nobody_reviewed_it(lab: Lab) -> None:
    key = completed(lab, job())
    legacy = {name: value for name, value in lab.status(key).items() if not isinstance(value, (dict, list))}
    lab.cluster.apply(job(hyperParameters=OTHER))
    lab.run(120, step_s=60)
    assert created(lab) == 1
    assert lab.reason(key) == "ImmutableFieldChanged"
    assert lab.types(key) == {"Stalled"}
    assert PREFIX + "on-change" in lab.condition(key, "Ready")["message"]
    told = {name: lab.status(key)[name] for name in legacy if name != "observedGeneration"}
    assert told == {name: value for name, value in legacy.items() if name != "observedGeneration"}


def test_a_refused_edit_that_is_taken_back_is_ready_again(lab: Lab) -> None:
    key = completed(lab, job())
    lab.cluster.apply(job(hyperParameters=OTHER))
    lab.settle()
    lab.cluster.apply(job())
    lab.settle()
    assert lab.is_ready(key)
    assert created(lab) == 1


@pytest.mark.holds("D-4.2")
def test_going_back_to_trained_content_starts_nothing(lab: Lab) -> None:
    key = completed(lab, reviewed())
    first = lab.status(key)
    completed(lab, reviewed(hyperParameters=OTHER))
    mark = lab.simulator.mark()
    lab.cluster.apply(reviewed())
    lab.settle()
    assert lab.simulator.mutations(mark) == []
    assert lab.is_ready(key)
    assert lab.status(key)["modelPath"] == first["modelPath"]
    assert lab.status(key)["run"]["name"] == first["run"]["name"]


def test_tags_and_the_way_of_writing_are_no_content(lab: Lab) -> None:
    key = completed(lab, reviewed(hyperParameters=[*OTHER, {"name": "eta", "value": "1"}]))
    completed(
        lab,
        reviewed(
            hyperParameters=[{"name": "eta", "value": "1"}, *OTHER],
            tags=[{"key": "team", "value": "x"}],
            stoppingCondition={"maxRuntimeInSeconds": 3600.0},
            inputDataConfig=None,
        ),
    )
    assert created(lab) == 1
    assert lab.is_ready(key)


@pytest.mark.holds("D-1.7")
def test_an_explicit_name_serves_the_first_run_and_later_ones_add_their_digest(lab: Lab) -> None:
    key = completed(lab, reviewed(trainingJobName="Chosen"))
    assert lab.status(key)["sageMakerTrainingJobName"] == "Chosen"
    completed(lab, reviewed(trainingJobName="Chosen", hyperParameters=OTHER))
    status = lab.status(key)
    assert status["sageMakerTrainingJobName"] == f"chosen-{status['run']['digest']}"


@pytest.mark.holds("D-4.1")
def test_a_run_token_runs_equal_content_once_more_even_where_changes_are_refused(lab: Lab) -> None:
    key = completed(lab, job())
    lab.cluster.annotate(key, run="monday")
    lab.run(until=lambda: created(lab) == 2 and lab.is_ready(key), step_s=60)
    second = lab.status(key)["run"]["name"]
    assert lab.status(key)["handled"]["run"] == "monday"
    for _ in range(3):
        lab.begin()
        lab.settle()
    lab.cluster.annotate(key, run=None)
    lab.run(120, step_s=60)
    assert created(lab) == 2
    assert lab.status(key)["run"]["name"] == second


@pytest.mark.holds("D-4.8")
def test_a_failed_job_is_never_retried_and_says_what_would(lab: Lab) -> None:
    rule = {
        "match": {"op": "CreateTrainingJob"},
        "action": {"type": "job_outcome", "outcome": "fail", "reason": "boom"},
    }
    lab.simulator.rules(rule)
    key = lab.cluster.apply(job())
    lab.run(until=lambda: lab.reason(key) == "JobFailed", step_s=60)
    lab.begin()
    lab.run(7200, step_s=600)
    assert created(lab) == 1
    assert lab.types(key) == {"Stalled"}
    assert lab.status(key)["additional"] == "boom"
    assert PREFIX + "run" in lab.condition(key, "Ready")["message"]


def test_a_job_stopped_in_the_console_is_stalled(lab: Lab) -> None:
    key = lab.cluster.apply(job())
    lab.settle()
    lab.simulator.client().stop_training_job(TrainingJobName=lab.status(key)["sageMakerTrainingJobName"])
    lab.run(until=lambda: lab.reason(key) == "JobStopped", step_s=30)
    assert lab.types(key) == {"Stalled", "Drifted"}
    assert lab.status(key)["trainingJobStatus"] == "Stopped"
    assert created(lab) == 1


@pytest.mark.holds("D-4.5", "D-7.7")
@pytest.mark.parametrize("when", ["running", "moments old"])
def test_a_job_deleted_in_the_console_is_not_run_again(lab: Lab, when: str) -> None:
    key = lab.cluster.apply(job())
    lab.settle()
    if when == "running":
        lab.run(120, step_s=60)
    status_before = lab.status(key)["trainingJobStatus"]
    lab.simulator.rules({"match": {"name": "*"}, "action": {"type": "delete", "kind": "TrainingJob", "now": True}})
    lab.run(until=lambda: lab.reason(key) == "ExternallyDeleted", step_s=10)
    written, mark = lab.cluster.status_writes[key], lab.simulator.mark()
    lab.begin()
    lab.run(3600, step_s=300)
    assert created(lab) == 1
    assert lab.reason(key) == "ExternallyDeleted"
    assert lab.status(key)["trainingJobStatus"] == status_before
    assert [reason for _, reason, _ in lab.around.emitted].count("ExternallyDeleted") == 1
    # A run that is gone for good is nothing to look for, and nothing to tell again.
    assert lab.cluster.status_writes[key] == written
    assert lab.simulator.counts(mark) == {}


def test_a_gone_job_runs_again_when_a_token_says_so(lab: Lab) -> None:
    key = lab.cluster.apply(job())
    lab.run(120, step_s=60)
    lab.simulator.rules({"match": {"name": "*"}, "action": {"type": "delete", "kind": "TrainingJob", "now": True}})
    lab.run(until=lambda: lab.reason(key) == "ExternallyDeleted", step_s=30)
    lab.cluster.annotate(key, run="again")
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert created(lab) == 2


def test_an_older_run_that_goes_missing_is_not_waited_for(lab: Lab) -> None:
    key = lab.cluster.apply(reviewed())
    lab.run(60, step_s=30)
    name = lab.status(key)["run"]["name"]
    lab.cluster.apply(reviewed(hyperParameters=OTHER))
    lab.run(60, step_s=30)
    lab.simulator.rules({"match": {"name": name}, "action": {"type": "delete", "kind": "TrainingJob", "now": True}})
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    mark = lab.simulator.mark()
    lab.run(600, step_s=60)
    assert [run["status"] for run in lab.status(key)["runs"]] == ["Missing"]
    assert lab.simulator.counts(mark) == {}


@pytest.mark.holds("D-8.2")
def test_an_early_read_does_not_make_a_young_job_missing(lab: Lab) -> None:
    key = lab.cluster.apply(job())
    lab.simulator.rules(
        {"match": {"op": "[LD]*TrainingJob*", "window": [0, 40]}, "action": {"type": "stale_read", "seconds": 60}}
    )
    lab.run(until=lambda: lab.is_ready(key), step_s=10)
    assert not [event for event in lab.around.emitted if event[1] == "ExternallyDeleted"]
    assert created(lab) == 1


@pytest.mark.holds("D-4.3")
@pytest.mark.parametrize("spec", [{}, {"trainingJobName": "Chosen"}], ids=["a made-up name", "an explicit name"])
def test_a_rebuilt_cluster_trains_nothing(lab: Lab, spec: dict[str, Any]) -> None:
    completed(lab, reviewed(**spec))
    key = completed(lab, reviewed(**spec, hyperParameters=OTHER))
    second = lab.status(key)["run"]
    lab.cluster.forget(key)
    lab.begin()
    completed(lab, reviewed(**spec, hyperParameters=OTHER))
    assert created(lab) == 2
    assert lab.status(key)["run"]["name"] == second["name"]
    lab.cluster.apply(reviewed(**spec))
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert created(lab) == 2


def rebuilt(lab: Lab, manifest: dict[str, Any]) -> Key:
    """The cluster burnt down and came back from Git; the notes were read before anything was applied."""
    key = lab.cluster.apply(manifest)
    lab.cluster.forget(key)
    lines = [json.dumps(line) for line in lab.around.noted.values()]
    lab.around.past_runs = started(of_cluster(lines, "lab"))[key]
    lab.begin()
    return lab.cluster.apply(manifest)


@pytest.mark.holds("D-4.3")
@pytest.mark.parametrize("spec", [{}, {"trainingJobName": "Chosen"}], ids=["a made-up name", "an explicit name"])
def test_a_rebuilt_cluster_does_not_train_what_notes_tell_of_and_aws_forgot(lab: Lab, spec: dict[str, Any]) -> None:
    key = lab.cluster.apply(job(**spec))
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    name = lab.status(key)["run"]["name"]
    lab.simulator.rules({"match": {"name": name}, "action": {"type": "delete", "kind": "TrainingJob", "now": True}})
    mark = lab.simulator.mark()
    key = rebuilt(lab, job(**spec))
    lab.run(until=lambda: lab.reason(key) == "ExternallyDeleted", step_s=30)
    lab.run(3600, step_s=600)
    assert lab.effects(mark) == {}
    assert (lab.status(key)["run"]["name"], lab.types(key)) == (name, {"Stalled", "Drifted"})
    assert ("train", "JobRemembered") in [told[:2] for told in lab.around.emitted]

    lab.cluster.annotate(key, run="again")
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert lab.effects(mark) == {"CreateTrainingJob": 1}


def test_a_rebuilt_cluster_follows_what_notes_tell_of_without_asking_for_it(lab: Lab) -> None:
    key = lab.cluster.apply(job())
    lab.run(120, step_s=60)
    mark = lab.simulator.mark()
    key = rebuilt(lab, job())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert lab.reason(key) == "Completed"
    assert "CreateTrainingJob" not in lab.simulator.counts(mark)


def remember(lab: Lab, key: Key) -> None:
    """What the notes tell by now is heard by the process that runs."""
    lines = [json.dumps(line) for line in lab.around.noted.values()]
    lab.around.past_runs = started(of_cluster(lines, "lab"))[key]


@pytest.mark.holds("D-4.3")
def test_git_returns_to_content_that_only_the_notes_know(lab: Lab) -> None:
    key = lab.cluster.apply(reviewed())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    first = lab.status(key)["run"]["name"]
    lab.cluster.apply(reviewed(hyperParameters=OTHER))
    lab.run(until=lambda: lab.is_ready(key) and lab.status(key)["run"]["name"] != first, step_s=60)
    # The object is made anew, and the first job deleted in SageMaker; then Git returns to the first content.
    lab.cluster.forget(key)
    remember(lab, key)
    lab.begin()
    lab.cluster.apply(reviewed(hyperParameters=OTHER))
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    lab.simulator.rules({"match": {"name": first}, "action": {"type": "delete", "kind": "TrainingJob", "now": True}})
    mark = lab.simulator.mark()
    lab.cluster.apply(reviewed())
    lab.run(until=lambda: lab.reason(key) == "ExternallyDeleted", step_s=30)
    lab.run(3600, step_s=600)
    assert lab.effects(mark) == {}
    assert lab.status(key)["run"]["name"] == first


@pytest.mark.holds("D-4.3")
def test_content_that_status_forgot_because_so_many_came_after_it_does_not_run_again(lab: Lab) -> None:
    key = lab.cluster.apply(reviewed())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    first = lab.status(key)["run"]["name"]
    for number in range(RUNS_KEPT + 2):
        lab.cluster.apply(reviewed(hyperParameters=[{"name": "number", "value": str(number)}]))
        lab.settle()
        lab.run(until=lambda: lab.is_ready(key), step_s=120)
    assert first not in [run["name"] for run in lab.status(key)["runs"]]
    remember(lab, key)
    lab.simulator.rules({"match": {"name": first}, "action": {"type": "delete", "kind": "TrainingJob", "now": True}})
    mark = lab.simulator.mark()
    lab.cluster.apply(reviewed())
    lab.run(until=lambda: lab.reason(key) == "ExternallyDeleted", step_s=30)
    assert lab.effects(mark) == {}


def test_changed_content_waits_for_the_notes_and_what_ran_before_is_shown_meanwhile(lab: Lab) -> None:
    key = lab.cluster.apply(reviewed())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    first, mark = lab.status(key)["run"]["name"], lab.simulator.mark()
    lab.around.past_runs = None
    lab.begin()
    lab.cluster.apply(reviewed(hyperParameters=OTHER))
    lab.run(30, step_s=5)
    assert (lab.reason(key), lab.effects(mark), lab.status(key)["run"]["name"]) == ("Confirming", {}, first)
    lab.around.past_runs = {}
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert lab.effects(mark) == {"CreateTrainingJob": 1}


@pytest.mark.holds("D-4.3")
def test_nothing_is_started_before_the_notes_are_read(lab: Lab) -> None:
    lab.around.past_runs = None
    key = lab.cluster.apply(job())
    lab.run(30, step_s=5)
    assert (lab.reason(key), lab.effects()) == ("Confirming", {})
    lab.around.past_runs = {}
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert lab.effects() == {"CreateTrainingJob": 1}


@pytest.mark.holds("D-4.4")
def test_content_that_changes_while_a_create_may_be_under_way_waits_for_certainty(lab: Lab) -> None:
    key = lab.cluster.apply(reviewed())
    lab.simulator.rules(
        {"match": {"op": "CreateTrainingJob", "count": 1}, "action": {"type": "drop_after"}},
        {"match": {"op": "DescribeTrainingJob", "window": [0, 30]}, "action": {"type": "stale_read", "seconds": 60}},
    )
    lab.reconcile(key)
    first = lab.status(key)["run"]["name"]
    lab.cluster.apply(reviewed(hyperParameters=OTHER))
    lab.settle()
    assert lab.reason(key) == "Confirming"
    assert created(lab) == 1
    lab.run(until=lambda: lab.is_ready(key), step_s=10)
    assert created(lab) == 2
    assert [run["name"] for run in lab.status(key)["runs"]] == [first]


def test_content_corrected_after_a_refused_create_is_asked_for_at_once(lab: Lab) -> None:
    lab.simulator.rules(
        {
            "match": {"op": "CreateTrainingJob", "count": 1},
            "action": {"type": "error", "code": "ValidationException", "message": "1 validation error detected: no"},
        }
    )
    key = lab.cluster.apply(job())
    lab.settle()
    assert lab.types(key) == {"Stalled"}
    lab.cluster.apply(job(hyperParameters=OTHER))
    lab.settle()
    assert created(lab) == 1
    assert lab.reason(key) == "JobRunning"


def test_going_back_while_a_refused_run_is_on_record_starts_nothing(lab: Lab) -> None:
    key = completed(lab, reviewed())
    first = lab.status(key)["run"]["name"]
    refuse = {"type": "error", "code": "ValidationException", "message": "1 validation error detected: no"}
    lab.simulator.rules({"match": {"op": "CreateTrainingJob"}, "action": refuse})
    lab.cluster.apply(reviewed(hyperParameters=OTHER))
    lab.settle()
    mark = lab.simulator.mark()
    lab.cluster.apply(reviewed())
    lab.settle()
    assert lab.simulator.mutations(mark) == []
    assert lab.is_ready(key)
    assert lab.status(key)["run"]["name"] == first


@pytest.mark.holds("D-1.8")
def test_changing_the_region_of_a_run_is_refused_and_the_run_is_still_followed(lab: Lab) -> None:
    key = lab.cluster.apply(reviewed())
    lab.settle()
    lab.cluster.apply(reviewed(region="eu-west-1"))
    lab.run(600, step_s=60)
    assert lab.reason(key) == "IdentityChanged"
    assert lab.status(key)["trainingJobStatus"] == "Completed"
    assert {row["region"] for row in lab.simulator.requests(service="sagemaker")} == {"us-east-1"}
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects)


@pytest.mark.holds("D-4.9")
def test_deleting_stops_every_run_that_still_goes(lab: Lab) -> None:
    key = lab.cluster.apply(reviewed())
    lab.settle()
    lab.cluster.apply(reviewed(hyperParameters=OTHER))
    lab.settle()
    lab.cluster.apply(reviewed(hyperParameters=THIRD))
    lab.settle()
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects)
    assert lab.effects()["StopTrainingJob"] == 3
    assert {row["status"] for row in lab.simulator.state()["resources"]} == {"Stopped"}


@pytest.mark.holds("D-10.7")
def test_edits_to_other_kinds_do_not_matter(lab: Lab) -> None:
    """One bad object never stops another."""
    bad = hosting("bad")
    bad["spec"]["productionVariants"][0]["modelName"] = "nobody"
    wrong = lab.cluster.apply(bad)
    key = completed(lab, job())
    assert lab.reason(wrong) == "UnknownModel"
    assert lab.is_ready(key)
