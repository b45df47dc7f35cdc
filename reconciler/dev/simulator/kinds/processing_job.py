"""ProcessingJob: the run of `job_run.py`, an exit message, and a Delete that frees the name of what is over."""

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.kinds.fields import event_times, named, with_defaults, without_none
from reconciler.dev.simulator.kinds.job_run import RUNNING, Course
from reconciler.dev.simulator.paging import ListOperation
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.world import SimulatedCall, SimulatedKind, World

_LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_MAX_RUNTIME_S = 86400
_BY_THE_CONTAINER = "AlgorithmError: "


def _create(call: SimulatedCall) -> Answer:
    _check_request(call.input)
    _COURSE.refuse_taken(call, KIND)
    return {"ProcessingJobArn": _COURSE.create(call, KIND).arn}


def _check_request(request: Mapping[str, Any]) -> None:
    """What the model no longer requires, or cannot say."""
    cluster = request["ProcessingResources"]["ClusterConfig"]
    alone = cluster.get("InstanceType") and cluster.get("InstanceCount")
    if not (alone or cluster.get("InstancePreferences")):
        raise errors.unverified("ClusterConfig needs InstanceType and InstanceCount.")
    inputs = request.get("ProcessingInputs") or []
    outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    for given, name, sources in (
        (inputs, "InputName", ("S3Input", "DatasetDefinition")),
        (outputs, "OutputName", ("S3Output", "FeatureStoreOutput")),
    ):
        names = [item[name] for item in given]
        if len(set(names)) < len(names):
            raise errors.unverified(f"{name} must be unique within a processing job.")
        for item in given:
            if sum(bool(item.get(source)) for source in sources) != 1:
                raise errors.unverified(f"{item[name]} needs exactly one of {' and '.join(sources)}.")


def _stop(call: SimulatedCall) -> Answer:
    return _COURSE.stop(call, KIND)


def _instances(request: Mapping[str, Any]) -> dict[str, int]:
    cluster = request["ProcessingResources"]["ClusterConfig"]
    first = (cluster.get("InstancePreferences") or [cluster])[0]
    return {first["InstanceType"]: first.get("InstanceCount") or cluster.get("InstanceCount") or 1}


def _limit_s(job: SimulatedResource) -> float:
    limit: float = (job.request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", _MAX_RUNTIME_S)
    return limit


def _write(world: World, job: SimulatedResource, at: float, lines: Iterable[str]) -> None:
    for host in range(1, sum(_instances(job.request).values()) + 1):
        world.neighbours.log(job.scope, _LOG_GROUP, f"{job.name}/algo-{host}-{int(job.state.started)}", at, lines)


def _delete(call: SimulatedCall) -> Answer:
    job = KIND.existing(call)
    if job.status in RUNNING:
        raise errors.ApiError("ResourceInUse", f"The processing job {job.arn} is not in a terminal state.")
    call.world.remove(job, call.now)
    return {}


def _input(given: Answer) -> Answer:
    source = {"S3DataDistributionType": "FullyReplicated", "S3CompressionType": "None"}
    return with_defaults(given, {"AppManaged": False, **({"S3Input": source} if given.get("S3Input") else {})})


def _describe(_: World, job: SimulatedResource) -> Answer:
    request = job.request
    shown = {
        **request,
        **named("ProcessingJob", job),
        "StoppingCondition": with_defaults(request.get("StoppingCondition"), {"MaxRuntimeInSeconds": _MAX_RUNTIME_S}),
        "ProcessingStartTime": job.state.started,
        **_outcome(job),
    }
    if request.get("ProcessingInputs"):
        shown["ProcessingInputs"] = [_input(given) for given in request["ProcessingInputs"]]
    if config := request.get("ProcessingOutputConfig"):
        outputs = [with_defaults(given, {"AppManaged": False}) for given in config["Outputs"]]
        shown["ProcessingOutputConfig"] = {**config, "Outputs": outputs}
    return without_none(shown)


def _outcome(job: SimulatedResource) -> Answer:
    return {
        "ProcessingEndTime": job.state.ended,
        "ProcessingJobStatus": job.status,
        "FailureReason": job.state.failure or None,
        "ExitMessage": _exit_message(job),
    }


def _exit_message(job: SimulatedResource) -> str | None:
    """What the container left behind: as the rule says, else what it said of its failure."""
    if job.state.ended is None or job.state.started is None:
        return None
    failure = job.state.failure
    said = failure.removeprefix(_BY_THE_CONTAINER) if failure.startswith(_BY_THE_CONTAINER) else None
    message: str | None = job.state.plan.get("exit_message", said)
    return message and message[:1024]


def _summarize(job: SimulatedResource) -> Answer:
    return without_none({**named("ProcessingJob", job), **_outcome(job)})


def _detail(world: World, job: SimulatedResource) -> Answer:
    shown: Answer = event_times(_describe(world, job))
    return shown


_COURSE = Course(
    noun="processing job",
    steps="processing",
    work="Processing",
    write=_write,
    instances=_instances,
    limit_s=_limit_s,
)

KIND = SimulatedKind(
    name="ProcessingJob",
    arn_type="processing-job",
    name_field="ProcessingJobName",
    operations={
        "CreateProcessingJob": _create,
        "StopProcessingJob": _stop,
        "DeleteProcessingJob": _delete,
    },
    listing=ListOperation(
        op="ListProcessingJobs",
        result="ProcessingJobSummaries",
        order="Ascending",
        equals={"StatusEquals": lambda job: job["ProcessingJobStatus"]},
    ),
    describe=_describe,
    summarize=_summarize,
    absent=lambda _arn, name: errors.no_requested_job(name),
    event="SageMaker Processing Job State Change",
    detail=_detail,
    force=_COURSE.force,
)
