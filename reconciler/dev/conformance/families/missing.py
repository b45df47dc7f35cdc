"""What is refused because something is not there: the texts by which errors are distinguished. Nothing is made."""

from reconciler.dev.conformance import requests
from reconciler.dev.conformance.account import Account
from reconciler.dev.conformance.check import check

VE = "ValidationException"


@check("SM-73", "SM-74", "SM-76", "SM-77")
def what_is_described_and_not_there(account: Account) -> None:
    """Describe of what is missing, kind by kind."""
    name = account.name("none")
    account.expect("DescribeTrainingJob", VE, "Requested resource not found.", TrainingJobName=name)
    for kind in ("ProcessingJob", "TransformJob"):
        text = f"Could not find requested job with name: {name}"
        account.expect(f"Describe{kind}", VE, text, **{f"{kind}Name": name})
    text = f"Amazon SageMaker can't find a tuning job with the name {name[:32]}"
    account.expect("DescribeHyperParameterTuningJob", "ResourceNotFound", text, HyperParameterTuningJobName=name[:32])
    for kind, noun, word in (
        ("Model", "model", "model"),
        ("EndpointConfig", "endpoint configuration", "endpoint-config"),
        ("Endpoint", "endpoint", "endpoint"),
    ):
        text = f'Could not find {noun} "{account.arn(word, name)}".'
        account.expect(f"Describe{kind}", VE, text, **{f"{kind}Name": name})


@check("SM-75")
def what_is_stopped_and_not_there(account: Account) -> None:
    """Stop of a missing processing or transform job."""
    name = account.name("none")
    for kind in ("ProcessingJob", "TransformJob"):
        account.expect(f"Stop{kind}", VE, f"Could not find job to update with name: {name}", **{f"{kind}Name": name})


@check("SM-87")
def a_role_that_training_cannot_assume(account: Account) -> None:
    """CreateTrainingJob with a role that is not there: `Could not assume role`."""
    role = _no_role(account)
    account.place.missing(role)
    request = requests.training(account, account.name("no-role"), RoleArn=role)
    account.expect("CreateTrainingJob", VE, f"Could not assume role {role}", **request)


@check("SM-88")
def a_role_that_a_model_cannot_have(account: Account) -> None:
    """CreateModel with a role that is not there: `The execution role ARN "..." is invalid.`"""
    role = _no_role(account)
    account.place.missing(role)
    request = requests.model(account, account.name("no-role"), ExecutionRoleArn=role)
    account.expect("CreateModel", VE, f'The execution role ARN "{role}" is invalid.', **request)


@check("SM-89")
def an_artefact_that_is_not_there(account: Account) -> None:
    """CreateModel with an artefact that is not there: `Could not find model data at s3://...`."""
    uri = account.s3("none/model.tar.gz")
    account.place.missing(uri)
    container = {"Image": account.image, "ModelDataUrl": uri}
    request = requests.model(account, account.name("no-data"), PrimaryContainer=container)
    account.expect("CreateModel", VE, "Could not", uri, **request)


@check("SM-90")
def an_image_that_is_not_there(account: Account) -> None:
    """CreateModel with an image that is not there is refused, and names it."""
    image = account.image.rpartition(":")[0] + ":none-of-that"
    account.place.missing(image)
    request = requests.model(account, account.name("no-image"), PrimaryContainer={"Image": image})
    refusal = account.expect("CreateModel", VE, **request)
    account.learn(f"SM-90: {refusal.message}")


@check("SM-86")
def data_that_is_not_there(account: Account) -> None:
    """CreateTrainingJob without input data: `No S3 objects found under S3 URL`."""
    uri = account.s3("nothing/here")
    account.place.missing(uri)
    channel = requests.channel(account, "train")
    channel["DataSource"] = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    request = requests.training(account, account.name("no-input"), InputDataConfig=[channel])
    account.expect("CreateTrainingJob", VE, "No S3 objects found under S3 URL", uri, **request)


@check("SM-165")
def a_log_group_that_is_not_there(account: Account) -> None:
    """FilterLogEvents of a group that is not there: ResourceNotFoundException."""
    group = f"/aws/sagemaker/Endpoints/{account.name('none')}"
    account.expect("FilterLogEvents", "ResourceNotFoundException", service="logs", logGroupName=group)


@check("SM-100")
def a_role_of_another_partition(account: Account) -> None:
    """A role of another partition is refused."""
    other = "aws-cn" if account.partition == "aws" else "aws"
    role = f"arn:{other}:{account.role.split(':', 2)[2]}"
    refusal = account.refused("CreateModel", **requests.model(account, account.name("abroad"), ExecutionRoleArn=role))
    account.learn(f"SM-100: {refusal.code}: {refusal.message}")


@check("SM-145", "SM-147")
def scaling_of_what_is_no_target(account: Account) -> None:
    """A policy, or the end, of a target that is not there: ObjectNotFoundException."""
    service = "application-autoscaling"
    where = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{account.name('none')}/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    tracking = {"TargetValue": 1.0, "PredefinedMetricSpecification": metric}
    absent = "ObjectNotFoundException"
    put = {"PolicyName": "none", "PolicyType": "TargetTrackingScaling"}
    account.expect(
        "PutScalingPolicy", absent, service=service, **where, **put, TargetTrackingScalingPolicyConfiguration=tracking
    )
    account.expect("DeleteScalingPolicy", absent, service=service, **where, PolicyName="none")
    account.expect("DeregisterScalableTarget", absent, service=service, **where)


def _no_role(account: Account) -> str:
    return f"arn:{account.partition}:iam::{account.id}:role/{account.name('none')}"
