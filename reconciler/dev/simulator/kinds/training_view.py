"""What DescribeTrainingJob, the list summary and the event say of a job.

Describe echoes the request and adds the service's defaults and noise (SM-37 to SM-44).
"""

import hashlib

from reconciler.dev.simulator.kinds import training_rules as rules
from reconciler.dev.simulator.kinds.builtin_metrics import metric_definitions
from reconciler.dev.simulator.kinds.fields import event_times, named, with_defaults, without_none
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.world import World

MAX_RUNTIME_S = 86400
_SPOT_SHARE = 0.3  # billed share of a spot job: some saving, nothing depends on how much
_IN_EVENT = (
    "TrainingJobName",
    "TrainingJobArn",
    "TrainingJobStatus",
    "SecondaryStatus",
    "FailureReason",
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "SecondaryStatusTransitions",
    "ModelArtifacts",
    "FinalMetricDataList",
)


def instances(request: Answer) -> dict[str, int]:
    """How many of which instance type a request asks for."""
    config = request.get("ResourceConfig") or {}
    found: dict[str, int] = {}
    for group in config.get("InstanceGroups") or [config]:
        if group.get("InstanceType"):
            found[group["InstanceType"]] = found.get(group["InstanceType"], 0) + group.get("InstanceCount", 1)
    return found


def keep_alive_s(job: SimulatedResource) -> int:
    config = job.request.get("ResourceConfig") or {}
    return int(job.state.updates.get("KeepAlivePeriodInSeconds", config.get("KeepAlivePeriodInSeconds", 0)))


def describe(world: World, job: SimulatedResource) -> Answer:
    request, training = job.request, job.state
    shown = {
        **request,
        **named("TrainingJob", job),
        "TrainingJobStatus": job.status,
        "SecondaryStatus": training.secondary,
        "SecondaryStatusTransitions": [dict(transition) for transition in training.transitions],
        "InputDataConfig": [_channel(channel) for channel in request.get("InputDataConfig") or []],
        "OutputDataConfig": with_defaults(request["OutputDataConfig"], {"KmsKeyId": "", "CompressionType": "GZIP"}),
        "StoppingCondition": with_defaults(request.get("StoppingCondition"), {"MaxRuntimeInSeconds": MAX_RUNTIME_S}),
    }
    shown.pop("SessionChainingConfig", None)
    for flag in ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"):
        shown.setdefault(flag, False)
    if request.get("AlgorithmSpecification"):
        shown["AlgorithmSpecification"] = _algorithm(request["AlgorithmSpecification"])
    if request.get("ResourceConfig"):
        shown["ResourceConfig"] = _resources(job)
    if training.warm_pool:
        shown["WarmPoolStatus"] = dict(training.warm_pool)
    if training.updates.get("RemoteDebugConfig"):
        shown["RemoteDebugConfig"] = training.updates["RemoteDebugConfig"]
    return without_none({**shown, **_profiler(world, job), **rules.evaluations(job), **_run(job)})


def _algorithm(given: Answer) -> Answer:
    shown = with_defaults(given, {"EnableSageMakerMetricsTimeSeries": False})
    injected = metric_definitions(given.get("TrainingImage", ""))
    return {**shown, "MetricDefinitions": injected} if injected and not given.get("MetricDefinitions") else shown


def _resources(job: SimulatedResource) -> Answer:
    shown = dict(job.request["ResourceConfig"])
    if shown.get("InstanceGroups"):
        shown.setdefault("InstanceCount", sum(group["InstanceCount"] for group in shown["InstanceGroups"]))
    if "KeepAlivePeriodInSeconds" in job.state.updates:
        shown["KeepAlivePeriodInSeconds"] = keep_alive_s(job)
    return shown


def _channel(given: Answer) -> Answer:
    source = {"S3DataSource": {"S3DataDistributionType": "FullyReplicated"}} if _from_s3(given) else {}
    return with_defaults(given, {"DataSource": source, "CompressionType": "None", "RecordWrapperType": "None"})


def _from_s3(channel: Answer) -> bool:
    return bool(channel["DataSource"].get("S3DataSource"))


def _profiler(world: World, job: SimulatedResource) -> Answer:
    """Profiler objects can appear though nobody asked for them, even with profiling Disabled (SM-44)."""
    given = job.state.updates.get("ProfilerConfig", job.request.get("ProfilerConfig"))
    enabled = given is not None and not given.get("DisableProfiler", False)
    shown: Answer = {"ProfilingStatus": "Enabled" if enabled else "Disabled"}
    if given is not None:
        shown["ProfilerConfig"] = given
    if asked := rules.of_profiler(job):
        shown["ProfilerRuleConfigurations"] = asked
    if world.switch("profiler_noise"):
        output = job.request["OutputDataConfig"]["S3OutputPath"]
        shown.setdefault("ProfilerConfig", {"S3OutputPath": output, "ProfilingIntervalInMilliseconds": 500})
    return shown


def _run(job: SimulatedResource) -> Answer:
    """What only an ended run has, but for the start."""
    training = job.state
    if training.ended is None:
        return {"TrainingStartTime": training.started}
    shown: Answer = {"TrainingStartTime": training.started, "TrainingEndTime": training.ended}
    if training.failure:
        shown["FailureReason"] = training.failure
    if training.started is None:
        return shown
    seconds = round(training.ended - training.started)
    share = _SPOT_SHARE if job.request.get("EnableManagedSpotTraining") else 1.0
    shown |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": round(seconds * share)}
    if uri := artefact(job):
        shown["ModelArtifacts"] = {"S3ModelArtifacts": uri}
    if metrics := final_metrics(job):
        shown["FinalMetricDataList"] = [
            {"MetricName": name, "Value": value, "Timestamp": training.ended} for name, value in metrics.items()
        ]
    return shown


def artefact(job: SimulatedResource) -> str:
    """Where a run that began and did not fail has left its model; empty for another."""
    if job.state.started is None or job.state.ended is None or job.status == "Failed":
        return ""
    return f"{job.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output/model.tar.gz"


def final_metrics(job: SimulatedResource) -> dict[str, float]:
    """One value for each definition: from the rule, where null means none; else drawn from the names, so that runs repeat."""
    wanted = dict(job.state.plan.get("metrics", {}))
    algorithm = _algorithm(job.request.get("AlgorithmSpecification") or {})
    for definition in algorithm.get("MetricDefinitions") or []:
        wanted.setdefault(definition["Name"], drawn(job.name, definition["Name"]))
    return {name: float(value) for name, value in wanted.items() if value is not None}


def drawn(job_name: str, metric: str) -> float:
    digest = hashlib.sha256(f"{job_name}/{metric}".encode()).digest()
    return round(int.from_bytes(digest[:2], "big") / 65536, 4)


def summarize(job: SimulatedResource) -> Answer:
    """TrainingPlanArn is kept for its filter; the service shows it too."""
    return without_none(
        {
            **named("TrainingJob", job),
            "TrainingEndTime": job.state.ended,
            "TrainingJobStatus": job.status,
            "SecondaryStatus": job.state.secondary,
            "WarmPoolStatus": dict(job.state.warm_pool) if job.state.warm_pool else None,
            "TrainingPlanArn": (job.request.get("ResourceConfig") or {}).get("TrainingPlanArn"),
        }
    )


def detail(world: World, job: SimulatedResource) -> Answer:
    described = describe(world, job)
    shown: Answer = event_times({name: described[name] for name in _IN_EVENT if name in described})
    return shown
