"""SageMaker's errors, row by row of what is known of its texts (SM-72 to SM-100)."""

from __future__ import annotations

import time

import botocore.exceptions as boto
import pytest
from botocore.parsers import ResponseParserError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from reconciler.adapters.aws.errors import translate
from reconciler.core import errors

ARN = "arn:aws:sagemaker:us-west-2:123456789012"
ROLE = "arn:aws:iam::123456789012:role/x"
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
        (
            "CreateModel",
            VE,
            (
                f'The execution role ARN "{ROLE}" is invalid. Please ensure that the role exists and that its trust relationship '
                'policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com".'
            ),
            errors.PreconditionError,
        ),
        ("CreateModel", VE, "Could not find model data at s3://b/model.tar.gz.", errors.PreconditionError),
        ("CreateModel", VE, "Could not access model data at s3://b/model.tar.gz.", errors.PreconditionError),
        (
            "CreateModel",
            VE,
            (
                f"Role {ROLE} cannot pull 123456789012.dkr.ecr.us-west-2.amazonaws.com/a:1. Ensure that the role exists and the "
                "image was granted pull permission."
            ),
            errors.PreconditionError,
        ),
        (
            "CreateTransformJob",
            VE,
            f"The role '{ROLE}' does not grant ecr:GetDownloadUrlForLayer permission to SageMaker",
            errors.PreconditionError,
        ),
        ("RegisterScalableTarget", VE, f"Unable to assume IAM role: {ROLE}", errors.PreconditionError),
        ("PutScalingPolicy", "FailedResourceAccessException", "alarms", errors.PreconditionError),
        ("UpdateEndpoint", VE, "Could not find CloudWatch alarm(s): high-latency.", errors.PreconditionError),
        ("CreateEndpoint", VE, "The alarm [high-latency] does not exist.", errors.PreconditionError),
        ("RegisterScalableTarget", VE, "cannot register a variant with ml.t2.medium", errors.TerminalError),
        ("RegisterScalableTarget", VE, "Tag values cannot be empty or blank", errors.TerminalError),
        ("CreateModel", "InvalidParameterCombination", "both", errors.TerminalError),
        ("CreateModel", VE, "Something that nobody has written down yet", errors.UnknownRefusalError),
        ("UpdateEndpoint", VE, "Autoscaling is on", errors.UnknownRefusalError),
        ("CreateModel", "BrandNewException", "and its words", errors.UnknownRefusalError),
        ("UpdateEndpoint", VE, "variant main is a scalable target", errors.BusyError),
        ("RegisterScalableTarget", "LimitExceededException", "too many", errors.QuotaError),
        ("CreateModel", "ServiceUnavailableException", "HTTP 400", errors.LostReplyError),
        ("DescribeModel", "InternalFailure", "try again", errors.TransientError),
        ("DescribeModel", "ServiceUnavailable", "try again", errors.TransientError),
    ],
)
def test_the_text_tells_the_class(operation: str, code: str, message: str, meaning: type[Exception]) -> None:
    found = translate(answer(code, message), operation)
    assert type(found) is meaning
    assert "id-1" not in str(found)


@pytest.mark.parametrize(
    "code", sorted({*ThrottledRetryableChecker._THROTTLED_ERROR_CODES} - {"LimitExceededException"})
)
def test_what_botocore_calls_throttling_is_throttling(code: str) -> None:
    """But LimitExceededException, which is a quota where we meet it (SM-153)."""
    assert type(translate(answer(code, "slow down"), "CreateModel")) is errors.ThrottledError


@pytest.mark.parametrize(
    "code", sorted({*TransientRetryableChecker._TRANSIENT_ERROR_CODES} - {"PriorRequestNotComplete"})
)
def test_what_botocore_calls_passing_passes(code: str) -> None:
    assert type(translate(answer(code, "again"), "DescribeModel")) is errors.TransientError


@pytest.mark.holds("D-10.9")
@pytest.mark.parametrize(
    ("fault", "operation", "meaning"),
    [
        pytest.param(
            answer("InternalFailure", "", 500), "CreateModel", errors.LostReplyError, id="a fault may have created it"
        ),
        pytest.param(answer("Odd", "", 503), "UpdateEndpoint", errors.LostReplyError, id="any server fault may"),
        pytest.param(
            answer("403", "<html><body>Forbidden</body></html>", 403),
            "CreateModel",
            errors.LostReplyError,
            id="a page of a proxy's: nobody knows what it passed on",
        ),
        pytest.param(answer("413", "", 413), "CreateModel", errors.LostReplyError, id="a status without a code"),
        pytest.param(
            answer("403", "<html>", 403),
            "DescribeModel",
            errors.TransientError,
            id="a read that met a proxy is repeated",
        ),
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


@pytest.mark.parametrize("size", [4000, 4085, 4096, 5000])
def test_a_secret_that_the_cut_goes_through_is_masked(size: int) -> None:
    start = "1 validation error detected: "
    message = f"{start}{'x' * (size - len(start))} Value '{SECRET} and its' friends' at 'environment.TOKEN' failed"
    text = str(translate(answer(VE, message), "CreateModel", {}))
    assert not any(SECRET[:length] in text for length in range(4, len(SECRET)))
    assert len(text) < 4200


def test_no_text_takes_long() -> None:
    """Hostile ones: an endpoint of the user's own may answer whatever it likes."""
    for part in ("Value '", "alarm ", "execution role ARN ", "Role ", ", value: ", "Value 'a' at '"):
        began = time.process_time()
        translate(answer(VE, part * 200_000), "UpdateEndpoint", {})
        assert time.process_time() - began < 1


def test_botocores_own_refusal_is_masked() -> None:
    report = f"Invalid type for parameter HyperParameters.k, value: ['{SECRET}', 1], type: <class 'list'>, valid types: <class 'str'>"
    text = str(translate(boto.ParamValidationError(report=report), "CreateTrainingJob", {}))
    assert SECRET not in text
    assert "HyperParameters.k" in text
    assert "valid types" in text
