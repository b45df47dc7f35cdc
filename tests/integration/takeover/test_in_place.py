"""Taking over from the archived operator, in place: what it left goes on as it was, and nothing is made, moved or run again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.core.naming import OWNER_TAG
from reconciler.core.resource import Key
from tests.support import lab_kinds
from tests.support.lab import IMAGE, ROLE, Lab, hosting
from tests.support.lab_scaling import SERVICE
from tests.support.legacy import STALE, Legacy

OUTCOMES = {"failing": "fail", "halted": "stopped"}
CHECKED = ("lastCheckTime", "lastUpdateTime", "additional")
"""What moves with a look, or is told apart below."""


def populated(lab: Lab) -> Legacy:
    """A hundred objects of all kinds, in all states."""
    for prefix, outcome in OUTCOMES.items():
        action = {"type": "job_outcome", "outcome": outcome, "reason": f"AlgorithmError: {prefix}"}
        lab.simulator.rules({"match": {"op": "Create*Job", "name": f"{prefix}-*"}, "action": action})
    left = Legacy(lab)
    models = [left.model(f"net-{number}") for number in range(8)]
    names = [left.name_of(key, "sageMakerModelName") for key in models]
    for number, name in enumerate(names):
        left.config(f"split-{number}", name)
    for name in ("done", "failing", "halted"):
        for number in range(6):
            left.training(f"{name}-train-{number}")
        for number in range(3):
            left.processing(f"{name}-prepare-{number}")
            left.transform(f"{name}-score-{number}", names[0])
    searches = [left.tuning(f"search-{number}") for number in range(5)]
    serving = [left.endpoint(f"serve-{number}") for number in range(6)]
    lab.simulator.advance(3600)
    for key in searches:
        left.spawn(key)
    for number, key in enumerate(serving):
        left.scaling(f"scale-{number}", key)
    for number in range(4):
        left.training(f"running-{number}")
    lab.simulator.advance(30)
    return left


@pytest.mark.holds("D-3.1")
def test_a_hundred_objects_are_taken_over_without_a_create_or_an_update(lab: Lab) -> None:
    left = populated(lab)
    told = left.finish()
    kinds = left.kinds()
    assert (len(kinds), sum(kinds.values())) == (8, len(told))
    assert len(told) >= 100
    lab.begin()
    there, mark = lab.exists(), lab.simulator.mark()
    lab.run(60, step_s=20)
    children = {key for key in told if key not in lab.cluster.objects}
    for key, before in told.items():
        if key in children:
            continue
        now = lab.status(key)
        assert _carried(key, now) == _carried(key, before), key
        assert now["observedGeneration"], key
        assert STALE not in str(now), key
        assert ("additional" in now) == ("Failed" in before.values()), key
        if "additional" in now:
            assert now["additional"] == before["additional"]
    # Of the HostingDeployments' own resources nothing is left but what they stood for.
    assert {(key.kind, "-1-" in key.name) for key in children} == {("Model", True), ("EndpointConfig", True)}
    assert len(children) == 12
    lab.run(3600, step_s=300)
    calls = {op for op, _ in lab.simulator.mutations(mark)}
    assert calls <= {"AddTags", "TagResource"}  # the owner tag
    assert lab.exists() == there
    states = {state: sum(_ended(lab, key) == state for key in lab.cluster.objects) for state in ("Ready", "Stalled")}
    assert states == {"Ready": len(told) - 12 - 24, "Stalled": 24}
    assert all(lab.reason(key) in ("JobFailed", "JobStopped") for key in lab.cluster.objects if _is_stalled(lab, key))


def _carried(key: Key, status: Mapping[str, Any]) -> dict[str, Any]:
    """The archived operator's members, by its own words."""
    ours: tuple[str, ...] = (
        "conditions",
        "observedGeneration",
        "drift",
        "handled",
        "source",
        "references",
        "intent",
        "tags",
    )
    ours += (
        "managedTags",
        "takenOver",
        "run",
        "runs",
        "models",
        "configs",
        "targets",
        "endpoint",
        "rollout",
        "history",
        *CHECKED,
    )
    running = {"trainingJobStatus": None, "secondaryStatus": None} if "running" in key.name else {}
    found = {name: value for name, value in (dict(status) | running).items() if name not in ours}
    if "bestTrainingJob" in found:  # it left out what it could not read
        found["bestTrainingJob"] = found["bestTrainingJob"]["trainingJobName"]
    return found


def _is_stalled(lab: Lab, key: Key) -> bool:
    return "Stalled" in lab.types(key)


def _ended(lab: Lab, key: Key) -> str:
    return "Ready" if lab.is_ready(key) else "Stalled" if _is_stalled(lab, key) else lab.reason(key)


@pytest.fixture
def taken(lab: Lab) -> tuple[Lab, Key, dict[str, Any]]:
    """One endpoint of the archived operator's, taken over."""
    left = Legacy(lab)
    key = left.endpoint("host")
    lab.simulator.advance(900)
    told = left.finish()[key]
    lab.begin()
    lab.run(60, step_s=20)
    assert lab.is_ready(key)
    assert list(lab.cluster.objects) == [key]
    return lab, key, told


def test_what_its_children_stood_for_serves_on_and_is_a_way_back(taken: tuple[Lab, Key, dict[str, Any]]) -> None:
    lab, key, told = taken
    mark = lab.simulator.mark()
    lab.cluster.apply(hosting("host", image="lab:2"))
    lab.run(until=lambda: lab.is_ready(key) and lab.effects(mark)["UpdateEndpoint"], step_s=60)
    assert lab.exists()["Model"] == 2
    assert lab.status(key)["modelNames"] != told["modelNames"]
    mark = lab.simulator.mark()
    lab.cluster.apply(hosting("host"))
    lab.run(until=lambda: lab.effects(mark) and lab.is_ready(key), step_s=60)
    assert lab.effects(mark) == {"UpdateEndpoint": 1}
    assert lab.status(key)["endpointConfigName"] == told["endpointConfigName"]
    assert lab.status(key)["modelNames"] == told["modelNames"]


def test_what_its_children_stood_for_is_collected_like_anything_else(taken: tuple[Lab, Key, dict[str, Any]]) -> None:
    lab, key, told = taken
    for number in range(2, 6):
        lab.cluster.apply(hosting("host", image=f"lab:{number}", revisionHistoryLimit=2))
        mark = lab.simulator.mark()
        lab.run(until=lambda mark=mark: lab.effects(mark)["UpdateEndpoint"] and lab.is_ready(key), step_s=60)  # type: ignore[misc]
    lab.run(300, step_s=60)
    names = {row["name"] for row in lab.simulator.state()["resources"]}
    assert not names & {told["endpointConfigName"], told["modelNames"][0]["value"]}


@pytest.mark.parametrize("first_look", [True, False], ids=["before the first pass", "after it"])
def test_deleting_the_deployment_deletes_all_of_it(lab: Lab, first_look: bool) -> None:
    left = Legacy(lab)
    key = left.endpoint("host")
    lab.simulator.advance(900)
    left.finish()
    lab.begin()
    if not first_look:
        lab.run(60, step_s=20)
    lab.cluster.delete(key)
    lab.run(until=lambda: not lab.cluster.objects, step_s=20)
    assert lab.simulator.state()["resources"] == []


@pytest.mark.holds("D-3.3")
def test_while_the_definitions_go_everything_is_kept(lab: Lab) -> None:
    left = Legacy(lab)
    key = left.endpoint("host")
    lab.simulator.advance(900)
    left.finish()
    there = lab.exists()
    lab.around.terminating_kinds |= {"HostingDeployment", "Model", "EndpointConfig"}
    lab.begin()
    for one in (key, *left.keys):
        if one in lab.cluster.objects:
            lab.cluster.delete(one)
    lab.run(120, step_s=20)
    assert lab.cluster.objects == {}
    assert lab.exists() == there


def test_labels_alone_make_no_child(lab: Lab) -> None:
    """Anybody can write labels: a Model that is somebody's own is not let go for them."""
    left = Legacy(lab)
    left.endpoint("host")
    own = left.model(
        "mine",
        dict(zip(("owner_HostingDeployment_namespace", "owner_HostingDeployment_name"), ("team", "host"), strict=True)),
    )
    lab.simulator.advance(900)
    left.finish()
    lab.begin()
    lab.run(120, step_s=20)
    assert lab.is_ready(own)


def test_an_edit_that_the_archived_operator_had_not_carried_out_is_a_rollout(lab: Lab) -> None:
    left = Legacy(lab)
    key = left.endpoint("host")
    lab.simulator.advance(900)
    left.finish()
    lab.cluster.apply({**hosting("host", image="lab:2")})
    lab.begin()
    mark = lab.simulator.mark()
    lab.run(until=lambda: lab.is_ready(key) and lab.effects(mark)["UpdateEndpoint"], step_s=60)
    assert lab.effects(mark)["UpdateEndpoint"] == 1
    assert len(lab.status(key)["history"]) >= 1


@pytest.mark.parametrize(
    ("name", "generation"),
    [("host", 7), ("h" * 28, 12), ("h" * 40, 3)],
    ids=["many edits ago", "its generation lost a digit in SageMaker's name", "its generation is in no name"],
)
def test_what_was_edited_and_carried_out_is_no_edit(lab: Lab, name: str, generation: int) -> None:
    left = Legacy(lab)
    key = left.endpoint(name, generation)
    lab.simulator.advance(900)
    told = left.finish()[key]
    lab.begin()
    mark = lab.simulator.mark()
    lab.run(300, step_s=20)
    assert {op for op, _ in lab.simulator.mutations(mark)} == {"AddTags"}
    assert lab.status(key)["endpointConfigName"] == told["endpointConfigName"]
    assert lab.is_ready(key)


@pytest.mark.holds("D-3.1")
@pytest.mark.parametrize("kind", ["Model", "EndpointConfig"])
@pytest.mark.parametrize("first_looks_fail", [False, True], ids=["at the first look", "after an outage"])
def test_a_name_that_an_error_blanked_is_found_again(lab: Lab, kind: str, first_looks_fail: bool) -> None:
    left = Legacy(lab)
    model = left.model("net")
    config = left.config("split", left.name_of(model, "sageMakerModelName"))
    told = left.finish()
    key = model if kind == "Model" else config
    lab.cluster.objects[key]["status"] = {
        "status": "Error",
        "additional": STALE,
        "lastUpdateTime": "2022-11-01T10:00:00Z",
    }
    lab.begin()
    mark = lab.simulator.mark()
    if first_looks_fail:
        outage = {"type": "error", "code": "InternalFailure", "status": 500, "message": "later"}
        lab.simulator.rules({"match": {"op": f"Describe{kind}"}, "action": outage})
        lab.run(60, step_s=20)
        lab.simulator.clear_rules()
    lab.run(900, step_s=20)
    assert {op for op, _ in lab.simulator.mutations(mark)} == {"AddTags"}
    assert _carried(key, lab.status(key)) == _carried(key, told[key])


@pytest.mark.holds("D-3.5")
@pytest.mark.parametrize("kind", ["Model", "EndpointConfig"])
def test_a_childs_name_that_an_error_blanked_is_deleted_with_its_deployment(lab: Lab, kind: str) -> None:
    left = Legacy(lab)
    key = left.endpoint("host")
    lab.simulator.advance(900)
    told = left.finish()
    blanked = next(child for child in told if child.kind == kind)
    lab.cluster.objects[blanked]["status"] = {"status": "Error", "additional": STALE}
    lab.begin()
    mark = lab.simulator.mark()
    lab.run(300, step_s=20)
    assert lab.is_ready(key)
    assert {op for op, _ in lab.simulator.mutations(mark)} == {"AddTags"}
    lab.cluster.delete(key)
    lab.run(until=lambda: not lab.cluster.objects, step_s=20)
    assert lab.simulator.state()["resources"] == []


def test_a_child_that_made_nothing_is_no_record(lab: Lab) -> None:
    left = Legacy(lab)
    key = left.endpoint("host")
    lab.simulator.advance(900)
    told = left.finish()
    model = next(child for child in told if child.kind == "Model")
    lab.simulator.client().delete_model(ModelName=told[model]["sageMakerModelName"])
    lab.cluster.objects[model]["status"] = {"status": "Error", "additional": STALE}
    lab.begin()
    lab.settle()
    assert (lab.status(key).get("models"), len(lab.status(key)["configs"])) == (None, 1)


@pytest.mark.holds("D-3.5")
def test_what_served_while_an_update_was_under_way_is_a_way_back(lab: Lab) -> None:
    left = Legacy(lab)
    key = left.endpoint("host")
    lab.simulator.advance(900)
    served = left.name_of(key, "endpointConfigName")
    left.update(key, "lab:2")
    lab.simulator.advance(30)
    left.finish()
    lab.begin()
    there, mark = lab.exists(), lab.simulator.mark()
    lab.run(1800, step_s=20)
    assert lab.is_ready(key)
    assert {op for op, _ in lab.simulator.mutations(mark)} == {"AddTags"}
    assert lab.exists() == there
    told = [(entry["id"], entry["endpointConfigName"], entry["result"]) for entry in lab.status(key)["history"]]
    assert told == [(2, lab.status(key)["endpointConfigName"], "Succeeded"), (1, served, "Succeeded")]

    lab.cluster.annotate(key, rollback_to="1")
    lab.run(until=lambda: lab.reason(key) == "RollbackHeld", step_s=20)
    assert lab.status(key)["endpointConfigName"] == served
    assert lab.effects(mark)["UpdateEndpoint"] == 1
    for number in range(3, 6):
        lab.cluster.apply(hosting("host", image=f"lab:{number}", revisionHistoryLimit=2))
        mark = lab.simulator.mark()
        lab.run(until=lambda mark=mark: lab.effects(mark)["UpdateEndpoint"] and lab.is_ready(key), step_s=60)  # type: ignore[misc]
    lab.run(300, step_s=60)
    assert served not in {row["name"] for row in lab.simulator.state()["resources"]}


def test_a_name_that_an_error_blanked_before_anything_was_made_is_not_used(lab: Lab) -> None:
    left = Legacy(lab)
    key = left.model("net")
    name = left.name_of(key, "sageMakerModelName")
    left.finish()
    lab.cluster.objects[key]["status"] = {"status": "Error", "additional": STALE}
    lab.simulator.client().delete_model(ModelName=name)
    lab.begin()
    lab.run(60, step_s=20)
    assert lab.is_ready(key)
    assert lab.exists() == {"Model": 1}
    assert lab.status(key)["sageMakerModelName"] != name


@pytest.mark.parametrize(("age_s", "is_told"), [(30, "InProgress"), (3600, "Completed")])
def test_a_transform_job_that_only_the_archived_operator_called_failed_is_followed(
    lab: Lab, age_s: float, is_told: str
) -> None:
    key = _called_failed(lab, age_s)
    mark = lab.simulator.mark()
    lab.run(10, step_s=5)
    assert lab.status(key)["transformJobStatus"] == is_told
    assert "additional" not in lab.status(key)
    assert {op for op, _ in lab.simulator.mutations(mark)} <= {"AddTags"}


def test_a_running_transform_job_that_the_archived_operator_called_failed_is_stopped_with_its_object(lab: Lab) -> None:
    key = _called_failed(lab, 30)
    lab.cluster.delete(key)
    mark = lab.simulator.mark()
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=20)
    assert lab.effects(mark) == {"StopTransformJob": 1}


def _called_failed(lab: Lab, age_s: float) -> Key:
    """It refused an edit of the spec, with the word for a job that failed."""
    left = Legacy(lab)
    name = str(
        lab.simulator.client().create_model(ModelName="net", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})[
            "ModelArn"
        ]
    )
    key = left.transform("score", name.rpartition("/")[2])
    lab.simulator.advance(age_s)
    left.finish()
    refused = {"transformJobStatus": "Failed", "additional": "Updates to BatchTransformJob not supported"}
    lab.cluster.objects[key]["status"] |= refused
    lab.begin()
    return key


# --- what the archived operator could not bring into service ----------------------------------------------------------

BACK = {"type": "endpoint_outcome", "outcome": "rollback", "reason": "Alarm rang", "after": 60}
SILENTLY_BACK = {**BACK, "reason": ""}


@pytest.mark.holds("D-3.7")
@pytest.mark.parametrize("how", [BACK, SILENTLY_BACK], ids=["with a reason", "without one"])
@pytest.mark.parametrize("looked_s", [1800, 30], ids=["before the take-over", "after it"])
@pytest.mark.parametrize("mode", ["Warn", "Correct"])
def test_a_rollback_of_the_operators_update_is_one(lab: Lab, how: dict[str, Any], looked_s: float, mode: str) -> None:
    left = Legacy(lab)
    key = left.endpoint("host")
    lab.simulator.advance(900)
    served = left.name_of(key, "endpointConfigName")
    lab.simulator.rules({"match": {"op": "UpdateEndpoint"}, "action": how})
    left.update(key, "lab:2")
    lab.simulator.clear_rules()
    asked = left.name_of(key, "endpointConfigName")
    lab.simulator.advance(looked_s)
    left.finish()
    lab.begin()
    lab.cluster.annotate(key, drift_mode=mode)
    mark = lab.simulator.mark()
    lab.run(3 * 3600, step_s=60)
    assert {op for op, _ in lab.simulator.mutations(mark)} <= {"AddTags"}
    status = lab.status(key)
    assert [entry["endpointConfigName"] for entry in status["quarantine"]] == [asked]
    told = [(entry["endpointConfigName"], entry["result"]) for entry in status["history"]]
    assert told == [(asked, "RolledBack"), (served, "Succeeded")]
    assert (lab.reason(key), status["drift"].get("differences")) == ("RevisionQuarantined", None)

    mark = lab.simulator.mark()
    lab.cluster.apply(hosting("host"))
    lab.run(1800, step_s=60)
    assert (lab.is_ready(key), lab.effects(mark)["UpdateEndpoint"]) == (True, 0)
    assert status["endpointConfigName"] in (asked, served)
    assert lab.status(key)["endpointConfigName"] == served


@pytest.mark.holds("D-3.7")
def test_a_pending_edit_leaves_a_way_back_and_reverting_costs_nothing(lab: Lab) -> None:
    left = Legacy(lab)
    key = left.endpoint("host")
    lab.simulator.advance(900)
    served = left.name_of(key, "endpointConfigName")
    left.finish()
    lab.cluster.apply(hosting("host", image="lab:2"))
    lab.begin()
    mark = lab.simulator.mark()
    lab.run(until=lambda: lab.is_ready(key) and lab.effects(mark)["UpdateEndpoint"], step_s=60)
    told = [(entry["endpointConfigName"], entry["result"]) for entry in lab.status(key)["history"]]
    assert told == [(lab.status(key)["endpointConfigName"], "Succeeded"), (served, "Succeeded")]
    mark = lab.simulator.mark()
    lab.cluster.apply(hosting("host"))
    lab.run(until=lambda: lab.is_ready(key) and lab.status(key)["endpointConfigName"] == served, step_s=60)
    assert lab.effects(mark) == {"UpdateEndpoint": 1}  # no model and no configuration is made again


def test_an_edit_that_was_reverted_before_it_was_carried_out_costs_nothing(lab: Lab) -> None:
    """The generation grew twice; what is asked for is what serves."""
    left = Legacy(lab)
    key = left.endpoint("host")
    lab.simulator.advance(900)
    left.finish()
    lab.cluster.apply(hosting("host", image="lab:2"))
    lab.cluster.apply(hosting("host"))
    lab.begin()
    mark = lab.simulator.mark()
    lab.run(1800, step_s=60)
    assert {op for op, _ in lab.simulator.mutations(mark)} == {"AddTags"}
    assert lab.is_ready(key)


def test_an_edit_that_the_operator_could_not_carry_out_keeps_what_serves(lab: Lab) -> None:
    """An error blanked the name of the configuration."""
    left = Legacy(lab)
    key = left.endpoint("host")
    lab.simulator.advance(900)
    served = left.name_of(key, "endpointConfigName")
    left.finish()
    body = lab.cluster.objects[key]
    body["status"] = {name: value for name, value in body["status"].items() if name != "endpointConfigName"}
    body["status"] |= {"endpointStatus": "ReconcilingEndpoint", "additional": STALE}
    lab.cluster.apply(hosting("host", image="lab:2"))
    lab.begin()
    mark = lab.simulator.mark()
    lab.run(until=lambda: lab.is_ready(key) and lab.effects(mark)["UpdateEndpoint"], step_s=60)
    assert (served, "Succeeded") in [(one["endpointConfigName"], one["result"]) for one in lab.status(key)["history"]]
    assert served in {row["name"] for row in lab.simulator.state()["resources"]}


def test_scalable_targets_get_the_owner_tag(lab: Lab) -> None:
    left = Legacy(lab)
    host = left.endpoint("host")
    lab.simulator.advance(900)
    key = left.scaling("scale", host)
    left.finish()
    lab.begin()
    mark = lab.simulator.mark()
    lab.run(600, step_s=60)
    arn = lab.status(key)["targets"][0]["arn"]
    tags = lab.simulator.client(SERVICE).list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert tags[OWNER_TAG] == "lab/team/HostingAutoscalingPolicy/scale"
    assert [op for op, _ in lab.simulator.mutations(mark) if op != "AddTags"] == ["TagResource"]


def test_the_time_of_the_last_check_lives_on_and_moves_with_what_is_shown(lab: Lab) -> None:
    left = Legacy(lab)
    key = left.endpoint("host")
    lab.simulator.advance(900)
    told = left.finish()[key]
    lab.begin()
    lab.run(600, step_s=60)
    first = lab.status(key)["lastCheckTime"]
    assert first >= told["lastCheckTime"]
    written = len(lab.cluster.written)
    lab.run(1800, step_s=60)
    assert (lab.status(key)["lastCheckTime"], len(lab.cluster.written)) == (first, written)
    lab.cluster.apply(hosting("host", image="lab:2"))
    lab.run(until=lambda: lab.status(key)["endpointStatus"] == "Updating", step_s=60)
    assert lab.status(key)["lastCheckTime"] > first


@pytest.mark.parametrize("kind", ["TrainingJob", "HyperparameterTuningJob"])
def test_a_reference_to_an_ended_job_takes_the_artefact_from_describe(lab: Lab, kind: str) -> None:
    """The operator's `modelPath` has no slash; of a tuning job it is that of the best training job, which it never told."""
    left = Legacy(lab)
    tuning, training = left.tuning("search"), left.training("train")
    lab.simulator.advance(3600)
    children = left.spawn(tuning)
    told = left.finish()
    for one in (training, *children):
        lab.cluster.objects[one]["status"]["modelPath"] = told[one]["modelPath"].replace("/output/", "output/", 1)
    names = {"TrainingJob": [training, *children], "HyperparameterTuningJob": [tuning]}[kind]
    for number, one in enumerate(names):
        by = lab_kinds.model(f"net-{number}")
        by["spec"]["primaryContainer"].pop("modelDataUrl", None)
        by["spec"]["primaryContainer"]["modelDataUrlRef"] = {"kind": kind, "name": one.name}
        lab.cluster.apply(by)
    lab.begin()
    lab.run(600, step_s=60)
    client = lab.simulator.client()
    best = told[tuning]["bestTrainingJob"]["trainingJobName"]
    for number, one in enumerate(names):
        job = best if one == tuning else told[one]["sageMakerTrainingJobName"]
        artefact = client.describe_training_job(TrainingJobName=job)["ModelArtifacts"]["S3ModelArtifacts"]
        model = lab.status(Key("Model", "team", f"net-{number}"))["sageMakerModelName"]
        assert client.describe_model(ModelName=model)["PrimaryContainer"]["ModelDataUrl"] == artefact


def test_an_artefact_that_only_the_operator_tells_of_is_not_given(lab: Lab) -> None:
    left = Legacy(lab)
    key = left.training("train")
    lab.simulator.advance(3600)
    left.finish()
    lab.simulator.reset()
    by = lab_kinds.model("net")
    by["spec"]["primaryContainer"].pop("modelDataUrl", None)
    by["spec"]["primaryContainer"]["modelDataUrlRef"] = {"kind": "TrainingJob", "name": key.name}
    waiting = lab.cluster.apply(by)
    lab.begin()
    lab.run(300, step_s=60)
    assert (lab.reason(waiting), lab.exists()["Model"]) == ("DependencyNotReady", 0)
