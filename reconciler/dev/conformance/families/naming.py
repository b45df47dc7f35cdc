"""Names and their limits: nothing is made."""

from reconciler.dev.conformance.account import Account
from reconciler.dev.conformance.check import check

VE = "ValidationException"
_LENGTH = "Member must have length less than or equal to"


@check("SM-1", "SM-3", "SM-84", "SM-85", "SM-99")
def names_have_63_characters(account: Account) -> None:
    """Names have 63 characters at most and no dot; the refusal quotes the value and its path."""
    for operation, member in (
        ("DescribeTrainingJob", "TrainingJobName"),
        ("DescribeProcessingJob", "ProcessingJobName"),
        ("DescribeTransformJob", "TransformJobName"),
        ("DescribeModel", "ModelName"),
        ("DescribeEndpointConfig", "EndpointConfigName"),
        ("DescribeEndpoint", "EndpointName"),
    ):
        path = member[:1].lower() + member[1:]
        for value in ("a" * 64, "a.b"):
            text = f"Value '{value}' at '{path}' failed to satisfy constraint: "
            account.expect(operation, VE, "detected: ", text, **{member: value})


@check("SM-2")
def names_of_tuning_jobs_have_32(account: Account) -> None:
    """A tuning job's name has 32 characters at most."""
    member = "HyperParameterTuningJobName"
    account.expect("DescribeHyperParameterTuningJob", VE, f"{_LENGTH} 32", **{member: "a" * 33})
    account.expect("DescribeHyperParameterTuningJob", "ResourceNotFound", **{member: "a" * 32})
