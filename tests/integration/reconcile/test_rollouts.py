"""Rollouts of an endpoint: what they cost, one at a time, and what was rolled back stays away (D-5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.support.lab import PREFIX, Lab, annotated, hosting
from tests.support.manifests import canary

ALARM = "lab-5xx"
CANARY = canary(ALARM, 600)
SILENT = {"type": "endpoint_outcome", "outcome": "rollback", "reason": "", "after": 60}


def in_service(lab: Lab, manifest: Mapping[str, Any]) -> Key:
    key = lab.cluster.apply(manifest)
    generation = lab.cluster.objects[key]["metadata"]["generation"]

    def over() -> bool:
        return lab.is_ready(key) and lab.status(key).get("observedGeneration") == generation

    lab.run(until=over, step_s=20)
    return key


def updates(lab: Lab) -> int:
    return lab.simulator.counts()["UpdateEndpoint"]


def results(lab: Lab, key: Key) -> list[str]:
    """Newest first."""
    return [entry.get("result", "open") for entry in lab.status(key)["history"]]


def alarm(lab: Lab) -> Any:
    """The one that CANARY names, as a client that can set it off."""
    watch = lab.simulator.client("cloudwatch")
    watch.put_metric_alarm(
        AlarmName=ALARM,
        MetricName="Invocation5XXErrors",
        Namespace="AWS/SageMaker",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    return watch


def tags_of(lab: Lab, config: str) -> dict[str, str]:
    client = lab.simulator.client()
    arn = client.describe_endpoint_config(EndpointConfigName=config)["EndpointConfigArn"]
    return {tag["Key"]: tag["Value"] for tag in client.list_tags(ResourceArn=arn)["Tags"]}


def rolled_back(lab: Lab, action: Mapping[str, Any] = SILENT) -> Key:
    """Content lab:1 serves, lab:2 was rolled back."""
    key = in_service(lab, hosting())
    lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": action})
    lab.cluster.apply(annotated(hosting(image="lab:2"), revision="main@sha1:badc0de"))
    lab.run(until=lambda: lab.status(key).get("quarantine") and "Stalled" in lab.types(key), step_s=20)
    return key


# costs


@pytest.mark.holds("D-5.1", "D-15.5")
@pytest.mark.parametrize("models", [1, 3])
def test_a_first_rollout_costs_a_create_per_part(lab: Lab, models: int) -> None:
    in_service(lab, hosting(models=models))
    assert lab.effects() == {"CreateModel": models, "CreateEndpointConfig": 1, "CreateEndpoint": 1}


@pytest.mark.holds("D-15.5")
def test_an_update_costs_what_changed_and_one_move(lab: Lab) -> None:
    in_service(lab, hosting(models=2))
    mark = lab.simulator.mark()
    changed = hosting(models=2)
    changed["spec"]["models"][1]["containers"][0]["image"] = "lab:2"
    in_service(lab, changed)
    assert lab.effects(mark) == {"CreateModel": 1, "CreateEndpointConfig": 1, "UpdateEndpoint": 1}


@pytest.mark.holds("D-6.1", "D-15.5")
def test_a_revert_is_one_call_and_is_known_as_such(lab: Lab) -> None:
    in_service(lab, hosting())
    in_service(lab, hosting(image="lab:2"))
    mark = lab.simulator.mark()
    key = in_service(lab, hosting())
    assert lab.simulator.mutations(mark) == [("UpdateEndpoint", lab.status(key)["endpointName"])]
    newest = lab.status(key)["history"][0]
    assert (newest["id"], newest["rollbackOf"], newest["result"]) == (3, 1, "Succeeded")


@pytest.mark.holds("D-5.2")
@pytest.mark.parametrize(
    "change",
    [{"tags": [{"key": "team", "value": "x"}]}, {"revisionHistoryLimit": 3}, {"retainAllVariantProperties": True}],
    ids=["tags", "history limit", "guardrails"],
)
def test_what_is_no_content_starts_no_rollout(lab: Lab, change: dict[str, Any]) -> None:
    in_service(lab, hosting())
    mark = lab.simulator.mark()
    in_service(lab, hosting(**change))
    assert lab.effects(mark).keys() <= {"AddTags"}


@pytest.mark.holds("D-5.4")
def test_what_the_console_set_is_retained_where_the_spec_says_so(lab: Lab) -> None:
    retaining: dict[str, Any] = {
        "retainAllVariantProperties": True,
        "excludeRetainedVariantProperties": [{"variantPropertyType": "DesiredWeight"}],
    }
    key = in_service(lab, hosting(**retaining))
    name, client = lab.status(key)["endpointName"], lab.simulator.client()
    (variant,) = client.describe_endpoint(EndpointName=name)["ProductionVariants"]
    change = {"VariantName": variant["VariantName"], "DesiredWeight": 0.5, "DesiredInstanceCount": 3}
    client.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=[change])
    lab.run(120, step_s=20)
    in_service(lab, hosting(image="lab:2", **retaining))
    (variant,) = client.describe_endpoint(EndpointName=name)["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (3, 1.0)


def test_many_updating_endpoints_cost_pages(lab: Lab) -> None:
    keys = [lab.cluster.apply(hosting(f"serve-{number}")) for number in range(5)]
    lab.settle()
    mark = lab.simulator.mark()
    lab.run(240, step_s=20)
    assert lab.simulator.counts(mark)["DescribeEndpoint"] <= len(keys)
    assert lab.simulator.counts(mark)["ListEndpoints"] <= 13


def test_a_settled_endpoint_costs_pages_and_no_writes(lab: Lab) -> None:
    keys = [in_service(lab, hosting(f"serve-{number}")) for number in range(3)]
    lab.run(120, step_s=60)  # the first pages tell when the parts were made
    mark, written = lab.simulator.mark(), sum(lab.cluster.status_writes.values())
    lab.run(1800, step_s=60)
    assert set(lab.simulator.counts(mark)) == {"ListEndpoints", "ListModels", "ListEndpointConfigs"}
    lab.begin()
    lab.run(300, step_s=60)
    assert lab.simulator.counts(mark)["DescribeEndpoint"] == len(keys)
    assert sum(lab.cluster.status_writes.values()) == written


# the live stage


def _routing(kind: str, **size: Any) -> dict[str, Any]:
    routing = {"type": kind, "waitIntervalInSeconds": 60, **size}
    return {"blueGreenUpdatePolicy": {"trafficRoutingConfiguration": routing, "terminationWaitInSeconds": 60}}


_ONE = {"type": "INSTANCE_COUNT", "value": 1}
_TWO = {"type": "INSTANCE_COUNT", "value": 2}
_BAKED = "all 4 instances, baking until {} before the old ones go"
_QUICK = {"endpoint.launch": 30, "endpoint.activate": 30, "endpoint.terminate": 30, "endpoint.Creating": 30}


@pytest.mark.holds("D-5.4", "D-5.17")
@pytest.mark.parametrize(
    ("config", "stages"),
    [
        pytest.param(
            _routing("ALL_AT_ONCE"),
            ["launching 4 instances", "moving traffic to all 4 instances", _BAKED, "terminating 4 old instances"],
            id="all at once",
        ),
        pytest.param(
            _routing("CANARY", canarySize=_ONE),
            [
                "launching 4 instances",
                "moving traffic to canary on 1 of 4 instances",
                "canary on 1 of 4 instances, baking until {}",
                "moving traffic to 3 of 4 instances",
                _BAKED,
                "terminating 4 old instances",
            ],
            id="canary",
        ),
        pytest.param(
            _routing("LINEAR", linearStepSize=_TWO),
            [
                "launching 4 instances",
                "moving traffic to linear on 2 of 4 instances",
                "linear on 2 of 4 instances, baking until {}",
                "moving traffic to linear on all 4 instances",
                f"linear on {_BAKED}",
                "terminating 4 old instances",
            ],
            id="linear",
        ),
        pytest.param(
            {"rollingUpdatePolicy": {"maximumBatchSize": _TWO, "waitIntervalInSeconds": 60}},
            [
                "launching 2 instances",
                "moving traffic to rolling on 2 of 4 instances",
                "terminating 2 old instances",
                "rolling on 2 of 4 instances, baking until {}",
                "launching 2 instances",
                "moving traffic to rolling on 2 of 4 instances",
                "terminating 2 old instances",
                "rolling on all 4 instances, baking until {}",
            ],
            id="rolling",
        ),
    ],
)
def test_each_stage_of_a_plan_is_shown_and_told_once(lab: Lab, config: dict[str, Any], stages: list[str]) -> None:
    lab.simulator.settings({"durations": _QUICK})
    good, new = hosting(deploymentConfig=config), hosting(image="lab:2", deploymentConfig=config)
    for manifest in (good, new):
        manifest["spec"]["productionVariants"][0]["initialInstanceCount"] = 4
    key = in_service(lab, good)
    endpoint, told = lab.status(key)["endpointName"], len(lab.around.emitted)
    lab.cluster.apply(new)
    shown: set[str] = set()

    def over() -> bool:
        shown.add(str(lab.status(key)["rollout"].get("stage")))
        return results(lab, key) == ["Succeeded", "Succeeded"]

    lab.run(until=over, step_s=15)
    events = [message for _, reason, message in lab.around.emitted[told:] if reason == "RolloutProgressing"]
    assert [re.sub(r"\d\d:\d\d UTC", "{}", message) for message in events] == [f"{endpoint}: {one}" for one in stages]
    assert {message.removeprefix(f"{endpoint}: ") for message in events} <= shown
    assert "stage" not in lab.status(key)["rollout"]


# one at a time


@pytest.mark.holds("D-5.3")
def test_a_commit_during_an_update_is_queued_and_the_newest_wins(lab: Lab) -> None:
    key = in_service(lab, hosting())
    for version in ("2", "3", "4"):
        lab.cluster.apply(hosting(image=f"lab:{version}"))
        lab.run(20, step_s=20)
    assert updates(lab) == 1
    assert "is next" in lab.condition(key, "Ready")["message"]
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert updates(lab) == 2
    serving = lab.simulator.client().describe_endpoint(EndpointName=lab.status(key)["endpointName"])
    assert serving["ProductionVariants"][0]["DeployedImages"][0]["SpecifiedImage"] == "lab:4"
    # lab:3 was never asked for, so nothing was made for it and history does not tell of it.
    assert [entry["id"] for entry in lab.status(key)["history"]] == [3, 2, 1]
    assert lab.effects()["CreateModel"] == 3


def test_nothing_is_sent_while_aws_patches_the_endpoint(lab: Lab) -> None:
    key = in_service(lab, hosting())
    lab.simulator.rules({"match": {"name": "*"}, "action": {"type": "system_updating", "seconds": 200, "now": True}})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(100, step_s=20)
    assert updates(lab) == 0
    assert lab.condition(key, "Healthy")["status"] == "True"
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert (updates(lab), results(lab, key)) == (1, ["Succeeded", "Succeeded"])


@pytest.mark.holds("D-5.6")
def test_patching_while_a_request_was_lost_is_no_rollback(lab: Lab) -> None:
    """LastModifiedTime moves by SystemUpdating: no evidence of what became of the request."""
    key = in_service(lab, hosting())
    lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": {"type": "drop_before"}})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.settle()
    lab.simulator.rules({"match": {"name": "*"}, "action": {"type": "system_updating", "seconds": 40, "now": True}})
    lab.run(until=lambda: lab.is_ready(key), step_s=10)
    assert updates(lab) == 2
    assert "quarantine" not in lab.status(key)


@pytest.mark.holds("D-10.2")
def test_a_throttled_update_keeps_its_place_in_history(lab: Lab) -> None:
    key = in_service(lab, hosting())
    throttle = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}
    lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 4}, "action": throttle})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(until=lambda: lab.is_ready(key), step_s=10)
    assert [(entry["id"], entry["result"]) for entry in lab.status(key)["history"]] == [
        (2, "Succeeded"),
        (1, "Succeeded"),
    ]


def test_a_tag_that_is_throttled_after_the_update_is_no_verdict_on_it(lab: Lab) -> None:
    """Both go out in one pass, and nobody looks at the endpoint in between."""
    key = in_service(lab, hosting())
    throttle = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}
    lab.simulator.rules({"match": {"op": "AddTags", "count": 1}, "action": throttle})
    in_service(lab, hosting(image="lab:2", tags=[{"key": "team", "value": "x"}]))
    assert [(entry["id"], entry["result"]) for entry in lab.status(key)["history"]] == [
        (2, "Succeeded"),
        (1, "Succeeded"),
    ]


def test_going_back_before_a_throttled_update_was_taken_on(lab: Lab) -> None:
    key = in_service(lab, hosting())
    throttle = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}
    lab.simulator.rules({"match": {"op": "UpdateEndpoint"}, "action": throttle})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(30, step_s=10)
    in_service(lab, hosting())
    assert results(lab, key) == ["Superseded", "Succeeded"]
    assert lab.effects()["UpdateEndpoint"] == 0


# rolled back


@pytest.mark.holds("D-5.9", "D-5.11")
def test_a_rollback_by_alarm_is_quarantined_and_never_tried_again(lab: Lab) -> None:
    watch = alarm(lab)
    guarded: dict[str, Any] = {"deploymentConfig": CANARY}
    good = hosting(**guarded)
    good["spec"]["productionVariants"][0]["initialInstanceCount"] = 2
    key = in_service(lab, annotated(good, revision="main@sha1:1eabc9d2f0"))
    bad = hosting(image="lab:2", **guarded)
    bad["spec"]["productionVariants"][0]["initialInstanceCount"] = 2
    lab.cluster.apply(annotated(bad, revision="main@sha1:badc0de111"))
    lab.run(280, step_s=20)
    assert "canary" in lab.condition(key, "Ready")["message"]
    watch.set_alarm_state(AlarmName=ALARM, StateValue="ALARM", StateReason="test")
    lab.run(until=lambda: "Stalled" in lab.types(key), step_s=20)
    assert lab.types(key) == {"Stalled", "Healthy"}
    assert lab.condition(key, "Ready")["status"] == "False"
    message = lab.condition(key, "Ready")["message"]
    assert "#1 (1eabc9d)" in message
    assert PREFIX + "retry" in message
    assert results(lab, key) == ["RolledBack", "Succeeded"]
    quarantine = lab.status(key)["quarantine"]
    assert [entry["revision"] for entry in quarantine] == ["main@sha1:badc0de111"]
    watch.set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="test")
    written = lab.cluster.status_writes[key]
    for number in range(100):
        if number % 25 == 0:
            lab.begin()
        lab.reconcile(key)
    lab.run(7200, step_s=600)
    assert updates(lab) == 1
    assert lab.cluster.status_writes[key] == written


def test_the_quarantine_names_the_commit_of_the_bad_content_though_a_newer_one_waits(lab: Lab) -> None:
    key = in_service(lab, hosting())
    lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": {**SILENT, "after": 100}})
    bad = {"revision": "main@sha1:aaaaaaa111", "commit": "badc0de111"}
    told = {"author": "Ada", "subject": "Serve two", "path": "prod/serve.yaml"}
    lab.cluster.apply(annotated(hosting(image="lab:2"), **bad, **told))
    lab.run(60, step_s=20)
    lab.cluster.apply(annotated(hosting(image="lab:3"), revision="main@sha1:bbbbbbb222", commit="900dc0de22"))
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert [(entry["revision"], entry["commit"]) for entry in lab.status(key)["quarantine"]] == [tuple(bad.values())]
    entry = lab.status(key)["history"][1]
    assert (bad | told | {"initiatedBy": "git"}).items() <= entry.items()
    assert results(lab, key) == ["Succeeded", "RolledBack", "Succeeded"]


@pytest.mark.holds("D-5.6")
def test_a_silent_rollback_between_two_looks_is_seen(lab: Lab) -> None:
    """No FailureReason, no RollingBack, no Updating ever seen: LastModifiedTime moved, and the old content serves."""
    key = in_service(lab, hosting())
    lab.simulator.settings({"switches": {"rolling_back_shown": False}})
    lab.simulator.rules({"match": {"op": "UpdateEndpoint"}, "action": {**SILENT, "after": 0.001}})
    lab.simulator.settings({"durations": {"endpoint.rollback": 0.001}})
    lab.simulator.rules({"match": {"op": "DescribeEndpoint", "count": 1}, "action": {"type": "drop_before"}})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(until=lambda: lab.reason(key) == "RevisionQuarantined", step_s=20)
    assert updates(lab) == 1


@pytest.mark.holds("D-5.10")
@pytest.mark.parametrize("change", ["other content and back", "a guardrail", "a commit", "time", "a foreign token"])
def test_quarantine_holds(lab: Lab, change: str) -> None:
    key = rolled_back(lab)
    before = updates(lab)
    match change:
        case "other content and back":
            in_service(lab, hosting())
            lab.cluster.apply(hosting(image="lab:2"))
        case "a guardrail":
            lab.cluster.apply(hosting(image="lab:2", retainAllVariantProperties=True))
        case "a commit":
            lab.cluster.apply(annotated(hosting(image="lab:2"), revision="main@sha1:feed"))
        case "time":
            lab.run(86400, step_s=7200)
        case "a foreign token":
            lab.cluster.annotate(key, retry="something")
    lab.run(1200, step_s=60)
    assert lab.reason(key) == "RevisionQuarantined"
    assert updates(lab) == before
    assert lab.condition(key, "Healthy")["status"] == "True"


@pytest.mark.holds("D-5.10")
def test_a_retry_that_names_the_content_releases_it_once(lab: Lab) -> None:
    key = rolled_back(lab)
    quarantined = lab.status(key)["quarantine"][0]["hash"]
    config = lab.status(key)["quarantine"][0]["endpointConfigName"]
    assert PREFIX + "quarantined" in tags_of(lab, config)
    lab.cluster.annotate(key, retry=quarantined)
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert updates(lab) == 2
    assert "quarantine" not in lab.status(key)
    assert PREFIX + "quarantined" not in tags_of(lab, config)
    assert lab.status(key)["handled"]["retry"] == quarantined


def test_a_retry_during_an_outage_is_not_lost(lab: Lab) -> None:
    key = rolled_back(lab)
    down = {"type": "error", "code": "ServiceUnavailable", "message": "later", "status": 503}
    lab.begin()
    lab.simulator.rules({"id": "down", "match": {"op": "[DL]*"}, "action": down})
    lab.cluster.annotate(key, retry=lab.status(key)["quarantine"][0]["hash"])
    lab.run(20, step_s=10)
    assert lab.reason(key) == "TransientError"
    assert lab.condition(key, "Healthy")["status"] == "True"
    lab.simulator.clear_rules("down")
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert updates(lab) == 2


@pytest.mark.holds("D-5.9")
def test_quarantine_survives_the_loss_of_the_cluster(lab: Lab) -> None:
    key = rolled_back(lab)
    lab.cluster.forget(key)
    lab.begin()
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(1200, step_s=60)
    assert lab.reason(key) == "RevisionQuarantined"
    assert updates(lab) == 1


def test_no_right_to_tag_does_not_hide_a_quarantine(lab: Lab) -> None:
    denied = {"type": "error", "code": "AccessDeniedException", "message": "not authorized to perform: AddTags"}
    lab.simulator.rules({"match": {"op": "AddTags"}, "action": denied})
    key = rolled_back(lab)
    lab.run(300, step_s=60)
    assert lab.reason(key) == "RevisionQuarantined"
    assert lab.simulator.counts()["AddTags"] == 1


def test_other_content_after_a_rollback_goes_out(lab: Lab) -> None:
    key = rolled_back(lab)
    in_service(lab, hosting(image="lab:3"))
    assert results(lab, key) == ["Succeeded", "RolledBack", "Succeeded"]


def test_a_failed_rollback_takes_other_content_and_is_not_condemned_for_what_was_there_before(lab: Lab) -> None:
    key = rolled_back(lab, {"type": "endpoint_outcome", "outcome": "rollback_failed", "reason": "both", "after": 60})
    assert lab.condition(key, "Healthy")["status"] == "False"
    # A look that still shows the old failure is no verdict on the new content.
    stale = {"match": {"op": "DescribeEndpoint", "window": [0, 30]}, "action": {"type": "stale_read", "seconds": 40}}
    lab.simulator.rules(stale)
    in_service(lab, hosting(image="lab:3"))
    assert [entry["endpointConfigName"] for entry in lab.status(key)["quarantine"]] != []
    assert len(lab.status(key)["quarantine"]) == 1


# the first create


def test_corrected_content_after_a_failed_first_create_replaces_it(lab: Lab) -> None:
    outcome = {"type": "endpoint_outcome", "outcome": "fail", "reason": "bad image"}
    lab.simulator.rules({"match": {"op": "CreateEndpoint", "count": 1}, "action": outcome})
    key = lab.cluster.apply(hosting())
    lab.run(until=lambda: "Stalled" in lab.types(key), step_s=20)
    assert (lab.reason(key), lab.status(key)["endpointStatus"]) == ("RevisionQuarantined", "Failed")
    assert "nothing serves" in lab.condition(key, "Ready")["message"]
    lab.run(600, step_s=60)
    assert lab.effects()["DeleteEndpoint"] == 0
    in_service(lab, hosting(image="lab:2"))
    assert (lab.effects()["CreateEndpoint"], lab.effects()["DeleteEndpoint"]) == (2, 1)
    assert results(lab, key) == ["Succeeded", "Failed"]


def test_a_retry_after_a_failed_first_create_makes_it_anew(lab: Lab) -> None:
    outcome = {"type": "endpoint_outcome", "outcome": "fail", "reason": "capacity"}
    lab.simulator.rules({"match": {"op": "CreateEndpoint", "count": 1}, "action": outcome})
    key = lab.cluster.apply(hosting())
    lab.run(until=lambda: "Stalled" in lab.types(key), step_s=20)
    lab.cluster.annotate(key, retry=lab.status(key)["quarantine"][0]["hash"])
    lab.run(until=lambda: lab.is_ready(key), step_s=20)


NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. Please retry using a "
    "different ML instance type or after some time."
)
NO_ROLE = (
    'The execution role ARN "arn:aws:iam::123456789012:role/lab" is invalid. Please ensure that the role exists and that its '
    'trust relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com".'
)


NO_ARTEFACT = (
    'Failed to download model data for container "container_1" from URL: "s3://b/model.tar.gz". Please ensure that there is '
    "an object located at the URL and that the role passed to CreateModel has permissions to download the model."
)
NO_IMAGES = (
    "The primary container for production variant v did not start. Please make sure all images included in the model for "
    "the production variant v exist, and that the execution role used to create the model has permissions to access them."
)
NO_IMAGE = "The image '123456789012.dkr.ecr.us-west-2.amazonaws.com/x:1' does not exist."
FAULT = "Request to service failed. Please try again."
PASSING = [
    pytest.param(NO_CAPACITY, id="no capacity"),
    pytest.param(NO_ROLE, id="no role"),
    pytest.param(FAULT, id="a fault of the service"),
    pytest.param(NO_ARTEFACT, id="no artefact or no right to it"),
    pytest.param(NO_IMAGES, id="an image of several that is not there"),
    pytest.param(NO_IMAGE, id="no image"),
]


@pytest.mark.holds("D-5.8")
@pytest.mark.parametrize("reason", PASSING)
def test_an_update_rolled_back_for_no_fault_of_its_content_is_tried_ever_more_slowly(lab: Lab, reason: str) -> None:
    key = in_service(lab, hosting())
    lab.simulator.rules({"match": {"op": "UpdateEndpoint"}, "action": {**SILENT, "reason": reason}})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(until=lambda: lab.reason(key) == "RolloutRolledBack", step_s=20)
    assert updates(lab) == 3
    assert (lab.types(key), lab.status(key)["rollout"]["phase"]) == ({"Healthy", "Stalled"}, "RolledBack")
    assert re.search(r"tried again at 20\d\d-.*kubectl sagemaker retry", lab.condition(key, "Ready")["message"])
    assert results(lab, key) == ["RolledBack", "Succeeded"]
    lab.run(6 * 3600, step_s=60)
    assert 7 <= updates(lab) <= 12
    assert "quarantine" not in lab.status(key)
    lab.simulator.clear_rules()
    lab.run(2 * 3600, until=lambda: lab.is_ready(key), step_s=60)
    assert results(lab, key) == ["Succeeded", "Succeeded"]


def test_a_retry_tries_at_once_what_was_rolled_back_for_no_fault_of_its_content(lab: Lab) -> None:
    key = in_service(lab, hosting())
    lab.simulator.rules({"match": {"op": "UpdateEndpoint"}, "action": {**SILENT, "reason": FAULT}})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(until=lambda: lab.reason(key) == "RolloutRolledBack", step_s=20)
    lab.simulator.clear_rules()
    lab.cluster.annotate(key, retry="now")
    lab.settle()
    assert updates(lab) == 4
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert results(lab, key) == ["Succeeded", "RolledBack", "Succeeded"]


def test_a_revert_ends_the_tries_of_what_was_rolled_back(lab: Lab) -> None:
    key = in_service(lab, hosting())
    lab.simulator.rules({"match": {"op": "UpdateEndpoint"}, "action": {**SILENT, "reason": FAULT}})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(until=lambda: lab.reason(key) == "RolloutRolledBack", step_s=20)
    lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    lab.run(3 * 3600, step_s=600)
    assert (updates(lab), results(lab, key)) == (3, ["RolledBack", "Succeeded"])
    assert [reason for _, reason, _ in lab.around.emitted].count("RolloutRolledBack") == 1


@pytest.mark.parametrize("reason", PASSING)
def test_a_first_create_that_failed_for_no_fault_of_its_content_is_made_anew(lab: Lab, reason: str) -> None:
    outcome = {"type": "endpoint_outcome", "outcome": "fail", "reason": reason}
    lab.simulator.rules({"match": {"op": "CreateEndpoint", "count": 2}, "action": outcome})
    key = lab.cluster.apply(hosting())
    lab.run(7200, until=lambda: lab.is_ready(key), step_s=20)
    assert (lab.effects()["CreateEndpoint"], lab.effects()["DeleteEndpoint"]) == (3, 2)
    assert "quarantine" not in lab.status(key)
    assert results(lab, key) == ["Succeeded"]


def test_a_first_create_is_made_anew_three_times_at_most_and_then_names_its_way_out(lab: Lab) -> None:
    outcome = {"type": "endpoint_outcome", "outcome": "fail", "reason": NO_CAPACITY}
    lab.simulator.rules({"match": {"op": "CreateEndpoint", "count": 3}, "action": outcome})
    key = lab.cluster.apply(hosting())
    lab.run(7200, until=lambda: "Stalled" in lab.types(key), step_s=20)
    lab.run(86400, step_s=1800)
    lab.begin()
    lab.run(600, step_s=60)
    assert (lab.reason(key), lab.types(key)) == ("EndpointFailed", {"Stalled"})
    assert "kubectl sagemaker retry hostingdeployment/serve" in lab.condition(key, "Ready")["message"]
    assert (lab.effects()["CreateEndpoint"], lab.effects()["DeleteEndpoint"]) == (3, 2)
    assert "quarantine" not in lab.status(key)
    assert results(lab, key) == ["Failed"]
    lab.cluster.annotate(key, retry="capacity again")
    lab.run(7200, until=lambda: lab.is_ready(key), step_s=20)
    assert results(lab, key) == ["Succeeded", "Failed"]


def test_new_content_after_creates_in_vain_begins_anew(lab: Lab) -> None:
    outcome = {"type": "endpoint_outcome", "outcome": "fail", "reason": NO_CAPACITY}
    lab.simulator.rules({"match": {"op": "CreateEndpoint", "count": 3}, "action": outcome})
    key = lab.cluster.apply(hosting())
    lab.run(7200, until=lambda: "Stalled" in lab.types(key), step_s=20)
    in_service(lab, hosting(image="lab:2"))
    assert results(lab, key) == ["Succeeded", "Failed"]


@pytest.mark.holds("D-5.6")
def test_a_lost_request_and_a_count_changed_outside_are_no_rollback(lab: Lab) -> None:
    """The endpoint is Updating and its LastModifiedTime moves, for what somebody else asked for: the content was never tried."""
    key = in_service(lab, hosting())
    lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": {"type": "drop_before"}})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.settle()
    name, client = lab.status(key)["endpointName"], lab.simulator.client()
    (variant,) = client.describe_endpoint(EndpointName=name)["ProductionVariants"]
    change = {"VariantName": variant["VariantName"], "DesiredInstanceCount": 3}
    client.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=[change])
    lab.run(until=lambda: lab.is_ready(key), step_s=10)
    assert updates(lab) == 2
    assert "quarantine" not in lab.status(key)
    assert results(lab, key) == ["Succeeded", "Succeeded"]


def test_a_rollback_that_nobody_watched_is_known_by_the_answer_to_the_request(lab: Lab) -> None:
    """The service was away from right after the request until it was over: rolled back, and not sent again."""
    key = in_service(lab, hosting())
    lab.simulator.rules({"match": {"op": "UpdateEndpoint"}, "action": SILENT})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.settle()
    lab.simulator.advance(7200)
    lab.clock.elapsed_s += 7200
    lab.begin()
    lab.run(600, step_s=60)
    assert (lab.reason(key), updates(lab)) == ("RevisionQuarantined", 1)


def test_content_pushed_after_a_deletion_in_the_console_is_gits(lab: Lab) -> None:
    key = in_service(lab, annotated(hosting(), **{"drift-mode": "Correct"}))
    lab.simulator.client().delete_endpoint(EndpointName=lab.status(key)["endpointName"])
    lab.cluster.apply(annotated(hosting(image="lab:2"), **{"drift-mode": "Correct"}))
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert [entry.get("initiatedBy") for entry in lab.status(key)["history"]] == ["git", "git"]


# what is kept


@pytest.mark.holds("D-5.12")
def test_history_never_loses_the_entry_of_what_serves(lab: Lab) -> None:
    key = in_service(lab, hosting(revisionHistoryLimit=2))
    lab.simulator.rules({"match": {"op": "UpdateEndpoint"}, "action": SILENT})
    for version in ("2", "3", "4"):
        lab.cluster.apply(hosting(image=f"lab:{version}", revisionHistoryLimit=2))
        lab.run(
            until=lambda: lab.reason(key) == "RevisionQuarantined" and results(lab, key)[0] == "RolledBack", step_s=20
        )
        lab.run(60, step_s=20)
    assert [(entry["id"], entry["result"]) for entry in lab.status(key)["history"]] == [
        (4, "RolledBack"),
        (1, "Succeeded"),
    ]
    assert len(lab.status(key)["quarantine"]) == 3
    in_service(lab, hosting(revisionHistoryLimit=2))


@pytest.mark.holds("D-5.13")
def test_what_no_retained_entry_names_is_collected(lab: Lab) -> None:
    for version in ("1", "2", "3", "4"):
        key = in_service(lab, hosting(image=f"lab:{version}", revisionHistoryLimit=2))
    lab.run(120, step_s=10)
    assert lab.exists() == {"Model": 2, "EndpointConfig": 2, "Endpoint": 1}
    assert lab.is_ready(key)
    assert {config["name"] for config in lab.status(key)["configs"]} == {
        entry["endpointConfigName"] for entry in lab.status(key)["history"]
    }


# changed from outside


def moved_in_the_console(lab: Lab) -> Key:
    in_service(lab, hosting())
    key = in_service(lab, hosting(image="lab:2"))
    first = lab.status(key)["history"][1]["endpointConfigName"]
    name = lab.status(key)["endpointName"]
    lab.simulator.client().update_endpoint(EndpointName=name, EndpointConfigName=first)
    lab.run(600, step_s=60)
    return key


def test_an_endpoint_moved_in_the_console_is_reported(lab: Lab) -> None:
    key = moved_in_the_console(lab)
    assert (lab.reason(key), lab.types(key)) == ("ExternallyModified", {"Ready", "Healthy", "Drifted"})
    assert lab.status(key)["drift"]["state"] == "Drifted"
    assert updates(lab) == 2  # ours and the console's
    lab.cluster.annotate(key, drift_mode="Correct")
    lab.run(until=lambda: lab.reason(key) == "InService", step_s=20)
    assert updates(lab) == 3
    assert lab.status(key)["drift"]["state"] == "Corrected"


def test_an_endpoint_deleted_in_the_console_is_reported_and_made_again_on_demand(lab: Lab) -> None:
    key = in_service(lab, hosting())
    lab.simulator.rules({"match": {"name": "*"}, "action": {"type": "delete", "kind": "Endpoint", "now": True}})
    lab.run(300, step_s=60)
    assert (lab.reason(key), lab.types(key)) == ("ExternallyDeleted", {"Stalled", "Drifted"})
    assert PREFIX + "drift-mode" in lab.condition(key, "Ready")["message"]
    assert lab.effects()["CreateEndpoint"] == 1
    lab.cluster.annotate(key, drift_mode="Correct")
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert lab.effects()["CreateEndpoint"] == 2


def test_an_endpoint_made_anew_that_fails_is_replaced_by_other_content(lab: Lab) -> None:
    """The one before it served; this one never did, so nobody loses anything by its deletion."""
    key = in_service(lab, annotated(hosting(), drift_mode="Correct"))
    lab.simulator.client().delete_endpoint(EndpointName=lab.status(key)["endpointName"])
    outcome = {"type": "endpoint_outcome", "outcome": "fail", "reason": "bad image"}
    lab.simulator.rules({"match": {"op": "CreateEndpoint", "count": 1}, "action": outcome})
    lab.run(until=lambda: lab.reason(key) == "RevisionQuarantined", step_s=20)
    assert lab.condition(key, "Healthy")["status"] == "False"
    in_service(lab, annotated(hosting(image="lab:2"), drift_mode="Correct"))
    assert results(lab, key)[:2] == ["Succeeded", "Failed"]


def test_parts_deleted_in_the_console_are_made_again_when_they_are_needed(lab: Lab) -> None:
    in_service(lab, hosting())
    in_service(lab, hosting(image="lab:2"))
    key = Key("HostingDeployment", "team", "serve")
    for part in ("Model", "EndpointConfig"):
        old = [row["name"] for row in lab.simulator.state()["resources"] if row["kind"] == part]
        keep = {config["name"] for config in lab.status(key)["configs"][1:]} | {
            model["name"] for model in lab.status(key)["models"][1:]
        }
        for name in set(old) - keep:
            lab.simulator.rules({"match": {"name": name}, "action": {"type": "delete", "kind": part, "now": True}})
    in_service(lab, hosting())
    assert lab.effects()["UpdateEndpoint"] == 2


@pytest.mark.holds("D-1.8")
def test_changing_region_or_endpoint_name_of_something_that_exists_is_refused(lab: Lab) -> None:
    key = in_service(lab, hosting(endpointName="chosen"))
    mark = lab.simulator.mark()
    changes: list[dict[str, Any]] = [{"endpointName": "other"}, {"endpointName": "chosen", "region": "eu-west-1"}]
    for change in changes:
        lab.cluster.apply(hosting(**change))
        lab.run(120, step_s=60)
        assert lab.reason(key) == "IdentityChanged"
        assert lab.condition(key, "Healthy")["status"] == "True"
    assert lab.simulator.mutations(mark) == []
    assert {row["region"] for row in lab.simulator.requests(service="sagemaker")} == {"us-east-1"}
    in_service(lab, hosting(endpointName="chosen"))


def test_a_name_that_was_refused_can_be_corrected(lab: Lab) -> None:
    refuse = {"type": "error", "code": "ValidationException", "message": "1 validation error detected: no such name"}
    lab.simulator.rules({"match": {"op": "CreateEndpoint", "count": 1}, "action": refuse})
    key = lab.cluster.apply(hosting(endpointName="wrong"))
    lab.settle()
    assert lab.reason(key) == "Rejected"
    in_service(lab, hosting(endpointName="right"))
    assert lab.status(key)["endpointName"] == "right"
