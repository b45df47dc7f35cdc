"""What botocore's service models say: limits, enums and members. Nothing is asked of the account."""

from functools import cache
from typing import Any

import botocore.retries.standard as retries
import botocore.session
from botocore.config import Config

from reconciler.dev.conformance.account import Account, believe, same
from reconciler.dev.conformance.check import check

_JOB_STATUSES = {"InProgress", "Completed", "Failed", "Stopping", "Stopped"}


@cache
def _model(service: str = "sagemaker") -> Any:
    return botocore.session.get_session().get_service_model(service)


def _shape(name: str) -> Any:
    return _model().shape_for(name)


@check("SM-7", "SM-10", "SM-16")
def operations(_account: Account) -> None:
    """No Delete of transform jobs, no Update of models and configurations, and what UpdateTrainingJob changes."""
    names = set(_model().operation_names)
    for absent in ("DeleteTransformJob", "UpdateModel", "UpdateEndpointConfig"):
        believe(absent not in names, f"there is {absent} now")
    changed = set(_model().operation_model("UpdateTrainingJob").input_shape.members) - {"TrainingJobName"}
    believed = {"ProfilerConfig", "ProfilerRuleConfigurations", "ResourceConfig", "RemoteDebugConfig"}
    same(changed, believed, "what UpdateTrainingJob takes")


@check("SM-22", "SM-23", "SM-35", "SM-101")
def statuses(_account: Account) -> None:
    """The statuses of jobs, warm pools and endpoints."""
    for kind in ("TrainingJob", "ProcessingJob", "TransformJob"):
        same(set(_shape(f"{kind}Status").enum) - {"Deleting"}, _JOB_STATUSES, f"statuses of {kind}")
    believe(set(_shape("HyperParameterTuningJobStatus").enum) >= _JOB_STATUSES, "statuses of a tuning job")
    same(set(_shape("WarmPoolResourceStatus").enum), {"Available", "Terminated", "Reused", "InUse"}, "warm pools")
    believed = {
        "OutOfService", "Creating", "Updating", "SystemUpdating", "RollingBack", "InService", "Deleting", "Failed",
        "UpdateRollbackFailed",
    }  # fmt: skip
    same(set(_shape("EndpointStatus").enum), believed, "EndpointStatus")


@check("SM-12", "SM-13", "SM-14", "SM-15", "SM-17", "SM-33", "SM-57", "SM-121")
def members_and_limits(_account: Account) -> None:
    """What requests need and how much they take."""
    training = _model().operation_model("CreateTrainingJob").input_shape
    believe(not {"AlgorithmSpecification", "ResourceConfig"} & set(training.required_members), "not required any more")
    tuning = _model().operation_model("CreateHyperParameterTuningJob").input_shape
    believe({"TrainingJobDefinition", "TrainingJobDefinitions"} <= set(tuning.members), "one definition, or several")
    for shape, most in (
        ("ContainerDefinitionList", 15), ("ProductionVariantList", 10), ("TagList", 50), ("TagKey", 128),
        ("TagValue", 256), ("FailureReason", 1024), ("AlarmList", 10),
    ):  # fmt: skip
        same(_shape(shape).metadata.get("max"), most, f"the most of {shape}")
    same(_shape("VariantWeight").type_name, "float", "a weight")


@check("SM-34", "SM-61", "SM-62", "SM-63")
def summaries(_account: Account) -> None:
    """What the rows of a List hold."""
    for kind in ("Model", "EndpointConfig"):
        same(set(_shape(f"{kind}Summary").members), {f"{kind}Name", f"{kind}Arn", "CreationTime"}, f"a row of {kind}s")
    believe("EndpointConfigName" not in _shape("EndpointSummary").members, "a row of endpoints has its configuration")
    for kind in ("TrainingJob", "ProcessingJob", "TransformJob", "HyperParameterTuningJob"):
        members = set(_shape(f"{kind}Summary").members)
        believe({f"{kind}Status", "LastModifiedTime"} <= members, f"status and time of a row of {kind}s")
    believe("TrainingJobStatusCounters" in _shape("HyperParameterTuningJobSummary").members, "counters in the summary")


@check("SM-120", "SM-130", "SM-133", "SM-153")
def endpoints(_account: Account) -> None:
    """What an update may keep, and variants without a model."""
    update = set(_model().operation_model("UpdateEndpoint").input_shape.members)
    kept = {"RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "RetainDeploymentConfig"}
    believe(kept <= update, f"what UpdateEndpoint takes: {sorted(update)}")
    believe("ModelName" not in _shape("ProductionVariant").required_members, "a variant needs a model now")
    scaling = set(_model("application-autoscaling").shape_names)
    believe({"ConcurrentUpdateException", "InternalServiceException", "LimitExceededException"} <= scaling, "errors")


@check("SM-83")
def codes_of_throttling(_account: Account) -> None:
    """Botocore's own lists of codes that are tried again."""
    codes = set(retries.ThrottledRetryableChecker._THROTTLED_ERROR_CODES)  # noqa: SLF001 -- what the row is about
    believe({"ThrottlingException", "RequestThrottled", "SlowDown"} <= codes, f"throttling: {sorted(codes)}")


@check("SM-166", "SM-167")
def partitions(_account: Account) -> None:
    """China's partition; the FIPS hosts."""
    session = botocore.session.get_session()
    same(session.get_partition_for_region("cn-north-1"), "aws-cn", "the partition of Beijing")
    for region, fips, host in (
        ("cn-north-1", False, "api.sagemaker.cn-north-1.amazonaws.com.cn"),
        ("us-east-1", True, "api-fips.sagemaker.us-east-1.amazonaws.com"),
    ):
        config = Config(use_fips_endpoint=fips)
        keys = {"aws_access_key_id": "-", "aws_secret_access_key": "-"}
        client = session.create_client("sagemaker", region, config=config, **keys)
        same(client.meta.endpoint_url, f"https://{host}", f"the host of {region}")
