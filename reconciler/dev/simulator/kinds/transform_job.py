"""TransformJob: needs its model, has no Delete, and shows LastModifiedTime in the list alone (SM-7, SM-56)."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.kinds.fields import event_times, named, with_defaults, without_none
from reconciler.dev.simulator.kinds.job_run import Course
from reconciler.dev.simulator.paging import ListOperation
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.world import SimulatedCall, SimulatedKind, World

_LOG_GROUP = "/aws/sagemaker/TransformJobs"
_PROCESSING = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}


def _create(call: SimulatedCall) -> Answer:
    _COURSE.refuse_taken(call, KIND)
    model = call.input["ModelName"]
    if call.find("Model", model) is None:
        raise errors.missing("model", call.scope.arn("model", model))
    return {"TransformJobArn": _COURSE.create(call, KIND).arn}


def _stop(call: SimulatedCall) -> Answer:
    return _COURSE.stop(call, KIND)


def _instances(request: Mapping[str, Any]) -> dict[str, int]:
    resources = request["TransformResources"]
    return {resources["InstanceType"]: resources["InstanceCount"]}


def _write(world: World, job: SimulatedResource, at: float, lines: Iterable[str]) -> None:
    """A stream for each instance and one beside it for the data; a pipeline has one for each container instead."""
    model = world.store.get(job.scope, "Model", job.request["ModelName"])
    containers = (model.request.get("Containers") or []) if model else []
    names = [given.get("ContainerHostname", f"container-{index}") for index, given in enumerate(containers, start=1)]
    for host in range(job.request["TransformResources"]["InstanceCount"]):
        digest = hashlib.sha256(f"{job.arn}/{job.created}/{host}".encode()).hexdigest()
        stream = f"{job.name}/i-{digest[:17]}-{int(job.state.started)}"
        for each in [f"{stream}/{name}" for name in names] or [stream]:
            world.neighbours.log(job.scope, _LOG_GROUP, each, at, lines)
        world.neighbours.log(job.scope, _LOG_GROUP, f"{stream}/data-log", at, lines)


def _describe(_: World, job: SimulatedResource) -> Answer:
    """MaxConcurrentTransforms, MaxPayloadInMB and BatchStrategy stay null though the doc gives defaults."""
    request = job.request
    return without_none(
        {
            **request,
            **named("TransformJob", job, modified=False),
            "TransformJobStatus": job.status,
            "TransformInput": with_defaults(
                request["TransformInput"], {"CompressionType": "None", "SplitType": "None"}
            ),
            "TransformOutput": with_defaults(request["TransformOutput"], {"AssembleWith": "None", "KmsKeyId": ""}),
            "DataProcessing": with_defaults(request.get("DataProcessing"), _PROCESSING),
            "TransformStartTime": job.state.started,
            "TransformEndTime": job.state.ended,
            "FailureReason": job.state.failure or None,
        }
    )


def _summarize(job: SimulatedResource) -> Answer:
    return without_none(
        {
            **named("TransformJob", job),
            "TransformEndTime": job.state.ended,
            "TransformJobStatus": job.status,
            "FailureReason": job.state.failure or None,
        }
    )


def _detail(world: World, job: SimulatedResource) -> Answer:
    shown: Answer = event_times(_describe(world, job))
    return shown


_COURSE = Course(
    noun="transform job",
    steps="transform",
    work="Transforming",
    write=_write,
    instances=_instances,
    limit_s=lambda _: None,
)

KIND = SimulatedKind(
    name="TransformJob",
    arn_type="transform-job",
    name_field="TransformJobName",
    operations={"CreateTransformJob": _create, "StopTransformJob": _stop},
    listing=ListOperation(
        op="ListTransformJobs",
        result="TransformJobSummaries",
        order="Descending",
        equals={"StatusEquals": lambda job: job["TransformJobStatus"]},
    ),
    describe=_describe,
    summarize=_summarize,
    absent=lambda _arn, name: errors.no_requested_job(name),
    event="SageMaker Transform Job State Change",
    detail=_detail,
    force=_COURSE.force,
)
