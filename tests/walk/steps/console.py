"""Somebody at the console: alarms, moved and deleted things, tags, weights, stopped jobs. What SageMaker refuses is said."""

from __future__ import annotations

from random import Random
from typing import Any

from botocore.exceptions import ClientError

from tests.walk.contents import ALARM, OBJECTS
from tests.walk.steps.step import Step, a_name, a_team
from tests.walk.world import World


def set_alarm(world: World, state: str) -> None:
    """Make the alarm of the guarded endpoint, in that state."""
    client = world.console("cloudwatch")
    client.put_metric_alarm(
        AlarmName=ALARM, MetricName="Invocation5XXErrors", Namespace="AWS/SageMaker", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    client.set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason="walk")


def _alarm(world: World, random: Random) -> str:
    state = random.choice(["ALARM", "OK"])
    set_alarm(world, state)
    return state


def _endpoint(world: World, random: Random) -> tuple[dict[str, Any], str, list[str]]:
    """Status of a deployment, its endpoint, and the configurations that it does not serve."""
    team, name = a_team(world, random), a_name(random, "HostingDeployment")
    status = world.status(team, OBJECTS[name], name)
    idle = [one["name"] for one in status.get("configs") or () if one["name"] != status.get("endpointConfigName")]
    return status, status.get("endpointName", "none"), idle


def _move(world: World, random: Random) -> str:
    _, endpoint, idle = _endpoint(world, random)
    config = random.choice([*idle, "none"])
    return _refused(
        f"{endpoint} to {config}", world.console().update_endpoint, EndpointName=endpoint, EndpointConfigName=config
    )


def _delete_endpoint(world: World, random: Random) -> str:
    _, endpoint, _ = _endpoint(world, random)
    return _refused(endpoint, world.console().delete_endpoint, EndpointName=endpoint)


def _delete_config(world: World, random: Random) -> str:
    status, _, idle = _endpoint(world, random)
    config = random.choice([*idle, status.get("endpointConfigName") or "none"])
    return _refused(config, world.console().delete_endpoint_config, EndpointConfigName=config)


def _delete_model(world: World, random: Random) -> str:
    status, _, _ = _endpoint(world, random)
    models = [model for one in status.get("configs") or () for model in one.get("models") or ()]
    model = random.choice([*models, "none"])
    return _refused(model, world.console().delete_model, ModelName=model)


def _weight(world: World, random: Random) -> str:
    _, endpoint, _ = _endpoint(world, random)
    change = {"VariantName": "main", "DesiredInstanceCount": random.randrange(1, 4)}
    return _refused(
        f"{endpoint} {change}", world.console().update_endpoint_weights_and_capacities,
        EndpointName=endpoint, DesiredWeightsAndCapacities=[change],
    )  # fmt: skip


def _tags(world: World, random: Random) -> str:
    """The tags of an endpoint or configuration: a strange one, a user tag with another value, the owner's taken away."""
    status, endpoint, _ = _endpoint(world, random)
    config = status.get("endpointConfigName") or "none"
    what = random.choice([f"endpoint/{endpoint}", f"endpoint-config/{config}"])
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:{what}"
    match random.randrange(3):
        case 0:
            return _refused(
                f"{what} strange", world.console().add_tags, ResourceArn=arn, Tags=[{"Key": "console", "Value": "1"}]
            )
        case 1:
            return _refused(
                f"{what} team-0", world.console().add_tags, ResourceArn=arn, Tags=[{"Key": "team-0", "Value": "x"}]
            )
    keys = ["sagemaker-gitops.dev/owner"]
    return _refused(f"{what} without owner", world.console().delete_tags, ResourceArn=arn, TagKeys=keys)


def _stop_job(world: World, random: Random) -> str:
    team, name = a_team(world, random), a_name(random, "TrainingJob")
    job = (world.status(team, OBJECTS[name], name).get("run") or {}).get("name", "none")
    return _refused(job, world.console().stop_training_job, TrainingJobName=job)


def _delete_job(world: World, random: Random) -> str:
    team, name = a_team(world, random), a_name(random, "TrainingJob")
    job = (world.status(team, OBJECTS[name], name).get("run") or {}).get("name", "none")
    return _refused(job, world.console().delete_training_job, TrainingJobName=job)


def _scaling(world: World, random: Random) -> str:
    """The bounds of a scalable target: others, or none."""
    team = a_team(world, random)
    target = {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/plain-{team.name}/variant/main",
              "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}  # fmt: skip
    client = world.console("application-autoscaling")
    if random.random() < 0.5:
        return _refused(f"{team.name} gone", client.deregister_scalable_target, **target)
    return _refused(f"{team.name} 1..40", client.register_scalable_target, MinCapacity=1, MaxCapacity=40, **target)


def _refused(what: str, call: Any, **params: Any) -> str:
    try:
        call(**params)
    except ClientError as error:
        return f"{what}: refused, {error.response['Error']['Code']}"
    return what


STEPS = (
    Step("alarm", 5, _alarm),
    Step("console-moves", 3, _move),
    Step("console-deletes-endpoint", 2, _delete_endpoint),
    Step("console-deletes-config", 2, _delete_config),
    Step("console-deletes-model", 2, _delete_model),
    Step("console-scales", 2, _weight),
    Step("console-tags", 3, _tags),
    Step("console-stops-job", 2, _stop_job),
    Step("console-deletes-job", 1, _delete_job),
    Step("console-bounds", 2, _scaling),
)
