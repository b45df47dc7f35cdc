"""TrainingJob: the checks of its calls, and the walk through its secondary statuses (SM-22 to SM-30)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.faults import Action
from reconciler.dev.simulator.kinds import training_view as view
from reconciler.dev.simulator.kinds.progress import tell_progress
from reconciler.dev.simulator.kinds.training_rules import of_profiler as profiler_rules
from reconciler.dev.simulator.paging import ListOperation
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.world import SimulatedCall, SimulatedKind, World

_NOUN = "training job"
_RUNNING = ("InProgress", "Stopping")
_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
METRICS_NAMESPACE = "/aws/sagemaker/TrainingJobs"
"""Of the algorithm's metrics in CloudWatch (SM-181); a value at the end stands for the curve."""
_MESSAGES = {
    "Pending": "Waiting for capacity",
    "Starting": "Launching requested ML instances",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "Training job interrupted by spot capacity",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job run and wait time exceeded MaxWaitTimeInSeconds",
}
_PREPARING = "Preparing the instances for training"


@dataclass
class Training:
    """The state of one job; `view` reads it."""

    plan: Action
    phases: list[str]
    secondary: str = ""
    transitions: list[Answer] = field(default_factory=list)
    started: float | None = None
    ended: float | None = None
    failure: str = ""
    rules_over: bool = False
    """Whether the evaluations of its rules have ended: some time after the job."""
    warm_pool: Answer | None = None
    updates: Answer = field(default_factory=dict)
    """What UpdateTrainingJob changed, over the create request."""


def _create(call: SimulatedCall) -> Answer:
    request = call.input
    name, arn = request["TrainingJobName"], call.scope.arn("training-job", request["TrainingJobName"])
    check_request(request)
    if call.world.store.get(call.scope, "TrainingJob", name):
        raise errors.job_name_taken("Training job names", _NOUN, arn)
    launch(call)
    return {"TrainingJobArn": arn}


def launch(call: SimulatedCall, metrics: Mapping[str, float] | None = None) -> SimulatedResource:
    """Start the job the call asks for, which has been checked; `metrics` are final values no rule has to name."""
    request = call.input
    _check_quota(call)
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}
    plan = call.outcome("job_outcome", request["TrainingJobName"], tags)
    plan = {**plan, "metrics": {**(metrics or {}), **plan.get("metrics", {})}}
    job = call.world.create(call, KIND, "InProgress", Training(plan, _phases(request, plan)))
    if request.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds"):
        job.state.warm_pool = {"Status": "InUse"}
    _enter(call.world, job, 0, call.now)
    stopping = request.get("StoppingCondition") or {}
    if stopping.get("MaxWaitTimeInSeconds"):
        _limit(call.world, job, call.now, stopping["MaxWaitTimeInSeconds"], "MaxWaitTimeExceeded")
    return job


def check_request(request: Mapping[str, Any]) -> None:
    """The model requires less than the service since serverless jobs came (SM-12)."""
    if not request.get("ServerlessJobConfig"):
        for needed in ("AlgorithmSpecification", "ResourceConfig"):
            if not request.get(needed):
                raise errors.unverified(f"{needed} is required for a training job without ServerlessJobConfig.")
        algorithm = request["AlgorithmSpecification"]
        if bool(algorithm.get("TrainingImage")) == bool(algorithm.get("AlgorithmName")):
            raise errors.unverified("Exactly one of TrainingImage and AlgorithmName must be given.")
    stopping = request.get("StoppingCondition") or {}
    wait, run = stopping.get("MaxWaitTimeInSeconds"), stopping.get("MaxRuntimeInSeconds", view.MAX_RUNTIME_S)
    if request.get("EnableManagedSpotTraining") and (wait is None or wait < run):
        raise errors.unverified(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        )


def _check_quota(call: SimulatedCall) -> None:
    for instance_type, count in view.instances(dict(call.input)).items():

        def used(of: str = instance_type) -> int:
            jobs = call.world.store.all(call.scope, "TrainingJob")
            return sum(view.instances(job.request).get(of, 0) for job in jobs if job.status in _RUNNING)

        call.world.check_quota(f"{instance_type} for training job usage", count, used)


def _phases(request: Mapping[str, Any], plan: Action) -> list[str]:
    algorithm = request.get("AlgorithmSpecification") or {}
    file_mode = algorithm.get("TrainingInputMode", "File") == "File"
    run = ["Starting", "Downloading", "Training"] if file_mode else ["Starting", "Training"]
    if plan.get("at") == "Pending" or "Pending" in plan.get("durations", {}):
        run.insert(1, "Pending")
    again = ["Interrupted", *run] if plan.get("outcome") == "interrupt" else []
    return [*run, *again, "Uploading"]


# The life cycle


def _enter(world: World, job: SimulatedResource, index: int, at: float) -> None:
    training: Training = job.state
    phase = training.phases[index]
    seconds = training.plan.get("durations", {}).get(phase, world.duration(f"training.{phase}"))
    if phase not in ("Pending", "Starting") and training.started is None:
        training.started = at
        stopping = job.request.get("StoppingCondition") or {}
        limit = stopping.get("MaxRuntimeInSeconds", view.MAX_RUNTIME_S)
        _limit(world, job, at, limit, "MaxRuntimeExceeded")
    _transition(world, job, phase, at)
    if phase == "Starting":
        world.later(job, at, seconds / 2, lambda due: _say(world, job, phase, _PREPARING, due))
    if phase == "Training":
        tell_progress(world, job, at, seconds, lambda due, lines: _write(world, job, due, lines))
        _write(world, job, at, [f"Hyperparameters: {job.request.get('HyperParameters', {})}"])
    world.later(job, at, seconds, lambda due: _leave(world, job, index, due))


def _leave(world: World, job: SimulatedResource, index: int, at: float) -> None:
    training: Training = job.state
    phase, outcome = training.phases[index], training.plan.get("outcome", "complete")
    if phase == training.plan.get("at", "Training") and outcome in ("fail", "stuck", "stopped"):
        if outcome == "stuck":
            return
        _end_as(world, job, outcome, training.plan.get("reason", "AlgorithmError: exit code 1"), at)
    elif index + 1 < len(training.phases):
        _enter(world, job, index + 1, at)
    else:
        _end(world, job, "Completed", "Completed", at)


def _limit(world: World, job: SimulatedResource, at: float, seconds: float, secondary: str) -> None:
    """A time-out ends Stopped, not Failed; it stops the job as StopTrainingJob would."""
    world.later(job, at, seconds, lambda due: _stop_now(world, job, due, secondary))


def _stop_now(world: World, job: SimulatedResource, at: float, secondary: str) -> None:
    job.epoch += 1
    job.status = "Stopping"
    if job.state.secondary in ("Starting", "Pending"):
        world.changed(job, at)  # the secondary status goes on reading Starting (recorded)
    else:
        _transition(world, job, "Stopping", at)
    world.later(job, at, world.duration("training.stop"), lambda due: _end(world, job, "Stopped", secondary, due))


def _end_as(world: World, job: SimulatedResource, outcome: str, reason: str, at: float) -> None:
    job.epoch += 1
    match outcome:
        case "fail":
            job.state.failure = reason[:1024]
            _end(world, job, "Failed", "Failed", at)
        case "stopped":
            _end(world, job, "Stopped", "Stopped", at)
        case "complete":
            _end(world, job, "Completed", "Completed", at)


def _end(world: World, job: SimulatedResource, status: str, secondary: str, at: float) -> None:
    training: Training = job.state
    job.epoch += 1
    job.status = status
    training.ended = at
    _transition(world, job, secondary, at)
    training.transitions[-1]["EndTime"] = at
    if training.started is not None:
        _write(world, job, at, [training.failure or _MESSAGES[secondary]])
        world.neighbours.put_metrics(
            job.scope, METRICS_NAMESPACE, {"TrainingJobName": job.name}, view.final_metrics(job), at
        )
    if artefact := view.artefact(job):
        world.neighbours.put_object(job.scope, artefact, b"made by the simulator")
    if job.request.get("DebugRuleConfigurations") or profiler_rules(job):
        world.clock.after(at, world.duration("training.rules"), lambda _due: setattr(training, "rules_over", True))
    keep_s = view.keep_alive_s(job)
    if training.warm_pool and keep_s and status == "Completed":
        training.warm_pool = {"Status": "Available", "ResourceRetainedBillableTimeInSeconds": 0}
        world.later(job, at, keep_s, lambda due: _end_pool(world, job, due))
    elif training.warm_pool:
        _end_pool(world, job, at)


def _end_pool(world: World, job: SimulatedResource, at: float) -> None:
    retained = int(at - (job.state.ended or at))
    job.state.warm_pool = {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": retained}
    world.changed(job, at)


def _transition(world: World, job: SimulatedResource, status: str, at: float) -> None:
    training: Training = job.state
    if training.transitions:
        training.transitions[-1].setdefault("EndTime", at)
    training.secondary = status
    training.transitions.append({"Status": status, "StartTime": at, "StatusMessage": _MESSAGES[status]})
    world.changed(job, at)


def _say(world: World, job: SimulatedResource, status: str, message: str, at: float) -> None:
    if job.state.secondary == status:
        job.state.transitions[-1]["StatusMessage"] = message
        world.changed(job, at)


def _write(world: World, job: SimulatedResource, at: float, lines: Iterable[str]) -> None:
    since = int(job.state.started or at)
    for host in range(1, sum(view.instances(job.request).values()) + 1):
        world.neighbours.log(job.scope, _LOG_GROUP, f"{job.name}/algo-{host}-{since}", at, lines)


# The other calls


def _stop(call: SimulatedCall) -> Answer:
    job = KIND.existing(call)
    if job.status not in _RUNNING:
        raise errors.already_over(_NOUN, job.status)
    stop(call.world, job, call.now)
    return {}


def stop(world: World, job: SimulatedResource, at: float) -> None:
    if job.status == "Stopping":
        return
    if job.state.secondary == "Uploading":
        job.status = "Stopping"  # the work has finished first: this one ends Completed
        world.changed(job, at)
    else:
        _stop_now(world, job, at, "Stopped")


def _update(call: SimulatedCall) -> Answer:
    job = KIND.existing(call)
    training: Training = job.state
    keep_alive = (call.input.get("ResourceConfig") or {}).get("KeepAlivePeriodInSeconds")
    if keep_alive is not None and (training.warm_pool or {}).get("Status") != "Available":
        raise errors.unverified("KeepAlivePeriodInSeconds can only be updated while the warm pool is Available.")
    if call.input.get("ProfilerConfig") and job.status not in _RUNNING:
        raise errors.unverified(f"The request was rejected because the training job is in status {job.status}.")
    for name in ("ProfilerConfig", "RemoteDebugConfig"):
        if call.input.get(name):
            training.updates[name] = call.input[name]
    if rules := call.input.get("ProfilerRuleConfigurations"):
        known = profiler_rules(job)
        taken = {rule["RuleConfigurationName"] for rule in known}
        training.updates["ProfilerRuleConfigurations"] = [
            *known,
            *(rule for rule in rules if rule["RuleConfigurationName"] not in taken),
        ]
    if keep_alive is not None:
        job.epoch += 1
        training.updates["KeepAlivePeriodInSeconds"] = keep_alive
        since = training.ended or call.now
        call.world.later(job, since, max(keep_alive, call.now - since), lambda due: _end_pool(call.world, job, due))
    call.world.changed(job, call.now)
    return {"TrainingJobArn": job.arn}


def _delete(call: SimulatedCall) -> Answer:
    """Frees the name. Terminal jobs only, and none whose warm pool waits (SM-6)."""
    job = KIND.existing(call)
    if job.status in _RUNNING:
        raise errors.ApiError("ResourceInUse", f"The training job {job.arn} is not in a terminal state.")
    if (job.state.warm_pool or {}).get("Status") == "Available":
        raise errors.ApiError("ResourceInUse", f"The training job {job.arn} has an Available warm pool.")
    call.world.remove(job, call.now)
    return {}


def _force(world: World, job: SimulatedResource, action: Action, at: float) -> None:
    if action["type"] != "job_outcome" or job.status not in _RUNNING:
        return
    if action["outcome"] == "stuck":
        job.epoch += 1
    else:
        _end_as(
            world,
            job,
            action["outcome"],
            action.get("reason", "InternalServerError: We encountered an internal error. Please try again."),
            at,
        )


KIND = SimulatedKind(
    name="TrainingJob",
    arn_type="training-job",
    name_field="TrainingJobName",
    operations={
        "CreateTrainingJob": _create,
        "StopTrainingJob": _stop,
        "UpdateTrainingJob": _update,
        "DeleteTrainingJob": _delete,
    },
    listing=ListOperation(
        op="ListTrainingJobs",
        result="TrainingJobSummaries",
        order="Ascending",
        equals={
            "StatusEquals": lambda job: job["TrainingJobStatus"],
            "WarmPoolStatusEquals": lambda job: job.get("WarmPoolStatus", {}).get("Status"),
            "TrainingPlanArnEquals": lambda job: job.get("TrainingPlanArn"),
        },
    ),
    describe=view.describe,
    summarize=view.summarize,
    absent=lambda _arn, _name: errors.job_not_found(),
    event="SageMaker Training Job State Change",
    detail=view.detail,
    force=_force,
)
