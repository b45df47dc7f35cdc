"""What the tests of the simulator are written in: clients, the control API and the smallest valid requests."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/sagemaker"
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/ours:1"
_ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, read_timeout=10, parameter_validation=False)
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
