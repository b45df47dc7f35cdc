"""What is said of a tuning job and of the training jobs it has launched: describe, both lists, the event.

Describe echoes the request, but for what is sent and not returned (SM-46), and adds the service's defaults.
"""

from dataclasses import dataclass, field
from typing import Any

from reconciler.dev.simulator.faults import Action
from reconciler.dev.simulator.kinds.builtin_metrics import metric_definitions
from reconciler.dev.simulator.kinds.fields import event_times, named, with_defaults, without_none
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.world import World

KIND_NAME = "HyperParameterTuningJob"
OBJECTIVE_PARAMETER = "_tuning_objective_metric"
_FLAGS = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")
_SERVICE_S_FAULT = ("InternalServerError", "CapacityError")
_RANGES = ("IntegerParameterRanges", "ContinuousParameterRanges")
_OF_CHILD = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "TrainingJobStatus",
    "FailureReason",
)


@dataclass
class Trial:
    """One training job that was launched; it outlives it as a record."""

    child: SimulatedResource
    definition: Answer
    objective: Answer
    tuned: dict[str, str]
    over: bool = False
    summary: Answer = field(default_factory=dict)
    """As of its end, once it is over: the job itself may be deleted then."""

    @property
    def value(self) -> float | None:
        found = self.summary.get("FinalHyperParameterTuningJobObjectiveMetric")
        return found["Value"] if found else None

    @property
    def loss(self) -> float:
        """The smaller the better, whichever way the objective goes; only of a trial with a value."""
        return value_of(self.summary, self.objective["Type"])


@dataclass
class Tuning:
    """The state of one tuning job."""

    plan: Action
    most: int
    """How many training jobs it will launch."""
    inherited: list[Answer]
    """The best training jobs of its warm start parents."""
    trials: list[Trial] = field(default_factory=list)
    ended: float | None = None
    failure: str = ""
    closing: tuple[str, str] | None = None
    """The status to end in and its reason, while the last training jobs stop."""
    idle: int = 0
    """How many training jobs in a row have not improved the objective by one per cent."""

    @property
    def running(self) -> list[Trial]:
        return [trial for trial in self.trials if not trial.over]

    @property
    def best(self) -> Trial | None:
        return min((trial for trial in self.trials if trial.value is not None), key=lambda t: t.loss, default=None)


def value_of(summary: Answer, type_: str) -> float:
    value: float = summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    return -value if type_ == "Maximize" else value


def definitions(request: Answer) -> list[Answer]:
    return request.get("TrainingJobDefinitions") or [request["TrainingJobDefinition"]]


def objective(request: Answer, definition: Answer) -> Answer | None:
    """A definition's own objective counts before that of all."""
    config = request["HyperParameterTuningJobConfig"]
    found: Answer | None = definition.get("TuningObjective") or config.get("HyperParameterTuningJobObjective")
    return found


def resources(definition: Answer) -> Answer | None:
    """HyperParameterTuningResourceConfig as the ResourceConfig it amounts to."""
    given = definition.get("HyperParameterTuningResourceConfig")
    if not given:
        return definition.get("ResourceConfig")
    chosen = (given.get("InstanceConfigs") or [{}])[0]
    return {
        key: value for key, value in (given | chosen).items() if key not in ("AllocationStrategy", "InstanceConfigs")
    }


def child_summary(world: World, job_name: str, trial: Trial, described: Answer | None = None) -> Answer:
    """Of a training job as it is, or was when `described` so."""
    job = world.kinds["TrainingJob"].describe(world, trial.child) if described is None else described
    metric = trial.objective["MetricName"]
    values = {entry["MetricName"]: entry["Value"] for entry in job.get("FinalMetricDataList") or []}
    shown = {key: job.get(key) for key in _OF_CHILD}
    shown |= {
        "TrainingJobDefinitionName": trial.definition.get("DefinitionName"),
        "TuningJobName": job_name,
        "TunedHyperParameters": dict(trial.tuned),
        "ObjectiveStatus": "Failed",
    }
    if job["TrainingJobStatus"] in ("InProgress", "Stopping"):
        shown["ObjectiveStatus"] = "Pending"
    elif job["TrainingJobStatus"] == "Completed" and metric in values:
        shown["ObjectiveStatus"] = "Succeeded"
        final = {"MetricName": metric, "Value": float(values[metric])}
        # A definition of a list has an objective, and a direction, of its own.
        typed = {"Type": trial.objective["Type"]} if trial.definition.get("TuningObjective") else {}
        shown["FinalHyperParameterTuningJobObjectiveMetric"] = {**typed, **final}
    return without_none(shown)


def counters(job: SimulatedResource) -> Answer:
    jobs = dict.fromkeys(("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0)
    objectives = dict.fromkeys(("Succeeded", "Pending", "Failed"), 0)
    for trial in job.state.trials:
        jobs[_counted_as(trial)] += 1
        objectives[trial.summary["ObjectiveStatus"] if trial.over else "Pending"] += 1
    return {"TrainingJobStatusCounters": jobs, "ObjectiveStatusCounters": objectives}


def _counted_as(trial: Trial) -> str:
    if not trial.over:
        return "InProgress"
    status: str = trial.summary["TrainingJobStatus"]
    if status != "Failed":
        return status
    again = trial.summary.get("FailureReason", "").startswith(_SERVICE_S_FAULT)
    return "RetryableError" if again else "NonRetryableError"


def describe(world: World, job: SimulatedResource) -> Answer:
    request, tuning = job.request, job.state
    shown = {
        **request,
        **named(KIND_NAME, job),
        "HyperParameterTuningJobStatus": job.status,
        "HyperParameterTuningJobConfig": _config(world, request["HyperParameterTuningJobConfig"]),
        **counters(job),
        "HyperParameterTuningEndTime": tuning.ended,
        "FailureReason": tuning.failure or None,
    }
    if request.get("TrainingJobDefinition"):
        shown["TrainingJobDefinition"] = _definition(world, request, request["TrainingJobDefinition"])
    if request.get("TrainingJobDefinitions"):
        shown["TrainingJobDefinitions"] = [
            _definition(world, request, definition) for definition in request["TrainingJobDefinitions"]
        ]
    if tuning.best:
        shown["BestTrainingJob"] = tuning.best.summary
    if best := overall_best(job):
        shown["OverallBestTrainingJob"] = best
    if (request["HyperParameterTuningJobConfig"].get("TuningJobCompletionCriteria") or {}).get(
        "BestObjectiveNotImproving"
    ):
        shown["TuningJobCompletionDetails"] = {"NumberOfTrainingJobsObjectiveNotImproving": tuning.idle}
    if tuning.ended is not None:
        shown["ConsumedResources"] = {"RuntimeInSeconds": round(tuning.ended - job.created)}
    return without_none(shown)


def overall_best(job: SimulatedResource) -> Answer | None:
    """Only a warm start on identical data and algorithm compares its training jobs with its parents'."""
    if (job.request.get("WarmStartConfig") or {}).get("WarmStartType") != "IdenticalDataAndAlgorithm":
        return None
    tuning: Tuning = job.state
    found = objective(job.request, definitions(job.request)[0])
    candidates = [*tuning.inherited, *([tuning.best.summary] if tuning.best else [])]
    type_ = found["Type"] if found else "Minimize"
    return min(candidates, key=lambda summary: value_of(summary, type_), default=None)


def _config(world: World, given: Answer) -> Answer:
    shown = with_defaults(given, {"TrainingJobEarlyStoppingType": "Off"})
    if given.get("ParameterRanges"):
        shown["ParameterRanges"] = _scaled(world, given["ParameterRanges"])
    return shown


def _scaled(world: World, ranges: Answer) -> Answer:
    if not world.switch("scaling_type_filled_in"):
        return ranges
    filled = {
        group: [with_defaults(item, {"ScalingType": "Auto"}) for item in ranges[group]]
        for group in _RANGES
        if ranges.get(group)
    }
    return {**ranges, **filled}


def _definition(world: World, request: Answer, given: Answer) -> Answer:
    shown = with_defaults(given, dict.fromkeys(_FLAGS, False))
    shown.pop("HyperParameterTuningResourceConfig", None)
    if world.switch("tuning_resources_as_resource_config"):
        shown["ResourceConfig"] = resources(given)
    if groups := (shown.get("ResourceConfig") or {}).get("InstanceGroups"):
        count = {"InstanceCount": sum(group["InstanceCount"] for group in groups)}
        shown["ResourceConfig"] = with_defaults(shown["ResourceConfig"], count)
    algorithm = given["AlgorithmSpecification"]
    injected = metric_definitions(algorithm.get("TrainingImage", ""))
    if injected and not algorithm.get("MetricDefinitions"):
        shown["AlgorithmSpecification"] = {**algorithm, "MetricDefinitions": injected}
    if found := objective(request, given):
        static = given.get("StaticHyperParameters") or {}
        shown["StaticHyperParameters"] = {**static, OBJECTIVE_PARAMETER: found["MetricName"]}
    if given.get("HyperParameterRanges"):
        shown["HyperParameterRanges"] = _scaled(world, given["HyperParameterRanges"])
    shown["OutputDataConfig"] = _less(given["OutputDataConfig"], "CompressionType")
    shown["StoppingCondition"] = _less(given["StoppingCondition"], "MaxPendingTimeInSeconds")
    if given.get("InputDataConfig"):
        shown["InputDataConfig"] = [_channel(channel) for channel in given["InputDataConfig"]]
    return without_none(shown)


def _channel(given: Answer) -> Answer:
    source = given["DataSource"]
    if not source.get("S3DataSource"):
        return given
    return {**given, "DataSource": {**source, "S3DataSource": _less(source["S3DataSource"], "InstanceGroupNames")}}


def _less(given: Answer, name: str) -> Answer:
    return {key: value for key, value in given.items() if key != name}


def summarize(job: SimulatedResource) -> Answer:
    config: dict[str, Any] = job.request["HyperParameterTuningJobConfig"]
    return without_none(
        {
            **named(KIND_NAME, job),
            "HyperParameterTuningJobStatus": job.status,
            "Strategy": config["Strategy"],
            "HyperParameterTuningEndTime": job.state.ended,
            **counters(job),
            "ResourceLimits": config["ResourceLimits"],
        }
    )


def detail(world: World, job: SimulatedResource) -> Answer:
    shown: Answer = event_times(describe(world, job))
    return shown
