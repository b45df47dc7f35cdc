"""Jobs, from their start to their end."""

from collections.abc import Callable

from reconciler.dev.conformance import requests
from reconciler.dev.conformance.account import Account, Answer, believe, same
from reconciler.dev.conformance.check import check

VE = "ValidationException"
_OVER = ("Completed", "Failed", "Stopped")
_HOUR_USD = 0.15


def look(account: Account, kind: str, name: str) -> Callable[[], Answer]:
    return lambda: account.call(f"Describe{kind}", **{f"{kind}Name": name})


def ended(account: Account, kind: str, name: str) -> Answer:
    return account.wait(look(account, kind, name), lambda job: job[f"{kind}Status"] in _OVER)


@check(
    "SM-5", "SM-22", "SM-26", "SM-28", "SM-30", "SM-32", "SM-36", "SM-37", "SM-39", "SM-40", "SM-41", "SM-42", "SM-44", "SM-63", "SM-67",
    "SM-79", makes=("a training job on one ml.m5.large", "an object in the bucket"), cost_usd=_HOUR_USD,
)  # fmt: skip
def a_training_job(account: Account) -> None:
    """A training job from Starting to Completed: its defaults, its secondary statuses, what only its end shows."""
    name = account.name("Train")
    requests.data(account)
    account.call("CreateTrainingJob", **requests.training(account, name))
    job = look(account, "TrainingJob", name)()
    same(job["TrainingJobStatus"], "InProgress", "the status")
    same(job["TrainingJobArn"], account.arn("training-job", name), "the ARN")
    believe("ModelArtifacts" not in job or not job["ModelArtifacts"].get("S3ModelArtifacts"), "no artefact yet")
    for flag in ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"):
        same(job.get(flag), False, flag)
    same(job["OutputDataConfig"].get("KmsKeyId"), "", "KmsKeyId of the output")
    same(job["OutputDataConfig"].get("CompressionType"), "GZIP", "CompressionType of the output")
    (channel,) = job["InputDataConfig"]
    same(channel.get("CompressionType"), "None", "CompressionType of a channel")
    same(channel.get("RecordWrapperType"), "None", "RecordWrapperType of a channel")
    same(channel["DataSource"]["S3DataSource"].get("S3DataDistributionType"), "FullyReplicated", "the distribution")
    defined = job["AlgorithmSpecification"].get("MetricDefinitions") or []
    believe("validation:rmse" in [each["Name"] for each in defined], f"metrics of the image's own: {defined}")
    account.learn(f"SM-44: unasked are {sorted(name for name in job if 'Profiler' in name or 'Debug' in name)}")
    account.refused("DeleteTrainingJob", TrainingJobName=name)
    text = "must be unique within an AWS account and region"
    account.expect("CreateTrainingJob", "ResourceInUse", text, **requests.training(account, name))
    job = ended(account, "TrainingJob", name)
    same(job["TrainingJobStatus"], "Completed", "how it ended")
    statuses = [each["Status"] for each in job["SecondaryStatusTransitions"]]
    same(statuses[-1], "Completed", "the last secondary status")
    same([each for each in statuses if each not in ("Pending", "Completed")],
         ["Starting", "Downloading", "Training", "Uploading"], "the secondary statuses")  # fmt: skip
    for member in ("ModelArtifacts", "BillableTimeInSeconds", "TrainingEndTime"):
        believe(member in job, f"{member} is there at the end")
    account.learn(f"SM-36: {[(each['Status'], each['StartTime']) for each in job['SecondaryStatusTransitions']]}")
    (row,) = account.call("ListTrainingJobs", NameContains=name)["TrainingJobSummaries"]
    same(row["LastModifiedTime"], job["LastModifiedTime"], "LastModifiedTime of the List")
    refused = "The request was rejected because the training job is in status Completed"
    account.expect("StopTrainingJob", VE, refused, TrainingJobName=name)
    account.kept["artefact"] = job["ModelArtifacts"]["S3ModelArtifacts"]


@check("SM-162", "SM-163", "SM-164")
def the_log_of_a_training_job(account: Account) -> None:
    """The log is in /aws/sagemaker/TrainingJobs, in streams that begin with the job's name."""
    name = account.name("Train")
    asked = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamNamePrefix": f"{name}/"}

    def read(seen: Answer) -> bool:
        return bool(seen["events"]) or not seen.get("nextToken")

    found = account.wait(lambda: account.call("FilterLogEvents", "logs", **asked), read)
    believe(found["events"], "there is a log")
    believe(all(event["logStreamName"].startswith(f"{name}/") for event in found["events"]), "the streams' names")


@check("SM-25", "SM-38", makes=("a training job that runs out of time",), cost_usd=_HOUR_USD)
def a_training_job_that_runs_out_of_time(account: Account) -> None:
    """A job that runs out of time ends Stopped, with the secondary status MaxRuntimeExceeded."""
    name = account.name("limit")
    requests.data(account)
    limit, chaining = {"MaxRuntimeInSeconds": 1}, {"EnableSessionTagChaining": False}
    request = requests.training(account, name, StoppingCondition=limit, SessionChainingConfig=chaining)
    account.call("CreateTrainingJob", **request)
    job = ended(account, "TrainingJob", name)
    same((job["TrainingJobStatus"], job["SecondaryStatus"]), ("Stopped", "MaxRuntimeExceeded"), "how it ended")
    believe("SessionChainingConfig" not in job, "SessionChainingConfig is not returned")


@check("SM-6", "SM-22", "SM-27", "SM-29", "SM-30", makes=("a training job that is stopped",), cost_usd=_HOUR_USD)
def a_training_job_that_is_stopped(account: Account) -> None:
    """Stop is not at once; the Delete of what ended frees the name."""
    name = account.name("stopped")
    requests.data(account)
    account.call("CreateTrainingJob", **requests.training(account, name))
    account.call("StopTrainingJob", TrainingJobName=name)
    stopping = look(account, "TrainingJob", name)()
    same(stopping["TrainingJobStatus"], "Stopping", "the status after the Stop")
    account.learn(f"SM-27: the secondary status is {stopping['SecondaryStatus']}")
    same(ended(account, "TrainingJob", name)["TrainingJobStatus"], "Stopped", "how it ended")
    text = "The request was rejected because the training job is in status Stopped"
    account.expect("StopTrainingJob", VE, text, TrainingJobName=name)
    account.call("DeleteTrainingJob", TrainingJobName=name)
    account.wait(lambda: _is_free(account, name), lambda seen: bool(seen["free"]))


def _is_free(account: Account, name: str) -> Answer:
    found = account.call("ListTrainingJobs", NameContains=name)["TrainingJobSummaries"]
    return {"free": not found}


@check("SM-8", "SM-23", "SM-31", "SM-43", "SM-51", makes=("a processing job on one ml.m5.large",), cost_usd=_HOUR_USD)
def a_processing_job(account: Account) -> None:
    """A processing job to its end; how a Stop is refused then; its Delete."""
    name = account.name("process")
    request = requests.processing(account, name)
    del request["StoppingCondition"]
    requests.data(account)
    s3 = {
        "S3Uri": account.s3("data.csv"),
        "LocalPath": "/opt/ml/processing/in",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    request["ProcessingInputs"] = [{"InputName": "in", "S3Input": s3}]
    account.call("CreateProcessingJob", **request)
    job = look(account, "ProcessingJob", name)()
    (given,) = job["ProcessingInputs"]
    same(given.get("AppManaged"), False, "AppManaged")
    same(given["S3Input"].get("S3DataDistributionType"), "FullyReplicated", "S3DataDistributionType")
    same(given["S3Input"].get("S3CompressionType"), "None", "S3CompressionType")
    same(job["StoppingCondition"]["MaxRuntimeInSeconds"], 86400, "MaxRuntimeInSeconds when nobody said it")
    same(ended(account, "ProcessingJob", name)["ProcessingJobStatus"], "Completed", "how it ended")
    refusal = account.refused("StopProcessingJob", ProcessingJobName=name)
    account.learn(f"SM-31: {refusal.code}: {refusal.message}")
    account.call("DeleteProcessingJob", ProcessingJobName=name)


@check(
    "SM-9", "SM-20", "SM-21", "SM-23", "SM-34", "SM-45", "SM-46", "SM-47", "SM-48",
    makes=("a tuning job of one training job on one ml.m5.large",), cost_usd=_HOUR_USD,
)  # fmt: skip
def a_tuning_job(account: Account) -> None:
    """A tuning job: what is not echoed, the name and tags of its training job, its counters."""
    name = account.name("tune")[:32]
    requests.data(account)
    child = requests.training(account, "-")
    definition = {
        key: child[key] for key in ("AlgorithmSpecification", "RoleArn", "OutputDataConfig", "ResourceConfig")
    }
    definition |= {"StoppingCondition": {"MaxRuntimeInSeconds": requests.LONGEST_S}}
    definition |= {"InputDataConfig": [requests.channel(account, each) for each in ("train", "validation")]}
    definition |= {"StaticHyperParameters": child["HyperParameters"]}
    ranges = {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}]}
    config = {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
        "ParameterRanges": ranges,
    }
    account.call(
        "CreateHyperParameterTuningJob", HyperParameterTuningJobName=name, HyperParameterTuningJobConfig=config,
        TrainingJobDefinition=definition, Tags=[requests.TAG],
    )  # fmt: skip
    job = look(account, "HyperParameterTuningJob", name)()
    shown = job["HyperParameterTuningJobConfig"]
    (one,) = shown["ParameterRanges"]["ContinuousParameterRanges"]
    same(one.get("ScalingType"), "Auto", "ScalingType")
    same(shown.get("TrainingJobEarlyStoppingType"), "Off", "TrainingJobEarlyStoppingType")
    parameters = job["TrainingJobDefinition"]["StaticHyperParameters"]
    believe(any(key.startswith("_") for key in parameters), f"parameters of the service's own: {parameters}")
    believe("CompressionType" not in job["TrainingJobDefinition"]["OutputDataConfig"], "no CompressionType is returned")
    job = ended(account, "HyperParameterTuningJob", name)
    same(job["HyperParameterTuningJobStatus"], "Completed", "how it ended")
    same(job["TrainingJobStatusCounters"]["Completed"], 1, "the counter")
    (row,) = account.call("ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName=name)[
        "TrainingJobSummaries"
    ]
    start, _, digits = row["TrainingJobName"].rpartition("-")
    same((start, len(digits)), (f"{name}-001", 8), "the training job's name")
    tags = account.call("ListTags", ResourceArn=row["TrainingJobArn"])["Tags"]
    believe(requests.TAG in tags, f"the training job has the tuning job's tags: {tags}")
    account.call("DeleteHyperParameterTuningJob", HyperParameterTuningJobName=name)
    account.call("DescribeTrainingJob", TrainingJobName=row["TrainingJobName"])
    account.call("DeleteTrainingJob", TrainingJobName=row["TrainingJobName"])


@check(
    "SM-7",
    "SM-23",
    "SM-49",
    "SM-53",
    "SM-50",
    "SM-56",
    makes=("a model", "a transform job on one ml.m5.large"),
    cost_usd=_HOUR_USD,
)
def a_transform_job(account: Account) -> None:
    """A transform job: its defaults, LastModifiedTime in the List alone, a Stop that is refused."""
    name, model = account.name("transform"), account.name("transform")
    requests.data(account)
    container = {"Image": account.image, "ModelDataUrl": account.kept["artefact"]}
    account.call("CreateModel", **requests.model(account, model, PrimaryContainer=container))
    beside = account.call("DescribeModel", ModelName=model)["PrimaryContainer"].get("ModelDataSource")
    account.learn(f"SM-53: ModelDataSource beside ModelDataUrl is {beside}")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": account.s3("data.csv")}}
    account.call(
        "CreateTransformJob", TransformJobName=name, ModelName=model, Tags=[requests.TAG],
        TransformInput={"DataSource": source, "ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": account.s3("out")},
        TransformResources={"InstanceType": requests.INSTANCE, "InstanceCount": 1},
    )  # fmt: skip
    job = look(account, "TransformJob", name)()
    same(job["TransformInput"].get("CompressionType"), "None", "CompressionType")
    same(job["TransformInput"].get("SplitType"), "None", "SplitType")
    same(job["TransformOutput"].get("AssembleWith"), "None", "AssembleWith")
    same(job.get("DataProcessing"), {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}, "DataProcessing")
    believe("LastModifiedTime" not in job, "no LastModifiedTime in the description")
    (row,) = account.call("ListTransformJobs", NameContains=name)["TransformJobSummaries"]
    believe("LastModifiedTime" in row, "LastModifiedTime in the summary")
    account.learn(f"how it ended: {ended(account, 'TransformJob', name)['TransformJobStatus']}")
    refusal = account.refused("StopTransformJob", TransformJobName=name)
    account.learn(f"SM-31: {refusal.code}: {refusal.message}")
