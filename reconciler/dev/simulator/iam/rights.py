"""What a call needs: the right to itself, and those that AWS asks for beside it (SM-19, SM-91, SM-93, SM-136, SM-183).

The resource of a right is what AWS's service authorization reference names; `*` for lists and for what has none.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.dev.simulator.iam.policy import AccessRequest
from reconciler.dev.simulator.kinds.deployment import alarm_names
from reconciler.dev.simulator.service import Arrival
from reconciler.dev.simulator.world import World

Fields = Mapping[str, Any]

_PREFIXES = {"tagging": "tag", "monitoring": "cloudwatch"}
"""Of IAM's actions, by signing name, where the two differ."""
_FREE = {("sts", "GetCallerIdentity")}
_ROLES = ("RoleArn", "ExecutionRoleArn")
_PASSED_TO = "sagemaker.amazonaws.com"
_LINKED_ROLE = (
    "role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
_SCALING_ASKS = ("DescribeEndpoint", "DescribeEndpointConfig", "UpdateEndpointWeightsAndCapacities")
_POLICY_ASKS = ("PutMetricAlarm", "DescribeAlarms", "DeleteAlarms")


def needed(world: World, arrival: Arrival, fields: Fields) -> Iterator[AccessRequest]:
    """Every right that the call needs, the one to itself first."""
    if (arrival.service, arrival.op) in _FREE:
        return
    rights = _RIGHTS.get(arrival.service, _of_others)
    yield from rights(world, arrival, fields)


# SageMaker


def _of_sagemaker(world: World, arrival: Arrival, fields: Fields) -> Iterator[AccessRequest]:
    scope, op = arrival.scope, arrival.op
    tags = {tag["Key"]: tag["Value"] for tag in fields.get("Tags") or []}
    context = _context(arrival, tags)
    resources = list(_resources(world, arrival, fields)) or ["*"]
    for resource in resources:
        yield AccessRequest(f"sagemaker:{op}", resource, context | _tags_of(world, resource))
    if tags and op.startswith("Create"):
        yield AccessRequest("sagemaker:AddTags", resources[0], context | {"sagemaker:taggingaction": (op,)})
    for role in _roles(fields):
        yield AccessRequest("iam:PassRole", role, _context(arrival, {}) | {"iam:passedtoservice": (_PASSED_TO,)})
    for alarm in alarm_names(fields.get("DeploymentConfig")):
        arn = f"arn:{scope.partition}:cloudwatch:{scope.region}:{scope.account}:alarm:{alarm}"
        yield AccessRequest("cloudwatch:DescribeAlarms", arn, _context(arrival, {}))
    if op == "DeleteEndpoint":
        for target in world.scaling.of_endpoint(scope, arrival.key):
            action = "application-autoscaling:DeregisterScalableTarget"
            yield AccessRequest(action, target.arn, _context(arrival, {}))


def _resources(world: World, arrival: Arrival, fields: Fields) -> Iterator[str]:
    if arn := fields.get("ResourceArn"):
        yield str(arn)
        return
    named = (kind for kind in world.kinds.values() if arrival.key and fields.get(kind.name_field) == arrival.key)
    kind = next(named, None)
    if kind is None or (arrival.op.startswith("List") and not arrival.op.startswith("ListTrainingJobsFor")):
        return
    yield arrival.scope.arn(kind.arn_type, arrival.key)
    if kind.name == "Endpoint" and fields.get("EndpointConfigName"):
        yield arrival.scope.arn("endpoint-config", str(fields["EndpointConfigName"]))


def _roles(fields: Any) -> Iterator[str]:
    """Every role that the request passes, of a tuning job's definitions too; one each."""
    seen = set()
    for part in (fields, fields.get("TrainingJobDefinition") or {}, *(fields.get("TrainingJobDefinitions") or [])):
        for member in _ROLES:
            role = part.get(member)
            if role and role not in seen:
                seen.add(role)
                yield str(role)


def _tags_of(world: World, arn: str) -> dict[str, tuple[str, ...]]:
    found = world.store.by_arn(arn)
    return {f"aws:resourcetag/{key.lower()}": (value,) for key, value in found.tags.items()} if found else {}


# Its neighbours


def _of_scaling(world: World, arrival: Arrival, fields: Fields) -> Iterator[AccessRequest]:
    scope, op = arrival.scope, arrival.op
    tags = fields.get("Tags") if isinstance(fields.get("Tags"), dict) else {}
    context = dict(_context(arrival, tags or {}))
    for name, member in (("service-namespace", "ServiceNamespace"), ("scalable-dimension", "ScalableDimension")):
        if fields.get(member):
            context[f"application-autoscaling:{name}"] = (str(fields[member]),)
    anywhere = f"arn:{scope.partition}:application-autoscaling:{scope.region}:{scope.account}:scalable-target/*"
    resource = "*" if op.startswith("Describe") else str(fields.get("ResourceARN") or anywhere)
    yield AccessRequest(f"application-autoscaling:{op}", resource, context)
    if op == "RegisterScalableTarget":
        if tags:
            yield AccessRequest("application-autoscaling:TagResource", resource, context)
        endpoint = scope.arn("endpoint", "".join(str(fields.get("ResourceId", "")).split("/")[1:2]))
        for asked in _SCALING_ASKS:
            of = scope.arn("endpoint-config", "*") if asked == "DescribeEndpointConfig" else endpoint
            yield AccessRequest(f"sagemaker:{asked}", of, _context(arrival, {}))
        if not any(world.scaling.all(scope)):
            served = {"iam:awsservicename": ("sagemaker.application-autoscaling.amazonaws.com",)}
            role = f"arn:{scope.partition}:iam::{scope.account}:{_LINKED_ROLE}"
            yield AccessRequest("iam:CreateServiceLinkedRole", role, _context(arrival, {}) | served)
    if op == "PutScalingPolicy" and fields.get("PolicyType", "TargetTrackingScaling") == "TargetTrackingScaling":
        alarms = f"arn:{scope.partition}:cloudwatch:{scope.region}:{scope.account}:alarm:TargetTracking-*"
        for asked in _POLICY_ASKS:
            yield AccessRequest(f"cloudwatch:{asked}", alarms, _context(arrival, {}))


def _of_sts(_world: World, arrival: Arrival, fields: Fields) -> Iterator[AccessRequest]:
    context = dict(_context(arrival, {}))
    if fields.get("ExternalId"):
        context["sts:externalid"] = (str(fields["ExternalId"]),)
    yield AccessRequest(f"sts:{arrival.op}", str(fields.get("RoleArn") or "*"), context)


def _of_sqs(_world: World, arrival: Arrival, fields: Fields) -> Iterator[AccessRequest]:
    """A queue's URL ends with its account and name; a batch needs the right to its one action."""
    scope = arrival.scope
    account, _, name = "/".join(str(fields.get("QueueUrl", "")).split("/")[-2:]).partition("/")
    queue = f"arn:{scope.partition}:sqs:{scope.region}:{account}:{name}" if name else "*"
    yield AccessRequest(f"sqs:{arrival.op.removesuffix('Batch')}", queue, _context(arrival, {}))


def _of_others(_world: World, arrival: Arrival, _fields: Fields) -> Iterator[AccessRequest]:
    prefix = _PREFIXES.get(arrival.service, arrival.service)
    yield AccessRequest(f"{prefix}:{arrival.op}", "*", _context(arrival, {}))


def _context(arrival: Arrival, tags: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    scope = arrival.scope
    context = {"aws:requestedregion": (scope.region,), "aws:principalaccount": (scope.account,)}
    context |= {f"aws:requesttag/{key.lower()}": (str(value),) for key, value in tags.items()}
    return context | ({"aws:tagkeys": tuple(tags)} if tags else {})


_RIGHTS: Mapping[str, Callable[[World, Arrival, Fields], Iterator[AccessRequest]]] = {
    "sagemaker": _of_sagemaker,
    "application-autoscaling": _of_scaling,
    "sts": _of_sts,
    "sqs": _of_sqs,
}
