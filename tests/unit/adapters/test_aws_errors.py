"""SageMaker's errors, row by row of what is known of its texts (SM-72 to SM-100)."""

from __future__ import annotations

import botocore.exceptions as boto
import pytest
from botocore.parsers import ResponseParserError

from reconciler.adapters.aws.errors import translate
from reconciler.core import errors

ARN = "arn:aws:sagemaker:us-west-2:123456789012"
VE = "ValidationException"


def answer(code: str, message: str, status: int = 400) -> boto.ClientError:
    body = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "id-1"},
    }
    return boto.ClientError(body, "Operation")


@pytest.mark.holds("D-10.1", "D-10.6")
@pytest.mark.parametrize(
    ("operation", "code", "message", "meaning"),
    [
        ("DescribeTrainingJob", VE, "Requested resource not found.", errors.NotFoundError),
        ("StopTrainingJob", VE, "Requested resource not found.", errors.NotFoundError),
        ("DescribeProcessingJob", VE, "Could not find requested job with name: x", errors.NotFoundError),
        ("StopTransformJob", VE, "Could not find job to update with name: x", errors.NotFoundError),
        (
            "DescribeHyperParameterTuningJob",
            "ResourceNotFound",
            "Amazon SageMaker can't find a tuning job with the name x",
            errors.NotFoundError,
        ),
        ("DescribeModel", VE, f'Could not find model "{ARN}:model/x".', errors.NotFoundError),
        ("DescribeEndpoint", VE, f'Could not find endpoint "{ARN}:endpoint/x".', errors.NotFoundError),
        ("DeleteEndpoint", VE, f'Could not find endpoint "{ARN}:endpoint/x".', errors.NotFoundError),
        ("UpdateEndpoint", VE, f'Could not find endpoint "{ARN}:endpoint/x".', errors.NotFoundError),
        (
            "DeleteEndpointConfig",
            VE,
            f'Could not find endpoint configuration "{ARN}:endpoint-config/x".',
            errors.NotFoundError,
        ),
        (
            "CreateEndpoint",
            VE,
            f'Could not find endpoint configuration "{ARN}:endpoint-config/x".',
            errors.DependencyError,
        ),
        (
            "UpdateEndpoint",
            VE,
            f'Could not find endpoint configuration "{ARN}:endpoint-config/x".',
            errors.DependencyError,
        ),
        ("CreateEndpointConfig", VE, f'Could not find model "{ARN}:model/x".', errors.DependencyError),
        ("CreateModel", VE, f'Cannot create already existing model "{ARN}:model/x".', errors.ConflictError),
        (
            "CreateEndpointConfig",
            VE,
            f'Cannot create already existing endpoint configuration "{ARN}:endpoint-config/x".',
            errors.ConflictError,
        ),
        (
            "CreateTrainingJob",
            "ResourceInUse",
            (
                f"Training job names must be unique within an AWS account and region, and a training job with this name "
                f"already exists ({ARN}:training-job/x)"
            ),
            errors.ConflictError,
        ),
        (
            "RegisterScalableTarget",
            VE,
            "Tags are given when a scalable target is created; use TagResource afterwards.",
            errors.ConflictError,
        ),
        ("CreateTransformJob", "ResourceInUse", "Job name must be unique within an AWS account", errors.ConflictError),
        ("UpdateEndpoint", VE, f'Cannot update in-progress endpoint "{ARN}:endpoint/x".', errors.BusyError),
        ("DeleteEndpoint", VE, f'Cannot update in-progress endpoint "{ARN}:endpoint/x".', errors.BusyError),
        (
            "StopTrainingJob",
            VE,
            "The request was rejected because the training job is in status Stopped.",
            errors.NotFoundError,
        ),
        ("DeleteProcessingJob", "ResourceInUse", "the job is not in a terminal state", errors.BusyError),
        (
            "CreateTrainingJob",
            "ResourceLimitExceeded",
            "The account-level service limit 'ml.p3.2xlarge for training job usage' is 0 Instances",
            errors.QuotaError,
        ),
        ("ListEndpoints", "ThrottlingException", "Rate exceeded", errors.ThrottledError),
        (
            "CreateModel",
            VE,
            "1 validation error detected: Value 'X Y' at 'modelName' failed to satisfy constraint",
            errors.TerminalError,
        ),
        ("CreateTrainingJob", VE, 'No S3 objects found under S3 URL "s3://x" given', errors.PreconditionError),
        ("CreateModel", VE, "Could not assume role arn:aws:iam::1:role/x.", errors.PreconditionError),
        (
            "CreateModel",
            "AccessDeniedException",
            "User: x is not authorized to perform: sagemaker:CreateModel on resource: y",
            errors.DeniedError,
        ),
        ("ListModels", "ExpiredTokenException", "The security token included is expired", errors.CredentialsError),
        ("ListModels", "UnrecognizedClientException", "The security token is invalid", errors.CredentialsError),
        ("ListModels", "InvalidSignatureException", "Signature expired", errors.CredentialsError),
        ("ListModels", "RequestExpired", "Request has expired", errors.CredentialsError),
        (
            "CreateEndpointConfig",
            VE,
            "ManagedInstanceScaling is only supported for inference component endpoints.",
            errors.TerminalError,
        ),
        ("DescribeModel", "InternalFailure", "try again", errors.TransientError),
        ("DescribeModel", "ServiceUnavailable", "try again", errors.TransientError),
    ],
)
def test_the_text_tells_the_class(operation: str, code: str, message: str, meaning: type[Exception]) -> None:
    found = translate(answer(code, message), operation)
    assert type(found) is meaning
    assert "id-1" not in str(found)


@pytest.mark.holds("D-10.9")
@pytest.mark.parametrize(
    ("fault", "operation", "meaning"),
    [
        pytest.param(
            answer("InternalFailure", "", 500), "CreateModel", errors.LostReplyError, id="a fault may have created it"
        ),
        pytest.param(answer("Odd", "", 503), "UpdateEndpoint", errors.LostReplyError, id="any server fault may"),
        pytest.param(
            boto.ReadTimeoutError(endpoint_url="u"), "CreateModel", errors.LostReplyError, id="no reply in time"
        ),
        pytest.param(
            boto.ConnectionClosedError(endpoint_url="u"), "CreateModel", errors.LostReplyError, id="connection closed"
        ),
        pytest.param(
            boto.HTTPClientError(error="reset"), "CreateModel", errors.LostReplyError, id="any fault of the connection"
        ),
        pytest.param(ResponseParserError("html"), "CreateModel", errors.LostReplyError, id="an answer nobody can read"),
        pytest.param(
            boto.EndpointConnectionError(endpoint_url="u"), "CreateModel", errors.TransientError, id="never connected"
        ),
        pytest.param(
            boto.ConnectTimeoutError(endpoint_url="u"), "CreateModel", errors.TransientError, id="no connection in time"
        ),
        pytest.param(
            boto.ReadTimeoutError(endpoint_url="u"),
            "DescribeModel",
            errors.TransientError,
            id="a read is just repeated",
        ),
        pytest.param(boto.NoCredentialsError(), "ListModels", errors.CredentialsError, id="no credentials"),
        pytest.param(boto.NoRegionError(), "ListModels", errors.TerminalError, id="no region"),
    ],
)
def test_whether_a_request_may_have_arrived(fault: Exception, operation: str, meaning: type[Exception]) -> None:
    assert type(translate(fault, operation)) is meaning


def test_what_is_no_error_of_boto_stays_a_bug() -> None:
    with pytest.raises(KeyError):
        translate(KeyError("bug"), "CreateModel")


SECRET = "hunter2-canary"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            f"1 validation error detected: Value '{SECRET}' at 'environment.TOKEN.member' failed to satisfy constraint",
            "Value '***' at 'environment.TOKEN.member' failed",
        ),
        (
            f"2 validation errors detected: Value 'it's {SECRET}' at 'hyperParameters' failed; Value 'a b' at 'modelName' failed",
            "Value '***' at 'hyperParameters' failed; Value 'a b' at 'modelName' failed",
        ),
        (f"the image refused {SECRET}", "the image refused ***"),
    ],
)
def test_values_that_may_be_secret_are_masked(message: str, told: str) -> None:
    params = {"PrimaryContainer": {"Environment": {"TOKEN": SECRET, "DEBUG": "1"}}, "ModelName": "a b"}
    text = str(translate(answer(VE, message), "CreateModel", params))
    assert told in text
    assert SECRET not in text


def test_botocores_own_refusal_is_masked() -> None:
    report = f"Invalid type for parameter HyperParameters.k, value: ['{SECRET}', 1], type: <class 'list'>, valid types: <class 'str'>"
    text = str(translate(boto.ParamValidationError(report=report), "CreateTrainingJob", {}))
    assert SECRET not in text
    assert "HyperParameters.k" in text
    assert "valid types" in text
