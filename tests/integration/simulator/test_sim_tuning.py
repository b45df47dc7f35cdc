"""The life of a HyperParameterTuningJob and of the training jobs it launches, on a clock moved by hand."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import TUNING, Aws, error

RUN = 337  # what a training job takes
LAUNCH = 5
Criteria = dict[str, Any]


def _create(aws: Aws, name: str = "tune", **changes: Any) -> str:
    return TUNING.create(aws, name, **changes)


def _describe(aws: Aws, name: str = "tune") -> dict[str, Any]:
    return TUNING.describe(aws, name)


def _status(aws: Aws) -> str:
    return TUNING.status(aws, "tune")


def _children(aws: Aws, name: str = "tune", **request: Any) -> list[dict[str, Any]]:
    answer = aws.sm.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name, **request)
    found: list[dict[str, Any]] = answer["TrainingJobSummaries"]
    return found


def _names(aws: Aws, name: str = "tune", **request: Any) -> list[str]:
    return [child["TrainingJobName"] for child in _children(aws, name, **request)]


def _jobs(aws: Aws, name: str = "tune") -> dict[str, int]:
    """The counters of training jobs that are not zero."""
    counted = _describe(aws, name)["TrainingJobStatusCounters"]
    return {status: count for status, count in counted.items() if count}


def _objectives(aws: Aws, name: str = "tune") -> dict[str, int]:
    counted = _describe(aws, name)["ObjectiveStatusCounters"]
    return {status: count for status, count in counted.items() if count}


def _ends(aws: Aws, action: dict[str, Any], **match: Any) -> None:
    """A rule for training jobs alone."""
    aws.rule({"type": "job_outcome", **action}, op="CreateTrainingJob", **match)


def _values(aws: Aws, *values: float | None) -> None:
    """What the training jobs shall reach, in the order they are launched; None is no metric."""
    for value in values:
        _ends(aws, {"outcome": "complete", "metrics": {"loss": value}}, count=1)


# From one end to the other


@pytest.mark.parametrize(
    ("seconds", "status", "jobs", "objectives"),
    [
        pytest.param(0, "InProgress", {}, {}, id="none launched yet"),
        pytest.param(LAUNCH, "InProgress", {"InProgress": 2}, {"Pending": 2}, id="as many as may run at once"),
        pytest.param(LAUNCH + RUN, "InProgress", {"Completed": 2}, {"Succeeded": 2}, id="two are over"),
        pytest.param(
            2 * LAUNCH + RUN,
            "InProgress",
            {"Completed": 2, "InProgress": 1},
            {"Succeeded": 2, "Pending": 1},
            id="the last one runs",
        ),
        pytest.param(2 * (LAUNCH + RUN), "Completed", {"Completed": 3}, {"Succeeded": 3}, id="over"),
        pytest.param(9999, "Completed", {"Completed": 3}, {"Succeeded": 3}, id="stays over"),
    ],
)
def test_it_launches_so_many_at_once_until_it_has_enough(
    aws: Aws, seconds: float, status: str, jobs: dict[str, int], objectives: dict[str, int]
) -> None:
    _create(aws)
    aws.advance(seconds)
    assert (_status(aws), _jobs(aws), _objectives(aws)) == (status, jobs, objectives)


@pytest.mark.parametrize(("most", "parallel"), [(1, 1), (4, 1), (5, 3), (2, 4)])
def test_never_more_at_once_than_allowed(aws: Aws, most: int, parallel: int) -> None:
    _create(aws, config=given.search(most, parallel))
    seen = 0
    for _ in range(40):
        aws.advance(60)
        seen = max(seen, _jobs(aws).get("InProgress", 0))
    assert (seen, _jobs(aws), _status(aws)) == (min(most, parallel), {"Completed": most}, "Completed")


def test_all_counters_are_always_shown(aws: Aws) -> None:
    _create(aws)
    found = _describe(aws)
    assert set(found["TrainingJobStatusCounters"]) == {
        "Completed",
        "InProgress",
        "RetryableError",
        "NonRetryableError",
        "Stopped",
    }
    assert set(found["ObjectiveStatusCounters"]) == {"Succeeded", "Pending", "Failed"}


def test_its_training_jobs_are_training_jobs(aws: Aws) -> None:
    arn = _create(
        aws,
        "Tune",
        TrainingJobDefinition=given.definition(StaticHyperParameters={"epochs": "3"}, EnableNetworkIsolation=True),
    )
    aws.advance(2000)
    children = _children(aws, "Tune")
    assert [re.fullmatch(r"Tune-00\d-[0-9a-f]{8}", child["TrainingJobName"]) is not None for child in children] == [
        True
    ] * 3
    listed = [row["TrainingJobName"] for row in aws.sm.list_training_jobs()["TrainingJobSummaries"]]
    assert sorted(listed) == [child["TrainingJobName"] for child in children]
    job = aws.job(children[0]["TrainingJobName"])
    assert (job["TuningJobArn"], job["EnableNetworkIsolation"]) == (arn, True)
    assert job["HyperParameters"] == {
        "epochs": "3",
        "_tuning_objective_metric": "loss",
        **children[0]["TunedHyperParameters"],
    }
    final = children[0]["FinalHyperParameterTuningJobObjectiveMetric"]
    assert [(entry["MetricName"], entry["Value"]) for entry in job["FinalMetricDataList"]] == [("loss", final["Value"])]


def test_the_tuned_values_lie_in_their_ranges(aws: Aws) -> None:
    ranges = {
        "IntegerParameterRanges": [{"Name": "depth", "MinValue": "3", "MaxValue": "5"}],
        "ContinuousParameterRanges": [
            {"Name": "eta", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
        ],
        "CategoricalParameterRanges": [{"Name": "mode", "Values": ["fast", "slow"]}],
        "AutoParameters": [{"Name": "gamma", "ValueHint": "0.5"}],
    }
    _create(aws, config=given.search(8, 8, ParameterRanges=ranges))
    aws.advance(10)
    found = [child["TunedHyperParameters"] for child in _children(aws)]
    assert {values["depth"] for values in found} <= {"3", "4", "5"}
    assert all(0.001 <= float(values["eta"]) <= 0.1 for values in found)
    assert {values["mode"] for values in found} == {"fast", "slow"}
    assert {values["gamma"] for values in found} == {"0.5"}
    assert len({tuple(values.items()) for values in found}) > 4


def test_a_logarithmic_range_is_searched_by_magnitude(aws: Aws) -> None:
    item = {"Name": "eta", "MinValue": "0.0001", "MaxValue": "1", "ScalingType": "Logarithmic"}
    _create(aws, config=given.search(20, 20, ParameterRanges={"ContinuousParameterRanges": [item]}))
    aws.advance(10)
    found = [float(child["TunedHyperParameters"]["eta"]) for child in _children(aws, MaxResults=100)]
    assert 5 <= sum(value < 0.01 for value in found) <= 15


def test_a_seed_repeats_and_another_does_not(aws: Aws) -> None:
    def run(seed: int) -> list[tuple[str, dict[str, str], float]]:
        aws.control("POST", "reset")
        _create(aws, config=given.search(RandomSeed=seed))
        aws.advance(2000)
        return [
            (
                child["TrainingJobName"],
                child["TunedHyperParameters"],
                child["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
            )
            for child in _children(aws)
        ]

    first = run(7)
    assert run(7) == first
    assert not {name for name, _, _ in run(8)} & {name for name, _, _ in first}


def test_grid_search_tries_each_combination_once(aws: Aws) -> None:
    grid = {
        "CategoricalParameterRanges": [{"Name": "a", "Values": ["1", "2"]}, {"Name": "b", "Values": ["x", "y", "z"]}]
    }
    config = given.search(Strategy="Grid", ParameterRanges=grid, ResourceLimits={"MaxParallelTrainingJobs": 10})
    _create(aws, config=config)
    aws.advance(2000)
    found = {tuple(sorted(child["TunedHyperParameters"].items())) for child in _children(aws)}
    assert (len(found), _jobs(aws)) == (6, {"Completed": 6})


def test_several_definitions_take_turns(aws: Aws) -> None:
    def definition(name: str, metric: str) -> dict[str, Any]:
        return given.definition(
            DefinitionName=name,
            TuningObjective={"Type": "Maximize", "MetricName": metric},
            HyperParameterRanges={"CategoricalParameterRanges": [{"Name": name, "Values": ["1"]}]},
        )

    _create(
        aws,
        config=given.search(4, 4, HyperParameterTuningJobObjective=None, ParameterRanges=None),
        TrainingJobDefinition=None,
        TrainingJobDefinitions=[definition("one", "auc"), definition("two", "f1")],
    )
    aws.advance(2000)
    children = _children(aws)
    assert [child["TrainingJobDefinitionName"] for child in children] == ["one", "two", "one", "two"]
    assert [child["TunedHyperParameters"] for child in children[:2]] == [{"one": "1"}, {"two": "1"}]
    metric = children[1]["FinalHyperParameterTuningJobObjectiveMetric"]
    assert (metric["Type"], metric["MetricName"]) == ("Maximize", "f1")
    shown = _describe(aws)["TrainingJobDefinitions"]
    assert [one["StaticHyperParameters"]["_tuning_objective_metric"] for one in shown] == ["auc", "f1"]


# The best


@pytest.mark.parametrize(("type_", "best"), [("Minimize", 0.25), ("Maximize", 0.75)])
def test_the_best_training_job(aws: Aws, type_: str, best: float) -> None:
    _values(aws, 0.5, 0.75, 0.25)
    _create(aws, config=given.search(HyperParameterTuningJobObjective={"Type": type_, "MetricName": "loss"}))
    aws.advance(LAUNCH + RUN - 1)
    assert "BestTrainingJob" not in _describe(aws)
    aws.advance(2000)
    found = _describe(aws)["BestTrainingJob"]
    chosen = next(child for child in _children(aws) if child["TrainingJobName"] == found["TrainingJobName"])
    assert found == chosen
    assert found["FinalHyperParameterTuningJobObjectiveMetric"] == {"MetricName": "loss", "Value": best}
    assert isinstance(found["FinalHyperParameterTuningJobObjectiveMetric"]["Value"], float)
    assert (found["ObjectiveStatus"], found["TrainingJobStatus"]) == ("Succeeded", "Completed")
    assert set(found["TunedHyperParameters"]) == {"depth", "eta", "mode"}
    assert found["TrainingEndTime"] > found["TrainingStartTime"] > found["CreationTime"]


@pytest.mark.parametrize(
    ("values", "best"), [((0.5,), 0.25), ((0.125,), 0.125)], ids=["the parent's is better", "its own is better"]
)
def test_a_warm_start_compares_with_its_parents(aws: Aws, values: tuple[float, ...], best: float) -> None:
    one = given.search(1, 1)
    _values(aws, 0.25, *values)
    _create(aws, "parent", config=one)
    aws.advance(2000)
    warm = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }
    _create(aws, config=one, WarmStartConfig=warm)
    assert _describe(aws)["OverallBestTrainingJob"]["TuningJobName"] == "parent"
    TUNING.delete(aws, "parent")
    aws.advance(2000)
    found = _describe(aws)
    assert found["OverallBestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == best
    assert found["BestTrainingJob"]["TuningJobName"] == "tune"


def test_transfer_learning_has_no_overall_best(aws: Aws) -> None:
    _create(aws, "parent", config=given.search(1, 1))
    aws.advance(2000)
    parents = [{"HyperParameterTuningJobName": "parent"}]
    _create(aws, WarmStartConfig={"ParentHyperParameterTuningJobs": parents, "WarmStartType": "TransferLearning"})
    aws.advance(2000)
    assert "OverallBestTrainingJob" not in _describe(aws)


# Failures


@pytest.mark.parametrize(
    ("reason", "counted"),
    [
        ("AlgorithmError: exit code 1", "NonRetryableError"),
        ("ClientError: no such bucket", "NonRetryableError"),
        ("InternalServerError: We encountered an internal error. Please try again.", "RetryableError"),
    ],
)
def test_a_failed_training_job_is_counted_by_whose_fault_it_was(aws: Aws, reason: str, counted: str) -> None:
    _ends(aws, {"outcome": "fail", "reason": reason}, name="tune-*", nth=2)
    _create(aws)
    aws.advance(2000)
    assert (_status(aws), _jobs(aws)) == ("Completed", {"Completed": 2, counted: 1})
    assert _objectives(aws) == {"Succeeded": 2, "Failed": 1}
    failed = _children(aws, StatusEquals="Failed")[0]
    assert (failed["FailureReason"], failed["ObjectiveStatus"]) == (reason, "Failed")
    assert "FinalHyperParameterTuningJobObjectiveMetric" not in failed


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        pytest.param({"outcome": "fail"}, "All training jobs failed.", id="all have failed"),
        pytest.param(
            {"outcome": "complete", "metrics": {"loss": None}},
            "No objective metrics found after running 3 training jobs.",
            id="none tells its metric",
        ),
    ],
)
def test_it_fails_when_it_has_found_nothing(aws: Aws, action: dict[str, Any], reason: str) -> None:
    _ends(aws, action)
    _create(aws)
    aws.advance(2000)
    found = _describe(aws)
    assert (found["HyperParameterTuningJobStatus"], found["FailureReason"].startswith(reason)) == ("Failed", True)
    assert (_objectives(aws), "BestTrainingJob" in found) == ({"Failed": 3}, False)


@pytest.mark.parametrize(
    ("action", "status", "launched"),
    [
        pytest.param({"outcome": "fail", "reason": "ClientError: x"}, "Failed", 2, id="fails after the first"),
        pytest.param({"outcome": "fail", "reason": "ClientError: x", "after": 3}, "Failed", 4, id="fails after three"),
        pytest.param({"outcome": "stopped"}, "Stopped", 2, id="is stopped"),
        pytest.param({"outcome": "stuck"}, "InProgress", 0, id="stuck before it has launched any"),
        pytest.param({"outcome": "stuck", "after": 2}, "InProgress", 2, id="stuck after two"),
    ],
)
def test_its_own_outcome(aws: Aws, action: dict[str, Any], status: str, launched: int) -> None:
    aws.rule({"type": "job_outcome", **action}, op="CreateHyperParameterTuningJob")
    _create(aws, config=given.search(6, 2))
    aws.advance(5000)
    found = _describe(aws)
    assert (found["HyperParameterTuningJobStatus"], len(_children(aws)), found.get("FailureReason")) == (
        status,
        launched,
        action.get("reason"),
    )


@pytest.mark.parametrize(("outcome", "status"), [("fail", "Failed"), ("stopped", "Stopped"), ("complete", "Completed")])
def test_a_running_one_can_be_ended_from_behind(aws: Aws, outcome: str, status: str) -> None:
    _create(aws)
    aws.advance(100)
    aws.rule({"type": "job_outcome", "outcome": outcome, "now": True}, name="tune")
    assert _status(aws) == ("Stopping" if outcome == "stopped" else "InProgress")
    aws.advance(30)
    assert (_status(aws), _jobs(aws)) == (status, {"Stopped": 2})


def test_a_running_one_can_be_stuck_from_behind(aws: Aws) -> None:
    _create(aws)
    aws.advance(100)
    aws.rule({"type": "job_outcome", "outcome": "stuck", "now": True}, name="tune")
    aws.advance(5000)
    assert (_status(aws), _jobs(aws)) == ("InProgress", {"Completed": 2})
    TUNING.stop(aws, "tune")
    aws.advance(5)
    assert _status(aws) == "Stopped"


def test_a_quota_that_admits_none_fails_it(aws: Aws) -> None:
    aws.settings(quotas={"ml.m5.large for training job usage": 0})
    _create(aws)
    aws.advance(LAUNCH)
    found = _describe(aws)
    assert (found["HyperParameterTuningJobStatus"], found["FailureReason"].split(":")[0]) == (
        "Failed",
        "ResourceLimitExceeded",
    )


def test_a_quota_that_admits_one_makes_it_slow(aws: Aws) -> None:
    aws.settings(quotas={"ml.m5.large for training job usage": 1})
    _create(aws)
    aws.advance(LAUNCH + 1)
    assert _jobs(aws) == {"InProgress": 1}
    aws.advance(5000)
    assert (_status(aws), _jobs(aws)) == ("Completed", {"Completed": 3})


# Ending early


@pytest.mark.parametrize(
    ("criteria", "values", "launched"),
    [
        pytest.param({"TargetObjectiveMetricValue": 0.3}, (0.5, 0.2), 2, id="the target is reached"),
        pytest.param(
            {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}},
            (0.5, 0.499, 0.6, 0.5),
            4,
            id="nothing improves",
        ),
        pytest.param({"TargetObjectiveMetricValue": 0.1}, (0.5, 0.4, 0.3, 0.2, 0.15, 0.12), 6, id="never reached"),
    ],
)
def test_completion_criteria(aws: Aws, criteria: Criteria, values: tuple[float, ...], launched: int) -> None:
    _values(aws, *values)
    _create(aws, config=given.search(6, 1, TuningJobCompletionCriteria=criteria))
    aws.advance(5000)
    found = _describe(aws)
    assert (found["HyperParameterTuningJobStatus"], len(_children(aws))) == ("Completed", launched)
    told = {"NumberOfTrainingJobsObjectiveNotImproving": 3} if "BestObjectiveNotImproving" in criteria else None
    assert found.get("TuningJobCompletionDetails") == told


def test_the_longest_run_stops_it(aws: Aws) -> None:
    limits = {"MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 400}
    _create(aws, config=given.search(ResourceLimits=limits))
    aws.advance(400)
    assert _status(aws) == "Stopping"
    aws.advance(30)
    assert (_status(aws), _jobs(aws)) == ("Stopped", {"Completed": 1, "Stopped": 1})


def test_its_training_jobs_stop_with_it(aws: Aws) -> None:
    _create(aws)
    aws.advance(300)
    for _ in range(2):
        TUNING.stop(aws, "tune")
    assert _status(aws) == "Stopping"
    assert [aws.job(name)["TrainingJobStatus"] for name in _names(aws)] == ["Stopping", "Stopping"]
    aws.advance(30)
    found = _describe(aws)
    assert (found["HyperParameterTuningJobStatus"], _jobs(aws)) == ("Stopped", {"Stopped": 2})
    assert found["HyperParameterTuningEndTime"] == found["LastModifiedTime"]
    assert found["ConsumedResources"] == {"RuntimeInSeconds": 330}
    aws.advance(5000)
    assert len(_children(aws)) == 2, "none is launched afterwards"


def test_what_has_nearly_finished_completes_though_stopped(aws: Aws) -> None:
    _create(aws)
    aws.advance(LAUNCH + 331)
    TUNING.stop(aws, "tune")
    aws.advance(6)
    assert (_status(aws), _jobs(aws)) == ("Stopped", {"Completed": 2})
    assert "BestTrainingJob" in _describe(aws)


def test_one_that_has_launched_none_stops_as_well(aws: Aws) -> None:
    _create(aws)
    TUNING.stop(aws, "tune")
    assert _status(aws) == "Stopping"
    aws.advance(1000)
    assert (_status(aws), _children(aws)) == ("Stopped", [])


def test_a_training_job_stopped_by_hand_is_made_up_for_by_none(aws: Aws) -> None:
    _create(aws)
    aws.advance(100)
    aws.sm.stop_training_job(TrainingJobName=_names(aws)[0])
    aws.advance(5000)
    assert (_status(aws), _jobs(aws)) == ("Completed", {"Completed": 2, "Stopped": 1})


def test_a_training_job_that_vanishes_is_not_waited_for(aws: Aws) -> None:
    _create(aws)
    aws.advance(100)
    aws.rule({"type": "delete", "kind": "TrainingJob", "now": True}, name=_names(aws)[0])
    aws.advance(5000)
    assert (_status(aws), len(_children(aws)), sum(_jobs(aws).values())) == ("Completed", 2, 3)


# Deletion


def test_deleting_takes_the_entry_alone(aws: Aws) -> None:
    _create(aws)
    aws.advance(2000)
    names = _names(aws)
    TUNING.delete(aws, "tune")
    assert _status(aws) == "Deleting"
    aws.advance(10)
    assert error(lambda: TUNING.describe(aws, "tune"))[0] == "ResourceNotFound"
    assert [aws.job(name)["TrainingJobStatus"] for name in names] == ["Completed"] * 3


def test_a_freed_name_can_be_used_again_beside_the_old_training_jobs(aws: Aws) -> None:
    for _ in range(2):
        _create(aws)
        aws.advance(2000)
        TUNING.delete(aws, "tune")
        aws.advance(10)
    listed = aws.sm.list_training_jobs()["TrainingJobSummaries"]
    assert len({row["TrainingJobName"] for row in listed}) == 6


def test_the_training_jobs_of_a_vanished_one_run_on(aws: Aws) -> None:
    _create(aws)
    aws.advance(100)
    names = _names(aws)
    aws.rule({"type": "delete", "kind": "HyperParameterTuningJob", "now": True}, name="tune")
    aws.advance(2000)
    assert [row["TrainingJobStatus"] for row in aws.sm.list_training_jobs()["TrainingJobSummaries"]] == [
        "Completed"
    ] * len(names)


def test_the_best_outlives_its_training_job(aws: Aws) -> None:
    _create(aws)
    aws.advance(2000)
    best = _describe(aws)["BestTrainingJob"]
    aws.sm.delete_training_job(TrainingJobName=best["TrainingJobName"])
    assert _describe(aws)["BestTrainingJob"] == best
    assert (len(_children(aws)), _jobs(aws)) == (2, {"Completed": 3})


# The list of training jobs


def _listed(aws: Aws, **request: Any) -> list[int]:
    """The numbers in the names."""
    return [int(name.split("-")[1]) for name in _names(aws, **request)]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({}, [1, 2, 3, 4], id="by name"),
        pytest.param({"SortOrder": "Descending"}, [4, 3, 2, 1], id="by name, backwards"),
        pytest.param({"SortBy": "CreationTime", "SortOrder": "Descending"}, [4, 3, 2, 1], id="newest first"),
        pytest.param({"SortBy": "Status"}, [1, 2, 4, 3], id="by status: Completed before Failed"),
        pytest.param({"SortBy": "FinalObjectiveMetricValue"}, [2, 1, 4], id="by value, without what has none"),
        pytest.param(
            {"SortBy": "FinalObjectiveMetricValue", "SortOrder": "Descending"}, [4, 1, 2], id="by value, backwards"
        ),
        pytest.param({"StatusEquals": "Failed"}, [3], id="status"),
        pytest.param({"StatusEquals": "Stopped"}, [], id="a status nobody has"),
        pytest.param({"MaxResults": 3}, [1, 2, 3], id="a page"),
    ],
)
def test_training_jobs_are_sorted_and_filtered(aws: Aws, request_: dict[str, Any], expected: list[int]) -> None:
    _values(aws, 0.5, 0.25)
    _ends(aws, {"outcome": "fail"}, count=1)
    _values(aws, 0.75)
    _create(aws, config=given.search(4, 1))
    aws.advance(5000)
    assert _listed(aws, **request_) == expected


@pytest.mark.parametrize("sort", ["Name", "CreationTime", "Status", "FinalObjectiveMetricValue"])
def test_pages_hold_every_training_job_once(aws: Aws, sort: str) -> None:
    _create(aws, config=given.search(12, 12))
    aws.advance(2000)
    paginator = aws.sm.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    pages = list(paginator.paginate(HyperParameterTuningJobName="tune", SortBy=sort))
    assert [len(page["TrainingJobSummaries"]) for page in pages] == [10, 2]
    assert len({row["TrainingJobName"] for page in pages for row in page["TrainingJobSummaries"]}) == 12


def test_a_stale_read_shows_fewer_training_jobs_and_older_states(aws: Aws) -> None:
    _create(aws, config=given.search(3, 1))
    aws.advance(100)
    aws.rule({"type": "stale_read", "seconds": 60}, op="List*")
    aws.advance(260)
    assert [child["TrainingJobStatus"] for child in _children(aws)] == ["InProgress"]
    aws.advance(60)
    assert [child["TrainingJobStatus"] for child in _children(aws)] == ["Completed", "InProgress"]


def test_a_stale_read_does_not_see_a_new_tuning_job(aws: Aws) -> None:
    aws.rule({"type": "stale_read", "seconds": 60}, op="*HyperParameterTuningJob")
    _create(aws, "parent", config=given.search(1, 1))
    assert error(lambda: _children(aws, "parent"))[0] == "ResourceNotFound"
    assert error(lambda: _describe(aws, "parent"))[0] == "ResourceNotFound"
    parents = [{"HyperParameterTuningJobName": "parent"}]
    warm = {"ParentHyperParameterTuningJobs": parents, "WarmStartType": "TransferLearning"}
    assert error(lambda: _create(aws, WarmStartConfig=warm))[0] == "ResourceNotFound"
    aws.advance(2000)
    assert error(lambda: _create(aws, WarmStartConfig=warm))[0] == "OK"


def test_a_running_training_job_tells_what_it_is_tried_with(aws: Aws) -> None:
    _create(aws)
    aws.advance(LAUNCH + 200)
    child = _children(aws)[0]
    assert (child["TrainingJobStatus"], child["ObjectiveStatus"]) == ("InProgress", "Pending")
    assert child["TrainingStartTime"] == child["CreationTime"] + timedelta(seconds=180)
    assert {"TrainingEndTime", "FinalHyperParameterTuningJobObjectiveMetric"} & set(child) == set()


# Neighbours


def test_its_tags_go_to_its_training_jobs(aws: Aws) -> None:
    _create(aws, Tags=[{"Key": "owner", "Value": "us"}])
    aws.advance(10)
    found = aws.client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "owner", "Values": ["us"]}])
    kinds = sorted(row["ResourceARN"].split(":")[5].split("/")[0] for row in found["ResourceTagMappingList"])
    assert kinds == ["hyper-parameter-tuning-job", "training-job", "training-job"]


def test_the_record_has_its_calls_and_none_of_its_training_jobs(aws: Aws) -> None:
    _create(aws)
    aws.advance(2000)
    _children(aws)
    TUNING.delete(aws, "tune")
    assert [(line["op"], line["key"], line["effect"]) for line in aws.requests()] == [
        ("CreateHyperParameterTuningJob", "tune", True),
        ("ListTrainingJobsForHyperParameterTuningJob", "tune", False),
        ("DeleteHyperParameterTuningJob", "tune", True),
    ]
