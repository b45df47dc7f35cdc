"""What the tests of the simulator are written in: clients, the control API and the smallest valid requests."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/sagemaker"
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/ours:1"
_ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, read_timeout=60, parameter_validation=False)
_SESSION = boto3.Session()  # one loader: models are parsed once

Request = dict[str, Any]


class Aws:
    """The account as a user sees it, and the strings to pull behind it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._clients: dict[tuple[str, str, str], Any] = {}

    def client(self, service: str, region: str = REGION, access_key: str = "AKIDEXAMPLE") -> Any:
        key = (service, region, access_key)
        if key not in self._clients:
            self._clients[key] = _SESSION.client(
                service,
                region_name=region,
                endpoint_url=self.url,
                aws_access_key_id=access_key,
                aws_secret_access_key="secret",
                config=_ONE_ATTEMPT,
            )
        return self._clients[key]

    @property
    def sm(self) -> Any:
        return self.client("sagemaker")

    def control(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sim/{path}", data, method=method)
        with urllib.request.urlopen(request) as answer:
            text = answer.read().decode()
            return json.loads(text) if "json" in answer.headers["Content-Type"] else text

    def raw(self, op: str, body: Request) -> Request:
        """The answer as it is on the wire."""
        headers = {"X-Amz-Target": f"SageMaker.{op}", "Content-Type": "application/x-amz-json-1.1"}
        request = urllib.request.Request(self.url, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            found: Request = json.loads(answer.read())
            return found

    def refused(self, method: str, path: str, body: Any) -> str:
        """The reason the control API gives for not doing it."""
        try:
            self.control(method, path, body)
        except urllib.error.HTTPError as error:
            with error:
                return f"{error.code}: {json.loads(error.read())['error']}"
        return "accepted"

    def advance(self, seconds: float) -> None:
        self.control("POST", "clock/advance", {"seconds": seconds})

    def rule(self, action: Request, **match: Any) -> str:
        ids = self.control("POST", "rules", {"match": match, "action": action})["ids"]
        return str(ids[0])

    def settings(self, **groups: Any) -> None:
        self.control("POST", "settings", groups)

    def requests(self) -> list[Request]:
        found: list[Request] = self.control("GET", "requests?since=0")
        return found

    def train(self, name: str = "job", **changes: Any) -> str:
        return str(self.sm.create_training_job(**training(name, **changes))["TrainingJobArn"])

    def job(self, name: str = "job") -> Request:
        described: Request = self.sm.describe_training_job(TrainingJobName=name)
        return described

    def deploy(self, name: str = "endpoint", config: str = "config-a", **changes: Any) -> None:
        """Create the endpoint with its first config and model, and wait until it serves."""
        self.config(config)
        self.sm.create_endpoint(EndpointName=name, EndpointConfigName=config, **changes)
        self.advance(300)

    def config(self, name: str, **changes: Any) -> None:
        if not self.sm.list_models(NameContains="model")["Models"]:
            self.sm.create_model(**model("model"))
        self.sm.create_endpoint_config(**endpoint_config(name, **changes))

    def endpoint(self, name: str = "endpoint") -> Request:
        described: Request = self.sm.describe_endpoint(EndpointName=name)
        return described

    def alarm(self, name: str, state: str = "OK") -> None:
        cloudwatch = self.client("cloudwatch")
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            MetricName="Errors",
            Namespace="Test",
            Period=60,
            Statistic="Sum",
            Threshold=1,
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")


def error(call: Callable[[], Any]) -> tuple[str, str]:
    """Code and message of the refusal; a call that succeeds is ("OK", "")."""
    try:
        call()
    except ClientError as refusal:
        return refusal.response["Error"]["Code"], refusal.response["Error"]["Message"]
    return "OK", ""


def training(name: str = "job", **changes: Any) -> Request:
    request: Request = {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
    }
    return without_none({**request, **changes})


def transform(name: str = "job", **changes: Any) -> Request:
    """Needs the model `model`."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}}
    request: Request = {
        "TransformJobName": name,
        "ModelName": "model",
        "TransformInput": {"DataSource": source},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    return without_none({**request, **changes})


def processing(name: str = "job", **changes: Any) -> Request:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
    request: Request = {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE},
        "ProcessingResources": {"ClusterConfig": cluster},
    }
    return without_none({**request, **changes})


@dataclass(frozen=True)
class Job:
    """The calls of a kind of job that has a name, a status and a stop."""

    kind: str
    noun: str
    request: Callable[..., Request]

    def create(self, aws: Aws, name: str = "job", **changes: Any) -> str:
        if self.kind == "TransformJob" and not aws.sm.list_models()["Models"]:
            aws.sm.create_model(**model())
        answer = self._call(aws, "create", **self.request(name, **changes))
        return str(answer[f"{self.kind}Arn"])

    def describe(self, aws: Aws, name: str = "job") -> Request:
        return self._call(aws, "describe", **{f"{self.kind}Name": name})

    def status(self, aws: Aws, name: str = "job") -> str:
        return str(self.describe(aws, name)[f"{self.kind}Status"])

    def stop(self, aws: Aws, name: str = "job") -> None:
        self._call(aws, "stop", **{f"{self.kind}Name": name})

    def delete(self, aws: Aws, name: str = "job") -> None:
        self._call(aws, "delete", **{f"{self.kind}Name": name})

    def listed(self, aws: Aws, **request: Any) -> list[Request]:
        answer = getattr(aws.sm, f"list_{self.noun.replace(' ', '_')}s")(**request)
        found: list[Request] = answer[f"{self.kind}Summaries"]
        return found

    def names(self, aws: Aws, **request: Any) -> list[str]:
        return [row[f"{self.kind}Name"] for row in self.listed(aws, **request)]

    def _call(self, aws: Aws, verb: str, **request: Any) -> Request:
        answer: Request = getattr(aws.sm, f"{verb}_{self.noun.replace(' ', '_')}")(**request)
        return answer


def definition(**changes: Any) -> Request:
    """Of the training jobs of a tuning job."""
    metrics = [{"Name": "loss", "Regex": "loss=(.*)"}]
    request: Request = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": metrics},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }
    return without_none({**request, **changes})


def search(most: int = 3, parallel: int = 2, **changes: Any) -> Request:
    """The HyperParameterTuningJobConfig."""
    config: Request = {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": most, "MaxParallelTrainingJobs": parallel},
        "ParameterRanges": {
            "IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "9"}],
            "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.01", "MaxValue": "1"}],
            "CategoricalParameterRanges": [{"Name": "mode", "Values": ["fast", "slow"]}],
        },
    }
    return without_none({**config, **changes})


def tuning(name: str = "tune", config: Request | None = None, **changes: Any) -> Request:
    request: Request = {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": config or search(),
        "TrainingJobDefinition": definition(),
    }
    return without_none({**request, **changes})


TRANSFORM = Job("TransformJob", "transform job", transform)
PROCESSING = Job("ProcessingJob", "processing job", processing)
TUNING = Job("HyperParameterTuningJob", "hyper parameter tuning job", tuning)


def model(name: str = "model", **changes: Any) -> Request:
    request: Request = {"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}
    return without_none({**request, **changes})


def variant(**changes: Any) -> Request:
    given: Request = {
        "VariantName": "main",
        "ModelName": "model",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 2,
    }
    return without_none({**given, **changes})


def endpoint_config(name: str = "config", **changes: Any) -> Request:
    return without_none({"EndpointConfigName": name, "ProductionVariants": [variant()], **changes})


def without_none(request: Mapping[str, Any]) -> Request:
    return {key: value for key, value in request.items() if value is not None}


def arn(kind: str, name: str, partition: str = "aws", region: str = REGION) -> str:
    return f"arn:{partition}:sagemaker:{region}:{ACCOUNT}:{kind}/{name}"
