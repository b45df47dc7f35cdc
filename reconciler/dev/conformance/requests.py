"""The smallest requests that the service takes."""

from __future__ import annotations

from typing import Any

from reconciler.dev.conformance.account import Account, Answer

INSTANCE = "ml.m5.large"
LONGEST_S = 3600
"""After which a job is stopped: what its cost rests on."""
TAG = {"Key": "sagemaker-gitops.dev/conformance", "Value": "yes"}


def training(account: Account, name: str, **changes: Any) -> Answer:
    cluster = {"InstanceType": INSTANCE, "InstanceCount": 1, "VolumeSizeInGB": 1}
    return {
        "TrainingJobName": name,
        "RoleArn": account.role,
        "AlgorithmSpecification": {"TrainingImage": account.image, "TrainingInputMode": "File"},
        "HyperParameters": {"objective": "reg:squarederror", "num_round": "1"},
        "InputDataConfig": [channel(account, "train")],
        "OutputDataConfig": {"S3OutputPath": account.s3("out")},
        "ResourceConfig": cluster,
        "StoppingCondition": {"MaxRuntimeInSeconds": LONGEST_S},
        "Tags": [TAG],
    } | changes


def channel(account: Account, name: str) -> Answer:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": account.s3("data.csv")}}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": source}


def data(account: Account) -> None:
    """The channel's content: twenty lines of three numbers."""
    body = "".join(f"{number},{number * 2},{number % 3}\n" for number in range(20))
    account.call("PutObject", "s3", Bucket=account.bucket, Key=f"{account.prefix}/data.csv", Body=body)


def model(account: Account, name: str, **changes: Any) -> Answer:
    container = {"Image": account.image}
    return {"ModelName": name, "ExecutionRoleArn": account.role, "PrimaryContainer": container, "Tags": [TAG]} | changes


def variant(model_name: str, **changes: Any) -> Answer:
    given = {"VariantName": "main", "ModelName": model_name, "InstanceType": INSTANCE, "InitialInstanceCount": 1}
    return given | changes


def config(name: str, *variants: Answer) -> Answer:
    return {"EndpointConfigName": name, "ProductionVariants": list(variants), "Tags": [TAG]}


def processing(account: Account, name: str, **changes: Any) -> Answer:
    cluster = {"InstanceType": INSTANCE, "InstanceCount": 1, "VolumeSizeInGB": 1}
    entry = {"ImageUri": account.image, "ContainerEntrypoint": ["python3", "-c", "print('done')"]}
    return {
        "ProcessingJobName": name,
        "RoleArn": account.role,
        "AppSpecification": entry,
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": LONGEST_S},
        "Tags": [TAG],
    } | changes
