"""Autoscaling and the rollouts and deletions of its endpoint: neither may stand in the other's way (D-5.15, SM-152)."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.support.lab import IMAGE, Lab, annotated, hosting
from tests.support.lab_scaling import NAME, SERVICE, Console, endpoint, ready, resource, scaling
from tests.support.simulator_control import SimControl

A = resource("a")
HAP = Key("HostingAutoscalingPolicy", "team", "scale")
HOSTING = Key("HostingDeployment", "team", "a")
LARGER = {"instanceType": "ml.m5.xlarge"}
TAKEN_OFF, PUT_ON = ["DeregisterScalableTarget"], ["RegisterScalableTarget", "PutScalingPolicy"]


@pytest.fixture
def console(simulator: SimControl) -> Console:
    return Console(simulator)


@pytest.fixture
def scaled(lab: Lab) -> Lab:
    """An endpoint in service under a policy of 1 to 4 instances."""
    lab.cluster.apply(endpoint("a"))
    lab.cluster.apply(scaling("a"))
    lab.run(until=lambda: ready(lab, HOSTING, HAP), step_s=30)
    lab.run(120)
    return lab


def _live(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = lab.simulator.client().describe_endpoint(EndpointName="a")
    return found


def _scale_out(lab: Lab, count: int, variant: str = "variant-model-0") -> None:
    """What the policy's alarm, or a person, would do."""
    change = {"VariantName": variant, "DesiredInstanceCount": count}
    lab.simulator.client().update_endpoint_weights_and_capacities(
        EndpointName="a", DesiredWeightsAndCapacities=[change]
    )
    lab.run(120, step_s=30)


@pytest.mark.holds("D-5.15")
def test_another_instance_type_takes_scaling_off_updates_and_puts_it_on_again(scaled: Lab, console: Console) -> None:
    lab = scaled
    _scale_out(lab, 3)
    mark = lab.simulator.mark()
    lab.cluster.apply(endpoint("a", **LARGER))
    lab.settle()
    assert "Drifted" not in lab.types(HAP)
    lab.run(until=lambda: ready(lab, HOSTING, HAP))
    changes = [op for op in console.changes(mark) if not op.startswith(("Create", "DeleteE", "DeleteM"))]
    assert changes == ["DeregisterScalableTarget", "UpdateEndpoint", "RegisterScalableTarget", "PutScalingPolicy"]
    assert not [row for row in lab.simulator.requests(mark) if row["code"] != "OK"]
    assert _live(lab)["ProductionVariants"][0]["CurrentInstanceCount"] == 3
    assert set(console.policies()) == {f"{A} {NAME}"}
    assert not [reason for _, reason, _ in lab.around.emitted if reason.startswith("Externally")]
    mark = lab.simulator.mark()
    lab.run(200)
    assert console.changes(mark) == [] or set(console.changes(mark)) <= {"DeleteEndpointConfig", "DeleteModel"}


def test_while_the_endpoint_moves_the_policy_waits_and_says_so(scaled: Lab) -> None:
    lab = scaled
    lab.cluster.apply(endpoint("a", **LARGER))
    lab.run(30)
    assert (lab.reason(HAP), lab.types(HAP)) == ("DependencyNotReady", {"Reconciling"})
    assert lab.status(HAP)["hostingAutoscalingPolicyStatus"] == "Reconciling"


@pytest.mark.holds("D-5.15")
def test_a_rollback_puts_scaling_on_again(scaled: Lab, console: Console) -> None:
    lab = scaled
    outcome = {"type": "endpoint_outcome", "outcome": "rollback", "reason": "did not start"}
    lab.simulator.rules({"match": {"op": "UpdateEndpoint"}, "action": outcome})
    lab.cluster.apply(endpoint("a", **LARGER))
    lab.run(until=lambda: lab.reason(HOSTING) == "RevisionQuarantined")
    lab.run(until=lambda: lab.is_ready(HAP))
    assert set(console.policies()) == {f"{A} {NAME}"}
    mark = lab.simulator.mark()
    lab.run(300)
    assert console.changes(mark) == []
    lab.simulator.clear_rules()
    lab.cluster.apply(endpoint("a"))
    lab.run(until=lambda: ready(lab, HOSTING, HAP))
    assert console.changes(mark) == []


def test_a_second_rollout_takes_it_off_again(scaled: Lab, console: Console) -> None:
    lab = scaled
    for size in ("ml.m5.xlarge", "ml.m5.2xlarge"):
        lab.cluster.apply(endpoint("a", instanceType=size))
        lab.run(until=lambda: ready(lab, HOSTING, HAP))
    assert set(console.targets()) == {A}
    assert [op for op in console.changes() if op == "DeregisterScalableTarget"] == ["DeregisterScalableTarget"] * 2


@pytest.mark.holds("D-5.14")
def test_another_image_leaves_scaling_alone_and_keeps_the_count(scaled: Lab, console: Console) -> None:
    lab = scaled
    _scale_out(lab, 4)
    mark = lab.simulator.mark()
    lab.cluster.apply(endpoint("a", image=IMAGE.replace(":", ":next-")))
    lab.run(until=lambda: ready(lab, HOSTING))
    assert not [op for op in console.changes(mark) if "Scal" in op]
    assert _live(lab)["ProductionVariants"][0]["CurrentInstanceCount"] == 4


def _two(count: int, **annotations: str) -> dict[str, Any]:
    """Beside the variant that the policy scales one that nothing scales, of so many instances."""
    body = hosting("a", models=2, endpointName="a")
    body["spec"]["productionVariants"][1]["initialInstanceCount"] = count
    return annotated(body, **annotations)


def _counts(lab: Lab) -> list[int]:
    return [variant["CurrentInstanceCount"] for variant in _live(lab)["ProductionVariants"]]


@pytest.mark.parametrize("mode", ["Correct", "Warn", "Ignore"])
def test_gits_count_of_the_variant_that_nothing_scales_is_set_in_every_mode(
    lab: Lab, console: Console, mode: str
) -> None:
    lab.cluster.apply(_two(1, drift_mode=mode))
    lab.cluster.apply(scaling("a"))
    lab.run(until=lambda: ready(lab, HOSTING, HAP), step_s=30)
    _scale_out(lab, 3)
    mark = lab.simulator.mark()
    lab.cluster.apply(_two(2, drift_mode=mode))
    lab.run(until=lambda: ready(lab, HOSTING, HAP) and _counts(lab) == [3, 2])
    assert console.changes(mark) == ["CreateEndpointConfig", "UpdateEndpoint", "UpdateEndpointWeightsAndCapacities"]
    assert "Drifted" not in lab.types(HOSTING)
    assert "corrected" not in lab.status(HOSTING)["drift"]
    assert [entry["result"] for entry in lab.status(HOSTING)["history"]] == ["Succeeded", "Succeeded"]
    lab.run(600, step_s=30)
    assert _counts(lab) == [3, 2]


def test_a_count_changed_by_hand_after_it_was_set_is_drift_as_ever(lab: Lab) -> None:
    lab.cluster.apply(_two(1))
    lab.cluster.apply(scaling("a"))
    lab.run(until=lambda: ready(lab, HOSTING, HAP), step_s=30)
    lab.cluster.apply(_two(2))
    lab.run(until=lambda: ready(lab, HOSTING, HAP) and _counts(lab) == [1, 2])
    _scale_out(lab, 4, "variant-model-1")
    lab.run(300, step_s=30)
    assert _counts(lab) == [1, 4]
    paths = [one["path"] for one in lab.status(HOSTING)["drift"]["differences"]]
    assert paths == ["/spec/productionVariants/1/initialInstanceCount"]


def test_a_rolled_back_update_sets_no_count(lab: Lab, console: Console) -> None:
    lab.cluster.apply(_two(1))
    lab.cluster.apply(scaling("a"))
    lab.run(until=lambda: ready(lab, HOSTING, HAP), step_s=30)
    _scale_out(lab, 4, "variant-model-1")
    outcome = {"type": "endpoint_outcome", "outcome": "rollback", "reason": "did not start"}
    lab.simulator.rules({"match": {"op": "UpdateEndpoint"}, "action": outcome})
    lab.cluster.apply(_two(2))
    lab.run(until=lambda: lab.reason(HOSTING) == "RevisionQuarantined")
    mark = lab.simulator.mark()
    lab.cluster.apply(_two(1))
    lab.run(300, step_s=30)
    assert (_counts(lab), console.changes(mark)) == ([1, 4], [])


def test_a_variant_that_goes_takes_its_scaling_along(lab: Lab, console: Console) -> None:
    both = endpoint("a")
    both["spec"]["productionVariants"].append({**both["spec"]["productionVariants"][0], "variantName": "second"})
    lab.cluster.apply(both)
    policy = scaling("a")
    policy["spec"]["resourceId"].append({"endpointName": "a", "variantName": "second"})
    lab.cluster.apply(policy)
    lab.run(until=lambda: ready(lab, HOSTING, HAP), step_s=30)
    lab.cluster.apply(endpoint("a"))
    lab.run(until=lambda: ready(lab, HOSTING))
    lab.run(60)
    assert set(console.targets()) == {A}
    assert (lab.reason(HAP), lab.types(HAP)) == ("DependencyNotReady", {"Reconciling"})
    assert "has no variant second" in lab.condition(HAP, "Ready")["message"]
    lab.cluster.apply(scaling("a"))
    lab.run(until=lambda: lab.is_ready(HAP))


def test_scaling_of_others_is_not_taken_off(lab: Lab, console: Console) -> None:
    lab.cluster.apply(endpoint("a"))
    lab.run(until=lambda: lab.is_ready(HOSTING), step_s=30)
    console.register(A)
    mark = lab.simulator.mark()
    lab.cluster.apply(endpoint("a", **LARGER))
    lab.run(120)
    assert (lab.reason(HOSTING), lab.types(HOSTING)) == ("ScaledByAnother", {"Stalled", "Healthy"})
    assert "UpdateEndpoint" not in console.changes(mark)
    console.deregister(A)
    lab.run(until=lambda: lab.is_ready(HOSTING))


def test_a_policy_edited_during_the_update_is_applied_as_edited(scaled: Lab, console: Console) -> None:
    lab = scaled
    lab.cluster.apply(endpoint("a", **LARGER))
    lab.run(30)
    lab.cluster.apply(scaling("a", maxCapacity=8))
    lab.run(until=lambda: ready(lab, HOSTING, HAP))
    assert console.targets()[A]["MaxCapacity"] == 8


def test_a_policy_deleted_during_the_update_stays_away(scaled: Lab, console: Console) -> None:
    lab = scaled
    lab.cluster.apply(endpoint("a", **LARGER))
    lab.run(30)
    lab.cluster.delete(HAP)
    lab.settle()
    assert HAP not in lab.cluster.objects
    lab.run(until=lambda: ready(lab, HOSTING))
    lab.run(120)
    assert console.targets() == {}


def test_a_throttled_deregistration_and_update_go_on(scaled: Lab, console: Console) -> None:
    lab = scaled
    throttle = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}
    lab.simulator.rules(
        {"match": {"service": SERVICE, "op": "DeregisterScalableTarget", "count": 2}, "action": throttle},
        {"match": {"op": "UpdateEndpoint", "count": 1}, "action": throttle},
    )
    lab.cluster.apply(endpoint("a", **LARGER))
    lab.run(until=lambda: ready(lab, HOSTING, HAP))
    assert set(console.policies()) == {f"{A} {NAME}"}
    assert lab.condition(HOSTING, "Ready")["reason"] == "InService"


@pytest.mark.parametrize("said", ["Variant main is registered as a scalable target", "words that nobody has recorded"])
def test_a_target_that_is_registered_between_look_and_update_is_taken_off_after_all(
    scaled: Lab, console: Console, said: str
) -> None:
    """Targets are looked at before each update, so after a refusal as well, whatever its words."""
    lab = scaled
    error = {"type": "error", "code": "ValidationException", "message": said}
    lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": error})
    lab.cluster.apply(endpoint("a", **LARGER))
    lab.run(until=lambda: ready(lab, HOSTING, HAP))
    assert set(console.policies()) == {f"{A} {NAME}"}


def test_no_right_to_deregister_is_said(scaled: Lab) -> None:
    lab = scaled
    denied = {"type": "error", "code": "AccessDeniedException", "message": "not authorized to perform: deregister"}
    lab.simulator.rules({"match": {"service": SERVICE, "op": "Deregister*"}, "action": denied})
    lab.cluster.apply(endpoint("a", **LARGER))
    lab.run(60)
    assert (lab.reason(HOSTING), "Stalled" in lab.types(HOSTING)) == ("AccessDenied", True)
    lab.simulator.clear_rules()
    lab.run(until=lambda: ready(lab, HOSTING, HAP))


@pytest.mark.parametrize("order", ["policy first", "endpoint first", "together"])
def test_deletion_works_in_every_order(scaled: Lab, console: Console, order: str) -> None:
    lab = scaled
    first, second = (HAP, HOSTING) if order == "policy first" else (HOSTING, HAP)
    lab.cluster.delete(first)
    if order != "together":
        lab.run(until=lambda: first not in lab.cluster.objects)
    if order == "endpoint first":
        lab.run(120)
        assert (lab.reason(HAP), lab.types(HAP)) == ("DependencyNotReady", {"Reconciling"})
        assert "resourceIDList" not in lab.status(HAP)
    lab.cluster.delete(second)
    lab.run(until=lambda: not lab.cluster.objects)
    assert console.targets() == {}
    assert not lab.simulator.client().list_endpoints()["Endpoints"]


def test_an_endpoint_whose_scaling_may_not_go_says_why(scaled: Lab) -> None:
    lab = scaled
    said = (
        "An Application AutoScaling scalable target exists for a variant being deleted, and the IAM identity used to invoke "
        "DeleteEndpoint does not have application-autoscaling:DeregisterScalableTarget permission to deregister the target."
    )
    error = {"type": "error", "code": "ValidationException", "message": said}
    lab.simulator.rules({"match": {"op": "DeleteEndpoint"}, "action": error})
    lab.cluster.delete(HOSTING)
    lab.run(60)
    assert (lab.reason(HOSTING), "Stalled" in lab.types(HOSTING)) == ("AccessDenied", True)
    lab.simulator.clear_rules()
    lab.run(until=lambda: HOSTING not in lab.cluster.objects)


def test_an_endpoint_made_anew_is_scaled_again(scaled: Lab, console: Console) -> None:
    lab = scaled
    lab.cluster.delete(HOSTING)
    lab.run(until=lambda: HOSTING not in lab.cluster.objects)
    lab.run(90)
    lab.cluster.apply(endpoint("a"))
    lab.run(until=lambda: ready(lab, HOSTING, HAP), step_s=30)
    assert set(console.policies()) == {f"{A} {NAME}"}


@pytest.mark.endurance
def test_a_process_that_dies_anywhere_in_an_update_under_scaling_ends_the_same(lab: Lab, console: Console) -> None:
    """At every boundary: before and after each AWS call and each write to the cluster."""

    def over() -> bool:
        current = all(lab.status(k).get("observedGeneration") == generation[k] for k in (HOSTING, HAP))
        return current and ready(lab, HOSTING, HAP)

    generation: dict[Key, int] = {}
    for die_at in range(100):
        lab.start_over()
        generation = {lab.cluster.apply(endpoint("a")): 1, lab.cluster.apply(scaling("a")): 1}
        lab.run(until=over, step_s=60)
        mark = lab.simulator.mark()
        lab.cluster.apply(endpoint("a", **LARGER))
        generation[HOSTING] = 2
        died = lab.run_and_die(die_at, over)
        changes = [op for op in console.changes(mark) if "Scal" in op or op == "UpdateEndpoint"]
        assert changes.count("UpdateEndpoint") == 1, died
        assert set(console.policies()) == {f"{A} {NAME}"}, died
        assert console.tags(A)["sagemaker-gitops.dev/owner"].endswith("HostingAutoscalingPolicy/scale"), died
        assert not [row for row in lab.simulator.requests(mark, service=SERVICE) if row["code"] != "OK"], died
        if died is None:
            assert changes == [*TAKEN_OFF, "UpdateEndpoint", *PUT_ON]
            return
    raise AssertionError("there is no end to it")


def test_a_hold_of_another_instance_type_takes_scaling_off_too(scaled: Lab, console: Console) -> None:
    lab = scaled
    lab.cluster.apply(endpoint("a", **LARGER))
    lab.run(until=lambda: ready(lab, HOSTING, HAP))
    lab.run(60)
    mark = lab.simulator.mark()
    lab.cluster.annotate(HOSTING, rollback_to="1")
    lab.run(until=lambda: lab.reason(HOSTING) == "RollbackHeld" and ready(lab, HOSTING, HAP))
    assert console.changes(mark) == [*TAKEN_OFF, "UpdateEndpoint", *PUT_ON]
    assert not [row for row in lab.simulator.requests(mark) if row["code"] != "OK"]


def test_a_hold_of_the_same_instance_type_leaves_scaling_on(scaled: Lab, console: Console) -> None:
    lab = scaled
    lab.cluster.apply(endpoint("a", image="lab:2"))
    lab.run(until=lambda: ready(lab, HOSTING, HAP))
    _scale_out(lab, 3)
    mark = lab.simulator.mark()
    lab.cluster.annotate(HOSTING, rollback_to="1")
    lab.run(until=lambda: lab.reason(HOSTING) == "RollbackHeld" and ready(lab, HOSTING, HAP))
    assert console.changes(mark) == ["UpdateEndpoint"]
    assert _live(lab)["ProductionVariants"][0]["CurrentInstanceCount"] == 3


def test_nothing_is_registered_while_the_deployments_rollout_cannot_be_read(scaled: Lab, console: Console) -> None:
    lab = scaled
    lab.cluster.rewrite(HOSTING, lambda status: status.update(rollout="x"))
    lab.cluster.apply(scaling("a", minCapacity=2))
    mark = lab.simulator.mark()
    lab.run(600, step_s=60)
    assert lab.reason(HAP) == "DependencyNotReady"
    assert console.changes(mark) == []
