"""What describe echoes, and what the service adds to it (SM-37 to SM-57)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import PROCESSING, TRANSFORM, TUNING, Aws, Job

CHANNEL = {
    "ChannelName": "train",
    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}},
}
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 20,
    "DestinationS3Uri": "s3://bucket/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}
SERVERLESS = {
    "VariantName": "main",
    "ModelName": "model",
    "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
}
MISSING = object()

Described = Callable[[Aws], Any]


def _job(**changes: Any) -> Described:
    def describe(aws: Aws) -> Any:
        aws.train(**changes)
        return aws.job()

    return describe


def _model(**changes: Any) -> Described:
    def describe(aws: Aws) -> Any:
        aws.sm.create_model(**given.model(**changes))
        return aws.sm.describe_model(ModelName="model")

    return describe


def _config(**changes: Any) -> Described:
    def describe(aws: Aws) -> Any:
        aws.config("mine", **changes)
        return aws.sm.describe_endpoint_config(EndpointConfigName="mine")

    return describe


def _endpoint(**changes: Any) -> Described:
    def describe(aws: Aws) -> Any:
        aws.config("mine", **changes)
        aws.sm.create_endpoint(EndpointName="endpoint", EndpointConfigName="mine")
        aws.advance(300)
        return aws.endpoint()

    return describe


def _kind(job: Job, **changes: Any) -> Described:
    def describe(aws: Aws) -> Any:
        job.create(aws, **changes)
        return job.describe(aws)

    return describe


def _tuned(**changes: Any) -> Described:
    """What becomes of a definition."""
    return _kind(TUNING, TrainingJobDefinition=given.definition(**changes))


XGBOOST = {"TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/xgboost:1", "TrainingInputMode": "File"}
S3_INPUT = {"InputName": "a", "S3Input": {"S3Uri": "s3://bucket/in", "S3DataType": "S3Prefix", "LocalPath": "/in"}}
S3_OUTPUT = {
    "OutputName": "a",
    "S3Output": {"S3Uri": "s3://bucket/out", "S3UploadMode": "EndOfJob", "LocalPath": "/out"},
}
INSTANCES = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5}
GROUPS = {
    "VolumeSizeInGB": 1,
    "InstanceGroups": [
        {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 2},
        {"InstanceGroupName": "b", "InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
    ],
}
GROUPED = {
    "ChannelName": "train",
    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in", "InstanceGroupNames": ["a"]}},
}

JOB_ROWS = [
    pytest.param(
        _kind(TRANSFORM),
        "DataProcessing",
        {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"},
        id="transform: data processing",
    ),
    pytest.param(
        _kind(TRANSFORM, DataProcessing={"JoinSource": "Input"}),
        "DataProcessing",
        {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "Input"},
        id="transform: the rest of data processing",
    ),
    pytest.param(_kind(TRANSFORM), "TransformInput.CompressionType", "None", id="transform: compression"),
    pytest.param(_kind(TRANSFORM), "TransformInput.SplitType", "None", id="transform: split"),
    pytest.param(_kind(TRANSFORM), "TransformOutput.AssembleWith", "None", id="transform: assembly"),
    pytest.param(_kind(TRANSFORM), "TransformOutput.KmsKeyId", "", id="transform: output key"),
    *(
        pytest.param(_kind(TRANSFORM), name, MISSING, id=f"transform: no {name}")
        for name in (
            "MaxConcurrentTransforms",
            "MaxPayloadInMB",
            "BatchStrategy",
            "LastModifiedTime",
            "TransformEndTime",
            "FailureReason",
        )
    ),
    pytest.param(_kind(TRANSFORM, Environment={"A": "b"}), "Environment.A", "b", id="transform: echo"),
    pytest.param(_kind(PROCESSING), "StoppingCondition.MaxRuntimeInSeconds", 86400, id="processing: longest run"),
    pytest.param(
        _kind(PROCESSING, ProcessingInputs=[S3_INPUT]), "ProcessingInputs.0.AppManaged", False, id="processing: input"
    ),
    pytest.param(
        _kind(PROCESSING, ProcessingInputs=[S3_INPUT]),
        "ProcessingInputs.0.S3Input.S3DataDistributionType",
        "FullyReplicated",
        id="processing: distribution",
    ),
    pytest.param(
        _kind(PROCESSING, ProcessingInputs=[S3_INPUT]),
        "ProcessingInputs.0.S3Input.S3CompressionType",
        "None",
        id="processing: compression",
    ),
    pytest.param(
        _kind(PROCESSING, ProcessingOutputConfig={"Outputs": [S3_OUTPUT]}),
        "ProcessingOutputConfig.Outputs.0",
        {**S3_OUTPUT, "AppManaged": False},
        id="processing: output",
    ),
    pytest.param(_kind(PROCESSING), "ProcessingInputs", MISSING, id="processing: no inputs"),
    pytest.param(_kind(PROCESSING), "ExitMessage", MISSING, id="processing: no exit message before the end"),
    pytest.param(
        _kind(PROCESSING, Environment={"A": "b"}), "Environment.A", "b", id="processing: the environment is echoed"
    ),
    pytest.param(
        _kind(PROCESSING),
        "ProcessingResources.ClusterConfig.InstanceType",
        "ml.m5.large",
        id="processing: resources are echoed",
    ),
    pytest.param(
        _kind(TUNING),
        "TrainingJobDefinition.StaticHyperParameters",
        {"_tuning_objective_metric": "loss"},
        id="tuning: the objective among the parameters",
    ),
    *(
        pytest.param(_kind(TUNING), f"TrainingJobDefinition.{flag}", False, id=f"tuning: {flag}")
        for flag in ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")
    ),
    pytest.param(
        _tuned(ResourceConfig=GROUPS),
        "TrainingJobDefinition.ResourceConfig.InstanceCount",
        3,
        id="tuning: the count of instance groups",
    ),
    pytest.param(
        _tuned(AlgorithmSpecification=XGBOOST),
        "TrainingJobDefinition.AlgorithmSpecification.MetricDefinitions.17.Name",
        "validation:rmse",
        id="tuning: the metrics of a built-in image",
    ),
    pytest.param(
        _kind(TUNING),
        "HyperParameterTuningJobConfig.ParameterRanges.IntegerParameterRanges.0.ScalingType",
        "Auto",
        id="tuning: scaling of integers",
    ),
    pytest.param(
        _kind(TUNING),
        "HyperParameterTuningJobConfig.ParameterRanges.ContinuousParameterRanges.0.ScalingType",
        "Auto",
        id="tuning: scaling",
    ),
    pytest.param(
        _kind(TUNING), "HyperParameterTuningJobConfig.TrainingJobEarlyStoppingType", "Off", id="tuning: early stopping"
    ),
    pytest.param(
        _tuned(OutputDataConfig={"S3OutputPath": "s3://bucket/out", "CompressionType": "GZIP"}),
        "TrainingJobDefinition.OutputDataConfig",
        {"S3OutputPath": "s3://bucket/out"},
        id="tuning: output compression is not returned",
    ),
    pytest.param(
        _tuned(StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxPendingTimeInSeconds": 7200}),
        "TrainingJobDefinition.StoppingCondition",
        {"MaxRuntimeInSeconds": 60},
        id="tuning: the longest wait is not returned",
    ),
    pytest.param(
        _tuned(InputDataConfig=[GROUPED]),
        "TrainingJobDefinition.InputDataConfig.0.DataSource.S3DataSource",
        {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"},
        id="tuning: instance group names are not returned",
    ),
    pytest.param(
        _tuned(ResourceConfig=None, HyperParameterTuningResourceConfig=INSTANCES),
        "TrainingJobDefinition.HyperParameterTuningResourceConfig",
        MISSING,
        id="tuning: its resource config is not returned",
    ),
    pytest.param(
        _tuned(ResourceConfig=None, HyperParameterTuningResourceConfig=INSTANCES),
        "TrainingJobDefinition.ResourceConfig",
        INSTANCES,
        id="tuning: a resource config in its place",
    ),
    pytest.param(
        _tuned(
            ResourceConfig=None,
            HyperParameterTuningResourceConfig={"AllocationStrategy": "Prioritized", "InstanceConfigs": [INSTANCES]},
        ),
        "TrainingJobDefinition.ResourceConfig",
        INSTANCES,
        id="tuning: the first of several instance types",
    ),
    pytest.param(_kind(TUNING), "BestTrainingJob", MISSING, id="tuning: no best yet"),
    pytest.param(_kind(TUNING), "OverallBestTrainingJob", MISSING, id="tuning: no overall best"),
    pytest.param(_kind(TUNING), "HyperParameterTuningEndTime", MISSING, id="tuning: no end yet"),
]


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(value, list):
            value = value[int(part)]
        elif part in value:
            value = value[part]
        else:
            return MISSING
    return value


@pytest.mark.parametrize(
    ("described", "path", "expected"),
    [
        *JOB_ROWS,
        pytest.param(_job(), "EnableNetworkIsolation", False, id="training: network isolation"),
        pytest.param(_job(), "EnableInterContainerTrafficEncryption", False, id="training: traffic encryption"),
        pytest.param(_job(), "EnableManagedSpotTraining", False, id="training: spot"),
        pytest.param(
            _job(), "AlgorithmSpecification.EnableSageMakerMetricsTimeSeries", False, id="training: time series"
        ),
        pytest.param(_job(), "AlgorithmSpecification.MetricDefinitions", MISSING, id="training: no metrics of its own"),
        pytest.param(_job(), "OutputDataConfig.KmsKeyId", "", id="training: output key"),
        pytest.param(_job(), "OutputDataConfig.CompressionType", "GZIP", id="training: output compression"),
        pytest.param(_job(), "InputDataConfig", [], id="training: no channels"),
        pytest.param(
            _job(InputDataConfig=[CHANNEL]), "InputDataConfig.0.CompressionType", "None", id="channel: compression"
        ),
        pytest.param(
            _job(InputDataConfig=[CHANNEL]), "InputDataConfig.0.RecordWrapperType", "None", id="channel: wrapper"
        ),
        pytest.param(
            _job(InputDataConfig=[CHANNEL]),
            "InputDataConfig.0.DataSource.S3DataSource.S3DataDistributionType",
            "FullyReplicated",
            id="channel: distribution",
        ),
        pytest.param(_job(), "StoppingCondition.MaxRuntimeInSeconds", 86400, id="training: longest run"),
        pytest.param(
            _job(
                ResourceConfig={
                    "VolumeSizeInGB": 1,
                    "InstanceGroups": [
                        {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 2},
                        {"InstanceGroupName": "b", "InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
                    ],
                }
            ),
            "ResourceConfig.InstanceCount",
            3,
            id="training: the count of instance groups",
        ),
        pytest.param(_job(), "ProfilingStatus", "Disabled", id="training: profiling"),
        pytest.param(
            _job(), "ProfilerConfig.S3OutputPath", "s3://bucket/out", id="training: a profiler nobody asked for"
        ),
        pytest.param(_job(), "DebugHookConfig", MISSING, id="training: no hook that nobody asked for"),
        pytest.param(
            _job(DebugHookConfig={"S3OutputPath": "s3://bucket/hook"}),
            "DebugHookConfig.S3OutputPath",
            "s3://bucket/hook",
            id="training: the hook that was asked for",
        ),
        pytest.param(
            _job(ProfilerRuleConfigurations=[{"RuleConfigurationName": "r", "RuleEvaluatorImage": "i"}]),
            "ProfilerRuleConfigurations.0.VolumeSizeInGB",
            0,
            id="training: a rule's volume",
        ),
        pytest.param(_job(Environment={"A": "b"}), "Environment.A", "b", id="training: the environment is echoed"),
        pytest.param(
            _job(RetryStrategy={"MaximumRetryAttempts": 3}),
            "RetryStrategy.MaximumRetryAttempts",
            3,
            id="training: newer fields are echoed",
        ),
        pytest.param(_job(), "ModelArtifacts", MISSING, id="training: no artifacts before the end"),
        pytest.param(_model(), "EnableNetworkIsolation", False, id="model: network isolation"),
        pytest.param(_model(), "PrimaryContainer.Mode", "SingleModel", id="model: container mode"),
        pytest.param(
            _model(PrimaryContainer=None, Containers=[{"Image": "a"}, {"Image": "b"}]),
            "Containers.1.Mode",
            "SingleModel",
            id="model: mode in a pipeline",
        ),
        pytest.param(
            _model(PrimaryContainer={"Image": "a", "ImageConfig": {"RepositoryAccessMode": "Vpc"}}),
            "PrimaryContainer.ImageConfig.RepositoryAuthConfig",
            {},
            id="model: an auth config of null members",
        ),
        pytest.param(_model(), "LastModifiedTime", MISSING, id="model: no modification time"),
        pytest.param(_config(), "EnableNetworkIsolation", False, id="config: network isolation"),
        pytest.param(_config(), "ProductionVariants.0.InitialVariantWeight", 1.0, id="config: weight"),
        pytest.param(
            _config(ProductionVariants=[SERVERLESS]), "ProductionVariants.0.VolumeSizeInGB", 5, id="serverless volume"
        ),
        pytest.param(_config(), "LastModifiedTime", MISSING, id="config: no modification time"),
        pytest.param(_endpoint(), "EndpointConfigName", "mine", id="endpoint: config"),
        pytest.param(_endpoint(), "ProductionVariants.0.CurrentWeight", 1.0, id="endpoint: weight"),
        pytest.param(_endpoint(), "ProductionVariants.0.DesiredWeight", 1.0, id="endpoint: desired weight"),
        pytest.param(_endpoint(), "ProductionVariants.0.CurrentInstanceCount", 2, id="endpoint: count"),
        pytest.param(_endpoint(), "ProductionVariants.0.DesiredInstanceCount", 2, id="endpoint: desired count"),
        pytest.param(
            _endpoint(),
            "ProductionVariants.0.DeployedImages.0.SpecifiedImage",
            given.IMAGE,
            id="endpoint: the image asked for",
        ),
        pytest.param(_endpoint(), "ProductionVariants.0.VariantStatus", MISSING, id="endpoint: status only in change"),
        pytest.param(_endpoint(), "ProductionVariants.0.ModelName", MISSING, id="endpoint: no model name"),
        pytest.param(_endpoint(), "ProductionVariants.0.InstanceType", MISSING, id="endpoint: no instance type"),
        pytest.param(_endpoint(), "PendingDeploymentSummary", MISSING, id="endpoint: nothing pends"),
        pytest.param(_endpoint(), "FailureReason", MISSING, id="endpoint: no failure"),
        pytest.param(_endpoint(), "LastDeploymentConfig", MISSING, id="endpoint: no deployment config given"),
        pytest.param(
            _endpoint(ProductionVariants=[SERVERLESS]),
            "ProductionVariants.0.CurrentServerlessConfig.MaxConcurrency",
            5,
            id="endpoint: serverless instead of counts",
        ),
        pytest.param(
            _endpoint(ProductionVariants=[SERVERLESS]),
            "ProductionVariants.0.CurrentInstanceCount",
            MISSING,
            id="endpoint: no count when serverless",
        ),
        pytest.param(
            _endpoint(DataCaptureConfig=CAPTURE),
            "DataCaptureConfig",
            {
                "EnableCapture": True,
                "CaptureStatus": "Started",
                "CurrentSamplingPercentage": 20,
                "DestinationS3Uri": "s3://bucket/captured",
                "KmsKeyId": "",
            },
            id="endpoint: a summary of data capture",
        ),
        pytest.param(
            _endpoint(ShadowProductionVariants=[given.variant(VariantName="shadow")]),
            "ShadowProductionVariants.0.VariantName",
            "shadow",
            id="endpoint: shadow variants apart",
        ),
    ],
)
def test_what_describe_says(aws: Aws, described: Described, path: str, expected: Any) -> None:
    assert _at(described(aws), path) == expected


@pytest.mark.parametrize("repository", ["xgboost:1", "sagemaker-xgboost:1.7-1"])
def test_built_in_images_gain_metric_definitions_unless_the_user_gave_some(aws: Aws, repository: str) -> None:
    builtin = f"683313688378.dkr.ecr.us-east-1.amazonaws.com/{repository}"
    spec = {"TrainingImage": builtin, "TrainingInputMode": "File"}
    aws.train("theirs", AlgorithmSpecification=spec)
    own = [{"Name": "auc", "Regex": "auc=(.*)"}]
    aws.train("ours", AlgorithmSpecification={**spec, "MetricDefinitions": own})
    assert len(aws.job("theirs")["AlgorithmSpecification"]["MetricDefinitions"]) == 18
    assert aws.job("ours")["AlgorithmSpecification"]["MetricDefinitions"] == own


def test_tags_and_session_chaining_are_not_echoed(aws: Aws) -> None:
    """On the wire: botocore would drop from an answer what its model does not have."""
    aws.train(Tags=[{"Key": "k", "Value": "v"}], SessionChainingConfig={"EnableSessionTagChaining": True})
    answer = aws.raw("DescribeTrainingJob", {"TrainingJobName": "job"})
    assert not {"Tags", "SessionChainingConfig"} & set(answer)
    assert isinstance(answer["CreationTime"], float), "epoch seconds"


def test_what_is_not_verified_of_tuning_jobs_is_a_switch(aws: Aws) -> None:
    aws.settings(switches={"scaling_type_filled_in": False, "tuning_resources_as_resource_config": False})
    shown = _tuned(ResourceConfig=None, HyperParameterTuningResourceConfig=INSTANCES)(aws)
    ranges = "HyperParameterTuningJobConfig.ParameterRanges.IntegerParameterRanges.0.ScalingType"
    assert _at(shown, ranges) is _at(shown, "TrainingJobDefinition.ResourceConfig") is MISSING


@pytest.mark.parametrize("job", [TRANSFORM, PROCESSING, TUNING], ids=lambda job: job.kind)
def test_tags_of_jobs_are_not_echoed(aws: Aws, job: Job) -> None:
    arn = job.create(aws, "Job", Tags=[{"Key": "k", "Value": "v"}])
    answer = aws.raw(f"Describe{job.kind}", {f"{job.kind}Name": "Job"})
    assert ("Tags" in answer, answer[f"{job.kind}Arn"]) == (False, arn)
    assert arn.endswith("-job/job"), "the ARN is lower case"
    assert aws.sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]


def test_profiler_noise_can_be_switched_off(aws: Aws) -> None:
    aws.settings(switches={"profiler_noise": False})
    aws.train()
    assert "ProfilerConfig" not in aws.job()


def test_the_source_beside_the_url_is_a_switch(aws: Aws) -> None:
    """Reported, never seen by us (SM-53)."""
    url = "s3://bucket/model.tar.gz"
    aws.sm.create_model(**given.model(PrimaryContainer={"Image": "a", "ModelDataUrl": url}))
    assert "ModelDataSource" not in aws.sm.describe_model(ModelName="model")["PrimaryContainer"]
    aws.settings(switches={"model_data_source_beside_url": True})
    source = aws.sm.describe_model(ModelName="model")["PrimaryContainer"]["ModelDataSource"]
    assert source["S3DataSource"]["S3Uri"] == url


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
    ids=["commercial", "China", "GovCloud"],
)
def test_the_arn_follows_the_region_and_is_lower_case(aws: Aws, region: str, partition: str) -> None:
    sagemaker = aws.client("sagemaker", region)
    role = given.ROLE.replace("arn:aws:", f"arn:{partition}:")
    answer = sagemaker.create_model(**given.model("Mixed-Case", ExecutionRoleArn=role))
    assert answer["ModelArn"] == given.arn("model", "mixed-case", partition, region)
    assert sagemaker.describe_model(ModelName="Mixed-Case")["ModelName"] == "Mixed-Case"


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_an_arn_of_another_partition_is_refused(aws: Aws, region: str) -> None:
    sagemaker = aws.client("sagemaker", region)
    code, message = given.error(lambda: sagemaker.create_model(**given.model()))
    assert (code, given.ROLE in message) == ("ValidationException", True)
    assert sagemaker.list_models()["Models"] == []
