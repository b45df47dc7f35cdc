"""What SageMaker answers when it refuses, word for word.

The texts are those that are known (SM-72 to SM-97); a text nobody has recorded carries `unverified` beside it, and
no client may depend on its wording.
"""

import json


class ApiError(Exception):
    """An answer with an error code: every client error of SageMaker is HTTP 400."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status

    def body(self) -> bytes:
        return json.dumps({"__type": self.code, "message": self.message}).encode()


class CallDroppedError(Exception):
    """A rule closed the connection: before the effect (a lost request) or after it (a lost reply)."""

    def __init__(self, *, effect: bool) -> None:
        super().__init__("LostReply" if effect else "Dropped")
        self.code = "LostReply" if effect else "Dropped"
        self.effect = effect


class GarbageError(Exception):
    """A rule replaced the answer, after the effect, by what no client can read."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__("Garbage")
        self.status = status
        self.body = body


def invalid(message: str) -> ApiError:
    return ApiError("ValidationException", message)


def unverified(message: str) -> ApiError:
    """A refusal that is certain (the API reference states the rule) in words that are ours."""
    return ApiError("ValidationException", message)


def missing(noun: str, arn: str) -> ApiError:
    return invalid(f'Could not find {noun} "{arn}".')


def job_not_found() -> ApiError:
    return invalid("Requested resource not found.")


def no_requested_job(name: str) -> ApiError:
    """Describe of a transform or processing job."""
    return invalid(f"Could not find requested job with name: {name}")


def no_job_to_update(name: str) -> ApiError:
    """Stop of a transform or processing job."""
    return invalid(f"Could not find job to update with name: {name}")


def tuning_job_not_found(name: str) -> ApiError:
    """Only the beginning is recorded."""
    return ApiError(
        "ResourceNotFound",
        f"Amazon SageMaker can't find a tuning job with the name {name}. Ensure that the name and the region are correct.",
    )


def already_exists(noun: str, arn: str) -> ApiError:
    return invalid(f'Cannot create already existing {noun} "{arn}".')


def job_name_taken(subject: str, noun: str, arn: str) -> ApiError:
    """`Training job names` and `training job`; the other jobs say `Job name` and `job`."""
    return ApiError(
        "ResourceInUse",
        f"{subject} must be unique within an AWS account and region, and a {noun} with this name already exists ({arn})",
    )


def in_progress(arn: str) -> ApiError:
    """DeleteEndpoint says *update* too (SM-80)."""
    return invalid(f'Cannot update in-progress endpoint "{arn}".')


def already_over(noun: str, status: str) -> ApiError:
    return invalid(f"The request was rejected because the {noun} is in status {status}.")


def role_not_assumed(role: str) -> ApiError:
    """Of jobs; for tuning and processing jobs the wording is assumed to be the same."""
    return invalid(
        f"Could not assume role {role}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role."
    )


def role_invalid(role: str) -> ApiError:
    """Of models."""
    return invalid(
        f'The execution role ARN "{role}" is invalid. Please ensure that the role exists and that its trust relationship '
        'policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com".'
    )


def image_not_pulled(role: str, image: str) -> ApiError:
    return invalid(
        f"Role {role} cannot pull {image}. Ensure that the role exists and the image was granted pull permission."
    )


def no_model_data(uri: str) -> ApiError:
    return invalid(f"Could not find model data at {uri}.")


def no_input_data(uri: str, region: str, role: str) -> ApiError:
    bucket = uri.removeprefix("s3://").partition("/")[0]
    return invalid(
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists in the '
        f'selected region ({region}), that objects exist under that S3 prefix, and that the role "{role}" has '
        f'"s3:ListBucket" permissions on bucket "{bucket}".'
    )


def access_denied(service: str, who: str, action: str, resource: str, *, explicit: bool) -> ApiError:
    """The services of the older protocols leave `Exception` out of the code and answer 403."""
    why = (
        "with an explicit deny in an identity-based policy"
        if explicit
        else f"because no identity-based policy allows the {action} action"
    )
    on = "" if resource == "*" else f" on resource: {resource}"
    message = f"User: {who} is not authorized to perform: {action}{on} {why}"
    old = service in ("sts", "sqs", "s3", "monitoring", "iam", "ec2")
    return ApiError("AccessDenied" if old else "AccessDeniedException", message, 403 if old else 400)


def over_quota(quota: str, limit: int, used: int, delta: int) -> ApiError:
    return ApiError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{quota}' is {limit} Instances, with current utilization of {used} Instances "
        f"and a request delta of {delta} Instances. Please use AWS Service Quotas to request an increase for this "
        "quota. If AWS Service Quotas is not available, contact AWS support to request an increase for this limit.",
    )


def throttled() -> ApiError:
    return ApiError("ThrottlingException", "Rate exceeded")


def not_simulated(service: str, op: str) -> ApiError:
    """What a service says of an action that it does not have, so that no client takes it for a fault that passes."""
    return ApiError("InvalidAction", f"The action {op} of {service} is not simulated here.")


def unknown_region() -> ApiError:
    """A signature for a region that the host does not serve."""
    return ApiError("InvalidSignatureException", "Credential should be scoped to a valid region.")


def unknown_operation(op: str) -> ApiError:
    return ApiError("UnknownOperationException", f"The requested operation {op} is not recognized by the service.")
