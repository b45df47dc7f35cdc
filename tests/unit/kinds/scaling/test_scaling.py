"""What is decided about a HostingAutoscalingPolicy: tables of `kinds.scaling`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reconciler.adapters.aws.errors import translate
from reconciler.core.conditions import stamp
from reconciler.core.decision import Decision, Phase, Refusal, Reply
from reconciler.core.drift.policy import DriftMode, Policy
from reconciler.core.errors import RateLimitedError, ReconcileError, TerminalError, ThrottledError, UnknownRefusalError
from reconciler.core.kind import Failure
from reconciler.core.ownership import Owner
from reconciler.core.records.scaling import ScalingTarget
from reconciler.core.references import Snapshot
from reconciler.kinds.hosting_autoscaling_policy import KIND
from reconciler.kinds.scaling import content
from reconciler.kinds.scaling.drift import differences
from reconciler.kinds.scaling.observed import ScalingObserved, VariantObserved
from tests.support.lab_scaling import INSTANCES, INVOCATIONS, NAME, endpoint, resource, scaling
from tests.support.passes import NOW, a_pass, verbs
from tests.support.passes import resource as an_object

PREDEFINED = {"targetValue": 60, **INVOCATIONS}
ARN = "arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/1"
STEPS = {"adjustmentType": "ChangeInCapacity", "stepAdjustments": [{"scalingAdjustment": 1}]}
METRIC = {"metricName": "m", "namespace": "n", "statistic": "Sum"}
TRACKING = "targetTrackingScalingPolicyConfiguration"


def spec_of(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = scaling("a", **changes)["spec"]
    return found


# --- what is wanted ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"resourceId": None}, "/spec/resourceId: ", id="no resources"),
        pytest.param(
            {"resourceId": [{"endpointName": "a", "variantName": "v"}, {"endpointName": "b"}]},
            "/spec/resourceId/1/variantName: ",
            id="half a resource",
        ),
        pytest.param({"resourceId": [{"variantName": "v"}]}, "/spec/resourceId/0/endpointName: ", id="the other half"),
        pytest.param({TRACKING: None}, f"/spec/{TRACKING}: ", id="no configuration"),
        pytest.param({TRACKING: INVOCATIONS}, f"/spec/{TRACKING}/targetValue: ", id="no target value"),
        pytest.param({TRACKING: {"targetValue": 1}}, f"/spec/{TRACKING}: exactly one", id="no metric"),
        pytest.param(
            {TRACKING: {**PREDEFINED, "customizedMetricSpecification": METRIC}},
            f"/spec/{TRACKING}: exactly one",
            id="two metrics",
        ),
        pytest.param(
            {TRACKING: {"targetValue": 1, "predefinedMetricSpecification": {}}},
            f"/spec/{TRACKING}/predefinedMetricSpecification/predefinedMetricType: ",
            id="a predefined metric without a type",
        ),
        pytest.param({"minCapacity": None}, "/spec/minCapacity: ", id="no lower bound"),
        pytest.param({"maxCapacity": None}, "/spec/maxCapacity: ", id="no upper bound"),
        pytest.param({"minCapacity": 5}, "/spec/minCapacity: must not be greater", id="bounds the wrong way round"),
        pytest.param({"serviceNamespace": "ecs"}, "/spec/serviceNamespace: ", id="another service"),
        pytest.param(
            {"scalableDimension": "sagemaker:inference-component:DesiredCopyCount"},
            "/spec/scalableDimension: ",
            id="a dimension of something else",
        ),
        pytest.param(
            {"policyType": "StepScaling"}, "/spec/stepScalingPolicyConfiguration: ", id="a type without configuration"
        ),
        pytest.param({"policyType": "Other"}, "/spec/policyType: ", id="an unknown type"),
    ],
)
def test_what_cannot_be_asked_for_names_its_field(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(TerminalError, match=f"^{re.escape(said)}") as refusal:
        content.desired(a_pass(KIND, scaling("a", **changes)))
    assert refusal.value.reason == "InvalidSpec"


def _hash(**changes: Any) -> str:
    return content.desired(a_pass(KIND, scaling("a", **changes)))[0].hash


@pytest.mark.parametrize(
    "same",
    [
        {TRACKING: {**PREDEFINED, "targetValue": 60.0}},
        {"policyName": NAME, "policyType": "TargetTrackingScaling", "serviceNamespace": "sagemaker"},
        {"scalableDimension": INSTANCES, "policyName": ""},
        {"suspendedState": {"dynamicScalingInSuspended": False}},
        {TRACKING: {**PREDEFINED, "disableScaleIn": False}},
        {"tags": [{"key": "a", "value": "b"}]},
    ],
    ids=["60.0", "written back", "empty name", "nothing suspended", "a documented default", "tags"],
)
def test_ways_of_saying_the_same(same: dict[str, Any]) -> None:
    assert _hash(**same) == _hash()


@pytest.mark.parametrize(
    "other",
    [{"maxCapacity": 5}, {"policyName": "other"}, {"suspendedState": {"scheduledScalingSuspended": True}}],
    ids=["capacity", "name", "suspended"],
)
def test_other_content_is_other(other: dict[str, Any]) -> None:
    assert _hash(**other) != _hash()


def test_the_requests_are_whole() -> None:
    want = content.desired(a_pass(KIND, scaling("a", suspendedState={"dynamicScalingInSuspended": True})))[0]
    where = {"ServiceNamespace": "sagemaker", "ResourceId": resource("a"), "ScalableDimension": INSTANCES}
    assert want.register(new=False).params == {
        **where,
        "MinCapacity": 1,
        "MaxCapacity": 4,
        "SuspendedState": {
            "DynamicScalingInSuspended": True,
            "DynamicScalingOutSuspended": False,
            "ScheduledScalingSuspended": False,
        },
    }
    assert want.register(new=True).params["Tags"] == {
        "sagemaker-gitops.dev/owner": "lab/team/HostingAutoscalingPolicy/scale"
    }
    assert want.put().params == {
        **where,
        "PolicyName": NAME,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 60,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    }


def test_a_configuration_says_its_type() -> None:
    steps: dict[str, Any] = {TRACKING: None, "stepScalingPolicyConfiguration": STEPS}
    want = content.desired(a_pass(KIND, scaling("a", **steps)))[0]
    assert want.put().params["PolicyType"] == "StepScaling"


@pytest.mark.holds("D-3.2")
@pytest.mark.parametrize(
    ("written", "short"),
    [
        pytest.param({"policyName": NAME, "policyType": "TargetTrackingScaling"}, {}, id="defaults"),
        pytest.param({"serviceNamespace": "sagemaker", "scalableDimension": INSTANCES}, {}, id="more defaults"),
        pytest.param({"policyName": "mine"}, {"policyName": "mine"}, id="a name of the author's"),
        pytest.param(
            {"suspendedState": {"dynamicScalingInSuspended": True, "scheduledScalingSuspended": False}},
            {"suspendedState": {"dynamicScalingInSuspended": True}},
            id="half a suspension",
        ),
        pytest.param({"suspendedState": {"scheduledScalingSuspended": False}}, {}, id="no suspension"),
        pytest.param(
            {"policyType": "TargetTrackingScaling", "stepScalingPolicyConfiguration": STEPS},
            {"policyType": "TargetTrackingScaling", "stepScalingPolicyConfiguration": STEPS},
            id="a type beside another one's configuration",
        ),
    ],
)
def test_what_the_archived_operator_wrote_back_is_left_out(written: dict[str, Any], short: dict[str, Any]) -> None:
    spec = KIND.as_written(an_object(scaling("a", **written)))
    assert spec == {**spec_of(), **short}


# --- what differs -----------------------------------------------------------------------------------------------------


def live(**changes: Any) -> dict[str, Any]:
    """A target as described, with what the service adds."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": resource("a"),
        "ScalableDimension": INSTANCES,
        "MinCapacity": 1,
        "MaxCapacity": 4,
        "RoleARN": "arn:aws:iam::123456789012:role/service",
        "CreationTime": NOW,
        "SuspendedState": {"DynamicScalingInSuspended": False},
        "ScalableTargetARN": ARN,
        **changes,
    }


def put(kind: str = "TargetTrackingScaling", **changes: Any) -> dict[str, Any]:
    """A policy as described, with what the service adds."""
    tracking = {
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "ScaleOutCooldown": 300,
        "ScaleInCooldown": 300,
        "DisableScaleIn": False,
    }
    return {
        "PolicyARN": "arn:policy",
        "PolicyName": NAME,
        "PolicyType": kind,
        "TargetTrackingScalingPolicyConfiguration": tracking | changes,
        "Alarms": [{"AlarmName": "TargetTracking-x", "AlarmARN": "arn:alarm"}],
        "CreationTime": NOW,
    }


@pytest.mark.parametrize(
    ("target", "policy", "paths"),
    [
        pytest.param(live(), put(), [], id="what the service adds is no difference"),
        pytest.param(live(SuspendedState={}), put(), [], id="nothing said of suspension"),
        pytest.param(live(MinCapacity=2, MaxCapacity=9), put(), ["minCapacity", "maxCapacity"], id="capacities"),
        pytest.param(
            live(SuspendedState={"DynamicScalingInSuspended": True}),
            put(),
            ["suspendedState/dynamicScalingInSuspended"],
            id="suspended",
        ),
        pytest.param(live(), put(TargetValue=61.0), [f"{TRACKING}/targetValue"], id="target value"),
        pytest.param(live(), put(DisableScaleIn=True), [f"{TRACKING}/disableScaleIn"], id="a documented default"),
        pytest.param(live(), put(ScaleInCooldown=10), [], id="what the author left to the service"),
        pytest.param(live(), put(kind="StepScaling"), ["policyType"], id="another type"),
        pytest.param(live(), None, ["policyName"], id="no policy"),
        pytest.param(live(MaxCapacity=9), None, ["maxCapacity", "policyName"], id="no policy and more"),
    ],
)
def test_differences(target: dict[str, Any], policy: dict[str, Any] | None, paths: list[str]) -> None:
    this = a_pass(KIND, scaling("a"))
    (want,) = content.desired(this)
    found = differences(this.shape, want, target, policy)
    assert {one.path for one in found} == {f"/spec/{path}" for path in paths}
    assert all(resource("a") in one.live for one in found)


def test_lists_are_compared_by_what_is_wanted_of_them() -> None:
    metric = {**METRIC, "dimensions": [{"name": "b", "value": "2"}, {"name": "a", "value": "1"}]}
    custom: dict[str, Any] = {TRACKING: {"targetValue": 1, "customizedMetricSpecification": metric}}
    this = a_pass(KIND, scaling("a", **custom))
    (want,) = content.desired(this)
    found = {
        "MetricName": "m",
        "Namespace": "n",
        "Statistic": "Sum",
        "Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}],
    }
    policy = {
        **put(),
        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1, "CustomizedMetricSpecification": found},
    }
    assert differences(this.shape, want, live(), policy) == ()


# --- what is decided --------------------------------------------------------------------------------------------------

MANIFEST = scaling("a")
(WANT,) = content.desired(a_pass(KIND, MANIFEST))
IN_SERVICE: dict[str, Any] = {"endpoint_known": True, "endpoint": "InService", "variants": ("variant-model-0",)}


def record(**changes: Any) -> ScalingTarget:
    done = ScalingTarget(
        resource("a"),
        dimension=INSTANCES,
        region=str(MANIFEST["spec"]["region"]),
        arn=ARN,
        policy_name=NAME,
        policy_arn="arn:policy",
        hash=WANT.hash,
        tag_hash=WANT.tag_hash,
        registered_at="2026-03-01T11:00:00Z",
    )
    return replace(done, **changes)


INTENT = ScalingTarget(
    resource("a"), dimension=INSTANCES, region=str(MANIFEST["spec"]["region"]), requested_at="2026-03-01T11:59:45Z"
)
OLD = "other"


def past(*records: ScalingTarget, **more: Any) -> dict[str, Any]:
    return {"hostingAutoscalingPolicyStatus": "Created", "targets": [one.record() for one in records], **more}


def rolling(*, token: str = "", **rollout: Any) -> Any:
    """The endpoint's HostingDeployment, having taken the scaling off under that token."""
    scaling_told = [{"target": WANT.variant.target, "token": token}] if token else []
    status = {"endpoint": {"name": "a"}, "rollout": {"scaling": scaling_told, **rollout}}
    return an_object(endpoint("a"), status)


REGISTER, PUT = "RegisterScalableTarget", "PutScalingPolicy"
OPEN = {"requestedAt": "2026-03-01T11:59:00Z", "requested": {"hash": "h", "endpointConfigName": "c"}}


def decided(status: Mapping[str, Any], look: VariantObserved | None, *deployments: Any, **more: Any) -> Decision:
    seen = ScalingObserved({WANT.variant: look} if look else {})
    return KIND.decide(a_pass(KIND, MANIFEST, status, others=Snapshot(*deployments), **more), seen)


def not_sent(status: Mapping[str, Any], failure: Failure, **more: Any) -> Decision:
    """What is shown after a call that did not go through."""
    decision = decided(status, None, failure=failure, **more)
    return decision.without_calls(Refusal(failure.error.reason, str(failure.error)))


@pytest.mark.parametrize(
    ("status", "look", "deployment", "mode", "phase", "reason", "calls"),
    [
        pytest.param(
            {}, VariantObserved(True, **IN_SERVICE), None, "Warn", Phase.ACTING, "Scaling", [REGISTER, PUT], id="new"
        ),
        pytest.param(
            {},
            VariantObserved(True, endpoint_known=True),
            None,
            "Warn",
            Phase.WAITING,
            "DependencyNotReady",
            [],
            id="no endpoint",
        ),
        pytest.param(
            {},
            VariantObserved(True, **IN_SERVICE | {"endpoint": "Updating"}),
            None,
            "Warn",
            Phase.WAITING,
            "DependencyNotReady",
            [],
            id="endpoint busy",
        ),
        pytest.param(
            {},
            VariantObserved(True, **IN_SERVICE | {"variants": ("v",)}),
            None,
            "Warn",
            Phase.WAITING,
            "DependencyNotReady",
            [],
            id="no such variant",
        ),
        pytest.param(
            {},
            VariantObserved(True, live(), owner=Owner.NOBODY, **IN_SERVICE),
            None,
            "Correct",
            Phase.STALLED,
            "AdoptionRequired",
            [],
            id="somebody registered it",
        ),
        pytest.param(
            {},
            VariantObserved(True, live(), owner=Owner.OTHER, **IN_SERVICE),
            None,
            "Correct",
            Phase.STALLED,
            "OwnedByAnother",
            [],
            id="somebody else's",
        ),
        pytest.param(
            past(INTENT),
            VariantObserved(True, live(), owner=Owner.US, **IN_SERVICE),
            None,
            "Warn",
            Phase.ACTING,
            "Scaling",
            [REGISTER, PUT],
            id="registered and forgotten",
        ),
        pytest.param(
            past(record()), VariantObserved(), None, "Warn", Phase.READY, "Created", [], id="no news is good news"
        ),
        pytest.param(
            past(record()),
            VariantObserved(True, live(), put()),
            None,
            "Warn",
            Phase.READY,
            "Created",
            [],
            id="as wanted",
        ),
        pytest.param(
            past(record(hash=OLD)),
            VariantObserved(**IN_SERVICE),
            None,
            "Warn",
            Phase.ACTING,
            "Scaling",
            [REGISTER, PUT],
            id="edited",
        ),
        pytest.param(
            past(record(hash=OLD, policy_name="old")),
            VariantObserved(**IN_SERVICE),
            None,
            "Warn",
            Phase.ACTING,
            "Scaling",
            [REGISTER, "DeleteScalingPolicy", PUT],
            id="renamed",
        ),
        pytest.param(
            past(record(tag_hash=OLD, tag_keys="gone")),
            VariantObserved(),
            None,
            "Warn",
            Phase.ACTING,
            "Scaling",
            ["UntagResource", "TagResource"],
            id="tags",
        ),
        pytest.param(
            past(record()),
            VariantObserved(True, live(MaxCapacity=9), put()),
            None,
            "Correct",
            Phase.ACTING,
            "Scaling",
            [REGISTER],
            id="drift is put back",
        ),
        pytest.param(
            past(record()),
            VariantObserved(True, live(MaxCapacity=9), put()),
            None,
            "Warn",
            Phase.READY,
            "ExternallyModified",
            [],
            id="drift is reported",
        ),
        pytest.param(
            past(record()),
            VariantObserved(True, live(MaxCapacity=9), put()),
            None,
            "Ignore",
            Phase.READY,
            "Created",
            [],
            id="ignored",
        ),
        pytest.param(
            past(record()),
            VariantObserved(True, **IN_SERVICE),
            None,
            "Warn",
            Phase.STALLED,
            "ExternallyDeleted",
            [],
            id="gone, and reported",
        ),
        pytest.param(
            past(record()),
            VariantObserved(True, **IN_SERVICE),
            None,
            "Correct",
            Phase.ACTING,
            "Scaling",
            [REGISTER, PUT],
            id="gone, and put back",
        ),
        pytest.param(
            past(record()),
            VariantObserved(True, endpoint_known=True),
            None,
            "Warn",
            Phase.WAITING,
            "DependencyNotReady",
            [],
            id="gone with its endpoint",
        ),
        pytest.param(
            past(record()),
            VariantObserved(True, **IN_SERVICE),
            rolling(token="1", **OPEN),
            "Correct",
            Phase.WAITING,
            "DependencyNotReady",
            [],
            id="taken off by a rollout that is under way",
        ),
        pytest.param(
            past(record()),
            VariantObserved(True, **IN_SERVICE),
            rolling(token="1", releasing=True),
            "Correct",
            Phase.WAITING,
            "DependencyNotReady",
            [],
            id="taken off by a rollout that is about to begin",
        ),
        pytest.param(
            past(record()),
            VariantObserved(True, **IN_SERVICE),
            rolling(token="1"),
            "Warn",
            Phase.ACTING,
            "Scaling",
            [REGISTER, PUT],
            id="taken off by a rollout that is over",
        ),
        pytest.param(
            past(record(release="1")),
            VariantObserved(True, **IN_SERVICE),
            rolling(token="1"),
            "Warn",
            Phase.STALLED,
            "ExternallyDeleted",
            [],
            id="a rollout that was answered is no excuse",
        ),
        pytest.param(
            past(record()),
            VariantObserved(True, live(), put()),
            rolling(token="1"),
            "Warn",
            Phase.READY,
            "Created",
            [],
            id="about to be taken off, and was not",
        ),
        pytest.param(
            past(record(hash=OLD, refused=WANT.hash, message="no")),
            VariantObserved(**IN_SERVICE),
            None,
            "Warn",
            Phase.STALLED,
            "Rejected",
            [],
            id="refused before",
        ),
        pytest.param(
            past(record(region="eu-west-1")),
            VariantObserved(),
            None,
            "Warn",
            Phase.STALLED,
            "IdentityChanged",
            [],
            id="region",
        ),
        pytest.param(
            {"resourceIDList": [resource("a")], "policyName": NAME},
            VariantObserved(),
            None,
            "Warn",
            Phase.WAITING,
            "Observing",
            [],
            id="taken over, not seen yet",
        ),
        pytest.param(
            {"resourceIDList": [resource("a")], "policyName": NAME},
            VariantObserved(True, live(), put()),
            None,
            "Warn",
            Phase.READY,
            "Created",
            [],
            id="taken over as it is",
        ),
        pytest.param(
            {"resourceIDList": [resource("a")], "policyName": NAME},
            VariantObserved(True, live(MaxCapacity=9), put(), **IN_SERVICE),
            None,
            "Warn",
            Phase.ACTING,
            "Scaling",
            [REGISTER, PUT],
            id="taken over and edited since",
        ),
    ],
)
def test_decide(
    *,
    status: Mapping[str, Any],
    look: VariantObserved,
    deployment: Any,
    mode: str,
    phase: Phase,
    reason: str,
    calls: list[str],
) -> None:
    decision = decided(status, look, *([deployment] if deployment else []), drift=Policy(DriftMode(mode)))
    assert (decision.phase, decision.reason, verbs(decision)) == (phase, reason, calls)


@pytest.mark.parametrize(
    ("namespace", "role", "held"),
    [
        ("team", "", True),
        ("other", "", True),
        ("other", "arn:aws:iam::999999999999:role/x", False),
        ("team", "arn:aws:iam::999999999999:role/x", True),
    ],
)
def test_an_endpoint_of_that_name_in_another_account_holds_nothing(namespace: str, role: str, held: bool) -> None:
    moving = rolling(token="1", **OPEN)
    status = moving.status | ({"roleArn": role} if role else {})
    deployment = an_object(endpoint("a"), status, namespace=namespace)
    decision = decided(past(record(hash=OLD)), VariantObserved(**IN_SERVICE), deployment)
    assert (decision.reason == "DependencyNotReady") is held


def test_an_intent_is_recorded_before_the_calls() -> None:
    decision = decided({}, VariantObserved(True, **IN_SERVICE))
    assert decision.status["targets"] == [
        {**INTENT.record(), "requestedAt": stamp(NOW)},
    ]
    assert decision.status["resourceIDList"] == []
    assert decision.status["hostingAutoscalingPolicyStatus"] == "Reconciling"


def _replied(decision: Decision) -> tuple[Reply, ...]:
    answers: dict[str, dict[str, str]] = {REGISTER: {"ScalableTargetARN": ARN}, PUT: {"PolicyARN": "arn:policy"}}
    return tuple(Reply(call, answers.get(call.operation, {})) for call in decision.calls)


def test_replies_make_the_record() -> None:
    first = decided({}, VariantObserved(True, **IN_SERVICE))
    done = decided(first.status, None, replies=_replied(first))
    assert (done.phase, done.status["resourceIDList"]) == (Phase.READY, [resource("a")])
    (found,) = done.status["targets"]
    expected = {"arn": ARN, "hash": WANT.hash, "policyArn": "arn:policy", "registeredAt": stamp(NOW)}
    assert found.items() >= expected.items()


def test_a_target_without_its_policy_is_not_done() -> None:
    first = decided({}, VariantObserved(True, **IN_SERVICE))
    throttled = Failure(first.calls[1], ThrottledError("slow down"))
    shown = not_sent(first.status, throttled, replies=_replied(first)[:1])
    assert verbs(shown) == []
    again = decided(shown.status, VariantObserved(**IN_SERVICE))
    assert verbs(again) == [REGISTER, PUT]
    assert "Tags" not in again.calls[0].params


def test_a_refusal_for_good_is_kept_with_its_resource() -> None:
    first = decided({}, VariantObserved(True, **IN_SERVICE))
    refused = Failure(first.calls[0], TerminalError("burstable"))
    shown = not_sent(first.status, refused)
    after = decided(shown.status, VariantObserved(True, **IN_SERVICE))
    assert (after.phase, after.reason, verbs(after)) == (Phase.STALLED, "Rejected", [])
    assert after.message.startswith("burstable; ")
    retried = decided(shown.status, VariantObserved(True, **IN_SERVICE), tokens={"retry": "1"})
    assert verbs(retried) == [REGISTER, PUT]


def test_an_unknown_refusal_holds_its_variant_back_until_it_is_time() -> None:
    first = decided({}, VariantObserved(True, **IN_SERVICE))
    shown = not_sent(first.status, Failure(first.calls[0], UnknownRefusalError("who knows")))
    after = decided(shown.status, VariantObserved(True, **IN_SERVICE))
    assert (after.phase, after.reason, verbs(after)) == (Phase.WAITING, "RefusalUnknown", [])
    assert after.look_again == timedelta(seconds=15)
    later = decided(shown.status, VariantObserved(True, **IN_SERVICE), now=NOW + timedelta(seconds=15))
    assert verbs(later) == [REGISTER, PUT]


def test_after_a_call_that_did_not_go_through_the_kind_says_what_it_shows_without_calls() -> None:
    first = decided({}, VariantObserved(True, **IN_SERVICE))
    throttled = Failure(first.calls[0], ThrottledError("slow down"))
    again = decided(first.status, VariantObserved(True, **IN_SERVICE), failure=throttled)
    assert verbs(again) == [REGISTER, PUT]
    assert again.unsent is not None
    assert (again.unsent.calls, again.unsent.status["targets"]) == ((), again.status["targets"])
    assert first.unsent is None


def test_what_a_later_version_wrote_into_a_record_is_kept() -> None:
    status = past(record())
    status["targets"][0]["schedule"] = "nightly"
    decision = decided(status, VariantObserved(True, live(), put()))
    assert decision.status["targets"] == status["targets"]


def test_an_entry_that_names_no_variant_stops_nothing() -> None:
    status = past(record())
    status["targets"] += [{"resourceId": "endpoint/a", "registeredAt": stamp(NOW)}, {}, "text"]
    decision = decided(status, VariantObserved(True, live(), put()))
    assert (decision.phase, decision.status["targets"]) == (Phase.READY, [record().record()])


@pytest.mark.parametrize("mode", ["Warn", "Correct"])
def test_a_process_that_died_between_two_calls_left_work_and_no_drift(mode: str) -> None:
    first = decided(
        past(record()), VariantObserved(True, **IN_SERVICE), rolling(token="1"), drift=Policy(DriftMode(mode))
    )
    assert verbs(first) == [REGISTER, PUT]
    anew = live(ScalableTargetARN=f"{ARN}-anew")
    again = decided(
        first.status,
        VariantObserved(True, anew, owner=Owner.US, **IN_SERVICE),
        rolling(token="1"),
        drift=Policy(DriftMode(mode)),
    )
    assert (verbs(again), again.differences) == ([REGISTER, PUT], ())


def test_adoption_marks_the_target_first() -> None:
    manifest = scaling("a")
    manifest["metadata"]["annotations"] = {"sagemaker-gitops.dev/adopt": "true"}
    seen = ScalingObserved({WANT.variant: VariantObserved(True, live(), owner=Owner.NOBODY, **IN_SERVICE)})
    decision = KIND.decide(a_pass(KIND, manifest), seen)
    assert verbs(decision) == ["TagResource", REGISTER, PUT]
    assert "Tags" not in decision.calls[1].params


# --- leaving ----------------------------------------------------------------------------------------------------------

DELETE, DEREGISTER = "DeleteScalingPolicy", "DeregisterScalableTarget"


@pytest.mark.parametrize(
    ("status", "look", "phase", "calls"),
    [
        pytest.param({}, None, Phase.RELEASED, [], id="nothing was made"),
        pytest.param(past(record()), VariantObserved(True, live()), Phase.ACTING, [DELETE, DEREGISTER], id="ours"),
        pytest.param(
            past(record()),
            VariantObserved(True, live(), policies=(NAME, "other")),
            Phase.ACTING,
            [DELETE],
            id="ours, and another policy scales it too: the target stays",
        ),
        pytest.param(
            past(record()),
            VariantObserved(True, live(), policies=("other",)),
            Phase.RELEASED,
            [],
            id="only another's policy is left",
        ),
        pytest.param(past(record()), VariantObserved(True), Phase.RELEASED, [], id="gone already"),
        pytest.param(
            past(record()),
            VariantObserved(True, live(), owner=Owner.OTHER),
            Phase.RELEASED,
            [],
            id="made anew by somebody else",
        ),
        pytest.param(past(INTENT), VariantObserved(True), Phase.WAITING, [], id="asked for a moment ago"),
        pytest.param(
            past(replace(INTENT, requested_at="2026-03-01T11:00:00Z")),
            VariantObserved(True),
            Phase.RELEASED,
            [],
            id="asked for long ago",
        ),
        pytest.param(
            past(INTENT),
            VariantObserved(True, live(), owner=Owner.US),
            Phase.ACTING,
            [DEREGISTER],
            id="registered unseen",
        ),
        pytest.param(
            past(INTENT), VariantObserved(True, live(), owner=Owner.NOBODY), Phase.RELEASED, [], id="never ours"
        ),
        pytest.param(
            {"resourceIDList": [resource("a")], "policyName": NAME},
            VariantObserved(True, live()),
            Phase.ACTING,
            [DELETE, DEREGISTER],
            id="of the archived operator",
        ),
    ],
)
def test_leaving(status: Mapping[str, Any], look: VariantObserved | None, phase: Phase, calls: list[str]) -> None:
    decision = decided(status, look, deleting=True)
    assert (decision.phase, verbs(decision)) == (phase, calls)
    if calls:
        after = decided(decision.status, None, deleting=True, replies=tuple(Reply(c, {}) for c in decision.calls))
        assert after.phase is Phase.RELEASED


def test_a_deletion_whose_call_did_not_go_through_keeps_its_record() -> None:
    first = decided(past(record()), VariantObserved(True, live()), deleting=True)
    throttled = Failure(first.calls[1], ThrottledError("slow down"))
    again = decided(
        first.status, VariantObserved(True, live()), deleting=True, failure=throttled, replies=_replied(first)[:1]
    )
    assert (verbs(again), again.status["targets"]) == ([DEREGISTER], [record().record()])
    assert again.unsent is not None
    assert again.unsent.calls == ()


def test_what_is_no_longer_wanted_goes_and_the_rest_stays() -> None:
    other = replace(record(), name=resource("b"))
    where = replace(WANT.variant, resource_id=resource("b"))
    seen = ScalingObserved(
        {WANT.variant: VariantObserved(), where: VariantObserved(True, live(ResourceId=resource("b")))}
    )
    decision = KIND.decide(a_pass(KIND, MANIFEST, past(record(), other)), seen)
    assert [(call.operation, call.params["ResourceId"]) for call in decision.calls] == [
        (DELETE, resource("b")),
        (DEREGISTER, resource("b")),
    ]
    gone = ScalingObserved({WANT.variant: VariantObserved(), where: VariantObserved(True)})
    after = KIND.decide(a_pass(KIND, MANIFEST, past(record(), other)), gone)
    assert (after.phase, after.status["resourceIDList"]) == (Phase.READY, [resource("a")])


def answered(code: str, message: str = "again", operation: str = REGISTER) -> ReconcileError:
    """What the adapter makes of an answer of Application Auto Scaling."""
    return translate(ClientError({"Error": {"Code": code, "Message": message}}, operation), operation)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        pytest.param(answered("ThrottlingException"), "Reconciling", id="throttled"),
        pytest.param(RateLimitedError("later", 1.0), "Reconciling", id="kept back by our own limiter"),
        pytest.param(answered("ConcurrentUpdateException"), "Reconciling", id="changed by somebody at the same time"),
        pytest.param(answered("InternalServiceException"), "Reconciling", id="failed on their side"),
        pytest.param(
            answered("InternalServiceException", operation="DescribeScalableTargets"),
            "Reconciling",
            id="failed on their side, read",
        ),
        pytest.param(
            answered("ValidationException", "The status should be in 'InService' to register it as a scalable target"),
            "Reconciling",
            id="endpoint not in service",
        ),
        pytest.param(answered("ValidationException", "burstable"), "Error", id="refused"),
        pytest.param(TerminalError("no ThrottlingException: only its name"), "Error", id="a text decides nothing"),
        pytest.param(answered("AccessDeniedException"), "Error", id="no right"),
        pytest.param(answered("ExpiredTokenException"), "Error", id="credentials"),
        pytest.param(answered("ObjectNotFoundException", operation=PUT), "Error", id="no scalable target"),
    ],
)
def test_the_archived_operators_words_for_errors(error: ReconcileError, state: str) -> None:
    found = KIND.failing({"policyName": NAME}, error)
    assert found == {"policyName": NAME, "hostingAutoscalingPolicyStatus": state, "additional": str(error)}


def test_a_pass_is_for_the_recorded_region() -> None:
    assert a_pass(KIND, MANIFEST, past(record(region="eu-west-1"))).region == "eu-west-1"


def test_a_registration_nobody_saw_is_waited_for_a_minute() -> None:
    decision = decided(past(INTENT), VariantObserved(True), deleting=True)
    assert decision.look_again == timedelta(seconds=45)
