"""What AWS refuses because something beside SageMaker is missing, and what the simulator does not have (SM-86 to SM-90)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import IMAGE, ROLE, TUNING, Aws, error

VE = "ValidationException"
DATA, INPUT = "s3://bucket/model.tar.gz", "s3://bucket/in"
Act = Callable[[Aws], Any]


def _model(aws: Aws) -> Any:
    aws.sm.create_model(**given.model("other", PrimaryContainer={"Image": IMAGE, "ModelDataUrl": DATA}))


def _trained(aws: Aws) -> Any:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": INPUT}}
    aws.train(InputDataConfig=[{"ChannelName": "train", "DataSource": source}])


def _processed(aws: Aws) -> Any:
    s3 = {"S3Uri": INPUT, "LocalPath": "/in", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    aws.sm.create_processing_job(**given.processing(ProcessingInputs=[{"InputName": "in", "S3Input": s3}]))


def _tuned(aws: Aws) -> Any:
    TUNING.create(aws, "tune")


@pytest.mark.parametrize(
    ("act", "missing", "message"),
    [
        pytest.param(_model, ROLE, f'The execution role ARN "{ROLE}" is invalid. Please', id="the role of a model"),
        pytest.param(_model, IMAGE, f"Role {ROLE} cannot pull {IMAGE}. Ensure that", id="the image of a model"),
        pytest.param(_model, "s3://bucket/*", f"Could not find model data at {DATA}.", id="the artefact of a model"),
        pytest.param(_trained, "*:role/*", f"Could not assume role {ROLE}. Please ensure", id="the role of a training"),
        pytest.param(_trained, IMAGE, f"Role {ROLE} cannot pull {IMAGE}.", id="the image of a training"),
        pytest.param(_trained, INPUT, f'No S3 objects found under S3 URL "{INPUT}"', id="the data of a training"),
        pytest.param(_processed, ROLE, f"Could not assume role {ROLE}.", id="the role of a processing job"),
        pytest.param(_processed, INPUT, "No S3 objects found under S3 URL", id="the data of a processing job"),
        pytest.param(_tuned, ROLE, f"Could not assume role {ROLE}.", id="the role of a tuning job's training jobs"),
    ],
)
def test_what_is_missing_is_refused_in_the_service_s_words_until_it_is_there(
    aws: Aws, act: Act, missing: str, message: str
) -> None:
    aws.settings(missing=[missing])
    assert error(lambda: act(aws))[0] == VE
    assert error(lambda: act(aws))[1].startswith(message)
    aws.settings(missing=[])
    act(aws)


@pytest.mark.parametrize("gone", [ROLE, IMAGE], ids=["role", "image"])
def test_what_has_gone_since_the_model_was_made_fails_a_first_endpoint_and_rolls_an_update_back(
    aws: Aws, gone: str
) -> None:
    aws.deploy()
    aws.config("config-b")
    aws.settings(missing=[gone])
    aws.sm.create_endpoint(EndpointName="late", EndpointConfigName="config-b")
    aws.sm.update_endpoint(EndpointName="endpoint", EndpointConfigName="config-b")
    aws.advance(1200)
    late, updated = aws.endpoint("late"), aws.endpoint()
    assert (late["EndpointStatus"], gone in late["FailureReason"]) == ("Failed", True)
    assert (updated["EndpointStatus"], updated["EndpointConfigName"]) == ("InService", "config-a")
    assert gone in updated["FailureReason"]


def test_a_setting_that_nobody_reads_is_refused(aws: Aws) -> None:
    assert "unknown settings: absent" in aws.refused("POST", "settings", {"absent": ["*"]})


def test_guardrails_are_refused_for_serverless_variants(aws: Aws) -> None:
    serverless = {
        "VariantName": "main",
        "ModelName": "model",
        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
    }
    aws.deploy(config="config-a")
    aws.config("config-b", ProductionVariants=[serverless])
    policy = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
    code, message = error(
        lambda: aws.sm.update_endpoint(
            EndpointName="endpoint", EndpointConfigName="config-b", DeploymentConfig={"BlueGreenUpdatePolicy": policy}
        )
    )
    assert (code, "serverless" in message) == (VE, True)


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("sagemaker", lambda there: there.create_model(**given.model())),
        ("application-autoscaling", lambda there: there.describe_scalable_targets(ServiceNamespace="sagemaker")),
        ("cloudwatch", lambda there: there.describe_alarms()),
        ("resourcegroupstaggingapi", lambda there: there.get_resources()),
        ("sts", lambda there: there.get_caller_identity()),
        ("logs", lambda there: there.describe_log_groups()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_region_that_there_is_not_is_refused_by_every_service(aws: Aws, service: str, call: Act) -> None:
    code, message = error(lambda: call(aws.client(service, "mars-north-1")))
    assert (code, message) == ("InvalidSignatureException", "Credential should be scoped to a valid region.")


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("iam", lambda there: there.get_service_last_accessed_details(JobId="0" * 36)),
        ("cloudformation", lambda there: there.describe_type(Type="RESOURCE", TypeName="x")),
        ("cloudsearch", lambda there: there.describe_domains()),
        ("cloudwatch", lambda there: there.list_managed_insight_rules(ResourceARN="x")),
        ("kendra", lambda there: there.list_indices()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_simulated_is_refused_in_the_protocol_of_its_service(aws: Aws, service: str, call: Act) -> None:
    assert error(lambda: call(aws.client(service)))[0] == "InvalidAction"


def test_rules_of_debugger_and_profiler_have_statuses(aws: Aws) -> None:
    rules = [{"RuleConfigurationName": name, "RuleEvaluatorImage": "i"} for name in ("Overfit", "LossNotDecreasing")]
    aws.rule({"type": "job_outcome", "outcome": "complete", "rules": {"Overfit": "IssuesFound"}})
    aws.train(DebugRuleConfigurations=rules, ProfilerRuleConfigurations=rules[1:])

    def statuses() -> list[list[str]]:
        job = aws.job()
        groups = ("DebugRuleEvaluationStatuses", "ProfilerRuleEvaluationStatuses")
        return [[each["RuleEvaluationStatus"] for each in job[group]] for group in groups]

    assert statuses() == [["InProgress", "InProgress"], ["InProgress"]]
    while aws.job()["TrainingJobStatus"] != "Completed":
        aws.advance(10)
    assert statuses() == [["InProgress", "InProgress"], ["InProgress"]], "a rule ends after the job"
    aws.advance(60)
    assert statuses() == [["IssuesFound", "NoIssuesFound"], ["NoIssuesFound"]]


def test_metrics_of_a_training_job_are_in_cloudwatch(aws: Aws) -> None:
    definitions = [{"Name": "validation:loss", "Regex": "loss=(.*)"}]
    aws.train(AlgorithmSpecification={**given.training()["AlgorithmSpecification"], "MetricDefinitions": definitions})
    aws.advance(1000)
    ended: datetime = aws.job()["TrainingEndTime"]
    (point,) = aws.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="validation:loss",
        Dimensions=[{"Name": "TrainingJobName", "Value": "job"}],
        StartTime=ended.astimezone(UTC) - timedelta(minutes=1),
        EndTime=ended.astimezone(UTC) + timedelta(minutes=1),
        Period=60,
        Statistics=["Average"],
    )["Datapoints"]
    assert point["Average"] == pytest.approx(aws.job()["FinalMetricDataList"][0]["Value"], rel=1e-6)


def test_an_artefact_that_is_deleted_from_its_bucket_rolls_an_update_back(aws: Aws) -> None:
    """As ACK's end-to-end test of a failed update does it."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bucket")
    container = {"Image": IMAGE, "ModelDataUrl": DATA}
    assert error(lambda: aws.sm.create_model(**given.model("late", PrimaryContainer=container)))[0] == VE
    s3.put_object(Bucket="bucket", Key="model.tar.gz", Body=b"-")
    aws.sm.create_model(**given.model("late", PrimaryContainer=container))
    s3.delete_object(Bucket="bucket", Key="model.tar.gz")
    aws.deploy()
    aws.sm.create_endpoint_config(**given.endpoint_config("bad", ProductionVariants=[given.variant(ModelName="late")]))
    aws.sm.update_endpoint(EndpointName="endpoint", EndpointConfigName="bad")
    aws.advance(1200)
    found = aws.endpoint()
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "config-a")
    assert f"Could not find model data at {DATA}." in found["FailureReason"]


def test_a_training_job_leaves_its_artefact_in_the_bucket(aws: Aws) -> None:
    aws.client("s3").create_bucket(Bucket="bucket")
    aws.train()
    aws.advance(1000)
    artefact = aws.job()["ModelArtifacts"]["S3ModelArtifacts"]
    aws.sm.create_model(**given.model("made", PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artefact}))
