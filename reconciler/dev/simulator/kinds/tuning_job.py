"""HyperParameterTuningJob: launches real training jobs, so many at once, until it has enough of them.

It learns what becomes of them by watching them, whoever ends or removes them. A deleted tuning job leaves its
training jobs behind: only its own entry goes (SM-9).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.faults import Action
from reconciler.dev.simulator.kinds import training_job, training_view, tuning_search, tuning_view
from reconciler.dev.simulator.kinds.tuning_view import Trial, Tuning
from reconciler.dev.simulator.paging import ListOperation, page
from reconciler.dev.simulator.store import Answer, SimulatedResource, SimulatedTable
from reconciler.dev.simulator.world import SimulatedCall, SimulatedKind, World

_NOUN = "hyperparameter tuning job"
_RUNNING = ("InProgress", "Stopping")
_MOST = 750  # the service's own limit, where time or the objective ends the search
_MOST_BY_AUTOTUNE = 20
_IMPROVEMENT = 0.01
_PASSED_ON = (
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)
_ALL_FAILED = "All training jobs failed. Please take a look at the training jobs failures to get more details."


# Creation


def _create(call: SimulatedCall) -> Answer:
    request = dict(call.input)
    name = request["HyperParameterTuningJobName"]
    arn = call.scope.arn(KIND.arn_type, name)
    _check_request(request)
    most = _most(request)
    if call.world.store.get(call.scope, KIND.name, name):
        raise errors.job_name_taken("Hyperparameter tuning job names", _NOUN, arn)
    inherited = _inherited(call)
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}
    plan = call.outcome("job_outcome", name, tags)
    job = call.world.create(call, KIND, "InProgress", Tuning(plan, most, inherited))
    world = call.world
    world.changed(job, call.now)
    world.later(job, call.now, world.duration("tuning.launch"), lambda due: _fill(world, job, due))
    limit = request["HyperParameterTuningJobConfig"]["ResourceLimits"].get("MaxRuntimeInSeconds")
    if limit is not None:
        world.later(job, call.now, limit, lambda due: _close(world, job, "Stopped", "", due))
    return {"HyperParameterTuningJobArn": arn}


def _check_request(request: Answer) -> None:
    if bool(request.get("TrainingJobDefinition")) == bool(request.get("TrainingJobDefinitions")):
        raise errors.unverified("Exactly one of TrainingJobDefinition and TrainingJobDefinitions must be given.")
    config = request["HyperParameterTuningJobConfig"]
    if config["Strategy"] == "Hyperband" and config.get("TrainingJobEarlyStoppingType") == "Auto":
        raise errors.unverified("TrainingJobEarlyStoppingType must be Off for the Hyperband strategy.")
    given = tuning_view.definitions(request)
    names = [definition.get("DefinitionName", "") for definition in given]
    if request.get("TrainingJobDefinitions") and (not all(names) or len(set(names)) < len(names)):
        raise errors.unverified("Each of the TrainingJobDefinitions needs a DefinitionName of its own.")
    for definition in given:
        if tuning_view.objective(request, definition) is None and not request.get("Autotune"):
            raise errors.unverified("HyperParameterTuningJobObjective is required.")
        if not request.get("Autotune"):
            tuning_search.check(_ranges(request, definition), config["Strategy"])
        training_job.check_request(_passed_on(definition))


def _ranges(request: Answer, definition: Answer) -> Answer:
    own: Answer | None = definition.get("HyperParameterRanges")
    return own or request["HyperParameterTuningJobConfig"].get("ParameterRanges") or {}


def _most(request: Answer) -> int:
    config = request["HyperParameterTuningJobConfig"]
    limits = config["ResourceLimits"]
    given: int | None = limits.get("MaxNumberOfTrainingJobs")
    if config["Strategy"] == "Grid":
        cells = sum(
            tuning_search.grid_size(_ranges(request, definition)) for definition in tuning_view.definitions(request)
        )
        return min(given or cells, cells)
    if given is not None:
        return given
    if request.get("Autotune"):
        return _MOST_BY_AUTOTUNE
    if limits.get("MaxRuntimeInSeconds") or config.get("TuningJobCompletionCriteria"):
        return _MOST
    raise errors.unverified("MaxNumberOfTrainingJobs is required when nothing else ends the tuning job.")


def _inherited(call: SimulatedCall) -> list[Answer]:
    """What the warm start's parents have found; they must exist and be over."""
    found = []
    for entry in (call.input.get("WarmStartConfig") or {}).get("ParentHyperParameterTuningJobs") or []:
        name = entry.get("HyperParameterTuningJobName", "")
        parent = call.find(KIND.name, name)
        if parent is None:
            raise errors.tuning_job_not_found(name)
        if parent.status in _RUNNING:
            raise errors.unverified(f"The parent {_NOUN} {name} is not in a terminal state.")
        best = tuning_view.overall_best(parent) or (parent.state.best.summary if parent.state.best else None)
        found += [best] if best else []
    return found


# The life cycle


def _fill(world: World, job: SimulatedResource, at: float) -> None:
    """Launch what there is room for; end when nothing runs and nothing is left to launch."""
    tuning: Tuning = job.state
    parallel = job.request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxParallelTrainingJobs"]
    if tuning.plan.get("outcome") == "stuck" and _over(tuning) >= tuning.plan.get("after", 0):
        return
    while len(tuning.trials) < tuning.most and len(tuning.running) < parallel:
        try:
            _launch(world, job, at)
        except errors.ApiError as refusal:
            if not tuning.running:
                _close(world, job, "Failed", f"{refusal.code}: {refusal.message}", at)
            return  # there may be room once one of them has ended
        world.changed(job, at)
    if not tuning.running:
        _conclude(world, job, at)


def _over(tuning: Tuning) -> int:
    return len(tuning.trials) - len(tuning.running)


def _launch(world: World, job: SimulatedResource, at: float) -> None:
    tuning: Tuning = job.state
    request, number = job.request, len(tuning.trials)
    given = tuning_view.definitions(request)
    definition, turn = given[number % len(given)], number // len(given)
    config = request["HyperParameterTuningJobConfig"]
    seed = str(config.get("RandomSeed", job.name))
    tuned = tuning_search.suggest(
        _ranges(request, definition), config["Strategy"], f"{seed}/{number % len(given)}", turn
    )
    objective = tuning_view.objective(request, definition) or {"Type": "Minimize", "MetricName": "objective"}
    name = _free_name(world, job, f"{seed}/{job.name}", number)
    parameters = {**(definition.get("StaticHyperParameters") or {}), **tuned}
    asked = {
        "TrainingJobName": name,
        "TuningJobArn": job.arn,
        "HyperParameters": {**parameters, tuning_view.OBJECTIVE_PARAMETER: objective["MetricName"]},
        "Tags": [{"Key": key, "Value": value} for key, value in job.tags.items()],
        **_passed_on(definition),
    }
    metric = objective["MetricName"]
    call = SimulatedCall(world, job.scope, "CreateTrainingJob", asked, at)
    child = training_job.launch(call, metrics={metric: training_view.drawn(name, metric)})
    trial = Trial(child, definition, objective, tuned)
    tuning.trials.append(trial)
    child.watchers.append(lambda due: _noticed(world, job, trial, due))


def _passed_on(definition: Answer) -> Answer:
    asked = {name: definition[name] for name in _PASSED_ON if definition.get(name) is not None}
    return {**asked, "ResourceConfig": tuning_view.resources(definition)}


def _free_name(world: World, job: SimulatedResource, seed: str, number: int) -> str:
    """The same for the same seed; another when an earlier tuning job of that name has left its training jobs."""
    attempt = 0
    while True:
        name = f"{job.name}-{number + 1:03}-{tuning_search.suffix(seed, number, attempt)}"
        if world.store.get(job.scope, "TrainingJob", name) is None:
            return name
        attempt += 1


def _noticed(world: World, job: SimulatedResource, trial: Trial, at: float) -> None:
    """A training job has changed: it counts once it is over or gone."""
    if trial.over or (trial.child.alive and trial.child.status in _RUNNING):
        return
    tuning: Tuning = job.state
    before = tuning.best
    trial.summary = tuning_view.child_summary(world, job.name, trial)
    if trial.summary["TrainingJobStatus"] in _RUNNING:
        trial.summary |= {"TrainingJobStatus": "Stopped", "ObjectiveStatus": "Failed"}
    trial.over = True
    if not job.alive or job.status not in _RUNNING:
        return
    tuning.idle = 0 if _improves(trial, before) else tuning.idle + 1
    world.changed(job, at)
    if tuning.closing is None:
        _go_on(world, job, at)
    elif not tuning.running:
        _finish(world, job, *tuning.closing, at)


def _improves(trial: Trial, before: Trial | None) -> bool:
    if trial.value is None:
        return False
    return before is None or before.loss - trial.loss >= _IMPROVEMENT * abs(before.loss)


def _go_on(world: World, job: SimulatedResource, at: float) -> None:
    tuning: Tuning = job.state
    outcome = tuning.plan.get("outcome")
    if outcome in ("fail", "stopped") and _over(tuning) >= tuning.plan.get("after", 1):
        _end_as(world, job, tuning.plan, at)
    elif _is_enough(job):
        _close(world, job, "Completed", "", at)
    elif len(tuning.trials) == tuning.most and not tuning.running:
        _fill(world, job, at)
    else:
        world.later(job, at, world.duration("tuning.launch"), lambda due: _fill(world, job, due))


def _is_enough(job: SimulatedResource) -> bool:
    """What TuningJobCompletionCriteria say; convergence is never detected."""
    tuning: Tuning = job.state
    criteria = job.request["HyperParameterTuningJobConfig"].get("TuningJobCompletionCriteria") or {}
    target, best = criteria.get("TargetObjectiveMetricValue"), tuning.best
    if target is not None and best and best.loss <= (-target if best.objective["Type"] == "Maximize" else target):
        return True
    patience = (criteria.get("BestObjectiveNotImproving") or {}).get("MaxNumberOfTrainingJobsNotImproving")
    return patience is not None and tuning.idle >= patience


def _conclude(world: World, job: SimulatedResource, at: float) -> None:
    tuning: Tuning = job.state
    if tuning.best or not tuning.trials:
        _finish(world, job, "Completed", "", at)
    elif all(trial.summary["TrainingJobStatus"] == "Failed" for trial in tuning.trials):
        _finish(world, job, "Failed", _ALL_FAILED, at)
    else:
        reason = (
            f"No objective metrics found after running {len(tuning.trials)} training jobs. Please ensure that the custom "
            "algorithm is emitting the objective metric as defined by the regular expression provided."
        )
        _finish(world, job, "Failed", reason, at)


def _close(world: World, job: SimulatedResource, status: str, reason: str, at: float) -> None:
    """Stop what runs; the tuning job ends with the last of it."""
    tuning: Tuning = job.state
    job.epoch += 1
    tuning.closing = (status, reason)
    if status == "Stopped":
        job.status = "Stopping"
        world.changed(job, at)
    for trial in tuning.running:
        training_job.stop(world, trial.child, at)
    if not tuning.running:
        seconds = world.duration("tuning.stop") if status == "Stopped" else 0
        world.later(job, at, seconds, lambda due: _finish(world, job, status, reason, due))


def _end_as(world: World, job: SimulatedResource, plan: Action, at: float) -> None:
    match plan["outcome"]:
        case "fail":
            _close(world, job, "Failed", plan.get("reason", _ALL_FAILED), at)
        case "stopped":
            _close(world, job, "Stopped", "", at)
        case "complete":
            _close(world, job, "Completed", "", at)


def _finish(world: World, job: SimulatedResource, status: str, reason: str, at: float) -> None:
    job.epoch += 1
    job.status = status
    job.state.failure = reason[:1024]
    job.state.ended = at
    world.changed(job, at)


def _force(world: World, job: SimulatedResource, action: Action, at: float) -> None:
    if action["type"] != "job_outcome" or job.status not in _RUNNING:
        return
    if action["outcome"] == "stuck":
        job.epoch += 1
        job.state.plan = {**action, "after": 0}
    else:
        _end_as(world, job, action, at)


# The other calls


def _stop(call: SimulatedCall) -> Answer:
    job = KIND.existing(call)
    if job.status not in _RUNNING:
        raise errors.already_over(_NOUN, job.status)
    if job.state.closing is None:
        _close(call.world, job, "Stopped", "", call.now)
    return {}


def _delete(call: SimulatedCall) -> Answer:
    job, world = KIND.existing(call), call.world
    if job.status in _RUNNING:
        raise errors.unverified(f"The {_NOUN} {job.arn} is not in a terminal state.")
    if job.status != "Deleting":
        job.status = "Deleting"
        world.changed(job, call.now)
        world.later(job, call.now, world.duration("tuning.Deleting"), lambda due: world.remove(job, due))
    return {}


def _list_training_jobs(call: SimulatedCall) -> Answer:
    job = call.find(KIND.name, call.input[KIND.name_field])
    if job is None:
        raise errors.tuning_job_not_found(call.input[KIND.name_field])
    trials: Mapping[str, Trial] = {trial.child.name: trial for trial in job.state.trials if trial.child.alive}
    table = SimulatedTable()
    for trial in trials.values():
        table.add(trial.child)

    def view(child: SimulatedResource) -> tuple[Answer, float] | None:
        described = call.world.seen(child, call.now, call.stale_s, "described")
        if described is None:
            return None
        shown = tuning_view.child_summary(call.world, job.name, trials[child.name], described)
        return shown, described["LastModifiedTime"]

    def value(child: SimulatedResource) -> Any:
        return trials[child.name].value

    return page(table, replace(_CHILDREN, sorts={"FinalObjectiveMetricValue": value}), dict(call.input), view)


_CHILDREN = ListOperation(
    op="ListTrainingJobsForHyperParameterTuningJob",
    result="TrainingJobSummaries",
    order="Ascending",
    sort="Name",
    equals={"StatusEquals": lambda child: child["TrainingJobStatus"]},
)

KIND = SimulatedKind(
    name=tuning_view.KIND_NAME,
    arn_type="hyper-parameter-tuning-job",
    name_field="HyperParameterTuningJobName",
    operations={
        "CreateHyperParameterTuningJob": _create,
        "StopHyperParameterTuningJob": _stop,
        "DeleteHyperParameterTuningJob": _delete,
        _CHILDREN.op: _list_training_jobs,
    },
    listing=ListOperation(
        op="ListHyperParameterTuningJobs",
        result="HyperParameterTuningJobSummaries",
        order="Ascending",
        sort="Name",
        equals={"StatusEquals": lambda job: job["HyperParameterTuningJobStatus"]},
    ),
    describe=tuning_view.describe,
    summarize=tuning_view.summarize,
    absent=lambda _arn, name: errors.tuning_job_not_found(name),
    event="SageMaker HyperParameter Tuning Job State Change",
    detail=tuning_view.detail,
    force=_force,
)
