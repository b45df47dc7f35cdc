"""Lists, pages and filters: nothing is made."""

from reconciler.dev.conformance.account import Account, believe, same
from reconciler.dev.conformance.check import check

VE = "ValidationException"
_LISTS = (
    "ListTrainingJobs",
    "ListProcessingJobs",
    "ListTransformJobs",
    "ListHyperParameterTuningJobs",
    "ListModels",
    "ListEndpointConfigs",
    "ListEndpoints",
)
_SEEN_IN_USE = ("training-job", "processing-job", "transform-job", "endpoint")
_ASSUMED = ("hyper-parameter-tuning-job", "model", "endpoint-config")


@check("SM-58")
def a_page_holds_a_hundred_at_most(account: Account) -> None:
    """A List takes MaxResults 100 and refuses 101."""
    account.call("ListModels", MaxResults=100)
    account.expect("ListModels", VE, "failed to satisfy constraint", MaxResults=101)


@check("SM-60")
def every_list_is_read_newest_first(account: Account) -> None:
    """Every List takes SortBy CreationTime and SortOrder Descending."""
    for operation in _LISTS:
        found = account.call(operation, SortBy="CreationTime", SortOrder="Descending", MaxResults=10)
        (rows,) = (value for name, value in found.items() if isinstance(value, list))
        times = [row["CreationTime"] for row in rows]
        same(times, sorted(times, reverse=True), f"the order of {operation}")


@check("SM-69", "SM-70")
def resources_are_found_by_their_types(account: Account) -> None:
    """GetResources takes the types of jobs and endpoints, 100 a page."""
    for kind in _SEEN_IN_USE:
        account.call(
            "GetResources", "resourcegroupstaggingapi", ResourceTypeFilters=[f"sagemaker:{kind}"], ResourcesPerPage=100
        )


@check("SM-71")
def so_are_the_types_that_are_assumed(account: Account) -> None:
    """GetResources takes the types of tuning jobs, models and endpoint configurations."""
    for kind in _ASSUMED:
        account.call("GetResources", "resourcegroupstaggingapi", ResourceTypeFilters=[f"sagemaker:{kind}"])


@check("SM-146", "SM-149", "SM-150")
def pages_of_application_auto_scaling(account: Account) -> None:
    """Targets are read 50 a page, policies 10, and of what is not there nothing."""
    asked = {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{account.name('none')}/variant/main"}
    found = account.call("DescribeScalingPolicies", "application-autoscaling", **asked, MaxResults=10)
    same(found["ScalingPolicies"], [], "what is not there")
    account.call("DescribeScalableTargets", "application-autoscaling", ServiceNamespace="sagemaker", MaxResults=50)
    for operation, most in (("DescribeScalingPolicies", 10), ("DescribeScalableTargets", 50)):
        refusal = account.refused(
            operation, "application-autoscaling", ServiceNamespace="sagemaker", MaxResults=most + 1
        )
        account.learn(f"SM-150: {operation} of {most + 1}: {refusal.code}: {refusal.message}")


@check("SM-72")
def client_errors_are_http_400(account: Account) -> None:
    """A client error of SageMaker is HTTP 400."""
    refusal = account.refused("DescribeModel", ModelName=account.name("none"))
    same(refusal.status, 400, "the status")
    believe(refusal.code, "there is a code")
