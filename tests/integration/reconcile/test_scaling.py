"""HostingAutoscalingPolicy over a simulated Application Auto Scaling: applied, changed, observed, taken over, taken off."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from reconciler.core.decision import Call
from reconciler.core.resource import Key
from tests.support.lab import Lab, annotated
from tests.support.lab_scaling import BUSY, INVOCATIONS, NAME, SERVICE, Console, endpoint, ready, resource, scaling
from tests.support.simulator_control import SimControl

A, B = resource("a"), resource("b")
HAP = Key("HostingAutoscalingPolicy", "team", "scale")


@pytest.fixture
def console(simulator: SimControl) -> Console:
    return Console(simulator)


def deploy(lab: Lab, *names: str) -> None:
    keys = [lab.cluster.apply(endpoint(name)) for name in names]
    lab.run(until=lambda: ready(lab, *keys), step_s=30)


def applied(lab: Lab, *endpoints: str, **spec: Any) -> dict[str, Any]:
    """Endpoints in service and a policy over them, Created."""
    deploy(lab, *endpoints)
    lab.cluster.apply(scaling(*endpoints, **spec))
    lab.run(until=lambda: lab.is_ready(HAP))
    return lab.status(HAP)


def test_several_resources_are_registered_and_put(lab: Lab, console: Console) -> None:
    status = applied(lab, "a", "b", maxCapacity=3, tags=[{"key": "team", "value": "x"}])
    assert status["hostingAutoscalingPolicyStatus"] == "Created"
    assert (status["policyName"], status["resourceIDList"]) == (NAME, [A, B])
    assert "additional" not in status
    assert {name: (t["MinCapacity"], t["MaxCapacity"]) for name, t in console.targets().items()} == {
        A: (1, 3),
        B: (1, 3),
    }
    assert set(console.policies()) == {f"{A} {NAME}", f"{B} {NAME}"}
    assert console.tags(A) == {"team": "x", "sagemaker-gitops.dev/owner": "lab/team/HostingAutoscalingPolicy/scale"}
    assert console.changes()[-4:] == ["RegisterScalableTarget", "PutScalingPolicy"] * 2
    assert {target["arn"] for target in status["targets"]} == {
        t["ScalableTargetARN"] for t in console.targets().values()
    }


def test_an_endpoint_may_be_named_by_its_deployment(lab: Lab, console: Console) -> None:
    named = {"endpointRef": {"kind": "HostingDeployment", "name": "a"}, "variantName": "variant-model-0"}
    lab.cluster.apply(scaling("a", resourceId=[named]))
    lab.run(30)
    assert lab.reason(HAP) == "DependencyNotReady"
    assert console.targets() == {}
    deploy(lab, "a")
    lab.run(until=lambda: lab.is_ready(HAP))
    assert set(console.targets()) == {A} == set(lab.status(HAP)["resourceIDList"])
    mark = lab.simulator.mark()
    lab.run(600, step_s=60)
    assert console.changes(mark) == []


def test_an_update_is_in_place_without_a_gap(lab: Lab, console: Console) -> None:
    applied(lab, "a", "b")
    before, mark = console.targets()[A]["ScalableTargetARN"], lab.simulator.mark()
    lab.cluster.apply(scaling("a", "b", maxCapacity=9))
    lab.settle()
    assert console.changes(mark) == ["RegisterScalableTarget", "PutScalingPolicy"] * 2
    assert console.targets()[A]["ScalableTargetARN"] == before
    assert {target["MaxCapacity"] for target in console.targets().values()} == {9}
    assert lab.is_ready(HAP)


def test_an_idle_policy_costs_two_lists_for_all(lab: Lab, console: Console) -> None:
    applied(lab, "a", "b")
    deploy(lab, "c", "d")
    second = lab.cluster.apply(scaling("c", "d", name="second"))
    lab.run(until=lambda: ready(lab, second))
    lab.run(120)
    mark, writes = lab.simulator.mark(), lab.cluster.status_writes.copy()
    lab.run(600)
    counted = Counter(console.calls(mark))
    assert set(counted) == {"DescribeScalableTargets", "DescribeScalingPolicies"}
    assert all(count <= 12 for count in counted.values())
    assert lab.cluster.status_writes == writes


def test_a_restart_reads_in_bulk(lab: Lab, console: Console) -> None:
    applied(lab, "a", "b")
    mark = lab.simulator.mark()
    lab.begin()
    lab.run(20)
    assert Counter(console.calls(mark)) == {"DescribeScalableTargets": 1, "DescribeScalingPolicies": 1}
    assert lab.is_ready(HAP)


def test_one_endpoint_that_is_missing_keeps_only_itself_waiting(lab: Lab, console: Console) -> None:
    deploy(lab, "a")
    lab.cluster.apply(scaling("b", "a"))
    lab.settle()
    assert set(console.targets()) == {A}
    assert (lab.reason(HAP), lab.types(HAP)) == ("DependencyNotReady", {"Reconciling"})
    assert "there is no endpoint b" in lab.condition(HAP, "Ready")["message"]
    assert lab.status(HAP)["hostingAutoscalingPolicyStatus"] == "Reconciling"
    deploy(lab, "b")
    lab.run(until=lambda: lab.is_ready(HAP))
    assert lab.status(HAP)["resourceIDList"] == [B, A] or lab.status(HAP)["resourceIDList"] == [A, B]
    assert not [row for row in lab.simulator.requests(service=SERVICE) if row["code"] != "OK"]


def test_an_endpoint_that_is_being_created_is_waited_for(lab: Lab, console: Console) -> None:
    lab.cluster.apply(endpoint("a"))
    lab.cluster.apply(scaling("a"))
    lab.run(30)
    assert (lab.reason(HAP), console.changes()[-1]) == ("DependencyNotReady", "CreateEndpoint")
    lab.run(until=lambda: lab.is_ready(HAP))
    assert not [row for row in lab.simulator.requests(service=SERVICE) if row["code"] != "OK"]


def test_an_endpoint_that_begins_to_change_meanwhile_is_waited_for(lab: Lab) -> None:
    """DescribeEndpoint said InService and RegisterScalableTarget says it is not."""
    deploy(lab, "a")
    said = "The status should be in 'InService' to register it as a scalable target"
    error = {"type": "error", "code": "ValidationException", "message": said}
    lab.simulator.rules({"match": {"service": SERVICE, "op": "Register*", "count": 4}, "action": error})
    lab.cluster.apply(scaling("a"))
    lab.settle()
    assert (lab.reason(HAP), lab.types(HAP)) == ("DependencyNotReady", {"Reconciling"})
    lab.run(until=lambda: lab.is_ready(HAP))


def test_a_custom_metric_and_steps(lab: Lab, console: Console) -> None:
    metric = {
        "metricName": "CPUUtilization",
        "namespace": "/aws/sagemaker/Endpoints",
        "statistic": "Average",
        "unit": "Percent",
        "dimensions": [{"name": "VariantName", "value": "v"}, {"name": "EndpointName", "value": "a"}],
    }
    tracking = {"targetValue": 60.5, "customizedMetricSpecification": metric, "scaleInCooldown": 700}
    applied(lab, "a", targetTrackingScalingPolicyConfiguration=tracking)
    found = console.policies()[f"{A} {NAME}"]["TargetTrackingScalingPolicyConfiguration"]
    assert (found["TargetValue"], found["ScaleInCooldown"]) == (60.5, 700)
    assert {d["Name"] for d in found["CustomizedMetricSpecification"]["Dimensions"]} == {"VariantName", "EndpointName"}
    steps = {
        "adjustmentType": "ChangeInCapacity",
        "stepAdjustments": [{"metricIntervalLowerBound": 0, "scalingAdjustment": 2}],
    }
    lab.cluster.apply(
        scaling(
            "a",
            policyType="StepScaling",
            stepScalingPolicyConfiguration=steps,
            targetTrackingScalingPolicyConfiguration=None,
        )
    )
    lab.settle()
    assert lab.is_ready(HAP)
    assert console.policies()[f"{A} {NAME}"]["PolicyType"] == "StepScaling"
    mark = lab.simulator.mark()
    lab.run(120)
    assert (console.changes(mark), lab.is_ready(HAP)) == ([], True)


def test_a_removed_resource_and_a_new_name(lab: Lab, console: Console) -> None:
    applied(lab, "a", "b")
    lab.cluster.apply(scaling("b", policyName="other"))
    lab.settle()
    assert set(console.targets()) == {B}
    assert set(console.policies()) == {f"{B} other"}
    assert lab.status(HAP)["resourceIDList"] == [B]
    assert lab.is_ready(HAP)


def test_tags_follow_the_spec(lab: Lab, console: Console) -> None:
    applied(lab, "a", tags=[{"key": "team", "value": "x"}, {"key": "old", "value": "y"}])
    mark = lab.simulator.mark()
    lab.cluster.apply(scaling("a", tags=[{"key": "team", "value": "z"}]))
    lab.settle()
    assert console.changes(mark) == ["UntagResource", "TagResource"]
    assert {key: value for key, value in console.tags(A).items() if "owner" not in key} == {"team": "z"}
    lab.run(120)
    assert console.changes(mark) == ["UntagResource", "TagResource"]


DRIFTS = [
    pytest.param(lambda c: c.register(B, 1, 2), "/spec/maxCapacity", id="capacity of the second resource"),
    pytest.param(
        lambda c: c.put(B, 5.0), "/spec/targetTrackingScalingPolicyConfiguration/targetValue", id="its target"
    ),
    pytest.param(
        lambda c: c.register(A, SuspendedState={"DynamicScalingInSuspended": True}),
        "/spec/suspendedState/dynamicScalingInSuspended",
        id="suspended",
    ),
    pytest.param(
        lambda c: c.client.delete_scaling_policy(PolicyName=NAME, **c.named(A)), "/spec/policyName", id="no policy"
    ),
    pytest.param(lambda c: c.deregister(B), "/spec/resourceId", id="no target"),
]


@pytest.mark.parametrize(("change", "path"), DRIFTS)
def test_what_is_changed_from_outside_is_put_back(lab: Lab, console: Console, change: Any, path: str) -> None:
    deploy(lab, "a", "b")
    lab.cluster.apply(annotated(scaling("a", "b"), drift_mode="Correct"))
    lab.run(until=lambda: lab.is_ready(HAP))
    lab.run(120)
    wanted = (_without_times(console.targets()), _without_times(console.policies()))
    change(console)
    lab.run(70)
    assert (_without_times(console.targets()), _without_times(console.policies())) == wanted
    assert any(reason.startswith("Externally") and path in message for _, reason, message in lab.around.emitted)
    assert (lab.is_ready(HAP), lab.status(HAP)["drift"]["state"]) == (True, "Corrected")


@pytest.mark.parametrize(("change", "path"), DRIFTS)
def test_what_is_changed_from_outside_is_reported(lab: Lab, console: Console, change: Any, path: str) -> None:
    applied(lab, "a", "b")
    lab.run(120)
    change(console)
    mark = lab.simulator.mark()
    lab.run(150)
    assert console.changes(mark) == []
    assert "Drifted" in lab.types(HAP)
    found = lab.status(HAP)["drift"]["differences"]
    assert [difference["path"] for difference in found] == [path]
    lab.cluster.annotate(HAP, drift_mode="Correct")
    lab.settle()
    lab.run(70)
    assert (lab.is_ready(HAP), lab.types(HAP)) == (True, {"Ready"})


def test_what_others_made_needs_adoption(lab: Lab, console: Console) -> None:
    deploy(lab, "a", "b")
    console.register(A, 2, 7)
    console.put(A, 5.0)
    mark = lab.simulator.mark()
    lab.cluster.apply(scaling("a", "b"))
    lab.settle()
    assert (lab.reason(HAP), lab.status(HAP)["hostingAutoscalingPolicyStatus"]) == ("AdoptionRequired", "Error")
    assert set(console.targets()) == {A, B}
    assert console.targets()[A]["MaxCapacity"] == 7
    assert [key for op, key in lab.simulator.mutations(mark)] == [B, B]
    lab.cluster.annotate(HAP, adopt="true")
    lab.run(until=lambda: lab.is_ready(HAP))
    assert console.targets()[A]["MaxCapacity"] == 4
    assert "sagemaker-gitops.dev/owner" in console.tags(A)


def test_another_owners_target_is_left_alone(lab: Lab, console: Console) -> None:
    applied(lab, "a")
    other = lab.cluster.apply(annotated(scaling("a", name="other", maxCapacity=9), adopt="true"))
    lab.settle()
    assert (lab.reason(other), console.targets()[A]["MaxCapacity"]) == ("OwnedByAnother", 4)
    lab.cluster.delete(other)
    lab.settle()
    assert (other in lab.cluster.objects, set(console.targets())) == (False, {A})


def two_taken(lab: Lab, console: Console) -> tuple[Key, Key]:
    """Two of the archived operator's on one variant."""
    deploy(lab, "a")
    console.register(A)
    keys = []
    for name, metric in (("quick", INVOCATIONS), ("slow", BUSY)):
        console.put(A, name=name, custom=metric is BUSY)
        status = {"policyName": name, "hostingAutoscalingPolicyStatus": "Created", "resourceIDList": [A]}
        tracking = {"targetValue": 60, **metric}
        body = scaling("a", name=name, policyName=name, targetTrackingScalingPolicyConfiguration=tracking)
        keys.append(lab.cluster.apply({**body, "status": status}))
    lab.run(until=lambda: ready(lab, *keys))
    return keys[0], keys[1]


def test_a_target_that_another_policy_uses_is_not_deregistered(lab: Lab, console: Console) -> None:
    quick, slow = two_taken(lab, console)
    mark = lab.simulator.mark()
    lab.cluster.delete(quick)
    lab.run(600, step_s=60)
    assert quick not in lab.cluster.objects
    assert (list(console.policies()), lab.reason(slow), ready(lab, slow)) == ([f"{A} slow"], "Created", True)
    assert console.changes(mark) == ["DeleteScalingPolicy"]
    assert [message for _, reason, message in lab.around.emitted if reason == "ScalingKept"] == [
        f"{A} stays a scalable target: slow scales it too"
    ]
    lab.cluster.delete(slow)
    lab.settle()
    assert console.targets() == {}


def test_of_two_that_go_at_once_the_last_takes_the_target_along(
    lab: Lab, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, slow = two_taken(lab, console)
    send = lab.aws.write

    def meanwhile(tenant: Any, call: Call) -> Any:
        """The other one's policy goes after this one was found beside it."""
        if call.params.get("PolicyName") == "quick":
            console.client.delete_scaling_policy(PolicyName="slow", **console.named(A))
        return send(tenant, call)

    monkeypatch.setattr(lab.aws, "write", meanwhile)
    lab.cluster.delete(quick)
    lab.reconcile(quick)
    monkeypatch.undo()
    assert console.targets() == {}
    lab.cluster.delete(slow)
    lab.settle()
    assert {quick, slow} & lab.cluster.objects.keys() == set()


def test_a_variant_that_is_taken_out_stays_a_target_of_others(lab: Lab, console: Console) -> None:
    deploy(lab, "a", "b")
    lab.cluster.apply(scaling("a", "b"))
    lab.run(until=lambda: ready(lab, HAP))
    console.put(B, name="theirs", custom=True)
    lab.cluster.apply(scaling("a"))
    lab.run(300, step_s=20)
    assert set(console.policies()) == {f"{A} {NAME}", f"{B} theirs"}
    assert (lab.reason(HAP), lab.status(HAP)["resourceIDList"]) == ("Created", [A])


def test_a_second_policy_on_a_variant_is_refused_with_the_way_out(lab: Lab, console: Console) -> None:
    applied(lab, "a")
    other = lab.cluster.apply(scaling("a", name="other", policyName="second"))
    lab.settle()
    assert lab.reason(other) == "OwnedByAnother"
    message = lab.condition(other, "Ready")["message"]
    assert f"{A} is scaled by HostingAutoscalingPolicy team/scale" in message
    assert "take the variant out there" in message
    lab.cluster.delete(HAP)
    lab.run(until=lambda: ready(lab, other), step_s=60)
    assert list(console.policies()) == [f"{A} second"]


def test_two_on_one_variant_are_both_put_on_again_after_a_rollout(lab: Lab, console: Console) -> None:
    keys = two_taken(lab, console)
    lab.cluster.apply(endpoint("a", instanceType="ml.m5.xlarge"))
    lab.run(300, step_s=20)
    lab.run(until=lambda: ready(lab, *keys, Key("HostingDeployment", "team", "a")), step_s=20)
    assert set(console.policies()) == {f"{A} quick", f"{A} slow"}
    lab.run(120, step_s=20)
    mark = lab.simulator.mark()
    lab.run(1800, step_s=60)
    assert (console.changes(mark), ready(lab, *keys)) == ([], True)


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        pytest.param("lab/team/HostingAutoscalingPolicy/scale", "Created", id="by us, and no read told: it goes on"),
        pytest.param("lab/team/HostingAutoscalingPolicy/other", "OwnedByAnother", id="by another"),
    ],
)
def test_a_target_that_was_registered_since_it_was_looked_for(
    lab: Lab, console: Console, monkeypatch: pytest.MonkeyPatch, owner: str, reason: str
) -> None:
    send = lab.aws.write

    def overtaken(tenant: Any, call: Call) -> Any:
        if call.operation == "RegisterScalableTarget" and not console.targets():
            console.register(A, Tags={"sagemaker-gitops.dev/owner": owner})
        return send(tenant, call)

    deploy(lab, "a")
    monkeypatch.setattr(lab.aws, "write", overtaken)
    lab.cluster.apply(scaling("a"))
    lab.run(30)
    assert lab.reason(HAP) == reason


def test_an_object_of_the_archived_operator_is_taken_over_with_its_tags_alone(lab: Lab, console: Console) -> None:
    deploy(lab, "a", "b")
    for each in (A, B):
        console.register(each)
        console.put(each)
    mark = lab.simulator.mark()
    written_back: dict[str, Any] = {
        "policyName": NAME,
        "policyType": "TargetTrackingScaling",
        "serviceNamespace": "sagemaker",
        "scalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "suspendedState": {
            "dynamicScalingInSuspended": False,
            "dynamicScalingOutSuspended": False,
            "scheduledScalingSuspended": False,
        },
    }
    status = {"policyName": NAME, "hostingAutoscalingPolicyStatus": "Created", "resourceIDList": [A, B]}
    lab.cluster.apply({**scaling("a", "b", **written_back), "status": status})
    lab.settle()
    assert lab.status(HAP)["hostingAutoscalingPolicyStatus"] == "Created"
    lab.run(until=lambda: lab.is_ready(HAP))
    assert console.changes(mark) == ["TagResource", "TagResource"]
    looks = {"DescribeScalableTargets": 1, "DescribeScalingPolicies": 1}
    assert Counter(console.calls(mark)) == {**looks, "TagResource": 2}
    assert {key: lab.status(HAP)[key] for key in status} == status
    lab.cluster.delete(HAP)
    lab.settle()
    assert (HAP in lab.cluster.objects, console.targets()) == (False, {})


def test_what_is_refused_for_good_is_said_in_the_services_words_and_not_sent_again(lab: Lab, console: Console) -> None:
    deploy(lab, "a", "b")
    said = "cannot register a variant with ml.t2.medium"
    refusal = {"type": "error", "code": "ValidationException", "message": said}
    lab.simulator.rules({"match": {"service": SERVICE, "op": "Register*", "name": A}, "action": refusal})
    lab.cluster.apply(scaling("a", "b"))
    lab.run(10)
    assert set(console.targets()) == {B}
    lab.run(1300)
    assert (lab.reason(HAP), lab.types(HAP)) == ("Rejected", {"Stalled"})
    assert said in lab.status(HAP)["additional"]
    assert lab.status(HAP)["hostingAutoscalingPolicyStatus"] == "Error"
    asked = [row["key"] for row in lab.simulator.requests(service=SERVICE, op="RegisterScalableTarget")]
    assert asked == [A, B]
    assert set(console.targets()) == {B}
    lab.simulator.clear_rules()
    lab.cluster.annotate(HAP, retry="1")
    lab.run(until=lambda: lab.is_ready(HAP))


def test_what_is_refused_in_words_that_nobody_knows_holds_back_its_variant_alone(lab: Lab, console: Console) -> None:
    deploy(lab, "a", "b")
    refusal = {"type": "error", "code": "ValidationException", "message": "who knows"}
    lab.simulator.rules({"match": {"service": SERVICE, "op": "Register*", "name": A}, "action": refusal})
    lab.cluster.apply(scaling("a", "b"))
    lab.run(10)
    assert set(console.targets()) == {B}
    assert (lab.reason(HAP), lab.types(HAP)) == ("RefusalUnknown", {"Reconciling"})
    lab.run(1300)
    asked = [row["key"] for row in lab.simulator.requests(service=SERVICE, op="RegisterScalableTarget")]
    assert asked.count(B) == 1
    assert 5 <= asked.count(A) <= 8
    lab.simulator.clear_rules()
    lab.run(3700, until=lambda: lab.is_ready(HAP))
    assert set(console.targets()) == {A, B}


def test_throttled_it_goes_on_by_itself(lab: Lab, console: Console) -> None:
    deploy(lab, "a", "b")
    throttle = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}
    lab.simulator.rules({"match": {"service": SERVICE, "count": 4}, "action": throttle})
    lab.cluster.apply(scaling("a", "b"))
    lab.run(600, until=lambda: lab.is_ready(HAP))
    assert set(console.policies()) == {f"{A} {NAME}", f"{B} {NAME}"}


@pytest.mark.parametrize("op", ["RegisterScalableTarget", "PutScalingPolicy"])
def test_a_lost_reply_is_found_again(lab: Lab, console: Console, op: str) -> None:
    deploy(lab, "a")
    lab.simulator.rules({"match": {"service": SERVICE, "op": op, "count": 1}, "action": {"type": "drop_after"}})
    lab.cluster.apply(scaling("a"))
    lab.run(until=lambda: lab.is_ready(HAP))
    assert set(console.policies()) == {f"{A} {NAME}"}


def test_the_region_of_what_exists_cannot_change(lab: Lab, console: Console) -> None:
    applied(lab, "a")
    lab.cluster.apply(scaling("a", region="eu-west-1"))
    lab.settle()
    assert lab.reason(HAP) == "IdentityChanged"
    lab.cluster.delete(HAP)
    lab.settle()
    assert (HAP in lab.cluster.objects, console.targets()) == (False, {})


def _without_times(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What remains comparable when a thing was made anew."""
    new = ("CreationTime", "ScalableTargetARN", "PolicyARN", "Alarms")
    return {name: {k: v for k, v in thing.items() if k not in new} for name, thing in found.items()}
