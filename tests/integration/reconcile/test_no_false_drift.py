"""What nobody touches does not drift: for each kind, many random objects at rest, through the noise of a real account.

Defaults that the service fills in, metric definitions it injects, counts that autoscaling moves, patching of endpoints, and
reads that tell of the past: none of it is a difference, none of it is a reason to write or to call.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.support.lab import IMAGE, ROLE, Lab, annotated, job
from tests.support.lab_kinds import config, model, processing, transform, tuning
from tests.support.lab_scaling import INVOCATIONS, endpoint, scaling
from tests.support.random_specs import Specs

pytestmark = pytest.mark.endurance

COUNT = 200
SPARE = 4
"""A few combinations are refused that no schema tells of."""
BATCHES = 4
ENDPOINTS = COUNT // BATCHES
"""Each is five things in the account, and its passes are the dearest: several accounts cost less than one."""
SWEEPS = 20
A_SWEEP_S = 60
SHARED = {"kind": "Model", "name": "shared"}

Spec = dict[str, Any]
Least = Callable[[str], Spec]
Way = Callable[[Spec], Spec]
"""Another spec of a drawn one, which stays as it is."""

REFUSED = frozenset(
    # What is refused beside something else, or is an enum that the schema leaves open. `OTHERWISE` has most of the former.
    [
        "acceleratorType",
        "autoParameters",
        "autoRollbackConfiguration",
        "autotune",
        "capacityReservationConfig",
        "categoricalParameterRanges",
        "containers",
        "continuousParameterRanges",
        "deploymentConfig",
        "enableManagedSpotTraining",
        "explainerConfig",
        "hyperParameterRanges",
        "hyperParameterTuningResourceConfig",
        "inferenceAmiVersion",
        "instanceGroupNames",
        "instanceGroups",
        "integerParameterRanges",
        "managedInstanceScaling",
        "maxWaitTimeInSeconds",
        "maxRuntimeInSeconds",
        "parameterRanges",
        "processingInputs",
        "processingOutputConfig",
        "resourceLimits",
        "retryStrategy",
        "routingStrategy",
        "shadowProductionVariants",
        "stoppingCondition",
        "trainingJobDefinitions",
        "tuningJobCompletionCriteria",
        "tuningObjective",
        "warmStartConfig",
    ]
)

QUEUE = {
    "customizedMetricSpecification": {
        "metricName": "Waiting",
        "namespace": "Lab",
        "statistic": "Average",
        "dimensions": [{"name": "b", "value": "2"}, {"name": "a", "value": "1"}],
    }
}

ALARM = "errors"
CANARY = {"type": "CANARY", "waitIntervalInSeconds": 60, "canarySize": {"type": "INSTANCE_COUNT", "value": 1}}
AT_ONCE = {"type": "ALL_AT_ONCE", "waitIntervalInSeconds": 0}
BATCH = {"type": "CAPACITY_PERCENT", "value": 50}
SECOND = {"containerHostname": "second", "image": IMAGE}


def two_containers(spec: Spec) -> Spec:
    first = {**spec["primaryContainer"], "containerHostname": "first"}
    return {**without(spec, "primaryContainer"), "containers": [first, SECOND]}


def two_containers_served(spec: Spec) -> Spec:
    (model,) = spec["models"]
    several = {**without(model, "primaryContainer"), "containers": [*model["containers"], SECOND]}
    return {**spec, "models": [several]}


def shadowed(spec: Spec) -> Spec:
    (variant,) = spec["productionVariants"]
    return {**spec, "shadowProductionVariants": [{**variant, "variantName": "shadow"}]}


def scaled_by_the_service(spec: Spec) -> Spec:
    """Of inference components, which bring their own models."""
    variant = without(spec["productionVariants"][0], "modelRef", "modelName")
    bounds = {"status": "ENABLED", "minInstanceCount": 1, "maxInstanceCount": 3}
    routing = {"routingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    scaled = {**variant, "managedInstanceScaling": bounds, "routingConfig": routing}
    return {**spec, "executionRoleArn": ROLE, "productionVariants": [scaled]}


def explained(spec: Spec) -> Spec:
    shap = {"shapBaselineConfig": {"shapBaseline": "1,2"}, "numberOfSamples": 10}
    return {**spec, "explainerConfig": {"clarifyExplainerConfig": {"shapConfig": shap}}}


def retried(spec: Spec) -> Spec:
    return {**spec, "retryStrategy": {"maximumRetryAttempts": 3}}


def on_spot(spec: Spec) -> Spec:
    limits = {"maxRuntimeInSeconds": 3600, "maxWaitTimeInSeconds": 7200}
    return {**spec, "enableManagedSpotTraining": True, "stoppingCondition": limits}


def in_groups(spec: Spec) -> Spec:
    group = {"instanceGroupName": "g", "instanceType": "ml.m5.large", "instanceCount": 1}
    resources = without(spec["resourceConfig"], "instanceType", "instanceCount", "keepAlivePeriodInSeconds")
    return {**spec, "resourceConfig": {**resources, "instanceGroups": [group]}}


def of_the_definition(way: Way) -> Way:
    return lambda spec: {**spec, "trainingJobDefinition": way(spec["trainingJobDefinition"])}


def on_tuning_resources(definition: Spec) -> Spec:
    resources = {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 10}
    return {**without(definition, "resourceConfig"), "hyperParameterTuningResourceConfig": resources}


def until_good(spec: Spec) -> Spec:
    config = spec["hyperParameterTuningJobConfig"]
    ranges = {
        **config["parameterRanges"],
        "integerParameterRanges": [{"name": "depth", "minValue": "1", "maxValue": "9", "scalingType": "Auto"}],
        "categoricalParameterRanges": [{"name": "booster", "values": ["tree", "linear"]}],
    }
    criteria = {"targetObjectiveMetricValue": 0.5}
    return {
        **spec,
        "hyperParameterTuningJobConfig": {**config, "parameterRanges": ranges, "tuningJobCompletionCriteria": criteria},
    }


def of_two_definitions(spec: Spec) -> Spec:
    config = spec["hyperParameterTuningJobConfig"]
    each = {
        **spec["trainingJobDefinition"],
        "tuningObjective": config["hyperParameterTuningJobObjective"],
        "hyperParameterRanges": config["parameterRanges"],
    }
    return {
        **without(spec, "trainingJobDefinition"),
        "hyperParameterTuningJobConfig": without(config, "hyperParameterTuningJobObjective", "parameterRanges"),
        "trainingJobDefinitions": [{**each, "definitionName": name} for name in ("one", "two")],
    }


def fed(spec: Spec) -> Spec:
    source = {"s3Uri": "s3://lab/raw", "localPath": "/opt/ml/processing/in", "s3DataType": "S3Prefix"}
    target = {"s3Uri": "s3://lab/ready", "localPath": "/opt/ml/processing/out", "s3UploadMode": "EndOfJob"}
    return {
        **spec,
        "processingInputs": [{"inputName": "raw", "s3Input": {**source, "s3InputMode": "File"}}],
        "processingOutputConfig": {"outputs": [{"outputName": "ready", "s3Output": target}]},
        "stoppingCondition": {"maxRuntimeInSeconds": 600},
    }


def with_a_canary(spec: Spec) -> Spec:
    blue_green = {"trafficRoutingConfiguration": CANARY, "terminationWaitInSeconds": 60}
    watched = {"alarms": [{"alarmName": ALARM}]}
    return {
        **spec,
        "deploymentConfig": {"blueGreenUpdatePolicy": blue_green, "autoRollbackConfiguration": watched},
    }


def at_once(spec: Spec) -> Spec:
    return {**spec, "deploymentConfig": {"blueGreenUpdatePolicy": {"trafficRoutingConfiguration": AT_ONCE}}}


def rolling(spec: Spec) -> Spec:
    return {
        **spec,
        "deploymentConfig": {"rollingUpdatePolicy": {"maximumBatchSize": BATCH, "waitIntervalInSeconds": 60}},
    }


def without(spec: Spec, *keys: str) -> Spec:
    return {key: value for key, value in spec.items() if key not in keys}


OTHERWISE: dict[str, tuple[Way, ...]] = {
    "TrainingJob": (retried, on_spot, in_groups),
    "HyperparameterTuningJob": (
        of_the_definition(retried),
        of_the_definition(on_spot),
        of_the_definition(on_tuning_resources),
        until_good,
        of_two_definitions,
    ),
    "ProcessingJob": (fed,),
    "Model": (two_containers,),
    "EndpointConfig": (shadowed, scaled_by_the_service, explained),
    "HostingDeployment": (
        two_containers_served,
        shadowed,
        with_a_canary,
        at_once,
        rolling,
    ),
}
"""What SageMaker refuses beside what is there already, in its stead."""

LEAST: dict[str, Least] = {
    "TrainingJob": job,
    "HyperparameterTuningJob": lambda name: tuning(name, most=1, parallel=1),
    "BatchTransformJob": lambda name: transform(name, modelRef=SHARED),
    "ProcessingJob": processing,
    "Model": model,
    "EndpointConfig": lambda name: config(name, modelRef=SHARED),
}


def apply(lab: Lab, kind: str, least: Least, count: int = COUNT, seed: int = 7) -> list[Key]:
    """As drawn, and in turn in each of the ways that a draw does not hit upon."""
    specs, made = Specs(seed, without=REFUSED), []
    ways = (lambda spec: spec, *OTHERWISE.get(kind, ()))
    for number in range(count + SPARE):
        manifest = least(f"x-{number}")
        drawn = ways[number % len(ways)](specs.draw(lab.shapes[kind], manifest["spec"]))
        spec = drawn | {"tags": [{"key": "team", "value": f"t{number % 7}"}]}
        made.append(lab.cluster.apply(annotated({**manifest, "spec": spec}, drift_mode="Correct")))
    return made


def at_rest(lab: Lab, keys: list[Key], count: int = COUNT) -> list[Key]:
    lab.run(1800, step_s=300)
    spawned = [key for key in lab.cluster.objects if key.kind == "TrainingJob"]
    lab.run(until=lambda: all(lab.status(key).get("trainingJobStatus") != "InProgress" for key in spawned), step_s=60)
    lab.run(240, step_s=60)
    ready = [key for key in keys if lab.is_ready(key)]
    assert len(ready) >= count, {lab.condition(key, "Ready").get("message") for key in keys if key not in ready}
    return ready


def sweep(lab: Lab, keys: list[Key], noise: Callable[[int], None] = lambda _: None, *, writes: bool = False) -> None:
    """A day's worth of looks; `writes`: statuses tell of what moved, and of nothing else."""
    stale = {"type": "stale_read", "seconds": 30}
    for read in ("List*", "Describe*"):
        lab.simulator.rules({"match": {"op": read, "probability": 0.2, "seed": 3}, "action": stale})
    mark, before = lab.simulator.mark(), lab.cluster.status_writes.copy()
    for number in range(SWEEPS):
        noise(number)
        lab.run(A_SWEEP_S, step_s=A_SWEEP_S)
    assert lab.simulator.mutations(mark) == []
    told = {key: lab.status(key)["drift"] for key in keys}
    assert {key: drift for key, drift in told.items() if drift["state"] != "InSync"} == {}
    assert not [event for event in lab.around.emitted if event[1].startswith(("Externally", "Drift"))]
    assert writes or lab.cluster.status_writes == before


@pytest.fixture
def busy(lab: Lab) -> Lab:
    lab.simulator.settings({"switches": {"model_data_source_beside_url": True}})
    lab.cluster.apply(model("shared"))
    lab.settle()
    return lab


@pytest.mark.holds("D-7.6")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", LEAST)
def test_nothing_drifts(busy: Lab, kind: str) -> None:
    sweep(busy, at_rest(busy, apply(busy, kind, LEAST[kind])))


@pytest.mark.holds("D-7.6")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_endpoints_and_their_scaling_do_not_drift(busy: Lab, batch: int) -> None:
    """Autoscaling moves counts and the service patches endpoints: a status may tell of it, nothing is done about it."""
    lab, draw = busy, random.Random(batch)  # noqa: S311 - it must repeat, not be secret
    lab.simulator.settings({"durations": {"endpoint.Creating": 30}})
    lab.simulator.client("cloudwatch").put_metric_alarm(
        AlarmName=ALARM,
        MetricName="Invocation5XXErrors",
        Namespace="AWS/SageMaker",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    served = at_rest(lab, apply(lab, "HostingDeployment", endpoint, ENDPOINTS, batch), ENDPOINTS)
    scaled = [apply_scaling(lab, number, draw) for number in range(ENDPOINTS + SPARE)]
    lab.run(300, step_s=60)
    keys = [*served, *(key for key in scaled if lab.is_ready(key))]
    assert len(keys) >= 2 * ENDPOINTS

    def noise(number: int) -> None:
        for each in range(number, ENDPOINTS, SWEEPS):
            moved = {"type": "edit_weight", "variant": "variant-model-0", "instances": 1 + each % 4, "now": True}
            patched = {"type": "system_updating", "seconds": 90, "now": True}
            for action in (moved, patched):
                lab.simulator.rules({"match": {"name": f"x-{each}"}, "action": {**action, "kind": "Endpoint"}})

    sweep(lab, keys, noise, writes=True)


def apply_scaling(lab: Lab, number: int, draw: random.Random) -> Key:
    policy = scaling(f"x-{number}", name=f"x-{number}", **policy_of(draw))
    return lab.cluster.apply(annotated(policy, drift_mode="Correct"))


def policy_of(draw: random.Random) -> dict[str, Any]:
    """Bounds, one of the policies there are, and whatever else is optional."""
    spec: dict[str, Any] = {"minCapacity": draw.randint(1, 3), "maxCapacity": draw.randint(3, 9)}
    if draw.random() < 0.5:
        spec["suspendedState"] = {"scheduledScalingSuspended": draw.random() < 0.5}
    if draw.random() < 0.3:
        steps = [{"metricIntervalLowerBound": 0, "scalingAdjustment": draw.randint(1, 2)}]
        stepping = {"adjustmentType": "ChangeInCapacity", "stepAdjustments": steps}
        return spec | {
            "policyType": "StepScaling",
            "stepScalingPolicyConfiguration": stepping,
            "targetTrackingScalingPolicyConfiguration": None,
        }
    tracking: dict[str, Any] = {"targetValue": draw.choice([1, 60.0, 70.5]), **draw.choice([INVOCATIONS, QUEUE])}
    optional = {"scaleInCooldown": 60, "scaleOutCooldown": 0, "disableScaleIn": False}
    chosen = {key: value for key, value in optional.items() if draw.random() < 0.5}
    return spec | {"targetTrackingScalingPolicyConfiguration": tracking | chosen}
