"""What a request leans on outside SageMaker: its role, its images, its objects in S3 (SM-86 to SM-90).

The account is a generous one: whatever is well-formed exists, so that manifests need no world built around them, unless a
glob of `settings.missing` says otherwise, or the simulated S3 has the bucket and not the object. What is missing is refused in
the words of the service until it is there.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.scope import Scope
from reconciler.dev.simulator.world import World

Request = Mapping[str, Any]


class Premise(NamedTuple):
    """One thing that has to be there, and the refusal when it is not."""

    named: str
    refusal: errors.ApiError


def check(world: World, scope: Scope, op: str, request: Request) -> None:
    """Raises ApiError for the first thing that is missing."""
    if op in _PREMISES:
        for premise in _PREMISES[op](scope, request):
            if is_missing(world, scope, premise.named):
                raise premise.refusal


def is_missing(world: World, scope: Scope, named: str) -> bool:
    if any(fnmatchcase(named, glob) for glob in world.settings.missing):
        return True
    return named.startswith("s3://") and world.neighbours.holds(scope, named) is False


def of_model(_scope: Scope, request: Request) -> Iterator[Premise]:
    role = request.get("ExecutionRoleArn") or ""
    yield Premise(role, errors.role_invalid(role))
    for container in request.get("Containers") or [request.get("PrimaryContainer") or {}]:
        if image := container.get("Image"):
            yield Premise(image, errors.image_not_pulled(role, image))
        source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
        for uri in filter(None, (container.get("ModelDataUrl"), source.get("S3Uri"))):
            yield Premise(uri, errors.no_model_data(uri))


def _of_training(scope: Scope, request: Request) -> Iterator[Premise]:
    role = request["RoleArn"]
    yield Premise(role, errors.role_not_assumed(role))
    if image := (request.get("AlgorithmSpecification") or {}).get("TrainingImage"):
        yield Premise(image, errors.image_not_pulled(role, image))
    for channel in request.get("InputDataConfig") or []:
        source = channel["DataSource"].get("S3DataSource") or {}
        yield from _input(scope, role, source)


def _of_tuning(scope: Scope, request: Request) -> Iterator[Premise]:
    one = request.get("TrainingJobDefinition")
    for definition in request.get("TrainingJobDefinitions") or ([one] if one else []):
        yield from _of_training(scope, definition)


def _of_processing(scope: Scope, request: Request) -> Iterator[Premise]:
    role, image = request["RoleArn"], request["AppSpecification"]["ImageUri"]
    yield Premise(role, errors.role_not_assumed(role))
    yield Premise(image, errors.image_not_pulled(role, image))
    for given in request.get("ProcessingInputs") or []:
        yield from _input(scope, role, given.get("S3Input") or {})


def _input(scope: Scope, role: str, source: Request) -> Iterator[Premise]:
    if uri := source.get("S3Uri"):
        yield Premise(uri, errors.no_input_data(uri, scope.region, role))


_PREMISES = {
    "CreateModel": of_model,
    "CreateTrainingJob": _of_training,
    "CreateHyperParameterTuningJob": _of_tuning,
    "CreateProcessingJob": _of_processing,
}
