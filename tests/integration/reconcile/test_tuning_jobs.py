"""HyperparameterTuningJob and the TrainingJob resources that stand for what it spawns."""

from __future__ import annotations

import copy
from typing import Any

from reconciler.core.resource import FINALIZER, LEGACY_CHILD_FINALIZER, TUNING_JOB_LABEL, Key
from tests.support.lab import Lab, annotated
from tests.support.lab_kinds import definition, tuning


def children(lab: Lab) -> list[Key]:
    return [key for key in lab.cluster.objects if key.kind == "TrainingJob"]


def over(lab: Lab, manifest: dict[str, Any]) -> Key:
    key = lab.cluster.apply(manifest)
    lab.run(until=lambda: lab.is_ready(key) or "Stalled" in lab.types(key), step_s=30)
    return key


def test_a_name_fits_into_32_characters_and_is_made_once(lab: Lab) -> None:
    key = lab.cluster.apply(tuning("a-name-that-is-much-too-long-for-tuning"))
    lab.settle()
    name = lab.status(key)["sageMakerHyperParameterTuningJobName"]
    assert len(name) <= 32
    assert name.startswith("a-name-that-is-much-")
    assert lab.effects() == {"CreateHyperParameterTuningJob": 1}


def test_counters_and_the_best_training_job_are_told(lab: Lab) -> None:
    key = over(lab, tuning())
    told = lab.status(key)
    assert told["hyperParameterTuningJobStatus"] == "Completed"
    assert told["trainingJobStatusCounters"]["completed"] == 4
    assert told["trainingJobStatusCounters"]["inProgress"] == 0
    best = told["bestTrainingJob"]
    metric = best["finalHyperParameterTuningJobObjectiveMetric"]
    assert (metric["metricName"], float(metric["value"])) == ("auc", best["objectiveValue"])
    assert [pair["name"] for pair in best["tunedHyperParameters"]] == ["eta"]
    job = lab.simulator.client().describe_training_job(TrainingJobName=best["trainingJobName"])
    assert best["modelPath"] == job["ModelArtifacts"]["S3ModelArtifacts"]


def test_its_training_jobs_are_shown_and_nothing_is_done_to_them(lab: Lab) -> None:
    key = over(lab, tuning())
    lab.run(120)
    assert len(children(lab)) == 4
    for child in children(lab):
        metadata, told = lab.cluster.objects[child]["metadata"], lab.status(child)
        assert metadata["labels"][TUNING_JOB_LABEL] == "search"
        assert metadata["ownerReferences"][0]["uid"] == lab.cluster.objects[key]["metadata"]["uid"]
        assert FINALIZER not in metadata.get("finalizers", ())
        assert (told["trainingJobStatus"], told["sageMakerTrainingJobName"]) == ("Completed", child.name)
        assert told["modelPath"].startswith("s3://lab/tuned/")
        names = [pair["name"] for pair in lab.cluster.objects[child]["spec"]["hyperParameters"]]
        assert names == ["eta", "rounds"]
    assert lab.effects() == {"CreateHyperParameterTuningJob": 1}


def test_many_children_cost_pages(lab: Lab) -> None:
    key = lab.cluster.apply(tuning(most=12, parallel=4))
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    lab.run(300, step_s=30)
    counts = lab.simulator.counts()
    assert len(children(lab)) == 12
    # One for each child's end, one for the artefact of the best.
    assert counts["DescribeTrainingJob"] <= 13
    mark = lab.simulator.mark()
    lab.run(3600, step_s=300)
    assert lab.simulator.counts(mark) == {}


def test_a_child_deleted_by_hand_goes_at_once_and_stops_nothing(lab: Lab) -> None:
    key = lab.cluster.apply(tuning())
    lab.run(until=lambda: children(lab), step_s=10)
    child = children(lab)[0]
    lab.cluster.delete(child)
    lab.settle()
    assert not lab.effects()["StopTrainingJob"]
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    assert lab.status(key)["trainingJobStatusCounters"]["completed"] == 4


def test_children_go_with_their_parent_which_is_stopped_first(lab: Lab) -> None:
    key = lab.cluster.apply(tuning())
    lab.run(until=lambda: children(lab), step_s=10)
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects)
    assert children(lab) == []
    assert lab.effects()["StopHyperParameterTuningJob"] == 1
    assert lab.simulator.counts()["StopTrainingJob"] == 0


def test_a_namesake_of_somebodys_is_left_alone(lab: Lab) -> None:
    key = lab.cluster.apply(tuning())
    lab.run(until=lambda: children(lab), step_s=10)
    child = children(lab)[0]
    theirs = copy.deepcopy(lab.cluster.objects[child])
    theirs["metadata"] = {"name": child.name, "namespace": child.namespace}
    lab.cluster.forget(child)
    theirs.pop("status", None)
    annotated(theirs, suspend="true")
    lab.cluster.apply(annotated(theirs, suspend="true"))
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    assert "ownerReferences" not in lab.cluster.objects[child]["metadata"]
    lab.cluster.delete(key)
    lab.run(120)
    assert children(lab) == [child]


def test_children_of_the_archived_operator_are_released_and_taken_on(lab: Lab) -> None:
    key = lab.cluster.apply(tuning())
    lab.run(until=lambda: children(lab), step_s=10)
    child = children(lab)[0]
    legacy = copy.deepcopy(lab.cluster.objects[child])
    lab.cluster.forget(child)
    for member in ("ownerReferences", "labels"):
        legacy["metadata"].pop(member)
    legacy["metadata"]["finalizers"] = [FINALIZER, LEGACY_CHILD_FINALIZER]
    legacy["status"] = {"trainingJobStatus": "InProgress", "sageMakerTrainingJobName": child.name}
    lab.cluster.apply(legacy)
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    metadata = lab.cluster.objects[child]["metadata"]
    assert metadata["finalizers"] == []
    assert metadata["labels"][TUNING_JOB_LABEL] == "search"
    assert metadata["ownerReferences"][0]["name"] == "search"
    assert lab.effects() == {"CreateHyperParameterTuningJob": 1}


def test_several_definitions_are_searched_and_shown_each_by_its_own(lab: Lab) -> None:
    ranges = {"continuousParameterRanges": [{"name": "eta", "minValue": "0.1", "maxValue": "0.9"}]}
    objective = {"type": "Maximize", "metricName": "auc"}
    several = [
        definition(
            definitionName=name,
            hyperParameterRanges=ranges,
            tuningObjective=objective,
            staticHyperParameters=[{"name": "kind", "value": name}],
        )
        for name in ("deep", "wide")
    ]
    manifest = tuning(trainingJobDefinitions=several)
    limits = manifest["spec"]["hyperParameterTuningJobConfig"]["resourceLimits"]
    manifest["spec"]["hyperParameterTuningJobConfig"] = {"strategy": "Random", "resourceLimits": limits}
    key = over(lab, manifest)
    assert lab.status(key)["hyperParameterTuningJobStatus"] == "Completed"
    kinds = [
        pair["value"]
        for child in children(lab)
        for pair in lab.cluster.objects[child]["spec"]["hyperParameters"]
        if pair["name"] == "kind"
    ]
    assert sorted(kinds) == ["deep", "deep", "wide", "wide"]


def test_a_warm_start_waits_for_its_parent(lab: Lab) -> None:
    parents = [{"hyperParameterTuningJobRef": {"kind": "HyperparameterTuningJob", "name": "search"}}]
    warm = {"parentHyperParameterTuningJobs": parents, "warmStartType": "IdenticalDataAndAlgorithm"}
    second = lab.cluster.apply(tuning("again", warmStartConfig=warm))
    lab.settle()
    assert lab.reason(second) == "DependencyNotReady"
    first = lab.cluster.apply(tuning("search"))
    lab.run(until=lambda: lab.is_ready(first), step_s=30)
    lab.run(until=lambda: lab.is_ready(second), step_s=30)
    assert lab.effects()["CreateHyperParameterTuningJob"] == 2
    told = lab.status(second)["references"]
    assert told[0]["value"] == lab.status(first)["sageMakerHyperParameterTuningJobName"]


def test_children_that_the_archived_operator_left_behind_go_with_their_parent(lab: Lab) -> None:
    key = over(lab, tuning())
    for child in children(lab):
        legacy = copy.deepcopy(lab.cluster.forget(child))
        for member in ("ownerReferences", "labels"):
            legacy["metadata"].pop(member)
        legacy["metadata"]["finalizers"] = [FINALIZER, LEGACY_CHILD_FINALIZER]
        lab.cluster.apply(legacy)
    lab.begin()
    lab.settle()
    assert len(children(lab)) == 4
    lab.cluster.delete(key)
    lab.run(60)
    assert (key in lab.cluster.objects, children(lab)) == (False, [])
